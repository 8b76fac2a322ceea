//! Whatever is done, in whatever order: lookups are the sum of their answers, and each miss has its reason.

use std::collections::VecDeque;

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
    match random.below(32) {
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
        23 => args!["CACHE.WARM", ns, "ENTRIES", op, params, "{}", "a", 1, "{}"],
        24 => args!["CACHE.RESULT", "MERGE", ns, op, params, r#"{"x":1}"#, "UPSERT"],
        25 => args!["CACHE.RESULT", "RENEW", of, token, "LEASE", 1 + random.below(60), "PROGRESS", "1"],
        26 => args!["CACHE.RESULT", "NEXT", ns, "BLOCK", 1, "AFTER", op, params, random.below(3)],
        27 => args!["CACHE.INVALIDATE", "TAG", ns, "t"],
        28 => args!["CACHE.INVALIDATE", "NAMESPACE", ns],
        29 => args!["CACHE.POLICY", "SET", ns, op, "BYPASS", *random.pick(&["yes", "no", "no"])],
        30 => args![
            "CACHE.POLICY",
            "SET",
            ns,
            op,
            "NEGATIVE",
            "50ms",
            "REFRESH",
            50,
            "GRACE",
            "40ms",
            "TAGS",
            "t"
        ],
        _ => args!["CACHE.RESULT", *random.pick(&["EXISTS", "INFO", "KEY"]), ns, op, params],
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

/// Remembers a token that came with an answer, and its namespace.
fn note_token(tokens: &mut Vec<(String, String)>, command: &[Vec<u8>], reply: &Value) {
    if let Value::Array(parts) = reply
        && let [Value::Simple(_), _, Value::Bulk(token), _] = &parts[..]
    {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        tokens.push((text(&command[2]), text(token)));
        if tokens.len() > 12 {
            tokens.remove(0);
        }
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
            note_token(&mut tokens, &command, &reply);
            check(&mut client);
            assert_eq!(call!(client, "CACHE.STATS").field("lookups").int(), made, "after {command:?}");
        }
        wait_until("nobody waits", || call!(client, "CACHE.STATS").field("waiters").int() == 0);
    }
}

#[test]
fn those_who_wait_are_counted_once_however_it_ends() {
    for seed in 10..13 {
        let server: Server = Launch::new().line("hz 100").start();
        let (mut client, mut random) = (server.client(), Random::seeded(seed));
        // Each waits for one answer, and some go before.
        let mut waiting: VecDeque<Client> = VecDeque::new();
        let (mut tokens, mut made) = (Vec::new(), 0);
        for _ in 0..800 {
            if random.once_in(3) {
                let (ns, op) = (*random.pick(&NAMESPACES), *random.pick(&OPERATIONS));
                let mut waiter = server.client();
                let words =
                    args!["CACHE.RESULT", "FETCH", ns, op, random.below(2), "BLOCK", 200, "LEASE", 20];
                waiter.send(&words).expect("a request");
                made += 1;
                waiting.push_back(waiter);
            }
            if waiting.len() > 20 || random.once_in(8) {
                drop(waiting.pop_front());
            }
            if random.once_in(20) {
                let list = call!(client, "CLIENT", "LIST").text();
                let blocked = list.lines().filter(|line| line.contains("flags=b"));
                let ids: Vec<&str> =
                    blocked.filter_map(|line| line.strip_prefix("id=")?.split(' ').next()).collect();
                if !ids.is_empty() {
                    let how = *random.pick(&["TIMEOUT", "ERROR"]);
                    client.call(&["CLIENT", "UNBLOCK", *random.pick(&ids), how]);
                }
            }
            let command = command(&mut random, &tokens);
            let reply = client.call(&command);
            made += lookups(&command, &reply);
            note_token(&mut tokens, &command, &reply);
            check(&mut client);
        }
        wait_until("nobody waits", || call!(client, "CACHE.STATS").field("waiters").int() == 0);
        drop(waiting);
        // A client that went before its request was read has asked for nothing.
        let counted = call!(client, "CACHE.STATS").field("lookups").int();
        assert!((made - 40..=made).contains(&counted), "{counted} of {made}");
        assert!(call!(client, "CACHE.STATS").field("abandoned").int() > 0);
    }
}
