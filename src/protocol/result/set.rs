//! `CACHE.RESULT SET ns operation params result [EX | PX | EXAT | PXAT | KEEPTTL | PERSIST] [GRACE] [TAGS] [TOOK]
//! [WEIGHT] [NX | XX] [SINCE]`

use super::super::entry_arguments::{EntryArguments, NAMESPACE, OPERATION, PARAMS, too_few};
use super::super::options::Options;
use super::super::table::{Argument, Command, Flag, KeyUse, Kind};
use super::super::write_options::{EXPIRY, GRACE, SINCE, TAGS, TOOK, WEIGHT, since, write};
use super::CONTAINER;
use crate::core::limits::Limits;
use crate::core::refusal::Refusal;
use crate::core::set::{Condition, Write};
use crate::core::stamp::Stamp;

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "SET",
    summary: "Stores the result of an operation with these params.",
    complexity: "O(N) with N the bytes of params and result",
    since: "0.1.0",
    flags: &[Flag::Write, Flag::DenyOom],
    tips: &[],
    key: Some(KeyUse::Update),
    arguments: &[
        NAMESPACE,
        OPERATION,
        PARAMS,
        Argument { name: "result", kind: Kind::Bytes, token: None, optional: false, summary: "any bytes" },
        EXPIRY,
        GRACE,
        TAGS,
        TOOK,
        WEIGHT,
        CONDITION,
        SINCE,
    ],
    reply: "OK; nil where NX or XX forbids; FENCED where SINCE does.",
    details: &[
        "Without an expiry option the entry is fresh as long as the rules of [Policies](../policies.md) say, an hour \
         where they say nothing; they may also add tags, and bound any expiry by an instant in the result. EX and PX \
         count from now; EXAT and PXAT are instants (one that is past stores nothing and invalidates what was there); \
         KEEPTTL keeps the instant, and without GRACE also the grace, of the entry that is replaced; PERSIST is for \
         ever. For GRACE more milliseconds the entry is stale: served only to those who ask for stale values. The \
         Redis expiry of its key is TTL and grace together.",
        "TAGS, TOOK (what the result took to compute) and WEIGHT (bytes elsewhere that the entry stands for) are \
         kept with the entry and shown by INFO.",
        "SINCE guards what was computed from data that may have changed meanwhile: take a stamp with `CACHE.CLOCK` \
         before reading the data, and give it here. FENCED says that since the stamp the entry, its operation, one of \
         these tags or the whole namespace was invalidated, or that the entry was written and still stands; nothing is \
         stored then. A rule that changes the hashing in between (HASH, IGNORE) makes another entry of it.",
        "NX and XX, like KEEPTTL, see what GET sees: an entry in its grace is absent for them.",
    ],
    examples: &[
        (
            r#"CACHE.RESULT SET demo generateVideo '{"prompt":"a cat","seconds":4}' '{"url":"/v/1"}' EX 604800 TOOK 93000"#,
            "OK",
        ),
        (
            r#"CACHE.RESULT SET demo generateVideo '{"seconds":4,"prompt":"a cat"}' '{"url":"/v/2"}' NX"#,
            "(nil)",
        ),
        (
            r#"CACHE.RESULT GET demo generateVideo '{"seconds":4,"prompt":"a cat"}'"#,
            r#""{\"url\":\"/v/1\"}""#,
        ),
    ],
};

const CONDITION: Argument = Argument {
    name: "condition",
    kind: Kind::OneOf(&[
        Argument {
            name: "nx",
            kind: Kind::Flag,
            token: Some("NX"),
            optional: false,
            summary: "only where there is nothing fresh",
        },
        Argument {
            name: "xx",
            kind: Kind::Flag,
            token: Some("XX"),
            optional: false,
            summary: "only where there is something fresh",
        },
    ]),
    token: None,
    optional: true,
    summary: "on what the write depends",
};

/// What a client asks.
#[derive(Debug)]
pub struct Request<'a> {
    pub entry: EntryArguments<'a>,
    pub write: Write<'a>,
    pub since: Option<Stamp>,
}

impl<'a> Request<'a> {
    /// Reads the arguments after the command's name; the entry's tags are written into `tag_block`.
    pub fn parse(
        arguments: &'a [&'a [u8]],
        limits: &Limits,
        tag_block: &'a mut Vec<u8>,
    ) -> Result<Self, Refusal> {
        let (entry, rest) = EntryArguments::parse(arguments, limits)?;
        let (result, rest) = rest.split_first().ok_or_else(too_few)?;
        let options = Options::parse(&COMMAND, rest)?;
        limits.check_result(result)?;
        let write = Write { result, condition: condition(&options), ..write(&options, limits, tag_block)? };
        let since = since(&options, entry.namespace)?;
        Ok(Request { entry, write, since })
    }
}

fn condition(options: &Options<'_>) -> Option<Condition> {
    match (options.flag("NX"), options.flag("XX")) {
        (true, _) => Some(Condition::Absent),
        (_, true) => Some(Condition::Present),
        _ => None,
    }
}
