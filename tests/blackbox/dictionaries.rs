//! Dictionaries: learnt from what is stored, used for what is stored next, kept while anything needs them.

use crate::compression::{assert_restarts_bring_back, json};
use crate::harness::{
    Client, Entry, Launch, ReplicationStream, Server, assert_same_digests, digests, nil, ok,
    wait_for_replica_in_sync, wait_until,
};
use crate::{args, cache, call, policy};

const fn op(params: &str) -> Entry<'_> {
    Entry { ns: "ns", operation: "op", params }
}

fn encoding(client: &mut Client, params: &str) -> String {
    op(params).info(client, "encoding").text()
}

/// A short result, of which there are many like it.
fn result(n: u64) -> String {
    json(n, 250)
}

pub fn compressing(launch: Launch) -> Server {
    let server = launch.start();
    policy!(server.client(), "SET", "*", "*", "COMPRESS", "100");
    server
}

/// Stores results until there is a dictionary for them; whatever is stored from now on uses that.
pub fn teach(client: &mut Client, ns: &str, operation: &str) {
    let sets: Vec<_> = (0..200u64)
        .map(|n| {
            args!["CACHE.RESULT", "SET", ns, operation, format!("\"taught {n}\""), result(n), "EX", 1000]
        })
        .collect();
    client.pipeline(&sets);
    let entry = Entry { ns, operation, params: "\"probe\"" };
    wait_until("there is a dictionary", || {
        entry.call(client, "SET", &args![result(1), "EX", 1000]);
        entry.info(client, "encoding").text().starts_with("zstd:")
    });
}

/// Entries with the dictionary, and what they hold.
fn fill(client: &mut Client) -> Vec<String> {
    teach(client, "ns", "op");
    let results: Vec<String> = (1000..1050).map(result).collect();
    for (n, result) in results.iter().enumerate() {
        cache!(client, "SET", "ns", "op", n, result, "EX", 1000);
    }
    results
}

#[track_caller]
fn assert_all(server: &Server, results: &[String]) {
    let mut client = server.client();
    for (n, result) in results.iter().enumerate() {
        assert_eq!(cache!(client, "GET", "ns", "op", n).text(), *result, "{n}");
    }
    assert_eq!(encoding(&mut client, "7"), "zstd:1");
}

#[test]
fn short_results_shrink_once_a_dictionary_is_learnt() {
    let server = compressing(Launch::new());
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "\"before\"", result(77));
    let results = fill(&mut client);
    assert_all(&server, &results);
    let size = |client: &mut Client, params| op(params).info(client, "stored_bytes").int();
    let (before, after) = (size(&mut client, "\"before\""), size(&mut client, "7"));
    assert!(after * 4 < before * 3, "{after} bytes, and {before} before");
    assert!(call!(client, "MEMORY", "USAGE", "ns").int() > 1000, "the dictionary counts");
    // Another operation has its own.
    cache!(client, "SET", "ns", "other", "1", result(1));
    assert_ne!(
        Entry { ns: "ns", operation: "other", params: "1" }.info(&mut client, "encoding").text(),
        "zstd:1"
    );
    teach(&mut client, "ns", "other");
    let other = Entry { ns: "ns", operation: "other", params: "\"probe\"" };
    assert_eq!(other.info(&mut client, "encoding").text(), "zstd:2");
}

#[test]
fn every_reader_sees_what_was_given() {
    let server = compressing(Launch::new());
    let mut client = server.client();
    let results = fill(&mut client);
    let plan =
        call!(client, "CACHE.PLAN", "ns", r#"[{"operation":"op","params":3},{"operation":"op","params":4}]"#);
    let texts: Vec<String> = plan.array().iter().map(|job| job.array()[1].text()).collect();
    assert_eq!(texts, results[3..5]);
    assert_eq!(op("3").fetch(&mut client, "").value.text(), results[3]);
    cache!(client, "SET", "ns", "op", "9", format!(r#"{{"list":{}}}"#, results[9]));
    cache!(client, "MERGE", "ns", "op", "9", r#"{"x":1}"#);
    assert_eq!(cache!(client, "GET", "ns", "op", "9").text(), format!(r#"{{"list":{},"x":1}}"#, results[9]));
    let token = op("\"new\"").lease(&mut client, "");
    let mut waiter = crate::harness::Waiter::on(&server, &op("\"new\""), "BLOCK 0");
    cache!(client, "FILL", "ns", token, result(5));
    assert_eq!(waiter.fetched().value.text(), result(5));
    assert_eq!(encoding(&mut client, "\"new\""), "zstd:1");
    call!(client, "CACHE.WARM", "ns", "ENTRIES", "op", "\"warm\"", result(6));
    assert_eq!(encoding(&mut client, "\"warm\""), "zstd:1");
    assert_eq!(cache!(client, "GET", "ns", "op", "\"warm\"").text(), result(6));
}

#[test]
fn a_replica_reads_what_its_primary_wrote_and_goes_on_when_promoted() {
    let primary = compressing(Launch::new());
    let early = Launch::new().replica_of(&primary).start();
    let results = fill(&mut primary.client());
    let late = Launch::new().replica_of(&primary).start();
    for replica in [&early, &late] {
        wait_for_replica_in_sync(&primary, replica);
        assert_same_digests("replicated", &digests(&primary), &digests(replica));
        assert_all(replica, &results);
    }
    let mut client = early.client();
    client.must(&["REPLICAOF", "NO", "ONE"]);
    cache!(client, "SET", "ns", "op", "\"promoted\"", result(3));
    assert_eq!(encoding(&mut client, "\"promoted\""), "zstd:1");
    assert_eq!(cache!(client, "GET", "ns", "op", "\"promoted\"").text(), result(3));
}

#[test]
fn restarts_bring_dictionaries_back() {
    assert_restarts_bring_back(compressing, fill, assert_all);
}

#[test]
fn what_a_namespace_takes_along_and_what_a_copy_does_not() {
    let server = compressing(Launch::new());
    let mut client = server.client();
    let results = fill(&mut client);
    let (key, payload) = (op("7").key(&mut client), call!(client, "DUMP", "ns").bulk().to_vec());
    let entry = call!(client, "DUMP", &key).bulk().to_vec();
    call!(client, "DEL", "ns", &key);
    assert_eq!(cache!(client, "GET", "ns", "op", "7"), nil());
    // In whatever order the two come back.
    assert_eq!(call!(client, "RESTORE", &key, 0, &entry), ok());
    assert_eq!(cache!(client, "GET", "ns", "op", "7"), nil());
    assert_eq!(call!(client, "RESTORE", "ns", 0, &payload), ok());
    assert_eq!(cache!(client, "GET", "ns", "op", "7").text(), results[7]);
    let usage = |client: &mut Client, key: &str| call!(client, "MEMORY", "USAGE", key).int();
    call!(client, "COPY", "ns", "copy");
    assert!(usage(&mut client, "copy") * 2 < usage(&mut client, "ns"), "a copy has no dictionaries");
}

#[test]
fn an_entry_whose_dictionary_is_gone_is_a_miss() {
    let server = compressing(Launch::new());
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "\"first\"", "x");
    let without = call!(client, "DUMP", "ns").bulk().to_vec();
    fill(&mut client);
    call!(client, "RESTORE", "ns", 0, without, "REPLACE");
    // Also before anybody has tried to open it.
    assert_eq!(cache!(client, "EXISTS", "ns", "op", "7"), 0.into());
    assert_eq!(op("7").info(&mut client, "why"), "corrupt".into());
    assert_eq!(cache!(client, "GET", "ns", "op", "7"), nil());
    assert_eq!(cache!(client, "SET", "ns", "op", "7", result(1), "NX"), ok());
    assert_eq!(cache!(client, "GET", "ns", "op", "7").text(), result(1));
}

#[test]
fn what_vanishes_while_something_is_learnt_stays_gone() {
    let server = compressing(Launch::new());
    let mut client = server.client();
    for round in 0..4 {
        let sets: Vec<_> =
            (0..200u64).map(|n| args!["CACHE.RESULT", "SET", "ns", "op", n, result(n)]).collect();
        client.pipeline(&sets);
        match round {
            0 => drop(call!(client, "DEL", "ns")),
            1 => drop(call!(client, "FLUSHALL")),
            2 => drop(call!(client, "UNLINK", "ns")),
            _ => drop(call!(client, "SWAPDB", 0, 1)),
        }
        std::thread::sleep(std::time::Duration::from_millis(600));
        assert_eq!(call!(client, "EXISTS", "ns"), 0.into());
    }
    let results = fill(&mut client);
    assert_all(&server, &results);
}

/// A new dictionary with the identity of its own that zstd's format gives it, as a client sends it.
fn dictionary(stream: &mut ReplicationStream) -> Vec<Vec<u8>> {
    let mut sent = None;
    wait_until("a dictionary is sent", || {
        sent = stream
            .commands()
            .into_iter()
            .find(|command| command.get(2).is_some_and(|word| word == b"DICTIONARY"));
        sent.is_some()
    });
    sent.expect("it was just found")
}

#[test]
fn dictionaries_are_bounded_and_go_when_no_entry_uses_them() {
    let server = compressing(Launch::new().line("cache.apply-from-clients yes"));
    let mut client = server.client();
    let mut stream = ReplicationStream::attach(&server);
    teach(&mut client, "ns", "op");
    let sent = dictionary(&mut stream);
    assert_eq!(sent[..3], args!["CACHE.APPLY", "ns", "DICTIONARY"]);
    let apply = |client: &mut Client, number: &str, dropped: &[&str]| {
        let mut command = sent.clone();
        command[4] = number.as_bytes().to_vec();
        command.extend(dropped.iter().map(|number| number.as_bytes().to_vec()));
        client.call(&command)
    };
    let probe = |client: &mut Client| {
        cache!(client, "SET", "ns", "op", "\"probe\"", result(4));
        encoding(client, "\"probe\"")
    };
    for number in ["2", "3", "9"] {
        assert_eq!(apply(&mut client, number, &[]), ok());
        assert_eq!(probe(&mut client), format!("zstd:{number}"));
    }
    assert!(apply(&mut client, "10", &[]).is_error(), "a fifth of one operation");
    assert_eq!(apply(&mut client, "10", &["2", "3"]), ok());
    assert_eq!(probe(&mut client), "zstd:10");
    assert!(apply(&mut client, "10", &["9"]).is_error(), "that number was given");
    assert!(apply(&mut client, "0", &["9"]).is_error());
    assert!(apply(&mut client, "4294967296", &["9"]).is_error());
    assert!(apply(&mut client, "11", &["x"]).is_error());
    let many: Vec<&str> = vec!["9"; 257];
    assert!(apply(&mut client, "11", &many).is_error());
    for (part, wrong) in [
        (3, &b"x"[..]),
        (5, b"{"),
        (5, b""),
        (6, b""),
        (6, b"no dictionary"),
        (6, &[0x37, 0xa4, 0x30, 0xec, 1, 1, 1, 1]),
    ] {
        let mut command = sent.clone();
        command[4] = b"11".to_vec();
        command[part] = wrong.to_vec();
        assert!(client.call(&command).is_error(), "{part}");
    }
    // All that is opened with it would be wrong.
    let mut damaged = sent.clone();
    damaged[4] = b"11".to_vec();
    let middle = damaged[6].len() / 2;
    damaged[6][middle] ^= 1;
    assert!(client.call(&damaged).is_error());
    let mut long = sent.clone();
    long[4] = b"11".to_vec();
    long[6].resize(65 << 10, 0);
    assert!(client.call(&long).is_error());
    // For a namespace that is gone, or of another life, it means nothing.
    let mut other = sent.clone();
    other[3] = b"1".to_vec();
    assert_eq!(client.call(&other), ok());
    other[1] = b"none".to_vec();
    assert_eq!(client.call(&other), ok());
    assert_eq!(call!(client, "EXISTS", "none"), 0.into());
}

/// Results of another shape than all others.
fn shaped(shape: &str, n: u64) -> String {
    let noise = json(n, 60).replace("status", shape).replace("completed", &shape.to_uppercase());
    format!("<{shape} kind='{shape}-of-{shape}'>{noise}</{shape}><{shape}-end/>")
}

#[test]
fn a_better_dictionary_takes_over_and_the_old_one_stays_while_it_is_used() {
    let server = compressing(Launch::new());
    let mut client = server.client();
    fill(&mut client);
    let store = |client: &mut Client, shape: &str, count: u64| {
        let sets: Vec<_> = (0..count)
            .map(|n| {
                args!["CACHE.RESULT", "SET", "ns", "op", format!("\"{shape}{}\"", n % 50), shaped(shape, n)]
            })
            .collect();
        sets.chunks(1000).for_each(|sets| drop(client.pipeline(sets)));
    };
    let until = |client: &mut Client, shape: &str, expected: &str| {
        wait_until("the better one is in use", || {
            cache!(client, "SET", "ns", "op", "\"probe\"", shaped(shape, 1));
            encoding(client, "\"probe\"") == expected
        });
    };
    let old = cache!(client, "GET", "ns", "op", "7");
    store(&mut client, "resolution", 2000);
    until(&mut client, "resolution", "zstd:2");
    assert_eq!(cache!(client, "GET", "ns", "op", "7"), old, "the first is still there");
    // Invalidated entries count until they are freed.
    call!(client, "CACHE.INVALIDATE", "OPERATION", "ns", "op");
    wait_until("they are freed", || call!(client, "DBSIZE").int() == 1);
    store(&mut client, "transcription", 20_000);
    until(&mut client, "transcription", "zstd:3");
    assert!(encoding(&mut client, "\"transcription7\"").starts_with("zstd"));
    let taken = call!(client, "MEMORY", "USAGE", "ns").int();
    assert!(taken < 2 * 8192 + 4000, "{taken} bytes: more than two dictionaries");
}

#[test]
fn a_damaged_entry_with_a_dictionary_is_a_miss() {
    let server = compressing(Launch::new());
    let mut client = server.client();
    fill(&mut client);
    let key = op("7").key(&mut client);
    let mut payload = call!(client, "DUMP", &key).bulk().to_vec();
    let at = payload.len() - 20;
    payload[at] ^= 4;
    call!(client, "DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", 1);
    assert_eq!(call!(client, "RESTORE", &key, 0, payload, "REPLACE"), ok());
    assert_eq!(cache!(client, "GET", "ns", "op", "7"), nil());
    assert_eq!(op("7").info(&mut client, "why"), "corrupt".into());
}
