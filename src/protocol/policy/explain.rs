//! `CACHE.POLICY EXPLAIN ns operation`

use super::super::entry_arguments::{OPERATION, too_few};
use super::super::reply::Reply;
use super::super::table::{Argument, Command, Flag, Kind};
use super::CONTAINER;
use crate::core::name::{NamespaceName, OperationName};
use crate::core::policy::rules::Rules;
use crate::core::refusal::Refusal;

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "EXPLAIN",
    summary: "Shows what holds for a namespace and an operation, and which rules say so.",
    complexity: "O(N) with N the number of rules",
    since: "0.1.0",
    flags: &[Flag::Readonly, Flag::Admin],
    tips: &[],
    key: None,
    arguments: &[
        Argument {
            name: "ns",
            kind: Kind::Text,
            token: None,
            optional: false,
            summary: "the name of a namespace, which need not exist",
        },
        OPERATION,
    ],
    reply: "An array; for each field an array of its name, its value, and the two patterns of the rule that it comes \
            from: nils for a default, and for the value where the default is none.",
    details: &[],
    examples: &[],
};

/// Reads the arguments after the command's name.
pub fn parse<'a>(arguments: &[&'a [u8]]) -> Result<(NamespaceName<'a>, OperationName<'a>), Refusal> {
    let [namespace, operation] = arguments else { return Err(too_few()) };
    Ok((NamespaceName::parse(namespace)?, OperationName::parse(operation)?))
}

/// One array for each field.
pub fn reply(rules: &Rules, namespace: NamespaceName<'_>, operation: OperationName<'_>) -> Reply<'static> {
    let text = |pattern: &str| Reply::text(pattern);
    let fields = rules.explain(namespace.as_str(), operation.as_str()).map(|explained| {
        let (namespace, operation) = match explained.rule {
            Some(rule) => (text(rule.namespace.as_str()), text(rule.operation.as_str())),
            None => (Reply::Nil, Reply::Nil),
        };
        let value = Reply::or_nil(explained.value, Reply::text);
        Reply::Array(vec![Reply::text(explained.field.name()), value, namespace, operation])
    });
    Reply::Array(fields.collect())
}
