//! `CACHE.RESULT GET ns operation params [STALE]`

use super::super::entry_arguments::{EntryArguments, NAMESPACE, OPERATION, PARAMS};
use super::super::options::Options;
use super::super::table::{Argument, Command, Flag, KeyUse, Kind};
use super::CONTAINER;
use crate::core::limits::Limits;
use crate::core::refusal::Refusal;

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "GET",
    summary: "Returns the result of an operation with these params, if it is there.",
    complexity: "O(N) with N the bytes of params",
    since: "0.1.0",
    flags: &[Flag::Readonly, Flag::Fast],
    tips: &[],
    key: Some(KeyUse::Access),
    arguments: &[
        NAMESPACE,
        OPERATION,
        PARAMS,
        Argument {
            name: "stale",
            kind: Kind::Flag,
            token: Some("STALE"),
            optional: true,
            summary: "also take an entry in its grace",
        },
    ],
    reply: "The result as a bulk string; nil on a miss.",
    details: &[
        "Params that mean the same JSON find the same entry: key order, spacing, escapes and number spelling \
         never matter. It works on replicas, creates nothing and breaks no WATCH.",
        "A client-side cache (`CLIENT TRACKING`) that keeps the reply is told of every command that changes the \
         namespace, but not when the entry ends by its TTL or is evicted: let such a cache keep replies for a short \
         time only.",
    ],
    examples: &[
        (r#"CACHE.RESULT SET demo add '{"a":1,"b":2}' 3"#, "OK"),
        (r#"CACHE.RESULT GET demo add '{ "b": 2.0, "a": 1 }'"#, r#""3""#),
        (r#"CACHE.RESULT GET demo add '{"a":1,"b":3}'"#, "(nil)"),
    ],
};

/// What a client asks.
#[derive(Debug)]
pub struct Request<'a> {
    pub entry: EntryArguments<'a>,
    pub stale: bool,
}

impl<'a> Request<'a> {
    /// Reads the arguments after the command's name.
    pub fn parse(arguments: &'a [&'a [u8]], limits: &Limits) -> Result<Self, Refusal> {
        let (entry, rest) = EntryArguments::parse(arguments, limits)?;
        let options = Options::parse(&COMMAND, rest)?;
        Ok(Request { entry, stale: options.flag("STALE") })
    }
}
