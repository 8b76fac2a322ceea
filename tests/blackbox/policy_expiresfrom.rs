//! EXPIRESFROM: what is stored never outlives the instant in the result, less its margin.

use crate::harness::{Client, Entry, Server, Value, nil, now_ms, ok};
use crate::{args, cache, call, policy};

const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };

/// Tenths of a second of 2031-05-04, as RFC 3339 and as Unix milliseconds.
const FAR: &str = "2031-05-04T10:00:00Z";
const FAR_MS: i64 = 1_935_655_200_000;

/// A server with the rule `/e` with a margin, and a long TTL.
#[track_caller]
fn with_margin(margin: &str) -> (Server, Client) {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(
        policy!(client, "SET", "ns", "op", "TTL", "3650d", "EXPIRESFROM", format!("/e {margin}")),
        ok()
    );
    (server, client)
}

fn set(client: &mut Client, instant: &str, options: &[&str]) -> Value {
    let result = format!(r#"{{"url":"https://x/1?s=1","e":{instant}}}"#);
    ENTRY.call(client, "SET", &[&[result.as_str()], options].concat())
}

#[test]
fn instants_are_read_in_seconds_and_as_rfc_3339() {
    let (_server, mut client) = with_margin("60s");
    for (instant, end_ms) in [
        ("1935655200", FAR_MS),
        ("1935655200.0", FAR_MS),
        ("1935655200.25", FAR_MS + 250),
        ("1.9356552e9", FAR_MS),
        ("\"1935655200\"", FAR_MS),
        (&format!("\"{FAR}\""), FAR_MS),
        ("\"2031-05-04t10:00:00z\"", FAR_MS),
        ("\"2031-05-04T12:30:00+02:30\"", FAR_MS),
        ("\"2031-05-04T09:00:00-01:00\"", FAR_MS),
        ("\"2031-05-04T10:00:00.125Z\"", FAR_MS + 125),
        ("\"2031-05-04T10:00:00.125999999Z\"", FAR_MS + 125),
        ("\"2031\\u002d05-04T10:00:00Z\"", FAR_MS),
    ] {
        assert_eq!(set(&mut client, instant, &[]), ok(), "{instant}");
        assert_eq!(ENTRY.expiry(&mut client), end_ms - 60_000, "{instant}");
        ENTRY.life(&mut client);
    }
}

#[test]
fn it_only_shortens() {
    let (_server, mut client) = with_margin("60s");
    policy!(client, "SET", "ns", "op", "TTL", "5m", "GRACE", "1m");
    assert_eq!(set(&mut client, "1935655200", &[]), ok());
    assert_eq!(ENTRY.life(&mut client), (300_000, 60_000));
    // Grace is cut first, then freshness.
    let in_seconds = |seconds: i64| now_ms() / 1000 + seconds;
    let end = in_seconds(60 + 330);
    assert_eq!(set(&mut client, &end.to_string(), &[]), ok());
    let (ttl, grace) = ENTRY.life(&mut client);
    assert_eq!((ttl, ENTRY.expiry(&mut client)), (300_000, (end - 60) * 1000));
    assert!((29_000..=30_000).contains(&grace), "{grace}");
    let end = in_seconds(60 + 100);
    assert_eq!(set(&mut client, &end.to_string(), &[]), ok());
    let (ttl, grace) = ENTRY.life(&mut client);
    assert_eq!((grace, ENTRY.expiry(&mut client)), (0, (end - 60) * 1000));
    assert!((99_000..=100_000).contains(&ttl), "{ttl}");
}

#[test]
fn explicit_times_are_bounded_as_well() {
    let (_server, mut client) = with_margin("1m");
    let second = now_ms() / 1000 + 600;
    let bound = (second - 60) * 1000;
    let instant = second.to_string();
    let later = (bound + 86_400_000).to_string();
    for options in [
        &["EX", "86400"][..],
        &["PX", "86400000"],
        &["PXAT", &later],
        &["PERSIST"],
        &["PERSIST", "GRACE", "5"],
        &["KEEPTTL"],
        &["EX", "300", "GRACE", "86400000"],
    ] {
        assert_eq!(set(&mut client, &instant, options), ok());
        assert_eq!(ENTRY.expiry(&mut client), bound, "{options:?}");
    }
    // Shorter ones stay.
    assert_eq!(set(&mut client, &instant, &["EX", "60", "GRACE", "5"]), ok());
    assert_eq!(ENTRY.life(&mut client), (60_000, 5));
    // KEEPTTL of an entry that persists.
    policy!(client, "SET", "ns", "op", "EXPIRESFROM", "/other 1m");
    assert_eq!(set(&mut client, &instant, &["PERSIST"]), ok());
    assert_eq!(ENTRY.expiry(&mut client), -1);
    policy!(client, "SET", "ns", "op", "EXPIRESFROM", "/e 1m");
    assert_eq!(set(&mut client, &instant, &["KEEPTTL"]), ok());
    assert_eq!(ENTRY.expiry(&mut client), bound);
}

#[test]
fn what_says_nothing_is_stored_as_it_would_be_without() {
    let (_server, mut client) = with_margin("60s");
    policy!(client, "SET", "ns", "op", "TTL", "5m");
    for result in ["{}", r#"{"e":null}"#, "not JSON", "", "[1935655200]", "1", r#"{"E":1}"#, r#"{"e":1"#] {
        assert_eq!(cache!(client, "SET", "ns", "op", "{}", result), ok(), "{result}");
        assert_eq!(ENTRY.life(&mut client), (300_000, 0), "{result}");
    }
}

#[test]
fn what_is_no_good_instant_is_refused() {
    let (_server, mut client) = with_margin("60s");
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "kept", "EX", 1000), ok());
    let (version, expiry) = (ENTRY.version(&mut client), ENTRY.expiry(&mut client));
    let (past, now) = ((now_ms() / 1000 - 5).to_string(), now_ms().to_string());
    for (instant, named) in [
        (past.as_str(), &["past", past.as_str()][..]),
        ("0", &["past"]),
        ("-5", &["past"]),
        ("1e-7", &["past"]),
        ("\"1999-12-31T23:59:59Z\"", &["past", "1999-12-31T23:59:59Z"]),
        ("\"1969-12-31T23:59:59Z\"", &["past"]),
        (now.as_str(), &["milliseconds", now.as_str()]),
        ("1935655200000", &["milliseconds"]),
        ("\"1935655200000\"", &["milliseconds"]),
        ("100000000000", &["milliseconds"]),
        ("1e30", &["milliseconds"]),
        ("99999999999999999999999999", &["milliseconds"]),
        ("true", &["no instant", "true"]),
        ("\"\"", &["no instant", "''"]),
        ("\"soon\"", &["no instant", "'soon'"]),
        ("\"2031-05-04\"", &["no instant", "2031-05-04"]),
        ("\"2031-05-04T10:00:00\"", &["no instant"]),
        ("\"2031-02-30T10:00:00Z\"", &["no instant"]),
        ("\"2031-05-04T25:00:00Z\"", &["no instant"]),
        ("\"Sun, 04 May 2031 10:00:00 GMT\"", &["no instant"]),
        ("\" 1935655200\"", &["no instant"]),
        ("\"1935655200.5\"", &["no instant"]),
        ("\"\\u0000\\r\\n+OK\"", &["no instant", "'???+OK'"]),
        ("[1935655200]", &["no instant"]),
        ("{}", &["no instant"]),
    ] {
        let reply = set(&mut client, instant, &[]);
        assert_eq!(reply.error_word(), "ERR", "{instant}: {reply:?}");
        for name in named.iter().chain(&["/e", "EXPIRESFROM"]) {
            assert!(reply.error().contains(name), "{instant}: {name} is not in {reply:?}");
        }
        // An explicit time does not make a bad instant good.
        for options in [&["EX", "5"][..], &["PERSIST"], &["KEEPTTL"]] {
            assert_eq!(set(&mut client, instant, options).error_word(), "ERR", "{instant} {options:?}");
        }
        assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "kept".into());
    }
    assert_eq!(
        (ENTRY.version(&mut client), ENTRY.expiry(&mut client)),
        (version, expiry),
        "something changed"
    );
    // Where NX forbids the write nobody looks.
    assert_eq!(set(&mut client, "0", &["NX"]), nil());
}

#[test]
fn where_the_margin_leaves_nothing_nothing_is_stored() {
    let (_server, mut client) = with_margin("1h");
    let soon = (now_ms() / 1000 + 600).to_string();
    // On an absent entry: OK, and it stays absent.
    assert_eq!(set(&mut client, &soon, &[]), ok());
    assert_eq!(ENTRY.expiry(&mut client), -2);
    for options in
        [&[][..], &["EX", "5"], &["PERSIST"], &["KEEPTTL"], &["XX"], &["GRACE", "5", "TAGS", "1", "t"]]
    {
        assert_eq!(cache!(client, "SET", "ns", "op", "{}", "old", "EX", 1000, "GRACE", 100_000), ok());
        let version = ENTRY.version(&mut client);
        assert_eq!(set(&mut client, &soon, options), ok(), "{options:?}");
        assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), nil(), "{options:?}");
        assert_eq!(ENTRY.expiry(&mut client), -2);
        assert_eq!(ENTRY.info(&mut client, "why"), "invalidated".into());
        cache!(client, "SET", "ns", "op", "{}", "next");
        assert!(ENTRY.version(&mut client) > version + 1, "no mutation was counted");
    }
    assert_eq!(set(&mut client, &soon, &["NX"]), nil(), "NX sees the entry");
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "next".into());
}

#[test]
fn no_margin_is_a_margin_of_nothing() {
    let (_server, mut client) = with_margin("0");
    assert_eq!(set(&mut client, &format!("\"{FAR}\""), &[]), ok());
    assert_eq!(ENTRY.expiry(&mut client), FAR_MS);
    let end = now_ms() / 1000 + 2;
    assert_eq!(set(&mut client, &end.to_string(), &["GRACE", "5000"]), ok());
    assert_eq!(ENTRY.expiry(&mut client), end * 1000);
}

#[test]
fn it_bounds_what_ttlfrom_and_jitter_leave() {
    let (_server, mut client) = with_margin("60s");
    policy!(client, "SET", "ns", "op", "TTLFROM", "/s done=7d", "JITTER", "10");
    let end = now_ms() / 1000 + 600;
    let result = format!(r#"{{"s":"done","e":{end}}}"#);
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", result), ok());
    assert_eq!(ENTRY.expiry(&mut client), (end - 60) * 1000);
    // On a pointer deep in the result, beside others of its name.
    policy!(client, "SET", "ns", "op", "EXPIRESFROM", "/urls/1/a~1b/~0e 0");
    let result = format!(r#"{{"urls":[{{"a/b":{{"~e":1}}}},{{"a/b":{{"~e":{end},"e":1}}}}]}}"#);
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", result), ok());
    assert_eq!(ENTRY.expiry(&mut client), end * 1000);
    let replies = client.pipeline(&[
        args!["MULTI"],
        args!["CACHE.RESULT", "SET", "ns", "op", "{}", r#"{"urls":[0,{"a/b":{"~e":1}}]}"#],
        args!["EXEC"],
    ]);
    assert_eq!(replies[2].array()[0].error_word(), "ERR");
    assert_eq!(call!(client, "PING").text(), "PONG");
}
