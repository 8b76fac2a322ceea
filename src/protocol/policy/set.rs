//! `CACHE.POLICY SET ns-pattern operation-pattern field value [field value ...]`

use super::super::table::{Argument, Command, Flag, Kind};
use super::{CONTAINER, EVERY_PRIMARY, NAMESPACE_PATTERN, OPERATION_PATTERN, Patterns, field};
use crate::core::policy::field::Field;
use crate::core::policy::value::Value;
use crate::core::refusal::{Code, Refusal};

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "SET",
    summary: "Sets fields of the rule for a pattern of namespaces and operations.",
    complexity: "O(N) with N the number of rules",
    since: "0.1.0",
    flags: &[Flag::Write, Flag::DenyOom, Flag::Admin],
    tips: EVERY_PRIMARY,
    key: None,
    arguments: &[
        NAMESPACE_PATTERN,
        OPERATION_PATTERN,
        Argument {
            name: "rule",
            kind: Kind::Repeated(&["field", "value"]),
            token: None,
            optional: false,
            summary: "a field and its value, as one argument each",
        },
    ],
    reply: "OK.",
    details: &[
        "Only the named fields change. All rules that match a namespace and an operation are merged, field by field: \
         the more specific pattern wins (more literal characters in both patterns together), then the rule that was \
         made later. What no rule says keeps its default. `CACHE.POLICY EXPLAIN` shows the outcome.",
        "Rules are replicated and persisted, and FLUSHALL keeps them. In a cluster they are set on every primary. \
         The fields are described in [Policies](../policies.md).",
    ],
    examples: &[
        ("CACHE.POLICY SET demo video:list TTL 60s", "OK"),
        (r#"CACHE.POLICY SET demo job:* TTLFROM "/status in_progress=30s completed=7d failed=1m""#, "OK"),
    ],
};

/// What a client asks.
#[derive(Debug)]
pub struct Request {
    pub patterns: Patterns,
    pub values: Vec<(Field, Value)>,
}

impl Request {
    /// Reads the arguments after the command's name.
    pub fn parse(arguments: &[&[u8]]) -> Result<Self, Refusal> {
        let (patterns, rest) = Patterns::parse(arguments)?;
        let (pairs, unpaired) = rest.as_chunks::<2>();
        let mut values: Vec<(Field, Value)> = Vec::with_capacity(pairs.len());
        for [name, text] in pairs {
            let field = field(name)?;
            if values.iter().any(|(earlier, _)| *earlier == field) {
                let message = format!("field {} is given twice: once is accepted", field.name());
                return Err(Refusal::new(Code::BadPolicy, message));
            }
            values.push((field, Value::parse(field, text)?));
        }
        if let [name] = unpaired {
            let message = format!("field {} lacks its value", field(name)?.name());
            return Err(Refusal::new(Code::BadPolicy, message));
        }
        Ok(Request { patterns, values })
    }
}
