//! `CACHE.RESULT SET ns operation params result [EX | PX | EXAT | PXAT | KEEPTTL | PERSIST] [GRACE] [TAGS] [TOOK]
//! [WEIGHT] [NX | XX]`

use super::super::entry_arguments::{EntryArguments, NAMESPACE, OPERATION, PARAMS, too_few};
use super::super::options::Options;
use super::super::table::{Argument, Command, Flag, KeyUse, Kind};
use super::CONTAINER;
use crate::core::entry::Tags;
use crate::core::instant::Instant;
use crate::core::limits::{Limits, MAX_INTEGER, maxima};
use crate::core::refusal::Refusal;
use crate::core::set::{Condition, Expiry, Write};

const MAX_DURATION_MS: u64 = maxima::TTL_SECONDS * 1000;

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "SET",
    summary: "Stores the result of an operation with these params.",
    complexity: "O(N) with N the bytes of params and result",
    since: "0.1.0",
    flags: &[Flag::Write, Flag::DenyOom],
    tips: &[],
    key: Some(KeyUse::AccessUpdate),
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
    ],
    reply: "OK; nil where NX or XX forbids.",
    details: &[
        "Without an expiry option the entry is fresh for an hour. EX and PX count from now; EXAT and PXAT are \
         instants (one that is past stores nothing and invalidates what was there); KEEPTTL keeps the instant, and \
         without GRACE also the grace, of the entry that is replaced; PERSIST is for ever. For GRACE more \
         milliseconds the entry is stale: served only to those who ask for stale values. The Redis expiry of its \
         key is TTL and grace together.",
        "TAGS, TOOK (what the result took to compute) and WEIGHT (bytes elsewhere that the entry stands for) are \
         kept with the entry and shown by INFO.",
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

const EXPIRY: Argument = Argument {
    name: "expiry",
    kind: Kind::OneOf(&[
        Argument {
            name: "seconds",
            kind: Kind::Integer { min: 1, max: maxima::TTL_SECONDS, unit: "seconds" },
            token: Some("EX"),
            optional: false,
            summary: "fresh for this many seconds",
        },
        Argument {
            name: "milliseconds",
            kind: Kind::Integer { min: 1, max: MAX_DURATION_MS, unit: "milliseconds" },
            token: Some("PX"),
            optional: false,
            summary: "fresh for this many milliseconds",
        },
        Argument {
            name: "unix-time-seconds",
            kind: Kind::Integer { min: 1, max: MAX_INTEGER / 1000, unit: "Unix seconds" },
            token: Some("EXAT"),
            optional: false,
            summary: "fresh until this instant",
        },
        Argument {
            name: "unix-time-milliseconds",
            kind: Kind::Integer { min: 1, max: MAX_INTEGER, unit: "Unix milliseconds" },
            token: Some("PXAT"),
            optional: false,
            summary: "fresh until this instant",
        },
        Argument {
            name: "keepttl",
            kind: Kind::Flag,
            token: Some("KEEPTTL"),
            optional: false,
            summary: "fresh as long as the entry that it replaces",
        },
        Argument {
            name: "persist",
            kind: Kind::Flag,
            token: Some("PERSIST"),
            optional: false,
            summary: "fresh for ever",
        },
    ]),
    token: None,
    optional: true,
    summary: "how long it is fresh",
};

const GRACE: Argument = Argument {
    name: "milliseconds",
    kind: Kind::Integer { min: 0, max: MAX_DURATION_MS, unit: "milliseconds" },
    token: Some("GRACE"),
    optional: true,
    summary: "stale but servable for this long after that",
};

const TAGS: Argument = Argument {
    name: "tags",
    kind: Kind::Counted { word: "tag" },
    token: Some("TAGS"),
    optional: true,
    summary: "words by which entries are invalidated together",
};

const TOOK: Argument = Argument {
    name: "milliseconds",
    kind: Kind::Integer { min: 0, max: MAX_INTEGER, unit: "milliseconds" },
    token: Some("TOOK"),
    optional: true,
    summary: "what the result took to compute",
};

const WEIGHT: Argument = Argument {
    name: "bytes",
    kind: Kind::Integer { min: 0, max: MAX_INTEGER, unit: "bytes" },
    token: Some("WEIGHT"),
    optional: true,
    summary: "what the entry stands for elsewhere",
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
        let tags = options.counted("TAGS").unwrap_or_default();
        limits.check_tags(tags)?;
        let write = Write {
            result,
            expiry: expiry(&options, limits)?,
            grace_ms: grace_ms(&options, limits)?,
            tags: Tags::from_list(tags, tag_block),
            took_ms: options.number("TOOK"),
            weight: options.number("WEIGHT"),
            condition: condition(&options),
        };
        Ok(Request { entry, write })
    }
}

fn expiry(options: &Options<'_>, limits: &Limits) -> Result<Expiry, Refusal> {
    for (token, unit_ms) in [("EX", 1000), ("PX", 1)] {
        if let Some(number) = options.number(token) {
            let ttl_ms = number.saturating_mul(unit_ms);
            limits.check_duration(&format!("{token} {number}"), ttl_ms)?;
            return Ok(Expiry::After(ttl_ms));
        }
    }
    for (token, unit_ms) in [("EXAT", 1000), ("PXAT", 1)] {
        if let Some(number) = options.number(token) {
            return Ok(Expiry::At(Instant::from_unix_ms(number.saturating_mul(unit_ms))));
        }
    }
    Ok(match (options.flag("KEEPTTL"), options.flag("PERSIST")) {
        (true, _) => Expiry::Keep,
        (_, true) => Expiry::Never,
        _ => Expiry::Policy,
    })
}

fn grace_ms(options: &Options<'_>, limits: &Limits) -> Result<Option<u64>, Refusal> {
    let grace_ms = options.number("GRACE");
    if let Some(grace_ms) = grace_ms {
        limits.check_duration(&format!("GRACE {grace_ms}"), grace_ms)?;
    }
    Ok(grace_ms)
}

fn condition(options: &Options<'_>) -> Option<Condition> {
    match (options.flag("NX"), options.flag("XX")) {
        (true, _) => Some(Condition::Absent),
        (_, true) => Some(Condition::Present),
        _ => None,
    }
}
