//! Rules survive restarts, rewrites and flushes; where they cannot, the log says so.

use std::fs;

use crate::harness::{AofBase, Entry, Launch, Server, is_snapshot, rules, wait_for_aof_rewrite, wait_until};
use crate::policy_replication::set_some;
use crate::{cache, call, policy};

/// What the log says of rules that a rewrite loses.
const LOST: &str = "rules of CACHE.POLICY are not in it";

#[test]
fn a_snapshot_keeps_them() {
    let mut server = Server::start();
    let set = set_some(&mut server.client());
    // Without a single key.
    server.shutdown_save_and_restart();
    assert_eq!(rules(&mut server.client()), set);
    cache!(server.client(), "SET", "ns", "op", r#"{"t":1}"#, "r");
    server.shutdown_save_and_restart();
    let mut client = server.client();
    assert_eq!(rules(&mut client), set);
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "r".into(), "the params are hashed another way");
    // A snapshot has its rules and no others: what was set after it is gone.
    policy!(client, "SET", "later", "op", "TTL", "1m");
    server.kill_and_restart();
    assert_eq!(rules(&mut server.client()), set);
    // One without rules has none.
    let mut client = server.client();
    for rule in set {
        let mut words = rule.split('|');
        policy!(client, "DEL", words.next().unwrap(), words.next().unwrap());
    }
    client.must(&["SAVE"]);
    policy!(client, "SET", "later", "op", "TTL", "1m");
    server.kill_and_restart();
    assert_eq!(rules(&mut server.client()), [""; 0]);
}

#[test]
fn a_running_server_reloads_them() {
    let server = Server::start();
    let mut client = server.client();
    let set = set_some(&mut client);
    client.must(&["DEBUG", "RELOAD"]);
    assert_eq!(rules(&mut client), set);
    // What is loaded replaces what was there.
    policy!(client, "SET", "later", "op", "TTL", "1m");
    client.must(&["DEBUG", "RELOAD", "NOSAVE"]);
    assert_eq!(rules(&mut client), set);
    // Made in the middle of the list, they are in the same order.
    policy!(client, "DEL", "*", "*");
    policy!(client, "SET", "*", "*", "TTL", "3m");
    let set = rules(&mut client);
    client.must(&["DEBUG", "RELOAD"]);
    assert_eq!(rules(&mut client), set);
}

#[test]
fn an_append_only_file_keeps_them() {
    for base in AofBase::BOTH {
        let mut server = Launch::new().append_only(base).start();
        let set = set_some(&mut server.client());
        server.kill_and_restart();
        assert_eq!(rules(&mut server.client()), set, "{base:?}");
        cache!(server.client(), "SET", "ns", "op", r#"{"t":1}"#, "r");
        cache!(server.client(), "SET", "other", "op", "{}", "r");
        let mut client = server.client();
        client.must(&["SELECT", "3"]);
        cache!(client, "SET", "ns", "op", "{}", "r");
        wait_for_aof_rewrite(&server);
        let file = fs::read(server.aof_base().unwrap()).unwrap();
        assert_eq!(is_snapshot(&file), base == AofBase::Rdb);
        assert!(!server.log().contains(LOST));
        server.kill_and_restart();
        assert_eq!(rules(&mut server.client()), set, "{base:?} rewritten");
        assert_eq!(cache!(server.client(), "GET", "ns", "op", "{}"), "r".into());
        // And what comes after the rewrite.
        policy!(server.client(), "SET", "*", "*", "GRACE", "2m");
        policy!(server.client(), "DEL", "ns", "job:*");
        let set = rules(&mut server.client());
        server.kill_and_restart();
        assert_eq!(rules(&mut server.client()), set);
        // Twice over: the second rewrite is of rules that the first brought.
        wait_for_aof_rewrite(&server);
        wait_for_aof_rewrite(&server);
        server.client().must(&["DEBUG", "LOADAOF"]);
        assert_eq!(rules(&mut server.client()), set);
    }
}

/// How often each `CACHE.POLICY` stands in the base of the append-only file.
#[track_caller]
fn emitted(server: &Server) -> usize {
    let base = server.aof_base().expect("there is a base");
    let file = fs::read(base).expect("the base can be read");
    file.windows(12).filter(|window| *window == b"CACHE.POLICY").count()
}

#[test]
fn each_rule_is_written_once_and_before_what_depends_on_it() {
    let server = Launch::new().append_only(AofBase::Commands).start();
    let mut client = server.client();
    let set = set_some(&mut client);
    for n in 0..20 {
        cache!(client, "SET", format!("ns:{n}"), "op", "{}", "r");
    }
    // Each rewrite writes them again.
    for _ in 0..2 {
        wait_for_aof_rewrite(&server);
        assert_eq!(emitted(&server), set.len());
    }
}

#[test]
fn without_preamble_and_namespace_a_rewrite_loses_them_and_says_so() {
    let mut server = Launch::new().append_only(AofBase::Commands).start();
    let set = set_some(&mut server.client());
    call!(server.client(), "SET", "another", "key");
    assert!(!server.log().contains(LOST));
    wait_for_aof_rewrite(&server);
    wait_until("the log says so", || server.log().contains(LOST));
    // They are lost only when the file is loaded.
    assert_eq!(rules(&mut server.client()), set);
    server.client().must(&["DEBUG", "LOADAOF"]);
    assert_eq!(rules(&mut server.client()), [""; 0], "what was there before the load is still there");
    set_some(&mut server.client());
    wait_for_aof_rewrite(&server);
    server.kill_and_restart();
    assert_eq!(rules(&mut server.client()), [""; 0]);
    // With the preamble nothing is lost.
    let mut server = Launch::new().append_only(AofBase::Rdb).start();
    let set = set_some(&mut server.client());
    wait_for_aof_rewrite(&server);
    server.kill_and_restart();
    assert_eq!(rules(&mut server.client()), set);
    assert!(!server.log().contains(LOST));
}

#[test]
fn namespaces_that_are_gone_keep_no_rules() {
    for gone in [
        &["DEL", "ns"][..],
        &["FLUSHALL"],
        &["FLUSHDB", "ASYNC"],
        &["RENAME", "ns", "result:x"],
        &["UNLINK", "ns"],
    ] {
        let mut server = Launch::new().append_only(AofBase::Commands).start();
        let set = set_some(&mut server.client());
        cache!(server.client(), "SET", "ns", "op", "{}", "r");
        server.client().must(gone);
        wait_for_aof_rewrite(&server);
        let written = emitted(&server) > 0;
        // Either they are in the file, or the log says that they are not.
        assert!(written || server.log().contains(LOST), "{gone:?}: lost in silence");
        server.kill_and_restart();
        let there = rules(&mut server.client());
        assert_eq!(there, if written { set } else { vec![] }, "{gone:?}");
    }
}

#[test]
fn flushing_keeps_them() {
    for base in [None, Some(AofBase::Rdb), Some(AofBase::Commands)] {
        let mut server = base.into_iter().fold(Launch::new(), Launch::append_only).start();
        let mut client = server.client();
        let set = set_some(&mut client);
        for flush in [&["FLUSHALL"][..], &["FLUSHDB"], &["FLUSHALL", "ASYNC"], &["SWAPDB", "0", "1"]] {
            cache!(client, "SET", "ns", "op", "{}", "r");
            client.must(flush);
            assert_eq!(rules(&mut client), set, "{flush:?}");
            cache!(client, "SET", "ns", "op", "{}", "r");
            assert_eq!(Entry::of("ns", "{}").life(&mut client), (300_000, 60_000));
        }
        client.must(&["FLUSHALL"]);
        if base.is_some() {
            server.kill_and_restart();
            assert_eq!(rules(&mut server.client()), set, "{base:?}");
        }
    }
}

#[test]
fn a_snapshot_becomes_an_append_only_file_with_its_rules() {
    let mut server = Server::start();
    let set = set_some(&mut server.client());
    cache!(server.client(), "SET", "ns", "op", "{}", "r");
    server.client().must(&["CONFIG", "SET", "appendfsync", "always", "aof-use-rdb-preamble", "no"]);
    server.client().must(&["CONFIG", "SET", "appendonly", "yes"]);
    wait_until("the first file is written", || {
        server.client().info("persistence", "aof_rewrite_in_progress").as_deref() == Some("0")
            && server.aof_base().is_some()
    });
    server.configure("appendonly yes");
    server.configure("aof-use-rdb-preamble no");
    server.kill_and_restart();
    assert_eq!(rules(&mut server.client()), set);
}
