//! INFO of an entry: which fields, of which type, and when they are nil.

use crate::harness::{Client, Entry, Launch, Server, Value, fingerprint_of, nil, now_ms, wait_until};
use crate::{cache, call};

const FIELDS: &str = "state why key fingerprint version created_ms age_ms fresh_for_ms expires_in_ms bytes stored_bytes \
                      encoding tags took_ms weight hits holder deadline_ms progress";
const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };

fn names(info: &Value) -> Vec<String> {
    info.pairs().into_iter().map(|(name, _)| name).collect()
}

#[test]
fn the_fields_are_those_of_the_contract_in_both_protocols() {
    let server = Server::start();
    let (mut two, mut three) = (server.client(), server.client().resp3());
    let expected: Vec<&str> = FIELDS.split(' ').collect();
    for stored in [false, true] {
        if stored {
            cache!(two, "SET", "ns", "op", "{}", "result", "TAGS", 1, "t");
        }
        let flat = cache!(two, "INFO", "ns", "op", "{}");
        assert!(matches!(flat, Value::Array(_)), "{flat:?}");
        assert_eq!(flat.array().len(), 2 * expected.len());
        assert_eq!(names(&flat), expected);
        let map = cache!(three, "INFO", "ns", "op", "{}");
        assert!(matches!(map, Value::Map(_)), "{map:?}");
        assert_eq!(names(&map), expected);
        for ((name, flat), (_, map)) in flat.pairs().into_iter().zip(map.pairs()) {
            // The clock goes on between the two commands.
            if !name.ends_with("_ms") && name != "tags" {
                assert_eq!(flat, map, "{name}");
            }
        }
    }
}

#[test]
fn a_fresh_entry_is_told_in_full() {
    let server = Server::start();
    let mut client = server.client();
    let before = now_ms();
    cache!(
        client, "SET", "ns", "op", "{}", "result", "PX", 50_000, "GRACE", 7000, "TAGS", 2, "a", "b", "TOOK",
        1234, "WEIGHT", 5678
    );
    let after = now_ms();
    let info = cache!(client, "INFO", "ns", "op", "{}");
    assert_eq!(info.field("state").text(), "fresh");
    assert_eq!(info.field("why"), nil());
    assert_eq!(info.field("key").text(), ENTRY.key(&mut client));
    assert_eq!(info.field("fingerprint").text(), fingerprint_of("op", "{}"));
    assert!(info.field("version").int() > 0);
    assert!((before..=after).contains(&info.field("created_ms").int()));
    assert!((0..=now_ms() - before).contains(&info.field("age_ms").int()));
    let (fresh, expires) = (info.field("fresh_for_ms").int(), info.field("expires_in_ms").int());
    assert!((40_000..=50_000).contains(&fresh), "{fresh}");
    assert_eq!(expires - fresh, 7000);
    assert_eq!(info.field("bytes"), 6.into());
    assert!(info.field("stored_bytes").int() >= 6);
    assert_eq!(info.field("encoding").text(), "raw");
    let tags: Vec<String> = info.field("tags").array().iter().map(Value::text).collect();
    assert_eq!(tags, ["a", "b"]);
    assert_eq!(info.field("took_ms"), 1234.into());
    assert_eq!(info.field("weight"), 5678.into());
    assert_eq!(info.field("hits"), 0.into());
    for field in ["holder", "deadline_ms", "progress"] {
        assert_eq!(info.field(field), nil(), "{field}");
    }
}

#[test]
fn what_was_not_given_is_nil_or_empty() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "", "PERSIST");
    let info = cache!(client, "INFO", "ns", "op", "{}");
    assert_eq!(info.field("bytes"), 0.into());
    assert!(info.field("stored_bytes").int() >= 0);
    assert_eq!(info.field("tags"), Value::Array(vec![]));
    assert_eq!(info.field("took_ms"), nil());
    assert_eq!(info.field("expires_in_ms"), nil());
    assert_eq!(info.field("fresh_for_ms"), nil());
    assert!(matches!(info.field("weight"), Value::Nil | Value::Integer(0)));
    // Zero was given, and is a number.
    cache!(client, "SET", "ns", "op", "{}", "", "TOOK", 0);
    assert_eq!(ENTRY.info(&mut client, "took_ms"), 0.into());
}

#[test]
fn an_absent_entry_still_has_a_key_and_a_fingerprint() {
    let server = Server::start();
    let mut client = server.client();
    for round in
        ["nothing was stored", "it was invalidated", "its namespace was deleted", "its namespace is new"]
    {
        match round {
            "it was invalidated" => {
                cache!(client, "SET", "ns", "op", "{}", "r");
                cache!(client, "INVALIDATE", "ns", "op", "{}");
            }
            "its namespace was deleted" => {
                cache!(client, "SET", "ns", "op", "{}", "r");
                call!(client, "DEL", "ns");
            }
            "its namespace is new" => drop(cache!(client, "SET", "ns", "op", "1", "r")),
            _ => {}
        }
        let info = cache!(client, "INFO", "ns", "op", "{}");
        assert_eq!(info.field("state").text(), "absent", "{round}");
        assert_eq!(info.field("key").text(), ENTRY.key(&mut client));
        assert_eq!(info.field("fingerprint").text(), fingerprint_of("op", "{}"));
        assert!(matches!(info.field("version"), Value::Integer(0) | Value::Nil), "{round}: {info:?}");
        for field in [
            "created_ms",
            "age_ms",
            "fresh_for_ms",
            "expires_in_ms",
            "took_ms",
            "holder",
            "deadline_ms",
            "progress",
        ] {
            assert_eq!(info.field(field), nil(), "{round}: {field}");
        }
    }
}

#[test]
fn why_is_never_a_wrong_reason() {
    let server = Server::start();
    let mut client = server.client();
    let why = |client: &mut Client| {
        assert_eq!(ENTRY.state(client), "absent");
        ENTRY.info(client, "why")
    };
    assert_eq!(why(&mut client), nil());
    cache!(client, "SET", "ns", "op", "{}", "r");
    cache!(client, "INVALIDATE", "ns", "op", "{}");
    assert_eq!(why(&mut client).text(), "invalidated");
    // Written again since, it went for another reason: that or none is told.
    cache!(client, "SET", "ns", "op", "{}", "r", "PX", 20);
    wait_until("the entry is gone", || ENTRY.state(&mut client) == "absent");
    for _ in 0..2 {
        let told = why(&mut client);
        assert!(told == nil() || told.text() == "expired", "an expired entry is said to be {told:?}");
        let key = ENTRY.key(&mut client);
        wait_until("core has removed it", || call!(client, "EXISTS", key) == 0.into());
    }
    cache!(client, "SET", "ns", "op", "{}", "r");
    let key = ENTRY.key(&mut client);
    call!(client, "DEL", key);
    assert_eq!(why(&mut client), nil());
}

#[test]
fn a_script_reads_it_in_both_protocols() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "result", "TAGS", 1, "t");
    let script = "
        local flat = redis.call('CACHE.RESULT', 'INFO', KEYS[1], 'op', '{}')
        redis.setresp(3)
        local map = redis.call('CACHE.RESULT', 'INFO', KEYS[1], 'op', '{}').map
        return {#flat, flat[1], flat[2], map.state, map.bytes, map.tags[1]}";
    let told = call!(client, "EVAL", script, 1, "ns");
    let expected = [38.into(), "state".into(), "fresh".into(), "fresh".into(), 6.into(), "t".into()];
    assert_eq!(told.array().iter().map(loosely).collect::<Vec<_>>(), expected);
}

/// A simple string as a bulk string: scripts do not tell them apart.
fn loosely(value: &Value) -> Value {
    match value {
        Value::Simple(text) => text.as_str().into(),
        other => other.clone(),
    }
}

#[test]
fn a_stale_entry_says_so() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "r", "PX", 20, "GRACE", 60_000);
    wait_until("the entry is stale", || ENTRY.state(&mut client) == "stale");
    let left = ENTRY.info(&mut client, "expires_in_ms").int();
    assert!((1..=60_000).contains(&left), "{left}");
    assert!(matches!(ENTRY.info(&mut client, "fresh_for_ms"), Value::Nil | Value::Integer(..=0)));
    assert_eq!(ENTRY.info(&mut client, "bytes"), 1.into());
}

#[test]
fn hits_counts_what_get_served() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "r");
    for hits in 0..5 {
        assert_eq!(ENTRY.info(&mut client, "hits"), hits.into());
        cache!(client, "EXISTS", "ns", "op", "{}");
        cache!(client, "KEY", "ns", "op", "{}");
        cache!(client, "GET", "ns", "op", "{ }");
    }
}

#[test]
fn what_invalidated_an_entry_is_said_as_long_as_it_is_kept() {
    let server = Launch::new().line("cache.sweep no").start();
    let mut client = server.client();
    for (scope, why) in [
        (&["TAG", "ns", "video:7"][..], "invalidated by tag 'video:7'"),
        (&["OPERATION", "ns", "op"], "invalidated with its operation"),
        (&["OPERATION", "ns", "o*"], "invalidated with operations 'o*'"),
        (&["NAMESPACE", "ns"], "invalidated with its namespace"),
    ] {
        cache!(client, "SET", "ns", "op", "{}", "r", "TAGS", "2", "x", "video:7");
        client.must(&[&["CACHE.INVALIDATE"], scope].concat());
        assert_eq!(ENTRY.info(&mut client, "why"), why.into());
    }
}
