//! CACHE.CLOCK and SINCE: a write that was overtaken while its result was computed is refused.

use crate::harness::{
    AofBase, Client, Entry, Launch, ReplicationStream, Server, Waiter, assert_same_digests, digests, fenced,
    ok, wait_for_replica_in_sync, wait_until,
};
use crate::{cache, call};

fn stamp(client: &mut Client) -> String {
    call!(client, "CACHE.CLOCK", "ns").text()
}

/// Writes an entry of `ns op` with a stamp; whether it was stored.
#[track_caller]
fn stored(client: &mut Client, params: &str, since: &str) -> bool {
    let reply = cache!(client, "SET", "ns", "op", params, "r", "SINCE", since);
    assert!(reply == ok() || reply == fenced(), "{reply:?}");
    reply == ok()
}

#[test]
fn a_write_is_fenced_by_what_concerns_it() {
    let server = Server::start();
    let mut client = server.client();
    let since = stamp(&mut client);
    assert_eq!(stamp(&mut client), since, "looking at the clock does not move it");
    assert!(stored(&mut client, "1", &since));
    assert!(!stored(&mut client, "1", &since), "the entry was written since");
    assert!(stored(&mut client, "2", &since), "which does not concern another");

    let since = stamp(&mut client);
    assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "1"), 1.into());
    assert!(!stored(&mut client, "1", &since));
    assert_eq!(cache!(client, "GET", "ns", "op", "1"), crate::harness::nil());
    assert!(stored(&mut client, "3", &since));
    let since = stamp(&mut client);
    assert!(stored(&mut client, "1", &since), "a stamp from after the invalidation is good");
}

#[test]
fn an_invalidation_of_what_is_not_there_fences_too() {
    let server = Server::start();
    let mut client = server.client();
    let since = stamp(&mut client);
    assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "1"), 0.into());
    assert!(!stored(&mut client, "1", &since));
    cache!(client, "INVALIDATE", "ns", "op", "2");
    cache!(client, "SET", "ns", "op", "2", "newer");
    let key = cache!(client, "KEY", "ns", "op", "2");
    call!(client, "DEL", key.text());
    assert!(!stored(&mut client, "2", &since), "whatever became of what was written in between");
}

#[test]
fn what_may_have_been_forgotten_fences() {
    let server = Server::start();
    let mut client = server.client();
    let since = stamp(&mut client);
    for n in 0..128 {
        cache!(client, "INVALIDATE", "ns", "op", format!("[{n}]"));
    }
    assert!(stored(&mut client, "1", &since), "128 invalidations are remembered by name");
    cache!(client, "INVALIDATE", "ns", "op", "[128]");
    assert!(!stored(&mut client, "2", &since), "of more it is not known which they were");
}

#[test]
fn another_life_of_the_namespace_fences() {
    let server = Server::start();
    let mut client = server.client();
    let since = stamp(&mut client);
    call!(client, "DEL", "ns");
    assert!(!stored(&mut client, "1", &since));
    assert_eq!(call!(client, "DBSIZE"), 0.into(), "a fenced write makes nothing");
    stamp(&mut client);
    assert!(!stored(&mut client, "1", &since));
}

#[test]
fn a_stamp_that_makes_the_namespace_takes_no_lease() {
    let server = Server::start();
    let mut client = server.client();
    let entry = Entry { ns: "ns", operation: "op", params: "1" };
    let token = entry.lease(&mut client, "LEASE 60000");
    let mut waiter = Waiter::on(&server, &entry, "BLOCK 0");
    stamp(&mut client);
    assert!(waiter.still_waits(&server), "a look at the clock is no invalidation");
    assert_eq!(cache!(client, "FILL", "ns", token, "r"), ok());
    assert_eq!(waiter.told(), "HIT r");
}

#[test]
fn merge_is_guarded_alike() {
    let server = Server::start();
    let mut client = server.client();
    let since = stamp(&mut client);
    let version = cache!(client, "MERGE", "ns", "op", "1", r#"{"a":1}"#, "UPSERT", "SINCE", &since);
    assert!(version.int() > 0);
    assert_eq!(cache!(client, "MERGE", "ns", "op", "1", r#"{"a":2}"#, "SINCE", &since), fenced());
    assert_eq!(cache!(client, "GET", "ns", "op", "1"), r#"{"a":1}"#.into());
}

#[test]
fn other_things_are_no_stamps() {
    let server = Server::start();
    let mut client = server.client();
    let since = stamp(&mut client);
    let version = cache!(client, "INFO", "ns", "op", "1").field("version").int().to_string();
    let before = digests(&server);
    for bad in ["", "1", &version, &since[1..], &since.to_uppercase(), &format!("{since}0")] {
        let reply = cache!(client, "SET", "ns", "op", "1", "r", "SINCE", bad);
        assert_eq!(reply.error_word(), "BADTOKEN", "{bad}");
    }
    let elsewhere = cache!(client, "SET", "other", "op", "1", "r", "SINCE", &since);
    assert_eq!(elsewhere.error_word(), "BADTOKEN");
    assert_eq!(call!(client, "CACHE.CLOCK", "{x}").error_word(), "BADNAME");
    call!(client, "SET", "a-string", "v");
    assert_eq!(call!(client, "CACHE.CLOCK", "a-string").error_word(), "WRONGTYPE");
    call!(client, "DEL", "a-string");
    assert_same_digests("refused", &before, &digests(&server));
}

#[test]
fn a_stamp_outlives_restart_and_failover() {
    let mut server = Launch::new().append_only(AofBase::Rdb).start();
    let replica = Launch::new().replica_of(&server).start();
    wait_for_replica_in_sync(&server, &replica);
    let mut client = server.client();
    let mut stream = ReplicationStream::attach(&server);
    let since = stamp(&mut client);
    stamp(&mut client);
    assert_eq!(stream.names(), ["CACHE.APPLY"], "only what makes the namespace is replicated");
    cache!(client, "INVALIDATE", "ns", "op", "1");
    wait_for_replica_in_sync(&server, &replica);
    let before = digests(&server);
    wait_until("the replica agrees", || digests(&replica) == before);

    let mut promoted = replica.client();
    assert_eq!(call!(promoted, "CACHE.CLOCK", "ns").error_word(), "READONLY");
    call!(promoted, "REPLICAOF", "NO", "ONE");
    server.kill_and_restart();
    for mut client in [promoted, server.client()] {
        assert!(!stored(&mut client, "1", &since), "the invalidation is still known");
        assert!(stored(&mut client, "2", &since), "and fences nothing else");
        let since = stamp(&mut client);
        cache!(client, "INVALIDATE", "ns", "op", "2");
        assert!(!stored(&mut client, "2", &since));
    }
}

#[test]
fn a_stamp_of_a_lost_history_fences() {
    // Without an append-only file a crash loses all since the snapshot, and the clock starts again from there.
    let mut server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "1", "v");
    call!(client, "SAVE");
    let mut seen: Vec<(String, i64)> = Vec::new();
    for _ in 0..4 {
        server.kill_and_restart();
        let mut client = server.client();
        if let Some((since, version)) = seen.last() {
            cache!(client, "INVALIDATE", "ns", "op", "1");
            assert!(!stored(&mut client, "1", since), "the stamp is of a history that was lost");
            for _ in 0..5 {
                let merged = cache!(client, "MERGE", "ns", "op", "7", "{}", "UPSERT").int();
                assert_ne!(merged, *version, "a version of the lost history is used again");
            }
        }
        cache!(client, "SET", "ns", "op", "2", "v");
        let version = cache!(client, "MERGE", "ns", "op", "7", "{}", "UPSERT").int();
        seen.push((stamp(&mut client), version));
    }
    let mut client = server.client();
    let ahead = format!("{}ffffffffffffffff", &stamp(&mut client)[..37]);
    assert!(!stored(&mut client, "3", &ahead), "nor can a stamp be from ahead");
}
