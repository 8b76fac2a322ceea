//! Primary and replicas agree, and what goes over the wire between them is what the contract says.

use crate::harness::{
    AofBase, Entry, Launch, ReplicationStream, Server, assert_same_digests, digests, nil, ok,
    wait_for_replica_in_sync, wait_until,
};
use crate::{args, cache, call, load};

const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };
const JUMP: i64 = 1 << 32;

#[test]
fn every_replica_agrees_after_a_mixed_load() {
    let primary = load::launch().start();
    // One that follows from the start, one that follows it, and one that comes when all is written.
    let replica = load::launch().replica_of(&primary).start();
    let second = load::launch().replica_of(&replica).append_only(AofBase::Commands).start();
    wait_for_replica_in_sync(&primary, &second);
    load::run(&primary, 11);
    let late = load::launch().replica_of(&primary).start();
    load::run(&primary, 12);
    let (data, told) = (digests(&primary), load::answers(&primary));
    for follower in &mut [replica, late, second] {
        wait_for_replica_in_sync(&primary, follower);
        assert_same_digests("a follower", &data, &digests(follower));
        assert_same_digests("a follower", &told, &load::answers(follower));
        follower.assert_alive();
    }
}

#[test]
fn a_replica_that_loads_from_its_socket_agrees() {
    let primary = load::launch().start();
    load::run(&primary, 13);
    let launch = load::launch().line("repl-diskless-load swapdb").replica_of(&primary);
    let replica = launch.start();
    wait_for_replica_in_sync(&primary, &replica);
    assert_same_digests("loaded from the socket", &digests(&primary), &digests(&replica));
    // The data is replaced under a running replica, and the new data is what it serves.
    let other = load::launch().start();
    load::run(&other, 14);
    call!(replica.client(), "REPLICAOF", "127.0.0.1", other.port());
    wait_for_replica_in_sync(&other, &replica);
    assert_same_digests("of another primary", &digests(&other), &digests(&replica));
    assert_same_digests("of another primary", &load::answers(&other), &load::answers(&replica));
}

#[test]
fn a_replica_reads_and_refuses_to_write() {
    let primary = Server::start();
    let replica = Launch::new().replica_of(&primary).start();
    cache!(primary.client(), "SET", "ns", "op", "{}", "r", "GRACE", 60_000);
    wait_for_replica_in_sync(&primary, &replica);
    let mut client = replica.client();
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "r".into());
    assert_eq!(cache!(client, "EXISTS", "ns", "op", "{}"), 1.into());
    assert_eq!(ENTRY.state(&mut client), "fresh");
    assert_eq!(ENTRY.version(&mut client), ENTRY.version(&mut primary.client()));
    assert_eq!(ENTRY.key(&mut client), ENTRY.key(&mut primary.client()));
    for command in [
        args!["CACHE.RESULT", "SET", "ns", "op", "{}", "s"],
        args!["CACHE.RESULT", "SET", "ns", "op", "1", "s", "NX"],
        args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}"],
        args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}", "SOFT"],
        args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "1", "IFVERSION", 0],
    ] {
        assert_eq!(client.call(&command).error_word(), "READONLY", "{command:?}");
    }
    cache!(primary.client(), "INVALIDATE", "ns", "op", "{}", "SOFT");
    wait_for_replica_in_sync(&primary, &replica);
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), nil());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), "r".into());
    call!(primary.client(), "DEL", "ns");
    wait_for_replica_in_sync(&primary, &replica);
    assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), nil());
}

#[test]
fn an_entry_ages_on_a_replica_by_itself() {
    let primary = Server::start();
    let replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    cache!(primary.client(), "SET", "ns", "op", "{}", "r", "PX", 300, "GRACE", 300);
    wait_for_replica_in_sync(&primary, &replica);
    // With the primary gone nobody tells the replica.
    drop(primary);
    let mut client = replica.client();
    wait_until("the entry is stale", || cache!(client, "GET", "ns", "op", "{}") == nil());
    wait_until("the entry is gone", || cache!(client, "GET", "ns", "op", "{}", "STALE") == nil());
    assert_eq!(ENTRY.state(&mut client), "absent");
}

#[test]
fn one_effect_is_sent_for_each_mutation() {
    let server = Server::start();
    let mut client = server.client();
    let mut stream = ReplicationStream::attach(&server);
    for (what, command) in [
        ("the first write", args!["CACHE.RESULT", "SET", "ns", "op", "{}", "r", "EX", 60, "GRACE", 60_000]),
        (
            "a write over it",
            args!["CACHE.RESULT", "SET", "ns", "op", "{}", "s", "TAGS", 1, "t", "GRACE", 60_000],
        ),
        ("another entry", args!["CACHE.RESULT", "SET", "ns", "op", "1", "r", "NX"]),
        ("one that stays", args!["CACHE.RESULT", "SET", "ns", "op", "1", "r", "PERSIST"]),
        ("one that keeps its time", args!["CACHE.RESULT", "SET", "ns", "op", "1", "r", "KEEPTTL"]),
        ("a soft invalidation", args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}", "SOFT"]),
        ("a hard invalidation", args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}"]),
        ("one of nothing", args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}"]),
        ("one of nothing, softly", args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}", "SOFT"]),
        ("a past instant", args!["CACHE.RESULT", "SET", "ns", "op", "1", "r", "PXAT", 1]),
        ("one in a new namespace", args!["CACHE.RESULT", "INVALIDATE", "new", "op", "{}"]),
    ] {
        client.must(&command);
        let sent = stream.commands();
        assert_eq!(sent.len(), 1, "{what}: {sent:?}");
        assert!(sent[0][0].eq_ignore_ascii_case(b"CACHE.APPLY"), "{what}: {sent:?}");
        assert_eq!(sent[0][1], command[2], "{what}: the key of the effect is the namespace");
    }
}

#[test]
fn nothing_is_sent_where_nothing_changed() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "r", "GRACE", 60_000);
    let version = ENTRY.version(&mut client);
    let mut stream = ReplicationStream::attach(&server);
    call!(client, "SET", "string", "v");
    assert_eq!(stream.names(), ["SET"]);
    for command in [
        args!["CACHE.RESULT", "GET", "ns", "op", "{}"],
        args!["CACHE.RESULT", "GET", "ns", "op", "1"],
        args!["CACHE.RESULT", "GET", "ns", "op", "{}", "STALE"],
        args!["CACHE.RESULT", "GET", "unknown", "op", "{}"],
        args!["CACHE.RESULT", "EXISTS", "ns", "op", "{}"],
        args!["CACHE.RESULT", "INFO", "ns", "op", "{}"],
        args!["CACHE.RESULT", "KEY", "ns", "op", "{}"],
        args!["CACHE.RESULT", "HELP"],
        args!["CACHE.RESULT", "SET", "ns", "op", "{}", "s", "NX"],
        args!["CACHE.RESULT", "SET", "ns", "op", "1", "s", "XX"],
        args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}", "IFVERSION", version + 1],
        args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "1", "IFVERSION", version],
        args!["CACHE.RESULT", "SET", "ns", "op", "{", "s"],
        args!["CACHE.RESULT", "SET", "ns", "op", "{}", "s", "EX", 0],
        args!["CACHE.RESULT", "SET", "string", "op", "{}", "s"],
        args!["CACHE.RESULT", "INVALIDATE", "string", "op", "{}"],
        args!["EVAL", "return redis.call('CACHE.RESULT', 'GET', KEYS[1], 'op', '{}')", 1, "ns"],
    ] {
        client.call(&command);
        assert!(stream.commands().is_empty(), "{command:?} was replicated");
    }
}

#[test]
fn transactions_and_scripts_are_sent_whole() {
    let server = Server::start();
    let mut client = server.client();
    let mut stream = ReplicationStream::attach(&server);
    client.pipeline(&[
        args!["MULTI"],
        args!["CACHE.RESULT", "SET", "ns", "op", "1", "r"],
        args!["CACHE.RESULT", "GET", "ns", "op", "1"],
        args!["SET", "between", "v"],
        args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "1"],
        args!["EXEC"],
    ]);
    assert_eq!(stream.names(), ["MULTI", "CACHE.APPLY", "SET", "CACHE.APPLY", "EXEC"]);
    let script = "
        redis.call('CACHE.RESULT', 'SET', KEYS[1], 'op', '1', 'r')
        redis.call('CACHE.RESULT', 'GET', KEYS[1], 'op', '1')
        return redis.call('CACHE.RESULT', 'INVALIDATE', KEYS[1], 'op', '1')";
    assert_eq!(call!(client, "EVAL", script, 1, "ns"), 1.into());
    assert_eq!(stream.names(), ["MULTI", "CACHE.APPLY", "CACHE.APPLY", "EXEC"]);
}

#[test]
fn what_expires_is_deleted_by_the_primary() {
    let server = Server::start();
    let mut client = server.client();
    let mut stream = ReplicationStream::attach(&server);
    cache!(client, "SET", "ns", "op", "{}", "r", "PX", 20);
    let key = ENTRY.key(&mut client);
    wait_until("core has expired the entry", || call!(client, "EXISTS", key) == 0.into());
    let sent = stream.commands();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(sent[1][0].eq_ignore_ascii_case(b"DEL") || sent[1][0].eq_ignore_ascii_case(b"UNLINK"));
    assert_eq!(sent[1][1], key.into_bytes());
}

/// The first mutation of a namespace comes a jump later than everything that was written before, and those
/// that follow do not jump.
#[track_caller]
fn jumps_once(server: &Server, written_before: i64) {
    let mut client = server.client();
    // What is refused is no mutation.
    assert_eq!(cache!(client, "SET", "ns", "op", "after", "r").error_word(), "BADPARAMS");
    cache!(client, "SET", "ns", "op", "\"after\"", "r");
    let first = Entry::of("ns", "\"after\"").version(&mut client);
    assert!(first >= written_before + JUMP, "{first} after {written_before}");
    cache!(client, "SET", "ns", "op", "\"next\"", "r");
    let next = Entry::of("ns", "\"next\"").version(&mut client);
    assert!(next > first && next < first + JUMP, "{next} after {first}");
    assert!(next < 1 << 53);
}

#[test]
fn a_promoted_replica_serves_and_counts_on() {
    let mut primary = load::launch().start();
    let replica = load::launch().replica_of(&primary).start();
    let second = load::launch().replica_of(&replica).start();
    load::run(&primary, 15);
    cache!(primary.client(), "SET", "ns", "op", "{}", "r", "PERSIST");
    let before = ENTRY.version(&mut primary.client());
    wait_for_replica_in_sync(&primary, &second);
    let (data, told) = (digests(&primary), load::answers(&primary));
    primary.stop();
    assert_eq!(call!(replica.client(), "REPLICAOF", "NO", "ONE"), ok());
    assert_same_digests("promoted", &data, &digests(&replica));
    assert_same_digests("promoted", &told, &load::answers(&replica));
    jumps_once(&replica, before);
    assert_eq!(cache!(replica.client(), "GET", "ns", "op", "{}"), "r".into());
    // Its own replicas follow the jump, and the old primary comes back as one of them.
    load::run(&replica, 16);
    primary.configure(&format!("replicaof 127.0.0.1 {}", replica.port()));
    primary.start_again();
    for follower in [&second, &primary] {
        wait_for_replica_in_sync(&replica, follower);
        assert_same_digests("following the promoted one", &digests(&replica), &digests(follower));
        assert_same_digests("following the promoted one", &load::answers(&replica), &load::answers(follower));
    }
}

#[test]
fn a_server_that_was_a_replica_for_a_moment_counts_on_from_a_jump() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "r");
    let before = ENTRY.version(&mut client);
    // Nobody listens there: it keeps its data, but others may have been written elsewhere meanwhile.
    assert_eq!(call!(client, "REPLICAOF", "127.0.0.1", 1), ok());
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "r").error_word(), "READONLY");
    assert_eq!(call!(client, "REPLICAOF", "NO", "ONE"), ok());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "r".into());
    jumps_once(&server, before);
}

#[test]
fn a_restarted_server_counts_on_from_a_jump() {
    for base in AofBase::BOTH {
        let mut server = Launch::new().append_only(base).start();
        let mut version = 0;
        for _ in 0..3 {
            cache!(server.client(), "SET", "ns", "op", "{}", "r", "PERSIST");
            let written = ENTRY.version(&mut server.client());
            assert!(written > version);
            version = written;
            server.kill_and_restart();
            assert_eq!(ENTRY.version(&mut server.client()), version);
            assert_eq!(cache!(server.client(), "GET", "ns", "op", "{}"), "r".into());
            jumps_once(&server, version);
            version = Entry::of("ns", "\"next\"").version(&mut server.client());
        }
    }
}

#[test]
fn versions_grow_across_a_reload() {
    let mut server = Server::start();
    let mut version = 0;
    for round in 0..6 {
        // Whatever the first mutation after a load is, it jumps.
        if round % 2 == 0 {
            cache!(server.client(), "INVALIDATE", "ns", "op", "1");
        }
        cache!(server.client(), "SET", "ns", "op", "{}", "r", "PERSIST", "GRACE", 60_000);
        let written = ENTRY.version(&mut server.client());
        assert!(round == 0 || written >= version + JUMP, "{written} after {version}");
        cache!(server.client(), "INVALIDATE", "ns", "op", "{}", "SOFT");
        version = ENTRY.version(&mut server.client());
        assert!(version > written && version < written + JUMP);
        match round % 3 {
            0 => server.shutdown_save_and_restart(),
            1 => drop(server.client().must(&["DEBUG", "RELOAD"])),
            _ => server.shutdown_save_and_restart(),
        }
        assert_eq!(ENTRY.version(&mut server.client()), version);
    }
}
