//! IGNORE and HASH: what of the params counts, and how it is hashed, on primaries and replicas alike.

use crate::harness::{
    Client, Entry, Launch, Server, blake3_fingerprint_of, fingerprint_of, nil, ok, wait_for_replica_in_sync,
};
use crate::{cache, policy};

/// The end of the key of these params.
#[track_caller]
fn fingerprint(client: &mut Client, params: &str) -> String {
    let key = Entry::of("ns", params).key(client);
    key.rsplit(':').next().unwrap_or_default().to_owned()
}

#[test]
fn standard_tools_give_the_same_without_what_is_ignored() {
    let server = Server::start();
    let mut client = server.client();
    for (ignore, params, canonical) in [
        ("/requestId", r#"{"requestId":"r","a":1}"#, r#"{"a":1}"#),
        ("/requestId", r#"{"b":{"requestId":"r"},"a":1}"#, r#"{"a":1,"b":{"requestId":"r"}}"#),
        ("/a /b /c", r#" { "c":3, "b":[2], "a":{"x":1} } "#, "{}"),
        ("/meta/ts", r#"{"meta":{"ts":1,"user":"u"},"id":7.0}"#, r#"{"id":7,"meta":{"user":"u"}}"#),
        ("/meta/ts", r#"{"meta":{"ts":1}}"#, r#"{"meta":{}}"#),
        ("/meta/ts /meta", r#"{"meta":{"ts":1},"z":0}"#, r#"{"z":0}"#),
        ("/1", "[1,2,3]", "[1,3]"),
        ("/0 /2", "[1,2,3]", "[2]"),
        ("/0", "[1]", "[]"),
        ("/jobs/1/id", r#"{"jobs":[{"id":1},{"id":2,"x":1}]}"#, r#"{"jobs":[{"id":1},{"x":1}]}"#),
        ("/a~1b /m~0n", r#"{"a/b":1,"m~n":2,"c":3}"#, r#"{"c":3}"#),
        ("/\u{e4}", r#"{"\u00e4":1,"c":3}"#, r#"{"c":3}"#),
        ("/", r#"{"":1,"c":3}"#, r#"{"c":3}"#),
        ("/0", r#"{"0":1,"c":3}"#, r#"{"c":3}"#),
        ("/01 /-", "[1,2]", "[1,2]"),
        ("/none /a/b/c", r#"{"a":{"b":7},"q":"/none"}"#, r#"{"a":{"b":7},"q":"/none"}"#),
        ("/a", "\"a\"", "\"a\""),
        ("/a", "null", "null"),
        ("/n", r#"{"n":1,"big":9007199254740993,"f":1.50}"#, r#"{"big":9007199254740993,"f":1.5}"#),
        ("/s", r#"{"s":"}],\"","t":"{[\\\""}"#, r#"{"t":"{[\\\""}"#),
    ] {
        policy!(client, "SET", "ns", "op", "IGNORE", ignore, "HASH", "sha256");
        assert_eq!(fingerprint(&mut client, params), fingerprint_of("op", canonical), "{ignore} {params}");
        // Of what remains nothing more is left out, but for elements, which have moved up.
        if !canonical.starts_with('[') {
            assert_eq!(fingerprint(&mut client, canonical), fingerprint_of("op", canonical));
        }
        policy!(client, "SET", "ns", "op", "HASH", "blake3");
        assert_eq!(fingerprint(&mut client, params), blake3_fingerprint_of("op", canonical), "{ignore}");
    }
    // Large params go another way through both hashes.
    let long = "x".repeat(100_000);
    let (params, canonical) =
        (format!(r#"{{"z":"{long}","n":1,"a":[]}}"#), format!(r#"{{"a":[],"z":"{long}"}}"#));
    policy!(client, "SET", "ns", "op", "IGNORE", "/n");
    assert_eq!(fingerprint(&mut client, &params), blake3_fingerprint_of("op", &canonical));
    policy!(client, "DEL", "ns", "op", "HASH");
    assert_eq!(fingerprint(&mut client, &params), fingerprint_of("op", &canonical));
}

#[test]
fn what_is_ignored_must_be_well_formed_all_the_same() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "ns", "op", "IGNORE", "/x");
    for params in [r#"{"x":1,"x":2}"#, r#"{"x":1e999}"#, r#"{"x":}"#, r#"{"x":"\ud800"}"#, r#"{"a":1"#] {
        assert_eq!(cache!(client, "GET", "ns", "op", params).error_word(), "BADPARAMS", "{params}");
        assert_eq!(cache!(client, "SET", "ns", "op", params, "r").error_word(), "BADPARAMS", "{params}");
    }
}

#[test]
fn entries_under_the_old_hash_are_missed_and_found_again() {
    let server = Server::start();
    let mut client = server.client();
    let params = r#"{"id":1,"requestId":"r1"}"#;
    cache!(client, "SET", "ns", "op", params, "plain");
    for (field, value) in [("HASH", "blake3"), ("IGNORE", "/requestId")] {
        policy!(client, "SET", "ns", "op", field, value);
        assert_eq!(cache!(client, "GET", "ns", "op", params), nil(), "{field}");
        assert_eq!(cache!(client, "EXISTS", "ns", "op", params), 0.into());
        assert_eq!(cache!(client, "INVALIDATE", "ns", "op", params), 0.into());
        assert_eq!(cache!(client, "SET", "ns", "op", params, field), ok());
        assert_eq!(cache!(client, "GET", "ns", "op", params), field.into());
        // Other operations and namespaces are as they were.
        cache!(client, "SET", "other", "op", params, "other");
        let key = Entry { ns: "other", operation: "op", params }.key(&mut client);
        assert!(key.ends_with(&fingerprint_of("op", params)));
        policy!(client, "DEL", "ns", "op", field);
        assert_eq!(cache!(client, "GET", "ns", "op", params), "plain".into());
    }
    // Of requests that differ only in what is ignored one entry is kept.
    policy!(client, "SET", "ns", "op", "IGNORE", "/requestId");
    assert_eq!(cache!(client, "GET", "ns", "op", r#"{"requestId":"r2","id":1}"#), "IGNORE".into());
    assert_eq!(cache!(client, "GET", "ns", "op", r#"{"id":1.0}"#), "IGNORE".into());
    assert_eq!(cache!(client, "GET", "ns", "op", r#"{"id":2,"requestId":"r1"}"#), nil());
    // What is named by its fingerprint is found whatever the rules say.
    policy!(client, "SET", "ns", "op", "HASH", "blake3");
    let old = format!("fp:{}", fingerprint_of("op", r#"{"id":1}"#));
    assert_eq!(cache!(client, "GET", "ns", "op", old), "IGNORE".into());
}

#[test]
fn a_replica_follows_at_once() {
    let primary = Server::start();
    let replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    let (mut writer, mut reader) = (primary.client(), replica.client());
    let params = r#"{"a":1,"t":5}"#;
    // The policy is resolved on the replica before it changes, again and again.
    for (field, value) in [("IGNORE", "/t"), ("HASH", "blake3"), ("IGNORE", "/a /t"), ("HASH", "sha256")] {
        cache!(reader, "GET", "ns", "op", params);
        policy!(writer, "SET", "n?", "o*", field, value);
        cache!(writer, "SET", "ns", "op", params, value);
        wait_for_replica_in_sync(&primary, &replica);
        assert_eq!(cache!(reader, "GET", "ns", "op", r#"{"a":1.0,"t":5}"#), value.into(), "{field} {value}");
        assert_eq!(fingerprint(&mut reader, params), fingerprint(&mut writer, params));
    }
    policy!(writer, "DEL", "n?", "o*");
    wait_for_replica_in_sync(&primary, &replica);
    assert_eq!(cache!(reader, "GET", "ns", "op", params), nil());
    assert_eq!(fingerprint(&mut reader, params), fingerprint_of("op", params));
}
