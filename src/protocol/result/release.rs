//! `CACHE.RESULT RELEASE ns token`

use super::super::entry_arguments::NAMESPACE;
use super::super::lease_arguments::{self, TOKEN};
use super::super::options::Options;
use super::super::table::{Command, Flag, KeyUse};
use super::CONTAINER;
use crate::core::name::NamespaceName;
use crate::core::refusal::Refusal;
use crate::core::token::Token;

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "RELEASE",
    summary: "Gives a lease up; the next of those who wait gets it.",
    complexity: "O(log N) with N the leases in flight",
    since: "0.1.0",
    flags: &[Flag::Readonly, Flag::Fast],
    tips: &[],
    key: Some(KeyUse::Access),
    arguments: &[NAMESPACE, TOKEN],
    reply: "OK, or FENCED where the lease was lost already. Either way the token is good for nothing any more.",
    details: &[
        "For a worker that shuts down, or finds that it cannot do this work. What failed for everybody is told with \
         [FAIL](cache.result-fail.md).",
    ],
    examples: &[],
};

/// Reads the arguments after the command's name.
pub fn parse<'a>(arguments: &'a [&'a [u8]]) -> Result<(NamespaceName<'a>, Token), Refusal> {
    let (namespace, token, rest) = lease_arguments::parse(arguments)?;
    Options::parse(&COMMAND, rest)?;
    Ok((namespace, token))
}
