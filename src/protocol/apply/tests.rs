use super::*;
use crate::core::body::Body;
use crate::core::entry::Tags;
use crate::core::limits::MAX_INTEGER;
use crate::core::name::{NamespaceName, OperationName};
use crate::core::policy::glob::Pattern;
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
    let sample = |n: usize| format!(r#"{{"id":{n},"state":"completed","size":{}}}"#, n * 7919).into_bytes();
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
