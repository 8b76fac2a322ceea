//! `CACHE.RESULT INVALIDATE ns operation params [SOFT] [IFVERSION v]`

use super::super::entry_arguments::{EntryArguments, NAMESPACE, OPERATION, PARAMS};
use super::super::options::Options;
use super::super::table::{Argument, Command, Flag, KeyUse, Kind};
use super::CONTAINER;
use crate::core::limits::{Limits, MAX_INTEGER};
use crate::core::refusal::Refusal;

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "INVALIDATE",
    summary: "Makes one entry absent, or with SOFT stale.",
    complexity: "O(N) with N the bytes of params",
    since: "0.1.0",
    flags: &[Flag::Write, Flag::Fast],
    tips: &[],
    key: Some(KeyUse::Update),
    arguments: &[
        NAMESPACE,
        OPERATION,
        PARAMS,
        Argument {
            name: "soft",
            kind: Kind::Flag,
            token: Some("SOFT"),
            optional: true,
            summary: "leave the entry as stale for its grace",
        },
        Argument {
            name: "version",
            kind: Kind::Integer { min: 0, max: MAX_INTEGER, unit: "versions" },
            token: Some("IFVERSION"),
            optional: true,
            summary: "only where this is the entry's version; an absent entry has version 0",
        },
    ],
    reply: "1 where an entry was there, fresh or stale, else 0. 0 also where IFVERSION names another version: then \
            nothing changes.",
    details: &[
        "The clock of the namespace moves even where nothing was there, so that an invalidation is never lost on a \
         result that is just being computed; the namespace is made if need be.",
        "SOFT leaves the entry stale from now on for its GRACE, never longer than it would have been there, under a \
         new version. An entry without a grace goes.",
    ],
    examples: &[
        (r#"CACHE.RESULT SET demo add '{"a":1,"b":2}' 3 GRACE 60000"#, "OK"),
        (r#"CACHE.RESULT INVALIDATE demo add '{"a":1,"b":2}' SOFT"#, "(integer) 1"),
        (r#"CACHE.RESULT GET demo add '{"a":1,"b":2}'"#, "(nil)"),
        (r#"CACHE.RESULT GET demo add '{"a":1,"b":2}' STALE"#, r#""3""#),
        (r#"CACHE.RESULT INVALIDATE demo add '{"a":1,"b":2}'"#, "(integer) 1"),
        (r#"CACHE.RESULT INVALIDATE demo add '{"a":1,"b":2}'"#, "(integer) 0"),
    ],
};

/// What a client asks.
#[derive(Debug)]
pub struct Request<'a> {
    pub entry: EntryArguments<'a>,
    pub soft: bool,
    pub if_version: Option<u64>,
}

impl<'a> Request<'a> {
    /// Reads the arguments after the command's name.
    pub fn parse(arguments: &'a [&'a [u8]], limits: &Limits) -> Result<Self, Refusal> {
        let (entry, rest) = EntryArguments::parse(arguments, limits)?;
        let options = Options::parse(&COMMAND, rest)?;
        Ok(Request { entry, soft: options.flag("SOFT"), if_version: options.number("IFVERSION") })
    }
}
