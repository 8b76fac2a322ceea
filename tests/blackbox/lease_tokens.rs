//! What a token is good for: FILL with its options, RENEW, RELEASE, FAIL, and tokens that are none.

use crate::harness::{
    Client, Entry, Server, assert_same_digests, digests, fenced, nil, now_ms, ok, wait_until,
};
use crate::{args, cache, call, policy};

const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };
const LATER: i64 = 1_900_000_000_000;

/// Leases the entry, which must be absent, and fills it with `r` and these options.
#[track_caller]
fn filled(client: &mut Client, options: &[&str]) {
    ENTRY.call(client, "INVALIDATE", &[""; 0]);
    let token = ENTRY.lease(client, "");
    let mut command = args!["CACHE.RESULT", "FILL", "ns", token, "r"];
    command.extend(options.iter().map(|option| option.as_bytes().to_vec()));
    assert_eq!(client.call(&command), ok(), "{options:?}");
}

#[test]
fn a_fill_takes_the_options_of_set() {
    let server = Server::start();
    let mut client = server.client();
    for (options, life) in [
        (&[][..], (3_600_000, 0)),
        (&["EX", "50"], (50_000, 0)),
        (&["PX", "50001", "GRACE", "7000"], (50_001, 7000)),
        (&["grace", "9000"], (3_600_000, 9000)),
        (&["KEEPTTL"], (3_600_000, 0)),
    ] {
        filled(&mut client, options);
        assert_eq!(ENTRY.life(&mut client), life, "{options:?}");
    }
    filled(&mut client, &["PXAT", &LATER.to_string()]);
    assert_eq!(ENTRY.expiry(&mut client), LATER);
    filled(&mut client, &["EXAT", &(LATER / 1000).to_string(), "GRACE", "5"]);
    assert_eq!(ENTRY.expiry(&mut client), LATER + 5);
    filled(&mut client, &["PERSIST"]);
    assert_eq!(ENTRY.expiry(&mut client), -1);
    filled(&mut client, &["TAGS", "2", "a", "b", "TOOK", "1234", "WEIGHT", "5678"]);
    assert_eq!(ENTRY.tags(&mut client), ["a", "b"]);
    assert_eq!(ENTRY.info(&mut client, "took_ms"), 1234.into());
    assert_eq!(ENTRY.info(&mut client, "weight"), 5678.into());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "r".into());
}

#[test]
fn rules_apply_to_a_fill_as_to_a_set() {
    let server = Server::start();
    let mut client = server.client();
    let rule = "/status running=30s done=7d";
    policy!(client, "SET", "ns", "op", "TTL", "5m", "GRACE", "1m", "TAGS", "s:{result/status} all");
    let token = ENTRY.lease(&mut client, "");
    assert_eq!(cache!(client, "FILL", "ns", token, r#"{"status":"done"}"#, "TAGS", 1, "mine"), ok());
    assert_eq!(ENTRY.life(&mut client), (300_000, 60_000));
    let mut tags = ENTRY.tags(&mut client);
    tags.sort();
    assert_eq!(tags, ["all", "mine", "s:done"]);
    policy!(client, "SET", "ns", "op", "TTLFROM", rule);
    ENTRY.call(&mut client, "INVALIDATE", &[""; 0]);
    let token = ENTRY.lease(&mut client, "");
    assert_eq!(cache!(client, "FILL", "ns", token, r#"{"status":"running"}"#), ok());
    assert_eq!(ENTRY.life(&mut client), (30_000, 60_000));
}

#[test]
fn keepttl_keeps_the_end_of_what_is_refreshed() {
    let server = Server::start();
    let mut client = server.client();
    ENTRY.call(&mut client, "SET", &["old", "PX", "5000000"]);
    let end = ENTRY.expiry(&mut client);
    let version = ENTRY.version(&mut client);
    let token = ENTRY.lease(&mut client, &format!("REJECT {version}"));
    assert_eq!(cache!(client, "FILL", "ns", token, "new", "KEEPTTL"), ok());
    assert_eq!(ENTRY.expiry(&mut client), end);
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "new".into());
}

#[test]
fn without_took_it_is_the_time_since_the_grant() {
    let server = Server::start();
    let mut client = server.client();
    let before = now_ms();
    let token = ENTRY.lease(&mut client, "");
    let granted = now_ms();
    wait_until("some time has passed", || now_ms() >= granted + 40);
    assert_eq!(cache!(client, "FILL", "ns", token, "r"), ok());
    let took = ENTRY.info(&mut client, "took_ms").int();
    assert!((40..=now_ms() - before).contains(&took), "{took} ms");
}

#[test]
fn without_weight_it_is_what_was_reserved() {
    let server = Server::start();
    let mut client = server.client();
    for (renewals, options, weight) in [
        (&["WEIGHT 700"][..], &[][..], 700.into()),
        (&["WEIGHT 700", "PROGRESS 1", "WEIGHT 900"], &[], 900.into()),
        (&["WEIGHT 700", "PROGRESS 1", "LEASE 9000"], &[], 700.into()),
        (&["WEIGHT 700"], &["WEIGHT", "5"], 5.into()),
        (&["LEASE 9000"], &[], nil()),
    ] {
        ENTRY.call(&mut client, "INVALIDATE", &[""; 0]);
        let token = ENTRY.lease(&mut client, "");
        for renewal in renewals {
            let words: Vec<&str> = renewal.split(' ').collect();
            assert_eq!(cache!(client, "RENEW", "ns", &token, words[0], words[1]), ok());
        }
        let mut command = args!["CACHE.RESULT", "FILL", "ns", token, "r"];
        command.extend(options.iter().map(|option: &&str| option.as_bytes().to_vec()));
        assert_eq!(client.call(&command), ok());
        assert_eq!(ENTRY.info(&mut client, "weight"), weight, "{renewals:?} {options:?}");
    }
}

#[test]
fn a_token_fills_once() {
    let server = Server::start();
    let mut client = server.client();
    let token = ENTRY.lease(&mut client, "");
    assert_eq!(cache!(client, "FILL", "ns", &token, "first"), ok());
    let before = digests(&server);
    assert_eq!(cache!(client, "FILL", "ns", &token, "second"), fenced());
    assert_eq!(cache!(client, "RENEW", "ns", &token), fenced());
    assert_eq!(cache!(client, "RELEASE", "ns", &token), fenced());
    assert_eq!(cache!(client, "FAIL", "ns", &token, "m", "PX", 60_000), fenced());
    assert_same_digests("a token that was used", &before, &digests(&server));
    assert_eq!(ENTRY.fetch(&mut client, "").told(), "HIT first");
}

#[test]
fn release_and_fail_end_their_token() {
    let server = Server::start();
    let mut client = server.client();
    for end in [&["RELEASE"][..], &["FAIL", "m"]] {
        let token = ENTRY.lease(&mut client, "");
        let mut command = args!["CACHE.RESULT", end[0], "ns", &token];
        command.extend(end[1..].iter().map(|word| word.as_bytes().to_vec()));
        assert_eq!(client.call(&command), ok());
        assert_eq!(client.call(&command), fenced(), "{end:?} twice");
        assert_eq!(cache!(client, "FILL", "ns", &token, "r"), fenced());
        assert_eq!(cache!(client, "RENEW", "ns", &token), fenced());
        assert_eq!(ENTRY.fetch(&mut client, "").status, "LEASE", "what was given up is free");
        assert_eq!(cache!(client, "FILL", "ns", &token, "r"), fenced());
        ENTRY.call(&mut client, "INVALIDATE", &[""; 0]);
    }
}

#[test]
fn a_renewal_moves_the_deadline() {
    let server = Server::start();
    let mut client = server.client();
    let token = ENTRY.lease(&mut client, "LEASE 20000");
    for (words, length) in [
        (&["LEASE", "90000"][..], 90_000),
        (&["LEASE", "40000"], 40_000),
        (&["lease", "80000", "progress", "null"], 80_000),
    ] {
        let mut command = args!["CACHE.RESULT", "RENEW", "ns", &token];
        command.extend(words.iter().map(|word| word.as_bytes().to_vec()));
        let before = now_ms();
        assert_eq!(client.call(&command), ok());
        let deadline = ENTRY.info(&mut client, "deadline_ms").int();
        assert!((before + length..=now_ms() + length).contains(&deadline), "{words:?}");
    }
    // Without LEASE by its own length, as it was granted.
    let token = Entry::of("ns", "1").lease(&mut client, "LEASE 20000");
    let granted = now_ms();
    wait_until("some time has passed", || now_ms() > granted + 20);
    let before = now_ms();
    assert_eq!(cache!(client, "RENEW", "ns", &token), ok());
    let deadline = Entry::of("ns", "1").info(&mut client, "deadline_ms").int();
    assert!((before + 20_000..=now_ms() + 20_000).contains(&deadline), "{}", deadline - before);
}

/// The four commands that take a token, as they would be right.
fn commands(ns: &str, token: &[u8]) -> [Vec<Vec<u8>>; 4] {
    [
        args!["CACHE.RESULT", "FILL", ns, token, "r"],
        args!["CACHE.RESULT", "RENEW", ns, token],
        args!["CACHE.RESULT", "RELEASE", ns, token],
        args!["CACHE.RESULT", "FAIL", ns, token, "m", "PX", 60_000],
    ]
}

#[test]
fn what_is_no_token_is_refused() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "other", "op", "1", "r");
    let since = call!(client, "CACHE.CLOCK", "ns").text();
    let token = ENTRY.lease(&mut client, "");
    let elsewhere = Entry::of("other", "{}").lease(&mut client, "");
    let before = digests(&server);
    let (upper, longer, spaced) = (token.to_uppercase(), format!("{token} "), format!(" {token}"));
    let bare = token.trim_start_matches("t1-");
    let bad: [&[u8]; 13] = [
        b"",
        b"nil",
        b"0",
        b"t1-",
        b"b1-",
        b"t1-\0\xff",
        since.as_bytes(),
        upper.as_bytes(),
        longer.as_bytes(),
        spaced.as_bytes(),
        bare.as_bytes(),
        elsewhere.as_bytes(),
        &[b'x'; 100_000],
    ];
    for bad in bad {
        for command in commands("ns", bad) {
            let reply = client.call(&command);
            assert_eq!(reply.error_word(), "BADTOKEN", "{command:.80?}: {reply:?}");
        }
    }
    for command in commands("other", token.as_bytes()) {
        assert_eq!(client.call(&command).error_word(), "BADTOKEN");
    }
    for command in commands("a b", token.as_bytes()) {
        assert_eq!(client.call(&command).error_word(), "BADNAME");
    }
    assert_same_digests("refused", &before, &digests(&server));
    assert_eq!(ENTRY.fetch(&mut client, "").status, "BUSY");
    assert_eq!(cache!(client, "FILL", "ns", token, "r"), ok(), "the true one is as good as ever");
    assert_eq!(cache!(client, "FILL", "other", elsewhere, "r"), ok());
}

#[test]
fn a_token_with_a_change_is_good_for_nothing() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "ns", "op", "TAGS", "video:{params/id}");
    cache!(client, "SET", "ns", "op", r#"{"id":1}"#, "r");
    let entry = Entry::of("ns", r#"{"id":7}"#);
    let token = entry.lease(&mut client, "").into_bytes();
    let before = digests(&server);
    let cut = (0..token.len()).map(|length| token[..length].to_vec());
    // Each byte another digit or letter: a token is either as it was given, or none of this lease.
    let changed = (0..token.len()).map(|at| {
        let mut token = token.clone();
        token[at] = if token[at] == b'0' { b'1' } else { b'0' };
        token
    });
    for bad in cut.chain(changed) {
        for command in commands("ns", &bad) {
            let reply = client.call(&command);
            let refused = reply == fenced() || (reply.is_error() && reply.error_word() == "BADTOKEN");
            assert!(refused, "{} was answered {reply:?}", bad.escape_ascii());
        }
    }
    assert_same_digests("refused", &before, &digests(&server));
    assert_eq!(entry.fetch(&mut client, "").status, "BUSY");
    assert_eq!(cache!(client, "FILL", "ns", token, "r"), ok());
    assert_eq!(entry.tags(&mut client), ["video:7"]);
}

#[test]
fn an_error_leaves_the_lease_as_it_was() {
    let server = Server::start();
    let mut client = server.client();
    call!(client, "CONFIG", "SET", "cache.result-max-bytes", "2kb", "cache.progress-max-bytes", "1kb");
    cache!(client, "SET", "ns", "op", "1", "r");
    let since = call!(client, "CACHE.CLOCK", "ns").text();
    let token = ENTRY.lease(&mut client, "LEASE 60000");
    assert_eq!(cache!(client, "RENEW", "ns", &token, "PROGRESS", "1"), ok());
    let deadline = ENTRY.info(&mut client, "deadline_ms");
    let before = digests(&server);
    let (large, long) = ("x".repeat(2049), format!("\"{}\"", "x".repeat(1023)));
    for (words, word) in [
        (&["FILL", "r", "NX"][..], "ERR"),
        (&["FILL", "r", "XX"], "ERR"),
        (&["FILL", "r", "SINCE", &since], "ERR"),
        (&["FILL", "r", "EX", "0"], "ERR"),
        (&["FILL", "r", "EX", "1", "PX", "1"], "ERR"),
        (&["FILL", "r", "TAGS", "2", "a"], "ERR"),
        (&["FILL", "r", "TAGS", "1", &large], "TOOBIG"),
        (&["FILL", "r", "TOOK", "-1"], "ERR"),
        (&["FILL", "r", "UPSERT"], "ERR"),
        (&["FILL", &large], "TOOBIG"),
        (&["FILL"], "ERR"),
        (&["RENEW", "LEASE", "0"], "ERR"),
        (&["RENEW", "LEASE", "-5"], "ERR"),
        (&["RENEW", "LEASE", "x"], "ERR"),
        (&["RENEW", "LEASE", "9007199254740992"], "ERR"),
        (&["RENEW", "PROGRESS", "{"], "ERR"),
        (&["RENEW", "PROGRESS", ""], "ERR"),
        (&["RENEW", "PROGRESS", "1 2"], "ERR"),
        (&["RENEW", "PROGRESS", "half"], "ERR"),
        (&["RENEW", "PROGRESS", &long], "TOOBIG"),
        (&["RENEW", "LEASE", "5", "PROGRESS", "{"], "ERR"),
        (&["RENEW", "WEIGHT", "-1"], "ERR"),
        (&["RENEW", "WEIGHT", "x"], "ERR"),
        (&["RENEW", "WEIGHT"], "ERR"),
        (&["RENEW", "HOLDER", "me"], "ERR"),
        (&["RELEASE", "now"], "ERR"),
        (&["FAIL"], "ERR"),
        (&["FAIL", "m", "PX", "-1"], "ERR"),
        (&["FAIL", "m", "PX", "x"], "ERR"),
        (&["FAIL", "m", "PX"], "ERR"),
        (&["FAIL", "m", "PX", "9007199254740992"], "ERR"),
        (&["FAIL", "m", "EX", "1"], "ERR"),
        (&["FAIL", &long], "TOOBIG"),
    ] {
        let mut command = args!["CACHE.RESULT", words[0], "ns", &token];
        command.extend(words[1..].iter().map(|word| word.as_bytes().to_vec()));
        let reply = client.call(&command);
        assert_eq!(reply.error_word(), word, "{words:.99?}: {reply:?}");
    }
    assert_same_digests("refused", &before, &digests(&server));
    assert_eq!(ENTRY.info(&mut client, "deadline_ms"), deadline);
    assert_eq!(ENTRY.info(&mut client, "progress"), "1".into());
    let fits = format!("\"{}\"", "x".repeat(1022));
    assert_eq!(cache!(client, "RENEW", "ns", &token, "PROGRESS", &fits), ok());
    assert_eq!(cache!(client, "FILL", "ns", &token, "x".repeat(2048)), ok());
}

#[test]
fn a_lapse_fences_nothing() {
    let server = Server::start();
    let mut client = server.client();
    let token = ENTRY.lease(&mut client, "");
    ENTRY.lapse(&mut client, &token);
    assert_eq!(cache!(client, "FILL", "ns", token, "late"), ok(), "nobody else came");
    assert_eq!(ENTRY.fetch(&mut client, "").told(), "HIT late");

    let other = Entry::of("ns", "1");
    let token = other.lease(&mut client, "");
    other.lapse(&mut client, &token);
    assert_eq!(cache!(client, "RENEW", "ns", &token, "LEASE", 50_000), ok());
    assert_eq!(other.fetch(&mut client, "").status, "BUSY", "the lease was taken again");
    assert!(other.info(&mut client, "deadline_ms").int() > now_ms());
    assert_eq!(cache!(client, "FILL", "ns", token, "r"), ok());

    let third = Entry::of("ns", "2");
    let token = third.lease(&mut client, "");
    third.lapse(&mut client, &token);
    let newer = third.lease(&mut client, "");
    for command in commands("ns", token.as_bytes()) {
        assert_eq!(client.call(&command), fenced(), "another lease overtook it: {command:?}");
    }
    assert_eq!(third.fetch(&mut client, "").status, "BUSY", "and is held as before");
    assert_eq!(cache!(client, "FILL", "ns", newer, "r"), ok());

    let fourth = Entry::of("ns", "3");
    for end in ["RELEASE", "FAIL"] {
        let token = fourth.lease(&mut client, "");
        fourth.lapse(&mut client, &token);
        let mut command = args!["CACHE.RESULT", end, "ns", &token];
        command.extend((end == "FAIL").then(|| b"m".to_vec()));
        assert_eq!(client.call(&command), ok(), "{end} of what has lapsed");
        assert_eq!(cache!(client, "FILL", "ns", token, "r"), fenced(), "after {end}");
    }
}

#[test]
fn a_lease_lapses_by_itself() {
    let server = Server::start();
    let mut client = server.client();
    let start = now_ms();
    let token = ENTRY.lease(&mut client, "LEASE 60");
    let mut next = ENTRY.fetch(&mut client, "");
    wait_until("it lapses", || {
        if next.status == "BUSY" {
            next = ENTRY.fetch(&mut client, "");
        }
        next.status == "LEASE"
    });
    assert!(now_ms() - start >= 60);
    assert_ne!(next.token(), token);
}
