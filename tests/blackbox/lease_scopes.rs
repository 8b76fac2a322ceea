//! Leases and followers under invalidations of tags, operations, namespaces and plans.

use crate::harness::{
    AofBase, Client, Entry, Launch, Server, Value, Waiter, fenced, ok, wait_for_replica_in_sync,
};
use crate::{args, cache, policy};

const ENTRY: Entry = Entry { ns: "ns", operation: "op:a", params: r#"{"id":7}"# };

/// Invalidations that concern a fill of [`ENTRY`] that brings the tag `t` and draws `video:7`.
const CONCERNING: [&[&str]; 8] = [
    &["CACHE.INVALIDATE", "TAG", "ns", "t"],
    &["CACHE.INVALIDATE", "TAG", "ns", "none", "t"],
    &["CACHE.INVALIDATE", "TAG", "ns", "video:7"],
    &["CACHE.INVALIDATE", "TAG", "ns", "r:1"],
    &["CACHE.INVALIDATE", "OPERATION", "ns", "op:a"],
    &["CACHE.INVALIDATE", "OPERATION", "ns", "op:*"],
    &["CACHE.INVALIDATE", "NAMESPACE", "ns"],
    &["CACHE.INVALIDATE.PLAN", "ns", r#"[{"operation":"op:a","params":{"id":7.0}}]"#],
];

const OTHERS: [&[&str]; 5] = [
    &["CACHE.INVALIDATE", "TAG", "ns", "video:8", "T", "r:2"],
    &["CACHE.INVALIDATE", "TAG", "other", "t"],
    &["CACHE.INVALIDATE", "OPERATION", "ns", "op:b", "op"],
    &["CACHE.INVALIDATE", "NAMESPACE", "other"],
    &["CACHE.INVALIDATE.PLAN", "ns", r#"[{"operation":"op:a","params":{"id":8}}]"#],
];

/// Rules that draw tags, and a namespace or none.
#[track_caller]
fn prepare(client: &mut Client, with_namespace: bool) {
    client.must(&["FLUSHALL"]);
    assert_eq!(policy!(client, "SET", "ns", "op:*", "TAGS", "video:{params/id} r:{result/x}"), ok());
    if with_namespace {
        cache!(client, "SET", "ns", "op:c", "{}", "another");
    }
}

#[track_caller]
fn fill(client: &mut Client, token: &str) -> Value {
    cache!(client, "FILL", "ns", token, r#"{"x":1}"#, "TAGS", 1, "t", "GRACE", 60_000)
}

#[test]
fn a_fill_is_fenced_by_what_concerns_it_and_its_tags() {
    let server = Server::start();
    let mut client = server.client();
    for with_namespace in [true, false] {
        for words in CONCERNING {
            prepare(&mut client, with_namespace);
            let token = ENTRY.lease(&mut client, "LEASE 60000");
            let mut waiters = Waiter::several(2, &server, &ENTRY, "BLOCK 0");
            client.must(words);
            assert_eq!(fill(&mut client, &token), fenced(), "{words:?} {with_namespace}");
            // By the invalidation, or by the fill that it fenced.
            let next = waiters[0].fetched();
            assert_eq!(next.status, "LEASE", "{words:?} {with_namespace}");
            assert!(waiters[1].still_waits(&server), "{words:?}");
            assert_eq!(fill(&mut client, &token), fenced(), "{words:?}");
            assert_eq!(fill(&mut client, &next.token()), ok(), "{words:?} {with_namespace}");
            assert_eq!(waiters[1].told(), r#"HIT {"x":1}"#, "{words:?}");
        }
        for words in OTHERS {
            prepare(&mut client, with_namespace);
            let token = ENTRY.lease(&mut client, "LEASE 60000");
            let mut waiter = Waiter::on(&server, &ENTRY, "BLOCK 0");
            client.must(words);
            assert!(waiter.still_waits(&server), "{words:?}");
            assert_eq!(fill(&mut client, &token), ok(), "{words:?} {with_namespace}");
            assert_eq!(waiter.told(), r#"HIT {"x":1}"#, "{words:?}");
        }
    }
}

#[test]
fn a_lapsed_token_is_fenced_alike() {
    let server = Server::start();
    let mut client = server.client();
    for (cases, answer) in [(&CONCERNING[..], fenced()), (&OTHERS[..], ok())] {
        for words in cases {
            prepare(&mut client, true);
            let token = ENTRY.lease(&mut client, "LEASE 60000");
            ENTRY.lapse(&mut client, &token);
            client.must(words);
            assert_eq!(fill(&mut client, &token), answer, "{words:?}");
        }
    }
}

#[test]
fn another_process_fences_alike() {
    for (cases, answer) in [(&CONCERNING[..], fenced()), (&OTHERS[..], ok())] {
        let mut server = Launch::new().append_only(AofBase::Rdb).start();
        let mut client = server.client();
        prepare(&mut client, true);
        // Each case in a namespace of its own, all over one restart.
        let tokens: Vec<(String, String)> = (0..cases.len())
            .map(|nth| {
                let ns = format!("ns:{nth}");
                policy!(client, "SET", &ns, "op:*", "TAGS", "video:{params/id} r:{result/x}");
                cache!(client, "SET", &ns, "op:c", "{}", "another");
                let token = Entry { ns: &ns, ..ENTRY }.lease(&mut client, "");
                let mut words: Vec<&str> = cases[nth].to_vec();
                words.iter_mut().filter(|word| **word == "ns").for_each(|word| *word = &ns);
                client.must(&words);
                (ns.clone(), token)
            })
            .collect();
        server.kill_and_restart();
        let mut client = server.client();
        for ((ns, token), words) in tokens.iter().zip(cases) {
            let reply = cache!(client, "FILL", ns, token, r#"{"x":1}"#, "TAGS", 1, "t");
            assert_eq!(reply, answer, "{words:?}");
        }
    }
}

#[test]
fn followers_hear_of_it_here_and_on_replicas() {
    let primary = Server::start();
    let replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    let mut client = primary.client();
    let command = |version: i64| {
        args!["CACHE.RESULT", "NEXT", "ns", "BLOCK", 0, "AFTER", ENTRY.operation, ENTRY.params, version]
    };
    for words in CONCERNING {
        prepare(&mut client, true);
        let token = ENTRY.lease(&mut client, "");
        assert_eq!(fill(&mut client, &token), ok());
        let version = ENTRY.version(&mut client);
        wait_for_replica_in_sync(&primary, &replica);
        let mut followers = [&primary, &replica].map(|server| Waiter::start(server, &command(version)));
        client.must(words);
        for follower in &mut followers {
            let gone = Value::Array(vec![0.into(), Value::Simple("GONE".into()), Value::Nil, 0.into()]);
            assert_eq!(follower.answer().array(), [gone], "{words:?}");
        }
    }
}
