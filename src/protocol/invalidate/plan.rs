//! `CACHE.INVALIDATE PLAN ns plan [FROM id] [SOFT]`, and the same as `CACHE.INVALIDATE.PLAN`

use super::super::entry_arguments::{NAMESPACE, too_few};
use super::super::options::Options;
use super::super::plan::PLAN;
use super::super::table::{Argument, Command, Flag, KeyUse, Kind};
use super::CONTAINER;
use crate::core::name::NamespaceName;
use crate::core::refusal::Refusal;

/// The one that some clients cannot call in a cluster: they refuse names with two dots.
pub const DOTTED: Command = Command { container: None, name: "CACHE.INVALIDATE.PLAN", ..COMMAND };

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "PLAN",
    summary: "Makes the entries of all jobs of a plan absent, or with SOFT stale.",
    complexity: "O(N) with N the bytes of the plan",
    since: "0.1.0",
    flags: &[Flag::Write],
    tips: &[],
    key: Some(KeyUse::Update),
    arguments: &[
        NAMESPACE,
        PLAN,
        Argument {
            name: "id",
            kind: Kind::Text,
            token: Some("FROM"),
            optional: true,
            summary: "only the job with this id, and all that depend on it",
        },
        Argument {
            name: "soft",
            kind: Kind::Flag,
            token: Some("SOFT"),
            optional: true,
            summary: "leave the entries as stale for their grace",
        },
    ],
    reply: "How many entries were there, each counted once.",
    details: &[
        "Each job's entry is invalidated as by [INVALIDATE](cache.result-invalidate.md), all in one step: leases are \
         revoked, and the clock moves also for what was not there. `CACHE.INVALIDATE PLAN` and `CACHE.INVALIDATE.PLAN` are the \
         same.",
    ],
    examples: &[
        (r#"CACHE.RESULT SET demo cut '{"scene":7}' a.mp4"#, "OK"),
        (r#"CACHE.RESULT SET demo join '{"scenes":[7]}' b.mp4"#, "OK"),
        (
            r#"CACHE.INVALIDATE PLAN demo '[{"id":1,"operation":"cut","params":{"scene":7}},{"id":2,"dependsOn":[1],"operation":"join","params":{"scenes":[7]}}]' FROM 1"#,
            "(integer) 2",
        ),
    ],
};

/// What a client asks.
#[derive(Debug)]
pub struct Request<'a> {
    pub namespace: NamespaceName<'a>,
    /// The plan, not read yet.
    pub text: &'a [u8],
    /// The id of the job from which on it is meant; none is all of it.
    pub from: Option<&'a [u8]>,
    pub soft: bool,
}

impl<'a> Request<'a> {
    /// Reads the arguments after the command's name, the plan's text excepted.
    pub fn parse(arguments: &'a [&'a [u8]]) -> Result<Self, Refusal> {
        let (&[namespace, text], rest) = arguments.split_first_chunk::<2>().ok_or_else(too_few)?;
        let namespace = NamespaceName::parse(namespace)?;
        let options = Options::parse(&COMMAND, rest)?;
        Ok(Request { namespace, text, from: options.word("FROM"), soft: options.flag("SOFT") })
    }
}
