//! `CACHE.RESULT EXISTS ns operation params`

use super::super::entry_arguments::{NAMESPACE, OPERATION, PARAMS};
use super::super::table::{Command, Flag, KeyUse};
use super::CONTAINER;

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "EXISTS",
    summary: "Tells whether GET would find a result.",
    complexity: "O(N) with N the bytes of params",
    since: "0.1.0",
    flags: &[Flag::Readonly, Flag::Fast],
    tips: &[],
    key: Some(KeyUse::Access),
    arguments: &[NAMESPACE, OPERATION, PARAMS],
    reply: "1 where a fresh entry is there, else 0.",
    details: &["What is stale does not exist for it, as for GET without STALE. It counts as no hit."],
    examples: &[
        (r#"CACHE.RESULT SET demo add '{"a":1,"b":2}' 3"#, "OK"),
        (r#"CACHE.RESULT EXISTS demo add '{"b":2,"a":1}'"#, "(integer) 1"),
        (r#"CACHE.RESULT EXISTS demo add '{"b":2,"a":2}'"#, "(integer) 0"),
    ],
};
