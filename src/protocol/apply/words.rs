//! Effects as words.

use std::borrow::{Borrow, Cow};

use super::{Effect, KEPT, Placed};
use crate::core::codec::{Count, Sink};
use crate::core::compression::dictionary::Dictionary;
use crate::core::epochs::Scope;
use crate::core::origin::Incarnation;

impl Effect<'_> {
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
    words.extend([Cow::Borrowed(dictionary.operation().as_bytes()), dictionary.sealed().into()]);
    words.extend(dropped.iter().map(|number| Cow::Owned(number.to_string().into_bytes())));
    words
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

/// Many strings in one, each with its length: a word costs the server more than its bytes.
fn packed<'a>(strings: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    strings.for_each(|string| bytes.put_string(string));
    bytes
}
