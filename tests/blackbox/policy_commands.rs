//! `CACHE.POLICY`: what each subcommand replies, and how rules are merged.

use crate::harness::{Entry, Server, Value, explained, nil, ok, rules};
use crate::{args, cache, call, policy};

/// The fields in the order in which they are shown, with their defaults.
const FIELDS: [(&str, &str); 19] = [
    ("TTL", "1h"),
    ("GRACE", "0"),
    ("NEGATIVE", "0"),
    ("JITTER", "0"),
    ("LEASE", "30s"),
    ("RETRY", "1s"),
    ("REFRESH", "0"),
    ("TTLFROM", "-"),
    ("EXPIRESFROM", "-"),
    ("TAGS", "-"),
    ("IGNORE", "-"),
    ("HASH", "sha256"),
    ("COMPRESS", "off"),
    ("MAXBYTES", "-"),
    ("MAXWEIGHT", "-"),
    ("EVICT", "lru"),
    ("REMOVALS", "off"),
    ("TARGET", "80"),
    ("BYPASS", "no"),
];

#[test]
fn replies_have_one_shape_in_both_protocols() {
    let server = Server::start();
    for mut client in [server.client(), server.client().resp3()] {
        assert_eq!(policy!(client, "LIST"), Value::Array(vec![]));
        assert_eq!(policy!(client, "GET", "a*", "b"), nil());
        assert_eq!(policy!(client, "SET", "a*", "b", "TTL", "60s", "BYPASS", "no"), ok());
        let rule = Value::Array(["a*", "b", "TTL", "1m", "BYPASS", "no"].map(Value::from).to_vec());
        assert_eq!(policy!(client, "LIST"), Value::Array(vec![rule]));
        let default = |name: &str, value: Value| Value::Array(vec![name.into(), value, nil(), nil()]);
        let explained = policy!(client, "EXPLAIN", "abc", "b");
        let rows = explained.array();
        assert_eq!(rows[0], Value::Array(["TTL", "1m", "a*", "b"].map(Value::from).to_vec()));
        assert_eq!(rows[1], default("GRACE", "0".into()));
        assert_eq!(rows[7], default("TTLFROM", nil()));
        assert_eq!(rows.len(), FIELDS.len());
        assert_eq!(policy!(client, "DEL", "a*", "b"), 1.into());
        assert_eq!(policy!(client, "DEL", "a*", "b"), 0.into());
        let help = policy!(client, "HELP");
        let lines: Vec<String> = help.array().iter().map(Value::text).collect();
        for name in ["SET", "GET", "DEL", "LIST", "EXPLAIN", "HELP"] {
            let line = lines.iter().position(|line| line.split(' ').next() == Some(name));
            let line = line.unwrap_or_else(|| panic!("HELP says nothing of {name}: {lines:?}"));
            assert!(lines[line + 1].starts_with("    "), "{name} has no summary");
        }
    }
    // Flat pairs, or the map that they are.
    policy!(server.client(), "SET", "a*", "b", "TTL", "60s", "GRACE", "0");
    let flat = Value::Array(["TTL", "1m", "GRACE", "0"].map(Value::from).to_vec());
    assert_eq!(policy!(server.client(), "GET", "a*", "b"), flat);
    let map = Value::Map(vec![("TTL".into(), "1m".into()), ("GRACE".into(), "0".into())]);
    assert_eq!(policy!(server.client().resp3(), "GET", "a*", "b"), map);
}

#[test]
fn without_rules_every_field_has_its_default() {
    let server = Server::start();
    let mut client = server.client();
    let told = policy!(client, "EXPLAIN", "ns", "op");
    let names: Vec<String> = told.array().iter().map(|row| row.array()[0].text()).collect();
    assert_eq!(names, FIELDS.map(|(name, _)| name));
    for (name, default) in FIELDS {
        assert_eq!(explained(&mut client, "ns", "op", name), format!("{default}|-|-"));
    }
    assert_eq!(call!(client, "DBSIZE"), 0.into(), "EXPLAIN made a namespace");
}

#[test]
fn a_rule_is_changed_field_by_field_as_a_hash_is() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "a", "x", "TTL", "5m", "GRACE", "10s");
    policy!(client, "SET", "b", "x", "TTL", "6m");
    policy!(client, "SET", "a", "x", "ttl", "7m", "Bypass", "YES");
    // The rule stays where it is in the list, its fields in their order.
    assert_eq!(rules(&mut client), ["a|x|TTL|7m|GRACE|10s|BYPASS|yes", "b|x|TTL|6m"]);
    assert_eq!(policy!(client, "DEL", "a", "x", "grace", "TTLFROM"), 1.into());
    assert_eq!(policy!(client, "DEL", "a", "x", "GRACE", "TTLFROM"), 0.into());
    assert_eq!(rules(&mut client), ["a|x|TTL|7m|BYPASS|yes", "b|x|TTL|6m"]);
    // The last field takes the rule along, and one that is made again is the newest.
    assert_eq!(policy!(client, "DEL", "a", "x", "TTL", "BYPASS"), 1.into());
    assert_eq!(policy!(client, "GET", "a", "x"), nil());
    policy!(client, "SET", "a", "x", "TTL", "8m");
    assert_eq!(rules(&mut client), ["b|x|TTL|6m", "a|x|TTL|8m"]);
    // Patterns are compared as they are written, not by what they match.
    assert_eq!(policy!(client, "DEL", "*", "x"), 0.into());
    assert_eq!(policy!(client, "GET", "[a]", "x"), nil());
    assert_eq!(policy!(client, "DEL", "b", "x"), 1.into());
    assert_eq!(rules(&mut client), ["a|x|TTL|8m"]);
}

#[test]
fn values_are_shown_in_one_spelling() {
    let server = Server::start();
    let mut client = server.client();
    for (field, given, shown) in [
        ("TTL", "60s", "1m"),
        ("TTL", "1000ms", "1s"),
        ("TTL", "90s", "90s"),
        ("TTL", "1500ms", "1500ms"),
        ("TTL", "24h", "1d"),
        ("TTL", "48H", "2d"),
        ("TTL", "36500d", "36500d"),
        ("TTL", "1ms", "1ms"),
        ("GRACE", "0", "0"),
        ("GRACE", "0d", "0"),
        ("GRACE", "86400s", "1d"),
        ("JITTER", "100", "100"),
        ("JITTER", "0", "0"),
        ("HASH", "BLAKE3", "blake3"),
        ("BYPASS", "No", "no"),
        ("TTLFROM", "  /a   x=60s\ty=1h ", "/a x=1m y=1h"),
        ("TTLFROM", "/a~1b/0 a=b=5s", "/a~1b/0 a=b=5s"),
        ("EXPIRESFROM", "/e 60s", "/e 1m"),
        ("EXPIRESFROM", "/ 0s", "/ 0"),
        ("TAGS", " a  b:{params/x}{result} ", "a b:{params/x}{result}"),
        ("IGNORE", "/a\n/b/0", "/a /b/0"),
    ] {
        assert_eq!(policy!(client, "SET", "ns", "op", field, given), ok(), "{field} {given}");
        assert_eq!(policy!(client, "GET", "ns", "op").field(field), shown.into());
        // What is shown can be set.
        assert_eq!(policy!(client, "SET", "ns", "op", field, shown), ok(), "{field} {shown}");
        assert_eq!(policy!(client, "GET", "ns", "op").field(field), shown.into());
        assert_eq!(explained(&mut client, "ns", "op", field), format!("{shown}|ns|op"));
    }
}

#[test]
fn the_more_specific_rule_wins_field_by_field() {
    let server = Server::start();
    let mut client = server.client();
    for (ns, operation, fields) in [
        ("project:7", "*", &["TTL", "1s"][..]),
        ("*", "*", &["TTL", "2s", "GRACE", "20s", "JITTER", "2", "TAGS", "all"]),
        ("project:*", "video:*", &["TTL", "3s", "GRACE", "30s"]),
        ("*", "video:stats", &["TTL", "4s"]),
        ("project:[0-9]", "video:?tats", &["JITTER", "5"]),
    ] {
        let mut command = args!["CACHE.POLICY", "SET", ns, operation];
        command.extend(fields.iter().map(|word| word.as_bytes().to_vec()));
        assert_eq!(client.call(&command), ok());
    }
    for (ns, operation, field, expected) in [
        // 9 literal characters, 8 + 6, 11, 0.
        ("project:7", "video:stats", "TTL", "3s|project:*|video:*"),
        ("project:7", "video:stats", "GRACE", "30s|project:*|video:*"),
        ("project:7", "video:stats", "JITTER", "5|project:[0-9]|video:?tats"),
        ("project:7", "video:stats", "TAGS", "all|*|*"),
        ("project:7", "video:stats", "HASH", "sha256|-|-"),
        ("project:7", "list", "TTL", "1s|project:7|*"),
        ("project:7", "list", "GRACE", "20s|*|*"),
        ("project:77", "list", "TTL", "2s|*|*"),
        ("project:77", "video:stats", "JITTER", "2|*|*"),
        ("tenant", "video:stats", "TTL", "4s|*|video:stats"),
        ("tenant", "video:statsX", "TTL", "2s|*|*"),
    ] {
        assert_eq!(explained(&mut client, ns, operation, field), expected, "{ns} {operation} {field}");
    }
    // What is explained is what happens.
    for (ns, operation, life) in [
        ("project:77", "video:list", (3000, 30_000)),
        ("tenant", "list", (2000, 20_000)),
        ("tenant", "video:stats", (4000, 20_000)),
    ] {
        policy!(client, "DEL", "*", "*", "JITTER");
        assert_eq!(cache!(client, "SET", ns, operation, "{}", "r"), ok());
        assert_eq!(Entry { ns, operation, params: "{}" }.life(&mut client), life, "{ns} {operation}");
    }
}

#[test]
fn of_equally_specific_rules_the_later_wins() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "ab*", "*", "TTL", "1s", "GRACE", "1s");
    policy!(client, "SET", "*", "op", "TTL", "2s");
    policy!(client, "SET", "*bc", "*", "JITTER", "3");
    assert_eq!(explained(&mut client, "abc", "op", "TTL"), "2s|*|op");
    assert_eq!(explained(&mut client, "abc", "op", "GRACE"), "1s|ab*|*");
    // Changing a rule does not make it later.
    policy!(client, "SET", "ab*", "*", "TTL", "4s");
    assert_eq!(explained(&mut client, "abc", "op", "TTL"), "2s|*|op");
    // Making it again does.
    policy!(client, "DEL", "ab*", "*");
    policy!(client, "SET", "ab*", "*", "TTL", "5s");
    assert_eq!(explained(&mut client, "abc", "op", "TTL"), "5s|ab*|*");
}

#[test]
fn globs_are_those_of_core() {
    let server = Server::start();
    let mut client = server.client();
    for (pattern, name, matches) in [
        ("a*c", "abbc", true),
        ("a*c", "abbd", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("[ab]c", "bc", true),
        ("[^ab]c", "bc", false),
        ("[a-c]x", "bx", true),
        ("h{t}*", "h{t}1", true),
        ("*{t}*", "h{u}1", false),
        ("\\*", "x", false),
        ("ABC", "abc", false),
    ] {
        policy!(client, "SET", pattern, "*", "TTL", "7s");
        let told = explained(&mut client, name, "op", "TTL");
        assert_eq!(told.starts_with("7s|"), matches, "{pattern} {name}: {told}");
        assert_eq!(policy!(client, "DEL", pattern, "*"), 1.into());
    }
}

#[test]
fn a_change_takes_effect_at_the_next_command() {
    let server = Server::start();
    let mut client = server.client();
    let entry = Entry::of("ns", "{}");
    for (ttl, ms) in [("5m", 300_000), ("6m", 360_000)] {
        policy!(client, "SET", "n*", "*", "TTL", ttl);
        // No entry that is stored already moves.
        if ms == 360_000 {
            assert_eq!(entry.life(&mut client), (300_000, 0));
        }
        cache!(client, "SET", "ns", "op", "{}", "r");
        assert_eq!(entry.life(&mut client), (ms, 0));
    }
    policy!(client, "DEL", "n*", "*");
    cache!(client, "SET", "ns", "op", "{}", "r");
    assert_eq!(entry.life(&mut client), (3_600_000, 0));
}

#[test]
fn rules_hold_in_every_database() {
    let server = Server::start();
    let mut client = server.client();
    client.must(&["SELECT", "3"]);
    policy!(client, "SET", "ns", "op", "TTL", "5m");
    for database in ["0", "3", "15"] {
        client.must(&["SELECT", database]);
        assert_eq!(rules(&mut client), ["ns|op|TTL|5m"]);
        cache!(client, "SET", "ns", "op", "{}", "r");
        assert_eq!(Entry::of("ns", "{}").life(&mut client), (300_000, 0));
    }
}

#[test]
fn transactions_and_scripts_may_change_rules() {
    let server = Server::start();
    let mut client = server.client();
    let replies = client.pipeline(&[
        args!["MULTI"],
        args!["CACHE.POLICY", "SET", "ns", "op", "TTL", "5m"],
        args!["CACHE.RESULT", "SET", "ns", "op", "{}", "r"],
        args!["CACHE.POLICY", "SET", "ns", "op", "IGNORE", "/a"],
        args!["CACHE.RESULT", "GET", "ns", "op", "{\"a\":1}"],
        args!["EXEC"],
    ]);
    assert_eq!(replies[5], Value::Array(vec![ok(), ok(), ok(), "r".into()]));
    assert_eq!(Entry::of("ns", "{}").life(&mut client), (300_000, 0));
    let script = "
        redis.call('CACHE.POLICY', 'SET', 'ns', 'op', 'TTL', '6m')
        redis.call('CACHE.RESULT', 'SET', KEYS[1], 'op', '{}', 'r')
        return redis.call('CACHE.POLICY', 'LIST')";
    let told = call!(client, "EVAL", script, 1, "ns");
    let rule = ["ns", "op", "TTL", "6m", "IGNORE", "/a"].map(Value::from).to_vec();
    assert_eq!(told, Value::Array(vec![Value::Array(rule)]));
    assert_eq!(Entry::of("ns", "{}").life(&mut client), (360_000, 0));
    // What is refused inside of a script is an error there, and changes nothing.
    let script = "return redis.pcall('CACHE.POLICY', 'SET', 'ns', 'op', 'TTL', 'x')";
    assert_eq!(call!(client, "EVAL", script, 0).error_word(), "BADPOLICY");
    assert!(call!(client, "EVAL_RO", script, 0).is_error());
    assert_eq!(rules(&mut client), ["ns|op|TTL|6m|IGNORE|/a"]);
}
