//! `CACHE.POLICY GET ns-pattern operation-pattern`

use super::super::reply::Reply;
use super::super::table::{Command, Flag};
use super::{CONTAINER, NAMESPACE_PATTERN, OPERATION_PATTERN, Patterns};
use crate::core::policy::rules::Rule;
use crate::core::refusal::Refusal;

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "GET",
    summary: "Shows the rule of exactly these patterns.",
    complexity: "O(N) with N the number of rules",
    since: "0.1.0",
    flags: &[Flag::Readonly, Flag::Admin],
    tips: &[],
    key: None,
    arguments: &[NAMESPACE_PATTERN, OPERATION_PATTERN],
    reply: "Flat pairs (RESP3: a map) of the fields that the rule sets; nil where there is no such rule.",
    details: &[
        "Durations are shown in the largest unit that is exact. To see what holds for a namespace and an operation, \
         use `CACHE.POLICY EXPLAIN`.",
    ],
    examples: &[
        ("CACHE.POLICY SET demo video:list TTL 60s", "OK"),
        ("CACHE.POLICY GET demo video:list", "1) \"TTL\"\n2) \"1m\""),
        ("CACHE.POLICY GET demo video:*", "(nil)"),
    ],
};

/// Reads the arguments after the command's name.
pub fn parse(arguments: &[&[u8]]) -> Result<Patterns, Refusal> {
    Patterns::parse(arguments).map(|(patterns, _)| patterns)
}

/// The fields of a rule.
pub fn reply(rule: Option<&Rule>) -> Reply<'static> {
    Reply::or_nil(rule, |rule| {
        Reply::Map(
            rule.fields().map(|(field, value)| (field.name(), Reply::text(value.to_string()))).collect(),
        )
    })
}
