//! Budgets: a namespace keeps within them, and the right ones go.

use crate::harness::{
    AofBase, Client, Entry, Launch, Server, Value, nil, ok, wait_for_replica_in_sync, wait_until,
};
use crate::{args, cache, call, policy};

/// Stores an entry of operation `op` with a weight; the params are a number.
#[track_caller]
fn put(client: &mut Client, n: usize, weight: usize) {
    assert_eq!(cache!(client, "SET", "ns", "op", n, format!("result {n}"), "WEIGHT", weight), ok());
}

/// Which of the entries `0..count` are there.
fn left(client: &mut Client, count: usize) -> Vec<usize> {
    (0..count).filter(|n| cache!(client, "EXISTS", "ns", "op", n).int() == 1).collect()
}

#[track_caller]
fn figure(client: &mut Client, name: &str) -> i64 {
    call!(client, "CACHE.STATS", "ns").field(name).int()
}

/// So long that whatever is used after it counts as used later.
fn a_while(client: &mut Client) {
    call!(client, "DEBUG", "SLEEP", "0.04");
}

fn with_rule(rule: &[&str]) -> (Server, Client) {
    let server = Server::start();
    let mut client = server.client();
    let mut words = args!["CACHE.POLICY", "SET", "ns", "*"];
    words.extend(rule.iter().map(|word| word.as_bytes().to_vec()));
    assert_eq!(client.call(&words), ok());
    (server, client)
}

#[test]
fn the_least_recently_used_goes() {
    let (_server, mut client) = with_rule(&["MAXWEIGHT", "300"]);
    (0..3).for_each(|n| put(&mut client, n, 100));
    a_while(&mut client);
    assert_eq!(cache!(client, "GET", "ns", "op", "0"), "result 0".into());
    assert_eq!(cache!(client, "FETCH", "ns", "op", "1").array()[0], Value::Simple("HIT".into()));
    put(&mut client, 3, 100);
    assert_eq!(left(&mut client, 4), [0, 1, 3]);
    a_while(&mut client);
    // INFO, EXISTS and KEY are no use; writing anew is.
    cache!(client, "INFO", "ns", "op", "0");
    put(&mut client, 0, 50);
    put(&mut client, 4, 100);
    assert_eq!(left(&mut client, 5), [0, 3, 4], "1 was used before 3 was stored");
    for (name, expected) in [("evictions", 2), ("evicted_weight", 200), ("weight", 250), ("entries", 3)] {
        assert_eq!(figure(&mut client, name), expected, "{name}");
    }
    assert!(figure(&mut client, "evicted_bytes") > 0);
    assert_eq!(cache!(client, "GET", "ns", "op", "1"), nil());
    assert_eq!(figure(&mut client, "misses_evicted"), 1);
    assert_eq!(cache!(client, "INFO", "ns", "op", "1").field("why"), "evicted".into());
}

#[test]
fn the_first_that_was_stored_goes_however_much_it_is_used() {
    let (_server, mut client) = with_rule(&["MAXWEIGHT", "300", "EVICT", "fifo"]);
    (0..3).for_each(|n| put(&mut client, n, 100));
    a_while(&mut client);
    cache!(client, "GET", "ns", "op", "0");
    put(&mut client, 3, 100);
    assert_eq!(left(&mut client, 4), [1, 2, 3]);
    put(&mut client, 1, 90);
    put(&mut client, 4, 100);
    assert_eq!(left(&mut client, 5), [1, 3, 4], "1 was stored anew");
}

#[test]
fn the_largest_goes_by_what_is_exceeded() {
    let (_server, mut client) = with_rule(&["MAXWEIGHT", "300", "MAXBYTES", "20kb", "EVICT", "largest"]);
    for (n, weight, bytes) in [(0, 20, 5000), (1, 150, 10), (2, 90, 10)] {
        assert_eq!(cache!(client, "SET", "ns", "op", n, "x".repeat(bytes), "WEIGHT", weight), ok());
    }
    put(&mut client, 3, 100);
    assert_eq!(left(&mut client, 4), [0, 2, 3], "by weight");
    assert_eq!(cache!(client, "SET", "ns", "op", "4", "x".repeat(16_000)), ok());
    assert_eq!(left(&mut client, 5), [2, 3, 4], "by bytes, and not what was only just stored");
}

#[test]
fn memory_is_bounded_where_nothing_has_a_weight() {
    let (_server, mut client) = with_rule(&["MAXBYTES", "50kb"]);
    for n in 0..500 {
        assert_eq!(cache!(client, "SET", "ns", "op", n, "x".repeat(1000)), ok());
        assert!(figure(&mut client, "stored_bytes") <= 50 * 1024, "after {n}");
    }
    let entries = figure(&mut client, "entries");
    assert!((40..=50).contains(&entries), "{entries}");
    assert_eq!(figure(&mut client, "evictions"), 500 - entries);
    assert_eq!(call!(client, "DBSIZE").int(), entries + 1);
    let kept = left(&mut client, 500);
    assert!(kept.contains(&499) && kept.iter().filter(|n| **n < 250).count() < 5, "{kept:?}");
}

#[test]
fn what_is_more_than_the_whole_budget_is_refused_and_changes_nothing() {
    let (_server, mut client) = with_rule(&["MAXWEIGHT", "300", "MAXBYTES", "4kb", "TTL", "1h"]);
    put(&mut client, 0, 100);
    let before = cache!(client, "INFO", "ns", "op", "0").field("version");
    let token = Entry { ns: "ns", operation: "op", params: "9" }.lease(&mut client, "");
    let big = "x".repeat(5000);
    for words in [
        args!["CACHE.RESULT", "SET", "ns", "op", "0", "r", "WEIGHT", 301],
        args!["CACHE.RESULT", "SET", "ns", "op", "0", big],
        args!["CACHE.RESULT", "FILL", "ns", token, "r", "WEIGHT", 301],
        args!["CACHE.RESULT", "RENEW", "ns", token, "WEIGHT", 301],
        args!["CACHE.RESULT", "MERGE", "ns", "op", "1", "{}", "UPSERT", "WEIGHT", 301],
        args!["CACHE.WARM", "ns", "ENTRIES", "op", "1", "r", "op", "0", big],
        args!["CACHE.WARM", "ns", "JSON", r#"[{"operation":"op","params":0,"result":1,"weight":301}]"#],
    ] {
        let refused = client.call(&words);
        assert_eq!(refused.error_word(), "TOOBIG", "{refused:?}");
        let field = if words.iter().any(|word| word.len() > 4000) { "MAXBYTES" } else { "MAXWEIGHT" };
        assert!(refused.error().contains(field) && refused.error().contains("'ns'"), "{refused:?}");
    }
    assert_eq!(cache!(client, "INFO", "ns", "op", "0").field("version"), before);
    assert_eq!((left(&mut client, 2), figure(&mut client, "evictions")), (vec![0], 0));
    // The lease is still there.
    assert_eq!(cache!(client, "FILL", "ns", token, "r", "WEIGHT", 200), ok());
    assert_eq!(cache!(client, "SET", "ns", "op", "1", "r", "WEIGHT", 300), ok(), "exactly all of it");
    assert_eq!(left(&mut client, 10), [1]);
}

#[test]
fn one_write_may_push_out_many_and_many_writes_at_once_each_other() {
    let (_server, mut client) = with_rule(&["MAXWEIGHT", "1000"]);
    let mut warm = args!["CACHE.WARM", "ns", "JSON"];
    let row = |n: usize| format!(r#"{{"operation":"op","params":{n},"result":{n},"weight":1}}"#);
    warm.push(format!("[{}]", (0..5000).map(row).collect::<Vec<_>>().join(",")).into_bytes());
    assert_eq!(client.must(&warm).array()[0].int(), 5000);
    assert_eq!((figure(&mut client, "weight"), figure(&mut client, "evictions")), (1000, 4000));
    assert_eq!(cache!(client, "EXISTS", "ns", "op", "4999").int(), 1);
    put(&mut client, 1, 990);
    assert_eq!(figure(&mut client, "weight"), 1000);
    put(&mut client, 2, 1000);
    assert_eq!(left(&mut client, 5000), [2]);
}

#[test]
fn another_rule_is_obeyed_in_the_background() {
    let server = Server::start();
    let mut client = server.client();
    (0..3000).for_each(|n| put(&mut client, n, 10));
    policy!(client, "SET", "*", "*", "MAXWEIGHT", "10000");
    wait_until("the namespace is within its budget", || figure(&mut client, "weight") <= 10_000);
    assert_eq!(figure(&mut client, "weight"), 10_000, "and not more went than had to");
    policy!(client, "SET", "n?", "*", "MAXWEIGHT", "100");
    wait_until("the more specific rule counts", || figure(&mut client, "weight") == 100);
    policy!(client, "DEL", "n?", "*");
    policy!(client, "DEL", "*", "*");
    (0..3000).for_each(|n| put(&mut client, n, 10));
    assert_eq!(figure(&mut client, "weight"), 30_000);
}

#[test]
fn a_write_after_a_budget_was_lowered_makes_room_for_itself_only() {
    let (_server, mut client) = with_rule(&["MAXWEIGHT", "3000"]);
    (0..3000).for_each(|n| put(&mut client, n, 1));
    let replies = client.pipeline(&[
        args!["MULTI"],
        args!["CACHE.POLICY", "SET", "ns", "*", "MAXWEIGHT", 100],
        args!["CACHE.RESULT", "SET", "ns", "op", 5000, "r", "WEIGHT", 5],
        args!["CACHE.STATS", "ns"],
        args!["EXEC"],
    ]);
    let evicted = replies[4].array()[2].field("evictions").int();
    assert!(evicted <= 10, "{evicted} went for one small entry");
    wait_until("the rest goes in the background", || figure(&mut client, "weight") <= 100);
    assert_eq!(figure(&mut client, "weight"), 100);
    assert_eq!(cache!(client, "EXISTS", "ns", "op", 5000).int(), 1);
}

#[test]
fn rules_that_say_nothing_of_budgets_leave_what_is_known_alone() {
    let (_server, mut client) = with_rule(&["MAXWEIGHT", "2000"]);
    (0..2000).for_each(|n| put(&mut client, n, 1));
    let replies = client.pipeline(&[
        args!["MULTI"],
        args!["CACHE.POLICY", "SET", "zzz", "*", "TTL", "5s"],
        args!["CACHE.POLICY", "SET", "ns", "op", "TTL", "5h"],
        args!["CACHE.POLICY", "DEL", "zzz", "*"],
        args!["CACHE.RESULT", "SET", "ns", "op", 5000, "r", "WEIGHT", 1000],
        args!["CACHE.STATS", "ns"],
        args!["EXEC"],
    ]);
    assert_eq!(replies[6].array()[4].field("weight").int(), 2000);
    let oldest = left(&mut client, 1000).len();
    assert!(oldest < 150, "{oldest} of the older half are there");
}

#[test]
fn a_budget_is_of_one_namespace_in_one_database() {
    let (_server, mut client) = with_rule(&["MAXWEIGHT", "100"]);
    put(&mut client, 0, 100);
    cache!(client, "SET", "other", "op", "0", "r", "WEIGHT", 900);
    call!(client, "SELECT", 1);
    put(&mut client, 1, 100);
    assert_eq!(left(&mut client, 2), [1]);
    call!(client, "SELECT", 0);
    assert_eq!(left(&mut client, 2), [0]);
    call!(client, "SWAPDB", 0, 1);
    assert_eq!(left(&mut client, 2), [1]);
    put(&mut client, 2, 60);
    wait_until("what was swapped is known", || left(&mut client, 3) == [2]);
}

#[test]
fn the_dead_make_room_and_are_not_evicted() {
    let (_server, mut client) = with_rule(&["MAXWEIGHT", "1000"]);
    call!(client, "CONFIG", "SET", "cache.sweep", "no");
    for n in 0..10 {
        let tag = if n < 5 { "t" } else { "u" };
        cache!(client, "SET", "ns", "op", n, "r", "WEIGHT", 100, "TAGS", 1, tag);
    }
    call!(client, "CACHE.INVALIDATE", "TAG", "ns", "t");
    (10..15).for_each(|n| put(&mut client, n, 100));
    assert_eq!(left(&mut client, 15), (5..15).collect::<Vec<_>>());
    assert_eq!(figure(&mut client, "evictions"), 0);
    assert_eq!(cache!(client, "INFO", "ns", "op", "3").field("why"), "invalidated".into());
    // What an operation had, or the namespace, counts no more at once.
    call!(client, "CACHE.INVALIDATE", "OPERATION", "ns", "op");
    assert_eq!(figure(&mut client, "weight"), 0);
    (20..30).for_each(|n| put(&mut client, n, 100));
    assert_eq!((figure(&mut client, "weight"), figure(&mut client, "evictions")), (1000, 0));
    put(&mut client, 30, 100);
    assert_eq!((figure(&mut client, "weight"), figure(&mut client, "evictions")), (1000, 1));
}

#[test]
fn entries_that_went_otherwise_are_no_obstacle() {
    let (_server, mut client) = with_rule(&["MAXWEIGHT", "200"]);
    for round in 0..5 {
        for n in 0..200 {
            put(&mut client, n, 1);
            if n % 3 == 0 {
                let key = cache!(client, "KEY", "ns", "op", n).text();
                call!(client, "DEL", key);
            }
        }
        assert!(figure(&mut client, "weight") <= 200, "{round}");
    }
    call!(client, "FLUSHALL");
    policy!(client, "SET", "ns", "*", "MAXWEIGHT", "200");
    put(&mut client, 1, 150);
    put(&mut client, 2, 150);
    assert_eq!(left(&mut client, 3), [2]);
    call!(client, "DEL", "ns");
    put(&mut client, 3, 150);
    put(&mut client, 4, 150);
    assert_eq!(left(&mut client, 5), [4]);
}

/// What the roll knows of an earlier life of the namespace is nothing of this one.
#[test]
fn what_takes_the_place_of_an_earlier_life_is_bounded_as_well() {
    let (_server, mut client) = with_rule(&["MAXWEIGHT", "100"]);
    (0..10).for_each(|n| put(&mut client, n, 10));
    // Within one transaction the sweep sees nothing of what is left of it.
    call!(client, "MULTI");
    call!(client, "DEL", "ns");
    for n in 0..11 {
        cache!(client, "SET", "ns", "op", n, "x", "WEIGHT", 10);
    }
    call!(client, "EXEC");
    assert_eq!(figure(&mut client, "weight"), 100);
}

/// Nobody is left who could make room for what is reserved; memory is bounded all the same.
#[test]
fn memory_is_bounded_though_more_is_reserved_than_there_is() {
    let (_server, mut client) = with_rule(&["MAXWEIGHT", "100", "MAXBYTES", "10kb"]);
    for params in ["1001", "1002"] {
        let token = Entry { ns: "ns", operation: "op", params }.lease(&mut client, "");
        assert_eq!(cache!(client, "RENEW", "ns", token, "WEIGHT", 60), ok());
    }
    for n in 0..60 {
        assert_eq!(cache!(client, "SET", "ns", "op", n, "x".repeat(500)), ok());
        assert!(figure(&mut client, "stored_bytes") <= 10 * 1024);
    }
}

/// A failure is remembered however long its message, as long as the budget allows.
#[test]
fn a_failure_that_is_more_than_the_budget_does_not_stay() {
    let (_server, mut client) = with_rule(&["MAXBYTES", "2kb", "NEGATIVE", "1m"]);
    let token = Entry { ns: "ns", operation: "op", params: "1" }.lease(&mut client, "");
    assert_eq!(cache!(client, "FAIL", "ns", token, "m".repeat(60_000)), ok());
    assert_eq!(figure(&mut client, "stored_bytes"), 0);
    let token = Entry { ns: "ns", operation: "op", params: "1" }.lease(&mut client, "");
    assert_eq!(cache!(client, "FAIL", "ns", token, "short"), ok());
    assert_eq!(figure(&mut client, "entries"), 1);
}

fn used_memory(client: &mut Client) -> i64 {
    client.info("memory", "used_memory").expect("a figure").parse().expect("a number")
}

/// Each RESTORE has the database surveyed, and nobody writes to the namespace meanwhile.
#[test]
fn what_is_met_again_and_again_takes_no_more_memory() {
    let (_server, mut client) = with_rule(&["MAXWEIGHT", "1mb"]);
    (0..5000).for_each(|n| put(&mut client, n, 1));
    call!(client, "SET", "other", "x");
    let Value::Bulk(payload) = call!(client, "DUMP", "other") else { panic!("a payload") };
    let survey = |client: &mut Client| {
        call!(client, "RESTORE", "other", 0, payload, "REPLACE");
        std::thread::sleep(std::time::Duration::from_millis(150));
    };
    (0..4).for_each(|_| survey(&mut client));
    let before = used_memory(&mut client);
    (0..20).for_each(|_| survey(&mut client));
    let grown = used_memory(&mut client) - before;
    assert!(grown < 1_500_000, "{grown} bytes more");
}

#[test]
fn a_namespace_that_is_gone_takes_no_memory() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "bounded*", "*", "MAXWEIGHT", "1mb");
    let mut grown = |name: &str| {
        let before = used_memory(&mut client);
        for ns in 0..10 {
            let ns = format!("{name}{ns}");
            for n in 0..1000 {
                cache!(client, "SET", &ns, "op", n, "x", "WEIGHT", 1);
            }
            call!(client, "DEL", &ns);
        }
        wait_until("it is swept", || call!(client, "DBSIZE").int() == 0);
        used_memory(&mut client) - before
    };
    // Why an entry is gone is remembered of either.
    let [_, unbounded, bounded] = ["first", "unbound", "bounded"].map(&mut grown);
    assert!(bounded - unbounded < 200_000, "{unbounded} and {bounded} bytes more");
}

#[test]
fn a_namespace_that_cannot_be_bounded_keeps_no_other_waiting() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "n*", "*", "MAXWEIGHT", 100, "REMOVALS", 10);
    for ns in ["n1", "n2"] {
        cache!(client, "SET", ns, "op", 1, "x", "WEIGHT", 100);
    }
    call!(client, "SET", "result:{n1}:removals", "no stream");
    for ns in ["n1", "n2"] {
        let token = Entry { ns, operation: "op", params: "2" }.lease(&mut client, "");
        assert_eq!(cache!(client, "RENEW", ns, token, "WEIGHT", 50), ok());
    }
    wait_until("it made room", || cache!(client, "EXISTS", "n2", "op", 1).int() == 0);
    assert_eq!(cache!(client, "EXISTS", "n1", "op", 1).int(), 1, "its removal cannot be recorded");
}

#[test]
fn inside_a_transaction_and_a_script() {
    let (_server, mut client) = with_rule(&["MAXWEIGHT", "200", "REMOVALS", "10"]);
    let mut commands = vec![args!["MULTI"]];
    commands.extend((0..4).map(|n| args!["CACHE.RESULT", "SET", "ns", "op", n, n, "WEIGHT", 100]));
    commands.push(args!["XLEN", "result:{ns}:removals"]);
    commands.push(args!["EXEC"]);
    let replies = client.pipeline(&commands);
    assert_eq!(replies[6].array()[4].int(), 2);
    assert_eq!(left(&mut client, 4), [2, 3]);
    let script = "for n = 4, 7 do redis.call('CACHE.RESULT', 'SET', KEYS[1], 'op', n, n, 'WEIGHT', 100) end \
                  return redis.call('XLEN', 'result:{ns}:removals')";
    assert_eq!(call!(client, "EVAL", script, 1, "ns").int(), 6);
    assert_eq!(left(&mut client, 8), [6, 7]);
}

#[test]
fn a_budget_outlives_a_restart() {
    for launch in [Launch::new(), Launch::new().append_only(AofBase::Commands)] {
        let mut server = launch.start();
        let mut client = server.client();
        policy!(client, "SET", "ns", "*", "MAXWEIGHT", "500");
        (0..5).for_each(|n| put(&mut client, n, 100));
        server.shutdown_save_and_restart();
        let mut client = server.client();
        assert_eq!(left(&mut client, 5).len(), 5);
        put(&mut client, 5, 100);
        wait_until("it keeps within its budget", || figure(&mut client, "weight") == 500);
        wait_until("all are known", || {
            put(&mut client, 6, 500);
            left(&mut client, 7) == [6]
        });
    }
}

#[test]
fn a_replica_evicts_nothing_and_takes_over_when_it_is_promoted() {
    let (primary, mut client) = with_rule(&["MAXWEIGHT", "500"]);
    let replica = Launch::new().replica_of(&primary).start();
    (0..8).for_each(|n| put(&mut client, n, 100));
    wait_for_replica_in_sync(&primary, &replica);
    let mut other = replica.client();
    assert_eq!(left(&mut other, 8), left(&mut client, 8));
    assert_eq!(left(&mut other, 8).len(), 5);
    call!(other, "REPLICAOF", "NO", "ONE");
    put(&mut other, 8, 400);
    wait_until("the new primary keeps within the budget", || figure(&mut other, "weight") <= 500);
    wait_until("all are known", || {
        put(&mut other, 9, 500);
        left(&mut other, 10) == [9]
    });
}

#[test]
fn a_lease_reserves_room_before_anything_is_written() {
    let (server, mut client) = with_rule(&["MAXWEIGHT", "1000", "REMOVALS", "100"]);
    (0..10).for_each(|n| put(&mut client, n, 100));
    let entry = Entry { ns: "ns", operation: "op", params: "99" };
    let token = entry.lease(&mut client, "");
    assert_eq!(cache!(client, "RENEW", "ns", token, "WEIGHT", 350), ok());
    wait_until("room is made", || figure(&mut client, "weight") == 600);
    assert_eq!(call!(client, "XLEN", "result:{ns}:removals").int(), 4);
    // What others write meanwhile leaves that room alone.
    put(&mut client, 20, 100);
    assert_eq!(figure(&mut client, "weight"), 600);
    // The reservation can be changed, and becomes the entry's weight where the writer gives none.
    assert_eq!(cache!(client, "RENEW", "ns", token, "WEIGHT", 400), ok());
    assert_eq!(cache!(client, "FILL", "ns", token, "file"), ok());
    assert_eq!(entry.info(&mut client, "weight"), 400.into());
    assert_eq!(figure(&mut client, "weight"), 1000);
    // It ends with its lease, however that does.
    for (n, end) in ["RELEASE", "FAIL", "lapse", "INVALIDATE"].into_iter().enumerate() {
        let params = format!("{}", 200 + n);
        let entry = Entry { ns: "ns", operation: "op", params: &params };
        let token = entry.lease(&mut client, "");
        assert_eq!(cache!(client, "RENEW", "ns", token, "WEIGHT", 1000), ok());
        wait_until("all go", || figure(&mut client, "weight") == 0);
        match end {
            "lapse" => entry.lapse(&mut client, &token),
            "INVALIDATE" => drop(entry.call(&mut client, end, &[""; 0])),
            "FAIL" => drop(cache!(client, "FAIL", "ns", token, "no")),
            _ => drop(cache!(client, "RELEASE", "ns", token)),
        }
        wait_until(&format!("all of the budget is there again after {end}"), || {
            (0..10).for_each(|n| put(&mut client, n, 100));
            figure(&mut client, "weight") == 1000
        });
    }
    drop(server);
}

#[test]
fn weights_are_whole_numbers_up_to_2_to_the_53() {
    let (_server, mut client) = with_rule(&["MAXWEIGHT", "9007199254740991"]);
    let token = Entry { ns: "ns", operation: "op", params: "9" }.lease(&mut client, "");
    for bad in ["-1", "9007199254740992", "1.5", "1kb", "", "18446744073709551617"] {
        for words in [
            args!["CACHE.RESULT", "SET", "ns", "op", "1", "r", "WEIGHT", bad],
            args!["CACHE.RESULT", "RENEW", "ns", token, "WEIGHT", bad],
            args!["CACHE.RESULT", "FILL", "ns", token, "r", "WEIGHT", bad],
        ] {
            let refused = client.call(&words);
            assert!(refused.is_error() && refused.error().contains("WEIGHT"), "{refused:?}");
        }
    }
    (0..3).for_each(|n| put(&mut client, n, 9_007_199_254_740_991));
    assert_eq!(left(&mut client, 3), [2]);
}
