//! `CACHE.APPLY key effect ...`: what a mutation did, as replicas and files are told.
//!
//! Effects are replicated, not calls: stored bytes, absolute instants, the version and the incarnation. So a
//! primary, its replicas and a replayed file agree to the byte, whatever their clocks and configuration say.
//! The primary itself carries out the very effect that it sends.

mod parse;
#[cfg(test)]
mod tests;
mod words;

pub use words::many;

use std::borrow::Cow;
use std::sync::Arc;

use super::table::{Argument, Command, Flag, KeyUse, Kind};
use crate::core::compression::dictionary::Dictionary;
use crate::core::entry::{Entry, Mark};
use crate::core::epochs::Scope;
use crate::core::instant::Instant;
use crate::core::namespace::Namespace;
use crate::core::origin::{Incarnation, Origin};

pub const NAME: &str = "CACHE.APPLY";

pub const COMMAND: Command = Command {
    container: None,
    name: NAME,
    summary: "Carries out the effect of a mutation on a replica or from an append-only file. Internal.",
    complexity: "O(N) with N the bytes of the effect",
    since: "0.1.0",
    flags: &[Flag::Write, Flag::Admin, Flag::NoScript],
    tips: &[],
    key: Some(KeyUse::Update),
    arguments: &[
        Argument {
            name: "key",
            kind: Kind::Namespace,
            token: None,
            optional: false,
            summary: "the namespace",
        },
        Argument {
            name: "effect",
            kind: Kind::Text,
            token: None,
            optional: false,
            summary: "SET, FILL, FAIL, MERGE, WARM, INVALIDATE, REMOVE, TAGS, OPERATIONS, ALL, MANY, ENTRY, COMPRESS, DICTIONARY or NAMESPACE",
        },
        Argument {
            name: "part",
            kind: Kind::Many,
            token: None,
            optional: false,
            summary: "the parts of the effect: keys, numbers, stored bytes",
        },
    ],
    reply: "OK.",
    details: &[
        "Only the primary's link and the loading of an append-only file may call it. An ordinary client gets NOPERM, \
         unless `cache.apply-from-clients` is set, which is there for piping an append-only file into a server \
         (`redis-cli --pipe`). Whoever may call it can write anything: it is as dangerous as RESTORE.",
    ],
    examples: &[],
};

/// The last part of an effect whose entry stays when its time is over.
const KEPT: &[u8] = b"KEPT";

/// An entry in its stored form, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<'a> {
    /// The Redis key; of the same slot as the namespace.
    pub key: Cow<'a, [u8]>,
    pub origin: Arc<Origin>,
    /// See [`Entry::encode`].
    pub record: Cow<'a, [u8]>,
    /// Whether it stays when its time is over, until the module removes it.
    pub kept: bool,
}

impl Placed<'_> {
    /// The entry that the record holds; always there in what was parsed or encoded here.
    pub fn entry(&self) -> Option<Entry<'_>> {
        Entry::decode(&self.record)
    }

    /// When the server lets it vanish; none is never.
    pub fn vanishes_at(&self) -> Option<Instant> {
        if self.kept { None } else { self.entry()?.ends_at() }
    }
}

/// What wrote an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Set,
    Fill,
    /// A failure is remembered.
    Fail,
    Merge,
    Warm,
}

impl Cause {
    const ALL: [Cause; 5] = [Cause::Set, Cause::Fill, Cause::Fail, Cause::Merge, Cause::Warm];

    /// What its effect is called.
    fn word(self) -> &'static str {
        match self {
            Cause::Set => "SET",
            Cause::Fill => "FILL",
            Cause::Fail => "FAIL",
            Cause::Merge => "MERGE",
            Cause::Warm => "WARM",
        }
    }

    fn parse(word: &[u8]) -> Option<Self> {
        Cause::ALL.into_iter().find(|cause| cause.word().as_bytes() == word)
    }
}

/// What a mutation did.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect<'a> {
    /// An entry was written; the clock is its version.
    Set(Cause, Placed<'a>),
    /// A single entry was invalidated; softly where it is left behind as a stale one.
    Invalidate {
        key: Cow<'a, [u8]>,
        incarnation: Incarnation,
        version: u64,
        mark: Mark,
        left: Option<Placed<'a>>,
    },
    /// Single entries were invalidated; each has a version of its own, counted on from the first one's.
    Remove { incarnation: Incarnation, version: u64, keys: Vec<Cow<'a, [u8]>> },
    /// So much was invalidated at once.
    Scope { incarnation: Incarnation, version: u64, scope: Scope<'a> },
    /// One after the other; none of them is such a list itself.
    Many(Vec<Effect<'a>>),
    /// A stored entry as it is, whatever its namespace says: a rewritten file lists keys in any order.
    Entry(Placed<'a>),
    /// An entry in another stored form, where that very entry stands; its key keeps its expiry.
    Compress(Placed<'a>),
    /// A dictionary for what is compressed from now on; others go, which no entry uses. The clock stays.
    Dictionary { incarnation: Incarnation, dictionary: Arc<Dictionary>, dropped: Vec<u32> },
    /// A stored namespace as it is.
    Namespace(Namespace),
}

impl Effect<'_> {
    /// Whether it stores or removes single entries.
    pub fn is_of_entries(&self) -> bool {
        match self {
            Effect::Set(..) | Effect::Invalidate { .. } | Effect::Remove { .. } | Effect::Many(_) => true,
            Effect::Scope { .. } | Effect::Dictionary { .. } => false,
            Effect::Entry(_) | Effect::Compress(_) | Effect::Namespace(_) => false,
        }
    }
}
