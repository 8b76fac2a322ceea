//! `CACHE.RESETSTATS [ns]`

use super::stats::ANY_NAMESPACE;
use super::table::{Command, Flag, KeyUse};
use crate::core::name::NamespaceName;
use crate::core::refusal::{Refusal, quoted};

pub const COMMAND: Command = Command {
    container: None,
    name: "CACHE.RESETSTATS",
    summary: "Begins to count anew.",
    complexity: "O(N) with N the operations that are counted",
    since: "0.1.0",
    flags: &[Flag::Readonly, Flag::Admin],
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    key: Some(KeyUse::Access),
    arguments: &[ANY_NAMESPACE],
    reply: "`OK`",
    details: &[
        "Of one namespace, or of this whole server. The server's own figures lose nothing when one namespace begins anew. \
         What is stored, and who waits, is not counted but there, and stays. Only this server's figures are meant: of a cluster \
         or of replicas each server's are its own.",
    ],
    examples: &[("CACHE.RESETSTATS demo", "OK"), ("CACHE.RESETSTATS", "OK")],
};

/// Reads the arguments after the command's name; none is the whole server.
pub fn parse<'a>(arguments: &[&'a [u8]]) -> Result<Option<NamespaceName<'a>>, Refusal> {
    match arguments {
        [] => Ok(None),
        [namespace] => NamespaceName::parse(namespace).map(Some),
        [_, more, ..] => {
            let sentence =
                format!("{} is one word too many: one namespace is accepted, or none", quoted(more));
            Err(Refusal::syntax(sentence))
        }
    }
}
