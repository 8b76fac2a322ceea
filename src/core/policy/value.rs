//! Values of fields: read once, shown in one spelling.

use std::fmt;

use super::expires_from::ExpiresFrom;
use super::field::Field;
use super::parts;
use super::templates::{self, Template};
use super::ttl_from::TtlFrom;
use super::units::{self, Duration, Size};
use crate::core::fingerprint::HashKind;
use crate::core::limits::MAX_INTEGER;
use crate::core::pointer::Pointer;
use crate::core::refusal::{Code, Refusal, quoted};

/// The longest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 4096;

/// The value of a field. `Display` gives its one spelling, from which [`Value::parse`] makes the same again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// TTL, GRACE, NEGATIVE, LEASE, RETRY: milliseconds.
    Duration(u64),
    /// JITTER, REFRESH, TARGET: 0 to 100.
    Percent(u8),
    TtlFrom(TtlFrom),
    ExpiresFrom(ExpiresFrom),
    Tags(Vec<Template>),
    Ignore(Vec<Pointer>),
    Hash(HashKind),
    /// COMPRESS: results of this many bytes or more; none is `off`.
    Compress(Option<u64>),
    /// MAXBYTES, MAXWEIGHT: bytes.
    Budget(u64),
    Evict(Evict),
    /// REMOVALS: this many records; none is `off`.
    Removals(Option<u64>),
    Bypass(bool),
}

/// Who goes first over budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evict {
    /// What was not asked for the longest.
    Lru,
    /// What was stored first.
    Fifo,
    Largest,
}

impl Value {
    /// Reads a value of `field`.
    ///
    /// # Errors
    ///
    /// `BADPOLICY`, naming the field, the value, and what is accepted.
    pub fn parse(field: Field, text: &[u8]) -> Result<Value, Refusal> {
        let refused = |why: &str| {
            let (name, shown, accepted) = (field.name(), quoted(text), field.accepted());
            let why = if why.is_empty() { String::new() } else { format!(", since {why}") };
            Refusal::new(
                Code::BadPolicy,
                format!("{name} {shown} is not accepted{why}: {accepted} is accepted"),
            )
        };
        if text.len() > MAX_VALUE_BYTES {
            return Err(refused(&format!("it has {} bytes, more than {MAX_VALUE_BYTES}", text.len())));
        }
        let text = std::str::from_utf8(text).map_err(|_| refused("it is not UTF-8"))?;
        Self::read(field, text).map_err(|why| refused(&why))
    }

    /// The same; the error says what is wrong where that is not plain to see.
    fn read(field: Field, text: &str) -> Result<Value, String> {
        let bytes = text.as_bytes();
        let word = text.to_ascii_lowercase();
        let simple = match field {
            Field::Ttl | Field::Lease | Field::Retry => {
                units::duration_ms(bytes).filter(|&ms| ms > 0).map(Value::Duration)
            }
            Field::Grace | Field::Negative => units::duration_ms(bytes).map(Value::Duration),
            Field::Jitter | Field::Refresh | Field::Target => percent(bytes).map(Value::Percent),
            Field::TtlFrom => return TtlFrom::parse(text).map(Value::TtlFrom),
            Field::ExpiresFrom => return ExpiresFrom::parse(text).map(Value::ExpiresFrom),
            Field::Tags => return templates::parse(text).map(Value::Tags),
            Field::Ignore => return parts::list(text, parts::pointer).map(Value::Ignore),
            Field::Hash => hash(&word).map(Value::Hash),
            Field::Compress if word == OFF => Some(Value::Compress(None)),
            Field::Compress => units::size(bytes).map(|size| Value::Compress(Some(size))),
            Field::MaxBytes | Field::MaxWeight => {
                units::size(bytes).filter(|&size| size > 0).map(Value::Budget)
            }
            Field::Evict => evict(&word).map(Value::Evict),
            Field::Removals if word == OFF => Some(Value::Removals(None)),
            Field::Removals => units::whole(bytes)
                .filter(|records| (1..=MAX_INTEGER).contains(records))
                .map(|records| Value::Removals(Some(records))),
            Field::Bypass => bypass(&word).map(Value::Bypass),
        };
        simple.ok_or_else(String::new)
    }
}

const OFF: &str = "off";

fn percent(text: &[u8]) -> Option<u8> {
    units::whole(text).and_then(|percent| percent.try_into().ok()).filter(|percent| *percent <= 100)
}

fn hash(word: &str) -> Option<HashKind> {
    [HashKind::Sha256, HashKind::Blake3].into_iter().find(|kind| hash_name(*kind) == word)
}

fn hash_name(kind: HashKind) -> &'static str {
    match kind {
        HashKind::Sha256 => "sha256",
        HashKind::Blake3 => "blake3",
    }
}

fn evict(word: &str) -> Option<Evict> {
    [Evict::Lru, Evict::Fifo, Evict::Largest].into_iter().find(|evict| evict.name() == word)
}

impl Evict {
    fn name(self) -> &'static str {
        match self {
            Evict::Lru => "lru",
            Evict::Fifo => "fifo",
            Evict::Largest => "largest",
        }
    }
}

fn bypass(word: &str) -> Option<bool> {
    match word {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Duration(ms) => Duration(*ms).fmt(f),
            Value::Percent(percent) => percent.fmt(f),
            Value::TtlFrom(ttl_from) => ttl_from.fmt(f),
            Value::ExpiresFrom(expires_from) => expires_from.fmt(f),
            Value::Tags(templates) => parts::write_list(f, templates),
            Value::Ignore(pointers) => parts::write_list(f, pointers),
            Value::Hash(kind) => f.write_str(hash_name(*kind)),
            Value::Compress(None) | Value::Removals(None) => f.write_str(OFF),
            Value::Compress(Some(size)) | Value::Budget(size) => Size(*size).fmt(f),
            Value::Evict(evict) => f.write_str(evict.name()),
            Value::Removals(Some(records)) => records.fmt(f),
            Value::Bypass(true) => f.write_str("yes"),
            Value::Bypass(false) => f.write_str("no"),
        }
    }
}
