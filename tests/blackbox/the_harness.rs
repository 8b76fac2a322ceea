//! The harness itself, against a plain server: what later tests lean on must hold.

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use crate::harness::{
    AofBase, Client, Fetched, Launch, ReplicationStream, Server, Value, Waiter, assert_same_digests, digests,
    fingerprint_of, is_snapshot, nil, ok, wait_for_aof_rewrite, wait_for_replica_in_sync, wait_until,
};
use crate::{args, call};

fn plain() -> Launch {
    Launch::new().without_module()
}

#[test]
fn every_reply_type_is_read() {
    let mut server = plain().start();
    let mut client = server.client();
    assert_eq!(call!(client, "SET", "k", b"a\0b\r\nc"), ok());
    assert_eq!(call!(client, "GET", "k").bulk(), b"a\0b\r\nc");
    assert_eq!(call!(client, "GET", "none"), nil());
    assert_eq!(call!(client, "INCRBY", "n", -7), Value::from(-7));
    assert_eq!(call!(client, "LPUSH", "k", "x").error_word(), "WRONGTYPE");
    assert_eq!(call!(client, "MGET", "n", "none").array(), ["-7".into(), nil()]);
    let mut client = server.client().resp3();
    assert_eq!(call!(client, "HSET", "h", "a", "1"), 1.into());
    assert_eq!(call!(client, "HGETALL", "h"), Value::Map(vec![("a".into(), "1".into())]));
    assert_eq!(call!(client, "HGETALL", "h").field("a"), "1".into());
    assert_eq!(call!(client, "SMEMBERS", "none"), Value::Set(vec![]));
    assert!(
        matches!(call!(client, "DEBUG", "PROTOCOL", "double"), Value::Double(number) if number.floor() == 3.0)
    );
    assert_eq!(call!(client, "DEBUG", "PROTOCOL", "true"), Value::Boolean(true));
    assert_eq!(call!(client, "DEBUG", "PROTOCOL", "verbatim"), "This is a verbatim\nstring".into());
    assert_eq!(call!(client, "DEBUG", "PROTOCOL", "null"), nil());
    server.assert_alive();
}

#[test]
fn a_pipeline_answers_in_order() {
    let server = plain().start();
    let commands: Vec<_> = (0..5000).map(|n| args!["ECHO", n]).collect();
    let replies = server.client().pipeline(&commands);
    let numbers: Vec<usize> = replies.iter().map(|reply| reply.text().parse().unwrap()).collect();
    assert!(numbers.iter().copied().eq(0..5000));
}

#[test]
fn servers_are_apart_and_leave_nothing() {
    let (one, two) = (plain().start(), plain().start());
    assert_ne!(one.port(), two.port());
    call!(one.client(), "SET", "k", "v");
    assert_eq!(call!(two.client(), "GET", "k"), nil());
    let port = one.port();
    drop(one);
    assert!(Client::connect(port).is_err(), "the server outlived the value that stands for it");
}

/// What `test` panicked with.
fn panic_of(test: impl FnOnce()) -> String {
    let panic = panic::catch_unwind(AssertUnwindSafe(test)).expect_err("this must fail");
    panic.downcast_ref::<String>().expect("a formatted message").clone()
}

#[test]
fn a_dead_server_fails_its_test() {
    let server = plain().start();
    server.client().send(&["DEBUG", "SEGFAULT"]).unwrap();
    wait_until("the server has crashed", || server.log().contains("REDIS BUG REPORT END"));
    wait_until("its port is closed", || Client::connect(server.port()).is_err());
    let dir = server.dir().to_owned();
    let message = panic_of(|| drop(server));
    assert!(message.contains("the server died during the test"), "{message}");
    fs::remove_dir_all(dir).expect("the directory is kept");
}

#[test]
fn a_server_that_cannot_start_shows_its_log() {
    let dir = plain().start().dir().to_owned();
    let message = panic_of(|| drop(plain().line("no-such-directive yes").start()));
    assert!(message.contains("no-such-directive"), "{message}");
    assert!(!dir.exists(), "the directory of a server that ended well is removed");
    let kept =
        message.split(' ').find(|word| word.contains("result-cache-test-")).expect("the path is shown");
    fs::remove_dir_all(kept).expect("the directory is kept");
}

#[test]
fn a_kill_keeps_what_was_appended() {
    for base in AofBase::BOTH {
        let mut server = plain().append_only(base).start();
        call!(server.client(), "SET", "k", "v", "PXAT", 4_000_000_000_000_i64);
        call!(server.client(), "SET", "elsewhere", "v");
        let before = digests(&server);
        assert_eq!(before.len(), 2);
        server.kill_and_restart();
        assert_same_digests("after a kill", &before, &digests(&server));
        wait_for_aof_rewrite(&server);
        let rdb = is_snapshot(&fs::read(server.aof_base().unwrap()).unwrap());
        assert_eq!(rdb, base == AofBase::Rdb);
        server.kill_and_restart();
        assert_same_digests("after a rewrite and a kill", &before, &digests(&server));
    }
}

#[test]
fn a_snapshot_comes_back() {
    let mut server = plain().start();
    call!(server.client(), "SET", "k", "v");
    let before = digests(&server);
    server.configure("maxmemory-policy allkeys-lru");
    server.shutdown_save_and_restart();
    assert_same_digests("after a restart", &before, &digests(&server));
    assert_eq!(
        call!(server.client(), "CONFIG", "GET", "maxmemory-policy").field("maxmemory-policy").text(),
        "allkeys-lru"
    );
    server.kill_and_restart();
    call!(server.client(), "SET", "k", "lost");
    server.kill_and_restart();
    assert_same_digests("after a kill", &before, &digests(&server));
}

#[test]
fn digests_see_every_difference() {
    let server = plain().start();
    let mut client = server.client();
    let mut seen = vec![digests(&server)];
    for command in [
        args!["SET", "k", "v"],
        args!["SET", "k", "w"],
        args!["PEXPIREAT", "k", 4_000_000_000_000_i64],
        args!["PEXPIREAT", "k", 4_000_000_000_001_i64],
        args!["COPY", "k", "k", "DB", "3"],
        args!["RENAME", "k", "l"],
        args!["DEL", "l"],
    ] {
        client.must(&command);
        let now = digests(&server);
        assert!(!seen.contains(&now), "{command:?} changed nothing that was seen");
        seen.push(now);
    }
}

#[test]
fn replicas_and_replicas_of_replicas_follow() {
    let primary = plain().start();
    let replica = plain().replica_of(&primary).start();
    let second = plain().replica_of(&replica).start();
    wait_for_replica_in_sync(&primary, &replica);
    for n in 0..100 {
        call!(primary.client(), "SET", format!("k{n}"), n);
    }
    wait_for_replica_in_sync(&primary, &replica);
    wait_for_replica_in_sync(&primary, &second);
    assert_same_digests("the replica", &digests(&primary), &digests(&replica));
    assert_same_digests("the replica's replica", &digests(&primary), &digests(&second));
}

#[test]
fn the_stream_shows_what_is_replicated() {
    let server = plain().start();
    let mut client = server.client();
    let mut stream = ReplicationStream::attach(&server);
    assert!(stream.commands().is_empty());
    call!(client, "SET", "k", "v");
    call!(client, "GET", "k");
    assert_eq!(stream.commands(), [args!["SET", "k", "v"]]);
    for command in [args!["MULTI"], args!["DEL", "k"], args!["SET", "l", "w"], args!["EXEC"]] {
        client.must(&command);
    }
    assert_eq!(stream.names(), ["MULTI", "DEL", "SET", "EXEC"]);
}

#[test]
fn waiters_are_seen_to_wait_and_answered_in_time() {
    let server = plain().start();
    let mut client = server.client();
    for patience in [Duration::ZERO, Duration::from_millis(5)] {
        assert_eq!(client.receive_within(patience).unwrap(), None);
    }
    assert_eq!(call!(client, "PING"), Value::Simple("PONG".into()), "a look spoils nothing");
    let blpop = args!["BLPOP", "list", 0];
    let [mut first, mut second] = [(); 2].map(|()| Waiter::start(&server, &blpop));
    assert!(first.still_waits(&server) && second.still_waits(&server));
    call!(client, "RPUSH", "list", "x");
    assert_eq!(first.answer().array()[1], "x".into());
    assert!(!first.still_waits(&server) && second.still_waits(&server));
    assert_eq!(second.answered(), None);
    call!(client, "CLIENT", "KILL", "ID", second.id());
    second.assert_disconnected();
    assert!(panic_of(|| drop(Waiter::start(&server, &["PING"]))).contains("PONG"));
}

#[test]
fn replies_of_fetch_are_held_to_their_shape() {
    let reply = |status: &str, value: Value, token: Value, version: Value| {
        Value::Array(vec![Value::Simple(status.into()), value, token, version])
    };
    let hit = Fetched::of(&reply("HIT", "r".into(), nil(), 7.into()));
    assert_eq!((hit.told(), hit.token, hit.version), ("HIT r".to_owned(), None, 7));
    let lease = Fetched::of(&reply("LEASE", nil(), "t1-x".into(), 0.into()));
    assert_eq!((lease.told(), lease.token()), ("LEASE".to_owned(), "t1-x".to_owned()));
    for wrong in [
        nil(),
        Value::Error("ERR".into()),
        reply("MISS", nil(), nil(), 0.into()),
        reply("HIT", nil(), nil(), 0.into()),
        reply("LEASE", nil(), nil(), 0.into()),
        reply("LEASE", "r".into(), "t".into(), 0.into()),
        reply("BUSY", nil(), "t".into(), 0.into()),
        reply("HIT", "r".into(), nil(), "7".into()),
        Value::Array(vec!["HIT".into(), "r".into(), nil(), 7.into()]),
    ] {
        panic::catch_unwind(|| Fetched::of(&wrong)).expect_err("this has not the shape");
    }
}

#[test]
fn the_oracle_is_the_standard_tool() {
    // printf '%s' '{"operation":"add","params":{"a":1}}' | sha256sum
    let printed = "08d9986d2f11160a87b06e1f7cbb67b6a84e749af87b2425546ad7d8b4082d81";
    assert_eq!(fingerprint_of("add", r#"{"a":1}"#), printed);
}

#[test]
fn each_server_is_the_one_that_was_started() {
    let servers: Vec<Server> = (0..4).map(|_| plain().start()).collect();
    for mut server in servers {
        server.assert_alive();
    }
}
