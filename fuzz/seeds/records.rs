//! Stored forms as they really are: of entries, namespaces, rules and effects.

use std::sync::Arc;

use redis_result_cache::core::body::Body;
use redis_result_cache::core::codec::Sink;
use redis_result_cache::core::compression::Press;
use redis_result_cache::core::compression::dictionary::Dictionary;
use redis_result_cache::core::entry::{Entry, Failure, Mark, Tags};
use redis_result_cache::core::epochs::Scope;
use redis_result_cache::core::fingerprint::Fingerprint;
use redis_result_cache::core::instant::Instant;
use redis_result_cache::core::name::{NamespaceName, OperationName};
use redis_result_cache::core::namespace::Namespace;
use redis_result_cache::core::origin::{Incarnation, Origin};
use redis_result_cache::core::policy::field::Field;
use redis_result_cache::core::policy::glob::Pattern;
use redis_result_cache::core::policy::rules::Rules;
use redis_result_cache::core::policy::value::Value;
use redis_result_cache::core::state::Address;
use redis_result_cache::protocol::apply::{Cause, Effect, Placed};

const VERSION: u64 = 1_800_000_000_000_000;

const INCARNATION: Incarnation = Incarnation(5);

/// Little enough for an input of the fuzzer.
const DICTIONARY_BYTES: usize = 1024;

pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let records = records();
    seeds.extend(records.iter().map(|record| as_kind(b'e', record)));
    seeds.extend(records.iter().map(|record| {
        let mut parts = Vec::new();
        [&origin().encode()[..], &namespace().encode(), record]
            .iter()
            .for_each(|part| parts.put_string(part));
        as_kind(b's', &parts)
    }));
    seeds.push(as_kind(b'o', &origin().encode()));
    seeds.push(as_kind(b'n', &Namespace::starting_at(INCARNATION, VERSION).encode()));
    seeds.push(as_kind(b'n', &namespace().encode()));
    seeds.push(as_kind(b'r', &rules().encode()));
    seeds.push(as_kind(b'd', dictionary().bytes()));
    let mut dictionaries = Vec::new();
    namespace().dictionaries().encode(&mut dictionaries);
    seeds.push(as_kind(b'D', &dictionaries));
    if let Some(frame) = Press::default().compress(&text(), None) {
        let length = (text().len() as u16).to_le_bytes();
        seeds.push(as_kind(b'z', &[&length, frame.body().stored()].concat()));
    }
    seeds.extend(effects(&records).iter().map(|effect| {
        let mut words = Vec::new();
        effect.words().iter().for_each(|word| words.put_string(word));
        as_kind(b'a', &words)
    }));
    seeds
}

fn as_kind(kind: u8, bytes: &[u8]) -> Vec<u8> {
    [&[kind], bytes].concat()
}

fn address() -> Address<'static> {
    Address {
        namespace: NamespaceName::parse(b"videos").expect("a name"),
        operation: OperationName::parse(b"generate").expect("a name"),
        fingerprint: Fingerprint::from_bytes([7; 32]),
    }
}

fn origin() -> Origin {
    Origin::new(address().namespace, INCARNATION, address().operation)
}

fn text() -> Vec<u8> {
    br#"{"status":"done","path":"/videos/7.mp4","part":1},"#.repeat(8)
}

/// Plain, with all optional parts, negative, and compressed.
fn records() -> Vec<Vec<u8>> {
    let (mut block, mut press) = (Vec::new(), Press::default());
    let text = text();
    let frame = press.compress(&text, None);
    let plain = Entry {
        mark: address().mark(),
        version: VERSION - 1,
        created: Instant::from_unix_ms(1_800_000_000_000),
        ttl_ms: Some(3_600_000),
        grace_ms: 0,
        took_ms: None,
        weight: None,
        tags: Tags::NONE,
        negative: false,
        failure: None,
        body: Body::raw(b"3"),
    };
    let until = Instant::from_unix_ms(1_800_000_010_000);
    let failure = Failure { until, remembered_until: until, message: b"no more credit" };
    let full = Entry {
        grace_ms: 60_000,
        took_ms: Some(1500),
        weight: Some(1 << 30),
        tags: Tags::from_list(&[b"video:7", b"user:12"], &mut block),
        failure: Some(failure),
        ..plain
    };
    let negative = Entry { negative: true, body: Body::raw(b"no more credit"), ..plain };
    let compressed = Entry { body: frame.as_ref().map_or(Body::EMPTY, |frame| frame.body()), ..plain };
    let entries = [plain, full, negative, compressed, Entry { ttl_ms: None, ..plain }];
    entries.iter().map(record).collect()
}

fn record(entry: &Entry<'_>) -> Vec<u8> {
    let mut record = Vec::new();
    entry.encode(&mut record);
    record
}

/// A small one, as training makes them.
fn dictionary() -> Dictionary {
    let sample = |n: u32| {
        format!(r#"{{"status":"done","path":"/videos/{n}.mp4","took_ms":{},"by":"w{}"}}"#, n * 37, n % 5)
    };
    let samples: Vec<String> = (0..200).map(sample).collect();
    let bytes = zstd::dict::from_samples(&samples, DICTIONARY_BYTES).expect("samples to learn from");
    Dictionary::new(1, address().operation, &bytes).expect("a dictionary")
}

fn scopes() -> [Scope<'static>; 3] {
    let pattern = Pattern::of_operations(b"gen*").expect("a pattern");
    [Scope::Tags(vec![b"video:7", b"user:1"]), Scope::Operations(vec![pattern]), Scope::All]
}

fn namespace() -> Namespace {
    let mut namespace = Namespace::starting_at(INCARNATION, VERSION - 10);
    let [tags, operations, _] = scopes();
    namespace.invalidated_scope(&tags, VERSION - 9, None);
    namespace.invalidated_scope(&operations, VERSION - 8, None);
    namespace.invalidated(Mark(3), VERSION - 7, None);
    namespace.install(Arc::new(dictionary()), &[]);
    namespace
}

fn rules() -> Rules {
    let mut rules = Rules::default();
    for (operation, field, text) in [
        ("gen*", Field::Ttl, "90s"),
        ("gen*", Field::Tags, "video:{params/seed} scene:{result/id}"),
        ("[a-g]*", Field::TtlFrom, "/status done=7d failed=1m"),
        ("*", Field::MaxBytes, "500mb"),
        ("generate", Field::Ignore, "/trace /scenes/0"),
    ] {
        let namespace = Pattern::of_namespaces(b"v*").expect("a pattern");
        let operation = Pattern::of_operations(operation.as_bytes()).expect("a pattern");
        let value = Value::parse(field, text.as_bytes()).expect("a value");
        rules.set(namespace, operation, vec![(field, value)]).expect("a rule");
    }
    rules
}

fn effects(records: &[Vec<u8>]) -> Vec<Effect<'static>> {
    let key = || address().key().as_bytes().to_vec();
    let placed = |record: &Vec<u8>| Placed {
        key: key().into(),
        origin: Arc::new(origin()),
        record: record.clone().into(),
        kept: false,
    };
    let (incarnation, version) = (INCARNATION, VERSION);
    let mut effects: Vec<Effect<'_>> =
        records.iter().map(|record| Effect::Set(Cause::Set, placed(record))).collect();
    effects.push(Effect::Many(effects.clone()));
    effects.extend(scopes().map(|scope| Effect::Scope { incarnation, version, scope }));
    let mark = address().mark();
    let left = records.first().map(placed);
    effects.push(Effect::Invalidate { key: key().into(), incarnation, version, mark, left });
    effects.push(Effect::Remove { incarnation, version, keys: vec![key().into(), key().into()] });
    effects.extend(records.first().map(placed).map(Effect::Entry));
    effects.push(Effect::Namespace(namespace()));
    effects
}
