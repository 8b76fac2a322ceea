//! `CACHE.INVALIDATE TAG ns tag [tag ...]`

use super::super::entry_arguments::{NAMESPACE, too_few};
use super::super::table::{Argument, Command, Flag, KeyUse, Kind};
use super::{AT_ONCE, CONTAINER, NEW_CLOCK};
use crate::core::epochs::Scope;
use crate::core::limits::Limits;
use crate::core::name::NamespaceName;
use crate::core::refusal::Refusal;

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "TAG",
    summary: "Makes all entries absent that bear one of these tags.",
    complexity: "O(1) for each tag, however many entries bear it, and O(N) with N the leases in flight that bear it",
    since: "0.1.0",
    flags: &[Flag::Write, Flag::Fast],
    tips: &[],
    key: Some(KeyUse::Update),
    arguments: &[
        NAMESPACE,
        Argument { name: "tag", kind: Kind::Many, token: None, optional: false, summary: "a tag, whole" },
    ],
    reply: NEW_CLOCK,
    details: &[AT_ONCE],
    examples: &[
        (r#"CACHE.RESULT SET demo thumbnail '{"video":7}' a.jpg TAGS 1 video:7"#, "OK"),
        (r#"CACHE.RESULT SET demo subtitles '{"video":7}' a.srt TAGS 2 video:7 text"#, "OK"),
        (r#"CACHE.RESULT EXISTS demo subtitles '{"video":7}'"#, "(integer) 1"),
    ],
};

/// Reads the arguments after the command's name.
pub fn parse<'a>(arguments: &'a [&'a [u8]], limits: &Limits) -> Result<Scope<'a>, Refusal> {
    let (namespace, tags) = arguments.split_first().ok_or_else(too_few)?;
    NamespaceName::parse(namespace)?;
    limits.check_each_tag(tags)?;
    if tags.is_empty() { Err(too_few()) } else { Ok(Scope::Tags(tags.to_vec())) }
}
