//! Payloads of RESTORE that nobody's DUMP made.

use std::collections::BTreeMap;

use crate::compression::json;
use crate::dictionaries::teach;
use crate::harness::{Client, Entry, Launch, Random, Server, assert_same_digests, digests, ok};
use crate::{args, cache, call, policy};

const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };

/// How many mutations of each payload are restored.
const MUTATIONS: usize = 1500;

/// What DUMP puts before the module's own bytes: the type's byte and the module's id in nine.
const HEAD: usize = 10;
/// What it puts behind: the end mark of the module, the version of the format in two bytes, the checksum in eight.
const TAIL: usize = 10;

/// A server that looks neither at checksums nor into payloads.
fn gullible() -> Server {
    let server = Launch::new().line("sanitize-dump-payload no").start();
    call!(server.client(), "DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", 1);
    server
}

/// A payload with some of the module's own bytes changed. Type, format and checksum stay: what core makes of
/// another type's garbage is not what is tested.
fn mutated(random: &mut Random, payload: &[u8]) -> Vec<u8> {
    let (head, rest) = payload.split_at(HEAD);
    let (body, tail) = rest.split_at(rest.len() - TAIL);
    let mut body = body.to_vec();
    for _ in 0..1 + random.below(3) {
        body = random.mutated(&body);
    }
    [head, &body, tail].concat()
}

/// Entries and the namespace that belongs to them, in several shapes.
fn fill(client: &mut Client) {
    cache!(client, "SET", "control", "op", "{}", "untouched", "PERSIST");
    cache!(client, "SET", "ns", "op", "1", "gone");
    cache!(client, "INVALIDATE", "ns", "op", "1");
    cache!(client, "SET", "ns", "op", "2", "soft", "GRACE", 3_600_000);
    cache!(client, "INVALIDATE", "ns", "op", "2", "SOFT");
    let result = "a result that is long enough to be cut somewhere in its middle".repeat(3);
    cache!(
        client, "SET", "ns", "op", "{}", result, "EX", 3600, "GRACE", 5000, "TAGS", 2, "video:7", "t",
        "TOOK", 12, "WEIGHT", 34
    );
}

/// Everything that can be done with a key that holds anything of the module's, and with its namespace.
fn every_use(ns: &str, key: &str) -> Vec<Vec<Vec<u8>>> {
    vec![
        args!["TYPE", key],
        args!["DUMP", key],
        args!["DEBUG", "DIGEST-VALUE", key],
        args!["DEBUG", "OBJECT", key],
        args!["MEMORY", "USAGE", key],
        args!["OBJECT", "ENCODING", key],
        args!["PEXPIRETIME", key],
        args!["COPY", key, "a-copy", "REPLACE"],
        args!["RENAME", "a-copy", "a-renamed-copy"],
        args!["UNLINK", "a-renamed-copy"],
        args!["CACHE.RESULT", "GET", ns, "op", "{}"],
        args!["CACHE.RESULT", "GET", ns, "op", "{}", "STALE"],
        args!["CACHE.RESULT", "EXISTS", ns, "op", "{}"],
        args!["CACHE.RESULT", "INFO", ns, "op", "{}"],
        args!["CACHE.RESULT", "KEY", ns, "op", "{}"],
        args!["CACHE.RESULT", "SET", ns, "op", "{}", "x", "NX", "KEEPTTL"],
        args!["CACHE.RESULT", "SET", ns, "op", "{}", "x", "XX", "KEEPTTL", "GRACE", 5],
        args!["CACHE.RESULT", "INVALIDATE", ns, "op", "{}", "SOFT"],
        args!["CACHE.RESULT", "INVALIDATE", ns, "op", "{}"],
    ]
}

/// Restores mutations of the payload at `key`, uses what was accepted in every way, and demands that a write
/// works afterwards. Returns how many were accepted.
#[track_caller]
fn restore_mutations(server: &mut Server, key: &str, payload: &[u8], seed: u64) -> usize {
    let mut random = Random::seeded(seed);
    let mut client = server.client();
    let (namespace, entry) = (dump(&mut client, "ns"), dump(&mut client, &ENTRY.key(&mut server.client())));
    let entry_key = ENTRY.key(&mut client);
    let mut accepted = 0;
    for n in 0..MUTATIONS {
        let payload = mutated(&mut random, payload);
        let mut commands = vec![
            args!["RESTORE", "ns", 0, namespace, "REPLACE"],
            args!["RESTORE", entry_key, 0, entry, "REPLACE"],
            args!["RESTORE", key, 0, payload, "REPLACE"],
        ];
        commands.extend(every_use("ns", key));
        commands.push(args!["CACHE.RESULT", "SET", "ns", "op", "{}", n]);
        commands.push(args!["CACHE.RESULT", "GET", "ns", "op", "{ }"]);
        let replies = client.pipeline(&commands);
        accepted += usize::from(!replies[2].is_error());
        let usable =
            replies[replies.len() - 2] == ok() && replies[replies.len() - 1] == n.to_string().as_str().into();
        assert!(usable, "{key} cannot be used after {}: {replies:?}", payload.escape_ascii());
    }
    server.assert_alive();
    assert_eq!(cache!(client, "GET", "control", "op", "{}"), "untouched".into());
    accepted
}

#[track_caller]
fn dump(client: &mut Client, key: &str) -> Vec<u8> {
    client.must(&["DUMP", key]).bulk().to_vec()
}

#[test]
fn mutations_of_an_entry_leave_the_server_alive() {
    let mut server = gullible();
    let mut client = server.client();
    fill(&mut client);
    let key = ENTRY.key(&mut client);
    let payload = dump(&mut client, &key);
    let accepted = restore_mutations(&mut server, &key, &payload, 31);
    // A changed byte of the result is a result too: what was accepted must have been put to use.
    assert!(accepted > 50, "only {accepted} were accepted");
    assert!(accepted < MUTATIONS, "nothing was ever refused");
}

#[test]
fn mutations_of_a_namespace_leave_the_server_alive() {
    let mut server = gullible();
    let mut client = server.client();
    fill(&mut client);
    let payload = dump(&mut client, "ns");
    let accepted = restore_mutations(&mut server, "ns", &payload, 32);
    assert!(accepted > 5 && accepted < MUTATIONS, "{accepted} were accepted");
}

#[test]
fn mutations_of_what_is_compressed_leave_the_server_alive() {
    let mut server = gullible();
    let mut client = server.client();
    policy!(client, "SET", "*", "*", "COMPRESS", "100");
    fill(&mut client);
    teach(&mut client, "ns", "op");
    cache!(client, "SET", "ns", "op", "{}", json(7, 250), "EX", 3600, "GRACE", 5000, "TAGS", 1, "t");
    assert_eq!(ENTRY.info(&mut client, "encoding"), "zstd:1".into());
    let key = ENTRY.key(&mut client);
    for (key, seed) in [(key.as_str(), 35), ("ns", 36)] {
        let payload = dump(&mut client, key);
        let accepted = restore_mutations(&mut server, key, &payload, seed);
        assert!(accepted > 5 && accepted < MUTATIONS, "{accepted} of {key} were accepted");
    }
}

#[test]
fn an_entry_in_the_place_of_a_namespace_and_the_reverse_are_refused() {
    let server = gullible();
    let mut client = server.client();
    fill(&mut client);
    let key = ENTRY.key(&mut client);
    let (entry, namespace) = (dump(&mut client, &key), dump(&mut client, "ns"));
    call!(client, "RESTORE", "ns", 0, entry, "REPLACE");
    call!(client, "RESTORE", key, 0, namespace, "REPLACE");
    for name in ["GET", "EXISTS", "INFO", "INVALIDATE"] {
        assert_eq!(cache!(client, name, "ns", "op", "{}").error_word(), "WRONGTYPE", "{name}");
    }
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "r").error_word(), "WRONGTYPE");
    // With a namespace in its place again, the entry's key still holds what is no entry.
    call!(client, "RESTORE", "ns", 0, namespace, "REPLACE");
    assert_eq!(cache!(client, "GET", "ns", "op", "{}").error_word(), "WRONGTYPE");
    // One type's bytes under the other's head.
    let crossed = |head: &[u8], body: &[u8]| [&head[..HEAD], &body[HEAD..]].concat();
    assert!(call!(client, "RESTORE", "crossed", 0, crossed(&entry, &namespace)).is_error());
    assert!(call!(client, "RESTORE", "crossed", 0, crossed(&namespace, &entry)).is_error());
}

#[test]
fn what_was_accepted_survives_being_saved() {
    let mut server = gullible();
    let mut client = server.client();
    fill(&mut client);
    let mut random = Random::seeded(33);
    let key = ENTRY.key(&mut client);
    let payloads = [dump(&mut client, &key), dump(&mut client, "ns")];
    let restores: Vec<_> = (0..2 * MUTATIONS)
        .map(|n| args!["RESTORE", format!("mutated:{n}"), 0, mutated(&mut random, &payloads[n % 2])])
        .collect();
    let accepted = client.pipeline(&restores).iter().filter(|reply| **reply == ok()).count();
    assert!(accepted > 50, "only {accepted} were accepted");
    let before: BTreeMap<_, _> = digests(&server);
    client.must(&["DEBUG", "RELOAD"]);
    assert_same_digests("reloaded", &before, &digests(&server));
    // As commands too: what a load from a snapshot accepts, a rewritten file must bring back.
    client.must(&["CONFIG", "SET", "aof-use-rdb-preamble", "no", "appendfsync", "always"]);
    client.must(&["CONFIG", "SET", "appendonly", "yes"]);
    crate::harness::wait_for_aof_rewrite(&server);
    client.must(&["DEBUG", "LOADAOF"]);
    assert_same_digests("replayed", &before, &digests(&server));
    server.shutdown_save_and_restart();
    assert_same_digests("restarted", &before, &digests(&server));
}

#[test]
fn the_digest_is_of_everything_that_is_stored() {
    let server = gullible();
    let mut client = server.client();
    fill(&mut client);
    let mut random = Random::seeded(34);
    let key = ENTRY.key(&mut client);
    for payload in [dump(&mut client, &key), dump(&mut client, "ns")] {
        let mut stored_with = BTreeMap::new();
        for _ in 0..MUTATIONS {
            // Changed bytes keep the shape, so that most of them are accepted.
            let mut payload = payload.clone();
            let at = HEAD + random.below(payload.len() - HEAD - TAIL);
            payload[at] ^= 1 << random.below(8);
            if call!(client, "RESTORE", "mutated", 0, payload, "REPLACE") == ok() {
                let digest = call!(client, "DEBUG", "DIGEST-VALUE", "mutated").array()[0].text();
                let stored = dump(&mut client, "mutated");
                let earlier = stored_with.entry(digest.clone()).or_insert_with(|| stored.clone());
                assert!(
                    *earlier == stored,
                    "{digest} stands for {} and for {}",
                    earlier.escape_ascii(),
                    stored.escape_ascii()
                );
            }
        }
        assert!(stored_with.len() > 50, "only {} payloads were accepted", stored_with.len());
    }
}

#[test]
fn lengths_that_no_memory_holds_are_refused() {
    let mut server = gullible();
    let mut client = server.client();
    fill(&mut client);
    let key = ENTRY.key(&mut client);
    for payload in [dump(&mut client, &key), dump(&mut client, "ns")] {
        // At every place a length could stand: 32 and 64 bits, little and big.
        for at in HEAD..payload.len() - TAIL {
            for length in [
                &b"\x80\xff\xff\xff\xff"[..],
                &b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff"[..],
                &b"\x81\xff\xff\xff\xff\xff\xff\xff\xff"[..],
                &b"\x81\x00\x00\x00\x40\x00\x00\x00\x00"[..],
                &b"\xff\xff\xff\xff\xff\xff\xff\xff"[..],
                &b"\xff\xff\xff\x7f"[..],
            ] {
                for whole in [false, true] {
                    let end = if whole { at + 1 } else { (at + length.len()).min(payload.len() - TAIL) };
                    let payload = [&payload[..at], length, &payload[end..]].concat();
                    call!(client, "RESTORE", "hostile", 0, payload, "REPLACE");
                }
            }
        }
        server.assert_alive();
        let used: u64 = client.info("memory", "used_memory_peak").unwrap().parse().unwrap();
        assert!(used < 200 << 20, "a length alone made the server take {used} bytes");
    }
    assert!(!cache!(client, "GET", "ns", "op", "{}", "STALE").is_error());
}

#[test]
fn an_old_payload_of_a_namespace_rolls_it_back_and_it_goes_on() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "old", "PERSIST");
    let namespace = dump(&mut client, "ns");
    cache!(client, "SET", "ns", "op", "{}", "new", "PERSIST");
    let version = ENTRY.version(&mut client);
    call!(client, "RESTORE", "ns", 0, namespace, "REPLACE");
    // Rolled back is documented; broken is not.
    for n in 0..10 {
        assert_eq!(cache!(client, "SET", "ns", "op", "{}", n), ok());
        assert_eq!(cache!(client, "GET", "ns", "op", "{}"), n.to_string().as_str().into());
    }
    assert!(ENTRY.version(&mut client) > version - 1);
}
