//! TAGS: templates draw tags from params and result.

use crate::harness::{AofBase, Client, Entry, Launch, ReplicationStream, Server, nil, ok};
use crate::{args, cache, call, policy};

/// A server under these templates.
#[track_caller]
fn under(templates: &str) -> (Server, Client) {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(policy!(client, "SET", "ns", "op", "TAGS", templates), ok());
    (server, client)
}

/// The tags of what is stored for these params and this result, with these options.
#[track_caller]
fn tags(client: &mut Client, params: &str, result: &str, options: &[&str]) -> Vec<String> {
    let entry = Entry::of("ns", params);
    assert_eq!(entry.call(client, "SET", &[&[result], options].concat()), ok(), "{params} {result}");
    entry.tags(client)
}

#[test]
fn any_spelling_gives_the_same_tag() {
    let (_server, mut client) = under("v:{params/id} all {params/a/0}-{result/b~1c} {result}");
    let expected = ["v:7", "all", "x-\u{e4}/ y"];
    for (params, result) in [
        (r#"{"id":7,"a":["x"]}"#, r#"{"b/c":"ä/ y"}"#),
        (r#" { "a" : ["\u0078"] , "id" : 7.0 } "#, r#"{"b\/c":"\u00e4\/ y"}"#),
        (r#"{"id":70e-1,"a":["x"]}"#, r#"{"q":[1,{"b/c":0}], "b/c":"ä\u002f\u0020y", "z":1}"#),
    ] {
        assert_eq!(tags(&mut client, params, result, &[]), expected, "{params}");
    }
    // The whole result, where it is one value.
    assert_eq!(tags(&mut client, "{}", "\"done\"", &[]), ["all", "done"]);
    assert_eq!(tags(&mut client, r#"{"id":true}"#, "1.50", &[]), ["v:true", "all", "1.5"]);
    assert_eq!(tags(&mut client, r#"{"id":9007199254740993}"#, "x", &[]), ["v:9007199254740993", "all"]);
}

#[test]
fn what_is_missing_gives_no_tag() {
    let (_server, mut client) = under("a:{params/a} b:{result/b} {params/a}{result/b} {params/c}");
    for (params, result, expected) in [
        (r#"{"a":1}"#, r#"{"b":2}"#, &["a:1", "b:2", "12"][..]),
        (r#"{"a":1}"#, "{}", &["a:1"]),
        (r#"{"a":1}"#, "no JSON", &["a:1"]),
        ("{}", r#"{"b":2}"#, &["b:2"]),
        (r#"{"a":null}"#, r#"{"b":null}"#, &[]),
        (r#"{"a":{}}"#, r#"{"b":[2]}"#, &[]),
        ("null", "null", &[]),
        ("7", "", &[]),
        // An empty value beside a letter is a tag, alone it is none.
        (r#"{"a":"","c":""}"#, "{}", &["a:"]),
        (r#"{"a":false}"#, "{}", &["a:false"]),
    ] {
        assert_eq!(tags(&mut client, params, result, &[]), expected, "{params} {result}");
    }
}

#[test]
fn they_join_the_tags_of_the_client() {
    let (_server, mut client) = under("v:{params/id} fixed v:{result/id}");
    let both = tags(&mut client, r#"{"id":1}"#, r#"{"id":1}"#, &["TAGS", "3", "mine", "fixed", "z"]);
    assert_eq!(both, ["mine", "fixed", "z", "v:1"], "each tag once, the client's first");
    // A write without TAGS has those of the rules only, and of rules that went none.
    assert_eq!(tags(&mut client, r#"{"id":1}"#, r#"{"id":2}"#, &["KEEPTTL"]), ["v:1", "fixed", "v:2"]);
    policy!(client, "DEL", "ns", "op");
    assert_eq!(tags(&mut client, r#"{"id":1}"#, r#"{"id":2}"#, &[]), [""; 0]);
}

#[test]
fn both_count_against_the_limits() {
    let (_server, mut client) = under("a:{params/id} b:{result/id} c");
    call!(client, "CONFIG", "SET", "cache.tags-max", 4, "cache.tag-max-bytes", 10);
    let entry = Entry::of("ns", r#"{"id":1}"#);
    assert_eq!(entry.call(&mut client, "SET", &[r#"{"id":2}"#, "TAGS", "1", "d"]), ok());
    let version = entry.version(&mut client);
    let reply = entry.call(&mut client, "SET", &[r#"{"id":2}"#, "TAGS", "2", "d", "e"]);
    assert_eq!(reply.error_word(), "TOOBIG", "{reply:?}");
    assert!(reply.error().contains('5') && reply.error().contains("cache.tags-max"), "{reply:?}");
    // One that comes twice counts once.
    assert_eq!(entry.call(&mut client, "SET", &[r#"{"id":2}"#, "TAGS", "2", "d", "c", "XX"]), ok());
    // The length of what was drawn counts.
    assert_eq!(entry.call(&mut client, "SET", &[r#"{"id":"12345678"}"#]), ok());
    let before = entry.version(&mut client);
    assert!(before > version);
    for long in ["123456789".to_owned(), "x".repeat(5000), "\u{e4}".repeat(3000), "y".repeat(1_000_000)] {
        let reply = entry.call(&mut client, "SET", &[format!(r#"{{"id":"{long}"}}"#)]);
        assert_eq!(reply.error_word(), "TOOBIG", "{reply:?}");
        assert!(reply.error().contains("cache.tag-max-bytes") && reply.error().len() < 300, "{reply:?}");
    }
    assert_eq!(entry.version(&mut client), before, "a refused write changed something");
    assert_eq!(entry.tags(&mut client), ["a:1", "b:12345678", "c"]);
}

#[test]
fn a_fingerprint_has_no_params_to_draw_from() {
    let (_server, mut client) = under("a:{params/id}");
    assert_eq!(tags(&mut client, r#"{"id":1}"#, "r", &[]), ["a:1"]);
    let entry = Entry::of("ns", r#"{"id":1}"#);
    let fingerprint = format!("fp:{}", entry.info(&mut client, "fingerprint").text());
    let named = Entry::of("ns", &fingerprint);
    let reply = named.call(&mut client, "SET", &["s"]);
    assert_eq!(reply.error_word(), "BADPARAMS", "{reply:?}");
    assert!(reply.error().contains("fp:"), "{reply:?}");
    assert_eq!(entry.tags(&mut client), ["a:1"]);
    // Everything else takes it.
    assert_eq!(named.call(&mut client, "GET", &[""; 0]), "r".into());
    assert_eq!(named.call(&mut client, "EXISTS", &[""; 0]), 1.into());
    assert_eq!(named.key(&mut client), entry.key(&mut client));
    assert_eq!(named.tags(&mut client), ["a:1"]);
    assert_eq!(named.call(&mut client, "INVALIDATE", &[""; 0]), 1.into());
    assert_eq!(named.call(&mut client, "GET", &["STALE"]), nil());
    // Templates that look at the result only, or nowhere, need no params.
    policy!(client, "SET", "ns", "op", "TAGS", "fixed r:{result/id}");
    assert_eq!(named.call(&mut client, "SET", &[r#"{"id":5}"#]), ok());
    assert_eq!(entry.tags(&mut client), ["fixed", "r:5"]);
}

#[test]
fn ignored_members_may_be_drawn_into_tags() {
    let (_server, mut client) = under("plan:{params/planId}");
    policy!(client, "SET", "ns", "op", "IGNORE", "/planId");
    assert_eq!(tags(&mut client, r#"{"planId":"p1","a":1}"#, "r", &[]), ["plan:p1"]);
    assert_eq!(Entry::of("ns", r#"{"a":1}"#).tags(&mut client), ["plan:p1"]);
    assert_eq!(tags(&mut client, r#"{"a":1,"planId":"p2"}"#, "r", &[]), ["plan:p2"]);
    assert_eq!(Entry::of("ns", r#"{"a":1}"#).tags(&mut client), ["plan:p2"]);
}

#[test]
fn drawn_tags_are_replicated_and_survive() {
    for base in AofBase::BOTH {
        let mut server = Launch::new().append_only(base).start();
        let mut client = server.client();
        policy!(client, "SET", "ns", "op", "TAGS", "v:{params/id} s:{result/s}");
        let mut stream = ReplicationStream::attach(&server);
        assert_eq!(tags(&mut client, r#"{"id":1}"#, r#"{"s":2}"#, &["TAGS", "1", "t"]), ["t", "v:1", "s:2"]);
        // What is sent is the outcome: a replica with other rules stores the same.
        assert_eq!(stream.names(), ["CACHE.APPLY"]);
        server.kill_and_restart();
        let mut client = server.client();
        assert_eq!(Entry::of("ns", r#"{"id":1}"#).tags(&mut client), ["t", "v:1", "s:2"]);
        let replies = client.pipeline(&[
            args!["MULTI"],
            args!["CACHE.RESULT", "SET", "ns", "op", r#"{"id":3}"#, "r"],
            args!["EXEC"],
        ]);
        assert_eq!(replies[2].array()[0], ok());
        assert_eq!(Entry::of("ns", r#"{"id":3}"#).tags(&mut client), ["v:3"]);
        assert_eq!(cache!(client, "GET", "ns", "op", r#"{"id":3}"#), "r".into());
    }
}
