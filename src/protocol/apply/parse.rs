//! Effects read again, from wherever they came.

use std::borrow::Cow;
use std::sync::Arc;

use super::super::entry_arguments::too_few;
use super::{Cause, Effect, KEPT, Placed};
use crate::core::codec::Reader;
use crate::core::compression::dictionary::Dictionary;
use crate::core::entry::{Entry, Mark};
use crate::core::epochs::Scope;
use crate::core::limits::{MAX_INTEGER, maxima};
use crate::core::name::OperationName;
use crate::core::namespace::Namespace;
use crate::core::origin::{Incarnation, Origin};
use crate::core::policy::glob::Pattern;
use crate::core::refusal::{Refusal, quoted};

impl<'a> Effect<'a> {
    /// Reads what [`words`](Self::words) gives, from wherever it came. A refusal shows no stored bytes: a replica's
    /// server logs it.
    pub fn parse(words: &[&'a [u8]]) -> Result<Self, Refusal> {
        let (name, parts) = words.split_first().ok_or_else(too_few)?;
        match (*name, parts) {
            (b"MANY", &[lists]) => {
                let lists = unpacked(lists)?;
                let effects = lists.into_iter().map(|list| Effect::parse_one(&unpacked(list)?));
                effects.collect::<Result<_, _>>().map(Effect::Many)
            }
            _ => Effect::parse_one(words),
        }
    }

    /// Reads an effect that is no list.
    fn parse_one(words: &[&'a [u8]]) -> Result<Self, Refusal> {
        let (name, parts) = words.split_first().ok_or_else(too_few)?;
        let cause = Cause::parse(name);
        let (parts, kept) = match parts {
            [parts @ .., last] if *last == KEPT && (cause.is_some() || *name == b"INVALIDATE") => {
                (parts, true)
            }
            _ => (parts, false),
        };
        if let (Some(cause), &[key, origin, record]) = (cause, parts) {
            return Ok(Effect::Set(cause, Placed { kept, ..placed(key, origin, record)? }));
        }
        match (*name, parts) {
            (b"REMOVE", &[incarnation, version, keys]) => {
                let keys: Vec<Cow<'a, [u8]>> = unpacked(keys)?.into_iter().map(Cow::Borrowed).collect();
                let (incarnation, version) = (Incarnation(number(incarnation)?), checked(number(version)?)?);
                checked(version.saturating_add(keys.len() as u64))?;
                Ok(Effect::Remove { incarnation, version, keys })
            }
            (b"TAGS" | b"OPERATIONS" | b"ALL", [incarnation, version, names @ ..]) => {
                let (incarnation, version) = (Incarnation(number(incarnation)?), checked(number(version)?)?);
                Ok(Effect::Scope { incarnation, version, scope: parse_scope(name, names)? })
            }
            (b"ENTRY", &[key, origin, record]) => Ok(Effect::Entry(placed(key, origin, record)?)),
            (b"COMPRESS", &[key, origin, record]) => Ok(Effect::Compress(placed(key, origin, record)?)),
            (b"DICTIONARY", &[incarnation, number, operation, bytes, ref dropped @ ..])
                if dropped.len() <= maxima::NAMESPACE_DICTIONARIES =>
            {
                parse_dictionary(incarnation, [number, operation, bytes], dropped)
            }
            (b"NAMESPACE", &[state]) => Namespace::decode(state).map(Effect::Namespace).ok_or_else(|| {
                Refusal::syntax("the effect NAMESPACE has a part that is no stored namespace")
            }),
            (b"INVALIDATE", &[key, incarnation, version, mark]) => {
                invalidate(key, [incarnation, version, mark], None)
            }
            (b"INVALIDATE", &[key, incarnation, version, mark, origin, record]) => {
                let left = Placed { kept, ..placed(key, origin, record)? };
                invalidate(key, [incarnation, version, mark], Some(left))
            }
            _ => Err(Refusal::syntax(format!(
                "unknown effect {} with {} parts: SET, FILL, FAIL, MERGE, WARM, INVALIDATE, REMOVE, TAGS, OPERATIONS, ALL, MANY, ENTRY, \
                 COMPRESS, DICTIONARY or NAMESPACE is accepted",
                quoted(name),
                parts.len()
            ))),
        }
    }
}

fn placed<'a>(key: &'a [u8], origin: &[u8], record: &'a [u8]) -> Result<Placed<'a>, Refusal> {
    let origin = Origin::decode(origin)
        .ok_or_else(|| Refusal::syntax("the effect has a part that is no origin of an entry"))?;
    Entry::decode_untrusted(record)
        .ok_or_else(|| Refusal::syntax("the effect has a part that is no stored entry"))?;
    Ok(Placed { key: key.into(), origin: Arc::new(origin), record: record.into(), kept: false })
}

fn invalidate<'a>(
    key: &'a [u8],
    numbers: [&[u8]; 3],
    left: Option<Placed<'a>>,
) -> Result<Effect<'a>, Refusal> {
    let [incarnation, version, mark] = numbers;
    let version = checked(number(version)?)?;
    Ok(Effect::Invalidate {
        key: key.into(),
        incarnation: Incarnation(number(incarnation)?),
        version,
        mark: Mark(number(mark)?),
        left,
    })
}

fn number(word: &[u8]) -> Result<u64, Refusal> {
    let number = std::str::from_utf8(word).ok().and_then(|text| text.parse::<u64>().ok());
    number.ok_or_else(|| Refusal::syntax("the effect has a part that is no number"))
}

fn checked(version: u64) -> Result<u64, Refusal> {
    if version <= MAX_INTEGER {
        return Ok(version);
    }
    Err(Refusal::syntax(format!("version {version} is too large: at most {MAX_INTEGER} is accepted")))
}

fn parse_dictionary<'a>(
    incarnation: &[u8],
    [number, operation, bytes]: [&[u8]; 3],
    dropped: &[&[u8]],
) -> Result<Effect<'a>, Refusal> {
    let small = |word| {
        let number = u32::try_from(self::number(word)?);
        number.map_err(|_| Refusal::syntax("the effect DICTIONARY has a number that no dictionary has"))
    };
    let incarnation = Incarnation(self::number(incarnation)?);
    let (number, operation) = (small(number)?, OperationName::parse(operation)?);
    let dictionary = Dictionary::unsealed(bytes).and_then(|bytes| Dictionary::new(number, operation, bytes));
    let dictionary = dictionary
        .filter(Dictionary::is_usable)
        .ok_or_else(|| Refusal::syntax("the effect DICTIONARY has a part that is no dictionary"))?;
    let dropped = dropped.iter().map(|word| small(word)).collect::<Result<_, _>>()?;
    Ok(Effect::Dictionary { incarnation, dictionary: Arc::new(dictionary), dropped })
}

fn parse_scope<'a>(name: &[u8], names: &[&'a [u8]]) -> Result<Scope<'a>, Refusal> {
    match (name, names) {
        (b"ALL", []) => Ok(Scope::All),
        (b"TAGS", [_, ..]) if names.iter().all(|tag| (1..=maxima::TAG_BYTES).contains(&tag.len())) => {
            Ok(Scope::Tags(names.to_vec()))
        }
        (b"OPERATIONS", [_, ..]) => names
            .iter()
            .map(|name| Pattern::of_operations(name))
            .collect::<Result<_, _>>()
            .map(Scope::Operations),
        _ => Err(Refusal::syntax("the effect has parts that name nothing to invalidate")),
    }
}

fn unpacked(bytes: &[u8]) -> Result<Vec<&[u8]>, Refusal> {
    let mut reader = Reader::new(bytes);
    let mut strings = Vec::new();
    while !reader.is_empty() {
        let string = reader.string(usize::MAX);
        strings.push(string.ok_or_else(|| Refusal::syntax("the effect has a list that breaks off"))?);
    }
    Ok(strings)
}
