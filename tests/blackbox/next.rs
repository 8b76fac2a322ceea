//! NEXT: following entries without polling.

use std::time::Instant;

use crate::harness::{
    Client, Entry, Launch, Server, Value, Waiter, nil, now_ms, ok, wait_for_replica_in_sync, wait_until,
};
use crate::{args, cache, call, policy};

const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };

/// NEXT in `ns` with these words behind it, as they are typed.
fn next(words: &str) -> Vec<Vec<u8>> {
    let mut command = args!["CACHE.RESULT", "NEXT", "ns"];
    command.extend(words.split_whitespace().map(|word| word.as_bytes().to_vec()));
    command
}

/// A NEXT that waits for what differs from `version` in the entry.
#[track_caller]
fn follow(server: &Server, version: i64) -> Waiter {
    Waiter::start(server, &next(&format!("BLOCK 0 AFTER op {{}} {version}")))
}

/// The reply of NEXT in one line: `0 HIT r 17, 2 GONE nil 0`; panics where it has not the contract's shape.
#[track_caller]
fn told(reply: &Value) -> String {
    if *reply == nil() {
        return "nil".to_owned();
    }
    let Value::Array(rows) = reply else { panic!("expected rows or nil, got {reply:?}") };
    assert!(!rows.is_empty(), "what has nothing to say is nil");
    let row = |row: &Value| match row.array() {
        [Value::Integer(index), Value::Simple(status), value, Value::Integer(version)] => {
            let value =
                if *value == nil() { "nil".to_owned() } else { String::from_utf8_lossy(value.bulk()).into() };
            format!("{index} {status} {value} {version}")
        }
        _ => panic!("expected [index, status, value, version], got {row:?}"),
    };
    rows.iter().map(row).collect::<Vec<_>>().join(", ")
}

/// What NEXT says at once.
#[track_caller]
fn now(client: &mut Client, words: &str) -> String {
    told(&client.call(&next(words)))
}

/// What is reported of the entry to one who knows `version`.
#[track_caller]
fn after(client: &mut Client, version: i64) -> String {
    now(client, &format!("AFTER op {{}} {version}"))
}

/// The negative version that the progress of the entry's lease has.
#[track_caller]
fn progress_version(client: &mut Client) -> i64 {
    let busy = ENTRY.fetch(client, "");
    assert!(busy.status == "BUSY" && busy.version < 0, "{busy:?}");
    busy.version
}

#[test]
fn each_status_is_reported_to_who_has_not_seen_it() {
    let server = Server::start();
    for mut client in [server.client(), server.client().resp3()] {
        assert_eq!(after(&mut client, 0), "nil", "there is nothing, and nothing was seen");
        ENTRY.call(&mut client, "SET", &["r", "GRACE", "60000"]);
        let version = ENTRY.version(&mut client);
        for seen in [0, 1, version - 1, version + 1, -5] {
            assert_eq!(after(&mut client, seen), format!("0 HIT r {version}"), "{seen}");
        }
        assert_eq!(after(&mut client, version), "nil");
        ENTRY.call(&mut client, "INVALIDATE", &["SOFT"]);
        let stale = ENTRY.version(&mut client);
        assert_eq!(after(&mut client, version), format!("0 STALE r {stale}"));
        assert_eq!(after(&mut client, stale), "nil");
        // A lease alone is no news, its progress is.
        let token = ENTRY.fetch(&mut client, "").token();
        assert_eq!(after(&mut client, stale), "nil");
        cache!(client, "RENEW", "ns", &token, "PROGRESS", "[1]");
        let told = after(&mut client, stale);
        let progress: i64 =
            told.strip_prefix("0 BUSY [1] ").unwrap_or_else(|| panic!("{told}")).parse().unwrap();
        assert!(progress < 0);
        assert_eq!(after(&mut client, progress), "nil");
        cache!(client, "RENEW", "ns", &token, "PROGRESS", "[2]");
        let told = after(&mut client, progress);
        assert!(told.starts_with("0 BUSY [2] -") && !told.ends_with(&progress.to_string()), "{told}");
        // When the lease ends the value is news again to those who saw the progress, and to nobody else.
        cache!(client, "RELEASE", "ns", token);
        assert_eq!(after(&mut client, progress), format!("0 STALE r {stale}"));
        assert_eq!(after(&mut client, stale), "nil");
        ENTRY.call(&mut client, "INVALIDATE", &[""; 0]);
        assert_eq!(after(&mut client, stale), "0 GONE nil 0");
        assert_eq!(after(&mut client, 0), "nil", "it is reported once");
        let token = ENTRY.lease(&mut client, "");
        cache!(client, "FAIL", "ns", token, "no disk", "PX", 60_000);
        let failed = ENTRY.version(&mut client);
        assert_eq!(after(&mut client, 0), format!("0 FAILED no disk {failed}"));
        assert_eq!(after(&mut client, failed), "nil");
        ENTRY.call(&mut client, "INVALIDATE", &[""; 0]);
    }
}

#[test]
fn progress_without_a_value_is_followed_too() {
    let server = Server::start();
    let mut client = server.client();
    let token = ENTRY.lease(&mut client, "");
    assert_eq!(after(&mut client, 0), "nil");
    cache!(client, "RENEW", "ns", &token, "PROGRESS", "{\"frames\":1}");
    let version = progress_version(&mut client);
    assert_eq!(after(&mut client, 0), format!("0 BUSY {{\"frames\":1}} {version}"));
    cache!(client, "RENEW", "ns", &token);
    assert_eq!(after(&mut client, version), "nil", "a renewal without progress is no news");
    cache!(client, "RELEASE", "ns", token);
    assert_eq!(after(&mut client, version), "0 GONE nil 0");
    // The next lease's progress has versions of its own.
    let token = ENTRY.lease(&mut client, "");
    cache!(client, "RENEW", "ns", &token, "PROGRESS", "{\"frames\":1}");
    let second = progress_version(&mut client);
    assert_ne!(second, version);
    cache!(client, "FILL", "ns", token, "r");
    let filled = ENTRY.version(&mut client);
    assert_eq!(after(&mut client, second), format!("0 HIT r {filled}"));
}

#[test]
fn of_several_those_that_differ_are_told_with_their_index() {
    let server = Server::start();
    let mut client = server.client();
    let version = |client: &mut Client, params| Entry::of("ns", params).version(client);
    for params in ["1", "2", "3"] {
        cache!(client, "SET", "ns", "op", params, format!("r{params}"));
    }
    let [one, two, three] = ["1", "2", "3"].map(|params| version(&mut client, params));
    let told = now(&mut client, &format!("AFTER op 1 0 op 2 {two} op 3 0 op 4 0 op 5 7"));
    assert_eq!(told, format!("0 HIT r1 {one}, 2 HIT r3 {three}, 4 GONE nil 0"));
    assert_eq!(now(&mut client, &format!("AFTER op 1 {one} op 2 {two} op 3 {three}")), "nil");
    // The same entry twice, also by other names.
    let fingerprint = Entry::of("ns", "1").info(&mut client, "fingerprint").text();
    let told = now(&mut client, &format!("AFTER op 1 0 op 1 {one} op 1.0 7 op fp:{fingerprint} 0"));
    assert_eq!(told, format!("0 HIT r1 {one}, 2 HIT r1 {one}, 3 HIT r1 {one}"));
    let thousand: String = (0..1000).map(|n| format!(" op [{n}] 0")).collect();
    assert_eq!(now(&mut client, &format!("AFTER{thousand}")), "nil");
    cache!(client, "SET", "ns", "op", "[999]", "last");
    let told = now(&mut client, &format!("AFTER{thousand}"));
    assert!(told.starts_with("999 HIT last "), "{told}");
}

#[test]
fn every_change_wakes_who_follows() {
    let server = Server::start();
    let mut client = server.client();
    let mut other = server.client();
    let mut seen = 0;
    let mut token = String::new();
    // What is done, and what is told of it up to the version.
    let steps: [(&[&str], &str); 14] = [
        (&["SET", "a", "GRACE", "60000"], "HIT a"),
        (&["SET", "b", "KEEPTTL", "GRACE", "60000"], "HIT b"),
        (&["INVALIDATE", "SOFT"], "STALE b"),
        (&["LEASE"], ""),
        (&["PROGRESS", "1"], "BUSY 1"),
        (&["PROGRESS", "2"], "BUSY 2"),
        (&["FILL", "c"], "HIT c"),
        (&["INVALIDATE"], "GONE nil"),
        (&["MERGE", "{}", "UPSERT"], "HIT {}"),
        (&["MERGE", r#"{"a":1}"#], r#"HIT {"a":1}"#),
        (&["INVALIDATE"], "GONE nil"),
        (&["LEASE"], ""),
        (&["FAIL", "m", "PX", "60000"], "FAILED m"),
        (&["SET", "d", "PXAT", "1"], "GONE nil"),
    ];
    for (words, expected) in steps {
        if words[0] == "LEASE" {
            token = ENTRY.fetch(&mut client, "").token();
            continue;
        }
        let mut waiter = follow(&server, seen);
        let reply = match words[0] {
            "PROGRESS" => cache!(other, "RENEW", "ns", &token, "PROGRESS", words[1]),
            "FILL" | "FAIL" => {
                let mut command = args!["CACHE.RESULT", words[0], "ns", &token];
                command.extend(words[1..].iter().map(|word| word.as_bytes().to_vec()));
                other.call(&command)
            }
            _ => ENTRY.call(&mut other, words[0], &words[1..]),
        };
        assert!(!reply.is_error(), "{words:?}: {reply:?}");
        let told = told(&waiter.answer());
        let (what, version) = told.rsplit_once(' ').unwrap();
        assert_eq!(what, format!("0 {expected}"), "{words:?}");
        seen = version.parse().unwrap();
        assert_eq!(after(&mut client, seen), "nil", "{words:?}");
    }
}

#[test]
fn whatever_takes_the_entry_away_wakes_who_follows() {
    let server = Server::start();
    let mut client = server.client();
    let key = ENTRY.key(&mut client);
    for words in [
        &["DEL", &key][..],
        &["UNLINK", &key],
        &["RENAME", &key, "aside"],
        &["MOVE", &key, "1"],
        &["PEXPIREAT", &key, "1"],
        &["PEXPIRE", &key, "40"],
        &["DEL", "ns"],
        &["UNLINK", "ns"],
        &["RENAME", "ns", "aside"],
        &["FLUSHALL"],
        &["FLUSHDB", "ASYNC"],
        &["SWAPDB", "0", "1"],
    ] {
        client.must(&["FLUSHALL"]);
        ENTRY.call(&mut client, "SET", &["r", "GRACE", "60000"]);
        let version = ENTRY.version(&mut client);
        let mut waiter = follow(&server, version);
        client.must(words);
        assert_eq!(told(&waiter.answer()), "0 GONE nil 0", "{words:?}");
    }
}

#[test]
fn the_end_of_an_entry_wakes_who_follows() {
    let server = Server::start();
    let mut client = server.client();
    // Core takes expired keys away sooner or later; nobody waits for that.
    client.must(&args!["DEBUG", "SET-ACTIVE-EXPIRE", 0]);
    for options in [&["PX", "120"][..], &["PX", "60", "GRACE", "60"]] {
        let start = now_ms();
        let version = ENTRY.call(&mut client, "MERGE", &[&["{}", "UPSERT"], options].concat()).int();
        assert_eq!(
            now(&mut client, &format!("BLOCK 0 AFTER op {{}} {version}")),
            "0 GONE nil 0",
            "{options:?}"
        );
        assert!(now_ms() - start >= 120, "after {} ms", now_ms() - start);
    }
    let token = ENTRY.lease(&mut client, "");
    let fail = args!["CACHE.RESULT", "FAIL", "ns", token, "m", "PX", 120];
    // In one go, so that the failure is still there when it is looked at.
    let replies = client.pipeline(&[fail, args!["CACHE.RESULT", "INFO", "ns", "op", "{}"]]);
    let version = replies[1].field("version").int();
    assert_eq!(now(&mut client, &format!("BLOCK 0 AFTER op {{}} {version}")), "0 GONE nil 0");
}

#[test]
fn the_end_of_a_lease_with_progress_wakes_who_follows() {
    let server = Server::start();
    let mut client = server.client();
    for end in ["RELEASE", "lapse", "FAIL", "INVALIDATE", "FLUSHALL"] {
        let token = ENTRY.lease(&mut client, "");
        cache!(client, "RENEW", "ns", &token, "PROGRESS", "1");
        let version = progress_version(&mut client);
        let mut waiter = follow(&server, version);
        let reply = match end {
            "RELEASE" => cache!(client, "RELEASE", "ns", token),
            "lapse" => cache!(client, "RENEW", "ns", token, "LEASE", 30),
            "FAIL" => cache!(client, "FAIL", "ns", token, "m"),
            "INVALIDATE" => cache!(client, "INVALIDATE", "ns", "op", "{}"),
            _ => call!(client, "FLUSHALL"),
        };
        assert!(!reply.is_error(), "{end}: {reply:?}");
        assert_eq!(told(&waiter.answer()), "0 GONE nil 0", "{end}");
    }
}

#[test]
fn a_change_wakes_all_who_follow_and_no_one_else() {
    let server = Server::start();
    let mut client = server.client();
    let mut followers: Vec<Waiter> = (0..20).map(|_| follow(&server, 0)).collect();
    followers.push(Waiter::start(&server, &next("BLOCK 0 AFTER op 7 0 op2 {} 0 op {} 0")));
    let mut apart = Waiter::start(&server, &next("BLOCK 0 AFTER op 7 0 op2 {} 0"));
    // They are no waiters of the lease.
    let token = ENTRY.lease(&mut client, "");
    cache!(client, "RELEASE", "ns", token);
    let token = ENTRY.lease(&mut client, "");
    assert!(followers.iter_mut().all(|follower| follower.still_waits(&server)));
    cache!(client, "FILL", "ns", token, "r");
    let version = ENTRY.version(&mut client);
    for (nth, follower) in followers.iter_mut().enumerate() {
        let index = if nth == 20 { 2 } else { 0 };
        assert_eq!(told(&follower.answer()), format!("{index} HIT r {version}"));
    }
    assert!(apart.still_waits(&server));
    cache!(client, "SET", "ns", "op2", "{}", "s");
    assert!(told(&apart.answer()).starts_with("1 HIT s "));
}

#[test]
fn it_waits_no_longer_than_told() {
    let server = Server::start();
    for mut client in [server.client(), server.client().resp3()] {
        let start = Instant::now();
        assert_eq!(client.call(&next("BLOCK 60 AFTER op {} 0")), nil());
        assert!(start.elapsed().as_millis() >= 60, "{:?}", start.elapsed());
    }
    let mut client = server.client();
    let [mut timed_out, mut unblocked, mut killed] = [(); 3].map(|()| follow(&server, 0));
    call!(client, "CLIENT", "UNBLOCK", timed_out.id());
    assert_eq!(timed_out.answer(), nil());
    call!(client, "CLIENT", "UNBLOCK", unblocked.id(), "ERROR");
    assert_eq!(unblocked.answer().error_word(), "UNBLOCKED");
    call!(client, "CLIENT", "KILL", "ID", killed.id());
    killed.assert_disconnected();
    let mut left = follow(&server, 0);
    cache!(client, "SET", "ns", "op", "{}", "r");
    assert!(told(&left.answer()).starts_with("0 HIT r "));
    assert_eq!(timed_out.answered(), None);
}

#[test]
fn nothing_blocks_in_a_transaction_or_a_script() {
    let server = Server::start();
    let mut client = server.client();
    let command = next("BLOCK 0 AFTER op {} 0");
    let script = "return redis.call(unpack(ARGV))";
    for expected in ["nil", "0 HIT r "] {
        client.must(&["MULTI"]);
        client.must(&command);
        let replies = client.must(&["EXEC"]);
        assert!(told(&replies.array()[0]).starts_with(expected), "{replies:?}");
        for eval in ["EVAL", "EVAL_RO"] {
            let reply = client.call(&[args![eval, script, 0], command.clone()].concat());
            assert!(told(&reply).starts_with(expected), "{reply:?}");
        }
        cache!(client, "SET", "ns", "op", "{}", "r");
    }
    // Several changes in one transaction are one: what is true at its end.
    let mut waiter = follow(&server, ENTRY.version(&mut server.client()));
    client.must(&["MULTI"]);
    for result in ["s", "t"] {
        cache!(client, "SET", "ns", "op", "{}", result);
    }
    client.must(&["EXEC"]);
    assert_eq!(told(&waiter.answer()), format!("0 HIT t {}", ENTRY.version(&mut client)));
}

#[test]
fn replicas_are_followed_alike() {
    let primary = Server::start();
    let replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    let mut client = primary.client();
    let key = ENTRY.key(&mut client);
    let mut seen = 0;
    for (words, expected) in [
        (args!["CACHE.RESULT", "SET", "ns", "op", "{}", "a", "GRACE", 60_000], "HIT a"),
        (args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}", "SOFT"], "STALE a"),
        (args!["CACHE.RESULT", "MERGE", "ns", "op", "{}", "{}", "UPSERT"], "HIT {}"),
        (args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}"], "GONE nil"),
        (args!["CACHE.RESULT", "SET", "ns", "op", "{}", "b"], "HIT b"),
        (args!["DEL", key], "GONE nil"),
        (args!["CACHE.RESULT", "SET", "ns", "op", "{}", "c"], "HIT c"),
        (args!["DEL", "ns"], "GONE nil"),
        (args!["CACHE.RESULT", "SET", "ns", "op", "{}", "d", "PX", 150], "HIT d"),
        (args!["PING"], "GONE nil"),
        (args!["CACHE.RESULT", "SET", "ns", "op", "{}", "e"], "HIT e"),
        (args!["FLUSHALL"], "GONE nil"),
    ] {
        let told = if words == args!["PING"] {
            // It expires by itself, perhaps before the follower is there.
            now(&mut replica.client(), &format!("BLOCK 0 AFTER op {{}} {seen}"))
        } else {
            let mut waiter = follow(&replica, seen);
            client.must(&words);
            told(&waiter.answer())
        };
        let (what, version) = told.rsplit_once(' ').unwrap();
        assert_eq!(what, format!("0 {expected}"), "{words:?}");
        seen = version.parse().unwrap();
    }
    // An entry's end is the same on both, whenever the primary gets to deleting it.
    client.must(&args!["DEBUG", "SET-ACTIVE-EXPIRE", 0]);
    let ends = ENTRY.call(&mut client, "MERGE", &["{}", "UPSERT", "PX", "150"]).int();
    wait_for_replica_in_sync(&primary, &replica);
    assert_eq!(now(&mut replica.client(), &format!("BLOCK 0 AFTER op {{}} {ends}")), "0 GONE nil 0");
    // A fill and a failure arrive as what they stored; progress is the primary's alone.
    let token = ENTRY.lease(&mut client, "");
    let mut waiter = follow(&replica, 0);
    cache!(client, "RENEW", "ns", &token, "PROGRESS", "1");
    wait_for_replica_in_sync(&primary, &replica);
    assert!(waiter.still_waits(&replica));
    cache!(client, "FILL", "ns", token, "r");
    assert_eq!(told(&waiter.answer()), format!("0 HIT r {}", ENTRY.version(&mut client)));
    assert_eq!(now(&mut replica.client(), "AFTER op {} 0"), after(&mut client, 0));
}

#[test]
fn demotion_unblocks_who_follows() {
    let (server, primary) = (Server::start(), Server::start());
    let mut waiter = follow(&server, 0);
    let mut client = server.client();
    call!(client, "REPLICAOF", "127.0.0.1", primary.port());
    assert_eq!(waiter.answer().error_word(), "UNBLOCKED");
    // And a replica's followers go on when it is promoted, or are told to come again.
    wait_for_replica_in_sync(&primary, &server);
    let mut waiter = follow(&server, 0);
    call!(client, "REPLICAOF", "NO", "ONE");
    wait_until("it is a primary", || client.info("replication", "role").as_deref() == Some("master"));
    cache!(client, "SET", "ns", "op", "{}", "r");
    let answer = waiter.answer();
    assert!(answer.is_error() || told(&answer).starts_with("0 HIT r "), "{answer:?}");
}

#[test]
fn it_writes_nothing() {
    let server = Server::start();
    let mut client = server.client();
    let mut stream = crate::harness::ReplicationStream::attach(&server);
    assert_eq!(after(&mut client, 0), "nil");
    assert_eq!(now(&mut client, "BLOCK 0 AFTER op {} 7"), "0 GONE nil 0");
    assert_eq!(call!(client, "DBSIZE"), 0.into());
    assert_eq!(stream.names(), [""; 0]);
    ENTRY.call(&mut client, "SET", &["r"]);
    after(&mut client, 0);
    assert_eq!(ENTRY.info(&mut client, "hits"), 0.into(), "following is no lookup");
    assert_eq!(policy!(client, "SET", "ns", "op", "TAGS", "v:{params/id}"), ok());
    after(&mut client, 0);
    assert_eq!(ENTRY.fetch(&mut client, "").token, None, "and leases nothing");
}

#[test]
fn what_is_wrong_is_refused() {
    let server = Server::start();
    let mut client = server.client();
    let too_many: String = (0..1001).map(|n| format!(" op [{n}] 0")).collect();
    for (words, word) in [
        ("", "ERR"),
        ("AFTER", "ERR"),
        ("AFTER op", "ERR"),
        ("AFTER op {}", "ERR"),
        ("AFTER op {} 0 op", "ERR"),
        ("AFTER op {} 0 op {}", "ERR"),
        ("op {} 0", "ERR"),
        ("AFTER op {} x", "ERR"),
        ("AFTER op {} 1.5", "ERR"),
        ("AFTER op {} 99999999999999999999", "ERR"),
        ("BLOCK AFTER op {} 0", "ERR"),
        ("BLOCK -1 AFTER op {} 0", "ERR"),
        ("BLOCK x AFTER op {} 0", "ERR"),
        ("BLOCK 9007199254740992 AFTER op {} 0", "ERR"),
        ("BLOCK 1 BLOCK 1 AFTER op {} 0", "ERR"),
        ("LEASE 1 AFTER op {} 0", "ERR"),
        ("AFTER op { 0", "BADPARAMS"),
        ("AFTER op {} 0 op { 0", "BADPARAMS"),
        ("AFTER op {} 0 op fp:xy 0", "BADPARAMS"),
        ("AFTER o*p {} 0", "BADNAME"),
    ] {
        let reply = client.call(&next(words));
        assert!(reply.is_error(), "{words}: {reply:?}");
        assert_eq!(reply.error_word(), word, "{words}: {reply:?}");
    }
    assert!(client.call(&next(&format!("AFTER{too_many}"))).is_error());
    assert_eq!(cache!(client, "NEXT", "a b", "AFTER", "op", "{}", 0).error_word(), "BADNAME");
    call!(client, "SET", "text", "v");
    let reply = cache!(client, "NEXT", "text", "BLOCK", 0, "AFTER", "op", "{}", 0);
    assert_eq!(reply.error_word(), "WRONGTYPE");
    assert_eq!(now(&mut client, "block 1 after op {} 0"), "nil", "words in any case");
}
