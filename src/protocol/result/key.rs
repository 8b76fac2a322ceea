//! `CACHE.RESULT KEY ns operation params`

use super::super::entry_arguments::{NAMESPACE, OPERATION, PARAMS};
use super::super::table::{Command, Flag, KeyUse};
use super::CONTAINER;

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "KEY",
    summary: "Returns the Redis key of an entry, without touching it.",
    complexity: "O(N) with N the bytes of params",
    since: "0.1.0",
    flags: &[Flag::Readonly, Flag::Fast],
    tips: &[],
    key: Some(KeyUse::Access),
    arguments: &[NAMESPACE, OPERATION, PARAMS],
    reply: "The key as a bulk string: `result:{ns}:operation:fingerprint`, or `result:ns:operation:fingerprint` where \
            the namespace has a hash tag of its own. Whether an entry is there plays no part.",
    details: &["The fingerprint is the lower-case hex SHA-256 of the canonical JSON (RFC 8785) of \
         `{\"operation\":operation,\"params\":params}`, so standard tools find it too: \
         `printf '%s' '{\"operation\":\"add\",\"params\":{\"a\":1}}' | sha256sum`."],
    examples: &[(
        r#"CACHE.RESULT KEY demo add '{"a":1}'"#,
        r#""result:{demo}:add:08d9986d2f11160a87b06e1f7cbb67b6a84e749af87b2425546ad7d8b4082d81""#,
    )],
};
