//! Results that are stored compressed, without dictionaries, and read as they were given.

use crate::harness::{
    AofBase, Client, Entry, Launch, Server, Waiter, assert_same_digests, digests, nil, ok,
    wait_for_aof_rewrite, wait_for_replica_in_sync, wait_until,
};
use crate::stats::stat;
use crate::{args, cache, call, policy};

const fn op(params: &str) -> Entry<'_> {
    Entry { ns: "ns", operation: "op", params }
}

/// JSON of at least so many bytes in which one member is like the next; `seed` tells one from the other.
pub fn json(seed: u64, bytes: usize) -> String {
    let mut members = Vec::new();
    let (mut length, mut state) = (0, seed);
    while length < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let member = format!(
            r#"{{"id":"{:08x}","status":"completed","durationMs":{}}}"#,
            state >> 32,
            (state >> 16) % 100_000
        );
        length += member.len() + 1;
        members.push(member);
    }
    format!("[{}]", members.join(","))
}

/// A server that compresses whatever has 100 bytes.
fn compressing(launch: Launch) -> Server {
    let server = launch.start();
    policy!(server.client(), "SET", "*", "*", "COMPRESS", "100");
    server
}

fn encoding(client: &mut Client, params: &str) -> String {
    op(params).info(client, "encoding").text()
}

#[track_caller]
fn get(client: &mut Client, params: &str) -> String {
    cache!(client, "GET", "ns", "op", params).text()
}

#[test]
fn every_reader_sees_the_result_as_it_was_given() {
    let server = compressing(Launch::new());
    let mut client = server.client();
    let result = json(1, 5000);
    cache!(client, "SET", "ns", "op", "{}", &result, "EX", 100, "GRACE", 100);
    assert_eq!(encoding(&mut client, "{}"), "zstd");
    assert_eq!(op("{}").info(&mut client, "bytes").int(), result.len() as i64);
    assert!(op("{}").info(&mut client, "stored_bytes").int() * 2 < result.len() as i64);
    assert_eq!(get(&mut client, "{}"), result);
    assert_eq!(op("{}").fetch(&mut client, "").value.text(), result);
    assert_eq!(op("{}").fetch(&mut client, "HOLDER me").value.text(), result);
    let plan = call!(client, "CACHE.PLAN", "ns", r#"[{"operation":"op","params":{}}]"#);
    assert_eq!(plan.array()[0].array()[1].text(), result);
    let next = cache!(client, "NEXT", "ns", "AFTER", "op", "{}", 0);
    assert!(next.array()[0].array().iter().any(|part| *part == result.as_str().into()), "{next:?}");
    let served = stat(&mut client, &["ns"], "bytes_served").int();
    assert_eq!(served, 4 * result.len() as i64);
    assert_eq!(stat(&mut client, &["ns"], "bytes").int(), result.len() as i64, "a gauge of what was given");
    cache!(client, "INVALIDATE", "ns", "op", "{}", "SOFT");
    assert_eq!(encoding(&mut client, "{}"), "zstd");
    assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE").text(), result);
    let stale = op("{}").fetch(&mut client, "");
    assert_eq!((stale.status.as_str(), stale.value.text()), ("STALE", result.clone()));
    cache!(client, "FAIL", "ns", stale.token(), "no");
    assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE").text(), result, "a failure beside it");
}

#[test]
fn every_writer_compresses() {
    let server = compressing(Launch::new());
    let mut client = server.client();
    let result = json(2, 3000);
    let token = op("1").lease(&mut client, "");
    let mut waiter = Waiter::on(&server, &op("1"), "BLOCK 0");
    cache!(client, "FILL", "ns", token, &result);
    assert_eq!(waiter.fetched().value.text(), result, "whoever waits gets what was given");
    call!(client, "CACHE.WARM", "ns", "ENTRIES", "op", "2", &result);
    cache!(client, "SET", "ns", "op", "3", format!(r#"{{"list":{result}}}"#));
    cache!(client, "MERGE", "ns", "op", "3", r#"{"more":1}"#);
    call!(client, "MULTI");
    cache!(client, "SET", "ns", "op", "4", &result);
    cache!(client, "GET", "ns", "op", "4");
    assert_eq!(call!(client, "EXEC").array()[1].text(), result);
    for params in ["1", "2", "3", "4"] {
        assert_eq!(encoding(&mut client, params), "zstd", "{params}");
    }
    assert_eq!([get(&mut client, "1"), get(&mut client, "2")], [result.clone(), result.clone()]);
    assert_eq!(get(&mut client, "3"), format!(r#"{{"list":{result},"more":1}}"#));
}

#[test]
fn small_negative_and_incompressible_ones_stay_raw() {
    let server = compressing(Launch::new());
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "1", "a".repeat(99));
    cache!(client, "SET", "ns", "op", "2", crate::harness::Random::seeded(1).bytes(5000));
    let token = op("3").lease(&mut client, "");
    cache!(client, "FAIL", "ns", token, "why ".repeat(100), "PX", 10_000);
    for params in ["1", "2", "3"] {
        assert_eq!(encoding(&mut client, params), "raw", "{params}");
    }
    policy!(client, "SET", "*", "*", "COMPRESS", "off");
    cache!(client, "SET", "ns", "op", "4", json(1, 3000));
    assert_eq!(encoding(&mut client, "4"), "raw");
    policy!(client, "SET", "ns", "op", "COMPRESS", "1kb");
    cache!(client, "SET", "ns", "op", "4", json(1, 3000));
    assert_eq!(encoding(&mut client, "4"), "zstd");
    policy!(client, "DEL", "ns", "op", "COMPRESS");
    assert_eq!(get(&mut client, "4"), json(1, 3000), "what was compressed is read without the rule");
}

#[test]
fn long_results_are_compressed_by_a_thread() {
    let primary = compressing(Launch::new());
    let replica = Launch::new().replica_of(&primary).start();
    let mut client = primary.client();
    let (long, longest) = (json(3, 300_000), json(4, (1 << 20) + 1));
    cache!(client, "SET", "ns", "op", "1", &long, "EX", 1000);
    cache!(client, "SET", "ns", "op", "2", &longest);
    assert_eq!(get(&mut client, "1"), long);
    let (hits, expiry) = (op("1").info(&mut client, "hits"), op("1").expiry(&mut client));
    wait_until("it is compressed", || encoding(&mut client, "1") == "zstd");
    assert_eq!((op("1").info(&mut client, "hits"), op("1").expiry(&mut client)), (hits, expiry));
    assert_eq!(encoding(&mut client, "2"), "raw", "too long to be opened at once");
    assert_eq!([get(&mut client, "1"), get(&mut client, "2")], [long.clone(), longest]);
    wait_for_replica_in_sync(&primary, &replica);
    let mut there = replica.client();
    assert_eq!(encoding(&mut there, "1"), "zstd");
    assert_eq!((get(&mut there, "1"), op("1").expiry(&mut there)), (long, expiry));
    assert_same_digests("replicated", &digests(&primary), &digests(&replica));
}

#[test]
fn a_write_that_was_refused_does_not_come_to_life() {
    let primary = compressing(Launch::new());
    let replica = Launch::new().replica_of(&primary).start();
    let mut client = primary.client();
    policy!(client, "SET", "ns", "*", "MAXBYTES", "290kb");
    let [refused, stored] = [json(1, 300_000), json(2, 150_000)];
    // The version that a refused write would have had is the next one's.
    for (n, options) in [&[][..], &["WEIGHT", "5"], &["TAGS", "1", "t"]].into_iter().enumerate() {
        let params = n.to_string();
        assert_eq!(cache!(client, "SET", "ns", "op", &params, &refused).error_word(), "TOOBIG");
        let warm = args!["CACHE.WARM", "ns", "ENTRIES", "op", &params, json(3, 150_000), "op", "{", "bad"];
        assert!(client.call(&warm).is_error());
        let mut set = args!["CACHE.RESULT", "SET", "ns", "op", &params, &stored];
        set.extend(options.iter().map(|option| option.as_bytes().to_vec()));
        assert_eq!(client.call(&set), ok());
        // What the thread does next comes after what it did with those.
        cache!(client, "SET", "ns", "op", "\"last\"", json(4 + n as u64, 100_000));
        wait_until("the thread has done its work", || encoding(&mut client, "\"last\"") == "zstd");
        assert_eq!(get(&mut client, &params), stored, "{options:?}");
        let expected = if n == 1 { "raw" } else { "zstd" };
        assert_eq!(encoding(&mut client, &params), expected, "{options:?}");
        cache!(client, "INVALIDATE", "ns", "op", &params);
    }
    // A failure that is remembered is no result.
    let token = op("9").lease(&mut client, "");
    assert_eq!(cache!(client, "FILL", "ns", &token, &refused).error_word(), "TOOBIG");
    assert_eq!(cache!(client, "FAIL", "ns", &token, "no", "PX", 100_000), ok());
    cache!(client, "SET", "ns", "op", "\"last\"", json(9, 100_000));
    wait_until("the thread has done its work", || encoding(&mut client, "\"last\"") == "zstd");
    assert_eq!(op("9").state(&mut client), "negative");
    wait_for_replica_in_sync(&primary, &replica);
    assert_same_digests("the replica", &digests(&primary), &digests(&replica));
    assert!(!replica.log().contains("CRITICAL"));
}

#[test]
fn what_is_written_while_the_thread_works_stays() {
    let server = compressing(Launch::new());
    let mut client = server.client();
    let long = |seed| json(seed, 900_000);
    for round in 0..5 {
        let mut calls: Vec<_> =
            (0..4).map(|n| args!["CACHE.RESULT", "SET", "ns", "op", n, long(n)]).collect();
        calls.push(args!["CACHE.RESULT", "SET", "ns", "op", 0, "new"]);
        calls.push(args!["CACHE.RESULT", "INVALIDATE", "ns", "op", 1]);
        client.pipeline(&calls);
        match round {
            1 => drop(call!(client, "DEL", "ns")),
            2 => drop(call!(client, "FLUSHALL")),
            3 => drop(call!(client, "SWAPDB", 0, 1)),
            _ => {
                wait_until("the rest is compressed", || encoding(&mut client, "3") == "zstd");
                assert_eq!(get(&mut client, "0"), "new");
                assert_eq!(cache!(client, "GET", "ns", "op", 1), nil());
                assert_eq!([get(&mut client, "2"), get(&mut client, "3")], [long(2), long(3)]);
            }
        }
    }
    assert_eq!(server.client().call(&["PING"]), crate::harness::Value::Simple("PONG".into()));
}

/// What survives restarts, whatever it is kept in.
fn fill(client: &mut Client) -> Vec<String> {
    let results: Vec<String> = (0..20).map(|n| json(n, 200 + 300 * n as usize)).collect();
    for (n, result) in results.iter().enumerate() {
        cache!(client, "SET", "ns", "op", n, result, "EX", 1000);
    }
    results
}

#[track_caller]
fn assert_all(server: &Server, results: &[String]) {
    let mut client = server.client();
    for (n, result) in results.iter().enumerate() {
        assert_eq!(get(&mut client, &n.to_string()), *result);
    }
    assert_eq!(encoding(&mut client, "19"), "zstd");
}

/// Whatever a server keeps it in: what `fill` stored is there after restarts, to the byte, and `check` finds it.
#[track_caller]
pub fn assert_restarts_bring_back(
    start: fn(Launch) -> Server,
    fill: fn(&mut Client) -> Vec<String>,
    check: fn(&Server, &[String]),
) {
    let mut server = start(Launch::new());
    let results = fill(&mut server.client());
    let before = digests(&server);
    server.shutdown_save_and_restart();
    assert_same_digests("restarted", &before, &digests(&server));
    check(&server, &results);
    for base in AofBase::BOTH {
        let mut server = start(Launch::new().append_only(base));
        let results = fill(&mut server.client());
        let before = digests(&server);
        server.kill_and_restart();
        assert_same_digests("replayed", &before, &digests(&server));
        check(&server, &results);
        wait_for_aof_rewrite(&server);
        server.kill_and_restart();
        assert_same_digests("rewritten and replayed", &before, &digests(&server));
        check(&server, &results);
    }
}

#[test]
fn restarts_bring_back_what_was_compressed() {
    assert_restarts_bring_back(compressing, fill, assert_all);
}

#[test]
fn a_damaged_frame_is_a_miss() {
    let server = compressing(Launch::new());
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", json(1, 3000));
    let key = op("{}").key(&mut client);
    let mut payload = call!(client, "DUMP", &key).bulk().to_vec();
    let at = payload.len() - 40;
    payload[at] ^= 4;
    call!(client, "DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", 1);
    assert_eq!(call!(client, "RESTORE", &key, 0, payload, "REPLACE"), ok());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), nil());
    assert_eq!(op("{}").info(&mut client, "why"), "corrupt".into());
    assert_eq!(stat(&mut client, &["ns"], "misses_corrupt").int(), 1);
}

#[test]
fn compressed_results_take_less_memory() {
    let used = |threshold: &str| {
        let server = Launch::new().start();
        let mut client = server.client();
        policy!(client, "SET", "ns", "op", "COMPRESS", threshold);
        cache!(client, "SET", "ns", "op", "first", json(1, 4000));
        let used =
            |client: &mut Client| client.info("memory", "used_memory").unwrap().parse::<i64>().unwrap();
        let before = used(&mut client);
        for n in 0..1000 {
            cache!(client, "SET", "ns", "op", n, json(n, 4000));
        }
        used(&mut client) - before
    };
    let (raw, compressed) = (used("off"), used("100"));
    assert!(compressed * 3 < raw * 2, "{compressed} bytes, and {raw} raw");
}
