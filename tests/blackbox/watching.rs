//! WATCH and client-side caching: every mutation is seen at the namespace, no reading is.

use crate::harness::{Client, Entry, Server, Value, nil};
use crate::{args, cache, call};

const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };

/// Whether a transaction that watches `key` goes through although another client runs `command`.
#[track_caller]
fn goes_through(watcher: &mut Client, other: &mut Client, key: &str, command: &[Vec<u8>]) -> bool {
    watcher.must(&["WATCH", key]);
    other.must(command);
    let replies = watcher.pipeline(&[args!["MULTI"], args!["PING"], args!["EXEC"]]);
    replies[2] != nil()
}

#[test]
fn reading_breaks_no_transaction() {
    let server = Server::start();
    let (mut watcher, mut other) = (server.client(), server.client());
    cache!(other, "SET", "ns", "op", "{}", "r", "GRACE", 60_000);
    let key = ENTRY.key(&mut other);
    let version = ENTRY.version(&mut other);
    for state in ["fresh", "stale", "absent"] {
        match state {
            "stale" => drop(cache!(other, "INVALIDATE", "ns", "op", "{}", "SOFT")),
            "absent" => drop(cache!(other, "INVALIDATE", "ns", "op", "{}")),
            _ => {}
        }
        assert_eq!(ENTRY.state(&mut other), state);
        for command in [
            args!["CACHE.RESULT", "GET", "ns", "op", "{}"],
            args!["CACHE.RESULT", "GET", "ns", "op", "{}", "STALE"],
            args!["CACHE.RESULT", "EXISTS", "ns", "op", "{}"],
            args!["CACHE.RESULT", "INFO", "ns", "op", "{}"],
            args!["CACHE.RESULT", "KEY", "ns", "op", "{}"],
            args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}", "IFVERSION", version + 77],
            args!["EVAL", "return redis.call('CACHE.RESULT', 'GET', KEYS[1], 'op', '{}')", 1, "ns"],
        ] {
            for watched in ["ns", &key] {
                assert!(goes_through(&mut watcher, &mut other, watched, &command), "{state}: {command:?}");
            }
        }
    }
    // A write that is not made breaks none either.
    let refused = args!["CACHE.RESULT", "SET", "ns", "op", "{}", "r", "XX"];
    assert!(goes_through(&mut watcher, &mut other, "ns", &refused));
    cache!(other, "SET", "ns", "op", "{}", "r");
    let refused = args!["CACHE.RESULT", "SET", "ns", "op", "{}", "r", "NX"];
    assert!(goes_through(&mut watcher, &mut other, "ns", &refused));
    assert!(goes_through(&mut watcher, &mut other, &key, &refused));
}

#[test]
fn every_mutation_breaks_a_transaction_that_watches_the_namespace() {
    let server = Server::start();
    let (mut watcher, mut other) = (server.client(), server.client());
    for command in [
        // The first makes the namespace.
        args!["CACHE.RESULT", "SET", "ns", "op", "{}", "r", "GRACE", 60_000],
        args!["CACHE.RESULT", "SET", "ns", "op", "{}", "r", "GRACE", 60_000],
        args!["CACHE.RESULT", "SET", "ns", "op", "1", "r"],
        args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}", "SOFT"],
        args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}"],
        args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}"],
        args!["CACHE.RESULT", "SET", "ns", "op", "{}", "r", "NX"],
        args!["CACHE.RESULT", "SET", "ns", "op", "{}", "r", "PXAT", 1],
        args!["CACHE.RESULT", "SET", "ns", "op", "{}", "r", "PXAT", 1],
        args!["EVAL", "return redis.call('CACHE.RESULT', 'SET', KEYS[1], 'op', '{}', 'r')", 1, "ns"],
        args!["RENAME", "ns", "aside"],
    ] {
        assert!(!goes_through(&mut watcher, &mut other, "ns", &command), "{command:?} went unseen");
    }
}

#[test]
fn a_mutation_is_seen_at_its_entry_too_and_at_no_other() {
    let server = Server::start();
    let (mut watcher, mut other) = (server.client(), server.client());
    let key = ENTRY.key(&mut other);
    for command in [
        args!["CACHE.RESULT", "SET", "ns", "op", "{}", "r", "GRACE", 60_000],
        args!["CACHE.RESULT", "SET", "ns", "op", "{}", "s", "GRACE", 60_000],
        args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}", "SOFT"],
        args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}"],
    ] {
        assert!(!goes_through(&mut watcher, &mut other, &key, &command), "{command:?} went unseen");
    }
    let elsewhere = args!["CACHE.RESULT", "SET", "ns2", "op", "{}", "r"];
    assert!(goes_through(&mut watcher, &mut other, "ns", &elsewhere));
    let other_entry = args!["CACHE.RESULT", "SET", "ns", "op", "1", "r"];
    assert!(goes_through(&mut watcher, &mut other, &key, &other_entry));
}

#[test]
fn a_client_that_caches_is_told_of_the_namespace() {
    let server = Server::start();
    let (mut caching, mut other) = (server.client().resp3(), server.client());
    cache!(other, "SET", "ns", "op", "{}", "r");
    call!(caching, "CLIENT", "TRACKING", "ON");
    for change in [
        args!["CACHE.RESULT", "SET", "ns", "op", "{}", "s", "GRACE", 1000],
        args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}", "SOFT"],
        args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}"],
        args!["DEL", "ns"],
    ] {
        cache!(caching, "GET", "ns", "op", "{}");
        // Another reader is no change: the next push must be that of the change.
        cache!(other, "GET", "ns", "op", "{}");
        other.must(&change);
        let push = caching.push();
        assert_eq!(push.array(), ["invalidate".into(), Value::Array(vec!["ns".into()])], "{change:?}");
        assert_eq!(call!(caching, "PING"), Value::Simple("PONG".into()));
    }
}
