//! The options of every command that stores an entry: how long it lives, what is kept with it, and since when.

use super::options::Options;
use super::table::{Argument, Kind};
use crate::core::entry::Tags;
use crate::core::instant::Instant;
use crate::core::limits::{Limits, MAX_INTEGER, maxima};
use crate::core::name::NamespaceName;
use crate::core::refusal::Refusal;
use crate::core::set::{Expiry, Write};
use crate::core::stamp::Stamp;

const MAX_DURATION_MS: u64 = maxima::TTL_SECONDS * 1000;

pub const EXPIRY: Argument = Argument {
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

pub const GRACE: Argument = Argument {
    name: "milliseconds",
    kind: Kind::Integer { min: 0, max: MAX_DURATION_MS, unit: "milliseconds" },
    token: Some("GRACE"),
    optional: true,
    summary: "stale but servable for this long after that",
};

pub const TAGS: Argument = Argument {
    name: "tags",
    kind: Kind::Counted { word: "tag" },
    token: Some("TAGS"),
    optional: true,
    summary: "words by which entries are invalidated together",
};

pub const TOOK: Argument = Argument {
    name: "milliseconds",
    kind: Kind::Integer { min: 0, max: MAX_INTEGER, unit: "milliseconds" },
    token: Some("TOOK"),
    optional: true,
    summary: "what the result took to compute",
};

pub const WEIGHT: Argument = Argument {
    name: "bytes",
    kind: Kind::Integer { min: 0, max: MAX_INTEGER, unit: "bytes" },
    token: Some("WEIGHT"),
    optional: true,
    summary: "what the entry stands for elsewhere",
};

pub const SINCE: Argument = Argument {
    name: "stamp",
    kind: Kind::Text,
    token: Some("SINCE"),
    optional: true,
    summary: "only if nothing that concerns the entry was invalidated, nor the entry written, since this stamp",
};

/// What the options say of an entry; its result is the command's. The tags are written into `tag_block`.
pub fn write<'a>(
    options: &Options<'_>,
    limits: &Limits,
    tag_block: &'a mut Vec<u8>,
) -> Result<Write<'a>, Refusal> {
    let tags = options.counted("TAGS").unwrap_or_default();
    limits.check_tags(tags)?;
    Ok(Write {
        result: b"",
        expiry: expiry(options, limits)?,
        grace_ms: grace_ms(options, limits)?,
        tags: Tags::from_list(tags, tag_block),
        took_ms: options.number("TOOK"),
        weight: options.number("WEIGHT"),
        condition: None,
    })
}

/// The stamp of SINCE.
pub fn since(options: &Options<'_>, namespace: NamespaceName<'_>) -> Result<Option<Stamp>, Refusal> {
    options.word("SINCE").map(|stamp| Stamp::parse(stamp, namespace)).transpose()
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
