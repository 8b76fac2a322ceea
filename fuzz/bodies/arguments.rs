//! Words of clients, one a line: the first says what the others are taken for. What is accepted is shown and read again, and is
//! the same.

use redis_result_cache::core::fingerprint::Fingerprinter;
use redis_result_cache::core::instant::Instant;
use redis_result_cache::core::lifetime::Terms;
use redis_result_cache::core::limits::Limits;
use redis_result_cache::core::merge::{self, Buffers};
use redis_result_cache::core::name::NamespaceName;
use redis_result_cache::core::plan::Plan;
use redis_result_cache::core::pointer::{Pointer, find_all};
use redis_result_cache::core::policy::Policy;
use redis_result_cache::core::policy::glob::Pattern;
use redis_result_cache::core::policy::rules::Rules;
use redis_result_cache::core::policy::templates;
use redis_result_cache::core::policy::value::Value;
use redis_result_cache::core::set::{self, Source, Subject};
use redis_result_cache::core::stamp::Stamp;
use redis_result_cache::core::state::{Address, OpenState, State, Why};
use redis_result_cache::core::token::Token;
use redis_result_cache::protocol::entry_arguments::EntryArguments;
use redis_result_cache::protocol::{clock, invalidate, plan, policy, resetstats, result, stats, warm};
use serde_json::value::RawValue;

const NOW: Instant = Instant::from_unix_ms(1_800_000_000_000);

const VERSION: u64 = 1_800_000_000_000_000;

pub fn run(input: &[u8]) {
    is_accepted(input);
}

/// Runs it; whether the words were accepted as what the first says.
pub fn is_accepted(input: &[u8]) -> bool {
    let words: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    let Some((&name, words)) = words.split_first() else { return false };
    let limits = Limits::default();
    let accepted = match name {
        b"GET" => result::get::Request::parse(words, &limits).ok().map(|request| entry(&request.entry)),
        b"FETCH" => result::fetch::Request::parse(words, &limits).ok().map(drop),
        b"FILL" => result::fill::Request::parse(words, &limits, &mut Vec::new()).ok().map(drop),
        b"FAIL" => result::fail::Request::parse(words, &limits).ok().map(drop),
        b"RENEW" => result::renew::Request::parse(words, &limits).ok().map(drop),
        b"RELEASE" => result::release::parse(words).ok().map(drop),
        b"NEXT" => result::next::Request::parse(words, &limits).ok().map(drop),
        b"INVALIDATE" => result::invalidate::Request::parse(words, &limits).ok().map(drop),
        b"TAG" => invalidate::tag::parse(words, &limits).ok().map(drop),
        b"OPERATION" => invalidate::operation::parse(words).ok().map(drop),
        b"NAMESPACE" => invalidate::namespace::parse(words).ok().map(drop),
        b"STATS" => stats::parse(words).ok().map(drop),
        b"RESETSTATS" => resetstats::parse(words).ok().map(drop),
        b"CLOCK" => clock::parse(words).ok().map(drop),
        b"SET" => set(words, &limits),
        b"MERGE" => merge(words, &limits),
        b"WARM" => warm(words, &limits),
        b"PLAN" => plan(words, &limits),
        b"POLICY" => policy(words),
        b"TOKEN" => token(words),
        b"GLOB" => glob(words),
        b"TAGS" => tags(words),
        b"POINTER" => pointers(words),
        _ => None,
    };
    accepted.is_some()
}

/// Params become a fingerprint, and that a key from which it is read again.
fn entry(entry: &EntryArguments<'_>) {
    let mut fingerprinter = Fingerprinter::new();
    if let Ok(fingerprint) = entry.fingerprint(&mut fingerprinter, &Policy::default()) {
        let address = entry.address(fingerprint);
        assert_eq!(Address::of_key(entry.namespace, address.key().as_bytes()), Some(address));
    }
}

fn set(words: &[&[u8]], limits: &Limits) -> Option<()> {
    let mut block = Vec::new();
    let request = result::set::Request::parse(words, limits, &mut block).ok()?;
    let policy = Policy::default();
    let terms = Terms { policy: &policy, limits, now: NOW };
    let fingerprint = request.entry.fingerprint(&mut Fingerprinter::new(), &policy).ok()?;
    let subject = Subject { fingerprint: &fingerprint, source: Source::Unknown };
    let state = State::Absent(Why::Unknown);
    set::decide(&request.write, &subject, &state, VERSION, &terms, &mut Vec::new()).ok().map(drop)
}

fn merge(words: &[&[u8]], limits: &Limits) -> Option<()> {
    let mut block = Vec::new();
    let request = result::merge::Request::parse(words, limits, &mut block).ok()?;
    let policy = Policy::default();
    let terms = Terms { policy: &policy, limits, now: NOW };
    let fingerprint = request.entry.fingerprint(&mut Fingerprinter::new(), &policy).ok()?;
    let subject = Subject { fingerprint: &fingerprint, source: Source::Unknown };
    let (mut result, mut kept, mut tags) = (Vec::new(), Vec::new(), Vec::new());
    let buffers = Buffers { result: &mut result, kept_tags: &mut kept, tags: &mut tags };
    let state = OpenState::Absent(Why::Unknown);
    let decision = merge::decide(&request.merge, &subject, &state, VERSION, &terms, buffers).ok()?;
    if decision != merge::Decision::Nothing {
        // What numbers come to may be spelled as no double is, but it is JSON.
        assert!(serde_json::from_slice::<&RawValue>(&result).is_ok());
    }
    Some(())
}

fn warm(words: &[&[u8]], limits: &Limits) -> Option<()> {
    let mut block = Vec::new();
    let words = warm::Words::read(words).ok()?;
    let request = warm::Request::parse(&words, limits, &mut block).ok()?;
    (0..request.rows()).for_each(|row| assert!(request.row(row, limits).is_some()));
    assert!(request.row(request.rows(), limits).is_none());
    Some(())
}

fn plan(words: &[&[u8]], limits: &Limits) -> Option<()> {
    let _ = (plan::Request::parse(words, limits), invalidate::plan::Request::parse(words));
    let (text, from) = (words.get(1)?, words.get(2));
    let plan = Plan::parse(text, limits).ok()?;
    let mut fingerprinter = Fingerprinter::new();
    for job in &plan.jobs {
        assert!((job.operation as usize) < plan.operations.len());
        let params = job.params.of(text);
        assert!(!params.is_empty());
        let _ = fingerprinter.canonical(params);
    }
    let reached = from.map(|id| plan.from(text, id).unwrap_or_default()).unwrap_or_default();
    assert!(reached.is_sorted() && reached.iter().all(|job| *job < plan.jobs.len()));
    Some(())
}

/// A rule is shown as what it was read from, stored and resolved.
fn policy(words: &[&[u8]]) -> Option<()> {
    let _ = (policy::del::Request::parse(words), policy::get::parse(words), policy::explain::parse(words));
    let request = policy::set::Request::parse(words).ok()?;
    for (field, value) in &request.values {
        assert_eq!(Value::parse(*field, value.to_string().as_bytes()).as_ref(), Ok(value));
    }
    let policy::Patterns { namespace, operation } = request.patterns;
    let mut rules = Rules::default();
    if rules.set(namespace, operation, request.values).is_ok() {
        assert_eq!(Rules::decode(&rules.encode()).as_ref(), Some(&rules));
        let policy = rules.resolve("videos", "generate");
        let params = br#"{"b":{"c":1},"a":[1,2,{"x":"y"}]}"#;
        let print = Fingerprinter::new().fingerprint("generate", params, policy.hash, &policy.ignore);
        assert!(print.is_ok());
    }
    Some(())
}

fn token(words: &[&[u8]]) -> Option<()> {
    let &[namespace, text] = words else { return None };
    let namespace = NamespaceName::parse(namespace).ok()?;
    if let Ok(stamp) = Stamp::parse(text, namespace) {
        assert_eq!(stamp.to_string().as_bytes(), text);
        return Some(());
    }
    let token = Token::parse(text, namespace).ok()?;
    assert_eq!(Token::parse(token.to_string().as_bytes(), namespace).as_ref(), Ok(&token));
    assert!(token.address(namespace).is_ok());
    Some(())
}

fn glob(words: &[&[u8]]) -> Option<()> {
    let &[pattern, name] = words else { return None };
    let pattern = Pattern::of_namespaces(pattern).ok()?;
    let matches = pattern.matches(name);
    assert!(!pattern.is_name() || matches == (pattern.as_str().as_bytes() == name));
    Some(())
}

/// Templates with params and a result.
fn tags(words: &[&[u8]]) -> Option<()> {
    let &[text, params, result] = words else { return None };
    let text = str::from_utf8(text).ok()?;
    let read = templates::parse(text).ok()?;
    let mut out = Vec::new();
    templates::tags(&read, Some(params), result, &mut out);
    let bound = templates::bind(&read, params);
    if Token::check_tags(&bound).is_ok() {
        assert_eq!(templates::from_json(&templates::to_json(&bound)), Some(bound));
    }
    Some(())
}

/// Nothing is read deeper than this; where one pointer leads there, none of those beside it finds anything.
const DEEPEST: usize = 120;

/// All pointers at once find what each finds by itself.
fn pointers(words: &[&[u8]]) -> Option<()> {
    let (json, texts) = words.split_last()?;
    let pointers: Vec<Pointer> = texts.iter().filter_map(|text| Pointer::parse(text).ok()).take(8).collect();
    let found = find_all(&pointers.iter().collect::<Vec<_>>(), json);
    assert_eq!(found.len(), pointers.len());
    if json.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() > DEEPEST {
        return Some(());
    }
    for (pointer, found) in pointers.iter().zip(&found) {
        assert_eq!(pointer.find(json).as_ref(), found.scalar());
    }
    Some(())
}
