//! INVALIDATE: what it answers, what it leaves, and how the clock moves.

use crate::harness::{Client, Entry, Server, Value, digests, nil, now_ms, ok, wait_until};
use crate::{args, cache, call};

const LATER: i64 = 1_900_000_000_000;
const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };

#[test]
fn it_answers_whether_an_entry_was_there() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "{}"), 0.into());
    cache!(client, "SET", "ns", "op", "{}", "r");
    cache!(client, "SET", "ns", "op", "1", "other");
    assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "{}"), 1.into());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), nil());
    assert_eq!(cache!(client, "EXISTS", "ns", "op", "{}"), 0.into());
    assert_eq!(ENTRY.expiry(&mut client), -2, "the entry key is still there");
    assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "{}"), 0.into());
    assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "{}", "SOFT"), 0.into());
    assert_eq!(cache!(client, "GET", "ns", "op", "1"), "other".into());
    // An entry that outlived its namespace is none.
    call!(client, "DEL", "ns");
    assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "1"), 0.into());
}

#[test]
fn it_makes_the_namespace_and_moves_the_clock_even_where_nothing_was() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "{}"), 0.into());
    assert_eq!(call!(client, "EXISTS", "ns"), 1.into());
    for more in [&[][..], &["SOFT"], &["IFVERSION", "0"], &["SOFT", "IFVERSION", "0"]] {
        let before = digests(&server);
        assert_eq!(ENTRY.call(&mut client, "INVALIDATE", more), 0.into());
        assert_ne!(before, digests(&server), "INVALIDATE {more:?} of an absent entry left no trace");
    }
}

#[test]
fn a_stale_entry_counts_as_there() {
    let server = Server::start();
    let mut client = server.client();
    for more in [&[][..], &["SOFT"]] {
        cache!(client, "SET", "ns", "op", "{}", "r", "PX", 20, "GRACE", 60_000);
        wait_until("the entry is stale", || cache!(client, "GET", "ns", "op", "{}") == nil());
        let end = ENTRY.expiry(&mut client);
        assert_eq!(ENTRY.call(&mut client, "INVALIDATE", more), 1.into());
        if more.is_empty() {
            assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), nil());
        } else {
            assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), "r".into());
            assert_eq!(ENTRY.expiry(&mut client), end, "SOFT made it live longer than it would have");
        }
    }
}

#[test]
fn soft_leaves_the_entry_stale_for_its_grace() {
    let server = Server::start();
    let mut client = server.client();
    for options in [args!["PXAT", LATER], args!["EX", 50], args!["PERSIST"], args![]] {
        let mut command = args!["r", "GRACE", 30_000];
        command.extend(options.clone());
        assert_eq!(ENTRY.call(&mut client, "SET", &command), ok());
        let version = ENTRY.version(&mut client);
        let before = now_ms();
        assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "{}", "SOFT"), 1.into());
        let after = now_ms();
        assert_eq!(cache!(client, "GET", "ns", "op", "{}"), nil());
        assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), "r".into());
        assert_eq!(cache!(client, "EXISTS", "ns", "op", "{}"), 0.into());
        assert_eq!(ENTRY.state(&mut client), "stale");
        let expiry = ENTRY.expiry(&mut client);
        assert!((before + 30_000..=after + 30_000).contains(&expiry), "{options:?}: {}", expiry - before);
        assert!(ENTRY.version(&mut client) > version, "SOFT must give a new version");
        // Again: it is stale already, and gains nothing.
        assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "{}", "SOFT"), 1.into());
        assert_eq!(ENTRY.expiry(&mut client), expiry);
        assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "{}"), 1.into());
        assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), nil());
    }
}

#[test]
fn soft_keeps_everything_else_of_the_entry() {
    let server = Server::start();
    let mut client = server.client();
    cache!(
        client, "SET", "ns", "op", "{}", "r", "GRACE", 60_000, "TAGS", 2, "a", "b", "TOOK", 77, "WEIGHT", 88
    );
    let before = cache!(client, "INFO", "ns", "op", "{}");
    cache!(client, "INVALIDATE", "ns", "op", "{}", "SOFT");
    let after = cache!(client, "INFO", "ns", "op", "{}");
    for field in ["key", "fingerprint", "created_ms", "bytes", "encoding", "tags", "took_ms", "weight"] {
        assert_eq!(before.field(field), after.field(field), "{field}");
    }
}

#[test]
fn soft_without_grace_removes() {
    let server = Server::start();
    let mut client = server.client();
    for options in [&["r"][..], &["r", "PERSIST"], &["r", "GRACE", "0"]] {
        assert_eq!(ENTRY.call(&mut client, "SET", options), ok());
        assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "{}", "SOFT"), 1.into());
        assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), nil());
        assert_eq!(ENTRY.expiry(&mut client), -2);
    }
}

#[test]
fn a_soft_entry_goes_when_its_grace_is_over() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "r", "PERSIST", "GRACE", 60);
    cache!(client, "INVALIDATE", "ns", "op", "{}", "SOFT");
    wait_until("its grace is over", || cache!(client, "GET", "ns", "op", "{}", "STALE") == nil());
    wait_until("core has removed it", || ENTRY.expiry(&mut client) == -2);
}

/// INVALIDATE with these options does nothing at all.
#[track_caller]
fn changes_nothing(server: &Server, client: &mut Client, options: &[Vec<u8>]) {
    let before = digests(server);
    assert_eq!(ENTRY.call(client, "INVALIDATE", options), 0.into(), "{options:?}");
    assert_eq!(before, digests(server), "{options:?}");
}

#[test]
fn a_differing_version_changes_nothing() {
    let server = Server::start();
    let mut client = server.client();
    // Not even the namespace is made.
    changes_nothing(&server, &mut client, &args!["IFVERSION", 1]);
    cache!(client, "SET", "ns", "op", "{}", "r", "GRACE", 60_000);
    let first = ENTRY.version(&mut client);
    cache!(client, "SET", "ns", "op", "{}", "s", "GRACE", 60_000);
    let second = ENTRY.version(&mut client);
    for version in [0, 1, first, second - 1, second + 1, 9_007_199_254_740_991] {
        changes_nothing(&server, &mut client, &args!["IFVERSION", version]);
        changes_nothing(&server, &mut client, &args!["SOFT", "IFVERSION", version]);
        changes_nothing(&server, &mut client, &args!["IFVERSION", version, "SOFT"]);
    }
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "s".into());
    assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "{}", "IFVERSION", second, "SOFT"), 1.into());
    changes_nothing(&server, &mut client, &args!["IFVERSION", second]);
    let third = ENTRY.version(&mut client);
    assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "{}", "IFVERSION", third), 1.into());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), nil());
    changes_nothing(&server, &mut client, &args!["IFVERSION", third]);
}

#[test]
fn no_version_is_used_in_two_lives() {
    let server = Server::start();
    let mut client = server.client();
    // In a script the clock may stand still: a version that a client holds must not fit another's entry.
    let script = "
        local versions = {}
        for n = 1, 5 do
            redis.call('CACHE.RESULT', 'SET', KEYS[1], 'op', '{}', n)
            local info = redis.call('CACHE.RESULT', 'INFO', KEYS[1], 'op', '{}')
            versions[n] = info[10]
            redis.call('DEL', KEYS[1])
        end
        return versions";
    let versions: Vec<i64> = call!(client, "EVAL", script, 1, "ns").array().iter().map(Value::int).collect();
    assert!(versions.is_sorted_by(|one, next| one < next), "{versions:?}");
}

#[test]
fn versions_only_grow() {
    let server = Server::start();
    let mut client = server.client();
    let mut last = 0;
    for round in 0..50 {
        for params in ["1", "2", "3"] {
            let entry = Entry::of("ns", params);
            if round % 3 == 0 {
                cache!(client, "INVALIDATE", "ns", "op", params);
            }
            if round % 7 == 0 {
                call!(client, "DEL", "ns");
            }
            cache!(client, "SET", "ns", "op", params, "r", "GRACE", 60_000);
            let version = entry.version(&mut client);
            assert!(version > last, "{version} came after {last}");
            last = version;
            if round % 5 == 0 {
                cache!(client, "INVALIDATE", "ns", "op", params, "SOFT");
                let version = entry.version(&mut client);
                assert!(version > last, "{version} came after {last}, by SOFT");
                last = version;
            }
        }
    }
    // It started at Unix microseconds, and numbers stay exact in any client's doubles.
    assert!((1_700_000_000_000_000..1 << 53).contains(&last), "{last}");
}
