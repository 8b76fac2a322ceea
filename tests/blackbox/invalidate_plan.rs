//! INVALIDATE PLAN: all jobs of a plan, or one and those that depend on it, taken back in one step.

use crate::harness::{
    AofBase, Client, Entry, Launch, ReplicationStream, Server, Value, Waiter, assert_same_digests, digests,
    fenced, nil, ok, wait_for_replica_in_sync,
};
use crate::{args, cache, call, policy};

const fn op(params: &str) -> Entry<'_> {
    Entry { ns: "ns", operation: "op", params }
}

/// A diamond above a chain, and a job apart:
///
/// ```text
/// a <- b <- d <- 5      lone
/// a <- c <- d
/// ```
const GRAPH: &str = r#"{"jobs":[
    {"id":5,"dependsOn":["d"],"operation":"op","params":5},
    {"id":"d","dependsOn":["b","c"],"operation":"op","params":4},
    {"id":"a","operation":"op","params":1},
    {"id":"b","dependsOn":["a"],"operation":"op","params":2},
    {"id":"c","dependsOn":["a"],"operation":"op","params":3},
    {"operation":"op","params":6},
    {"id":"lone","operation":"op","params":7}
]}"#;

const ALL: [&str; 7] = ["1", "2", "3", "4", "5", "6", "7"];

#[track_caller]
fn fill(client: &mut Client) {
    for params in ALL {
        assert_eq!(cache!(client, "SET", "ns", "op", params, "r", "GRACE", 60_000), ok());
    }
}

/// Which of [`ALL`] are in this state.
#[track_caller]
fn those_that_are(client: &mut Client, state: &str) -> Vec<&'static str> {
    ALL.into_iter().filter(|params| op(params).state(client) == state).collect()
}

/// The plan under both of its names, with options as they are typed.
fn spellings(plan: &str, options: &str) -> [Vec<Vec<u8>>; 2] {
    let options: Vec<Vec<u8>> = options.split_whitespace().map(|word| word.as_bytes().to_vec()).collect();
    [args!["CACHE.INVALIDATE.PLAN", "ns", plan], args!["CACHE.INVALIDATE", "PLAN", "ns", plan]]
        .map(|command| [command, options.clone()].concat())
}

#[test]
fn all_jobs_or_those_that_depend_on_one() {
    let server = Server::start();
    let mut client = server.client();
    for (options, hit) in [
        ("", &ALL[..]),
        ("FROM a", &["1", "2", "3", "4", "5"]),
        ("FROM b", &["2", "4", "5"]),
        ("FROM c", &["3", "4", "5"]),
        ("FROM d", &["4", "5"]),
        ("from 5", &["5"]),
        ("FROM lone", &["7"]),
    ] {
        for soft in ["", " SOFT"] {
            for command in spellings(GRAPH, &format!("{options}{soft}")) {
                fill(&mut client);
                assert_eq!(client.call(&command), (hit.len() as i64).into(), "{options}{soft}");
                let state = if soft.is_empty() { "absent" } else { "stale" };
                assert_eq!(those_that_are(&mut client, state), hit, "{options}{soft}");
                assert_eq!(those_that_are(&mut client, "fresh").len(), ALL.len() - hit.len());
            }
        }
    }
    for command in spellings(GRAPH, "SOFT FROM d") {
        fill(&mut client);
        assert_eq!(client.call(&command), 2.into(), "the options in the other order");
    }
}

#[test]
fn ids_are_found_by_their_text() {
    let server = Server::start();
    let mut client = server.client();
    for (id, from) in [
        (r#""\u0061\u00e4""#, "a\u{e4}"),
        ("-3", "-3"),
        ("\"007\"", "007"),
        ("\"\"", ""),
        ("\"FROM\"", "FROM"),
        ("\"SOFT\"", "SOFT"),
    ] {
        fill(&mut client);
        let plan = format!(r#"[{{"operation":"op","params":1}},{{"id":{id},"operation":"op","params":2}}]"#);
        assert_eq!(call!(client, "CACHE.INVALIDATE.PLAN", "ns", plan, "FROM", from), 1.into(), "{id}");
        assert_eq!(those_that_are(&mut client, "absent"), ["2"]);
        for unknown in ["7", "A", "a", "3", "1", " ", "nul\0"] {
            let reply = call!(client, "CACHE.INVALIDATE.PLAN", "ns", plan, "FROM", unknown);
            assert_eq!(reply.error_word(), "BADPLAN", "{id} is not {unknown}");
        }
    }
}

#[test]
fn each_entry_that_was_there_counts_once() {
    let server = Server::start();
    let mut client = server.client();
    let plan = r#"[{"operation":"op","params":{"a":1,"b":2}},{"operation":"op","params":{"b":2.0,"a":1e0}},
                   {"operation":"op","params":9},{"operation":"op","params":9},{"operation":"other","params":9}]"#;
    let same = op(r#"{"b":2,"a":1}"#);
    for options in ["", "SOFT"] {
        for command in spellings(plan, options) {
            call!(client, "FLUSHALL");
            assert_eq!(client.call(&command), 0.into(), "nothing was there");
            same.call(&mut client, "SET", &["r", "GRACE", "60000"]);
            assert_eq!(client.call(&command), 1.into(), "fresh, and named twice");
            same.call(&mut client, "SET", &["r", "GRACE", "60000"]);
            same.call(&mut client, "INVALIDATE", &["SOFT"]);
            assert_eq!(client.call(&command), 1.into(), "stale");
            same.call(&mut client, "INVALIDATE", &[""; 0]);
            let token = op("9").lease(&mut client, "");
            assert_eq!(client.call(&command), 0.into(), "leased only");
            assert_eq!(cache!(client, "FILL", "ns", token, "late"), fenced());
            let token = op("9").lease(&mut client, "");
            assert_eq!(cache!(client, "FAIL", "ns", token, "broken", "PX", 60_000), ok());
            assert_eq!(op("9").state(&mut client), "negative");
            assert_eq!(client.call(&command), 1.into(), "negative");
            assert_eq!(op("9").fetch(&mut client, "").status, "LEASE");
        }
    }
}

#[test]
fn what_an_invalidation_of_many_made_absent_does_not_count() {
    let server = Launch::new().line("cache.sweep no").start();
    let mut client = server.client();
    for words in [["TAG", "ns", "t"], ["OPERATION", "ns", "o*"], ["OPERATION", "ns", "op"]] {
        cache!(client, "SET", "ns", "op", "1", "r", "TAGS", 1, "t", "GRACE", 60_000);
        call!(client, "CACHE.INVALIDATE", words[0], words[1], words[2]);
        for command in spellings(r#"[{"operation":"op","params":1}]"#, "SOFT") {
            assert_eq!(client.call(&command), 0.into(), "{words:?}");
        }
        assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "1"), 0.into(), "{words:?}");
    }
}

#[test]
fn soft_leaves_what_has_a_grace_and_fences_like_hard() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "1", "r", "GRACE", 60_000);
    cache!(client, "SET", "ns", "op", "2", "r");
    let before = op("1").version(&mut client);
    let since = call!(client, "CACHE.CLOCK", "ns").text();
    let token = op("3").lease(&mut client, "");
    let plan =
        r#"[{"operation":"op","params":1},{"operation":"op","params":2},{"operation":"op","params":3}]"#;
    assert_eq!(call!(client, "CACHE.INVALIDATE.PLAN", "ns", plan, "SOFT"), 2.into());
    assert_eq!(cache!(client, "GET", "ns", "op", "1"), nil());
    assert_eq!(cache!(client, "GET", "ns", "op", "1", "STALE"), "r".into());
    assert!(op("1").version(&mut client) > before, "stale under a new version");
    assert_eq!(cache!(client, "GET", "ns", "op", "2", "STALE"), nil());
    assert_eq!(cache!(client, "FILL", "ns", token, "late"), fenced());
    for params in ["1", "2", "3"] {
        assert_eq!(cache!(client, "SET", "ns", "op", params, "late", "SINCE", &since), fenced(), "{params}");
    }
    assert_eq!(cache!(client, "SET", "ns", "op", "4", "r", "SINCE", &since), ok());
}

#[test]
fn it_is_at_once_and_leaves_nothing_for_later() {
    let server = Launch::new().line("cache.sweep no").start();
    let mut client = server.client();
    fill(&mut client);
    assert_eq!(call!(client, "DBSIZE"), 8.into());
    assert_eq!(call!(client, "CACHE.INVALIDATE.PLAN", "ns", GRAPH, "FROM", "d"), 2.into());
    assert_eq!(call!(client, "DBSIZE"), 6.into());
    assert_eq!(call!(client, "CACHE.INVALIDATE.PLAN", "ns", GRAPH), 5.into());
    assert_eq!(call!(client, "DBSIZE"), 1.into());
}

#[test]
fn leases_are_revoked_waiters_promoted_and_followers_told() {
    let primary = Server::start();
    let replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    let mut client = primary.client();
    for (n, options) in ["", "SOFT", "FROM a", "FROM a SOFT"].into_iter().enumerate() {
        for command in spellings(GRAPH, options) {
            call!(client, "FLUSHALL");
            cache!(client, "SET", "ns", "op", "1", "r");
            let version = op("1").version(&mut client);
            wait_for_replica_in_sync(&primary, &replica);
            let next =
                args!["CACHE.RESULT", "NEXT", "ns", "BLOCK", 0, "AFTER", "op", "1", version, "op", "8", 0];
            let mut followers = [&primary, &replica].map(|server| Waiter::start(server, &next));
            let tokens = ["2", "5"].map(|params| op(params).lease(&mut client, "LEASE 60000"));
            let mut queues = ["2", "5"].map(|params| Waiter::several(2, &primary, &op(params), "BLOCK 0"));
            let token_apart = op("8").lease(&mut client, "LEASE 60000");
            let mut apart = Waiter::on(&primary, &op("8"), "BLOCK 0");
            assert_eq!(client.call(&command), 1.into(), "{n}");
            for (queue, token) in queues.iter_mut().zip(tokens) {
                assert_eq!(cache!(client, "FILL", "ns", token, "late"), fenced());
                let lease = queue[0].fetched();
                assert_eq!(lease.status, "LEASE");
                assert!(queue[1].still_waits(&primary));
                assert_eq!(cache!(client, "FILL", "ns", lease.token(), "new"), ok());
                assert_eq!(queue[1].told(), "HIT new");
            }
            for follower in &mut followers {
                let gone = Value::Array(vec![0.into(), Value::Simple("GONE".into()), nil(), 0.into()]);
                assert_eq!(follower.answer().array(), [gone], "{options}");
            }
            assert!(apart.still_waits(&primary));
            assert_eq!(cache!(client, "FILL", "ns", token_apart, "r"), ok());
            assert_eq!(apart.told(), "HIT r");
        }
    }
}

#[test]
fn one_effect_is_sent_and_every_copy_agrees() {
    for base in AofBase::BOTH {
        let mut server = Launch::new().line("cache.sweep no").append_only(base).start();
        let replica = Launch::new().line("cache.sweep no").replica_of(&server).start();
        wait_for_replica_in_sync(&server, &replica);
        let mut client = server.client();
        let mut stream = ReplicationStream::attach(&server);
        for options in ["FROM b", "SOFT FROM a", "SOFT", ""] {
            for command in spellings(GRAPH, options) {
                fill(&mut client);
                stream.commands();
                client.must(&command);
                let sent = stream.commands();
                assert_eq!(sent.len(), 1, "{options}: {sent:?}");
                assert!(sent[0][0].eq_ignore_ascii_case(b"CACHE.APPLY"));
                assert_eq!(sent[0][1], b"ns");
            }
        }
        fill(&mut client);
        call!(client, "CACHE.INVALIDATE.PLAN", "ns", GRAPH, "SOFT", "FROM", "c");
        call!(client, "CACHE.INVALIDATE.PLAN", "ns", GRAPH, "FROM", "lone");
        call!(client, "CACHE.INVALIDATE.PLAN", "new", GRAPH);
        wait_for_replica_in_sync(&server, &replica);
        let before = digests(&server);
        assert_same_digests("the replica", &before, &digests(&replica));
        assert_eq!(those_that_are(&mut replica.client(), "stale"), ["3", "4", "5"]);
        server.kill_and_restart();
        assert_same_digests("the file", &before, &digests(&server));
    }
}

#[test]
fn refused_on_replicas_accepted_where_memory_is_full_and_as_ever_under_bypass() {
    let primary = Server::start();
    let replica = Launch::new().replica_of(&primary).start();
    let mut client = primary.client();
    fill(&mut client);
    wait_for_replica_in_sync(&primary, &replica);
    for command in spellings(GRAPH, "") {
        assert_eq!(replica.client().call(&command).error_word(), "READONLY");
    }
    call!(client, "CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", 1);
    assert_eq!(call!(client, "CACHE.INVALIDATE.PLAN", "ns", GRAPH, "FROM", "a"), 5.into());
    call!(client, "CONFIG", "SET", "maxmemory", 0);
    policy!(client, "SET", "ns", "*", "BYPASS", "yes");
    assert_eq!(call!(client, "CACHE.INVALIDATE", "PLAN", "ns", GRAPH), 2.into());
    policy!(client, "DEL", "ns", "*");
    assert_eq!(those_that_are(&mut client, "absent"), ALL);
}

#[test]
fn what_rules_leave_out_of_params_is_left_out_of_jobs_too() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "ns", "op", "IGNORE", "/at", "HASH", "blake3");
    cache!(client, "SET", "ns", "op", r#"{"a":1,"at":5}"#, "r");
    let plan = r#"[{"operation":"op","params":{"at":6,"a":1}},{"operation":"op","params":{"at":7,"a":1}}]"#;
    assert_eq!(call!(client, "CACHE.INVALIDATE.PLAN", "ns", plan), 1.into());
    assert_eq!(cache!(client, "GET", "ns", "op", r#"{"a":1}"#), nil());
}
