//! When entries end: the options of SET that say it, to the millisecond.

use crate::harness::{Client, Entry, Server, nil, now_ms, ok, wait_until};
use crate::{args, cache, call};

/// An instant far enough from now, in Unix milliseconds.
const LATER: i64 = 1_900_000_000_000;
const HOUR: i64 = 3_600_000;

const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };

/// Runs SET with these options on an absent entry and says where between two looks at the clock its Redis expiry,
/// counted from now, lies.
#[track_caller]
fn lives_for(client: &mut Client, options: &[&str]) -> std::ops::RangeInclusive<i64> {
    client.must(&["FLUSHALL"]);
    let before = now_ms();
    assert_eq!(ENTRY.call(client, "SET", &[&["r"], options].concat()), ok(), "{options:?}");
    let after = now_ms();
    let expiry = ENTRY.expiry(client);
    expiry - after..=expiry - before
}

#[test]
fn relative_times_count_from_the_write() {
    let server = Server::start();
    let mut client = server.client();
    for (options, expected) in [
        (&[][..], HOUR),
        (&["EX", "60"], 60_000),
        (&["ex", "1"], 1000),
        (&["EX", "315360000"], 315_360_000_000),
        (&["PX", "60001"], 60_001),
        (&["PX", "315360000000"], 315_360_000_000),
        (&["GRACE", "5000"], HOUR + 5000),
        (&["GRACE", "0"], HOUR),
        (&["GRACE", "315360000000"], HOUR + 315_360_000_000),
        (&["EX", "60", "GRACE", "5000"], 65_000),
        (&["GRACE", "5000", "EX", "60"], 65_000),
        (&["grace", "1", "px", "60000"], 60_001),
        (&["KEEPTTL"], HOUR),
        (&["KEEPTTL", "GRACE", "7"], HOUR + 7),
        (&["EX", "9", "GRACE", "1", "TAGS", "2", "EX", "GRACE", "TOOK", "5", "WEIGHT", "6", "NX"], 9001),
        (&["NX", "WEIGHT", "6", "TAGS", "1", "NX", "GRACE", "1", "TOOK", "5", "EX", "9"], 9001),
    ] {
        let lived = lives_for(&mut client, options);
        assert!(lived.contains(&expected), "{options:?}: {lived:?}");
    }
}

#[test]
fn absolute_times_are_exact() {
    let server = Server::start();
    let mut client = server.client();
    let at_second = (LATER / 1000).to_string();
    let at = (LATER + 123).to_string();
    for (options, expected) in [
        (&["EXAT", at_second.as_str()][..], LATER),
        (&["PXAT", &at], LATER + 123),
        (&["PXAT", &at, "GRACE", "877"], LATER + 1000),
        (&["grace", "1000", "exat", &at_second], LATER + 1000),
        (&["PERSIST"], -1),
        (&["PERSIST", "GRACE", "1000"], -1),
    ] {
        client.must(&["FLUSHALL"]);
        assert_eq!(ENTRY.call(&mut client, "SET", &[&["r"], options].concat()), ok());
        assert_eq!(ENTRY.expiry(&mut client), expected, "{options:?}");
        assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "r".into());
        assert_eq!(ENTRY.state(&mut client), "fresh");
    }
}

#[test]
fn what_info_says_agrees_with_the_expiry() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "r", "PXAT", LATER, "GRACE", 5000);
    let (before, info, after) = (now_ms(), cache!(client, "INFO", "ns", "op", "{}"), now_ms());
    let within = |end: i64, field: &str| {
        let left = info.field(field).int();
        assert!((end - after..=end - before).contains(&left), "{field} {left}");
    };
    within(LATER, "fresh_for_ms");
    within(LATER + 5000, "expires_in_ms");
    cache!(client, "SET", "ns", "op", "{}", "r", "PERSIST");
    assert_eq!(ENTRY.info(&mut client, "expires_in_ms"), nil());
}

#[test]
fn an_instant_in_the_past_stores_nothing_and_invalidates() {
    let server = Server::start();
    let mut client = server.client();
    let past = now_ms() - 1000;
    let second = past / 1000;
    for options in [
        args!["PXAT", past],
        args!["EXAT", second],
        args!["EXAT", 1],
        args!["PXAT", 1],
        args!["PXAT", past, "XX"],
        // Grace follows a time of freshness; what was never fresh has none.
        args!["PXAT", past, "GRACE", HOUR],
        args!["EXAT", second, "GRACE", HOUR, "TAGS", 1, "t", "TOOK", 5, "WEIGHT", 1],
    ] {
        assert_eq!(ENTRY.call(&mut client, "SET", &args!["old"]), ok());
        let mut command = args!["new"];
        command.extend(options.clone());
        assert_eq!(ENTRY.call(&mut client, "SET", &command), ok(), "{options:?}");
        assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), nil(), "{options:?}");
        assert_eq!(cache!(client, "EXISTS", "ns", "op", "{}"), 0.into());
        assert_eq!(ENTRY.expiry(&mut client), -2, "the entry key is still there after {options:?}");
    }
    // On what is absent: OK, and it stays absent.
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "r", "PXAT", past, "NX"), ok());
    assert_eq!(ENTRY.expiry(&mut client), -2);
    // Where NX or XX forbids the write nothing is invalidated either.
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "r", "PXAT", past, "XX"), nil());
    cache!(client, "SET", "ns", "op", "{}", "kept");
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "r", "PXAT", past, "NX"), nil());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "kept".into());
}

#[test]
fn keepttl_keeps_the_instant_and_nothing_else() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "a", "PXAT", LATER);
    // The instant is kept, not the time that was left at the first write.
    let written = now_ms();
    wait_until("some time has passed", || now_ms() > written + 10);
    cache!(client, "SET", "ns", "op", "{}", "b", "KEEPTTL");
    assert_eq!(ENTRY.expiry(&mut client), LATER);
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "b".into());
    // As in core the key's expiry stays as it is, grace and all; a given GRACE counts from the end of freshness.
    cache!(client, "SET", "ns", "op", "{}", "c", "PXAT", LATER, "GRACE", 5000);
    cache!(client, "SET", "ns", "op", "{}", "c", "KEEPTTL");
    assert_eq!(ENTRY.expiry(&mut client), LATER + 5000);
    cache!(client, "SET", "ns", "op", "{}", "c", "KEEPTTL", "GRACE", 7000);
    assert_eq!(
        ENTRY.expiry(&mut client),
        LATER + 7000,
        "KEEPTTL keeps the end of freshness, a given GRACE follows it"
    );
    cache!(client, "SET", "ns", "op", "{}", "d", "GRACE", 7000, "keepttl");
    assert_eq!(ENTRY.expiry(&mut client), LATER + 7000);
    // What never expires goes on never expiring.
    cache!(client, "SET", "ns", "op", "{}", "e", "PERSIST");
    cache!(client, "SET", "ns", "op", "{}", "f", "KEEPTTL");
    assert_eq!(ENTRY.expiry(&mut client), -1);
    // Without it, a write falls back to the default.
    let before = now_ms();
    cache!(client, "SET", "ns", "op", "{}", "g");
    assert!((before + HOUR..=now_ms() + HOUR).contains(&ENTRY.expiry(&mut client)));
}

#[test]
fn keepttl_sees_what_get_sees() {
    let server = Server::start();
    let mut client = server.client();
    for gone in [
        args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}"],
        args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}", "SOFT"],
        args!["DEL", "ns"],
    ] {
        cache!(client, "SET", "ns", "op", "{}", "a", "PXAT", LATER, "GRACE", HOUR);
        client.must(&gone);
        assert_eq!(cache!(client, "GET", "ns", "op", "{}"), nil());
        let before = now_ms();
        assert_eq!(cache!(client, "SET", "ns", "op", "{}", "b", "KEEPTTL"), ok());
        let expiry = ENTRY.expiry(&mut client);
        assert!((before + HOUR..=now_ms() + HOUR).contains(&expiry), "after {gone:?}: {}", expiry - before);
        assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "b".into());
    }
}

#[test]
fn an_entry_ages_from_fresh_to_stale_to_gone() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "r", "PX", 100, "GRACE", 60_000);
    assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), "r".into());
    wait_until("the entry is stale", || cache!(client, "GET", "ns", "op", "{}") == nil());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), "r".into());
    assert_eq!(cache!(client, "EXISTS", "ns", "op", "{}"), 0.into());
    assert_eq!(ENTRY.state(&mut client), "stale");
    assert!(ENTRY.info(&mut client, "age_ms").int() >= 100);
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "s", "XX"), nil());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), "r".into());
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "s", "NX", "PX", 50, "GRACE", 50), ok());
    wait_until("the entry is gone", || cache!(client, "GET", "ns", "op", "{}", "STALE") == nil());
    assert_eq!(ENTRY.state(&mut client), "absent");
    wait_until("core has removed it", || ENTRY.expiry(&mut client) == -2);
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "t", "XX"), nil());
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "t", "NX"), ok());
}

#[test]
fn an_entry_without_grace_goes_at_its_instant() {
    let server = Server::start();
    let mut client = server.client();
    let end = now_ms() + 80;
    cache!(client, "SET", "ns", "op", "{}", "r", "PXAT", end);
    while now_ms() < end - 20 {
        let reply = cache!(client, "GET", "ns", "op", "{}");
        // The look at the clock comes after the reply, else a pause between them would count against the server.
        assert!(reply == "r".into() || now_ms() >= end, "gone {} ms early", end - now_ms());
    }
    wait_until("the instant is past", || now_ms() > end);
    assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), nil());
    assert_eq!(cache!(client, "EXISTS", "ns", "op", "{}"), 0.into());
}

#[test]
fn nx_and_xx_look_at_what_get_sees() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "a", "XX"), nil());
    assert_eq!(call!(client, "DBSIZE"), 0.into(), "a refused write made the namespace");
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "a", "NX"), ok());
    let version = ENTRY.version(&mut client);
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "b", "NX", "PERSIST", "TAGS", 1, "t"), nil());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "a".into());
    assert_eq!(ENTRY.version(&mut client), version);
    assert_ne!(ENTRY.expiry(&mut client), -1);
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "b", "XX"), ok());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "b".into());
    // An entry of a namespace that was deleted is absent, though its key may still be there.
    call!(client, "DEL", "ns");
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "c", "XX"), nil());
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "c", "NX"), ok());
    assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "{}", "SOFT"), 1.into());
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "d", "XX"), nil());
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "d", "NX"), ok());
}

#[test]
fn expiry_that_core_commands_set_is_obeyed() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "r");
    let key = ENTRY.key(&mut client);
    assert_eq!(call!(client, "PEXPIRE", key, 30), 1.into());
    wait_until("core has expired the entry", || cache!(client, "GET", "ns", "op", "{}", "STALE") == nil());
    cache!(client, "SET", "ns", "op", "{}", "s", "PX", 60, "GRACE", HOUR);
    // Core's PERSIST makes the key stay; how long the result is fresh is the entry's own.
    assert_eq!(call!(client, "PERSIST", key), 1.into());
    wait_until("the entry is stale", || cache!(client, "GET", "ns", "op", "{}") == nil());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), "s".into());
    cache!(client, "SET", "ns", "op", "{}", "t");
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "t".into());
    assert!(ENTRY.expiry(&mut client) > now_ms());
}
