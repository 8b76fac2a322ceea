//! Stored bytes from wherever they came: files, RESTORE, the replication stream. The first byte says what they are taken for;
//! what is read of them is written and read again, and is the same.

use std::num::NonZeroU32;
use std::sync::Arc;

use redis_result_cache::core::body::{Body, Compression};
use redis_result_cache::core::codec::Reader;
use redis_result_cache::core::compression::Press;
use redis_result_cache::core::compression::dictionary::{Dictionaries, Dictionary};
use redis_result_cache::core::entry::Entry;
use redis_result_cache::core::fingerprint::Fingerprint;
use redis_result_cache::core::instant::Instant;
use redis_result_cache::core::name::OperationName;
use redis_result_cache::core::namespace::Namespace;
use redis_result_cache::core::origin::Origin;
use redis_result_cache::core::policy::rules::Rules;
use redis_result_cache::core::state::{State, Stored};
use redis_result_cache::protocol::apply::Effect;

/// A moment in the life of entries that are fresh in the seeds.
const NOW: Instant = Instant::from_unix_ms(1_800_000_001_000);

pub fn run(input: &[u8]) {
    is_read(input);
}

/// Runs it; whether anything was read of the input.
pub fn is_read(input: &[u8]) -> bool {
    let Some((&kind, bytes)) = input.split_first() else { return false };
    let read = match kind {
        b'e' => entry(bytes),
        b'o' => origin(bytes),
        b'n' => namespace(bytes),
        b'r' => rules(bytes),
        b'd' => dictionary(bytes),
        b'D' => dictionaries(bytes),
        b'z' => frame(bytes),
        b'a' => effect(bytes),
        b's' => state(bytes),
        _ => None,
    };
    read.is_some()
}

fn entry(record: &[u8]) -> Option<()> {
    let trusted = Entry::decode(record);
    let untrusted = Entry::decode_untrusted(record);
    assert!(untrusted.is_none() || untrusted == trusted);
    look_at(&trusted?);
    let entry = untrusted?;
    let mut again = Vec::new();
    entry.encode(&mut again);
    assert_eq!(again.len(), entry.encoded_len());
    assert_eq!(Entry::decode_untrusted(&again), Some(entry));
    Some(())
}

/// Asks an entry all that commands ask.
fn look_at(entry: &Entry<'_>) {
    let _ = (entry.freshness(NOW), entry.ends_at(), entry.gone_at(), entry.message(), entry.body.length());
    entry.tags.iter().for_each(drop);
    if entry.body.compression().is_some() {
        let _ = Press::default().open(&entry.body, None);
    }
}

fn origin(bytes: &[u8]) -> Option<()> {
    let origin = Origin::decode(bytes)?;
    assert_eq!(Origin::decode(&origin.encode()), Some(origin));
    Some(())
}

fn namespace(bytes: &[u8]) -> Option<()> {
    let namespace = Namespace::decode(bytes)?;
    let again = namespace.encode();
    assert_eq!(Namespace::decode(&again).map(|namespace| namespace.encode()), Some(again));
    let _ = (namespace.epochs().heap_bytes(), namespace.epochs().newest(), namespace.dictionaries().len());
    Some(())
}

fn rules(bytes: &[u8]) -> Option<()> {
    let rules = Rules::decode(bytes)?;
    assert_eq!(Rules::decode(&rules.encode()).as_ref(), Some(&rules));
    let _ = (rules.resolve("videos", "generate"), rules.budget("videos"));
    rules.explain("videos", "generate").for_each(drop);
    Some(())
}

/// What zstd is given as a dictionary, and its results.
fn dictionary(bytes: &[u8]) -> Option<()> {
    let operation = OperationName::parse(b"generate").expect("a name");
    let dictionary = Dictionary::new(1, operation, bytes)?;
    assert_eq!(Dictionary::unsealed(&dictionary.sealed()), Some(bytes));
    let dictionary = Some(dictionary).filter(Dictionary::is_usable)?;
    let (mut press, dictionary) = (Press::default(), Arc::new(dictionary));
    let result = br#"{"status":"done","path":"/videos/7.mp4"}"#.repeat(4);
    let frame = press.compress(&result, Some(&dictionary))?;
    assert_eq!(press.open(&frame.body(), Some(&dictionary)), Some(result));
    Some(())
}

fn dictionaries(bytes: &[u8]) -> Option<()> {
    let dictionaries = Dictionaries::decode(&mut Reader::new(bytes))?;
    let mut again = Vec::new();
    dictionaries.encode(&mut again);
    assert_eq!(Dictionaries::decode(&mut Reader::new(&again)), Some(dictionaries));
    Some(())
}

/// A compressed result that was damaged and bears the checksum nevertheless.
fn frame(bytes: &[u8]) -> Option<()> {
    let (length, frame) = bytes.split_first_chunk::<2>()?;
    let length = NonZeroU32::new(u32::from(u16::from_le_bytes(*length)))?;
    let body = Body::compressed(frame, Compression { dictionary: 0, length });
    let result = Press::default().open(&body, None)?;
    assert_eq!(result.len(), length.get() as usize);
    Some(())
}

/// Words of `CACHE.APPLY`, each with its length before it.
fn effect(bytes: &[u8]) -> Option<()> {
    let mut reader = Reader::new(bytes);
    let words: Vec<&[u8]> = std::iter::from_fn(|| reader.string(usize::MAX)).collect();
    let effect = Effect::parse(&words).ok()?;
    let again = effect.words();
    let again: Vec<&[u8]> = again.iter().map(|word| &word[..]).collect();
    assert_eq!(Effect::parse(&again).as_ref(), Ok(&effect));
    let _ = effect.is_of_entries();
    Some(())
}

/// Origin, namespace and entry, which need not belong together.
fn state(bytes: &[u8]) -> Option<()> {
    let mut reader = Reader::new(bytes);
    let mut part = || reader.string(usize::MAX).unwrap_or_default();
    let (origin, namespace, record) = (Origin::decode(part())?, Namespace::decode(part()), part());
    let entry = Entry::decode_untrusted(record)?;
    let mut fingerprint = [0; 32];
    fingerprint.iter_mut().zip(entry.mark.0.to_le_bytes()).for_each(|(byte, mark)| *byte = mark);
    let stored = Stored { origin: &origin, entry, hits: 0, corrupt: false };
    let address = origin.address(Fingerprint::from_bytes(fingerprint));
    let state = State::of(&address, namespace.as_ref(), Some(stored), NOW);
    let _ = namespace.as_ref().map(|namespace| namespace.epochs().why(origin.operation(), &entry));
    let open = state.open(|stored| stored.entry.body.as_raw());
    let _ = (open.served(true), open.present());
    Some(())
}
