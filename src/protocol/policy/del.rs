//! `CACHE.POLICY DEL ns-pattern operation-pattern [field ...]`

use super::super::table::{Argument, Command, Flag, Kind};
use super::{CONTAINER, EVERY_PRIMARY, NAMESPACE_PATTERN, OPERATION_PATTERN, Patterns, field};
use crate::core::policy::field::Field;
use crate::core::refusal::Refusal;

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "DEL",
    summary: "Removes a rule, or fields of it.",
    complexity: "O(N) with N the number of rules",
    since: "0.1.0",
    flags: &[Flag::Write, Flag::Admin],
    tips: EVERY_PRIMARY,
    key: None,
    arguments: &[
        NAMESPACE_PATTERN,
        OPERATION_PATTERN,
        Argument {
            name: "field",
            kind: Kind::Many,
            token: None,
            optional: true,
            summary: "only these fields; the last one takes the rule along",
        },
    ],
    reply: "1 where something was removed, else 0.",
    details: &[],
    examples: &[
        ("CACHE.POLICY SET demo video:list TTL 60s GRACE 5m", "OK"),
        ("CACHE.POLICY DEL demo video:list GRACE", "(integer) 1"),
        ("CACHE.POLICY DEL demo video:list", "(integer) 1"),
        ("CACHE.POLICY DEL demo video:list", "(integer) 0"),
    ],
};

/// What a client asks.
#[derive(Debug)]
pub struct Request {
    pub patterns: Patterns,
    /// None: the whole rule.
    pub fields: Vec<Field>,
}

impl Request {
    /// Reads the arguments after the command's name.
    pub fn parse(arguments: &[&[u8]]) -> Result<Self, Refusal> {
        let (patterns, rest) = Patterns::parse(arguments)?;
        let fields = rest.iter().map(|name| field(name)).collect::<Result<_, _>>()?;
        Ok(Request { patterns, fields })
    }
}
