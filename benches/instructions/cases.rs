//! What is counted: each function by itself, on fixed inputs. The texts are those of the benchmark.

use std::hint::black_box;

use redis_result_cache::core::body::Body as EntryBody;
use redis_result_cache::core::canonical::Canonicalizer;
use redis_result_cache::core::entry::{Entry, Mark, Tags};
use redis_result_cache::core::fingerprint::{Fingerprinter, HashKind};
use redis_result_cache::core::instant::Instant;
use redis_result_cache::core::limits::Limits;
use redis_result_cache::core::memo::{Memo, Secret, Spelled};
use redis_result_cache::core::name::{NamespaceName, OperationName};
use redis_result_cache::core::namespace::Namespace;
use redis_result_cache::core::origin::{Incarnation, Origin};
use redis_result_cache::core::plan::Plan;
use redis_result_cache::core::policy::field::Field;
use redis_result_cache::core::policy::glob::Pattern;
use redis_result_cache::core::policy::rules::Rules;
use redis_result_cache::core::policy::value::Value;
use redis_result_cache::core::stamp::Stamp;
use redis_result_cache::core::state::{Address, Stored, Verdict};
use redis_result_cache::core::token::{GrantId, Kind, Token};
use redis_result_cache::protocol::result::get;
use sha2::{Digest, Sha256};

use crate::jobs::{Job, OPERATION};

/// What is done once.
pub type Body = Box<dyn FnMut()>;

/// One of them.
pub struct Case {
    pub name: String,
    pub body: Body,
    /// What is a part of that and left out of the count, since it is other code on a real processor.
    pub without: Option<Body>,
}

const NAMESPACE: &str = "videos";

/// Lengths of params, as they are called.
const LENGTHS: [(&str, usize); 4] = [("150B", 150), ("600B", 600), ("8KiB", 8 << 10), ("256KiB", 256 << 10)];

const JOBS_OF_THE_PLAN: usize = 100;

const RULES: usize = 100;

const NOW_MS: u64 = 1_800_000_000_000;

/// All of them, in the order in which they are counted.
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for (length, bytes) in LENGTHS {
        let unsorted = Job::new(7, bytes).params;
        let sorted = canonical(&unsorted);
        for (order, params) in [("unsorted", unsorted), ("sorted", sorted)] {
            cases.push(canonicalise(format!("canonical/{length}/{order}"), params.clone()));
            cases.push(fingerprint(format!("fingerprint/{length}/{order}"), params));
        }
    }
    for (length, bytes) in [LENGTHS[0], LENGTHS[2]] {
        cases.push(find(format!("memo/{length}/two"), bytes, 2));
        cases.push(find(format!("memo/{length}/again"), bytes, 1));
    }
    cases.extend([encode(), decode(), hit(), arguments(), policy(), token(), plan()]);
    cases
}

fn case(name: impl Into<String>, body: impl FnMut() + 'static) -> Case {
    Case { name: name.into(), body: Box::new(body), without: None }
}

fn canonical(json: &str) -> String {
    let mut out = Vec::new();
    Canonicalizer::new().append(json.as_bytes(), &mut out).expect("params are JSON");
    String::from_utf8(out).expect("canonical JSON is UTF-8")
}

fn canonicalise(name: String, params: String) -> Case {
    let mut canonicalizer = Canonicalizer::new();
    let mut out = Vec::new();
    case(name, move || {
        out.clear();
        canonicalizer.append(black_box(params.as_bytes()), &mut out).expect("params are JSON");
        black_box(&out);
    })
}

/// A fingerprint, without the hash of the bytes that it is of.
fn fingerprint(name: String, params: String) -> Case {
    let text = format!(r#"{{"operation":"{OPERATION}","params":{}}}"#, canonical(&params));
    let mut fingerprinter = Fingerprinter::new();
    let make = case(name, move || {
        let params = black_box(params.as_bytes());
        black_box(fingerprinter.fingerprint(black_box(OPERATION), params, HashKind::Sha256, &[]))
            .expect("params are JSON");
    });
    Case { without: Some(sha256(text)), ..make }
}

fn sha256(text: String) -> Body {
    Box::new(move || {
        black_box(Sha256::digest(black_box(text.as_bytes())));
    })
}

fn namespace() -> NamespaceName<'static> {
    NamespaceName::parse(NAMESPACE.as_bytes()).expect("a namespace's name")
}

fn operation() -> OperationName<'static> {
    OperationName::parse(OPERATION.as_bytes()).expect("an operation's name")
}

/// Two spellings that the memo knows, in turn, so that each is hashed; or one again and again, which is compared.
fn find(name: String, bytes: usize, different: usize) -> Case {
    let mut memo = Memo::new(Secret([1, 2, 3, 4]));
    let texts: Vec<String> = (0..different).map(|number| Job::new(number, bytes).params).collect();
    let mut look = move || {
        for params in &texts {
            let words = [NAMESPACE, OPERATION, params].map(str::as_bytes);
            let Spelled::As(spelling) = memo.spelling(black_box(words)) else { panic!("these are names") };
            if black_box(memo.find(spelling)).is_none() {
                memo.remember(spelling, params.as_bytes(), || 7u64);
            }
        }
    };
    (0..3).for_each(|_| look());
    case(name, look)
}

fn address() -> Address<'static> {
    let params = Job::new(7, 150).params;
    let fingerprint = Fingerprinter::new()
        .fingerprint(OPERATION, params.as_bytes(), HashKind::Sha256, &[])
        .expect("params are JSON");
    Address { namespace: namespace(), operation: operation(), fingerprint }
}

/// An entry as most are: fresh for an hour, with what it took and two tags.
fn entry<'a>(mark: Mark, tags: Tags<'a>, result: &'a [u8]) -> Entry<'a> {
    Entry {
        mark,
        version: NOW_MS * 1000,
        created: Instant::from_unix_ms(NOW_MS),
        ttl_ms: Some(3_600_000),
        grace_ms: 0,
        took_ms: Some(4500),
        weight: None,
        tags,
        negative: false,
        failure: None,
        body: EntryBody::raw(result),
    }
}

const TAGS: [&[u8]; 2] = [b"video:7", b"user:12"];

fn record() -> Vec<u8> {
    let (mut tags, mut record) = (Vec::new(), Vec::new());
    let result = Job::new(7, 150).result;
    entry(address().mark(), Tags::from_list(&TAGS, &mut tags), result.as_bytes()).encode(&mut record);
    record
}

/// The record of a result, with its checksum and its tags.
fn encode() -> Case {
    let (mut tags, mut record) = (Vec::new(), Vec::new());
    let (mark, result) = (address().mark(), Job::new(7, 150).result);
    case("entry/encode", move || {
        record.clear();
        let tags = Tags::from_list(black_box(&TAGS), &mut tags);
        entry(mark, tags, black_box(result.as_bytes())).encode(&mut record);
        black_box(&record);
    })
}

fn decode() -> Case {
    let record = record();
    case("entry/decode", move || {
        black_box(Entry::decode(black_box(&record))).expect("a record");
    })
}

/// What GET does between finding an entry and its reply.
fn hit() -> Case {
    let record = record();
    let (address, incarnation) = (address(), Incarnation(5));
    let origin = Origin::new(address.namespace, incarnation, address.operation);
    let namespace = Namespace::starting_at(incarnation, NOW_MS * 1000);
    let now = Instant::from_unix_ms(NOW_MS + 1000);
    case("state/hit", move || {
        let entry = Entry::decode(black_box(&record)).expect("a record");
        let stored = Stored { origin: &origin, entry, hits: 0, corrupt: false };
        let verdict = Verdict::on(black_box(&address), Some(&namespace), &stored, black_box(now));
        assert_eq!(verdict, Verdict::Fresh);
        black_box(stored.entry.body.as_raw()).expect("not compressed");
    })
}

fn arguments() -> Case {
    let params = Job::new(7, 150).params;
    let limits = Limits::default();
    case("arguments/get", move || {
        let words = [NAMESPACE.as_bytes(), OPERATION.as_bytes(), params.as_bytes(), b"STALE"];
        black_box(get::Request::parse(black_box(&words), &limits)).expect("arguments of GET");
    })
}

/// The policy of an operation among many rules, of which three say something of it.
fn policy() -> Case {
    let mut rules = Rules::default();
    let mut say = |namespace: &str, operation: &str, field: Field, text: &str| {
        let namespace = Pattern::of_namespaces(namespace.as_bytes()).expect("a pattern");
        let operation = Pattern::of_operations(operation.as_bytes()).expect("a pattern");
        let value = Value::parse(field, text.as_bytes()).expect("a value");
        rules.set(namespace, operation, vec![(field, value)]).expect("a rule");
    };
    say("*", "*", Field::Ttl, "2h");
    say("video?", "*", Field::Grace, "1d");
    say("videos", "generate*", Field::Tags, "video:{params/seed}");
    for number in 3..RULES {
        say(&format!("videos{number}"), "generate*", Field::Ttl, "5m");
    }
    case(format!("policy/{RULES}-rules"), move || {
        black_box(rules.resolve(black_box(NAMESPACE), black_box(OPERATION)));
    })
}

/// A token, without the hash of the namespace's name by which it is compared.
fn token() -> Case {
    let since = Stamp::new(namespace(), Incarnation(5), NOW_MS * 1000);
    let id = GrantId { server: 0x0123_4567_89ab_cdef, number: 7 };
    let token = Token::new(Kind::Lease, &address(), since, id, Box::default()).to_string();
    let parse = case("token/parse", move || {
        black_box(Token::parse(black_box(token.as_bytes()), black_box(namespace()))).expect("a token");
    });
    Case { without: Some(sha256(NAMESPACE.into())), ..parse }
}

/// A plan's text, of which each job depends on the one before.
fn plan() -> Case {
    let job = |id: usize| {
        let after = if id == 0 { String::new() } else { format!(r#","dependsOn":[{}]"#, id - 1) };
        format!(r#"{{"id":{id},"operation":"{OPERATION}","params":{}{after}}}"#, Job::new(id, 150).params)
    };
    let jobs: Vec<String> = (0..JOBS_OF_THE_PLAN).map(job).collect();
    let text = format!(r#"{{"jobs":[{}]}}"#, jobs.join(","));
    let limits = Limits::default();
    case(format!("plan/{JOBS_OF_THE_PLAN}-jobs"), move || {
        black_box(Plan::parse(black_box(text.as_bytes()), &limits)).expect("a plan");
    })
}
