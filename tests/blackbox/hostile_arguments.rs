//! Arguments that no client means: whatever they are, there is one reply each, and the server lives.

use crate::harness::{Launch, Random, Server, assert_same_digests, digests, ok, wait_for_replica_in_sync};
use crate::{args, cache, call};

const SUBCOMMANDS: [&str; 9] =
    ["GET", "SET", "INVALIDATE", "EXISTS", "INFO", "KEY", "HELP", "get", "NONE-SUCH"];

/// Words that mean something somewhere, and numbers at every edge.
const WORDS: [&str; 62] = [
    "",
    " ",
    "ns",
    "ns{a}",
    "string",
    "{x}",
    "result:x",
    "op",
    "a b",
    "{}",
    "[]",
    "null",
    "{\"a\":1}",
    "fp:",
    "fp:00",
    "fp:08d9986d2f11160a87b06e1f7cbb67b6a84e749af87b2425546ad7d8b4082d81",
    "STALE",
    "SOFT",
    "IFVERSION",
    "EX",
    "PX",
    "EXAT",
    "PXAT",
    "KEEPTTL",
    "PERSIST",
    "GRACE",
    "TAGS",
    "TOOK",
    "WEIGHT",
    "NX",
    "XX",
    "SINCE",
    "ex",
    "tags",
    "0",
    "1",
    "2",
    "-1",
    "+1",
    "01",
    "1.5",
    "1e3",
    "0x10",
    " 1",
    "1 ",
    "10000",
    "64",
    "65",
    "2147483648",
    "4294967296",
    "9007199254740991",
    "9007199254740992",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999",
    "nan",
    "inf",
    "*",
    "?",
];

/// A command of this subcommand, right in its first arguments more often than chance would have it.
fn command(random: &mut Random, subcommand: &str) -> Vec<Vec<u8>> {
    let mut command = args!["CACHE.RESULT", subcommand];
    let sensible = ["ns", "op", "{}", "result"];
    for n in 0..random.below(12) {
        command.push(match (random.below(10), sensible.get(n)) {
            (0..8, Some(word)) => word.as_bytes().to_vec(),
            (9, _) => {
                let length = random.below(40);
                random.bytes(length)
            }
            (8, _) => {
                let word = random.pick(&WORDS).as_bytes().to_vec();
                random.mutated(&word)
            }
            _ => random.pick(&WORDS).as_bytes().to_vec(),
        });
    }
    command
}

#[test]
fn any_arguments_are_answered() {
    let mut primary = Server::start();
    let mut replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    let mut client = primary.client();
    call!(client, "SET", "string", "v");
    cache!(client, "SET", "control", "op", "{}", "untouched", "PERSIST");
    let mut random = Random::seeded(41);
    for subcommand in SUBCOMMANDS {
        let commands: Vec<_> = (0..1500).map(|_| command(&mut random, subcommand)).collect();
        let replies = client.pipeline(&commands);
        assert_eq!(call!(client, "ECHO", "in step"), "in step".into(), "{subcommand} sent too many replies");
        for (command, reply) in commands.iter().zip(&replies).filter(|(_, reply)| reply.is_error()) {
            let word = reply.error_word();
            let known = ["ERR", "WRONGTYPE", "BADPARAMS", "BADNAME", "TOOBIG", "OOM"].contains(&word);
            assert!(known, "{command:?} was answered by {reply:?}");
            assert!(reply.error().len() > word.len() + 5 && reply.error().len() < 1000, "{reply:?}");
        }
        primary.assert_alive();
    }
    assert_eq!(cache!(client, "GET", "control", "op", "{}"), "untouched".into());
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "after", "PERSIST"), ok());
    wait_for_replica_in_sync(&primary, &replica);
    // What expires in these very moments is gone from both once it is gone from the primary.
    crate::harness::wait_until("primary and replica agree", || digests(&primary) == digests(&replica));
    replica.assert_alive();
    let before = digests(&primary);
    primary.client().must(&["DEBUG", "RELOAD"]);
    let after = digests(&primary);
    assert!(before.keys().filter(|key| !after.contains_key(*key)).count() < 3);
}

#[test]
fn every_length_of_a_command_is_answered() {
    let server = Server::start();
    let mut client = server.client();
    for subcommand in SUBCOMMANDS {
        for length in (0..12).chain([100, 1000, 10_000]) {
            for filler in ["ns", "1", "TAGS", "", "EX"] {
                let mut command = args!["CACHE.RESULT", subcommand];
                command.extend(std::iter::repeat_n(filler.as_bytes().to_vec(), length));
                client.call(&command);
                assert_eq!(call!(client, "PING").text(), "PONG");
            }
        }
    }
    for command in [args!["CACHE.RESULT"], args!["CACHE.APPLY"], args!["CACHE.APPLY", "ns"]] {
        assert!(client.call(&command).is_error());
    }
}

#[test]
fn a_script_gets_errors_as_errors() {
    let server = Server::start();
    let mut client = server.client();
    call!(client, "SET", "string", "v");
    cache!(client, "SET", "ns", "op", "{}", "r");
    let before = digests(&server);
    for (arguments, word) in [
        (&["GET", "ns", "op", "{"][..], "BADPARAMS"),
        (&["GET", "string", "op", "{}"], "WRONGTYPE"),
        (&["SET", "ns", "op", "{}", "r", "EX", "0"], "ERR"),
        (&["SET", "a b", "op", "{}", "r"], "BADNAME"),
        (&["INVALIDATE", "ns", "op", "{}", "NO"], "ERR"),
    ] {
        let mut script = args!["EVAL", "return redis.pcall('CACHE.RESULT', unpack(ARGV))", 0];
        script.extend(arguments.iter().map(|argument| argument.as_bytes().to_vec()));
        assert_eq!(client.call(&script).error_word(), word, "{arguments:?}");
    }
    assert_same_digests("refused", &before, &digests(&server));
    // A script that may only read reads, and does not write.
    let read = "return redis.call('CACHE.RESULT', 'GET', KEYS[1], 'op', '{}')";
    assert_eq!(call!(client, "EVAL_RO", read, 1, "ns"), "r".into());
    let write = "return redis.call('CACHE.RESULT', 'SET', KEYS[1], 'op', '{}', 'w')";
    assert!(call!(client, "EVAL_RO", write, 1, "ns").is_error());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "r".into());
}
