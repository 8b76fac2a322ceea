//! Canonical params: every spelling of the same value finds the same entry, two values never do.

use std::time::{Duration, Instant};

use crate::harness::{Client, Random, Server, fingerprint_of, nil, ok};
use crate::{args, cache, call};

/// The fingerprint of an operation called `op`.
fn fingerprint(client: &mut Client, params: &[u8]) -> String {
    cache!(client, "INFO", "ns", "op", params).field("fingerprint").text()
}

/// A canonical form and other spellings of the same value.
const SPELLINGS: &[(&str, &[&str])] = &[
    ("{}", &["{ }", " {\t}\r\n", "\n{\n}\n"]),
    ("[]", &["[ ]", " [ \n ] "]),
    ("null", &[" null", "null\n"]),
    ("true", &["\ttrue"]),
    (r#""""#, &[r#" "" "#]),
    (r#"{"a":1,"b":2}"#, &[r#"{"b":2,"a":1}"#, r#"{ "b" : 2.0 , "\u0061" : 1e0 }"#]),
    (r#"{"a":{"x":[1,{"y":2,"z":3}]},"b":""}"#, &[r#"{"b":"","a":{"x":[1,{"z":3,"y":2}]}}"#]),
    (r#"{"":0,"a":0,"aa":0,"ab":0,"b":0}"#, &[r#"{"b":0,"ab":0,"aa":0,"a":0,"":0}"#]),
    ("1", &["1.0", "1e0", "1E0", "1E+0", "1e-0", "10e-1", "0.1e1", "100E-2", "1.000", "1.0e00", " 1 "]),
    ("0", &["-0", "0.0", "-0.0", "0e0", "0E+5", "-0e-5", "0e400", "0.000e-400", "-0e999999999999999999999"]),
    ("-1", &["-1.0", "-10e-1"]),
    ("0.1", &["1e-1", "0.10", "0.1000000000000000055511151231257827"]),
    ("1e+21", &["1.0e21", "1E21", "10e20", "1000000000000000000000.0"]),
    ("100000000000000000000", &["100000000000000000000"]),
    ("1e-7", &["0.0000001", "1E-7"]),
    ("0.000001", &["1e-6", "1.0e-6"]),
    ("5e-324", &["4.9406564584124654e-324", "4.94065645841246544e-324", "0.3e-323"]),
    ("1.7976931348623157e+308", &["17976931348623157e292", "1.79769313486231570e308"]),
    ("333333333.3333333", &["333333333.33333329"]),
    ("9007199254740991", &["9007199254740991.0", "9.007199254740991e15", "9007199254740991"]),
    ("-9007199254740991", &["-9007199254740991.0"]),
    // An integer beyond 2^53 keeps its digits.
    ("9007199254740993", &[" 9007199254740993"]),
    ("123456789012345678901234567890", &["123456789012345678901234567890 "]),
    (r#""a""#, &[r#""\u0061""#]),
    (r#""/""#, &[r#""\/""#, r#""\u002f""#, r#""\u002F""#]),
    (r#""\"\\""#, &[r#""\u0022\u005c""#, r#""\u0022\\""#]),
    (r#""\b\t\n\f\r""#, &[r#""\u0008\u0009\u000a\u000C\u000d""#]),
    (r#""\u0000\u001f""#, &[r#""\u0000\u001F""#]),
    ("\"\u{7f}\"", &[r#""\u007f""#, r#""\u007F""#]),
    // The string of RFC 8785 section 3.2.2.
    (r#""€$\u000f\nA'B\"\\\\\"/""#, &[r#""\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/""#]),
    ("\"\u{20ac}\"", &[r#""\u20ac""#, r#""\u20AC""#]),
    ("\"\u{1f600}\"", &[r#""\ud83d\ude00""#, r#""\uD83D\uDE00""#]),
    ("\"\u{2028}\u{feff}\"", &[r#""\u2028\ufeff""#]),
    // Sorted by UTF-16 code units, as RFC 8785 section 3.2.3 does: the emoji's surrogates come before U+FB33.
    (
        "{\"\\r\":1,\"1\":2,\"\u{80}\":3,\"\u{f6}\":4,\"\u{20ac}\":5,\"\u{1f600}\":6,\"\u{fb33}\":7}",
        &[r#"{"\u20ac":5,"\r":1,"\ufb33":7,"1":2,"\ud83d\ude00":6,"\u0080":3,"\u00f6":4}"#],
    ),
    // A composed and a decomposed letter are two strings: JSON text is not normalised.
    ("\"\u{e9}\"", &[r#""\u00e9""#]),
    ("\"e\u{301}\"", &[r#""e\u0301""#]),
];

#[test]
fn every_spelling_of_a_value_finds_its_entry() {
    let server = Server::start();
    let mut client = server.client();
    for (canonical, spellings) in SPELLINGS {
        assert_eq!(cache!(client, "SET", "ns", "op", canonical, canonical), ok(), "{canonical}");
        for spelling in *spellings {
            assert_eq!(cache!(client, "GET", "ns", "op", spelling), (*canonical).into(), "{spelling}");
        }
    }
    for (canonical, spellings) in SPELLINGS {
        for spelling in *spellings {
            assert_eq!(
                cache!(client, "GET", "ns", "op", spelling),
                (*canonical).into(),
                "{spelling}, at the end"
            );
        }
    }
}

#[test]
fn the_fingerprint_is_what_standard_tools_print() {
    let server = Server::start();
    let mut client = server.client();
    for (canonical, spellings) in SPELLINGS {
        let printed = fingerprint_of("op", canonical);
        assert_eq!(fingerprint(&mut client, canonical.as_bytes()), printed, "{canonical}");
        for spelling in *spellings {
            assert_eq!(fingerprint(&mut client, spelling.as_bytes()), printed, "{spelling}");
        }
    }
    assert!(cache!(client, "KEY", "ns", "add", r#"{"a":1}"#).text().ends_with(
        // printf '%s' '{"operation":"add","params":{"a":1}}' | sha256sum
        ":add:08d9986d2f11160a87b06e1f7cbb67b6a84e749af87b2425546ad7d8b4082d81"
    ));
}

#[test]
fn two_values_are_never_one_entry() {
    let server = Server::start();
    let mut client = server.client();
    let values = [
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "9007199254740994",
        "-9007199254740992",
        "-9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "100000000000000000000001",
        "100000000000000000000002",
        "1",
        "-1",
        "10",
        "\"1\"",
        "[1]",
        "[[1]]",
        "{\"1\":1}",
        "1.0000000000000002",
        "0.1",
        "0.10000000000000002",
        "0",
        "5e-324",
        "1e-323",
        "null",
        "\"null\"",
        "false",
        "true",
        "\"\"",
        "[]",
        "{}",
        "[null]",
        "[{}]",
        "[[]]",
        "{\"\":\"\"}",
        "{\"a\":null}",
        "{\"a\":[]}",
        "{\"a\":{}}",
        "[1,2]",
        "[2,1]",
        "[12]",
        "\"1,2\"",
        "{\"a\":1,\"b\":2}",
        "{\"a\":2,\"b\":1}",
        "{\"a\":{\"b\":1}}",
        "\"\\\\u0061\"",
        "\"a\"",
        "\"A\"",
        "\" a\"",
        "\"\u{e9}\"",
        "\"e\u{301}\"",
        "\"\\u0000\"",
        "\"\\u0001\"",
        "\"/\"",
        "\"\\\\/\"",
    ];
    // Beyond any double, and apart in the last digit only.
    let long = [format!("{}1", "9".repeat(400)), format!("{}2", "9".repeat(400))];
    let values: Vec<&str> = values.into_iter().chain(long.iter().map(String::as_str)).collect();
    for value in &values {
        assert_eq!(cache!(client, "GET", "ns", "op", value), nil(), "{value} is found before it is stored");
        assert_eq!(cache!(client, "SET", "ns", "op", value, value), ok());
    }
    for value in &values {
        assert_eq!(cache!(client, "GET", "ns", "op", value), (*value).into());
        assert_eq!(fingerprint(&mut client, value.as_bytes()), fingerprint_of("op", value));
    }
    assert_eq!(call!(client, "DBSIZE"), (values.len() as i64 + 1).into());
}

/// Text that is refused, and where the refusal must point, where there can be no doubt.
const REFUSED: &[(&[u8], Option<usize>)] = &[
    (b"", None),
    (b" ", None),
    (b"nul", None),
    (b"NULL", Some(0)),
    (b"True", Some(0)),
    (b"NaN", Some(0)),
    (b"Infinity", Some(0)),
    (b"undefined", Some(0)),
    (b"{", None),
    (b"[", None),
    (b"[1", None),
    (b"[1,", None),
    (b"{\"a\"", None),
    (b"{\"a\":", None),
    (b"{\"a\":1", None),
    (b"{\"a\":1,", None),
    (b"\"", None),
    (b"\"abc", None),
    (b"\"\\", None),
    (b"\"\\u00", None),
    (b"]", Some(0)),
    (b"}", Some(0)),
    (b",", Some(0)),
    (b"[1,]", Some(3)),
    (b"[,1]", Some(1)),
    (b"[1 2]", Some(3)),
    (b"[1}", Some(2)),
    (b"{\"a\":1]", Some(6)),
    (b"{\"a\":1,}", Some(7)),
    (b"{\"a\" 1}", Some(5)),
    (b"{\"a\":}", Some(5)),
    (b"{a:1}", Some(1)),
    (b"{'a':1}", Some(1)),
    (b"{1:1}", Some(1)),
    (b"{null:1}", Some(1)),
    (b"'a'", Some(0)),
    (b"// no\n1", Some(0)),
    (b"1 // no", Some(2)),
    (b"/* no */1", Some(0)),
    (b"{}x", Some(2)),
    (b"{\"a\":1}x", Some(7)),
    (b"{} {}", Some(3)),
    (b"1 1", Some(2)),
    (b"null,", Some(4)),
    (b"1\0", Some(1)),
    (b"\0", Some(0)),
    (b"\x0b1", Some(0)),
    (b"\x0c1", Some(0)),
    (b"\xc2\xa01", Some(0)),
    (b"\xef\xbb\xbf1", Some(0)),
    (b"01", None),
    (b"00", None),
    (b"-01", None),
    (b"-", None),
    (b"+1", Some(0)),
    (b".5", Some(0)),
    (b"5.", None),
    (b"-.5", None),
    (b"1e", None),
    (b"1e+", None),
    (b"1.e1", None),
    (b"1e1.5", None),
    (b"0x10", None),
    (b"1_000", None),
    (b"--1", None),
    // Numbers that a double cannot hold.
    (b"1e309", None),
    (b"-1e309", None),
    (b"1e400", None),
    (b"1.7976931348623159e308", None),
    (b"1e99999999999999999999", None),
    (b"1e-324", None),
    (b"2e-324", None),
    (b"-1e-400", None),
    (b"1e-99999999999999999999", None),
    // Strings.
    (b"\"\x01\"", Some(1)),
    (b"\"a\nb\"", Some(2)),
    (b"\"\t\"", Some(1)),
    (b"\"\\a\"", None),
    (b"\"\\x41\"", None),
    (b"\"\\'\"", None),
    (b"\"\\u12g4\"", None),
    (b"\"\\U0041\"", None),
    (b"\"\\ud800\"", None),
    (b"\"\\ud800x\"", None),
    (b"\"\\ud800\\n\"", None),
    (b"\"\\ud800\\u0041\"", None),
    (b"\"\\ud800\\ud800\"", None),
    (b"\"\\udc00\"", None),
    (b"\"\\udc00\\ud800\"", None),
    (b"{\"\\ud800\":1}", None),
    // Not UTF-8: a lone byte, a cut sequence, an overlong form, a surrogate, beyond U+10FFFF.
    (b"\"\xff\"", Some(1)),
    (b"\"\x80\"", Some(1)),
    (b"\"\xc3\"", Some(1)),
    (b"\"\xe2\x82\"", Some(1)),
    (b"\"\xc0\xaf\"", Some(1)),
    (b"\"\xe0\x80\xaf\"", Some(1)),
    (b"\"\xed\xa0\x80\"", Some(1)),
    (b"\"\xf4\x90\x80\x80\"", Some(1)),
    (b"\"\xf0\x9f\x98\"", Some(1)),
    (b"{\"\xff\":1}", Some(2)),
    (b"\xff", Some(0)),
    // Two members of one name, however they are spelled.
    (b"{\"a\":1,\"a\":1}", Some(7)),
    (b"{\"a\":1,\"b\":2,\"a\":3}", Some(13)),
    (b"{\"a\":1,\"\\u0061\":1}", Some(7)),
    (b"{\"\":1,\"\":2}", Some(6)),
    (b"{\"\xe2\x82\xac\":1,\"\\u20AC\":2}", Some(9)),
    (b"[[{\"x\":{\"a\":1,\"a\":2}}]]", Some(14)),
    // Fingerprints that are none.
    (b"fp:", None),
    (b"fp:0", None),
    (b"fp:08d9986d2f11160a87b06e1f7cbb67b6a84e749af87b2425546ad7d8b4082d8", None),
    (b"fp:08d9986d2f11160a87b06e1f7cbb67b6a84e749af87b2425546ad7d8b4082d811", None),
    (b"fp:08D9986D2F11160A87B06E1F7CBB67B6A84E749AF87B2425546AD7D8B4082D81", None),
    (b"fp:08d9986d2f11160a87b06e1f7cbb67b6a84e749af87b2425546ad7d8b4082d8g", None),
    (b"fp: 8d9986d2f11160a87b06e1f7cbb67b6a84e749af87b2425546ad7d8b4082d81", None),
    (b"FP:08d9986d2f11160a87b06e1f7cbb67b6a84e749af87b2425546ad7d8b4082d81", Some(0)),
    (b" fp:08d9986d2f11160a87b06e1f7cbb67b6a84e749af87b2425546ad7d8b4082d81", Some(1)),
    (b"08d9986d2f11160a87b06e1f7cbb67b6a84e749af87b2425546ad7d8b4082d81", None),
];

/// Each subcommand with params in their place.
fn commands_with(params: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut commands: Vec<_> = ["GET", "EXISTS", "INFO", "KEY", "INVALIDATE"]
        .map(|name| args!["CACHE.RESULT", name, "ns", "op", params])
        .into();
    commands.push(args!["CACHE.RESULT", "SET", "ns", "op", params, "r"]);
    commands
}

#[test]
fn what_is_no_acceptable_json_is_refused_everywhere_with_its_offset() {
    let server = Server::start();
    let mut client = server.client();
    for (params, offset) in REFUSED {
        for command in commands_with(params) {
            let reply = client.call(&command);
            let shown = params.escape_ascii();
            assert_eq!(reply.error_word(), "BADPARAMS", "{shown}: {reply:?}");
            let numbers: Vec<usize> = reply
                .error()
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|number| number.parse().ok())
                .collect();
            match offset {
                Some(offset) => assert!(numbers.contains(offset), "{shown} at {offset}: {reply:?}"),
                None if params.starts_with(b"fp:") => {}
                None => assert!(!numbers.is_empty(), "{shown}: no offset in {reply:?}"),
            }
        }
    }
    assert_eq!(call!(client, "DBSIZE"), 0.into());
}

#[test]
fn nesting_ends_at_a_depth_of_128() {
    let server = Server::start();
    let mut client = server.client();
    for (open, inner, close) in [("[", "", "]"), ("{\"a\":", "{}", "}"), ("[{\"a\":", "0", "}]")] {
        let depth = |levels: usize| open.repeat(levels) + inner + &close.repeat(levels);
        let levels = match open {
            "[" => 128,
            "{\"a\":" => 127,
            _ => 64,
        };
        let deepest = depth(levels);
        assert_eq!(cache!(client, "SET", "ns", "op", deepest, "deep"), ok());
        assert_eq!(cache!(client, "GET", "ns", "op", deepest.replace('{', "{ ")), "deep".into());
        assert_eq!(
            cache!(client, "INFO", "ns", "op", deepest).field("fingerprint").text(),
            fingerprint_of("op", &deepest)
        );
        for command in commands_with(depth(levels + 1).as_bytes()) {
            let reply = client.call(&command);
            assert_eq!(reply.error_word(), "BADPARAMS");
            assert!(reply.error().contains("128"), "what is accepted is not said: {reply:?}");
        }
    }
    // Breadth is no depth.
    let wide = format!("[{}]", vec!["[]"; 1000].join(","));
    assert_eq!(cache!(client, "SET", "ns", "op", wide, "wide"), ok());
}

/// The best of a few tries: a busy machine is not the module's fault.
fn quickest(client: &mut Client, what: &str, params: &str, expected: Option<&str>) -> Duration {
    let tries = (0..5).map(|_| {
        let start = Instant::now();
        let reply = cache!(client, "GET", "ns", "op", params);
        let took = start.elapsed();
        match expected {
            Some(word) => assert!(reply.is_error() && reply.error_word() == word, "{what}: {reply:?}"),
            None => assert_eq!(reply, nil(), "{what}"),
        }
        took
    });
    tries.min().expect("there were five")
}

#[test]
fn a_million_brackets_are_refused_at_once() {
    let mut server = Server::start();
    let mut client = server.client();
    for open in ["[", "{\"\":", "[{\"a\":"] {
        let took = quickest(&mut client, open, &open.repeat(1_000_000 / open.len()), Some("BADPARAMS"));
        assert!(took < Duration::from_millis(20), "{open}: {took:?}");
    }
    server.assert_alive();
}

#[test]
fn no_text_within_the_limit_takes_long() {
    let server = Server::start();
    let mut client = server.client();
    let mut random = Random::seeded(2);
    let size = 1_000_000;
    let members: Vec<String> = (0..50_000).map(|n| format!("\"{:x}{n}\":0", random.next() >> 32)).collect();
    // One prefix for all, so that every comparison of names goes to their end.
    let alike: Vec<String> = (0..6000).rev().map(|n| format!("\"{}{n:05}\":0", "p".repeat(150))).collect();
    let texts = [
        ("elements", format!("[{}0]", "0,".repeat(size / 2 - 2)), None),
        ("members", format!("{{{}}}", members.join(",")), None),
        ("members alike", format!("{{{}}}", alike.join(",")), None),
        ("a name twice", format!("{{{},{}}}", alike.join(","), alike[0]), Some("BADPARAMS")),
        ("escapes", format!("\"{}\"", "\\u00e9".repeat(size / 6)), None),
        ("surrogates", format!("\"{}\"", "\\ud83d\\ude00".repeat(size / 12)), None),
        ("blanks", format!("{}1{}", " ".repeat(size / 2), "\n".repeat(size / 2)), None),
        ("zeros before", format!("0.{}1", "0".repeat(size)), Some("BADPARAMS")),
        ("zeros behind", format!("1.{}", "0".repeat(size)), None),
        // An integer keeps its digits, however many: no double is made of it that could overflow.
        ("digits", "9".repeat(size), None),
        ("a fraction", format!("1.{}", "3".repeat(size)), None),
        ("an exponent", format!("1e{}1", "0".repeat(size)), None),
        ("a huge exponent", format!("1e{}", "9".repeat(size)), Some("BADPARAMS")),
        ("doubles", format!("[{}0]", "1.7976931348623157e308,".repeat(size / 23)), None),
    ];
    for (what, text, expected) in texts {
        assert!(text.len() <= 1 << 20, "{what}: {}", text.len());
        let took = quickest(&mut client, what, &text, expected);
        assert!(took < Duration::from_millis(1500), "{what}: {took:?}");
    }
}
