//! Whatever is done, in whatever order: lookups are the sum of their answers, and each miss has its reason.

use crate::harness::{Client, Launch, Random, Server, Value, wait_until};
use crate::stats::{KINDS, REASONS};
use crate::{args, call};

const NAMESPACES: [&str; 2] = ["ns", "other-ns"];
const OPERATIONS: [&str; 2] = ["a", "b"];

/// A random command of those that look something up, or change what lookups find.
fn command(random: &mut Random, tokens: &[(String, String)]) -> Vec<Vec<u8>> {
    let (ns, op, params) = (*random.pick(&NAMESPACES), *random.pick(&OPERATIONS), random.below(4));
    let plan = format!(
        r#"[{{"operation":"{op}","params":{params}}},{{"operation":"a","params":1}},{{"operation":"b","params":[]}}]"#
    );
    let fallback = (ns.to_owned(), "t1-none".to_owned());
    let (of, token) = if tokens.is_empty() { &fallback } else { random.pick(tokens) };
    match random.below(24) {
        0..4 => args!["CACHE.RESULT", "GET", ns, op, params],
        4 => args!["CACHE.RESULT", "GET", ns, op, params, "STALE"],
        5..9 => args!["CACHE.RESULT", "FETCH", ns, op, params, "LEASE", 1 + random.below(60)],
        9 => args!["CACHE.RESULT", "FETCH", ns, op, params, "BLOCK", 1 + random.below(20)],
        10 => args!["CACHE.RESULT", "FETCH", ns, op, params, "NOSTALE", "REJECT", random.below(3)],
        11 => args!["CACHE.RESULT", "FETCH", ns, op, "{", "HOLDER", "me"],
        12 | 13 => args!["CACHE.RESULT", "FILL", of, token, "result", "PX", 1 + random.below(200)],
        14 => args!["CACHE.RESULT", "FAIL", of, token, "no", "PX", 1 + random.below(50)],
        15 => args!["CACHE.RESULT", "RELEASE", of, token],
        16 => args![
            "CACHE.RESULT",
            "SET",
            ns,
            op,
            params,
            "{}",
            "PX",
            1 + random.below(100),
            "GRACE",
            random.below(100)
        ],
        17 => args!["CACHE.RESULT", "INVALIDATE", ns, op, params, "SOFT"],
        18 => args!["CACHE.RESULT", "INVALIDATE", ns, op, params],
        19 => args!["CACHE.PLAN", ns, plan],
        20 => args!["CACHE.INVALIDATE", "OPERATION", ns, op],
        21 if random.once_in(4) => args!["DEL", ns],
        21 => args!["CACHE.INVALIDATE.PLAN", ns, plan, "SOFT"],
        22 if random.once_in(4) => args!["CACHE.RESETSTATS", ns],
        22 if random.once_in(4) => args!["CONFIG", "SET", "cache.enabled", *random.pick(&["yes", "no"])],
        22 => args!["CONFIG", "SET", "cache.enabled", "yes"],
        _ => args!["CACHE.WARM", ns, "ENTRIES", op, params, "{}", "a", 1, "{}"],
    }
}

/// The identities hold for the server, each namespace and each operation; and parts make wholes.
#[track_caller]
fn check(client: &mut Client) {
    let mut commands = vec![args!["MULTI"], args!["CACHE.STATS"]];
    for ns in NAMESPACES {
        commands.push(args!["CACHE.STATS", ns]);
        commands.extend(OPERATIONS.map(|op| args!["CACHE.STATS", ns, op]));
    }
    commands.push(args!["EXEC"]);
    let replies = client.pipeline(&commands);
    let all = replies.last().expect("EXEC").array();
    let sum = |of: &Value, names: &[&str]| names.iter().map(|name| of.field(name).int()).sum::<i64>();
    for of in all {
        assert_eq!(sum(of, &KINDS), of.field("lookups").int());
        assert_eq!(sum(of, &REASONS), sum(of, &["misses", "leases"]));
    }
    for part in all[1..].chunks(3) {
        for name in ["lookups", "errors", "sets", "fills", "bytes_served", "waiters", "leases_lapsed"] {
            let parts = part[1].field(name).int() + part[2].field(name).int();
            assert!(part[0].field(name).int() >= parts, "{name}");
            if name != "errors" {
                assert_eq!(part[0].field(name).int(), parts, "{name}");
            }
        }
    }
}

/// How many lookups a command is that was answered so.
fn lookups(command: &[Vec<u8>], reply: &Value) -> i64 {
    let word = |index: usize| command.get(index).map(|word| String::from_utf8_lossy(word).into_owned());
    match (word(0).as_deref(), word(1).as_deref()) {
        _ if reply.is_error() => 0,
        (Some("CACHE.RESULT"), Some("GET" | "FETCH")) => 1,
        (Some("CACHE.PLAN"), _) => 3,
        _ => 0,
    }
}

#[test]
fn every_lookup_is_counted_once() {
    for seed in 0..4 {
        let server: Server = Launch::new().line("hz 100").start();
        let (mut client, mut random) = (server.client(), Random::seeded(seed));
        let (mut tokens, mut made) = (Vec::new(), 0);
        // The server's own figures lose nothing when a namespace begins anew.
        for _ in 0..1200 {
            let command = command(&mut random, &tokens);
            let reply = client.call(&command);
            made += lookups(&command, &reply);
            if let Value::Array(parts) = &reply
                && let [Value::Simple(_), _, Value::Bulk(token), _] = &parts[..]
            {
                let ns = String::from_utf8_lossy(&command[2]).into_owned();
                tokens.push((ns, String::from_utf8_lossy(token).into_owned()));
                if tokens.len() > 12 {
                    tokens.remove(0);
                }
            }
            check(&mut client);
            assert_eq!(call!(client, "CACHE.STATS").field("lookups").int(), made, "after {command:?}");
        }
        wait_until("nobody waits", || call!(client, "CACHE.STATS").field("waiters").int() == 0);
    }
}
