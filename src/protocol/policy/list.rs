//! `CACHE.POLICY LIST`

use super::super::reply::Reply;
use super::super::table::{Command, Flag};
use super::CONTAINER;
use crate::core::policy::rules::{Rule, Rules};

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "LIST",
    summary: "Lists all rules, the oldest first.",
    complexity: "O(N) with N the number of rules",
    since: "0.1.0",
    flags: &[Flag::Readonly, Flag::Admin],
    tips: &[],
    key: None,
    arguments: &[],
    reply: "An array; for each rule an array of its two patterns, then its fields and values.",
    details: &[],
    examples: &[
        ("CACHE.POLICY SET demo video:list TTL 60s", "OK"),
        ("CACHE.POLICY LIST", "1) 1) \"demo\"\n   2) \"video:list\"\n   3) \"TTL\"\n   4) \"1m\""),
    ],
};

/// One array for each rule.
pub fn reply(rules: &Rules) -> Reply<'static> {
    let rule = |rule: &Rule| {
        let patterns = [&rule.namespace, &rule.operation].map(|pattern| Reply::text(pattern.as_str()));
        let fields = rule.fields().flat_map(|(field, value)| [field.name().to_owned(), value.to_string()]);
        Reply::Array(patterns.into_iter().chain(fields.map(Reply::text)).collect())
    };
    Reply::Array(rules.iter().map(rule).collect())
}
