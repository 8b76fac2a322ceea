//! FETCH: every status and its four parts, the options, the rules that are in force, and what INFO shows.

use crate::harness::{Client, Entry, Fetched, Server, Value, explained, nil, now_ms, ok, wait_until};
use crate::{args, cache, call, policy};

const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };

/// Stores a value that is stale at once, and for a long time.
#[track_caller]
fn make_stale(client: &mut Client) -> i64 {
    assert_eq!(ENTRY.call(client, "SET", &["old", "GRACE", "60000"]), ok());
    assert_eq!(ENTRY.call(client, "INVALIDATE", &["SOFT"]), 1.into());
    ENTRY.version(client)
}

fn simple(status: &str) -> Value {
    Value::Simple(status.to_owned())
}

#[test]
fn each_status_has_the_same_four_parts_in_both_protocols() {
    let server = Server::start();
    let mut other = server.client();
    for mut client in [server.client(), server.client().resp3()] {
        let fetch = |client: &mut Client| ENTRY.call(client, "FETCH", &[""; 0]);
        let lease = fetch(&mut client);
        let token = lease.array()[2].clone();
        assert!(token.text().starts_with("t1-"), "{lease:?}");
        assert_eq!(lease, Value::Array(vec![simple("LEASE"), nil(), token.clone(), 0.into()]));
        assert_eq!(fetch(&mut client), Value::Array(vec![simple("BUSY"), nil(), nil(), 0.into()]));
        assert_eq!(cache!(other, "RENEW", "ns", token.text(), "PROGRESS", r#"{"percent":7}"#), ok());
        let busy = fetch(&mut client);
        assert_eq!(busy.array()[..3], [simple("BUSY"), r#"{"percent":7}"#.into(), nil()], "{busy:?}");
        assert!(busy.array()[3].int() < 0, "progress has a version of its own: {busy:?}");

        assert_eq!(cache!(other, "FILL", "ns", token.text(), "r", "GRACE", 60_000), ok());
        let version = ENTRY.version(&mut other);
        assert!(version > 0);
        assert_eq!(fetch(&mut client), Value::Array(vec![simple("HIT"), "r".into(), nil(), version.into()]));
        ENTRY.call(&mut other, "INVALIDATE", &["SOFT"]);
        let version = ENTRY.version(&mut other);
        let stale = fetch(&mut client);
        let token = stale.array()[2].clone();
        assert_eq!(
            stale,
            Value::Array(vec![simple("STALE"), "r".into(), token.clone(), version.into()]),
            "the first is asked to recompute"
        );
        assert!(token.text().starts_with("t1-"));
        let stale = fetch(&mut client);
        assert_eq!(stale, Value::Array(vec![simple("STALE"), "r".into(), nil(), version.into()]));

        ENTRY.call(&mut other, "INVALIDATE", &[""; 0]);
        let token = ENTRY.lease(&mut other, "");
        assert_eq!(cache!(other, "FAIL", "ns", token, "no camera", "PX", 60_000), ok());
        let version = ENTRY.version(&mut other);
        assert_eq!(
            fetch(&mut client),
            Value::Array(vec![simple("FAILED"), "no camera".into(), nil(), version.into()])
        );
        ENTRY.call(&mut other, "INVALIDATE", &[""; 0]);
    }
}

#[test]
fn results_are_bytes_of_any_kind() {
    let server = Server::start();
    let mut client = server.client();
    for result in [&b""[..], b"\0\xff\r\n$-1\r\n", &vec![b'x'; 1 << 20]] {
        let token = ENTRY.lease(&mut client, "");
        assert_eq!(cache!(client, "FILL", "ns", token, result), ok());
        assert_eq!(ENTRY.fetch(&mut client, "").value.bulk(), result);
        ENTRY.call(&mut client, "INVALIDATE", &[""; 0]);
    }
}

#[test]
fn a_lease_writes_nothing() {
    let server = Server::start();
    let mut client = server.client();
    let mut stream = crate::harness::ReplicationStream::attach(&server);
    client.must(&["WATCH", "ns"]);
    let mut other = server.client();
    let token = ENTRY.lease(&mut other, "HOLDER a");
    assert_eq!(cache!(other, "RENEW", "ns", &token, "PROGRESS", "1", "LEASE", 1000), ok());
    assert_eq!(cache!(other, "RELEASE", "ns", &token), ok());
    let token = ENTRY.lease(&mut other, "");
    assert_eq!(call!(other, "DBSIZE"), 0.into());
    assert_eq!(stream.names(), [""; 0]);
    client.must(&["MULTI"]);
    client.must(&["PING"]);
    assert_ne!(client.must(&["EXEC"]), nil(), "a lease is no change");
    client.must(&["WATCH", "ns"]);
    assert_eq!(cache!(other, "FILL", "ns", token, "r"), ok());
    client.must(&["MULTI"]);
    client.must(&["PING"]);
    assert_eq!(client.must(&["EXEC"]), nil(), "a fill is");
    assert_eq!(stream.names(), ["CACHE.APPLY"], "one command for one fill");
}

#[test]
fn each_grant_has_a_fresh_token() {
    let server = Server::start();
    let mut client = server.client();
    let mut seen = std::collections::BTreeSet::new();
    for n in 0..50 {
        let token = ENTRY.lease(&mut client, "");
        assert!(seen.insert(token.clone()), "{token} was granted twice");
        assert!(seen.insert(Entry::of("ns", &n.to_string()).lease(&mut client, "")));
        cache!(client, "RELEASE", "ns", token);
    }
}

#[test]
fn options_out_of_range_are_refused_and_grant_nothing() {
    let server = Server::start();
    let mut client = server.client();
    let (short, long) = ("h".repeat(256), "h".repeat(257));
    for words in [
        &["LEASE", "0"][..],
        &["LEASE", "-1"],
        &["LEASE", ""],
        &["LEASE", "1.5"],
        &["LEASE", "5s"],
        &["LEASE", "9007199254740992"],
        &["LEASE", "99999999999999999999"],
        &["LEASE"],
        &["LEASE", "1", "LEASE", "1"],
        &["BLOCK", "-1"],
        &["BLOCK", "x"],
        &["BLOCK", "9007199254740992"],
        &["BLOCK"],
        &["BLOCK", "1", "BLOCK", "1"],
        &["HOLDER", ""],
        &["HOLDER"],
        &["REJECT", "x"],
        &["REJECT", ""],
        &["REJECT"],
        &["NOSTALE", "NOSTALE"],
        &["STALE"],
        &["TAGS", "1", "t"],
        &[""],
    ] {
        let reply = ENTRY.call(&mut client, "FETCH", words);
        assert_eq!(reply.error_word(), "ERR", "{words:?}: {reply:?}");
    }
    assert_eq!(ENTRY.call(&mut client, "FETCH", &["HOLDER", &long]).error_word(), "TOOBIG");
    for (ns, operation, params, word) in
        [("a b", "op", "{}", "BADNAME"), ("ns", "o p", "{}", "BADNAME"), ("ns", "op", "{", "BADPARAMS")]
    {
        assert_eq!(cache!(client, "FETCH", ns, operation, params).error_word(), word);
    }
    call!(client, "SET", "text", "v");
    assert_eq!(cache!(client, "FETCH", "text", "op", "{}").error_word(), "WRONGTYPE");
    call!(client, "CONFIG", "SET", "cache.ttl-max-seconds", 10);
    assert_eq!(ENTRY.call(&mut client, "FETCH", &["LEASE", "10001"]).error_word(), "ERR");
    call!(client, "CONFIG", "SET", "cache.ttl-max-seconds", 1000);
    let options = format!("lease 1000000 block 9007199254740991 holder {short} reject 0 nostale");
    ENTRY.lease(&mut client, &options);
}

#[test]
fn a_holder_that_asks_again_gets_its_token_and_no_more_time() {
    let server = Server::start();
    let mut client = server.client();
    let token = ENTRY.lease(&mut client, "LEASE 50000 HOLDER worker-1");
    let deadline = ENTRY.info(&mut client, "deadline_ms").int();
    assert_eq!(ENTRY.info(&mut client, "holder"), "worker-1".into());
    // From any connection, and with BLOCK: it waits for nobody.
    for options in ["HOLDER worker-1", "HOLDER worker-1 LEASE 90000", "HOLDER worker-1 BLOCK 0"] {
        let again = ENTRY.fetch(&mut server.client(), options);
        assert_eq!(
            again,
            Fetched { status: "LEASE".into(), value: nil(), token: Some(token.clone()), version: 0 }
        );
        assert_eq!(ENTRY.info(&mut client, "deadline_ms"), deadline.into(), "{options} moved the deadline");
    }
    for options in ["", "HOLDER worker-2", "HOLDER WORKER-1", "HOLDER worker-"] {
        assert_eq!(ENTRY.fetch(&mut client, options).status, "BUSY", "{options}");
    }
    assert_eq!(cache!(client, "FILL", "ns", &token, "r"), ok());
    assert_eq!(ENTRY.fetch(&mut client, "HOLDER worker-1").told(), "HIT r");

    // A refresher too.
    make_stale(&mut client);
    let token = ENTRY.fetch(&mut client, "HOLDER worker-1").token();
    assert_eq!(ENTRY.fetch(&mut client, "HOLDER worker-2").token, None);
    let again = ENTRY.fetch(&mut client, "HOLDER worker-1");
    assert_eq!((again.told(), again.token), ("STALE old".to_owned(), Some(token.clone())));
    // What has lapsed is held by nobody.
    ENTRY.lapse(&mut client, &token);
    let anew = ENTRY.fetch(&mut client, "HOLDER worker-1").token();
    assert_ne!(anew, token);
}

#[test]
fn a_rejected_version_counts_as_absent_for_its_caller_alone() {
    let server = Server::start();
    let mut client = server.client();
    ENTRY.call(&mut client, "SET", &["broken"]);
    let version = ENTRY.version(&mut client);
    for other in [0, 1, version - 1, version + 1] {
        assert_eq!(ENTRY.fetch(&mut client, &format!("REJECT {other}")).told(), "HIT broken");
    }
    let reject = format!("REJECT {version}");
    let token = ENTRY.lease(&mut client, &reject);
    assert_eq!(ENTRY.fetch(&mut client, &reject).status, "BUSY");
    let hit = ENTRY.fetch(&mut client, "");
    assert_eq!((hit.told(), hit.token), ("HIT broken".to_owned(), None), "others still take it");
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "broken".into());
    assert_eq!(cache!(client, "FILL", "ns", token, "whole"), ok());
    assert_eq!(ENTRY.fetch(&mut client, &reject).told(), "HIT whole");

    // A stale value, and a failure, can be rejected alike.
    let version = make_stale(&mut client);
    let token = ENTRY.lease(&mut client, &format!("REJECT {version}"));
    assert_eq!(ENTRY.fetch(&mut client, "").token, None, "there is one lease for all");
    ENTRY.call(&mut client, "INVALIDATE", &[""; 0]);
    assert_eq!(cache!(client, "FAIL", "ns", token, "m").text(), "FENCED");
    let token = ENTRY.lease(&mut client, "");
    assert_eq!(cache!(client, "FAIL", "ns", token, "m", "PX", 60_000), ok());
    let failed = ENTRY.fetch(&mut client, "");
    assert_eq!(failed.told(), "FAILED m");
    ENTRY.lease(&mut client, &format!("REJECT {}", failed.version));
}

#[test]
fn nostale_leases_instead_of_taking_what_is_stale() {
    let server = Server::start();
    let mut client = server.client();
    make_stale(&mut client);
    let token = ENTRY.lease(&mut client, "NOSTALE");
    assert_eq!(ENTRY.fetch(&mut client, "NOSTALE").status, "BUSY");
    let stale = ENTRY.fetch(&mut client, "BLOCK 0");
    assert_eq!((stale.told(), stale.token), ("STALE old".to_owned(), None), "others take it without waiting");
    assert_eq!(cache!(client, "FILL", "ns", token, "new"), ok());
    assert_eq!(ENTRY.fetch(&mut client, "NOSTALE").told(), "HIT new");
}

#[test]
fn what_is_stale_by_age_is_refreshed_by_one() {
    let server = Server::start();
    let mut client = server.client();
    ENTRY.call(&mut client, "SET", &["old", "PX", "30", "GRACE", "60000"]);
    wait_until("it is stale", || cache!(client, "GET", "ns", "op", "{}") == nil());
    let token = ENTRY.fetch(&mut client, "LEASE 50000").token();
    for _ in 0..3 {
        let stale = ENTRY.fetch(&mut client, "");
        assert_eq!((stale.told(), stale.token), ("STALE old".to_owned(), None));
    }
    assert_eq!(cache!(client, "FILL", "ns", token, "new"), ok());
    assert_eq!(ENTRY.fetch(&mut client, "").told(), "HIT new");
}

#[test]
fn the_fields_are_in_force() {
    let server = Server::start();
    let mut client = server.client();
    for (field, value, default) in
        [("LEASE", "250ms", "30s"), ("RETRY", "5s", "1s"), ("REFRESH", "20", "0"), ("NEGATIVE", "1m", "0")]
    {
        assert_eq!(explained(&mut client, "ns", "op", field), format!("{default}|-|-"));
        assert_eq!(policy!(client, "SET", "n*", "op", field, value), ok(), "{field}");
        assert_eq!(explained(&mut client, "ns", "op", field), format!("{value}|n*|op"));
    }
    let before = now_ms();
    ENTRY.lease(&mut client, "");
    let deadline = ENTRY.info(&mut client, "deadline_ms");
    if deadline != nil() {
        assert!((before + 250..=now_ms() + 250).contains(&deadline.int()), "LEASE is the lease's length");
    }
    wait_until("it has lapsed", || ENTRY.info(&mut client, "deadline_ms") == nil());
    let before = now_ms();
    ENTRY.lease(&mut client, "LEASE 70000");
    let deadline = ENTRY.info(&mut client, "deadline_ms").int();
    assert!((before + 70_000..=now_ms() + 70_000).contains(&deadline), "an explicit length beats the rule");
}

#[test]
fn by_default_a_lease_is_half_a_minute() {
    let server = Server::start();
    let mut client = server.client();
    let before = now_ms();
    ENTRY.lease(&mut client, "");
    let deadline = ENTRY.info(&mut client, "deadline_ms").int();
    assert!((before + 30_000..=now_ms() + 30_000).contains(&deadline));
}

#[test]
fn one_is_asked_to_refresh_before_the_end() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "ns", "op", "REFRESH", "40");
    ENTRY.call(&mut client, "SET", &["old", "PX", "1000000"]);
    assert_eq!(ENTRY.fetch(&mut client, "").token, None, "not yet");
    // The last 40 percent begin after 300 ms.
    let set_at = now_ms();
    ENTRY.call(&mut client, "SET", &["old", "PX", "500", "GRACE", "60000"]);
    let mut first = ENTRY.fetch(&mut client, "LEASE 60000");
    wait_until("a refresh is due", || {
        if first.token.is_none() {
            first = ENTRY.fetch(&mut client, "LEASE 60000");
        }
        first.token.is_some()
    });
    assert!(now_ms() - set_at >= 300, "{} ms after it was set", now_ms() - set_at);
    // Where the machine is slow it has become stale by now, and is refreshed then.
    assert!(["HIT old", "STALE old"].contains(&first.told().as_str()), "{first:?}");
    assert_eq!(ENTRY.fetch(&mut client, "").token, None, "one is enough");
    assert_eq!(cache!(client, "FILL", "ns", first.token(), "new"), ok());
    assert_eq!(ENTRY.fetch(&mut client, "").told(), "HIT new");

    policy!(client, "SET", "ns", "op", "REFRESH", "100");
    let hit = ENTRY.fetch(&mut client, "");
    assert_eq!(hit.told(), "HIT new");
    let token = hit.token();
    assert_eq!(ENTRY.fetch(&mut client, "").told(), "HIT new");
    assert_eq!(cache!(client, "RELEASE", "ns", token), ok());
    let next = ENTRY.fetch(&mut client, "NOSTALE HOLDER me");
    assert!(next.token.is_some(), "what was given up is offered again");
    assert_eq!(ENTRY.fetch(&mut client, "HOLDER me"), next);
    // What never ends is never refreshed early.
    ENTRY.call(&mut client, "SET", &["kept", "PERSIST"]);
    assert_eq!(ENTRY.fetch(&mut client, "").token, None);
}

#[test]
fn info_shows_the_lease() {
    let server = Server::start();
    let mut client = server.client();
    let told = |client: &mut Client| {
        let info = cache!(client, "INFO", "ns", "op", "{}");
        ["holder", "deadline_ms", "progress"].map(|field| info.field(field))
    };
    assert_eq!(told(&mut client), [nil(), nil(), nil()]);
    let before = now_ms();
    let token = ENTRY.lease(&mut client, "LEASE 40000 HOLDER me");
    let [holder, deadline, progress] = told(&mut client);
    assert_eq!((holder, progress), ("me".into(), nil()));
    assert!((before + 40_000..=now_ms() + 40_000).contains(&deadline.int()));
    assert_eq!(cache!(client, "RENEW", "ns", &token, "PROGRESS", "[1,2]"), ok());
    let [_, later, progress] = told(&mut client);
    assert!(later.int() >= deadline.int());
    assert_eq!(progress, "[1,2]".into());
    assert_eq!(told(&mut server.client().resp3())[2], "[1,2]".into());
    assert_eq!(ENTRY.version(&mut client), 0, "a lease is no entry");
    assert_eq!(cache!(client, "EXISTS", "ns", "op", "{}"), 0.into());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), nil());
    assert_eq!(cache!(client, "RELEASE", "ns", token), ok());
    assert_eq!(told(&mut client), [nil(), nil(), nil()]);
    // A refresher's lease stands beside the value.
    make_stale(&mut client);
    let token = ENTRY.fetch(&mut client, "HOLDER me").token();
    assert_eq!(ENTRY.state(&mut client), "stale");
    assert_eq!(told(&mut client)[0], "me".into());
    cache!(client, "FILL", "ns", token, "r");
    assert_eq!(told(&mut client), [nil(), nil(), nil()]);
}

#[test]
fn all_names_of_an_entry_share_its_lease() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "ns", "op", "IGNORE", "/request");
    let token = Entry::of("ns", r#"{"b":1,"a":[1.0]}"#).lease(&mut client, "");
    let spelled = Entry::of("ns", r#" { "a":[1], "request":"x", "b":1e0 }"#);
    assert_eq!(spelled.fetch(&mut client, "").status, "BUSY");
    let fingerprint = cache!(client, "INFO", "ns", "op", r#"{"b":1,"a":[1]}"#).field("fingerprint").text();
    let named = format!("fp:{fingerprint}");
    assert_eq!(Entry::of("ns", &named).fetch(&mut client, "").status, "BUSY");
    cache!(client, "FILL", "ns", token, "r");
    assert_eq!(Entry::of("ns", &named).fetch(&mut client, "").told(), "HIT r");
    // Other entries, namespaces and databases have leases of their own.
    ENTRY.lease(&mut client, "");
    for entry in
        [Entry::of("ns", "1"), Entry::of("other", "{}"), Entry { ns: "ns", operation: "op2", params: "{}" }]
    {
        entry.lease(&mut client, "");
    }
    client.must(&args!["SELECT", 1]);
    ENTRY.lease(&mut client, "");
}

#[test]
fn a_hit_counts() {
    let server = Server::start();
    let mut client = server.client();
    ENTRY.call(&mut client, "SET", &["r"]);
    ENTRY.fetch(&mut client, "");
    cache!(client, "GET", "ns", "op", "{}");
    assert_eq!(ENTRY.info(&mut client, "hits"), 2.into());
}
