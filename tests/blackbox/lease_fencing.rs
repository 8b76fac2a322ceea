//! Fencing: no fill is accepted that something overtook since its grant, and all others are.

use crate::harness::{Client, Entry, Server, Value, fenced, nil, ok};
use crate::{args, cache, call, policy};

const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };

/// A namespace with another entry in it, or none at all.
#[track_caller]
fn prepare(client: &mut Client, with_namespace: bool) {
    client.must(&["FLUSHALL"]);
    if with_namespace {
        assert_eq!(cache!(client, "SET", "ns", "op", "\"another\"", "r"), ok());
    }
}

/// Leases, runs these commands, which must succeed, and fills; the fill's answer.
#[track_caller]
fn fill_after(client: &mut Client, commands: &[&[&str]]) -> Value {
    let token = ENTRY.lease(client, "LEASE 60000");
    for command in commands {
        let reply = client.call(command);
        assert!(!reply.is_error(), "{command:?}: {reply:?}");
    }
    cache!(client, "FILL", "ns", token, "late")
}

/// The words of a subcommand of CACHE.RESULT for the entry.
const INVALIDATE: &[&str] = &["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}"];
const SET: &[&str] = &["CACHE.RESULT", "SET", "ns", "op", "{}", "newer"];
const MERGE: &[&str] = &["CACHE.RESULT", "MERGE", "ns", "op", "{}", r#"{"newer":1}"#, "UPSERT"];

#[test]
fn what_concerns_the_entry_overtakes_its_fill() {
    let server = Server::start();
    let mut client = server.client();
    let soft = &[INVALIDATE, &["SOFT"]].concat()[..];
    let set_and_gone = &[SET, &["PXAT", "1"]].concat()[..];
    let nx = &[SET, &["NX"]].concat()[..];
    let another_life: &[&[&str]] =
        &[&["DEL", "ns"], &["CACHE.RESULT", "SET", "ns", "op", "1", "in another life"]];
    for with_namespace in [true, false] {
        for commands in [
            &[INVALIDATE][..],
            &[soft],
            &[SET],
            &[nx],
            &[set_and_gone],
            &[MERGE],
            &[SET, INVALIDATE],
            &[&["FLUSHALL"]],
            &[&["FLUSHALL", "ASYNC"]],
            &[&["FLUSHDB"]],
            &[&["SWAPDB", "0", "1"]],
            &[&["SWAPDB", "0", "1"], &["SWAPDB", "1", "0"]],
        ] {
            prepare(&mut client, with_namespace);
            assert_eq!(fill_after(&mut client, commands), fenced(), "{commands:?}, {with_namespace}");
            let now = cache!(client, "GET", "ns", "op", "{}", "STALE");
            assert_ne!(now, "late".into(), "{commands:?}");
        }
        if !with_namespace {
            continue;
        }
        for commands in [
            &[&["DEL", "ns"][..]][..],
            &[&["UNLINK", "ns"]],
            &[&["RENAME", "ns", "elsewhere"]],
            &[&["MOVE", "ns", "1"]],
            &[&["PEXPIREAT", "ns", "1"]],
            another_life,
        ] {
            prepare(&mut client, with_namespace);
            assert_eq!(fill_after(&mut client, commands), fenced(), "{commands:?}");
            assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), nil(), "{commands:?}");
        }
    }
}

#[test]
fn what_does_not_concern_the_entry_overtakes_nothing() {
    let server = Server::start();
    let mut client = server.client();
    let unmet = &[INVALIDATE, &["IFVERSION", "7"]].concat()[..];
    let absent = &[SET, &["XX"]].concat()[..];
    let nothing_to_merge = &MERGE[..MERGE.len() - 1];
    for with_namespace in [true, false] {
        for commands in [
            &[][..],
            &[unmet],
            &[absent],
            &[nothing_to_merge],
            &[&["CACHE.RESULT", "INVALIDATE", "ns", "op", "1"][..]],
            &[&["CACHE.RESULT", "INVALIDATE", "ns", "op2", "{}"]],
            &[&["CACHE.RESULT", "INVALIDATE", "other", "op", "{}"]],
            &[&["CACHE.RESULT", "SET", "ns", "op", "1", "r"]],
            &[&["CACHE.RESULT", "FETCH", "ns", "op", "1"]],
            &[&["CACHE.RESULT", "FETCH", "ns", "op", "{}"]],
            &[&["CACHE.CLOCK", "ns"]],
            &[&["CACHE.POLICY", "SET", "ns", "op", "TTL", "5m"]],
            &[&["DEL", "other"]],
            &[&["SELECT", "1"], &["FLUSHDB"], &["SELECT", "0"]],
            &[&["SWAPDB", "1", "2"]],
        ] {
            prepare(&mut client, with_namespace);
            assert_eq!(fill_after(&mut client, commands), ok(), "{commands:?}, {with_namespace}");
            assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "late".into(), "{commands:?}");
        }
    }
}

#[test]
fn a_refresh_is_fenced_alike() {
    let server = Server::start();
    let mut client = server.client();
    for commands in [&[INVALIDATE][..], &[SET], &[&[INVALIDATE, &["SOFT"]].concat()]] {
        ENTRY.call(&mut client, "SET", &["old", "GRACE", "60000"]);
        ENTRY.call(&mut client, "INVALIDATE", &["SOFT"]);
        let stale = ENTRY.fetch(&mut client, "");
        assert_eq!(stale.told(), "STALE old");
        for command in commands {
            client.must(command);
        }
        for (subcommand, more) in [("RENEW", None), ("FILL", Some("late")), ("FAIL", Some("m"))] {
            let mut command = args!["CACHE.RESULT", subcommand, "ns", stale.token()];
            command.extend(more.map(|more| more.as_bytes().to_vec()));
            assert_eq!(client.call(&command), fenced(), "{subcommand} after {commands:?}");
        }
        ENTRY.call(&mut client, "INVALIDATE", &[""; 0]);
    }
}

#[test]
fn soft_revokes_a_lease_and_leaves_the_value_stale() {
    let server = Server::start();
    let mut client = server.client();
    ENTRY.call(&mut client, "SET", &["old", "GRACE", "60000"]);
    let version = ENTRY.version(&mut client);
    let token = ENTRY.lease(&mut client, &format!("REJECT {version}"));
    assert_eq!(ENTRY.call(&mut client, "INVALIDATE", &["SOFT"]), 1.into());
    let stale = ENTRY.fetch(&mut client, "");
    assert_eq!(stale.told(), "STALE old");
    assert!(stale.version > version, "under a new version");
    assert_eq!(cache!(client, "FILL", "ns", token, "late"), fenced());
    assert_eq!(cache!(client, "FILL", "ns", stale.token(), "new"), ok());
    assert_eq!(ENTRY.fetch(&mut client, "").told(), "HIT new");
}

#[test]
fn another_lease_overtakes_one_that_lapsed() {
    let server = Server::start();
    let mut client = server.client();
    for with_namespace in [true, false] {
        prepare(&mut client, with_namespace);
        let first = ENTRY.lease(&mut client, "");
        ENTRY.lapse(&mut client, &first);
        let second = ENTRY.lease(&mut client, "");
        ENTRY.lapse(&mut client, &second);
        assert_eq!(cache!(client, "FILL", "ns", &first, "late"), fenced());
        assert_eq!(cache!(client, "RENEW", "ns", &first), fenced());
        assert_eq!(cache!(client, "RENEW", "ns", &second), ok(), "the newest one may take it again");
        let third = ENTRY.fetch(&mut client, "");
        assert_eq!(third.status, "BUSY");
        assert_eq!(cache!(client, "FILL", "ns", &second, "r"), ok());
    }
}

#[test]
fn an_invalidation_fences_what_lapsed_before_it() {
    let server = Server::start();
    let mut client = server.client();
    for with_namespace in [true, false] {
        for command in [INVALIDATE, SET, MERGE, &["FLUSHALL"]] {
            prepare(&mut client, with_namespace);
            let token = ENTRY.lease(&mut client, "");
            ENTRY.lapse(&mut client, &token);
            client.must(command);
            for subcommand in ["RENEW", "RELEASE"] {
                assert_eq!(cache!(client, subcommand, "ns", &token), fenced(), "{command:?}");
            }
            assert_eq!(cache!(client, "FILL", "ns", &token, "late"), fenced(), "{command:?}");
        }
    }
}

#[test]
fn a_token_from_before_the_namespace_is_honoured_where_it_was_granted() {
    let server = Server::start();
    let mut client = server.client();
    let token = ENTRY.lease(&mut client, "");
    cache!(client, "SET", "ns", "op", "1", "the namespace is made meanwhile");
    assert_eq!(cache!(client, "RENEW", "ns", &token), ok());
    assert_eq!(cache!(client, "FILL", "ns", &token, "r"), ok());
    // That another server does not honour it: `a_token_outlives_what_its_server_does_not`.
    client.must(&["FLUSHALL"]);
    let token = ENTRY.lease(&mut client, "");
    ENTRY.lapse(&mut client, &token);
    cache!(client, "INVALIDATE", "ns", "op", "1");
    assert_eq!(cache!(client, "FILL", "ns", &token, "r"), ok());
    // Nor does it fill what was deleted with its namespace.
    client.must(&["FLUSHALL"]);
    let token = ENTRY.lease(&mut client, "");
    cache!(client, "SET", "ns", "op", "1", "r");
    call!(client, "DEL", "ns");
    assert_eq!(cache!(client, "FILL", "ns", &token, "late"), fenced());
}

#[test]
fn a_stamp_is_not_fenced_by_a_grant() {
    let server = Server::start();
    let mut client = server.client();
    let since = call!(client, "CACHE.CLOCK", "ns").text();
    let token = ENTRY.lease(&mut client, "");
    assert_eq!(ENTRY.call(&mut client, "SET", &["r", "SINCE", &since]), ok());
    assert_eq!(cache!(client, "FILL", "ns", token, "late"), fenced(), "the write overtook the lease");
    let since = call!(client, "CACHE.CLOCK", "ns").text();
    let token = ENTRY.lease(&mut client, &format!("REJECT {}", ENTRY.version(&mut server.client())));
    assert_eq!(cache!(client, "FILL", "ns", token, "s"), ok());
    assert_eq!(ENTRY.call(&mut client, "SET", &["r", "SINCE", &since]), fenced(), "a fill fences it");
}

#[test]
fn tags_from_params_travel_in_the_token() {
    let server = Server::start();
    let mut client = server.client();
    let entry = Entry::of("ns", r#"{"id":7,"kind":"full hd"}"#);
    policy!(
        client,
        "SET",
        "ns",
        "op",
        "TAGS",
        "video:{params/id} {params/kind}:{result/x} {params/none} r:{result/x}"
    );
    let token = entry.lease(&mut client, "");
    assert_eq!(cache!(client, "FILL", "ns", token, r#"{"x":1}"#, "TAGS", 2, "mine", "video:7"), ok());
    let mut tags = entry.tags(&mut client);
    tags.sort();
    assert_eq!(tags, ["full hd:1", "mine", "r:1", "video:7"]);
    // Worked out at the grant, whatever the rules say afterwards.
    entry.call(&mut client, "INVALIDATE", &[""; 0]);
    let token = entry.lease(&mut client, "");
    policy!(client, "DEL", "ns", "op");
    assert_eq!(cache!(client, "FILL", "ns", token, r#"{"x":1}"#), ok());
    assert!(entry.tags(&mut client).contains(&"video:7".to_owned()));
}

#[test]
fn tags_in_a_token_count_against_the_limit() {
    let server = Server::start();
    let mut client = server.client();
    call!(client, "CONFIG", "SET", "cache.tags-max", 2, "cache.tag-max-bytes", 20);
    policy!(client, "SET", "ns", "op", "TAGS", "video:{params/id}");
    let entry = Entry::of("ns", r#"{"id":7}"#);
    let token = entry.lease(&mut client, "");
    let reply = cache!(client, "FILL", "ns", &token, "r", "TAGS", 2, "a", "b");
    assert_eq!(reply.error_word(), "TOOBIG");
    assert_eq!(cache!(client, "GET", "ns", "op", entry.params), nil());
    assert_eq!(cache!(client, "FILL", "ns", &token, "r", "TAGS", 1, "a"), ok(), "the lease is as it was");
    let long = Entry::of("ns", r#"{"id":"longer than twenty bytes"}"#);
    // At the grant, or at the latest when it is to be stored.
    let reply = long.call(&mut client, "FETCH", &[""; 0]);
    if !reply.is_error() {
        let token = crate::harness::Fetched::of(&reply).token();
        assert_eq!(cache!(client, "FILL", "ns", token, "r").error_word(), "TOOBIG");
    }
}

#[test]
fn a_fingerprint_has_no_params_to_draw_tags_from() {
    let server = Server::start();
    let mut client = server.client();
    let entry = Entry::of("ns", r#"{"id":7}"#);
    let fingerprint = entry.info(&mut client, "fingerprint").text();
    let named = format!("fp:{fingerprint}");
    let named = Entry::of("ns", &named);
    // Without such a rule it is a name like any other.
    let token = named.lease(&mut client, "");
    assert_eq!(entry.fetch(&mut client, "").status, "BUSY");
    cache!(client, "RELEASE", "ns", token);
    for template in ["video:{params/id}", "{result/a}:{params}"] {
        policy!(client, "SET", "ns", "op", "TAGS", template);
        for options in [&[][..], &["BLOCK", "0"], &["NOSTALE"], &["HOLDER", "me"]] {
            assert_eq!(named.call(&mut client, "FETCH", options).error_word(), "BADPARAMS", "{options:?}");
        }
        let token = entry.lease(&mut client, "");
        assert_eq!(named.call(&mut client, "FETCH", &["BLOCK", "0"]).error_word(), "BADPARAMS");
        assert_eq!(cache!(client, "FILL", "ns", token, "r", "GRACE", 60_000), ok());
        assert_eq!(named.fetch(&mut client, "").told(), "HIT r");
        assert_eq!(named.call(&mut client, "INVALIDATE", &["SOFT"]), 1.into());
        let stale = named.fetch(&mut client, "");
        assert_eq!((stale.told(), stale.token), ("STALE r".to_owned(), None), "it could not refresh it");
        assert_eq!(named.call(&mut client, "FETCH", &["NOSTALE"]).error_word(), "BADPARAMS");
        assert!(entry.fetch(&mut client, "").token.is_some());
        entry.call(&mut client, "INVALIDATE", &[""; 0]);
    }
    policy!(client, "SET", "ns", "op", "TAGS", "r:{result/x} fixed");
    named.lease(&mut client, "");
}

#[test]
fn a_token_finds_its_entry_after_the_hashing_changed() {
    let server = Server::start();
    let mut client = server.client();
    let entry = Entry::of("ns", r#"{"id":7}"#);
    let token = entry.lease(&mut client, "");
    for rule in [["HASH", "blake3"], ["IGNORE", "/id"]] {
        policy!(client, "SET", "ns", "op", rule[0], rule[1]);
    }
    let mut anew = server.client();
    let other = entry.lease(&mut anew, "");
    assert_eq!(cache!(client, "RENEW", "ns", &token), ok());
    assert_eq!(cache!(client, "FILL", "ns", &token, "old name"), ok());
    assert_eq!(cache!(client, "FILL", "ns", &other, "new name"), ok());
    assert_eq!(cache!(client, "GET", "ns", "op", entry.params), "new name".into());
    policy!(client, "DEL", "ns", "op");
    assert_eq!(cache!(client, "GET", "ns", "op", entry.params), "old name".into());
}

#[test]
fn a_fenced_fill_ends_the_lease_that_it_bears() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "1", "r");
    let token = ENTRY.lease(&mut client, "LEASE 60000");
    let mut waiter = crate::harness::Waiter::on(&server, &ENTRY, "BLOCK 0");
    client.must(&["RENAME", "ns", "elsewhere"]);
    assert_eq!(cache!(client, "FILL", "ns", &token, "late"), fenced());
    // Woken by the one or the other, long before the deadline.
    let next = waiter.fetched();
    assert_eq!(next.status, "LEASE");
    assert_eq!(cache!(client, "FILL", "ns", next.token(), "r"), ok());
}

#[test]
fn a_busy_namespace_fences_no_lease_that_is_held() {
    let server = Server::start();
    let mut client = server.client();
    for with_namespace in [true, false] {
        prepare(&mut client, with_namespace);
        let token = ENTRY.lease(&mut client, "");
        // More than a namespace remembers one by one; but who granted the lease knows that none of them was its.
        let others: Vec<_> = (0..200).map(|n| args!["CACHE.RESULT", "INVALIDATE", "ns", "op", n]).collect();
        client.pipeline(&others);
        assert_eq!(ENTRY.fetch(&mut client, "").status, "BUSY");
        assert_eq!(cache!(client, "RENEW", "ns", &token), ok());
        assert_eq!(cache!(client, "FILL", "ns", &token, "r"), ok(), "{with_namespace}");
    }
}
