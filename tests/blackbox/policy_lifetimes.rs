//! How long entries live under rules: TTL, GRACE, TTLFROM, JITTER, and what a client asks instead.

use std::time::Instant;

use crate::harness::{Client, Entry, Launch, Server, ok, wait_for_replica_in_sync};
use crate::{args, cache, call, policy};

const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };
const HOUR: i64 = 3_600_000;

/// Stores a result with these options on an absent entry; its TTL and grace in milliseconds.
#[track_caller]
fn life(client: &mut Client, result: &str, options: &[&str]) -> (i64, i64) {
    cache!(client, "INVALIDATE", "ns", "op", "{}");
    assert_eq!(ENTRY.call(client, "SET", &[&[result], options].concat()), ok(), "{result} {options:?}");
    ENTRY.life(client)
}

#[test]
fn explicit_options_win_one_by_one() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "ns", "*", "TTL", "5m", "GRACE", "10s");
    policy!(client, "SET", "ns", "op", "TTLFROM", "/s a=7m");
    for (result, options, expected) in [
        ("r", &[][..], (300_000, 10_000)),
        (r#"{"s":"a"}"#, &[], (420_000, 10_000)),
        (r#"{"s":"a"}"#, &["EX", "60"], (60_000, 10_000)),
        (r#"{"s":"a"}"#, &["PX", "1234"], (1234, 10_000)),
        (r#"{"s":"a"}"#, &["GRACE", "5"], (420_000, 5)),
        (r#"{"s":"a"}"#, &["GRACE", "0"], (420_000, 0)),
        ("r", &["EX", "60", "GRACE", "0"], (60_000, 0)),
        // There is nothing whose time could be kept.
        (r#"{"s":"a"}"#, &["KEEPTTL"], (420_000, 10_000)),
        ("r", &["KEEPTTL", "GRACE", "7"], (300_000, 7)),
    ] {
        assert_eq!(life(&mut client, result, options), expected, "{result} {options:?}");
    }
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", r#"{"s":"a"}"#, "PERSIST"), ok());
    assert_eq!(ENTRY.expiry(&mut client), -1);
    // KEEPTTL keeps what is there, whatever the result says.
    assert_eq!(life(&mut client, "r", &["EX", "60", "GRACE", "3"]), (60_000, 3));
    let end = ENTRY.expiry(&mut client);
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", r#"{"s":"a"}"#, "KEEPTTL"), ok());
    assert_eq!(ENTRY.expiry(&mut client), end);
    let at = crate::harness::now_ms() + 90_000;
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", r#"{"s":"a"}"#, "PXAT", at), ok());
    assert_eq!(ENTRY.expiry(&mut client), at + 10_000);
}

#[test]
fn rules_are_cut_to_the_longest_time_that_is_allowed() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "ns", "op", "TTL", "30d", "GRACE", "2h", "TTLFROM", "/s a=20d");
    call!(client, "CONFIG", "SET", "cache.ttl-max-seconds", 3600);
    assert_eq!(life(&mut client, "r", &[]), (HOUR, HOUR));
    assert_eq!(life(&mut client, r#"{"s":"a"}"#, &[]), (HOUR, HOUR));
    // What a client asks is refused as ever, not cut.
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "r", "EX", 3601).error_word(), "ERR");
}

#[test]
fn ttlfrom_takes_strings_numbers_and_booleans() {
    let server = Server::start();
    let mut client = server.client();
    let cases = "in_progress=30s completed=7d 200=2m 1.5=3m true=4m false=5m null=6m 9007199254740993=8m \u{e4}=9m a=b=10m";
    policy!(client, "SET", "ns", "op", "TTL", "1m", "TTLFROM", format!("/status {cases}"));
    for (status, seconds) in [
        ("\"in_progress\"", 30),
        ("\"in\\u005fprogress\"", 30),
        ("\"completed\"", 7 * 86_400),
        ("200", 120),
        ("200.0", 120),
        ("2e2", 120),
        ("\"200\"", 120),
        ("15e-1", 180),
        ("true", 240),
        ("\"true\"", 240),
        ("false", 300),
        ("9007199254740993", 480),
        ("9007199254740992", 60),
        ("\"\u{e4}\"", 540),
        ("\"\\u00e4\"", 540),
        ("\"a=b\"", 600),
        // No pair names these.
        ("\"COMPLETED\"", 60),
        ("\"completed \"", 60),
        ("\"\"", 60),
        ("null", 60),
        ("{}", 60),
        ("[\"completed\"]", 60),
        ("{\"completed\":1}", 60),
    ] {
        for result in
            [format!("{{\"status\":{status}}}"), format!(" {{\"z\":[1,{{}}], \"status\" : {status} }}\n")]
        {
            assert_eq!(life(&mut client, &result, &[]), (seconds * 1000, 0), "{result}");
        }
    }
}

#[test]
fn ttlfrom_on_what_it_cannot_read_is_the_plain_ttl() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "ns", "op", "TTL", "1m", "TTLFROM", "/a/b/0 x=2m");
    assert_eq!(life(&mut client, r#"{"a":{"b":["x"]}}"#, &[]), (120_000, 0));
    assert_eq!(life(&mut client, r#"{"a":{"b":{"0":"x"}}}"#, &[]), (120_000, 0));
    // Of members with the same name the last counts, as for most readers.
    assert_eq!(life(&mut client, r#"{"a":{"b":["y"]},"a":{"b":["x"]}}"#, &[]), (120_000, 0));
    assert_eq!(life(&mut client, r#"{"a":{"b":["x"]},"a":1}"#, &[]), (60_000, 0));
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let beside = format!(r#"{{"a":{{"b":["x"]}},"deep":{deep}}}"#);
    for result in [
        "",
        " ",
        "x",
        "\"x\"",
        "x=2m",
        "null",
        "[]",
        "{}",
        r#"{"a":1}"#,
        r#"{"a":{"b":[]}}"#,
        r#"{"a":{"b":["x"]}"#,
        r#"{"a":{"b":["x"]}} x"#,
        r#"{'a':{'b':['x']}}"#,
        r#"{"a":{"b":["x"],}}"#,
        r#"{"a":{"b":[["x"]]}}"#,
        &deep,
    ] {
        assert_eq!(life(&mut client, result, &[]), (60_000, 0), "{}", &result[..result.len().min(60)]);
    }
    // However deep what nobody asks for is, it is passed by or the plain TTL holds; the server lives.
    let (ttl, _) = life(&mut client, &beside, &[]);
    assert!(ttl == 120_000 || ttl == 60_000, "{ttl}");
    let mut raw = args!["CACHE.RESULT", "SET", "ns", "op", "{}"];
    raw.push(b"{\"a\":{\"b\":[\"x\"]},\"c\":\"\xff\"}".to_vec());
    assert_eq!(client.call(&raw), ok());
    // The whole result, where it is one value.
    policy!(client, "SET", "ns", "op", "TTLFROM", "/ x=3m");
    assert_eq!(life(&mut client, r#"{"":"x"}"#, &[]), (180_000, 0));
}

#[test]
fn a_large_result_is_read_in_passing() {
    let server = Server::start();
    let mut client = server.client();
    // Twenty megabytes of small values, what is asked for at their very end.
    let rows = r#"{"id":123456,"name":"a name","tags":["x","y"],"at":1.5e3},"#.repeat(350_000);
    let result = format!(r#"{{"rows":[{rows}null],"status":"x","expires":4000000000}}"#);
    assert!(result.len() > 20_000_000);
    let mut time = |operation: &str| {
        let mut best = u128::MAX;
        for _ in 0..2 {
            let start = Instant::now();
            assert_eq!(cache!(client, "SET", "ns", operation, "{}", result), ok());
            best = best.min(start.elapsed().as_millis());
        }
        best
    };
    let plain = time("plain");
    let peak =
        |client: &mut Client| -> u64 { client.info("memory", "used_memory_peak").unwrap().parse().unwrap() };
    let before = peak(&mut server.client());
    policy!(
        server.client(),
        "SET",
        "ns",
        "op",
        "TTLFROM",
        "/status x=5m",
        "EXPIRESFROM",
        "/expires 1m",
        "TAGS",
        "s:{result/status}"
    );
    let with_rules = time("op");
    let taken = peak(&mut server.client()) - before;
    assert_eq!(ENTRY.life(&mut client), (300_000, 0));
    assert_eq!(ENTRY.tags(&mut client), ["s:x"]);
    // A generous bound, since this is the build for tests on a machine with other work: reading once or twice in
    // an optimised build takes tens of milliseconds.
    assert!(with_rules < 40 * plain.max(50), "{with_rules} ms with rules, {plain} ms without");
    // The entry itself, its copies on the way; a tree of these values would take ten times the text.
    assert!(taken < 120 << 20, "reading took {} MB", taken >> 20);
}

#[test]
fn jitter_shortens_within_bounds_and_always_alike() {
    let primary = Server::start();
    let replica = Launch::new().replica_of(&primary).start();
    let mut client = primary.client();
    policy!(client, "SET", "ns", "op", "TTL", "1000s", "GRACE", "1m", "JITTER", "20");
    let params: Vec<String> = (0..400).map(|n| n.to_string()).collect();
    let lives = |client: &mut Client| -> Vec<i64> {
        let life = |params: &String| {
            let entry = Entry::of("ns", params);
            assert_eq!(entry.call(client, "SET", &["r"]), ok());
            let (ttl, grace) = entry.life(client);
            assert_eq!(grace, 60_000, "the grace is not jittered");
            ttl
        };
        params.iter().map(life).collect()
    };
    let first = lives(&mut client);
    assert!(first.iter().all(|ttl| (800_000..=1_000_000).contains(ttl)), "{first:?}");
    // Evenly spread: each fifth of the range has its share.
    for part in 0..5 {
        let from = 800_000 + part * 40_000;
        let there = first.iter().filter(|ttl| (from..from + 40_000).contains(*ttl)).count();
        assert!((45..=120).contains(&there), "{there} of 400 in part {part}");
    }
    assert_eq!(lives(&mut client), first, "another write gave another TTL");
    wait_for_replica_in_sync(&primary, &replica);
    let mut follower = replica.client();
    for params in &params {
        let entry = Entry::of("ns", params);
        assert_eq!(entry.life(&mut follower), entry.life(&mut client));
    }
    // The replica comes to the same by itself.
    call!(follower, "REPLICAOF", "NO", "ONE");
    assert_eq!(lives(&mut follower), first, "a promoted replica gave another TTL");
    // In other spellings and by fingerprint too.
    cache!(client, "SET", "ns", "op", "7.0", "r");
    assert_eq!(Entry::of("ns", "7").life(&mut client).0, first[7]);
    let fingerprint = format!("fp:{}", Entry::of("ns", "7").info(&mut client, "fingerprint").text());
    cache!(client, "SET", "ns", "op", fingerprint, "r");
    assert_eq!(Entry::of("ns", "7").life(&mut client).0, first[7]);
}

#[test]
fn jitter_touches_what_rules_say_and_nothing_else() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "ns", "op", "TTL", "1000s", "JITTER", "50", "TTLFROM", "/s a=2000s");
    let (plain, _) = life(&mut client, "r", &[]);
    assert!((500_000..1_000_000).contains(&plain), "{plain}");
    let (by_result, _) = life(&mut client, r#"{"s":"a"}"#, &[]);
    assert!((by_result - 2 * plain).abs() <= 2, "{by_result} and {plain}");
    assert_eq!(life(&mut client, "r", &["EX", "600"]).0, 600_000);
    assert_eq!(life(&mut client, "r", &["PX", "600001"]).0, 600_001);
    let at = crate::harness::now_ms() + 90_000;
    cache!(client, "SET", "ns", "op", "{}", "r", "PXAT", at);
    assert_eq!(ENTRY.expiry(&mut client), at);
    cache!(client, "SET", "ns", "op", "{}", "s", "KEEPTTL");
    assert_eq!(ENTRY.expiry(&mut client), at);
    cache!(client, "SET", "ns", "op", "{}", "s", "PERSIST");
    assert_eq!(ENTRY.expiry(&mut client), -1);
    policy!(client, "SET", "ns", "op", "JITTER", "0");
    assert_eq!(life(&mut client, "r", &[]).0, 1_000_000);
    // Of a millisecond something remains.
    policy!(client, "SET", "ns", "op", "JITTER", "100", "TTL", "1ms");
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "r"), ok());
}
