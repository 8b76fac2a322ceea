//! What `CACHE.POLICY` refuses: each with BADPOLICY, a sentence that names field and value, and nothing changed.

use crate::harness::{Client, Server, ok, rules};
use crate::{args, policy};

/// A rule that refused commands must leave as it is.
const KEPT: &str = "ns|op|TTL|5m|GRACE|10s";

#[track_caller]
fn with_a_rule() -> (Server, Client) {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(policy!(client, "SET", "ns", "op", "TTL", "5m", "GRACE", "10s"), ok());
    (server, client)
}

/// Sends SET for `ns op` with these words; it must be refused and name all of `named`.
#[track_caller]
fn refused(client: &mut Client, words: &[&str], named: &[&str]) {
    let mut command = args!["CACHE.POLICY", "SET", "ns", "op"];
    command.extend(words.iter().map(|word| word.as_bytes().to_vec()));
    let reply = client.call(&command);
    assert_eq!(reply.error_word(), "BADPOLICY", "{words:?}");
    for name in named {
        assert!(reply.error().contains(name), "{words:?}: {name} is not in {reply:?}");
    }
    assert_eq!(rules(client), [KEPT], "{words:?}");
}

#[test]
fn values_that_do_not_parse() {
    let (_server, mut client) = with_a_rule();
    let long = format!("/{}", "p".repeat(5000));
    let pointers = "/a ".repeat(65);
    let pairs = (0..65).map(|n| format!(" v{n}=1s")).collect::<String>();
    let pairs = format!("/a{pairs}");
    for (field, values) in [
        (
            "TTL",
            &["", "0", "0s", "5", "-1s", "1.5h", "1w", "s", " 1s", "1s ", "01s", "36501d", "1 s", "1s2s"][..],
        ),
        ("TTL", &["18446744073709551616ms", "99999999999999999999999d", "1e3s", "forever", "\u{e9}s"]),
        ("GRACE", &["", "5", "-1s", "1.5h", "00", "36501d", "none"]),
        ("JITTER", &["", "101", "-1", "1.5", "10%", "1e1", "00", "256", "18446744073709551616"]),
        ("HASH", &["", "sha1", "sha-256", "blake3 ", "md5"]),
        ("BYPASS", &["", "1", "true", "yes ", "on"]),
        (
            "TTLFROM",
            &[
                "",
                " ",
                "/status",
                "status a=1s",
                "/s a",
                "/s a=",
                "/s =1s",
                "/s a=1",
                "/s a=0",
                "/s a=1s a=2s",
            ],
        ),
        ("TTLFROM", &["/s~ a=1s", "/s~2 a=1s", "/s a=1s b", &pairs, &long]),
        ("EXPIRESFROM", &["", "/e", "e 60s", "/e 60", "/e -1s", "/e 60s 61s", "60s", "60s /e", "/e~ 1s"]),
        (
            "TAGS",
            &[
                "",
                " ",
                "{params",
                "params}",
                "{params/a",
                "{x/a}",
                "{paramsa}",
                "{params/a~}",
                "{{params/a}}",
                "a{}",
            ],
        ),
        ("TAGS", &["{result a}", "{PARAMS/a}", &"a ".repeat(65)]),
        ("IGNORE", &["", "a", "requestId", "/a b", "/a/~", "#/a", "$.a", &pointers, &long]),
    ] {
        for value in values {
            let shown: String = value.chars().take(20).collect();
            refused(&mut client, &[field, value], &[field, &format!("'{shown}"), "accepted"]);
            // A good field beside it is not set either, before it or behind.
            let other = if field == "TTL" { ["GRACE", "9m"] } else { ["TTL", "9m"] };
            refused(&mut client, &[other[0], other[1], field, value], &[field]);
            refused(&mut client, &[field, value, other[0], other[1]], &[field]);
        }
    }
    let bytes = args!["CACHE.POLICY", "SET", "ns", "op", "IGNORE", b"/\xff"];
    assert_eq!(client.call(&bytes).error_word(), "BADPOLICY");
    assert_eq!(rules(&mut client), [KEPT]);
}

#[test]
fn fields_that_are_unknown_doubled_or_lack_their_value() {
    let (_server, mut client) = with_a_rule();
    refused(&mut client, &["EXPIRY", "5m"], &["'EXPIRY'", "TTLFROM"]);
    refused(&mut client, &["TTL ", "5m"], &["'TTL '"]);
    refused(&mut client, &["", "5m"], &["''"]);
    refused(&mut client, &["TTL", "9m", "NONE", "1"], &["'NONE'"]);
    refused(&mut client, &["TTL", "9m", "GRACE"], &["GRACE"]);
    refused(&mut client, &["JITTER", "5", "NONE"], &["'NONE'"]);
    refused(&mut client, &["TTL", "9m", "ttl", "8m"], &["TTL", "twice"]);
    refused(&mut client, &["NONE\r\n+OK", "1"], &["NONE??+OK"]);
    let unknown = policy!(client, "DEL", "ns", "op", "TTL", "NONE");
    assert!(unknown.error().starts_with("BADPOLICY") && unknown.error().contains("'NONE'"), "{unknown:?}");
    assert_eq!(rules(&mut client), [KEPT]);
}

#[test]
fn thresholds_of_compression_that_are_no_sizes() {
    let (_server, mut client) = with_a_rule();
    for wrong in ["4xb", "", "on", "0", "-1", "1.5kb", "9007199254740992"] {
        let shown = format!("'{wrong}'");
        refused(&mut client, &["TTL", "9m", "COMPRESS", wrong], &["COMPRESS", &shown, "off, or a size"]);
    }
}

#[test]
fn budgets_belong_to_rules_for_all_operations() {
    let (_server, mut client) = with_a_rule();
    for (field, good, bad) in [
        ("MAXBYTES", "500mb", "0"),
        ("MAXWEIGHT", "50gb", "1pb"),
        ("EVICT", "fifo", "random"),
        ("REMOVALS", "1000", "0"),
    ] {
        refused(&mut client, &[field, good], &[field, "'*'"]);
        refused(&mut client, &[field, bad], &[field, &format!("'{bad}'")]);
        assert_eq!(policy!(client, "SET", "ns", "*", field, bad).error_word(), "BADPOLICY");
        assert_eq!(rules(&mut client), [KEPT]);
        assert_eq!(policy!(client, "SET", "ns", "*", field, good), ok());
        policy!(client, "DEL", "ns", "*");
    }
}

#[test]
fn patterns_of_which_no_name_consists() {
    let (_server, mut client) = with_a_rule();
    let longest = "n".repeat(256);
    let too_long = "n".repeat(257);
    for bad in [
        &b""[..],
        b"a b",
        b"a\n",
        b"a\0b",
        b"\xff",
        "\u{e9}".as_bytes(),
        b"a,b",
        b"a|b",
        b"a'b",
        too_long.as_bytes(),
    ] {
        for command in [
            args!["CACHE.POLICY", "SET", bad, "op", "TTL", "1s"],
            args!["CACHE.POLICY", "SET", "ns", bad, "TTL", "1s"],
            args!["CACHE.POLICY", "GET", bad, "op"],
            args!["CACHE.POLICY", "GET", "ns", bad],
            args!["CACHE.POLICY", "DEL", bad, "op"],
            args!["CACHE.POLICY", "DEL", "ns", bad],
        ] {
            let reply = client.call(&command);
            assert_eq!(reply.error_word(), "BADPOLICY", "{command:?}");
            assert!(reply.error().contains("pattern") && reply.error().len() < 300, "{reply:?}");
            assert_eq!(rules(&mut client), [KEPT]);
        }
        for command in
            [args!["CACHE.POLICY", "EXPLAIN", bad, "op"], args!["CACHE.POLICY", "EXPLAIN", "ns", bad]]
        {
            assert_eq!(client.call(&command).error_word(), "BADNAME", "{command:?}");
        }
    }
    // Braces are of namespaces only.
    assert_eq!(policy!(client, "SET", "ns", "a{b}", "TTL", "1s").error_word(), "BADPOLICY");
    assert_eq!(policy!(client, "SET", longest, longest, "TTL", "1s"), ok());
    assert_eq!(policy!(client, "DEL", longest, longest), 1.into());
    assert_eq!(rules(&mut client), [KEPT]);
}

#[test]
fn too_few_and_too_many_words() {
    let (_server, mut client) = with_a_rule();
    for command in [
        args!["CACHE.POLICY"],
        args!["CACHE.POLICY", "SET"],
        args!["CACHE.POLICY", "SET", "ns"],
        args!["CACHE.POLICY", "SET", "ns", "op"],
        args!["CACHE.POLICY", "GET", "ns"],
        args!["CACHE.POLICY", "GET", "ns", "op", "TTL"],
        args!["CACHE.POLICY", "DEL", "ns"],
        args!["CACHE.POLICY", "LIST", "ns"],
        args!["CACHE.POLICY", "EXPLAIN", "ns"],
        args!["CACHE.POLICY", "EXPLAIN", "ns", "op", "{}"],
        args!["CACHE.POLICY", "HELP", "SET"],
        args!["CACHE.POLICY", "NONE"],
    ] {
        assert_eq!(client.call(&command).error_word(), "ERR", "{command:?}");
    }
    // One word is not enough for a pair, whoever counts first.
    assert!(policy!(client, "SET", "ns", "op", "TTL").is_error());
    assert_eq!(rules(&mut client), [KEPT]);
}

#[test]
fn more_rules_than_there_may_be() {
    let (server, mut client) = with_a_rule();
    let set = |n: usize| args!["CACHE.POLICY", "SET", format!("ns:{n}"), "op", "TTL", "1m"];
    let commands: Vec<_> = (1..10_000).map(set).collect();
    assert!(client.pipeline(&commands).iter().all(|reply| *reply == ok()));
    let full = rules(&mut client);
    assert_eq!(full.len(), 10_000);
    let reply = policy!(client, "SET", "one", "more", "TTL", "1m");
    assert_eq!(reply.error_word(), "BADPOLICY");
    assert!(reply.error().contains("10000") && reply.error().contains("one"), "{reply:?}");
    assert!(rules(&mut client) == full);
    // Those that are there can still be changed, and one that goes makes room.
    assert_eq!(policy!(client, "SET", "ns:77", "op", "GRACE", "1m"), ok());
    assert_eq!(policy!(client, "DEL", "ns:78", "op"), 1.into());
    assert_eq!(policy!(client, "SET", "one", "more", "TTL", "1m"), ok());
    let full = rules(&mut client);
    assert_eq!((full.len(), full[9999].as_str()), (10_000, "one|more|TTL|1m"));
    server.client().must(&["DEBUG", "RELOAD"]);
    assert!(rules(&mut client) == full, "not all rules came back");
}
