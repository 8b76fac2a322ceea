//! The record of removals: one for each entry with a weight that the module removes, in one transaction with that.

use crate::harness::{
    AofBase, Client, Entry, Launch, ReplicationStream, Server, assert_same_digests, digests, fingerprint_of,
    nil, ok, wait_for_aof_rewrite, wait_for_replica_in_sync, wait_until,
};
use crate::{args, cache, call, policy};

const STREAM: &str = "result:{ns}:removals";

/// A record: params are known by their fingerprint.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Record {
    operation: String,
    fingerprint: String,
    cause: String,
    weight: String,
    result: String,
}

/// What is to be recorded of the entry of operation `op` with these params.
fn record(params: &str, cause: &str, weight: usize, result: &str) -> Record {
    let [cause, result] = [cause, result].map(str::to_owned);
    let fingerprint = fingerprint_of("op", params);
    Record { operation: "op".to_owned(), fingerprint, cause, weight: weight.to_string(), result }
}

/// All records, and that they have the fields that they should have, in their order.
#[track_caller]
fn records(client: &mut Client) -> Vec<Record> {
    records_of(client, STREAM)
}

#[track_caller]
fn records_of(client: &mut Client, stream: &str) -> Vec<Record> {
    let all = call!(client, "XRANGE", stream, "-", "+");
    let one = |record: &crate::harness::Value| {
        let words: Vec<String> = record.array()[1].array().iter().map(|word| word.text()).collect();
        let names: Vec<&str> = words.iter().step_by(2).map(String::as_str).collect();
        assert_eq!(names, ["operation", "fingerprint", "version", "cause", "weight", "result"]);
        let [operation, fingerprint, version, cause, weight, result] =
            [1, 3, 5, 7, 9, 11].map(|at| words[at].clone());
        assert!(version.parse::<u64>().is_ok_and(|version| version > 0));
        Record { operation, fingerprint, cause, weight, result }
    };
    all.array().iter().map(one).collect()
}

fn with_records() -> (Server, Client) {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(policy!(client, "SET", "ns", "*", "REMOVALS", "1000"), ok());
    (server, client)
}

#[track_caller]
fn put(client: &mut Client, params: &str, result: &str, options: &str) {
    let mut words = args!["CACHE.RESULT", "SET", "ns", "op", params, result];
    words.extend(options.split_whitespace().map(|word| word.as_bytes().to_vec()));
    assert_eq!(client.call(&words), ok(), "{options}");
}

#[test]
fn whatever_replaces_a_result_by_another_records_the_old_one() {
    let (_server, mut client) = with_records();
    put(&mut client, "1", "a", "WEIGHT 10");
    put(&mut client, "1", "a", "WEIGHT 10");
    put(&mut client, "1", "a", "WEIGHT 11 EX 50");
    assert!(records(&mut client).is_empty(), "it stands for the same");
    put(&mut client, "1", "b", "WEIGHT 20");
    put(&mut client, "1", "c", "");
    put(&mut client, "1", "d", "WEIGHT 0");
    let mut expected = vec![record("1", "replaced", 11, "a"), record("1", "replaced", 20, "b")];
    assert_eq!(records(&mut client), expected, "c had no weight");
    let token =
        Entry { ns: "ns", operation: "op", params: "1" }.fetch(&mut client, "NOSTALE REJECT 0").told();
    assert!(token.starts_with("HIT"), "{token}");
    cache!(client, "INVALIDATE", "ns", "op", "2");
    let entry = Entry { ns: "ns", operation: "op", params: "2" };
    let token = entry.lease(&mut client, "");
    put(&mut client, "2", "{\"a\":1}", "WEIGHT 5");
    assert_eq!(cache!(client, "FILL", "ns", token, "late").text(), "FENCED");
    cache!(client, "MERGE", "ns", "op", "2", "{\"a\":1}");
    cache!(client, "MERGE", "ns", "op", "2", "{\"b\":2}");
    call!(client, "CACHE.WARM", "ns", "ENTRIES", "op", "2", "x", "op", "1", "y");
    let rows = r#"[{"operation":"op","params":3,"result":1,"weight":1},{"operation":"op","params":3,"result":2,"weight":2}]"#;
    call!(client, "CACHE.WARM", "ns", "JSON", rows);
    expected.extend([
        record("2", "replaced", 5, "{\"a\":1}"),
        record("2", "replaced", 5, "{\"a\":1,\"b\":2}"),
        record("1", "replaced", 0, "d"),
        record("3", "replaced", 1, "1"),
    ]);
    assert_eq!(records(&mut client), expected);
    // A fill that stores another result does so too; one that stores the same does not.
    policy!(client, "SET", "ns", "op", "GRACE", "1h");
    put(&mut client, "4", "old", "WEIGHT 7 PX 1");
    let entry = Entry { ns: "ns", operation: "op", params: "4" };
    wait_until("it is stale", || entry.state(&mut client) == "stale");
    let token = entry.fetch(&mut client, "").token();
    assert_eq!(cache!(client, "FILL", "ns", token, "new", "WEIGHT", 8, "PX", 1), ok());
    expected.push(record("4", "replaced", 7, "old"));
    wait_until("it is stale", || entry.state(&mut client) == "stale");
    let token = entry.fetch(&mut client, "").token();
    assert_eq!(cache!(client, "FILL", "ns", token, "new", "WEIGHT", 8), ok());
    assert_eq!(records(&mut client), expected);
}

#[test]
fn invalidations_are_recorded_when_what_they_concern_goes() {
    let (_server, mut client) = with_records();
    for n in 0..5 {
        put(&mut client, &n.to_string(), "r", "WEIGHT 1 GRACE 100000 TAGS 1 t");
    }
    put(&mut client, "5", "light", "TAGS 1 t");
    cache!(client, "INVALIDATE", "ns", "op", "0", "SOFT");
    assert!(records(&mut client).is_empty(), "it is still there");
    cache!(client, "INVALIDATE", "ns", "op", "0");
    cache!(client, "INVALIDATE", "ns", "op", "0");
    call!(
        client,
        "CACHE.INVALIDATE",
        "PLAN",
        "ns",
        r#"[{"operation":"op","params":1},{"operation":"op","params":9}]"#
    );
    let mut expected: Vec<Record> = ["0", "1"].map(|n| record(n, "invalidated", 1, "r")).into();
    assert_eq!(records(&mut client), expected);
    // What is dead already, and overwritten before the sweep meets it, is recorded then, and once.
    call!(client, "CONFIG", "SET", "cache.sweep", "no");
    call!(client, "CACHE.INVALIDATE", "TAG", "ns", "t");
    put(&mut client, "2", "new", "WEIGHT 2");
    put(&mut client, "3", "r", "WEIGHT 2");
    expected.push(record("2", "invalidated", 1, "r"));
    assert_eq!(records(&mut client), expected, "3 stands for the same again");
    call!(client, "CONFIG", "SET", "cache.sweep", "yes");
    expected.push(record("4", "invalidated", 1, "r"));
    wait_until("the sweep has removed the last", || records(&mut client).len() == expected.len());
    assert_eq!(records(&mut client), expected);
    call!(client, "CACHE.INVALIDATE", "NAMESPACE", "ns");
    wait_until("the sweep has removed the rest", || records(&mut client).len() == 6);
    assert_eq!(records(&mut client)[5].cause, "invalidated");
}

#[test]
fn a_namespace_that_is_deleted_leaves_records_of_its_entries() {
    let (_server, mut client) = with_records();
    (0..300).for_each(|n| put(&mut client, &n.to_string(), "r", "WEIGHT 1"));
    call!(client, "DEL", "ns");
    wait_until("the sweep has removed them", || call!(client, "DBSIZE").int() == 1);
    let mut found = records(&mut client);
    found.sort();
    let mut expected: Vec<Record> = (0..300).map(|n| record(&n.to_string(), "invalidated", 1, "r")).collect();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn what_ends_is_removed_and_recorded_by_the_module() {
    let (_server, mut client) = with_records();
    put(&mut client, "1", "a", "WEIGHT 10 PX 100 GRACE 200");
    put(&mut client, "2", "b", "PX 100");
    put(&mut client, "3", "c", "WEIGHT 10 PERSIST");
    put(&mut client, "4", "d", "WEIGHT 10 PX 100");
    put(&mut client, "4", "d", "WEIGHT 10 PX 100000");
    let entry = Entry { ns: "ns", operation: "op", params: "1" };
    assert_eq!(entry.expiry(&mut client), -1);
    assert!(Entry { params: "2", ..entry }.expiry(&mut client) > 0);
    // Whoever follows it is told.
    let version = entry.version(&mut client);
    let mut told = call!(client, "CACHE.RESULT", "NEXT", "ns", "BLOCK", 0, "AFTER", "op", "1", version);
    while told.array()[0].array()[1].text() != "GONE" {
        let version = told.array()[0].array()[3].int();
        told = call!(client, "CACHE.RESULT", "NEXT", "ns", "BLOCK", 0, "AFTER", "op", "1", version);
    }
    wait_until("it is removed", || !records(&mut client).is_empty());
    assert_eq!(records(&mut client), [record("1", "expired", 10, "a")]);
    let key = entry.key(&mut client);
    assert_eq!(call!(client, "EXISTS", key).int(), 0);
    assert_eq!(cache!(client, "INFO", "ns", "op", "1").field("why"), "expired".into());
    assert_eq!(cache!(client, "GET", "ns", "op", "4"), "d".into());
    // Overwritten after its end, before it is removed: recorded as expired all the same, and once.
    let mut commands =
        vec![args!["MULTI"], args!["CACHE.RESULT", "SET", "ns", "op", "5", "e", "WEIGHT", 1, "PX", 1]];
    commands.extend([args!["DEBUG", "SLEEP", "0.02"], args!["EXEC"]]);
    client.pipeline(&commands);
    wait_until("it is removed", || records(&mut client).len() == 2);
    assert_eq!(records(&mut client)[1], record("5", "expired", 1, "e"));
}

/// A fingerprint is the same in all namespaces.
#[test]
fn like_entries_of_two_namespaces_that_end_at_once_are_both_recorded() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "n*", "*", "REMOVALS", "1000");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let ends_at = (now + std::time::Duration::from_millis(300)).as_millis().to_string();
    for ns in ["n1", "n2", "n3"] {
        assert_eq!(cache!(client, "SET", ns, "op", "1", "a", "WEIGHT", 5, "PXAT", &ends_at), ok());
    }
    cache!(client, "INVALIDATE", "n2", "op", "1");
    for (ns, cause) in [("n1", "expired"), ("n2", "invalidated"), ("n3", "expired")] {
        let stream = format!("result:{{{ns}}}:removals");
        wait_until("it is recorded", || !records_of(&mut client, &stream).is_empty());
        assert_eq!(records_of(&mut client, &stream), [record("1", cause, 5, "a")]);
    }
}

#[test]
fn the_removal_and_its_record_are_one_transaction() {
    let (server, mut client) = with_records();
    policy!(client, "SET", "ns", "*", "MAXWEIGHT", "100");
    let mut stream = ReplicationStream::attach(&server);
    put(&mut client, "1", "a", "WEIGHT 60");
    put(&mut client, "2", "b", "WEIGHT 60");
    let plain = ["CACHE.APPLY", "MULTI", "CACHE.APPLY", "XADD", "UNLINK", "EXEC"];
    assert_eq!(stream.names(), plain);
    put(&mut client, "2", "c", "WEIGHT 60");
    assert_eq!(stream.names(), ["MULTI", "CACHE.APPLY", "XADD", "EXEC"]);
    cache!(client, "INVALIDATE", "ns", "op", "2");
    assert_eq!(stream.names(), ["MULTI", "CACHE.APPLY", "XADD", "EXEC"]);
    put(&mut client, "3", "d", "WEIGHT 60 PX 1");
    let mut names = stream.names();
    wait_until("it has ended", || {
        names.extend(stream.names());
        names.len() >= 5
    });
    assert_eq!(names, ["CACHE.APPLY", "MULTI", "XADD", "UNLINK", "EXEC"]);
    put(&mut client, "4", "e", "WEIGHT 60 TAGS 1 t");
    stream.names();
    call!(client, "CACHE.INVALIDATE", "TAG", "ns", "t");
    let mut names = stream.names();
    wait_until("it was swept", || {
        names.extend(stream.names());
        names.len() >= 5
    });
    assert_eq!(names, ["CACHE.APPLY", "MULTI", "XADD", "UNLINK", "EXEC"]);
}

#[test]
fn replicas_and_files_have_the_same_records() {
    for base in [AofBase::Rdb, AofBase::Commands] {
        let mut primary = Launch::new().append_only(base).start();
        let replica = Launch::new().replica_of(&primary).start();
        let mut client = primary.client();
        policy!(client, "SET", "ns", "*", "REMOVALS", "1000", "MAXWEIGHT", "50");
        for n in 0..40 {
            put(&mut client, &(n % 17).to_string(), &n.to_string(), "WEIGHT 7 EX 1000");
            if n == 20 {
                wait_for_aof_rewrite(&primary);
            }
        }
        put(&mut client, "50", "soon over", "WEIGHT 1 PX 1");
        wait_until("it is removed", || records(&mut client).iter().any(|record| record.cause == "expired"));
        wait_for_replica_in_sync(&primary, &replica);
        let before = digests(&primary);
        assert_same_digests("the replica", &before, &digests(&replica));
        let all = records(&mut client);
        assert_eq!(records(&mut replica.client()), all);
        primary.kill_and_restart();
        assert_eq!(records(&mut primary.client()), all);
        assert_same_digests("the file", &before, &digests(&primary));
    }
}

#[test]
fn entries_that_end_after_a_restart_or_a_promotion_are_recorded() {
    let mut primary = Launch::new().append_only(AofBase::Commands).start();
    let replica = Launch::new().replica_of(&primary).start();
    let mut client = primary.client();
    policy!(client, "SET", "ns", "*", "REMOVALS", "1000");
    for n in 0..20 {
        put(&mut client, &n.to_string(), "r", "WEIGHT 7 PX 3000");
    }
    put(&mut client, "100", "r", "WEIGHT 7 PERSIST");
    wait_for_replica_in_sync(&primary, &replica);
    call!(replica.client(), "REPLICAOF", "NO", "ONE");
    primary.kill_and_restart();
    for server in [&primary, &replica] {
        let mut client = server.client();
        wait_until("all have ended", || records(&mut client).len() == 20);
        let mut all = records(&mut client);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 20);
        assert!(all.iter().all(|record| record.cause == "expired"));
        assert_eq!(call!(client, "DBSIZE").int(), 3);
    }
}

#[test]
fn the_rule_may_come_after_the_entries_and_go_before_them() {
    let server = Server::start();
    let mut client = server.client();
    (0..50).for_each(|n| put(&mut client, &n.to_string(), "r", "WEIGHT 1 EX 1000"));
    let entry = Entry { ns: "ns", operation: "op", params: "7" };
    let ends_at = entry.expiry(&mut client);
    assert!(ends_at > 0);
    policy!(client, "SET", "ns", "*", "REMOVALS", "10");
    wait_until("the module takes them over", || {
        (0..50).all(|n| Entry { params: &n.to_string(), ..entry }.expiry(&mut client) == -1)
    });
    put(&mut client, "8", "r", "WEIGHT 1 EX 1000");
    policy!(client, "SET", "ns", "*", "REMOVALS", "off");
    wait_until("and gives them back", || entry.expiry(&mut client) == ends_at);
    wait_until("all of them", || {
        (0..50).all(|n| Entry { params: &n.to_string(), ..entry }.expiry(&mut client) > 0)
    });
    put(&mut client, "8", "other", "");
    assert!(records(&mut client).is_empty());
}

#[test]
fn the_stream_is_trimmed_and_read_by_groups() {
    let (_server, mut client) = with_records();
    policy!(client, "SET", "ns", "*", "REMOVALS", "5");
    call!(client, "XGROUP", "CREATE", STREAM, "janitors", "$", "MKSTREAM");
    (0..20).for_each(|n| put(&mut client, "1", &n.to_string(), "WEIGHT 1"));
    // Short ones are trimmed each time, others when they are a tenth too long.
    let kept = records(&mut client);
    assert_eq!(
        kept.iter().map(|record| &record.result[..]).collect::<Vec<_>>(),
        ["14", "15", "16", "17", "18"]
    );
    policy!(client, "SET", "ns", "*", "REMOVALS", "50");
    for n in 20..400 {
        put(&mut client, "1", &n.to_string(), "WEIGHT 1");
        let length = call!(client, "XLEN", STREAM).int();
        assert!(length <= 55 && (n < 80 || length >= 50), "{length}");
    }
    policy!(client, "SET", "ns", "*", "REMOVALS", "5");
    put(&mut client, "1", "401", "WEIGHT 1");
    let read = call!(client, "XREADGROUP", "GROUP", "janitors", "one", "STREAMS", STREAM, ">");
    assert_eq!(read.array()[0].array()[1].array().len(), 5);
    // Whoever waits for records is woken by the removal.
    let mut waiting = _server.client();
    waiting
        .send(&args!["XREADGROUP", "GROUP", "janitors", "two", "BLOCK", 0, "STREAMS", STREAM, ">"])
        .expect("sent");
    wait_until("it waits", || client.info("clients", "blocked_clients").as_deref() == Some("1"));
    cache!(client, "INVALIDATE", "ns", "op", "1");
    assert_eq!(waiting.receive().expect("a record").array()[0].array()[1].array().len(), 1);
}

#[test]
fn a_key_that_holds_something_else_refuses_the_write() {
    let (_server, mut client) = with_records();
    policy!(client, "SET", "ns", "*", "MAXWEIGHT", "100");
    put(&mut client, "1", "a", "WEIGHT 60 TAGS 1 t");
    put(&mut client, "2", "b", "WEIGHT 1 PX 50");
    let before = cache!(client, "INFO", "ns", "op", "1").field("version");
    let token = Entry { ns: "ns", operation: "op", params: "9" }.lease(&mut client, "");
    call!(client, "SET", STREAM, "a string");
    for words in [
        args!["CACHE.RESULT", "SET", "ns", "op", "1", "new", "WEIGHT", 1],
        args!["CACHE.RESULT", "SET", "ns", "op", "3", "new", "WEIGHT", 90],
        args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "1"],
        args!["CACHE.RESULT", "MERGE", "ns", "op", "4", "{}", "UPSERT"],
        args!["CACHE.RESULT", "FILL", "ns", token, "x"],
        args!["CACHE.INVALIDATE", "PLAN", "ns", r#"[{"operation":"op","params":1}]"#],
        args!["CACHE.WARM", "ns", "ENTRIES", "op", "1", "new"],
    ] {
        let refused = client.call(&words);
        assert_eq!(refused.error_word(), "WRONGTYPE", "{refused:?}");
        assert!(refused.error().contains(STREAM), "{refused:?}");
    }
    assert_eq!(cache!(client, "INFO", "ns", "op", "1").field("version"), before);
    // What goes by itself stays until it can be recorded.
    call!(client, "CACHE.INVALIDATE", "TAG", "ns", "t");
    let entry = Entry { ns: "ns", operation: "op", params: "2" };
    wait_until("it has ended", || entry.state(&mut client) == "absent");
    call!(client, "DEBUG", "SLEEP", "0.3");
    assert_eq!(call!(client, "DBSIZE").int(), 4);
    call!(client, "DEL", STREAM);
    wait_until("both are removed", || records(&mut client).len() == 2);
    assert_eq!(call!(client, "DBSIZE").int(), 2);
}

#[test]
fn an_entry_that_is_stored_again_and_again_is_waited_for_once() {
    let (_server, mut client) = with_records();
    policy!(client, "SET", "ns", "*", "REMOVALS", "10", "MAXWEIGHT", "1000");
    let used =
        |client: &mut Client| -> i64 { client.info("memory", "used_memory").unwrap().parse().unwrap() };
    let store = |client: &mut Client, times: usize| {
        let sets: Vec<_> = (0..times)
            .map(|n| args!["CACHE.RESULT", "SET", "ns", "op", n % 3, n, "WEIGHT", 1, "PX", 1_000_000 + n])
            .collect();
        client.pipeline(&sets);
    };
    store(&mut client, 2000);
    let before = used(&mut client);
    store(&mut client, 30_000);
    // Each end that is remembered takes some 70 bytes.
    wait_until("what was overwritten leaves nothing", || used(&mut client) - before < 600_000);
}

#[test]
fn what_others_remove_is_not_recorded() {
    let (_server, mut client) = with_records();
    (0..4).for_each(|n| put(&mut client, &n.to_string(), "r", "WEIGHT 1 PX 300"));
    for (n, command) in ["DEL", "UNLINK", "GETDEL"].into_iter().enumerate() {
        let key = cache!(client, "KEY", "ns", "op", n).text();
        client.call(&args![command, key]);
    }
    let key = cache!(client, "KEY", "ns", "op", 2).text();
    call!(client, "SET", key, "something else");
    wait_until("the last has ended", || records(&mut client).len() == 1);
    assert_eq!(records(&mut client), [record("3", "expired", 1, "r")]);
    assert_eq!(cache!(client, "GET", "ns", "op", "0"), nil());
    put(&mut client, "5", "r", "WEIGHT 1");
    call!(client, "FLUSHALL");
    assert!(records(&mut client).is_empty());
}

#[test]
fn a_namespace_with_a_hash_tag_has_its_stream_in_its_slot() {
    let (_server, mut client) = with_records();
    policy!(client, "SET", "a{b}c", "*", "REMOVALS", "10");
    for result in ["one", "two"] {
        cache!(client, "SET", "a{b}c", "op", "1", result, "WEIGHT", 1);
    }
    assert_eq!(records_of(&mut client, "result:a{b}c:removals"), [record("1", "replaced", 1, "one")]);
}

#[test]
fn failures_and_renamed_entries_stand_for_nothing_that_goes() {
    let (_server, mut client) = with_records();
    policy!(client, "SET", "ns", "op", "GRACE", "1h", "NEGATIVE", "1h");
    put(&mut client, "1", "a", "WEIGHT 3 PX 1");
    let entry = Entry { ns: "ns", operation: "op", params: "1" };
    wait_until("it is stale", || entry.state(&mut client) == "stale");
    let token = entry.fetch(&mut client, "").token();
    assert_eq!(cache!(client, "FAIL", "ns", token, "no"), ok());
    assert!(records(&mut client).is_empty(), "it is still there, with the failure beside it");
    put(&mut client, "2", "b", "WEIGHT 4");
    let [one, two] = ["1", "2"].map(|n| cache!(client, "KEY", "ns", "op", n).text());
    call!(client, "RENAME", one, two);
    put(&mut client, "2", "c", "WEIGHT 5");
    assert!(records(&mut client).is_empty(), "by hand");
}

/// The stream may be on its way while the namespace is still here, and the server lets nobody write to it then.
#[test]
fn nothing_is_removed_unrecorded_while_a_slot_moves() {
    let [one, two] = [(); 2].map(|()| Launch::new().cluster().start());
    let (mut client, mut there) = (one.client(), two.client());
    client.must(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    client.must(&args!["CLUSTER", "MEET", "127.0.0.1", two.port()]);
    for node in [&mut client, &mut there] {
        wait_until("both nodes serve", || {
            let info = call!(node, "CLUSTER", "INFO").text();
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:2")
        });
    }
    policy!(client, "SET", "ns", "*", "REMOVALS", 100, "MAXWEIGHT", 100);
    for params in ["1", "2", "3"] {
        put(&mut client, params, "a", "WEIGHT 30");
    }
    let slot = call!(client, "CLUSTER", "KEYSLOT", "ns").int();
    client.must(&args!["CLUSTER", "SETSLOT", slot, "MIGRATING", call!(there, "CLUSTER", "MYID").text()]);
    for refused in [
        cache!(client, "INVALIDATE", "ns", "op", "1"),
        cache!(client, "SET", "ns", "op", "2", "b", "WEIGHT", 30),
        cache!(client, "SET", "ns", "op", "4", "b", "WEIGHT", 30),
    ] {
        assert!(refused.error().contains("on its way"), "{refused:?}");
    }
    client.must(&args!["CLUSTER", "SETSLOT", slot, "STABLE"]);
    assert!(records(&mut client).is_empty());
    assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "1"), 1.into());
    assert_eq!(records(&mut client), [record("1", "invalidated", 30, "a")]);
}
