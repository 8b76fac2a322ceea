//! What happens around leases: lost databases, role changes, pauses, full memory, BYPASS, moving slots.

use crate::harness::{
    Client, Entry, Fetched, Launch, Server, Waiter, fenced, nil, ok, wait_for_replica_in_sync, wait_until,
};
use crate::{args, cache, call, policy};

const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };
const OTHER: Entry = Entry { ns: "ns", operation: "op2", params: "1" };

#[test]
fn when_all_is_deleted_one_waiter_of_each_entry_is_promoted() {
    let server = Server::start();
    let mut client = server.client();
    for words in [
        &["FLUSHALL"][..],
        &["FLUSHALL", "ASYNC"],
        &["FLUSHDB"],
        &["SWAPDB", "0", "1"],
        &["DEL", "ns"],
        &["UNLINK", "ns"],
    ] {
        client.must(&["FLUSHALL"]);
        cache!(client, "SET", "ns", "op", "\"another\"", "r");
        let tokens = [&ENTRY, &OTHER].map(|entry| entry.lease(&mut client, "LEASE 60000"));
        let mut queues = [&ENTRY, &OTHER].map(|entry| Waiter::several(3, &server, entry, "BLOCK 0"));
        client.must(words);
        for ((entry, queue), old) in [&ENTRY, &OTHER].into_iter().zip(&mut queues).zip(&tokens) {
            let lease = queue[0].fetched();
            assert_eq!(lease.status, "LEASE", "{words:?}");
            assert!(queue[1].still_waits(&server) && queue[2].still_waits(&server), "{words:?}");
            assert_eq!(cache!(client, "FILL", "ns", old, "late"), fenced(), "{words:?}");
            assert_eq!(entry.fetch(&mut client, "").status, "BUSY");
            assert_eq!(cache!(client, "FILL", "ns", lease.token(), "r"), ok(), "{words:?}");
            assert_eq!((queue[1].told(), queue[2].told()), ("HIT r".into(), "HIT r".into()));
        }
    }
}

#[test]
fn another_database_is_another_matter() {
    let server = Server::start();
    let mut client = server.client();
    let mut elsewhere = server.client();
    elsewhere.must(&args!["SELECT", 1]);
    let token = ENTRY.lease(&mut client, "LEASE 60000");
    let mut waiter = Waiter::on(&server, &ENTRY, "BLOCK 0");
    cache!(elsewhere, "SET", "ns", "op", "1", "r");
    elsewhere.must(&["FLUSHDB"]);
    elsewhere.must(&["SWAPDB", "1", "2"]);
    assert!(waiter.still_waits(&server));
    assert_eq!(cache!(client, "FILL", "ns", token, "r"), ok());
    assert_eq!(waiter.told(), "HIT r");
}

#[test]
fn what_another_database_brings_is_there_for_waiters() {
    let server = Server::start();
    let mut client = server.client();
    client.must(&args!["SELECT", 1]);
    ENTRY.call(&mut client, "SET", &["swapped in"]);
    client.must(&args!["SELECT", 0]);
    ENTRY.lease(&mut client, "LEASE 60000");
    let mut waiters = Waiter::several(2, &server, &ENTRY, "BLOCK 0");
    client.must(&["SWAPDB", "0", "1"]);
    // The first decides afresh when it is promoted: it finds the value, or at worst computes it again.
    let first = waiters[0].fetched();
    match first.status.as_str() {
        "HIT" => assert_eq!(first.told(), "HIT swapped in"),
        _ => assert_eq!(cache!(client, "FILL", "ns", first.token(), "swapped in"), ok()),
    }
    assert_eq!(waiters[1].told(), "HIT swapped in");
}

#[test]
fn demotion_unblocks_waiters_and_drops_leases() {
    let (server, primary) = (Server::start(), Server::start());
    let mut client = server.client();
    let token = ENTRY.lease(&mut client, "LEASE 60000");
    let mut waiters = Waiter::several(2, &server, &ENTRY, "BLOCK 0");
    assert_eq!(call!(client, "REPLICAOF", "127.0.0.1", primary.port()), ok());
    for waiter in &mut waiters {
        assert_eq!(waiter.answer().error_word(), "UNBLOCKED");
    }
    assert_eq!(ENTRY.info(&mut client, "deadline_ms"), nil(), "the lease is dropped");
    wait_for_replica_in_sync(&primary, &server);
    assert_eq!(call!(client, "REPLICAOF", "NO", "ONE"), ok());
    let newer = ENTRY.lease(&mut client, "");
    assert_eq!(cache!(client, "FILL", "ns", token, "late"), fenced());
    assert_eq!(cache!(client, "FILL", "ns", newer, "r"), ok());
}

#[test]
fn a_replica_serves_what_is_there_and_leases_nothing() {
    let primary = Server::start();
    let replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    let mut client = primary.client();
    policy!(client, "SET", "ns", "op", "REFRESH", "100");
    let [fresh, stale, failed, absent] = ["1", "2", "3", "4"].map(|params| Entry::of("ns", params));
    fresh.call(&mut client, "SET", &["r"]);
    stale.call(&mut client, "SET", &["r", "GRACE", "60000"]);
    stale.call(&mut client, "INVALIDATE", &["SOFT"]);
    let token = failed.lease(&mut client, "");
    cache!(client, "FAIL", "ns", token, "m", "PX", 60_000);
    let token = absent.lease(&mut client, "");
    let version = fresh.version(&mut client);
    wait_for_replica_in_sync(&primary, &replica);

    let mut reader = replica.client();
    let served =
        |status: &str, version| Fetched { status: status.into(), value: "r".into(), token: None, version };
    for options in ["", "BLOCK 0", "HOLDER me", "NOSTALE"] {
        assert_eq!(fresh.fetch(&mut reader, options), served("HIT", version), "{options}");
    }
    let version = stale.version(&mut reader);
    for options in ["", "BLOCK 0", "HOLDER me"] {
        assert_eq!(stale.fetch(&mut reader, options), served("STALE", version), "{options}");
    }
    let reject = [b"REJECT".to_vec(), fresh.version(&mut reader).to_string().into_bytes()];
    assert_eq!(fresh.call(&mut reader, "FETCH", &reject).error_word(), "READONLY");
    for options in [&[][..], &["BLOCK", "0"]] {
        assert_eq!(absent.call(&mut reader, "FETCH", options).error_word(), "READONLY");
        assert_eq!(failed.call(&mut reader, "FETCH", options).error_word(), "READONLY");
    }
    assert_eq!(stale.call(&mut reader, "FETCH", &["NOSTALE"]).error_word(), "READONLY");
    for command in [
        args!["CACHE.RESULT", "FILL", "ns", token, "r"],
        args!["CACHE.RESULT", "RENEW", "ns", token],
        args!["CACHE.RESULT", "RELEASE", "ns", token],
        args!["CACHE.RESULT", "FAIL", "ns", token, "m"],
    ] {
        assert_eq!(reader.call(&command).error_word(), "READONLY", "{command:?}");
    }
    assert_eq!(cache!(client, "FILL", "ns", token, "r"), ok());
}

#[test]
fn a_paused_server_survives_lapses_and_time_outs() {
    let mut server = Server::start();
    let replica = Launch::new().replica_of(&server).start();
    wait_for_replica_in_sync(&server, &replica);
    let mut client = server.client();
    fail_for_a_moment(&mut client);
    let token = ENTRY.lease(&mut client, "LEASE 60000");
    let mut waiters = Waiter::several(2, &server, &ENTRY, "BLOCK 0 LEASE 100");
    let filling = OTHER.lease(&mut client, "LEASE 60000");
    let mut impatient = Waiter::on(&server, &OTHER, "BLOCK 300");
    let mut others = Waiter::several(2, &server, &OTHER, "BLOCK 0");
    client.must(&args!["CLIENT", "PAUSE", 700, "WRITE"]);
    assert_eq!(cache!(client, "RENEW", "ns", token, "LEASE", 50), ok(), "a renewal writes nothing");
    // The lease lapses, a time-out ends, a failure is forgotten, all while nothing may be written.
    let mut filler = server.client();
    filler.send(&args!["CACHE.RESULT", "FILL", "ns", filling, "r"]).unwrap();
    assert_eq!(impatient.fetched().status, "BUSY");
    assert_eq!(waiters[0].fetched().status, "LEASE");
    assert_eq!(waiters[1].fetched().status, "LEASE", "the promoted one's lease lapsed too");
    assert_eq!(filler.receive().unwrap(), ok(), "when the pause is over");
    assert_eq!((others[0].told(), others[1].told()), ("HIT r".into(), "HIT r".into()));
    server.assert_alive();
    wait_for_replica_in_sync(&server, &replica);
    assert_eq!(cache!(replica.client(), "GET", "ns", "op2", "1"), "r".into());
}

/// A failure that is remembered for a tenth of a second.
#[track_caller]
fn fail_for_a_moment(client: &mut Client) {
    let entry = Entry::of("ns", "\"moment\"");
    let token = entry.lease(client, "");
    assert_eq!(cache!(client, "FAIL", "ns", token, "m", "PX", 100), ok());
}

#[test]
fn a_full_server_serves_hits_and_ends_leases_with_a_failure() {
    let server = Server::start();
    let mut client = server.client();
    let present = Entry::of("ns", "1");
    present.call(&mut client, "SET", &["r"]);
    let token = ENTRY.lease(&mut client, "LEASE 60000");
    let mut waiters = Waiter::several(3, &server, &ENTRY, "BLOCK 0");
    call!(client, "CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", 1);
    assert_eq!(present.fetch(&mut client, "BLOCK 0").told(), "HIT r");
    assert_eq!(cache!(client, "FILL", "ns", "no token", "r").error_word(), "BADTOKEN");
    assert_eq!(cache!(client, "FILL", "ns", &token, "r").error_word(), "OOM");
    for waiter in &mut waiters {
        let failed = waiter.fetched();
        assert_eq!((failed.status.as_str(), failed.version), ("FAILED", 0));
        assert!(failed.value.text().starts_with("OOM "), "{:?}", failed.value);
    }
    assert_eq!(cache!(client, "RENEW", "ns", &token), fenced(), "the lease has ended");
    assert_eq!(cache!(client, "FILL", "ns", &token, "r"), fenced());
    let newer = ENTRY.lease(&mut client, "");
    assert_eq!(cache!(client, "RELEASE", "ns", newer), ok());
    call!(client, "CONFIG", "SET", "maxmemory", 0);
    assert_eq!(cache!(client, "FILL", "ns", &token, "late"), fenced());
    let token = ENTRY.lease(&mut client, "");
    assert_eq!(cache!(client, "FILL", "ns", token, "r"), ok());
}

#[test]
fn a_bypassed_cache_leases_to_everybody() {
    let server = Server::start();
    for config in [false, true] {
        let mut client = server.client();
        client.must(&["FLUSHALL"]);
        let switch = |client: &mut Client, on: bool| match (config, on) {
            (false, on) => policy!(client, "SET", "n*", "*", "BYPASS", if on { "no" } else { "yes" }),
            (true, on) => call!(client, "CONFIG", "SET", "cache.enabled", if on { "yes" } else { "no" }),
        };
        OTHER.call(&mut client, "SET", &["kept"]);
        let token = ENTRY.lease(&mut client, "LEASE 60000");
        let mut waiters = Waiter::several(3, &server, &ENTRY, "BLOCK 0");
        let mut tokens = vec![token];
        assert_eq!(switch(&mut client, false), ok());
        for waiter in &mut waiters {
            let leased = waiter.fetched();
            assert_eq!((leased.status.as_str(), leased.version), ("LEASE", 0), "{config}");
            tokens.push(leased.token());
        }
        for entry in [&ENTRY, &OTHER, &OTHER] {
            for options in ["", "BLOCK 0", "NOSTALE"] {
                tokens.push(entry.lease(&mut client, options));
            }
        }
        let distinct: std::collections::BTreeSet<_> = tokens.iter().collect();
        assert_eq!(distinct.len(), tokens.len(), "every grant has a fresh token");
        for token in &tokens[..tokens.len() - 1] {
            assert_eq!(cache!(client, "FILL", "ns", token, "dropped"), ok(), "{token}");
        }
        assert_eq!(cache!(client, "FILL", "ns", "", "r").error_word(), "BADTOKEN");
        assert_eq!(cache!(client, "FILL", "ns", &tokens[1], "r", "NX").error_word(), "ERR");
        assert_eq!(ENTRY.call(&mut client, "MERGE", &["{}", "UPSERT"]), nil());
        assert_eq!(switch(&mut client, true), ok());
        let late = tokens.last().unwrap();
        assert_eq!(
            cache!(client, "FILL", "ns", late, "dropped"),
            ok(),
            "{config}: a bypass token afterwards"
        );
        assert_eq!(cache!(client, "FILL", "ns", &tokens[1], "dropped"), ok());
        assert_eq!(OTHER.fetch(&mut client, "").told(), "HIT kept");
        ENTRY.lease(&mut client, "");
        assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), nil());
    }
}

/// Two nodes, all slots with the first.
#[track_caller]
fn cluster() -> (Server, Server) {
    let [one, two] = [(); 2].map(|()| Launch::new().cluster().start());
    let mut client = one.client();
    client.must(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    client.must(&args!["CLUSTER", "MEET", "127.0.0.1", two.port()]);
    for node in [&one, &two] {
        wait_until("both nodes serve", || {
            let info = call!(node.client(), "CLUSTER", "INFO").text();
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:2")
        });
    }
    (one, two)
}

#[test]
fn waiters_move_with_their_slot() {
    let (one, two) = cluster();
    let mut client = one.client();
    let slot = call!(client, "CLUSTER", "KEYSLOT", "ns").int();
    // Nothing is stored, so the slot can change hands at once.
    let token = ENTRY.lease(&mut client, "LEASE 60000");
    let mut waiters = Waiter::several(2, &one, &ENTRY, "BLOCK 0");
    waiters
        .push(Waiter::start(&one, &args!["CACHE.RESULT", "NEXT", "ns", "BLOCK", 0, "AFTER", "op", "{}", 0]));
    let elsewhere = Entry::of("{another}slot", "{}");
    elsewhere.lease(&mut client, "LEASE 60000");
    let mut stays = Waiter::on(&one, &elsewhere, "BLOCK 0");
    let new_owner = call!(two.client(), "CLUSTER", "MYID").text();
    let old_owner = call!(client, "CLUSTER", "MYID").text();
    let mut there = two.client();
    there.must(&args!["CLUSTER", "SETSLOT", slot, "IMPORTING", old_owner]);
    client.must(&args!["CLUSTER", "SETSLOT", slot, "MIGRATING", new_owner]);
    there.must(&args!["CLUSTER", "SETSLOT", slot, "NODE", new_owner]);
    client.must(&args!["CLUSTER", "SETSLOT", slot, "NODE", new_owner]);
    for waiter in &mut waiters {
        let moved = waiter.answer();
        assert_eq!(moved.error(), format!("MOVED {slot} 127.0.0.1:{}", two.port()));
    }
    assert!(stays.still_waits(&one));
    assert_eq!(cache!(client, "FILL", "ns", &token, "r").error_word(), "MOVED");
    assert_eq!(cache!(there, "FILL", "ns", token, "r"), fenced(), "there was no namespace");
    let token = ENTRY.lease(&mut there, "");
    assert_eq!(cache!(there, "FILL", "ns", token, "r"), ok());
}

#[test]
fn a_slot_takes_its_tokens_along() {
    let (one, two) = cluster();
    let (mut client, mut there) = (one.client(), two.client());
    let slot = call!(client, "CLUSTER", "KEYSLOT", "ns").int();
    OTHER.call(&mut client, "SET", &["r"]);
    let token = ENTRY.lease(&mut client, "LEASE 60000");
    let (new_owner, old_owner) =
        (call!(there, "CLUSTER", "MYID").text(), call!(client, "CLUSTER", "MYID").text());
    there.must(&args!["CLUSTER", "SETSLOT", slot, "IMPORTING", old_owner]);
    client.must(&args!["CLUSTER", "SETSLOT", slot, "MIGRATING", new_owner]);
    let keys = call!(client, "CLUSTER", "GETKEYSINSLOT", slot, 10);
    let mut migrate = args!["MIGRATE", "127.0.0.1", two.port(), "", 0, 5000, "KEYS"];
    migrate.extend(keys.array().iter().map(|key| key.bulk().to_vec()));
    assert_eq!(client.call(&migrate), ok());
    there.must(&args!["CLUSTER", "SETSLOT", slot, "NODE", new_owner]);
    client.must(&args!["CLUSTER", "SETSLOT", slot, "NODE", new_owner]);
    assert_eq!(OTHER.fetch(&mut there, "").told(), "HIT r");
    assert_eq!(cache!(there, "FILL", "ns", token, "r"), ok());
    assert_eq!(ENTRY.fetch(&mut there, "").told(), "HIT r");
    assert_eq!(cache!(client, "GET", "ns", "op", "{}").error_word(), "MOVED");
}
