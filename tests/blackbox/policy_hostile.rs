//! Arguments that nobody means, and files that nobody's server wrote.

use std::fs;

use crate::harness::{Launch, Random, Server, rules, wait_for_replica_in_sync};
use crate::policy_replication::set_some;
use crate::{args, cache, call, policy};

const SUBCOMMANDS: [&str; 7] = ["SET", "SET", "SET", "DEL", "GET", "EXPLAIN", "LIST"];

const PATTERNS: [&str; 12] =
    ["*", "**", "ns", "n?", "[a-z]*", "[^", "[]", "[a-", "\\", "ns\\*", "h{t}*", "{"];

const FIELDS: [&str; 22] = [
    "TTL",
    "GRACE",
    "NEGATIVE",
    "JITTER",
    "LEASE",
    "RETRY",
    "REFRESH",
    "TTLFROM",
    "EXPIRESFROM",
    "TAGS",
    "IGNORE",
    "HASH",
    "COMPRESS",
    "MAXBYTES",
    "MAXWEIGHT",
    "EVICT",
    "REMOVALS",
    "TARGET",
    "BYPASS",
    "ttl",
    "NONE",
    "",
];

const VALUES: [&str; 40] = [
    "",
    " ",
    "0",
    "1",
    "30s",
    "250ms",
    "7d",
    "36500d",
    "36501d",
    "18446744073709551615d",
    "100",
    "101",
    "-1",
    "1.5",
    "off",
    "yes",
    "no",
    "sha256",
    "blake3",
    "lru",
    "fifo",
    "4kb",
    "50gb",
    "/",
    "//",
    "/a",
    "/a /b",
    "/~",
    "/~0~1",
    "/a x=1s",
    "/a x=1s x=2s",
    "/a ==1s",
    "/e 60s",
    "/e",
    "{params}",
    "{params/a}{result/b}",
    "{",
    "}{",
    "a{params/a",
    "t:{result/~2}",
];

/// A call whose words are right more often than chance would have it.
fn command(random: &mut Random) -> Vec<Vec<u8>> {
    let mut command = args!["CACHE.POLICY", random.pick(&SUBCOMMANDS)];
    command.extend([random.pick(&PATTERNS).as_bytes().to_vec(), random.pick(&PATTERNS).as_bytes().to_vec()]);
    for _ in 0..random.below(4) {
        command.push(random.pick(&FIELDS).as_bytes().to_vec());
        command.push(random.pick(&VALUES).as_bytes().to_vec());
    }
    if random.once_in(3) {
        let at = 2 + random.below(command.len() - 2);
        let word = command[at].clone();
        command[at] = random.mutated(&word);
    }
    if random.once_in(10) {
        command.pop();
    }
    command
}

#[test]
fn any_arguments_are_answered() {
    let mut primary = Server::start();
    let mut replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    let mut client = primary.client();
    let mut random = Random::seeded(51);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..20 {
        let commands: Vec<_> = (0..400)
            .flat_map(|n| {
                let used = match n % 3 {
                    0 => args![
                        "CACHE.RESULT",
                        "SET",
                        "ns",
                        "op",
                        r#"{"a":1,"b":[2]}"#,
                        r#"{"a":"x","b":1,"e":4000000000}"#
                    ],
                    1 => args!["CACHE.RESULT", "GET", "ns", "op", r#"{"a":1,"b":[2]}"#, "STALE"],
                    _ => args!["CACHE.RESULT", "INFO", "h{t}x", "op", "[[1],{}]"],
                };
                [command(&mut random), used]
            })
            .collect();
        let replies = client.pipeline(&commands);
        assert_eq!(call!(client, "ECHO", "in step"), "in step".into(), "there were too many replies");
        for (command, reply) in commands.iter().zip(&replies) {
            if !reply.is_error() {
                accepted += usize::from(command[1] == b"SET");
                continue;
            }
            refused += 1;
            let word = reply.error_word();
            let known = ["ERR", "BADPOLICY", "BADNAME"].contains(&word);
            assert!(known, "{command:?} was answered by {reply:?}");
            assert!(reply.error().len() > word.len() + 5 && reply.error().len() < 1000, "{reply:?}");
            assert!(!reply.error().contains("the module failed"), "{command:?} was answered by {reply:?}");
        }
        primary.assert_alive();
    }
    assert!(accepted > 300 && refused > 1000, "{accepted} were accepted, {refused} refused");
    // Whatever was made of them, everyone has the same, and a file brings it back.
    let set = rules(&mut client);
    assert!(!set.is_empty());
    wait_for_replica_in_sync(&primary, &replica);
    assert_eq!(rules(&mut replica.client()), set);
    replica.assert_alive();
    client.must(&["DEBUG", "RELOAD"]);
    assert_eq!(rules(&mut client), set);
    for log in [primary.log(), replica.log()] {
        assert!(!log.contains("a defect in the module"), "a panic was caught: {log}");
    }
}

#[test]
fn every_length_of_a_command_is_answered() {
    let server = Server::start();
    let mut client = server.client();
    for subcommand in ["SET", "GET", "DEL", "LIST", "EXPLAIN", "HELP", "NONE"] {
        for length in (0..8).chain([100, 1000, 10_000]) {
            for filler in ["ns", "*", "TTL", "", "\u{0}"] {
                let mut command = args!["CACHE.POLICY", subcommand];
                command.extend(std::iter::repeat_n(filler.as_bytes().to_vec(), length));
                client.call(&command);
                assert_eq!(call!(client, "PING").text(), "PONG");
            }
        }
    }
    assert_eq!(rules(&mut client), [""; 0]);
}

#[test]
fn patterns_that_take_core_long_are_quick() {
    let server = Server::start();
    let mut client = server.client();
    let pattern = "a*".repeat(100) + "b";
    assert!(!policy!(client, "SET", pattern, pattern, "TTL", "1m").is_error());
    let name = "a".repeat(128);
    let start = std::time::Instant::now();
    for n in 0..200 {
        // Each change has the policy resolved anew.
        policy!(client, "SET", "x", "y", "TTL", format!("{}s", n + 1));
        assert_eq!(cache!(client, "GET", name, name, "{}"), crate::harness::nil());
    }
    assert!(start.elapsed().as_secs() < 10, "200 lookups took {:?}", start.elapsed());
}

/// Where the rules lie in a snapshot that is not compressed: from their version to the end of the last value.
#[track_caller]
fn rules_in(snapshot: &[u8]) -> std::ops::Range<usize> {
    // The version, the number of rules, and the first pattern with its length.
    let head = b"\x02\x04\x01*\x01*";
    let start =
        snapshot.windows(head.len()).position(|window| window == head).expect("the rules are in there");
    let tail = "\u{2603}".as_bytes();
    let end =
        snapshot.windows(tail.len()).rposition(|window| window == tail).expect("so is their last value");
    start..end + tail.len()
}

#[test]
fn damaged_rules_in_a_snapshot_load_or_are_refused_cleanly() {
    let mut server = Launch::new().line("rdbchecksum no").line("rdbcompression no").start();
    set_some(&mut server.client());
    cache!(server.client(), "SET", "ns", "op", "{}", "r", "PERSIST");
    server.client().must(&["SAVE"]);
    let file = server.dir().join("dump.rdb");
    let snapshot = fs::read(&file).unwrap();
    let place = rules_in(&snapshot);
    let mut random = Random::seeded(52);
    let (mut loaded, mut refused) = (0, 0);
    for n in 0..60 {
        server.stop();
        let mut damaged = snapshot.clone();
        let at = place.start + if n < 20 { n } else { random.below(place.len()) };
        damaged[at] = match n % 3 {
            0 => damaged[at] ^ (1 << random.below(8)),
            1 => 0xff,
            _ => random.next() as u8,
        };
        fs::write(&file, &damaged).unwrap();
        match server.try_to_start_again() {
            Ok(()) => {
                loaded += 1;
                server.assert_alive();
                assert!(!rules(&mut server.client()).is_empty());
                assert!(!policy!(server.client(), "EXPLAIN", "ns", "op").is_error());
                assert!(!cache!(server.client(), "GET", "ns", "op", "{}").is_error());
            }
            Err((status, log)) => {
                refused += 1;
                // Core ends with 0 where it finds the format of the file in order.
                assert!(matches!(status.code(), Some(0 | 1)), "byte {at}: {status}\n{log}");
                assert!(
                    !log.contains("a defect in the module") && !log.contains("BUG REPORT"),
                    "byte {at}\n{log}"
                );
                assert!(log.contains("cache-nsp"), "nobody knows whose data is damaged\n{log}");
            }
        }
    }
    assert!(loaded > 3 && refused > 10, "{loaded} were loaded, {refused} refused");
}
