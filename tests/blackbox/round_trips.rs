//! What is stored is found again, byte for byte, and nothing else is.

use std::time::{Duration, Instant};

use crate::harness::{Entry, Random, Server, Value, nil, ok};
use crate::{args, cache, call};

#[test]
fn a_result_comes_back_as_it_was() {
    let mut random = Random::seeded(1);
    let server = Server::start();
    let mut client = server.client();
    let results = [
        b"".to_vec(),
        b"\0".to_vec(),
        b"\r\n".to_vec(),
        b"$-1\r\n".to_vec(),
        b"not json {".to_vec(),
        br#"{"url":"https://example.com/a.mp4"}"#.to_vec(),
        (0..=255).collect(),
        random.bytes(1000),
        random.bytes(70_000),
        random.bytes(5_000_000),
    ];
    for (n, result) in results.iter().enumerate() {
        assert_eq!(cache!(client, "SET", "ns", "op", n, result), ok());
    }
    for (n, result) in results.iter().enumerate() {
        assert_eq!(cache!(client, "GET", "ns", "op", n), Value::Bulk(result.clone()));
        assert_eq!(cache!(client, "EXISTS", "ns", "op", n), 1.into());
    }
    let mut client = server.client().resp3();
    for (n, result) in results.iter().enumerate() {
        assert_eq!(cache!(client, "GET", "ns", "op", n), Value::Bulk(result.clone()));
    }
}

#[test]
fn a_result_as_large_as_the_limit_is_stored_and_no_larger() {
    let server = Server::start();
    let mut client = server.client();
    let largest = vec![b'x'; 64 * 1024 * 1024];
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", largest), ok());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}").bulk().len(), largest.len());
    let larger = [&largest[..], b"x"].concat();
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", larger).error_word(), "TOOBIG");
    assert_eq!(cache!(client, "GET", "ns", "op", "{}").bulk().len(), largest.len());
}

#[test]
fn what_was_not_stored_is_not_found() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), nil());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), nil());
    assert_eq!(cache!(client, "EXISTS", "ns", "op", "{}"), 0.into());
    cache!(client, "SET", "ns", "op", "{}", "r");
    for (ns, operation, params) in [
        ("ns2", "op", "{}"),
        ("n", "op", "{}"),
        ("ns", "op2", "{}"),
        ("ns", "Op", "{}"),
        ("ns", "op", "[]"),
        ("ns", "op", "null"),
        ("ns", "op", r#"{"a":null}"#),
    ] {
        assert_eq!(cache!(client, "GET", ns, operation, params), nil(), "{ns} {operation} {params}");
        assert_eq!(cache!(client, "EXISTS", ns, operation, params), 0.into());
    }
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "r".into());
}

#[test]
fn a_later_set_replaces_the_result() {
    let server = Server::start();
    let mut client = server.client();
    for result in ["short", "a much longer result than the one before", "", "last"] {
        assert_eq!(cache!(client, "SET", "ns", "op", "{}", result), ok());
        assert_eq!(cache!(client, "GET", "ns", "op", "{}"), result.into());
        assert_eq!(call!(client, "DBSIZE"), 2.into());
    }
}

#[test]
fn words_are_read_in_any_case() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(
        call!(client, "cache.result", "set", "ns", "op", "{}", "r", "Ex", 60, "tAgS", 1, "t", "nX"),
        ok()
    );
    assert_eq!(call!(client, "Cache.Result", "gEt", "ns", "op", "{}", "stale"), "r".into());
    assert_eq!(call!(client, "CACHE.RESULT", "exists", "ns", "op", "{}"), 1.into());
    assert_eq!(
        call!(client, "CACHE.RESULT", "invalidate", "ns", "op", "{}", "soft", "ifversion", 0),
        0.into()
    );
    assert_eq!(call!(client, "CACHE.RESULT", "Invalidate", "ns", "op", "{}"), 1.into());
}

#[test]
fn a_fingerprint_stands_for_params_everywhere() {
    let server = Server::start();
    let mut client = server.client();
    let params = r#"{"b":[1,2],"a":"x"}"#;
    let entry = Entry::of("ns", params);
    let fp = format!("fp:{}", entry.info(&mut client, "fingerprint").text());
    assert_eq!(entry.key(&mut client), cache!(client, "KEY", "ns", "op", fp).text());

    cache!(client, "SET", "ns", "op", params, "by params");
    assert_eq!(cache!(client, "GET", "ns", "op", fp), "by params".into());
    assert_eq!(cache!(client, "GET", "ns", "op", fp, "STALE"), "by params".into());
    assert_eq!(cache!(client, "EXISTS", "ns", "op", fp), 1.into());
    assert_eq!(cache!(client, "INFO", "ns", "op", fp).field("version"), entry.info(&mut client, "version"));
    cache!(client, "SET", "ns", "op", fp, "by fingerprint");
    assert_eq!(cache!(client, "GET", "ns", "op", params), "by fingerprint".into());
    assert_eq!(cache!(client, "INVALIDATE", "ns", "op", fp), 1.into());
    assert_eq!(cache!(client, "GET", "ns", "op", params), nil());
    cache!(client, "SET", "ns", "op", fp, "by fingerprint alone");
    assert_eq!(cache!(client, "GET", "ns", "op", params), "by fingerprint alone".into());
    // The fingerprint is of operation and params: under another operation it names another entry.
    assert_eq!(cache!(client, "GET", "ns", "op2", fp), nil());
}

#[test]
fn binary_tags_are_kept() {
    let server = Server::start();
    let mut client = server.client();
    let tags: [&[u8]; 3] = [b"video:7", b"\0\r\n\xff", &[b't'; 256]];
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "r", "TAGS", 3, tags[0], tags[1], tags[2]), ok());
    let told = Entry::of("ns", "{}").info(&mut client, "tags");
    let mut told: Vec<&[u8]> = told.array().iter().map(Value::bulk).collect();
    told.sort();
    let mut given = tags.to_vec();
    given.sort();
    assert_eq!(told, given);
    let many: Vec<String> = (0..64).map(|n| format!("tag:{n}")).collect();
    let mut command = args!["CACHE.RESULT", "SET", "ns", "op", "{}", "r", "TAGS", 64];
    command.extend(many.iter().map(|tag| tag.clone().into_bytes()));
    assert_eq!(client.call(&command), ok());
    assert_eq!(Entry::of("ns", "{}").info(&mut client, "tags").array().len(), 64);
}

#[test]
fn every_subcommand_works_in_a_pipeline_of_thousands() {
    let server = Server::start();
    let mut client = server.client();
    let sets: Vec<_> =
        (0..3000).map(|n| args!["CACHE.RESULT", "SET", "ns", "op", n, format!("result {n}")]).collect();
    assert!(client.pipeline(&sets).iter().all(|reply| *reply == ok()));
    assert_eq!(call!(client, "DBSIZE"), 3001.into());
    let gets: Vec<_> = (0..3000).map(|n| args!["CACHE.RESULT", "GET", "ns", "op", n]).collect();
    for (n, reply) in client.pipeline(&gets).iter().enumerate() {
        assert_eq!(reply.text(), format!("result {n}"));
    }
}

#[test]
fn a_hit_costs_no_more_with_the_size_of_the_namespace() {
    let server = Server::start();
    let mut client = server.client();
    let sets: Vec<_> = (0..20_000).map(|n| args!["CACHE.RESULT", "SET", "ns", "op", n, "r"]).collect();
    client.pipeline(&sets);
    let start = Instant::now();
    assert_eq!(call!(client, "DEL", "ns"), 1.into());
    assert_eq!(cache!(client, "GET", "ns", "op", "1"), nil());
    cache!(client, "SET", "ns", "op", "1", "r");
    assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "1"), 1.into());
    assert!(start.elapsed() < Duration::from_millis(500), "took {:?}", start.elapsed());
}
