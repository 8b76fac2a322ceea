//! `CACHE.INVALIDATE NAMESPACE ns`

use super::super::entry_arguments::{NAMESPACE, too_few};
use super::super::table::{Command, Flag, KeyUse};
use super::{AT_ONCE, CONTAINER, NEW_CLOCK};
use crate::core::epochs::Scope;
use crate::core::name::NamespaceName;
use crate::core::refusal::Refusal;

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "NAMESPACE",
    summary: "Makes all entries of a namespace absent.",
    complexity: "O(1), and O(N) with N the leases in flight",
    since: "0.1.0",
    flags: &[Flag::Write, Flag::Fast],
    tips: &[],
    key: Some(KeyUse::Update),
    arguments: &[NAMESPACE],
    reply: NEW_CLOCK,
    details: &[
        AT_ONCE,
        "DEL of the namespace does the same, and forgets its clock too: stamps and tokens from before are good for \
         nothing either way.",
    ],
    examples: &[],
};

/// Reads the arguments after the command's name.
pub fn parse(arguments: &[&[u8]]) -> Result<Scope<'static>, Refusal> {
    let [namespace] = arguments else { return Err(too_few()) };
    NamespaceName::parse(namespace)?;
    Ok(Scope::All)
}
