use proptest::prelude::*;

use super::super::codec::Reader;
use super::super::name::OperationName;
use super::super::origin::Incarnation;
use super::dictionary::{Dictionaries, Dictionary};
use super::training::{Lesson, SAMPLE_BYTES, Sampler, Subject};
use super::uses::Uses;
use super::*;

/// A result as JSON APIs give them: `n` tells one from the next.
fn result(n: u64, members: u64) -> Vec<u8> {
    let member = |m: u64| {
        let id = n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(m as u32 % 64) ^ m;
        format!(r#"{{"id":"{id:016x}","status":"completed","progress":100,"durationMs":{}}}"#, id % 100_000)
    };
    let list: Vec<String> = (0..members).map(member).collect();
    format!(r#"{{"videos":[{}],"page":{n}}}"#, list.join(",")).into_bytes()
}

const SUBJECT: Subject<'static> =
    Subject { database: 0, namespace: "n", incarnation: Incarnation(1), operation: "o" };

/// What comes of so many results; the sampler draws as a die that always shows `random`.
fn lesson(results: impl Iterator<Item = Vec<u8>>, random: u64) -> Option<Lesson> {
    let mut sampler = Sampler::default();
    results.into_iter().find_map(|result| sampler.see(SUBJECT, false, &result, || random))
}

/// What was learnt from two hundred results.
fn learnt() -> Vec<u8> {
    let lesson = lesson((0..).map(|n| result(n, 3)), 0).expect("a lesson");
    lesson.learn(None, &mut Press::default()).expect("a dictionary")
}

fn dictionary(number: u32, operation: &str, bytes: &[u8]) -> Option<Arc<Dictionary>> {
    let operation = OperationName::parse(operation.as_bytes()).expect("an operation");
    Dictionary::new(number, operation, bytes).map(Arc::new)
}

fn forged(bytes: &[u8], length: u32) -> Option<Vec<u8>> {
    let length = NonZeroU32::new(length).expect("not zero");
    Press::default().open(&Body::compressed(bytes, Compression { dictionary: 0, length }), None)
}

#[test]
fn what_pays_is_compressed_and_the_rest_is_not() {
    let mut press = Press::default();
    let frame = press.compress(&result(1, 100), None).expect("a frame");
    assert!(frame.body().stored().len() * 3 < frame.body().length());
    assert_eq!(frame.body().as_raw(), None);
    let mut noise = vec![0; 4000];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    for incompressible in [&noise[..], b"", b"x", b"0123456789"] {
        assert_eq!(press.compress(incompressible, None), None);
    }
}

#[test]
fn what_is_wanted() {
    assert!(!is_wanted(1000, None));
    assert_eq!([99, 100, 1 << 20].map(|length| is_wanted(length, Some(100))), [false, true, true]);
    assert!(!is_wanted((1 << 20) + 1, Some(100)), "it would take too long to open");
}

#[test]
fn damage_and_lies_are_noticed() {
    let frame = Press::default().compress(&result(1, 20), None).expect("a frame");
    let (stored, length) = (frame.body().stored(), frame.body().length() as u32);
    assert_eq!(forged(stored, length), Some(result(1, 20)));
    assert_eq!([forged(stored, length - 1), forged(stored, length + 1)], [None, None]);
    assert_eq!(forged(&stored[..stored.len() - 1], length), None);
    assert_eq!(forged(b"", 1), None);
    let mut record = Vec::new();
    frame.body().encode(&mut record);
    let opened = |record: &[u8]| {
        let body = Body::decode(Reader::new(record), true).expect("a body");
        Press::default().open(&body, None)
    };
    assert_eq!(opened(&record), Some(result(1, 20)));
    let checksum_at = record.len() - stored.len() - 1;
    record[checksum_at] ^= 1;
    assert_eq!(opened(&record), None, "what it would open to is never looked at");
    let numbered = Compression { dictionary: 1, length: NonZeroU32::new(length).expect("not zero") };
    assert_eq!(Press::default().open(&Body::compressed(stored, numbered), None), None, "no such dictionary");
}

#[test]
fn a_dictionary_makes_short_results_smaller_and_opens_what_it_made() {
    let mut press = Press::default();
    let dictionary = dictionary(7, "o", &learnt()).expect("a dictionary");
    assert!(dictionary.is_usable());
    let short = result(12_345, 3);
    let with = press.compress(&short, Some(&dictionary)).expect("it pays");
    let without = press.compress(&short, None).map_or(short.len(), |frame| frame.body().stored().len());
    assert!(with.body().stored().len() * 3 < without * 2, "{} of {without}", with.body().stored().len());
    assert_eq!(with.body().compression().map(|compression| compression.dictionary), Some(7));
    assert_eq!(press.open(&with.body(), Some(&dictionary)), Some(short));
}

#[test]
fn another_dictionary_of_the_same_number_opens_nothing() {
    let mut press = Press::default();
    let own = dictionary(7, "o", &learnt()).expect("a dictionary");
    let bytes = lesson((5000..).map(|n| result(n, 4)), 0).expect("a lesson").learn(None, &mut press);
    let other = dictionary(7, "o", &bytes.expect("a dictionary")).expect("a dictionary");
    let frame = press.compress(&result(1, 3), Some(&own)).expect("a frame");
    assert_eq!(press.open(&frame.body(), Some(&other)), None);
    assert_eq!(press.open(&frame.body(), None), None);
    let renumbered = dictionary(8, "o", own.bytes()).expect("a dictionary");
    assert_eq!(press.open(&frame.body(), Some(&renumbered)), None);
}

#[test]
fn prepared_dictionaries_come_and_go() {
    let (mut press, bytes) = (Press::default(), learnt());
    let all: Vec<_> =
        (1..=PREPARED as u32 + 9).filter_map(|number| dictionary(number, "o", &bytes)).collect();
    for round in 0..3u64 {
        for dictionary in &all {
            let result = result(round, 3);
            let frame = press.compress(&result, Some(dictionary)).expect("a frame");
            assert_eq!(press.open(&frame.body(), Some(dictionary)), Some(result));
        }
    }
    assert_eq!(press.prepared.len(), PREPARED);
}

#[test]
fn another_dictionary_is_learnt_only_where_it_pays() {
    let mut press = Press::default();
    let present = dictionary(1, "o", &learnt());
    let alike = lesson((90_000..).map(|n| result(n, 3)), 0).expect("a lesson");
    assert!(alike.learn(present.as_ref(), &mut press).is_none());
    let otherwise = |n: u64| {
        format!(r#"<video key="{n:x}" state="ready" frames="{}"/>"#, n * 7919).repeat(3).into_bytes()
    };
    let changed = lesson((0..).map(otherwise), 0).expect("a lesson");
    assert!(changed.learn(present.as_ref(), &mut press).is_some());
    let noise = |n: u64| {
        let mut noise = vec![0; 300];
        blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof().fill(&mut noise);
        noise
    };
    assert!(lesson((0..).map(noise), 0).expect("a lesson").learn(None, &mut press).is_none());
}

#[test]
fn a_sample_is_bounded_and_drawn_from_all() {
    let long = || (0..199u64).map(|n| result(n, 190));
    assert!(result(0, 190).len() < SAMPLE_BYTES);
    assert!(lesson(long(), 0).is_none(), "not enough were seen");
    let lesson = lesson(long().chain([result(7, 3)]), 3).expect("a lesson");
    assert!(lesson.bytes() <= 256 << 10);
    assert!(lesson.samples.iter().any(|sample| **sample == *result(7, 3)), "the last had its chance");
    let mut sampler = Sampler::default();
    assert!((0..1000).all(|_| sampler.see(SUBJECT, false, &[b'x'; SAMPLE_BYTES + 1], || 0).is_none()));
    assert_eq!(sampler.bytes(), 0);
    for n in 0..40_000u64 {
        let operation = format!("o{}", n % 100);
        sampler.see(Subject { operation: &operation, ..SUBJECT }, true, &result(n, 9), || n);
        assert!(sampler.bytes() <= 32 * (256 << 10));
    }
    sampler.see(SUBJECT, true, b"some result", || 0);
    let before = sampler.bytes();
    sampler.forget(Some(1), None);
    sampler.forget(None, Some("m"));
    assert_eq!(sampler.bytes(), before);
    sampler.forget(Some(0), Some("n"));
    assert_eq!(sampler.bytes(), 0);
}

#[test]
fn each_lesson_comes_later_than_the_one_before() {
    let mut sampler = Sampler::default();
    let lessons: Vec<u64> =
        (1..30_000).filter(|n| sampler.see(SUBJECT, true, b"some result", || *n).is_some()).collect();
    assert_eq!(lessons, [200, 2200, 22_200]);
}

#[test]
fn dictionaries_are_bounded_and_numbered_once() {
    let bytes = learnt();
    let new = |number, operation: &str| dictionary(number, operation, &bytes).expect("a dictionary");
    let mut dictionaries = Dictionaries::default();
    for number in 1..=4 {
        assert!(dictionaries.admits(&new(number, "o"), &[]));
        dictionaries.install(new(number, "o"), &[]);
    }
    assert_eq!(dictionaries.newest("o").map(|newest| newest.number()), Some(4));
    assert!(dictionaries.newest("p").is_none());
    assert!(!dictionaries.admits(&new(5, "o"), &[]), "four of one operation");
    assert!(dictionaries.admits(&new(5, "o"), &[2]));
    assert!(!dictionaries.admits(&new(4, "p"), &[]), "that number was given");
    dictionaries.install(new(9, "p"), &[]);
    assert_eq!(dictionaries.superseded("o", |number| number == 2), [1, 3, 4]);
    assert_eq!(dictionaries.superseded("p", |number| number == 2), [1, 3, 9]);
    assert_eq!(dictionaries.superseded("q", |_| false), [1, 2, 3], "results are still compressed with those");
    let mut stored = Vec::new();
    dictionaries.encode(&mut stored);
    assert_eq!(Dictionaries::decode(&mut Reader::new(&stored)), Some(dictionaries.clone()));
    for cut in (0..stored.len()).step_by(97) {
        assert_eq!(Dictionaries::decode(&mut Reader::new(&stored[..cut])), None, "cut at {cut}");
    }
    stored[0] = 8;
    assert_eq!(Dictionaries::decode(&mut Reader::new(&stored)), None, "a number beyond the last");
    assert_eq!(dictionary(0, "o", &bytes), None);
    assert_eq!(dictionary(1, "o", b"no dictionary at all"), None);
    let mut damaged = bytes.clone();
    damaged[8..40].fill(0xff);
    assert!(!dictionary(1, "o", &damaged).expect("it has an identity").is_usable());
}

#[test]
fn uses_are_counted_by_life_and_number() {
    use super::super::entry::Entry;
    let uses = Uses::default();
    let record = |number: u8| [&[0x80, 0x01][..], &[0; 8], &[5, 1, number, 9], &[0; 4], b"frame"].concat();
    let (first, none) = (record(1), record(0));
    let [first, none] = [&first, &none].map(|record| Entry::decode(record).expect("a record"));
    uses.add(Incarnation(1), Some(&first));
    uses.add(Incarnation(1), Some(&first));
    uses.add(Incarnation(1), Some(&none));
    uses.add(Incarnation(1), None);
    assert!(uses.has(Incarnation(1), 1) && !uses.has(Incarnation(2), 1) && !uses.has(Incarnation(1), 0));
    uses.subtract(Incarnation(1), Some(&first));
    assert!(uses.has(Incarnation(1), 1));
    uses.subtract(Incarnation(1), Some(&first));
    assert!(!uses.has(Incarnation(1), 1));
}

proptest! {
    #[test]
    fn hostile_frames_and_dictionaries_give_what_was_stated_or_nothing(
        n in any::<u64>(), at in any::<usize>(), byte in any::<u8>(), in_dictionary in any::<bool>(),
    ) {
        let mut bytes = learnt();
        let own = dictionary(1, "o", &bytes).expect("a dictionary");
        let frame = Press::default().compress(&result(n, 3), Some(&own)).expect("a frame");
        let (mut stored, compression) = (frame.body().stored().to_vec(), frame.body().compression().expect("one"));
        let changed = if in_dictionary { &mut bytes } else { &mut stored };
        let at = at % changed.len();
        changed[at] = byte;
        let Some(other) = dictionary(1, "o", &bytes) else { return Ok(()) };
        let mut press = Press::default();
        if let Some(result) = press.open(&Body::compressed(&stored, compression), Some(&other)) {
            prop_assert_eq!(result.len(), compression.length.get() as usize);
        }
        let _ = press.compress(&result(n, 5), Some(&other));
    }

    #[test]
    fn a_result_comes_back(n in any::<u64>(), members in 0..200u64, noise in any::<Vec<u8>>()) {
        let result = [&result(n, members)[..], &noise].concat();
        let mut press = Press::default();
        if let Some(frame) = press.compress(&result, None) {
            prop_assert!(frame.body().stored().len() < result.len());
            prop_assert_eq!(press.open(&frame.body(), None), Some(result));
        }
    }

    #[test]
    fn hostile_frames_give_what_was_stated_or_nothing(
        n in any::<u64>(), at in any::<usize>(), byte in any::<u8>(), length in 1..100_000u32, noise in any::<Vec<u8>>(),
    ) {
        let frame = Press::default().compress(&result(n, 30), None).expect("a frame");
        let mut bytes = frame.body().stored().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        for bytes in [&bytes[..], &noise] {
            for length in [length, frame.body().length() as u32] {
                if let Some(result) = forged(bytes, length) {
                    prop_assert_eq!(result.len(), length as usize);
                    prop_assert!(result.capacity() <= length as usize);
                }
            }
        }
    }
}
