//! FAIL: failures that are remembered, beside a value or without one, and what every command makes of them.

use crate::harness::{
    AofBase, Client, Entry, Launch, ReplicationStream, Server, assert_same_digests, digests, fenced, nil,
    now_ms, ok, wait_for_aof_rewrite, wait_for_replica_in_sync, wait_until,
};
use crate::{args, cache, call, policy};

const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };

/// Leases the entry, which must be absent, and fails with these options.
#[track_caller]
fn fail(client: &mut Client, message: &str, options: &[&str]) {
    let token = ENTRY.lease(client, "");
    let mut command = args!["CACHE.RESULT", "FAIL", "ns", token, message];
    command.extend(options.iter().map(|option| option.as_bytes().to_vec()));
    assert_eq!(client.call(&command), ok(), "{options:?}");
}

/// Stores a value that is stale at once, leases its refresh, and fails with these options.
#[track_caller]
fn fail_refresh(client: &mut Client, options: &[&str]) {
    ENTRY.call(client, "SET", &["old", "GRACE", "600000"]);
    ENTRY.call(client, "INVALIDATE", &["SOFT"]);
    let stale = ENTRY.fetch(client, "");
    assert_eq!(stale.told(), "STALE old");
    let mut command = args!["CACHE.RESULT", "FAIL", "ns", stale.token(), "no disk"];
    command.extend(options.iter().map(|option| option.as_bytes().to_vec()));
    assert_eq!(client.call(&command), ok(), "{options:?}");
}

#[test]
fn a_failure_is_forgotten_by_default() {
    let server = Server::start();
    let mut client = server.client();
    let mut stream = ReplicationStream::attach(&server);
    fail(&mut client, "no disk", &[]);
    assert_eq!(call!(client, "DBSIZE"), 0.into());
    assert_eq!(stream.names(), [""; 0]);
    assert_eq!(ENTRY.state(&mut client), "absent");
    fail(&mut client, "no disk", &[]);
}

#[test]
fn a_failure_is_remembered_for_its_time() {
    let server = Server::start();
    let mut client = server.client();
    let start = now_ms();
    fail(&mut client, "no disk", &["PX", "150"]);
    let mut fetched = ENTRY.fetch(&mut client, "BLOCK 0");
    if now_ms() - start < 100 {
        assert_eq!(fetched.told(), "FAILED no disk", "nobody waits for it");
    }
    wait_until("it is forgotten", || {
        if fetched.status == "FAILED" {
            fetched = ENTRY.fetch(&mut client, "");
        }
        fetched.status == "LEASE"
    });
    assert!(now_ms() - start >= 150, "after {} ms", now_ms() - start);
    wait_until("core has removed it", || ENTRY.expiry(&mut client) == -2);
}

#[test]
fn a_rule_says_how_long_where_the_command_does_not() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "ns", "op", "NEGATIVE", "5m", "TTL", "10s", "GRACE", "1m", "JITTER", "50");
    for (options, length) in [(&[][..], 300_000), (&["PX", "70000"], 70_000), (&["px", "999999"], 999_999)] {
        let before = now_ms();
        fail(&mut client, "m", options);
        let expiry = ENTRY.expiry(&mut client);
        assert!((before + length..=now_ms() + length).contains(&expiry), "{options:?}: {}", expiry - before);
        assert_eq!(ENTRY.call(&mut client, "INVALIDATE", &[""; 0]), 1.into());
    }
    policy!(client, "SET", "ns", "op", "NEGATIVE", "0");
    fail(&mut client, "m", &[]);
    assert_eq!(ENTRY.expiry(&mut client), -2);
}

#[test]
fn a_message_is_bytes_of_any_kind() {
    let server = Server::start();
    let mut client = server.client();
    for message in [&b""[..], b"\0\xff\r\n-ERR", &vec![b'm'; 64 << 10]] {
        let token = ENTRY.lease(&mut client, "");
        assert_eq!(cache!(client, "FAIL", "ns", token, message, "PX", 60_000), ok());
        let failed = ENTRY.fetch(&mut client, "");
        assert_eq!((failed.status.as_str(), failed.value.bulk()), ("FAILED", message));
        ENTRY.call(&mut client, "INVALIDATE", &[""; 0]);
    }
}

#[test]
fn a_negative_entry_is_absent_but_for_fetch() {
    let server = Server::start();
    let mut client = server.client();
    let anew = |client: &mut Client| {
        ENTRY.call(client, "INVALIDATE", &[""; 0]);
        fail(client, "no disk", &["PX", "60000"]);
    };
    anew(&mut client);
    let failed = ENTRY.fetch(&mut client, "");
    assert_eq!(failed.told(), "FAILED no disk");
    assert_eq!(ENTRY.fetch(&mut client, "NOSTALE BLOCK 0 HOLDER me"), failed);
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), nil());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), nil());
    assert_eq!(cache!(client, "EXISTS", "ns", "op", "{}"), 0.into());
    assert_eq!(ENTRY.state(&mut client), "negative");
    assert_eq!(ENTRY.version(&mut client), failed.version);
    assert!(failed.version > 0);
    let expires = ENTRY.info(&mut client, "expires_in_ms").int();
    assert!((50_000..=60_000).contains(&expires), "{expires}");
    // Writes see nothing, and end it.
    assert_eq!(ENTRY.call(&mut client, "SET", &["r", "XX"]), nil());
    assert_eq!(ENTRY.call(&mut client, "MERGE", &["{}"]), nil());
    assert_eq!(ENTRY.fetch(&mut client, ""), failed);
    assert_eq!(ENTRY.call(&mut client, "SET", &["r", "NX", "KEEPTTL"]), ok());
    assert_eq!(ENTRY.life(&mut client), (3_600_000, 0), "there was no TTL to keep");
    assert_eq!(ENTRY.fetch(&mut client, "").told(), "HIT r");
    anew(&mut client);
    assert_eq!(ENTRY.call(&mut client, "SET", &["r"]), ok());
    assert_eq!(ENTRY.fetch(&mut client, "").told(), "HIT r");
    for options in [&[r#"{"a":1}"#, "UPSERT"][..], &[r#"{"a":1}"#, "UPSERT", "IFVERSION", "0"]] {
        anew(&mut client);
        assert!(ENTRY.call(&mut client, "MERGE", options).int() > 0, "{options:?}");
        assert_eq!(ENTRY.fetch(&mut client, "").told(), r#"HIT {"a":1}"#);
    }
    // An invalidation finds it.
    for more in [&[][..], &["SOFT"]] {
        anew(&mut client);
        assert_eq!(ENTRY.call(&mut client, "INVALIDATE", more), 1.into(), "{more:?}");
        assert_eq!(ENTRY.state(&mut client), "absent", "{more:?}");
        assert_eq!(ENTRY.call(&mut client, "INVALIDATE", more), 0.into(), "{more:?}");
    }
    anew(&mut client);
    let version = ENTRY.version(&mut client);
    let unmet = (version + 1).to_string();
    assert_eq!(ENTRY.call(&mut client, "INVALIDATE", &["IFVERSION", &unmet]), 0.into());
    assert_eq!(ENTRY.call(&mut client, "INVALIDATE", &["IFVERSION", &version.to_string()]), 1.into());
    ENTRY.lease(&mut client, "");
}

#[test]
fn a_rejected_failure_is_tried_again() {
    let server = Server::start();
    let mut client = server.client();
    fail(&mut client, "no disk", &["PX", "60000"]);
    let failed = ENTRY.fetch(&mut client, "");
    let reject = format!("REJECT {}", failed.version);
    let token = ENTRY.lease(&mut client, &reject);
    assert_eq!(ENTRY.fetch(&mut client, &reject).status, "BUSY");
    assert_eq!(ENTRY.fetch(&mut client, ""), failed, "the others are told of it as before");
    assert_eq!(cache!(client, "FAIL", "ns", token, "no disk again", "PX", 60_000), ok());
    let again = ENTRY.fetch(&mut client, &reject);
    assert_eq!(again.told(), "FAILED no disk again");
    assert!(again.version > failed.version);
    let token = ENTRY.lease(&mut client, &format!("REJECT {}", again.version));
    assert_eq!(cache!(client, "FILL", "ns", token, "r"), ok());
    assert_eq!(ENTRY.fetch(&mut client, "").told(), "HIT r");
}

#[test]
fn a_failure_that_was_overtaken_is_not_remembered() {
    let server = Server::start();
    let mut client = server.client();
    let token = ENTRY.lease(&mut client, "");
    ENTRY.call(&mut client, "SET", &["newer"]);
    assert_eq!(cache!(client, "FAIL", "ns", token, "m", "PX", 60_000), fenced());
    assert_eq!(ENTRY.fetch(&mut client, "").told(), "HIT newer");
    ENTRY.call(&mut client, "INVALIDATE", &[""; 0]);
    let token = ENTRY.lease(&mut client, "");
    ENTRY.call(&mut client, "INVALIDATE", &[""; 0]);
    assert_eq!(cache!(client, "FAIL", "ns", token, "m", "PX", 60_000), fenced());
    ENTRY.lease(&mut client, "");
}

#[test]
fn a_failed_refresh_is_kept_beside_the_value() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "ns", "op", "RETRY", "1ms");
    fail_refresh(&mut client, &["PX", "60000"]);
    let version = ENTRY.version(&mut client);
    for _ in 0..3 {
        let stale = ENTRY.fetch(&mut client, "");
        assert_eq!((stale.told(), stale.token, stale.version), ("STALE old".into(), None, version));
    }
    assert_eq!(ENTRY.fetch(&mut client, "BLOCK 0").told(), "STALE old", "nobody waits for it");
    assert_eq!(ENTRY.fetch(&mut client, "NOSTALE").told(), "FAILED no disk");
    assert_eq!(ENTRY.fetch(&mut client, "NOSTALE BLOCK 0").token, None);
    assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), "old".into());
    assert_eq!(ENTRY.state(&mut client), "stale");
    assert_eq!(ENTRY.info(&mut client, "bytes"), 3.into());
    // A write ends it.
    ENTRY.call(&mut client, "SET", &["new", "GRACE", "600000"]);
    ENTRY.call(&mut client, "INVALIDATE", &["SOFT"]);
    assert!(ENTRY.fetch(&mut client, "").token.is_some());
}

#[test]
fn the_next_refresh_is_leased_when_both_times_are_over() {
    let server = Server::start();
    let mut client = server.client();
    for (retry, options, length) in
        [("200ms", &[][..], 200), ("200ms", &["PX", "1"], 200), ("1ms", &["PX", "200"], 200)]
    {
        policy!(client, "SET", "ns", "op", "RETRY", retry);
        let start = now_ms();
        fail_refresh(&mut client, options);
        let mut stale = ENTRY.fetch(&mut client, "");
        wait_until("a refresh is leased again", || {
            if stale.token.is_none() {
                stale = ENTRY.fetch(&mut client, "");
            }
            assert_eq!(stale.told(), "STALE old");
            stale.token.is_some()
        });
        let passed = now_ms() - start;
        assert!(passed >= length, "RETRY {retry} {options:?}: after {passed} ms");
        assert_eq!(cache!(client, "FILL", "ns", stale.token(), "new"), ok());
        assert_eq!(ENTRY.fetch(&mut client, "NOSTALE").told(), "HIT new");
    }
}

#[test]
fn an_early_refresh_that_failed_leaves_a_fresh_value() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "ns", "op", "REFRESH", "100", "RETRY", "1h");
    ENTRY.call(&mut client, "SET", &["old", "PX", "600000", "TAGS", "1", "t", "TOOK", "7"]);
    let end = ENTRY.expiry(&mut client);
    let token = ENTRY.fetch(&mut client, "").token();
    assert_eq!(cache!(client, "FAIL", "ns", token, "no disk"), ok());
    for options in ["", "NOSTALE", "BLOCK 0"] {
        let hit = ENTRY.fetch(&mut client, options);
        assert_eq!((hit.told(), hit.token), ("HIT old".into(), None), "RETRY holds back the next");
    }
    assert_eq!(ENTRY.expiry(&mut client), end, "a failure lengthens nothing");
    assert_eq!(ENTRY.tags(&mut client), ["t"]);
    assert_eq!(ENTRY.info(&mut client, "took_ms"), 7.into());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "old".into());
}

#[test]
fn a_failed_refresh_lengthens_no_grace() {
    let server = Server::start();
    let mut client = server.client();
    ENTRY.call(&mut client, "SET", &["old", "PX", "1", "GRACE", "400"]);
    wait_until("it is stale", || cache!(client, "GET", "ns", "op", "{}") == nil());
    let token = ENTRY.fetch(&mut client, "").token();
    assert_eq!(cache!(client, "FAIL", "ns", token, "m", "PX", 600_000), ok());
    wait_until("its grace is over", || cache!(client, "GET", "ns", "op", "{}", "STALE") == nil());
    // Whether the failure outlives the value or not: there is no stale value any more, and nobody hangs.
    let fetched = ENTRY.fetch(&mut client, "");
    assert!(["FAILED m", "LEASE"].contains(&fetched.told().as_str()), "{fetched:?}");
}

#[test]
fn failures_are_the_same_on_replicas_and_in_files() {
    for base in AofBase::BOTH {
        let mut server = Launch::new().append_only(base).start();
        let replica = Launch::new().replica_of(&server).start();
        wait_for_replica_in_sync(&server, &replica);
        let mut client = server.client();
        let mut stream = ReplicationStream::attach(&server);
        fail(&mut client, "no disk", &["PX", "600000"]);
        assert_eq!(stream.names(), ["CACHE.APPLY"]);
        let beside = Entry::of("ns", "1");
        beside.call(&mut client, "SET", &["old", "GRACE", "600000"]);
        beside.call(&mut client, "INVALIDATE", &["SOFT"]);
        stream.commands();
        let token = beside.fetch(&mut client, "").token();
        assert_eq!(cache!(client, "FAIL", "ns", token, "no disk", "PX", 600_000), ok());
        assert_eq!(stream.names(), ["CACHE.APPLY"]);
        let before = digests(&server);
        wait_for_replica_in_sync(&server, &replica);
        assert_same_digests("the replica", &before, &digests(&replica));
        let late = Launch::new().replica_of(&server).start();
        wait_for_replica_in_sync(&server, &late);
        assert_same_digests("a late replica", &before, &digests(&late));
        assert_eq!(ENTRY.state(&mut replica.client()), "negative");
        assert_eq!(cache!(replica.client(), "GET", "ns", "op", "{}"), nil());

        server.kill_and_restart();
        assert_same_digests("replayed", &before, &digests(&server));
        wait_for_aof_rewrite(&server);
        server.kill_and_restart();
        assert_same_digests("rewritten", &before, &digests(&server));
        for mut client in [server.client(), promoted(&replica)] {
            assert_eq!(ENTRY.fetch(&mut client, "").told(), "FAILED no disk");
            let stale = beside.fetch(&mut client, "");
            assert_eq!((stale.told(), stale.token), ("STALE old".into(), None));
            assert_eq!(beside.fetch(&mut client, "NOSTALE").told(), "FAILED no disk");
        }
    }
}

#[track_caller]
fn promoted(replica: &Server) -> Client {
    let mut client = replica.client();
    assert_eq!(call!(client, "REPLICAOF", "NO", "ONE"), ok());
    client
}

#[test]
fn failures_outlive_a_snapshot() {
    let mut server = Server::start();
    let mut client = server.client();
    fail(&mut client, "no disk", &["PX", "600000"]);
    let failed = ENTRY.fetch(&mut client, "");
    let before = digests(&server);
    server.shutdown_save_and_restart();
    assert_same_digests("loaded", &before, &digests(&server));
    assert_eq!(ENTRY.fetch(&mut server.client(), ""), failed);
}

#[test]
fn a_failure_is_dumped_and_restored() {
    let server = Server::start();
    let mut client = server.client();
    fail(&mut client, "no disk", &["PX", "600000"]);
    let failed = ENTRY.fetch(&mut client, "");
    let key = ENTRY.key(&mut client);
    let before = digests(&server);
    let (dump, expiry) = (call!(client, "DUMP", &key), ENTRY.expiry(&mut client));
    assert_eq!(call!(client, "DEL", &key), 1.into());
    assert_eq!(ENTRY.state(&mut client), "absent");
    assert_eq!(call!(client, "RESTORE", &key, expiry, dump.bulk(), "ABSTTL"), ok());
    assert_same_digests("restored", &before, &digests(&server));
    assert_eq!(ENTRY.fetch(&mut client, ""), failed);
    // Under another name it is nothing.
    let elsewhere = Entry::of("ns", "1").key(&mut client);
    call!(client, "RENAME", key, elsewhere);
    assert_eq!(Entry::of("ns", "1").fetch(&mut client, "").status, "LEASE");
    ENTRY.lease(&mut client, "");
}
