//! Entries that are near at hand: found without opening their keys, and nobody can tell but by how soon the answer comes.

use std::time::{Duration, Instant};

use crate::harness::{Client, Entry, Launch, Random, Server, nil, ok, wait_for_replica_in_sync, wait_until};
use crate::{args, call};

/// A server that has to open every key: core wants to know of each use.
fn server_without() -> Server {
    Launch::new().line("maxmemory-policy volatile-lfu").start()
}

const NAMESPACES: [&str; 3] = ["ns", "a{b}", "{a}b"];

/// Two fingerprints that begin alike: their first half is the same.
const ALIKE: [&str; 2] = [
    "fp:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa00000000000000000000000000000000",
    "fp:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa00000000000000000000000000000001",
];
const PARAMS: [&str; 6] = ["1", "2", "[3]", r#"{"a":1}"#, ALIKE[0], ALIKE[1]];

fn keyspace_hits(client: &mut Client) -> u64 {
    client.info("stats", "keyspace_hits").expect("a number").parse().expect("a number")
}

/// The key of an entry of any of the namespaces.
fn any_key(random: &mut Random, keys: &[String]) -> String {
    random.pick(keys).clone()
}

/// What touches keys behind the module's back.
fn core_command(random: &mut Random, keys: &[String]) -> Vec<Vec<u8>> {
    let (one, other) = (any_key(random, keys), any_key(random, keys));
    let namespace = *random.pick(&NAMESPACES);
    match random.below(20) {
        0 => args!["DEL", one],
        1 => args!["UNLINK", one],
        2 => args!["EXPIRE", one, *random.pick(&["-1", "1000"])],
        3 => args!["PERSIST", one],
        4 => args!["RENAME", one, other],
        5 => args!["COPY", one, other, "REPLACE"],
        6 => args!["SET", one, "plain"],
        7 => args!["MOVE", one, "1"],
        8 => args!["DEL", namespace],
        9 => args!["RENAME", namespace, *random.pick(&NAMESPACES)],
        10 => args!["COPY", namespace, *random.pick(&NAMESPACES), "REPLACE"],
        11 => args!["MOVE", namespace, "1"],
        12 => args!["SWAPDB", "0", "1"],
        13 => args!["FLUSHDB"],
        14 => args!["FLUSHALL", "ASYNC"],
        15 if random.once_in(12) => args!["DEBUG", "RELOAD"],
        16 if random.once_in(3) => args!["EXPIRE", namespace, *random.pick(&["-1", "1000"])],
        17 => args!["PERSIST", namespace],
        _ => args!["SELECT", *random.pick(&["0", "1"])],
    }
}

fn any_command(random: &mut Random, step: usize, keys: &[String]) -> Vec<Vec<u8>> {
    let (namespace, params) = (*random.pick(&NAMESPACES), *random.pick(&PARAMS));
    match random.below(40) {
        0..4 => core_command(random, keys),
        4..8 => args!["CACHE.RESULT", "SET", namespace, "op", params, step, "TAGS", 1, "t", "GRACE", 100],
        8 => args!["CACHE.RESULT", "SET", namespace, "op", params, step, "PERSIST"],
        9 => args!["CACHE.RESULT", "INVALIDATE", namespace, "op", params],
        10 => args!["CACHE.INVALIDATE", "TAG", namespace, "t"],
        11 => args!["CACHE.INVALIDATE", "OPERATION", namespace, "o*"],
        12 => args!["CACHE.RESULT", "MERGE", namespace, "op", params, r#"{"a":1}"#],
        13 => args!["CACHE.RESULT", "EXISTS", namespace, "op", params],
        14..17 => {
            args!["CACHE.PLAN", namespace, r#"[{"operation":"op","params":1},{"operation":"op","params":2}]"#]
        }
        17..20 => args!["CACHE.RESULT", "FETCH", namespace, "op", params],
        _ => args!["CACHE.RESULT", "GET", namespace, "op", params],
    }
}

/// What of a reply does not depend on when and where it was given: no tokens, no versions.
fn comparable(reply: &crate::harness::Value) -> String {
    use crate::harness::Value;
    match reply {
        Value::Array(parts) if parts.len() == 4 => format!("{:?} {:?}", parts[0], parts[1]),
        Value::Array(parts) => parts.iter().map(comparable).collect(),
        Value::Bulk(bytes) if bytes.len() == 16 && bytes.iter().all(u8::is_ascii_digit) => "a version".into(),
        Value::Integer(1_000_000_000_000_000..) => "a version".into(),
        other => format!("{other:?}"),
    }
}

#[test]
fn what_is_near_is_what_is_there() {
    // When it sweeps is each server's own affair.
    let with = Launch::new().line("cache.sweep no").start();
    let without = Launch::new().line("cache.sweep no").line("maxmemory-policy volatile-lfu").start();
    let (mut with, mut without) = (with.client(), without.client());
    let keys: Vec<String> = NAMESPACES
        .iter()
        .flat_map(|ns| PARAMS.map(|params| Entry { ns, operation: "op", params }.key(&mut with)))
        .collect();
    let mut random = Random::seeded(23);
    for step in 0..30_000 {
        let command = any_command(&mut random, step, &keys);
        // What is asked for again and again is near.
        for _ in 0..1 + random.below(3) {
            let (ours, theirs) = (with.call(&command), without.call(&command));
            let shown = || command.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>();
            assert_eq!(comparable(&ours), comparable(&theirs), "step {step}: {:?}", shown());
        }
    }
    let (ours, theirs) = (keyspace_hits(&mut with), keyspace_hits(&mut without));
    assert!(ours + 3000 < theirs, "some were near: {ours} keys were opened, without {theirs}");
}

#[test]
fn what_is_near_opens_no_key() {
    let server = Server::start();
    let mut client = server.client();
    let entry = Entry::of("ns", "1");
    assert_eq!(entry.call(&mut client, "SET", &["r"]), ok());
    assert_eq!(entry.call(&mut client, "GET", &[""; 0]).text(), "r");
    let before = keyspace_hits(&mut client);
    for _ in 0..100 {
        assert_eq!(entry.call(&mut client, "GET", &[""; 0]).text(), "r");
        assert_eq!(entry.call(&mut client, "FETCH", &[""; 0]).array()[1].text(), "r");
    }
    assert_eq!(keyspace_hits(&mut client), before);
    assert_eq!(entry.info(&mut client, "hits").int(), 201, "each hit of it is counted all the same");
}

/// A limit holds for what is near as well.
#[test]
fn params_that_became_too_long_are_refused() {
    let server = Server::start();
    let mut client = server.client();
    let long = format!("\"{}\"", "x".repeat(2000));
    let entry = Entry::of("ns", &long);
    assert_eq!(entry.call(&mut client, "SET", &["r"]), ok());
    (0..3).for_each(|_| assert_eq!(entry.call(&mut client, "GET", &[""; 0]).text(), "r"));
    assert_eq!(call!(client, "CONFIG", "SET", "cache.params-max-bytes", "1024"), ok());
    for subcommand in ["GET", "FETCH"] {
        assert!(entry.call(&mut client, subcommand, &[""; 0]).is_error(), "{subcommand}");
    }
}

/// Of an entry that is asked for all the time, where core evicts what was used longest ago.
#[test]
fn core_learns_in_which_second_an_entry_was_used() {
    let server = Launch::new().line("maxmemory-policy volatile-lru").start();
    let mut client = server.client();
    let (entry, idle) = (Entry::of("ns", "1"), Entry::of("ns", "2"));
    for entry in [&entry, &idle] {
        assert_eq!(entry.call(&mut client, "SET", &["r"]), ok());
    }
    let (key, idle_key) = (entry.key(&mut client), idle.key(&mut client));
    let before = keyspace_hits(&mut client);
    let mut gets = 0u64;
    wait_until("the idle one is idle for three seconds", || {
        assert_eq!(entry.call(&mut client, "GET", &[""; 0]).text(), "r");
        gets += 1;
        let seconds = call!(client, "OBJECT", "IDLETIME", key).int();
        assert!(seconds <= 1, "in use, and idle for {seconds} s");
        call!(client, "OBJECT", "IDLETIME", idle_key).int() >= 3
    });
    // OBJECT counts as well.
    let opened = keyspace_hits(&mut client) - before - 2 * gets;
    assert!(gets > 20 && opened < gets / 4, "{opened} keys opened by {gets} lookups");
}

#[test]
fn where_core_counts_uses_it_learns_of_each() {
    let server = server_without();
    let mut client = server.client();
    let entry = Entry::of("ns", "1");
    assert_eq!(entry.call(&mut client, "SET", &["r"]), ok());
    let before = keyspace_hits(&mut client);
    (0..50).for_each(|_| drop(entry.call(&mut client, "GET", &[""; 0])));
    assert!(keyspace_hits(&mut client) >= before + 50);
    assert_eq!(call!(client, "CONFIG", "SET", "maxmemory-policy", "noeviction"), ok());
    entry.call(&mut client, "GET", &[""; 0]);
    let before = keyspace_hits(&mut client);
    (0..50).for_each(|_| drop(entry.call(&mut client, "GET", &[""; 0])));
    assert_eq!(keyspace_hits(&mut client), before);
}

/// An expiry that somebody gave to the key of an entry counts, though core has not deleted it yet.
#[test]
fn an_expiry_by_hand_ends_what_is_near() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(call!(client, "DEBUG", "SET-ACTIVE-EXPIRE", "0"), ok());
    for ns in ["ns", "a{b}", "{a}b", "a:{b:c}:d"] {
        let entry = Entry::of(ns, "1");
        assert_eq!(entry.call(&mut client, "SET", &["r", "EX", "1000"]), ok());
        let get = |client: &mut Client| entry.call(client, "GET", &[""; 0]);
        (0..3).for_each(|_| assert_eq!(get(&mut client).text(), "r"));
        let key = entry.key(&mut client);
        assert_eq!(call!(client, "PEXPIRE", key, "30"), 1.into());
        let end = Instant::now() + Duration::from_millis(40);
        // It may come near again while it lives.
        wait_until("its time is over", || get(&mut client) == nil() || Instant::now() > end);
        assert_eq!(get(&mut client), nil(), "{ns}");
    }
}

/// Whoever gives an expiry to the key of a namespace ends all of its entries with it, though core has not deleted it yet.
#[test]
fn an_expiry_of_its_namespace_ends_what_is_near() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(call!(client, "DEBUG", "SET-ACTIVE-EXPIRE", "0"), ok());
    for (ns, is_near_before) in [("ns", true), ("{a}b", true), ("other", false)] {
        let entry = Entry::of(ns, "1");
        let get = |client: &mut Client| entry.call(client, "GET", &[""; 0]);
        assert_eq!(entry.call(&mut client, "SET", &["r"]), ok());
        (0..3).filter(|_| is_near_before).for_each(|_| assert_eq!(get(&mut client).text(), "r"));
        assert_eq!(call!(client, "PEXPIRE", ns, "30"), 1.into());
        let end = Instant::now() + Duration::from_millis(40);
        wait_until("its time is over", || get(&mut client) == nil() || Instant::now() > end);
        assert_eq!(get(&mut client), nil(), "{ns}");
    }
}

/// Whoever names entries by fingerprints can choose any.
#[test]
fn fingerprints_that_begin_alike_are_told_apart() {
    let server = Server::start();
    let mut client = server.client();
    let [one, other] = ALIKE.map(|params| Entry::of("ns", params));
    let get = |client: &mut Client, entry: &Entry<'_>| entry.call(client, "GET", &[""; 0]);
    assert_eq!(one.call(&mut client, "SET", &["one"]), ok());
    (0..3).for_each(|_| assert_eq!(get(&mut client, &one).text(), "one"));
    assert_eq!(get(&mut client, &other), nil());
    assert_eq!(other.call(&mut client, "SET", &["other"]), ok());
    for _ in 0..3 {
        assert_eq!(get(&mut client, &one).text(), "one");
        assert_eq!(get(&mut client, &other).text(), "other");
    }
    let key = one.key(&mut client);
    assert_eq!(call!(client, "DEL", key), 1.into());
    assert_eq!((get(&mut client, &one), get(&mut client, &other).text().as_str()), (nil(), "other"));
}

#[test]
fn what_comes_back_is_near_again() {
    // An entry whose namespace is away is one that may be swept.
    let server = Launch::new().line("cache.sweep no").start();
    let mut client = server.client();
    let entry = Entry::of("ns", "1");
    assert_eq!(entry.call(&mut client, "SET", &["r"]), ok());
    let get = |client: &mut Client| assert_eq!(entry.call(client, "GET", &[""; 0]).text(), "r");
    get(&mut client);
    for back in [
        [["RENAME", "ns", "away"], ["RENAME", "away", "ns"]],
        [["EXPIRE", "ns", "1000"], ["PERSIST", "ns", ""]],
    ] {
        for command in back {
            let words: Vec<&str> = command.into_iter().filter(|word| !word.is_empty()).collect();
            client.must(&words);
        }
        get(&mut client);
        let before = keyspace_hits(&mut client);
        (0..20).for_each(|_| get(&mut client));
        assert_eq!(keyspace_hits(&mut client), before, "after {}", back[0][0]);
    }
}

#[test]
fn what_is_removed_gives_its_memory_back() {
    let server = Server::start();
    let mut client = server.client();
    let used =
        |client: &mut Client| -> u64 { client.info("memory", "used_memory").unwrap().parse().unwrap() };
    let result = "r".repeat(1 << 20);
    let names: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    let before = used(&mut client);
    for removal in [&["DEL"][..], &["UNLINK"], &["PEXPIRE", "1"], &["FLUSHALL"], &["CACHE.INVALIDATE"]] {
        for params in &names {
            let entry = Entry::of("ns", params);
            assert_eq!(entry.call(&mut client, "SET", &[result.as_str()]), ok());
            (0..2).for_each(|_| assert_eq!(entry.call(&mut client, "GET", &[""; 0]).bulk().len(), 1 << 20));
        }
        assert!(used(&mut client) > before + (40 << 20));
        for params in &names {
            let key = Entry::of("ns", params).key(&mut client);
            match removal {
                ["FLUSHALL"] => call!(client, "FLUSHALL"),
                ["CACHE.INVALIDATE"] => call!(client, "CACHE.INVALIDATE", "NAMESPACE", "ns"),
                [command] => call!(client, command, key),
                [command, more, ..] => call!(client, command, key, more),
                [] => nil(),
            };
        }
        wait_until("the memory is back", || used(&mut client) < before + (10 << 20));
    }
}

/// A replica that changes its primary loads other data in the place of what it had, in one step.
#[test]
fn what_was_loaded_anew_is_seen() {
    for load in ["disabled", "swapdb"] {
        let (one, other) = (Server::start(), Server::start());
        let entry = Entry::of("ns", "1");
        assert_eq!(entry.call(&mut one.client(), "SET", &["one"]), ok());
        assert_eq!(entry.call(&mut other.client(), "SET", &["other"]), ok());
        let replica = Launch::new().line(format!("repl-diskless-load {load}")).replica_of(&one).start();
        wait_for_replica_in_sync(&one, &replica);
        let mut client = replica.client();
        (0..3).for_each(|_| assert_eq!(entry.call(&mut client, "GET", &[""; 0]).text(), "one"));
        // It serves what it had until the other sends something, which is a while from now.
        assert_eq!(call!(other.client(), "CONFIG", "SET", "repl-diskless-sync-delay", "1"), ok());
        let port = other.port().to_string();
        assert_eq!(call!(client, "REPLICAOF", "127.0.0.1", port), ok());
        (0..3).for_each(|_| assert_eq!(entry.call(&mut client, "GET", &[""; 0]).text(), "one"));
        wait_for_replica_in_sync(&other, &replica);
        assert_eq!(entry.call(&mut client, "GET", &[""; 0]).text(), "other", "{load}");
    }
}
