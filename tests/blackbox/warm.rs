//! CACHE.WARM: many results stored in one step, each as SET would store it.

use crate::harness::{
    AofBase, Client, Entry, Launch, ReplicationStream, Server, Value, Waiter, assert_same_digests, digests,
    fenced, nil, now_ms, ok, wait_for_aof_rewrite, wait_for_replica_in_sync,
};
use crate::{args, cache, call, policy};

const fn op(params: &str) -> Entry<'_> {
    Entry { ns: "ns", operation: "op", params }
}

/// CACHE.WARM of `ns` with options and rows: how many were stored and how many skipped.
#[track_caller]
fn warm(client: &mut Client, words: &[&str]) -> (i64, i64) {
    let mut command = args!["CACHE.WARM", "ns"];
    command.extend(words.iter().map(|word| word.as_bytes().to_vec()));
    counts(&client.must(&command))
}

#[track_caller]
fn counts(reply: &Value) -> (i64, i64) {
    let [stored, skipped] = reply.array() else { panic!("expected [stored, skipped], got {reply:?}") };
    (stored.int(), skipped.int())
}

#[track_caller]
fn result(client: &mut Client, params: &str) -> Value {
    cache!(client, "GET", "ns", "op", params)
}

#[test]
fn rows_as_arguments_and_rows_as_json() {
    let server = Server::start();
    let mut client = server.client();
    let rows = ["ENTRIES", "op", r#"{"b":1,"a":2}"#, "any \0 bytes", "op", "2", "", "other", "2", "{"];
    assert_eq!(warm(&mut client, &rows), (3, 0));
    assert_eq!(result(&mut client, r#"{"a":2.0,"b":1}"#), "any \0 bytes".into());
    assert_eq!(result(&mut client, "2"), "".into());
    assert_eq!(cache!(client, "GET", "ns", "other", "2"), "{".into());

    let rows = r#" [ {"operation":"op","params":{"b":1,"a":2},"result":{ "z":1.0,  "a":[null ,"\u0061"] } },
        {"result":"text","params":"3","operation":"op"},
        {"operation":"op","params":null,"result":null},
        {"operation":"op","params":[],"result":false} ] "#;
    assert_eq!(warm(&mut client, &["json", rows]), (4, 0));
    let text = r#"{ "z":1.0,  "a":[null ,"\u0061"] }"#;
    assert_eq!(result(&mut client, r#"{"a":2,"b":1}"#), text.into(), "the JSON text as it stands");
    assert_eq!(result(&mut client, "\"3\""), "\"text\"".into());
    assert_eq!(result(&mut client, "null"), "null".into());
    assert_eq!(result(&mut client, "[]"), "false".into());
    assert_eq!(result(&mut client, "3"), nil());
    assert_eq!(warm(&mut client, &["JSON", "[]"]), (0, 0));
}

#[test]
fn params_may_be_fingerprints_in_arguments_but_not_in_json() {
    let server = Server::start();
    let mut client = server.client();
    let fingerprint = format!("fp:{}", op("7").info(&mut client, "fingerprint").text());
    assert_eq!(warm(&mut client, &["ENTRIES", "op", &fingerprint, "r"]), (1, 0));
    assert_eq!(result(&mut client, "7"), "r".into());
    let row = format!(r#"[{{"operation":"op","params":"{fingerprint}","result":1}}]"#);
    assert_eq!(warm(&mut client, &["JSON", &row]), (1, 0));
    assert_eq!(result(&mut client, "7"), "r".into());
    assert_eq!(result(&mut client, &format!("\"{fingerprint}\"")), "1".into());
}

/// The fields that WARM must leave as SET does.
const FIELDS: [&str; 8] = ["state", "bytes", "stored_bytes", "encoding", "tags", "took_ms", "weight", "hits"];

#[test]
fn each_row_is_stored_as_by_set() {
    let server = Server::start();
    let mut client = server.client();
    for ns in ["ns", "set"] {
        policy!(
            client,
            "SET",
            ns,
            "op",
            "TTL",
            "10m",
            "GRACE",
            "1m",
            "TAGS",
            "p:{params} r:{result/x}",
            "JITTER",
            30
        );
        policy!(client, "SET", ns, "op", "TTLFROM", "/status failed=7s");
    }
    let end = (now_ms() + 5_000_000).to_string();
    for options in [
        &[][..],
        &["EX", "100"],
        &["PX", "100000", "GRACE", "5"],
        &["PXAT", &end, "GRACE", "0", "TAGS", "2", "a", "b"],
        &["EXAT", "2000000000"],
        &["PERSIST", "TAGS", "1", "p:1"],
        &["KEEPTTL"],
        &["GRACE", "77"],
        &["TAGS", "1", "t", "NX"],
    ] {
        for text in [r#"{"x":1}"#, r#"{"status":"failed"}"#, "{}"] {
            for params in ["1", "2"] {
                let json = format!(r#"[{{"operation":"op","params":{params},"result":{text}}}]"#);
                for rows in [&["ENTRIES", "op", params, text][..], &["JSON", &json]] {
                    // Something to keep the time of, for one of the two; not in the way of NX.
                    call!(client, "FLUSHALL");
                    if params == "1" && !options.contains(&"NX") {
                        for ns in ["ns", "set"] {
                            cache!(client, "SET", ns, "op", params, "before", "PXAT", 1_900_000_000_000_i64);
                        }
                    }
                    let told = format!("{options:?} {rows:?}");
                    assert_eq!(warm(&mut client, &[options, rows].concat()), (1, 0), "{told}");
                    let one = Entry { ns: "set", operation: "op", params };
                    assert_eq!(one.call(&mut client, "SET", &[&[text], options].concat()), ok());
                    let both = [&op(params), &one].map(|entry| entry.call(&mut client, "INFO", &[""; 0]));
                    for field in FIELDS {
                        assert_eq!(both[0].field(field), both[1].field(field), "{told}: {field}");
                    }
                    let [ours, theirs] = [&op(params), &one].map(|entry| {
                        let created = entry.info(&mut client, "created_ms").int();
                        let expiry = entry.expiry(&mut client);
                        // An instant is the same for both; a time to live counts from the write.
                        if expiry == -1 || expiry > 1_850_000_000_000 || options.contains(&"PXAT") {
                            expiry
                        } else {
                            expiry - created
                        }
                    });
                    assert_eq!(ours, theirs, "{told}: the expiry");
                }
            }
        }
    }
}

#[test]
fn members_of_a_row_override_the_options_and_tags_join() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "ns", "op", "TAGS", "rule:{params}");
    let rows = r#"[
        {"operation":"op","params":1,"result":1},
        {"operation":"op","params":2,"result":1,"ttl_ms":5000000},
        {"operation":"op","params":3,"result":1,"grace_ms":0,"tags":["own","common","\u00e4"]},
        {"operation":"op","params":4,"result":1,"took_ms":12,"weight":34,"ttl_ms":7000000,"grace_ms":9000,"tags":[]},
        {"operation":"op","params":5,"result":1,"took_ms":0,"weight":9007199254740991}
    ]"#;
    let options = ["EX", "1000", "GRACE", "60000", "TAGS", "1", "common"];
    assert_eq!(warm(&mut client, &[&options[..], &["JSON", rows]].concat()), (5, 0));
    for (params, life) in [
        ("1", (1_000_000, 60_000)),
        ("2", (5_000_000, 60_000)),
        ("3", (1_000_000, 0)),
        ("4", (7_000_000, 9000)),
        ("5", (1_000_000, 60_000)),
    ] {
        assert_eq!(op(params).life(&mut client), life, "{params}");
        let mut tags = op(params).tags(&mut client);
        tags.sort();
        tags.dedup();
        let rule = format!("rule:{params}");
        let expected =
            if params == "3" { vec!["common", "own", &rule, "\u{e4}"] } else { vec!["common", &rule] };
        assert_eq!(tags, expected, "{params}");
    }
    assert_eq!(op("1").info(&mut client, "took_ms"), nil());
    assert_eq!(
        (op("4").info(&mut client, "took_ms"), op("4").info(&mut client, "weight")),
        (12.into(), 34.into())
    );
    assert_eq!(op("5").info(&mut client, "took_ms"), 0.into());
    assert_eq!(op("5").info(&mut client, "weight"), 9_007_199_254_740_991.into());
    // The row's TTL goes before whatever the options say.
    for options in [&["PERSIST"][..], &["PXAT", "1"], &["KEEPTTL"]] {
        let row = r#"[{"operation":"op","params":1,"result":2,"ttl_ms":3000000,"grace_ms":0}]"#;
        assert_eq!(warm(&mut client, &[options, &["JSON", row]].concat()), (1, 0), "{options:?}");
        assert_eq!(op("1").life(&mut client), (3_000_000, 0), "{options:?}");
    }
}

#[test]
fn nx_takes_what_has_nothing_fresh() {
    let server = Launch::new().line("cache.sweep no").start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "1", "fresh");
    cache!(client, "SET", "ns", "op", "2", "stale", "GRACE", 60_000);
    cache!(client, "INVALIDATE", "ns", "op", "2", "SOFT");
    let token = op("3").lease(&mut client, "");
    cache!(client, "FAIL", "ns", token, "broken", "PX", 60_000);
    cache!(client, "SET", "ns", "op", "4", "dead", "TAGS", 1, "t");
    call!(client, "CACHE.INVALIDATE", "TAG", "ns", "t");
    let rows = ["op", "1", "new", "op", "2", "new", "op", "3", "new", "op", "4", "new", "op", "5", "new"];
    assert_eq!(warm(&mut client, &[&["nx", "ENTRIES"], &rows[..]].concat()), (4, 1));
    assert_eq!(result(&mut client, "1"), "fresh".into());
    for params in ["2", "3", "4", "5"] {
        assert_eq!(result(&mut client, params), "new".into(), "{params}");
    }
    let mut stream = ReplicationStream::attach(&server);
    assert_eq!(warm(&mut client, &[&["NX", "ENTRIES"], &rows[..]].concat()), (0, 5));
    assert_eq!(stream.names(), [""; 0], "nothing was stored, nothing is sent");
}

#[test]
fn of_the_same_entry_the_later_row_wins_and_under_nx_the_first() {
    let server = Server::start();
    let mut client = server.client();
    let rows = ["ENTRIES", "op", "1", "a", "op", "2", "b", "op", "1.0", "c", "op", "1e0", "d"];
    assert_eq!(warm(&mut client, &rows), (4, 0));
    assert_eq!((result(&mut client, "1"), result(&mut client, "2")), ("d".into(), "b".into()));
    call!(client, "FLUSHALL");
    assert_eq!(warm(&mut client, &[&["NX"], &rows[..]].concat()), (2, 2));
    assert_eq!((result(&mut client, "1"), result(&mut client, "2")), ("a".into(), "b".into()));
    call!(client, "FLUSHALL");
    let json =
        r#"[{"operation":"op","params":1,"result":1,"tags":["a"]},{"operation":"op","params":1,"result":2}]"#;
    assert_eq!(warm(&mut client, &["JSON", json]), (2, 0));
    assert_eq!(result(&mut client, "1"), "2".into());
    assert_eq!(op("1").tags(&mut client), [""; 0], "nothing of the first is left");
}

#[test]
fn rows_that_since_forbids_are_skipped() {
    let server = Launch::new().line("cache.sweep no").start();
    let mut client = server.client();
    let rows = ["ENTRIES", "op", "1", "r", "op", "2", "r", "other", "1", "r", "op", "3", "r"];
    let clock = |client: &mut Client| call!(client, "CACHE.CLOCK", "ns").text();
    let since = clock(&mut client);
    cache!(client, "INVALIDATE", "ns", "op", "2");
    cache!(client, "SET", "ns", "op", "3", "newer");
    assert_eq!(warm(&mut client, &[&["SINCE", &since], &rows[..]].concat()), (2, 2));
    assert_eq!((result(&mut client, "1"), result(&mut client, "2")), ("r".into(), nil()));
    assert_eq!(result(&mut client, "3"), "newer".into());
    call!(client, "CACHE.INVALIDATE", "NAMESPACE", "ns");
    assert_eq!(warm(&mut client, &[&["SINCE", &since], &rows[..]].concat()), (0, 4));

    let since = clock(&mut client);
    call!(client, "CACHE.INVALIDATE", "OPERATION", "ns", "oth*");
    assert_eq!(warm(&mut client, &[&["SINCE", &since], &rows[..]].concat()), (3, 1));

    policy!(client, "SET", "ns", "op", "TAGS", "p:{params}");
    let since = clock(&mut client);
    call!(client, "CACHE.INVALIDATE", "TAG", "ns", "p:2", "own");
    let json = r#"[{"operation":"op","params":1,"result":5},{"operation":"op","params":2,"result":5},
        {"operation":"op","params":3,"result":5,"tags":["own"]},{"operation":"op","params":4,"result":5,"tags":["p"]}]"#;
    assert_eq!(warm(&mut client, &["SINCE", &since, "JSON", json]), (2, 2));
    assert_eq!((result(&mut client, "1"), result(&mut client, "4")), ("5".into(), "5".into()));
    let now = clock(&mut client);
    assert_eq!(warm(&mut client, &["SINCE", &now, "TAGS", "1", "own", "JSON", json]), (4, 0));

    // The options' tags concern every row.
    let since = clock(&mut client);
    call!(client, "CACHE.INVALIDATE", "TAG", "ns", "own");
    assert_eq!(warm(&mut client, &["SINCE", &since, "TAGS", "1", "own", "JSON", json]), (0, 4));

    // In another life of the namespace nothing is known.
    call!(client, "DEL", "ns");
    assert_eq!(warm(&mut client, &[&["SINCE", &since], &rows[..]].concat()), (0, 4));
    assert_eq!(call!(client, "EXISTS", "ns"), 0.into(), "skipping makes nothing");
}

#[test]
fn an_end_in_the_past_invalidates_and_counts_as_skipped() {
    let server = Server::start();
    let mut client = server.client();
    let since = call!(client, "CACHE.CLOCK", "ns").text();
    cache!(client, "SET", "ns", "op", "1", "before", "GRACE", 60_000);
    for end in [&["EXAT", "1"][..], &["PXAT", "1"]] {
        assert_eq!(warm(&mut client, &[end, &["ENTRIES", "op", "1", "r", "op", "2", "r"]].concat()), (0, 2));
        assert_eq!(cache!(client, "GET", "ns", "op", "1", "STALE"), nil());
    }
    assert_eq!(cache!(client, "SET", "ns", "op", "2", "late", "SINCE", &since), fenced());
}

#[test]
fn leases_end_and_all_who_wait_or_follow_are_told() {
    let primary = Server::start();
    let replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    let mut client = primary.client();
    let json = r#"[{"operation":"op","params":1,"result":1},{"operation":"op","params":2,"result":2}]"#;
    for rows in [&["ENTRIES", "op", "1", "1", "op", "2", "2"][..], &["JSON", json]] {
        let tokens = ["1", "2", "3"].map(|params| op(params).lease(&mut client, "LEASE 60000"));
        let mut queues = ["1", "2"].map(|params| Waiter::several(2, &primary, &op(params), "BLOCK 0"));
        let mut apart = Waiter::on(&primary, &op("3"), "BLOCK 0");
        let next = args!["CACHE.RESULT", "NEXT", "ns", "BLOCK", 0, "AFTER", "op", "7", 0, "op", "2", 0];
        let mut followers = [&primary, &replica].map(|server| Waiter::start(server, &next));
        assert_eq!(warm(&mut client, rows), (2, 0));
        for (queue, told) in queues.iter_mut().zip(["HIT 1", "HIT 2"]) {
            assert!(queue.iter_mut().all(|waiter| waiter.told() == told));
        }
        for follower in &mut followers {
            let answer = follower.answer();
            let change = answer.array()[0].array();
            assert_eq!((&change[0], &change[2]), (&1.into(), &"2".into()), "{answer:?}");
        }
        for token in &tokens[..2] {
            assert_eq!(cache!(client, "FILL", "ns", token, "late"), fenced());
        }
        assert!(apart.still_waits(&primary));
        assert_eq!(cache!(client, "FILL", "ns", &tokens[2], "r"), ok());
        assert_eq!(apart.told(), "HIT r");
        // What is skipped ends nothing.
        call!(client, "FLUSHALL");
        let since = call!(client, "CACHE.CLOCK", "ns").text();
        cache!(client, "INVALIDATE", "ns", "op", "1");
        let token = op("1").lease(&mut client, "LEASE 60000");
        let mut waiter = Waiter::on(&primary, &op("1"), "BLOCK 0");
        assert_eq!(warm(&mut client, &[&["SINCE", &since], rows].concat()), (1, 1));
        assert!(waiter.still_waits(&primary));
        assert_eq!(cache!(client, "FILL", "ns", token, "r"), ok());
        assert_eq!(waiter.told(), "HIT r");
        call!(client, "FLUSHALL");
    }
}

#[test]
fn one_effect_is_sent_and_every_copy_agrees() {
    for base in AofBase::BOTH {
        let mut server = Launch::new().line("cache.sweep no").append_only(base).start();
        let replica = Launch::new().line("cache.sweep no").replica_of(&server).start();
        wait_for_replica_in_sync(&server, &replica);
        let mut client = server.client();
        policy!(client, "SET", "ns", "op", "TAGS", "p:{params}", "GRACE", "1m", "JITTER", 50);
        let mut stream = ReplicationStream::attach(&server);
        for round in 0..3 {
            let rows: Vec<String> = (0..500)
                .map(|n| {
                    let (params, weight) = (n % 400, n * round);
                    format!(r#"{{"operation":"op","params":{params},"result":[{n}],"tags":["t{n}"],"weight":{weight}}}"#)
                })
                .collect();
            let json = format!("[{}]", rows.join(","));
            let options =
                [&[][..], &["NX", "TAGS", "1", "x"], &["PXAT", "1950000000000", "GRACE", "7"]][round];
            warm(&mut client, &[options, &["JSON", &json]].concat());
            let sent = stream.commands();
            if round == 1 {
                assert_eq!(sent.len(), 0, "all were there");
                call!(client, "CACHE.INVALIDATE", "TAG", "ns", "p:7", "t499");
                stream.commands();
                continue;
            }
            assert_eq!(sent.len(), 1, "{}", sent.len());
            assert!(sent[0][0].eq_ignore_ascii_case(b"CACHE.APPLY") && sent[0][1] == b"ns");
        }
        warm(&mut client, &["PERSIST", "ENTRIES", "op", "\"x\"", "\0\u{ff}", "new", "1", ""]);
        wait_for_replica_in_sync(&server, &replica);
        let data = digests(&server);
        assert_eq!(data.len(), 403);
        assert_same_digests("the replica", &data, &digests(&replica));
        assert_eq!(call!(replica.client(), "CACHE.WARM", "ns", "JSON", "[]").error_word(), "READONLY");
        server.kill_and_restart();
        assert_same_digests("the file", &data, &digests(&server));
        wait_for_aof_rewrite(&server);
        server.kill_and_restart();
        assert_same_digests("the file, written anew", &data, &digests(&server));
    }
}

#[test]
fn a_hundred_thousand_rows() {
    let server = Server::start();
    let mut client = server.client();
    let mut command = args!["CACHE.WARM", "ns", "EX", 1000, "ENTRIES"];
    for n in 0..100_000 {
        command.extend(args!["op", n, n]);
    }
    assert_eq!(counts(&client.call(&command)), (100_000, 0));
    assert_eq!(call!(client, "DBSIZE"), 100_001.into());
    let gets: Vec<_> = (0..100_000).map(|n| args!["CACHE.RESULT", "GET", "ns", "op", n]).collect();
    for (n, reply) in client.pipeline(&gets).iter().enumerate() {
        assert_eq!(*reply, n.to_string().as_str().into());
    }
    command.extend(args!["op", "\"one more\"", ""]);
    assert_eq!(client.call(&command).error_word(), "TOOBIG");
    let rows = vec![r#"{"operation":"op","params":"j","result":1}"#; 100_001].join(",");
    assert_eq!(call!(client, "CACHE.WARM", "ns", "JSON", format!("[{rows}]")).error_word(), "TOOBIG");
    assert_eq!(call!(client, "DBSIZE"), 100_001.into());
}

#[test]
fn under_bypass_all_is_skipped() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "1", "kept");
    policy!(client, "SET", "ns", "op", "BYPASS", "yes");
    let rows = ["ENTRIES", "op", "1", "r", "op", "2", "r", "other", "1", "r"];
    assert_eq!(warm(&mut client, &rows), (1, 2), "of the operation under the rule none");
    policy!(client, "DEL", "ns", "op");
    call!(client, "CONFIG", "SET", "cache.enabled", "no");
    assert_eq!(warm(&mut client, &rows), (0, 3));
    call!(client, "CONFIG", "SET", "cache.enabled", "yes");
    assert_eq!((result(&mut client, "1"), result(&mut client, "2")), ("kept".into(), nil()));
}

#[test]
fn in_transactions_and_scripts_and_before_watchers() {
    let server = Server::start();
    let (mut client, mut watcher) = (server.client(), server.client());
    watcher.must(&["WATCH", "ns"]);
    let replies = client.pipeline(&[
        args!["MULTI"],
        args!["CACHE.WARM", "ns", "ENTRIES", "op", "1", "a"],
        args!["CACHE.RESULT", "GET", "ns", "op", "1"],
        args!["EXEC"],
    ]);
    assert_eq!(replies[3].array()[1], "a".into());
    let replies = watcher.pipeline(&[args!["MULTI"], args!["PING"], args!["EXEC"]]);
    assert_eq!(replies[2], nil());
    let script = "return redis.call('CACHE.WARM', KEYS[1], 'NX', 'ENTRIES', 'op', '1', 'b', 'op', '2', 'b')";
    assert_eq!(counts(&call!(client, "EVAL", script, 1, "ns")), (1, 1));
}
