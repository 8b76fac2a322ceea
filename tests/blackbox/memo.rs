//! The memo of spellings: nobody can tell that it is there, but by how soon the answer comes.

use crate::harness::{Launch, Random, Server, Value, ok, wait_for_replica_in_sync};
use crate::{args, cache, call};

/// Params in several spellings, which the rules below hash in several ways; some are refused.
const PARAMS: [&str; 12] = [
    r#"{"a":1,"b":2,"at":3}"#,
    r#"{"b":2,"a":1,"at":4}"#,
    r#"{ "b" : 2.0, "\u0061": 1e0, "at":3 }"#,
    r#"{"a":1,"b":2}"#,
    r#"{"a":1,"b":3}"#,
    "[1,2]",
    "[1, 2]",
    "9007199254740993",
    "fp:08d9986d2f11160a87b06e1f7cbb67b6a84e749af87b2425546ad7d8b4082d81",
    r#"{"a":1,"a":2}"#,
    r#"{"a":"#,
    "1 2",
];

const NAMESPACES: [&str; 3] = ["ns", "ns2", "bad name"];
const OPERATIONS: [&str; 3] = ["op", "op2", "{op}"];

/// What rules say of hashing.
const RULES: [[&str; 2]; 5] =
    [["HASH", "blake3"], ["HASH", "sha256"], ["IGNORE", "/at"], ["IGNORE", "/b"], ["BYPASS", "yes"]];

/// A command that looks something up, stores or forgets it, or changes what the rules say.
fn any_command(random: &mut Random, step: usize) -> Vec<Vec<u8>> {
    let rule_of = |random: &mut Random| (*random.pick(&["*", "ns", "ns2"]), *random.pick(&["*", "op"]));
    if random.once_in(40) {
        let (namespace, operation) = rule_of(random);
        let [field, value] = *random.pick(&RULES);
        return args!["CACHE.POLICY", "SET", namespace, operation, field, value];
    }
    if random.once_in(60) {
        let (namespace, operation) = rule_of(random);
        return args!["CACHE.POLICY", "DEL", namespace, operation];
    }
    let (namespace, operation) = (*random.pick(&NAMESPACES), *random.pick(&OPERATIONS));
    let mut params = random.pick(&PARAMS).as_bytes().to_vec();
    if random.once_in(8) {
        params = random.mutated(&params);
    }
    match random.below(10) {
        0..4 => args!["CACHE.RESULT", "GET", namespace, operation, params],
        4..7 => args!["CACHE.RESULT", "KEY", namespace, operation, params],
        7 => args!["CACHE.RESULT", "EXISTS", namespace, operation, params],
        8 => args!["CACHE.RESULT", "SET", namespace, operation, params, step],
        _ => args!["CACHE.RESULT", "INVALIDATE", namespace, operation, params],
    }
}

#[test]
fn replies_are_the_same_without_it() {
    let (with, without) = (Server::start(), Launch::new().line("cache.memo no").start());
    let (mut with, mut without) = (with.client(), without.client());
    assert_eq!(call!(without, "CONFIG", "GET", "cache.memo").field("cache.memo").text(), "no");
    let mut random = Random::seeded(9);
    for step in 0..20_000 {
        if random.once_in(1000) {
            let memo = *random.pick(&["yes", "no", "yes"]);
            assert_eq!(call!(with, "CONFIG", "SET", "cache.memo", memo), ok());
        }
        let command = any_command(&mut random, step);
        let shown = || command.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>();
        assert_eq!(with.call(&command), without.call(&command), "step {step}: {:?}", shown());
    }
}

/// Plans of some of the params above, with ids and without.
fn any_plan(random: &mut Random) -> String {
    let job = |index: usize, random: &mut Random| {
        // What names a fingerprint is no JSON, and the last three are no params.
        let accepted = if random.once_in(12) { (PARAMS.len(), 3) } else { (8, 2) };
        let (params, operation) =
            (random.pick(&PARAMS[..accepted.0]), random.pick(&OPERATIONS[..accepted.1]));
        let on = if index > 0 && random.once_in(2) {
            format!(r#","dependsOn":[{}]"#, index - 1)
        } else {
            String::new()
        };
        format!(r#"{{"id":{index},"operation":"{operation}","params":{params}{on}}}"#)
    };
    let jobs: Vec<String> = (0..1 + random.below(4)).map(|index| job(index, random)).collect();
    format!("[{}]", jobs.join(","))
}

/// What can be compared between two servers: of a job its status and its value.
fn comparable(reply: &Value) -> String {
    match reply {
        Value::Array(jobs) => {
            jobs.iter().map(|job| format!("{:?} {:?}", job.array()[0], job.array()[1])).collect()
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn plans_are_answered_the_same_without_it() {
    let (with, without) = (Server::start(), Launch::new().line("cache.memo no").start());
    let (mut with, mut without) = (with.client(), without.client());
    let mut random = Random::seeded(10);
    let plans: Vec<String> = (0..40).map(|_| any_plan(&mut random)).collect();
    for step in 0..10_000 {
        if random.once_in(1000) {
            let memo = *random.pick(&["yes", "no", "yes"]);
            assert_eq!(call!(with, "CONFIG", "SET", "cache.memo", memo), ok());
        }
        let plan = random.pick(&plans);
        let namespace = *random.pick(&NAMESPACES[..2]);
        let command = match random.below(20) {
            0..8 => args!["CACHE.PLAN", namespace, plan],
            8..11 => args!["CACHE.INVALIDATE", "PLAN", namespace, plan],
            11 => args!["CACHE.INVALIDATE", "PLAN", namespace, plan, "FROM", "1"],
            12 => args!["CACHE.INVALIDATE", "PLAN", namespace, plan, "SOFT"],
            13 => args!["CONFIG", "SET", "cache.plan-max-jobs", *random.pick(&["2", "10000", "10000"])],
            _ => any_command(&mut random, step),
        };
        let (with, without) = (with.call(&command), without.call(&command));
        let shown = || command.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>();
        assert_eq!(comparable(&with), comparable(&without), "step {step}: {:?}", shown());
    }
}

/// Plans that take more than the memo does.
#[test]
fn plans_take_no_more_than_they_may() {
    let server = Server::start();
    let mut client = server.client();
    let mut used = || -> usize { client.info("memory", "used_memory").unwrap().parse().unwrap() };
    let before = used();
    let plan = |number: usize| {
        let job = |n: usize| format!(r#"{{"operation":"op","params":[{number},{n}]}}"#);
        format!("[{}]", (0..10_000).map(job).collect::<Vec<_>>().join(","))
    };
    let mut other = server.client();
    for number in (0..15).chain([14, 14]) {
        assert_eq!(call!(other, "CACHE.INVALIDATE", "PLAN", "ns", plan(number)), 0.into());
    }
    let taken = used() - before;
    // The memo of spellings is full by now, too, and what the client sent may still be there.
    assert!((8 << 20..40 << 20).contains(&taken), "it takes {taken} bytes");
    assert_eq!(call!(other, "CONFIG", "SET", "cache.memo", "no"), ok());
    drop(other);
    let left = used().saturating_sub(before);
    assert!(left < 4 << 20, "switched off it takes {left} bytes");
}

/// Each job has an operation of its own, for which rules make a policy; all but the first have a long name.
#[test]
fn plans_of_many_operations_take_no_more_than_they_may() {
    let server = Server::start();
    let mut client = server.client();
    call!(client, "CACHE.POLICY", "SET", "*", "*", "TTL", "1m");
    let job = |operation: String| format!(r#"{{"operation":"{operation}","params":0}}"#);
    for number in 0..40 {
        let others = (0..2000).map(|n| job(format!("{number}-{n}-{}", "o".repeat(100))));
        let jobs: Vec<String> = std::iter::once(job("o".to_owned())).chain(others).collect();
        let plan = format!("[{}]", jobs.join(","));
        assert_eq!(call!(client, "CACHE.INVALIDATE", "PLAN", "ns", plan), 0.into());
    }
    let mut used = || -> usize { client.info("memory", "used_memory").unwrap().parse().unwrap() };
    let with = used();
    assert_eq!(call!(server.client(), "CONFIG", "SET", "cache.memo", "no"), ok());
    let taken = with.saturating_sub(used());
    // The memo of spellings has its share.
    assert!((8 << 20..22 << 20).contains(&taken), "it takes {taken} bytes");
}

/// More spellings than it remembers.
#[test]
fn what_it_forgot_is_found_all_the_same() {
    let server = Server::start();
    let mut client = server.client();
    let used = |client: &mut crate::harness::Client| -> usize {
        client.info("memory", "used_memory").unwrap().parse().unwrap()
    };
    for params in ["0", "29999"] {
        assert_eq!(cache!(client, "SET", "ns", "op", params, params), ok());
    }
    let before = used(&mut client);
    for _ in 0..2 {
        let keys: Vec<_> = (0..30_000).map(|n| args!["CACHE.RESULT", "KEY", "ns", "op", n]).collect();
        client.pipeline(&keys);
        for params in ["0", "29999"] {
            assert_eq!(cache!(client, "GET", "ns", "op", params), params.into());
        }
    }
    let taken = used(&mut client) - before;
    assert!(taken < 8 << 20, "it takes {taken} bytes");
    assert_eq!(call!(client, "CONFIG", "SET", "cache.memo", "no"), ok());
    let left = used(&mut client).saturating_sub(before);
    assert!(left < 1 << 20, "switched off it takes {left} bytes");
    assert_eq!(cache!(client, "GET", "ns", "op", "0"), "0".into());
}

#[test]
fn a_replica_follows_a_change_of_hashing_at_once() {
    // Without a memo the primary cannot err as the replica might.
    let primary = Launch::new().line("cache.memo no").start();
    let replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    let (mut primary_client, mut client) = (primary.client(), replica.client());
    for hash in ["blake3", "sha256", "blake3"] {
        call!(primary_client, "CACHE.POLICY", "SET", "*", "*", "HASH", hash);
        cache!(primary_client, "SET", "ns", "op", "{}", hash);
        wait_for_replica_in_sync(&primary, &replica);
        for _ in 0..2 {
            assert_eq!(cache!(client, "GET", "ns", "op", "{}"), hash.into());
        }
    }
}
