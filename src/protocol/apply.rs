//! `CACHE.APPLY key effect ...`: what a mutation did, as replicas and files are told.
//!
//! Effects are replicated, not calls: stored bytes, absolute instants, the version and the incarnation. So a
//! primary, its replicas and a replayed file agree to the byte, whatever their clocks and configuration say.
//! The primary itself carries out the very effect that it sends.

use std::borrow::{Borrow, Cow};
use std::sync::Arc;

use super::entry_arguments::too_few;
use super::table::{Argument, Command, Flag, KeyUse, Kind};
use crate::core::codec::{Count, Reader, Sink};
use crate::core::compression::dictionary::Dictionary;
use crate::core::entry::{Entry, Mark};
use crate::core::epochs::Scope;
use crate::core::instant::Instant;
use crate::core::limits::{MAX_INTEGER, maxima};
use crate::core::name::OperationName;
use crate::core::namespace::Namespace;
use crate::core::origin::{Incarnation, Origin};
use crate::core::policy::glob::Pattern;
use crate::core::refusal::{Refusal, quoted};

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

impl<'a> Effect<'a> {
    /// Whether it stores or removes single entries.
    pub fn is_of_entries(&self) -> bool {
        match self {
            Effect::Set(..) | Effect::Invalidate { .. } | Effect::Remove { .. } | Effect::Many(_) => true,
            Effect::Scope { .. } | Effect::Dictionary { .. } => false,
            Effect::Entry(_) | Effect::Compress(_) | Effect::Namespace(_) => false,
        }
    }

    /// The arguments of `CACHE.APPLY` after the key of the namespace.
    pub fn words(&self) -> Vec<Cow<'_, [u8]>> {
        fn placed<'e>(word: &'static str, placed: &'e Placed<'_>) -> Vec<Cow<'e, [u8]>> {
            let Placed { key, origin, record, kept } = placed;
            let words = [
                word.as_bytes().into(),
                Cow::Borrowed(&key[..]),
                origin.encode().into(),
                Cow::Borrowed(&record[..]),
            ];
            words.into_iter().chain(kept.then_some(KEPT.into())).collect()
        }
        match self {
            Effect::Set(cause, entry) => placed(cause.word(), entry),
            Effect::Entry(entry) => placed("ENTRY", entry),
            Effect::Compress(entry) => placed("COMPRESS", entry),
            Effect::Namespace(namespace) => vec![b"NAMESPACE"[..].into(), namespace.encode().into()],
            Effect::Invalidate { key, incarnation, version, mark, left } => {
                let mut words: Vec<Cow<'_, [u8]>> = vec![b"INVALIDATE"[..].into(), Cow::Borrowed(key)];
                words.extend(
                    [incarnation.0, *version, mark.0].map(|n| Cow::Owned(n.to_string().into_bytes())),
                );
                if let Some(Placed { origin, record, kept, .. }) = left {
                    words.extend([Cow::Owned(origin.encode()), Cow::Borrowed(&record[..])]);
                    words.extend(kept.then_some(KEPT.into()));
                }
                words
            }
            Effect::Remove { incarnation, version, keys } => {
                let mut words = numbered("REMOVE", *incarnation, *version);
                words.push(packed(keys.iter().map(|key| &key[..])).into());
                words
            }
            Effect::Scope { incarnation, version, scope } => scope_words(*incarnation, *version, scope),
            Effect::Dictionary { incarnation, dictionary, dropped } => {
                dictionary_words(*incarnation, dictionary, dropped)
            }
            Effect::Many(effects) => many(|| effects.iter()).into(),
        }
    }

    /// Writes the words as one string, each with its length.
    fn pack_into(&self, sink: &mut impl Sink) {
        let mut count = Count::default();
        self.pack_words_into(&mut count);
        sink.put_varint(count.0 as u64);
        self.pack_words_into(sink);
    }

    fn pack_words_into(&self, sink: &mut impl Sink) {
        let Effect::Set(cause, Placed { key, origin, record, kept }) = self else {
            self.words().iter().for_each(|word| sink.put_string(word));
            return;
        };
        sink.put_string(cause.word().as_bytes());
        sink.put_string(key);
        let mut count = Count::default();
        origin.encode_into(&mut count);
        sink.put_varint(count.0 as u64);
        origin.encode_into(sink);
        sink.put_string(record);
        if *kept {
            sink.put_string(KEPT);
        }
    }

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

/// The arguments of a list of effects. They are gone through twice, to take memory once.
pub fn many<'e, I>(effects: impl Fn() -> I) -> [Cow<'static, [u8]>; 2]
where
    I: Iterator<Item: Borrow<Effect<'e>>>,
{
    let mut count = Count::default();
    effects().for_each(|effect| effect.borrow().pack_into(&mut count));
    let mut lists = Vec::with_capacity(count.0);
    effects().for_each(|effect| effect.borrow().pack_into(&mut lists));
    [b"MANY"[..].into(), lists.into()]
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

fn numbered<'a>(name: &'static str, incarnation: Incarnation, version: u64) -> Vec<Cow<'a, [u8]>> {
    let mut words: Vec<Cow<'a, [u8]>> = vec![name.as_bytes().into()];
    words.extend([incarnation.0, version].map(|number| Cow::Owned(number.to_string().into_bytes())));
    words
}

fn dictionary_words<'e>(
    incarnation: Incarnation,
    dictionary: &'e Dictionary,
    dropped: &[u32],
) -> Vec<Cow<'e, [u8]>> {
    let mut words = numbered("DICTIONARY", incarnation, u64::from(dictionary.number()));
    words.extend([dictionary.operation().as_bytes(), dictionary.bytes()].map(Cow::Borrowed));
    words.extend(dropped.iter().map(|number| Cow::Owned(number.to_string().into_bytes())));
    words
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
    let dictionary = Dictionary::new(small(number)?, OperationName::parse(operation)?, bytes);
    let dictionary = dictionary
        .filter(Dictionary::is_usable)
        .ok_or_else(|| Refusal::syntax("the effect DICTIONARY has a part that is no dictionary"))?;
    let dropped = dropped.iter().map(|word| small(word)).collect::<Result<_, _>>()?;
    Ok(Effect::Dictionary { incarnation, dictionary: Arc::new(dictionary), dropped })
}

fn scope_words<'e>(incarnation: Incarnation, version: u64, scope: &'e Scope<'_>) -> Vec<Cow<'e, [u8]>> {
    let name = match scope {
        Scope::Tags(_) => "TAGS",
        Scope::Operations(_) => "OPERATIONS",
        Scope::All => "ALL",
    };
    let mut words = numbered(name, incarnation, version);
    match scope {
        Scope::Tags(tags) => words.extend(tags.iter().map(|tag| Cow::Borrowed(*tag))),
        Scope::Operations(patterns) => {
            words.extend(patterns.iter().map(|pattern| Cow::Borrowed(pattern.as_str().as_bytes())));
        }
        Scope::All => {}
    }
    words
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

/// Many strings in one, each with its length: a word costs the server more than its bytes.
fn packed<'a>(strings: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    strings.for_each(|string| bytes.put_string(string));
    bytes
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::body::Body;
    use crate::core::entry::Tags;
    use crate::core::name::{NamespaceName, OperationName};
    use proptest::prelude::*;

    fn some_placed() -> Placed<'static> {
        let origin = Origin::new(
            NamespaceName::parse(b"n").expect("a namespace"),
            Incarnation(u64::MAX),
            OperationName::parse(b"o").expect("an operation"),
        );
        let mut block = Vec::new();
        let entry = Entry {
            mark: Mark(5),
            version: 9,
            created: Instant::from_unix_ms(3),
            ttl_ms: Some(1),
            grace_ms: 2,
            took_ms: None,
            weight: Some(4),
            tags: Tags::from_list(&[b"t"], &mut block),
            negative: false,
            failure: None,
            body: Body::raw(b"r"),
        };
        let mut record = Vec::new();
        entry.encode(&mut record);
        Placed { key: b"k"[..].into(), origin: Arc::new(origin), record: record.into(), kept: false }
    }

    fn some_dictionary() -> Effect<'static> {
        let sample =
            |n: usize| format!(r#"{{"id":{n},"state":"completed","size":{}}}"#, n * 7919).into_bytes();
        let samples: Vec<Vec<u8>> = (0..300).map(sample).collect();
        let bytes = zstd::dict::from_samples(&samples, 2000).expect("a dictionary");
        let operation = OperationName::parse(b"o").expect("an operation");
        let dictionary = Dictionary::new(5, operation, &bytes).expect("a dictionary");
        Effect::Dictionary { incarnation: Incarnation(1), dictionary: dictionary.into(), dropped: vec![1, 3] }
    }

    fn effects() -> Vec<Effect<'static>> {
        let (incarnation, version, mark) = (Incarnation(u64::MAX), MAX_INTEGER, Mark(u64::MAX));
        let key: Cow<'static, [u8]> = b"k"[..].into();
        let patterns = [&b"a*"[..], b"b"].map(|text| Pattern::of_operations(text).expect("a pattern")).into();
        vec![
            Effect::Set(Cause::Fill, some_placed()),
            Effect::Set(Cause::Set, Placed { kept: true, ..some_placed() }),
            Effect::Entry(some_placed()),
            Effect::Compress(some_placed()),
            some_dictionary(),
            Effect::Namespace(Namespace::starting_at(incarnation, 7)),
            Effect::Invalidate { key: key.clone(), incarnation, version, mark, left: None },
            Effect::Invalidate { key, incarnation, version, mark, left: Some(some_placed()) },
            Effect::Remove {
                incarnation,
                version: 7,
                keys: vec![b"k"[..].into(), b""[..].into(), vec![b'x'; 300].into()],
            },
            Effect::Scope { incarnation, version, scope: Scope::Tags(vec![b"a", b"b\n"]) },
            Effect::Scope { incarnation, version, scope: Scope::Operations(patterns) },
            Effect::Scope { incarnation, version, scope: Scope::All },
            Effect::Many(vec![
                Effect::Set(Cause::Warm, some_placed()),
                Effect::Namespace(Namespace::starting_at(incarnation, 7)),
            ]),
        ]
    }

    #[test]
    fn every_effect_comes_back() {
        for effect in effects() {
            let words = effect.words();
            let words: Vec<&[u8]> = words.iter().map(|word| &word[..]).collect();
            assert_eq!(Effect::parse(&words).as_ref(), Ok(&effect));
        }
    }

    proptest! {
        #[test]
        fn no_words_make_parsing_panic(
            which in 0..12usize, word in 0..7usize, at in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
        ) {
            let effect = effects().swap_remove(which);
            let mut words: Vec<Vec<u8>> = effect.words().into_iter().map(Cow::into_owned).collect();
            if let Some(word) = words.get_mut(word) && !word.is_empty() {
                let at = at.index(word.len());
                if cut { word.truncate(at) } else { word[at] = byte }
            }
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let _ = Effect::parse(&words);
        }
    }
}
