//! `CACHE.STATS [ns [operation]]`

use super::entry_arguments::{NAMESPACE, OPERATION};
use super::reply::Reply;
use super::table::{Argument, Command, Flag, KeyUse};
use crate::core::name::{NamespaceName, OperationName};
use crate::core::refusal::{Refusal, quoted};
use crate::core::stats::figures::{Beside, Figure, Figures};
use crate::core::stats::table::Subject;

/// The namespace, where it may be left out.
pub const ANY_NAMESPACE: Argument = Argument { optional: true, ..NAMESPACE };

const ANY_OPERATION: Argument = Argument { optional: true, ..OPERATION };

pub const COMMAND: Command = Command {
    container: None,
    name: "CACHE.STATS",
    summary: "Shows what the cache did: lookups and how they were answered, time saved, what is stored.",
    complexity: "O(N) with N the operations that are counted",
    since: "0.1.0",
    flags: &[Flag::Readonly],
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    key: Some(KeyUse::Access),
    arguments: &[ANY_NAMESPACE, ANY_OPERATION],
    reply: "Flat pairs (RESP3: a map), always the same names in the same order, which `docs/statistics.md` defines. Counts \
            are integers, percents strings with two decimals; what is not known is nil.",
    details: &[
        "Of an operation, of a namespace, or of this whole server, which then names no namespace. For a namespace the \
         last pair is `operations`: the names of those that have figures of their own. What is not known has zeros and nils.",
        "Figures are this server's own, whatever its role, and go on from its start or the last CACHE.RESETSTATS. A \
         namespace is counted by its name, in all databases together. So many operations as `cache.stats-rows-max` says are \
         told apart; what comes after them is counted as the operation `other` of its namespace, or, where not even the \
         namespace was met before, for the whole server only.",
    ],
    examples: &[],
};

/// Reads the arguments after the command's name.
pub fn parse<'a>(arguments: &[&'a [u8]]) -> Result<Subject<'a>, Refusal> {
    let (namespace, operation) = match arguments {
        [] => return Ok(Subject::All),
        [namespace] => (namespace, None),
        [namespace, operation] => (namespace, Some(operation)),
        [_, _, more, ..] => {
            return Err(Refusal::syntax(format!(
                "{} is one word too many: a namespace is accepted, and an operation after it",
                quoted(more)
            )));
        }
    };
    let namespace = NamespaceName::parse(namespace)?.as_str();
    match operation {
        None => Ok(Subject::Namespace(namespace)),
        Some(operation) => Ok(Subject::Operation(namespace, OperationName::parse(operation)?.as_str())),
    }
}

/// The pairs; `operations` are there for a namespace only.
pub fn reply(figures: &Figures, beside: &Beside<'_>, operations: Option<Vec<String>>) -> Reply<'static> {
    let of = |figure: Figure| match figure {
        Figure::Count(count) | Figure::Known(Some(count)) => Reply::number(count),
        _ => Reply::or_nil(figure.text(), Reply::text),
    };
    let named = figures.named(beside).into_iter().map(|(name, figure)| (name, of(figure)));
    let operations = operations.map(|names| names.into_iter().map(Reply::text).collect());
    Reply::Map(named.chain(operations.map(|names| ("operations", Reply::Array(names)))).collect())
}
