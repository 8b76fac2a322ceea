//! Results that were damaged where they lay.

use crate::harness::{
    AofBase, Entry, Launch, Server, assert_same_digests, digests, nil, ok, wait_for_replica_in_sync,
};
use crate::stats::{REASONS, stat};
use crate::{cache, call};

const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };

/// What is damaged; nothing else in a file looks like it.
const RESULT: &[u8] = b"the result of a long computation";

/// The same with one bit turned.
pub fn damaged(bytes: &[u8]) -> Vec<u8> {
    let at = bytes.windows(RESULT.len()).position(|window| window == RESULT).expect("the result is in there");
    let mut damaged = bytes.to_vec();
    damaged[at + 9] ^= 1;
    damaged
}

/// Puts a payload there whose checksum of its own says nothing.
fn restore(server: &Server, key: &str, payload: &[u8]) {
    let mut client = server.client();
    call!(client, "DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", 1);
    assert_eq!(call!(client, "RESTORE", key, 0, payload, "REPLACE"), ok());
    call!(client, "DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", 0);
}

/// Nobody gets to see the entry, and everybody is told why.
#[track_caller]
fn assert_corrupt(server: &Server) {
    let mut client = server.client();
    assert_eq!(cache!(client, "INFO", "ns", "op", "{}").field("why"), "corrupt".into());
    assert_eq!(ENTRY.state(&mut client), "absent");
    assert_eq!(cache!(client, "EXISTS", "ns", "op", "{}"), 0.into());
    let before = stat(&mut client, &["ns"], "misses_corrupt").int();
    for stale in [&[][..], &["STALE"]] {
        assert_eq!(ENTRY.call(&mut client, "GET", stale), nil());
    }
    assert_eq!(stat(&mut client, &["ns"], "misses_corrupt").int(), before + 2);
    let reasons: i64 = REASONS.iter().map(|reason| stat(&mut client, &["ns"], reason).int()).sum();
    let wants = ["misses", "leases"].map(|kind| stat(&mut client, &["ns"], kind).int());
    assert_eq!(reasons, wants.iter().sum::<i64>());
}

/// A server with a damaged entry in it.
fn with_damage(launch: Launch) -> Server {
    let server = launch.start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", RESULT, "PERSIST");
    cache!(client, "SET", "ns", "op", "1", "sound", "PERSIST");
    let key = ENTRY.key(&mut client);
    let payload = call!(client, "DUMP", &key).bulk().to_vec();
    restore(&server, &key, &damaged(&payload));
    server
}

#[test]
fn a_damaged_result_is_absent_and_computed_anew() {
    let server = with_damage(Launch::new());
    assert_corrupt(&server);
    let mut client = server.client();
    let token = ENTRY.lease(&mut client, "");
    assert_eq!(stat(&mut client, &["ns"], "misses_corrupt").int(), 3);
    cache!(client, "FILL", "ns", token, RESULT);
    assert_eq!(cache!(client, "GET", "ns", "op", "{}").bulk(), RESULT);
}

#[test]
fn what_else_reads_a_damaged_result_finds_nothing() {
    let server = with_damage(Launch::new());
    let mut client = server.client();
    assert_eq!(cache!(client, "MERGE", "ns", "op", "{}", "{}"), nil());
    let plan = call!(client, "CACHE.PLAN", "ns", r#"[{"operation":"op","params":{}}]"#);
    assert_eq!(plan.array().len(), 1);
    assert!(stat(&mut client, &["ns"], "misses_corrupt").int() > 0);
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "new", "XX"), nil(), "nothing fresh is there");
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "new", "NX"), ok());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "new".into());
}

#[test]
fn a_file_with_a_damaged_result_is_loaded() {
    let server = with_damage(Launch::new());
    let before = digests(&server);
    server.client().must(&["DEBUG", "RELOAD"]);
    assert_same_digests("reloaded", &before, &digests(&server));
    assert_corrupt(&server);
    assert_eq!(cache!(server.client(), "GET", "ns", "op", "1"), "sound".into());
}

#[test]
fn a_file_of_commands_with_a_damaged_result_is_loaded() {
    let mut server = with_damage(Launch::new().append_only(AofBase::Commands));
    server.client().must(&["BGREWRITEAOF"]);
    crate::harness::wait_for_aof_rewrite(&server);
    let before = digests(&server);
    server.kill_and_restart();
    assert_same_digests("replayed", &before, &digests(&server));
    assert_corrupt(&server);
    assert_eq!(cache!(server.client(), "GET", "ns", "op", "1"), "sound".into());
}

#[test]
fn a_replica_serves_no_damaged_result_either() {
    let primary = with_damage(Launch::new());
    let replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    assert_corrupt(&replica);
    assert_same_digests("replicated", &digests(&primary), &digests(&replica));
}
