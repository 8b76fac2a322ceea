//! `CACHE.CLOCK ns`

use super::entry_arguments::{NAMESPACE, too_few};
use super::table::{Command, Flag, KeyUse};
use crate::core::name::NamespaceName;
use crate::core::refusal::Refusal;

pub const COMMAND: Command = Command {
    container: None,
    name: "CACHE.CLOCK",
    summary: "Returns a stamp of the namespace's clock, for SINCE.",
    complexity: "O(1)",
    since: "0.1.0",
    flags: &[Flag::Write, Flag::Fast],
    tips: &[],
    key: Some(KeyUse::Update),
    arguments: &[NAMESPACE],
    reply: "An opaque bulk string.",
    details: &[
        "Take it before you read the data that a result is computed from, and give it to SINCE of the command that \
         stores the result: if the entry was invalidated in between, that command answers FENCED instead of storing \
         what may be stale. An absent namespace is made, so that an invalidation after the stamp has a clock to move.",
    ],
    examples: &[],
};

/// Reads the arguments after the command's name.
pub fn parse<'a>(arguments: &[&'a [u8]]) -> Result<NamespaceName<'a>, Refusal> {
    let [namespace] = arguments else { return Err(too_few()) };
    NamespaceName::parse(namespace)
}
