//! MERGE: changing parts of a result in the server.

use crate::harness::{
    AofBase, Client, Entry, Launch, ReplicationStream, Server, assert_same_digests, digests, nil,
    wait_for_replica_in_sync, wait_until,
};
use crate::{cache, call};

const ENTRY: Entry = Entry { ns: "ns", operation: "upload", params: r#"{"file":"a.mp4"}"# };

fn merge(client: &mut Client, words: &[&str]) -> crate::harness::Value {
    ENTRY.call(client, "MERGE", words)
}

fn get(client: &mut Client) -> crate::harness::Value {
    ENTRY.call(client, "GET", &[] as &[&str])
}

fn tags(client: &mut Client) -> Vec<String> {
    ENTRY.info(client, "tags").array().iter().map(|tag| tag.text()).collect()
}

#[test]
fn a_patch_then_increments_then_appends() {
    let server = Server::start();
    let mut client = server.client();
    ENTRY.call(&mut client, "SET", &[r#"{"status":"new","id":12345678901234567890, "keep": [1, 2]}"#]);
    let before = ENTRY.info(&mut client, "version").int();
    let version = merge(
        &mut client,
        &[
            r#"{"status":"running","error":null}"#,
            "APPEND",
            "/parts",
            r#"{"n":1}"#,
            "incr",
            "/tries",
            "1",
            "INCR",
            "/tries",
            "1",
            "APPEND",
            "/parts",
            "2",
        ],
    );
    assert!(version.int() > before);
    assert_eq!(ENTRY.info(&mut client, "version"), version);
    let expected =
        r#"{"status":"running","id":12345678901234567890,"keep":[1, 2],"tries":2,"parts":[{"n":1},2]}"#;
    assert_eq!(get(&mut client), expected.into());
}

#[test]
fn nothing_fresh_is_nil_unless_upsert() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(merge(&mut client, &[r#"{"a":1}"#]), nil());
    assert_eq!(call!(client, "DBSIZE"), 0.into(), "nil changes nothing");
    assert_eq!(merge(&mut client, &[r#"{"a":1}"#, "UPSERT", "IFVERSION", "1"]), nil());
    let version = merge(&mut client, &[r#"{"a":1}"#, "UPSERT", "IFVERSION", "0", "GRACE", "60000"]);
    assert_eq!(merge(&mut client, &[r#"{"a":2}"#, "UPSERT", "IFVERSION", "0"]), nil(), "it only creates");
    assert_eq!(get(&mut client), r#"{"a":1}"#.into());
    let version = version.int().to_string();
    assert!(merge(&mut client, &[r#"{"b":2}"#, "IFVERSION", &version, "GRACE", "60000"]).int() > 0);
    assert_eq!(merge(&mut client, &[r#"{"b":3}"#, "IFVERSION", &version]), nil(), "it was overtaken");
    assert_eq!(ENTRY.call(&mut client, "INVALIDATE", &["SOFT"]), 1.into());
    assert_eq!(merge(&mut client, &[r#"{"c":3}"#]), nil(), "what is stale is absent");
    merge(&mut client, &[r#"{"c":3}"#, "UPSERT"]);
    assert_eq!(get(&mut client), r#"{"c":3}"#.into());
}

#[test]
fn what_is_not_given_is_kept_and_the_ttl_starts_anew() {
    let server = Server::start();
    let mut client = server.client();
    let set = ["{}", "PX", "5000000", "TAGS", "2", "a", "b", "TOOK", "7", "WEIGHT", "9"];
    ENTRY.call(&mut client, "SET", &set);
    let end = ENTRY.expiry(&mut client);
    merge(&mut client, &[r#"{"a":1}"#, "KEEPTTL"]);
    assert!((ENTRY.expiry(&mut client) - end).abs() <= 1, "KEEPTTL keeps the end");
    for (field, kept) in [("took_ms", 7), ("weight", 9)] {
        assert_eq!(ENTRY.info(&mut client, field), kept.into(), "{field}");
    }
    assert_eq!(tags(&mut client), ["a", "b"]);
    merge(&mut client, &[r#"{"a":2}"#, "TAGS", "1", "c", "TOOK", "8"]);
    let created = ENTRY.info(&mut client, "created_ms").int();
    assert_eq!(ENTRY.expiry(&mut client), created + 3_600_000, "by default an hour from the change");
    assert_eq!(ENTRY.info(&mut client, "took_ms"), 8.into());
    assert_eq!(ENTRY.info(&mut client, "weight"), 9.into());
    assert_eq!(tags(&mut client), ["c"]);
}

#[test]
fn rules_see_the_new_result() {
    let server = Server::start();
    let mut client = server.client();
    let rule = "/status running=30s done=7d";
    call!(client, "CACHE.POLICY", "SET", "ns", "upload", "TTLFROM", rule, "TAGS", "state:{result/status}");
    merge(&mut client, &[r#"{"status":"running"}"#, "UPSERT"]);
    let life = |client: &mut Client| ENTRY.expiry(client) - ENTRY.info(client, "created_ms").int();
    assert_eq!(life(&mut client), 30_000);
    merge(&mut client, &[r#"{"status":"done"}"#]);
    assert_eq!(life(&mut client), 7 * 86_400_000);
    assert_eq!(tags(&mut client), ["state:done"], "what was drawn from the old result is gone");
    call!(client, "CACHE.POLICY", "SET", "ns", "upload", "BYPASS", "yes");
    assert_eq!(merge(&mut client, &[r#"{"status":"done"}"#, "UPSERT"]), nil());
}

#[test]
fn what_is_wrong_is_refused_and_changes_nothing() {
    let server = Server::start();
    let mut client = server.client();
    ENTRY.call(&mut client, "SET", &[r#"{"s":"x","n":9223372036854775807,"l":[],"o":{}}"#]);
    cache!(client, "SET", "ns", "text", "1", "no JSON");
    let before = digests(&server);
    let deep = format!("{}1{}", "[".repeat(129), "]".repeat(129));
    let deep_pointer = "/0".repeat(129);
    let many: Vec<&str> = ["{}"].into_iter().chain(["INCR", "/m", "1"].repeat(65)).collect();
    for (words, word, named) in [
        (&["{"][..], "ERR", "patch"),
        (&[r#"{"a":1,"a":2}"#], "ERR", "'a'"),
        (&["\u{1}"], "ERR", "patch"),
        (&[&deep], "ERR", "128"),
        (&["{}", "INCR", "n", "1"], "ERR", "'n'"),
        (&["{}", "INCR", &deep_pointer, "1"], "ERR", "129 steps"),
        (&["{}", "APPEND", &deep_pointer, "1"], "ERR", "129 steps"),
        (&["{}", "INCR", "/~2", "1"], "ERR", "'/~2'"),
        (&["{}", "INCR", "/n", "x"], "ERR", "'x'"),
        (&["{}", "INCR", "/n", ""], "ERR", "''"),
        (&["{}", "INCR", "/n", "99999999999999999999"], "ERR", "'99999999999999999999'"),
        (&["{}", "INCR", "/n", "1"], "ERR", "'/n'"),
        (&["{}", "INCR", "/s", "1"], "ERR", "'/s'"),
        (&["{}", "INCR", "/o/p/q", "1"], "ERR", "'/o/p/q'"),
        (&["{}", "INCR", "/l/0", "1"], "ERR", "'/l/0'"),
        (&["{}", "INCR", "/m", "1", "INCR", "/s", "1"], "ERR", "'/s'"),
        (&["{}", "APPEND", "/o", "1"], "ERR", "'/o'"),
        (&["{}", "APPEND", "/l", "{"], "ERR", "APPEND"),
        (&["{}", "APPEND", "/l"], "ERR", "APPEND"),
        (&["{}", "NX"], "ERR", "NX"),
        (&["{}", "UPSERT", "UPSERT"], "ERR", "UPSERT"),
        (&["{}", "EX", "1", "PX", "1"], "ERR", "PX"),
        (&["{}", "IFVERSION", "-1"], "ERR", "-1"),
        (&["{}", "SINCE", "1"], "BADTOKEN", "'1'"),
        (&many, "TOOBIG", "65"),
    ] {
        let reply = merge(&mut client, words);
        assert_eq!(reply.error_word(), word, "{words:?}: {reply:?}");
        assert!(reply.error().contains(named), "{words:?}: {reply:?}");
    }
    assert_eq!(cache!(client, "MERGE", "ns", "text", "1", "{}").error_word(), "ERR");
    call!(client, "CONFIG", "SET", "cache.result-max-bytes", "1kb");
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(1015));
    assert_eq!(merge(&mut client, &[&long]).error_word(), "TOOBIG", "the patch fits, the result does not");
    assert_same_digests("refused", &before, &digests(&server));
}

#[test]
fn a_wide_object_is_patched_in_no_time() {
    let server = Server::start();
    let mut client = server.client();
    let wide = |value: usize| {
        let members: Vec<String> = (0..100_000).map(|n| format!(r#""{n}":{value}"#)).collect();
        format!("{{{}}}", members.join(","))
    };
    call!(client, "CONFIG", "SET", "cache.params-max-bytes", "16mb");
    ENTRY.call(&mut client, "SET", &[&wide(1)]);
    // Quadratic work would be 10^10 steps here, and the harness would give up waiting.
    assert!(merge(&mut client, &[&wide(2)]).int() > 0);
    assert_eq!(get(&mut client), wide(2).as_str().into());
}

#[test]
fn replicas_and_files_get_the_outcome() {
    let mut server = Launch::new().append_only(AofBase::Commands).start();
    let replica = Launch::new().replica_of(&server).start();
    wait_for_replica_in_sync(&server, &replica);
    let mut client = server.client();
    let mut stream = ReplicationStream::attach(&server);
    merge(&mut client, &[r#"{"a":1}"#, "UPSERT"]);
    merge(&mut client, &["{}", "INCR", "/a", "1"]);
    assert_eq!(merge(&mut client, &["{}", "IFVERSION", "1"]), nil());
    let past = merge(&mut client, &["{}", "PXAT", "1"]);
    assert!(past.int() > 0, "{past:?}");
    assert_eq!(ENTRY.state(&mut client), "absent");
    merge(&mut client, &[r#"{"b":1}"#, "UPSERT"]);
    assert_eq!(stream.names(), ["CACHE.APPLY"; 4]);
    let before = digests(&server);
    wait_until("the replica agrees", || digests(&replica) == before);
    server.kill_and_restart();
    assert_same_digests("replayed", &before, &digests(&server));
}

#[test]
fn a_result_as_deep_as_it_likes_is_changed_at_its_surface() {
    let server = Server::start();
    let mut client = server.client();
    let deep = format!(r#"{{"x":{}1{}}}"#, "[".repeat(150_000), "]".repeat(150_000));
    ENTRY.call(&mut client, "SET", &[&deep]);
    assert!(merge(&mut client, &[r#"{"a":1}"#, "INCR", "/n", "1"]).int() > 0);
    let down = format!("/x{}", "/0".repeat(127));
    assert!(merge(&mut client, &["{}", "INCR", &down, "1"]).is_error(), "no number stands there");
    server.client().must(&["PING"]);
    let surrogate = r#"{"keep":{"\ud800":1,"a":2}}"#;
    ENTRY.call(&mut client, "SET", &[surrogate]);
    assert!(merge(&mut client, &[r#"{"keep":{"b":1}}"#]).is_error(), "a name that is no text cannot be kept");
    assert_eq!(get(&mut client), surrogate.into());
}
