//! CACHE.STATS: every lookup is counted once, as what it was answered, and misses say why.

use crate::harness::{Client, Entry, Launch, Server, Value, Waiter, nil, now_ms, ok, wait_until};
use crate::{args, cache, call, policy};

const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };

/// The kinds of answers.
pub const KINDS: [&str; 8] =
    ["hits", "stale_hits", "negative_hits", "coalesced", "leases", "busy", "misses", "abandoned"];

/// Why nothing usable was there.
pub const REASONS: [&str; 7] = [
    "misses_cold",
    "misses_expired",
    "misses_invalidated",
    "misses_evicted",
    "misses_rejected",
    "misses_bypassed",
    "misses_corrupt",
];

/// A figure of an operation, a namespace or the server.
#[track_caller]
pub fn stat(client: &mut Client, of: &[&str], name: &str) -> Value {
    let command: Vec<&str> = ["CACHE.STATS"].iter().chain(of).copied().collect();
    client.must(&command).field(name)
}

/// Those of these figures that are not 0: `hits=2 misses=1`.
#[track_caller]
fn counted(client: &mut Client, names: &[&str]) -> String {
    let reply = client.must(&["CACHE.STATS", "ns", "op"]);
    let figures = names.iter().map(|name| (name, reply.field(name).int())).filter(|(_, count)| *count != 0);
    figures.map(|(name, count)| format!("{name}={count}")).collect::<Vec<_>>().join(" ")
}

/// What was counted since the last call, and begins anew.
#[track_caller]
fn since_last(client: &mut Client) -> String {
    let all: Vec<&str> = KINDS.iter().chain(&REASONS).copied().collect();
    let counted = counted(client, &all);
    assert_eq!(call!(client, "CACHE.RESETSTATS", "ns"), ok());
    counted
}

#[test]
fn each_answer_of_get_is_counted_as_what_it_is() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "GET", "ns", "op", "{}");
    assert_eq!(since_last(&mut client), "misses=1 misses_cold=1");
    cache!(client, "SET", "ns", "op", "{}", "r", "PX", 30_000, "GRACE", 60_000);
    cache!(client, "GET", "ns", "op", "{}");
    cache!(client, "GET", "ns", "op", " {}");
    assert_eq!(since_last(&mut client), "hits=2");
    cache!(client, "INVALIDATE", "ns", "op", "{}", "SOFT");
    cache!(client, "GET", "ns", "op", "{}", "STALE");
    cache!(client, "GET", "ns", "op", "{}");
    assert_eq!(since_last(&mut client), "stale_hits=1 misses=1 misses_expired=1");
    cache!(client, "INVALIDATE", "ns", "op", "{}");
    cache!(client, "GET", "ns", "op", "{}");
    assert_eq!(since_last(&mut client), "misses=1 misses_invalidated=1");
    let token = ENTRY.lease(&mut client, "");
    cache!(client, "FAIL", "ns", token, "no", "PX", 30_000);
    since_last(&mut client);
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), nil());
    assert_eq!(since_last(&mut client), "negative_hits=1");
    // Neither a question about an entry nor one that is refused is a lookup.
    cache!(client, "EXISTS", "ns", "op", "{}");
    cache!(client, "INFO", "ns", "op", "{}");
    cache!(client, "GET", "ns", "op", "{");
    assert_eq!(since_last(&mut client), "");
}

#[test]
fn each_answer_of_fetch_is_counted_as_what_it_is() {
    let server = Server::start();
    let mut client = server.client();
    let token = ENTRY.lease(&mut client, "HOLDER me");
    ENTRY.fetch(&mut client, "");
    ENTRY.fetch(&mut client, "HOLDER me");
    assert_eq!(since_last(&mut client), "leases=2 busy=1 misses_cold=2");
    cache!(client, "FILL", "ns", token, "r", "PX", 30_000, "GRACE", 60_000);
    let version = ENTRY.version(&mut client);
    ENTRY.fetch(&mut client, "");
    ENTRY.fetch(&mut client, &format!("REJECT {version}"));
    assert_eq!(since_last(&mut client), "hits=1 leases=1 misses_rejected=1");
    cache!(client, "INVALIDATE", "ns", "op", "{}", "SOFT");
    ENTRY.fetch(&mut client, "");
    ENTRY.fetch(&mut client, "");
    ENTRY.fetch(&mut client, "NOSTALE");
    assert_eq!(since_last(&mut client), "stale_hits=2 busy=1", "the first got the token to refresh");
    cache!(client, "INVALIDATE", "ns", "op", "{}");
    let token = ENTRY.lease(&mut client, "");
    cache!(client, "FAIL", "ns", token, "no", "PX", 30_000);
    ENTRY.fetch(&mut client, "");
    assert_eq!(since_last(&mut client), "negative_hits=1 leases=1 misses_invalidated=1");
    let plan =
        r#"[{"operation":"op","params":1},{"operation":"op","params":1},{"operation":"op","params":{}}]"#;
    call!(client, "CACHE.PLAN", "ns", plan);
    assert_eq!(since_last(&mut client), "negative_hits=1 leases=1 busy=1 misses_cold=1");
    policy!(client, "SET", "ns", "op", "BYPASS", "yes");
    ENTRY.fetch(&mut client, "");
    cache!(client, "GET", "ns", "op", "{}");
    assert_eq!(since_last(&mut client), "leases=1 misses=1 misses_bypassed=2");
}

#[test]
fn who_waits_is_counted_when_answered() {
    let server = Server::start();
    let mut client = server.client();
    let token = ENTRY.lease(&mut client, "");
    let waiters = Waiter::several(3, &server, &ENTRY, "BLOCK 0");
    assert_eq!(counted(&mut client, &KINDS), "leases=1");
    assert_eq!(counted(&mut client, &["waiters", "waiters_peak"]), "waiters=3 waiters_peak=3");
    cache!(client, "FILL", "ns", token, "12345", "WEIGHT", 100, "TOOK", 7000);
    waiters.into_iter().for_each(|mut waiter| drop(waiter.fetched()));
    assert_eq!(counted(&mut client, &KINDS), "coalesced=3 leases=1");
    let names =
        ["waiters", "waiters_peak", "bytes_served", "weight_served", "time_saved_ms", "fills", "sets"];
    let expected = "waiters_peak=3 bytes_served=15 weight_served=300 fills=1";
    assert_eq!(counted(&mut client, &names), expected, "whoever waited has saved nobody's time");
    assert!(stat(&mut client, &["ns", "op"], "wait_ms_p50").int() >= 0);
    let compute = stat(&mut client, &["ns"], "compute_ms_p99").int();
    assert!((6700..7300).contains(&compute), "{compute} for 7000");
    since_last(&mut client);

    // One gets the lease, one goes, one is told that it took too long, one meets a failure.
    cache!(client, "INVALIDATE", "ns", "op", "{}");
    let token = ENTRY.lease(&mut client, "");
    let mut first = Waiter::of(&server, server.client(), &ENTRY.fetching("BLOCK 0"));
    let gone = Waiter::of(&server, server.client(), &ENTRY.fetching("BLOCK 0"));
    let mut late = Waiter::of(&server, server.client(), &ENTRY.fetching("BLOCK 30"));
    assert_eq!(late.fetched().status, "BUSY");
    drop(gone);
    wait_until("the one that went is counted", || counted(&mut client, &["abandoned"]) == "abandoned=1");
    cache!(client, "RELEASE", "ns", token);
    let promoted = first.fetched();
    assert_eq!(promoted.status, "LEASE");
    let mut last = Waiter::of(&server, server.client(), &ENTRY.fetching("BLOCK 0"));
    cache!(client, "FAIL", "ns", promoted.token(), "no");
    assert_eq!(last.fetched().status, "FAILED");
    assert_eq!(since_last(&mut client), "negative_hits=1 leases=2 busy=1 abandoned=1 misses_invalidated=2");
    assert_eq!(stat(&mut client, &[], "waiters").int(), 0);
    assert_eq!(stat(&mut client, &[], "waiters_peak").int(), 3, "of the whole server");
}

#[test]
fn what_is_done_to_entries_and_leases_is_counted() {
    let server = Server::start();
    let mut client = server.client();
    let names = [
        "errors",
        "sets",
        "fills",
        "fenced",
        "invalidations",
        "leases_renewed",
        "leases_lapsed",
        "leases_released",
        "leases_failed",
    ];
    let stamp = call!(client, "CACHE.CLOCK", "ns").text();
    cache!(client, "SET", "ns", "op", "1", "r");
    cache!(client, "SET", "ns", "op", "1", "r", "NX");
    cache!(client, "MERGE", "ns", "op", "2", "{}", "UPSERT");
    call!(client, "CACHE.WARM", "ns", "ENTRIES", "op", 3, "r", "op", 4, "r");
    assert_eq!(counted(&mut client, &names), "sets=4");
    cache!(client, "INVALIDATE", "ns", "op", "1");
    cache!(client, "SET", "ns", "op", "1", "r", "SINCE", &stamp);
    call!(client, "CACHE.WARM", "ns", "SINCE", &stamp, "ENTRIES", "op", 1, "r");
    call!(
        client,
        "CACHE.INVALIDATE.PLAN",
        "ns",
        r#"[{"operation":"op","params":3},{"operation":"op","params":9}]"#
    );
    assert_eq!(counted(&mut client, &names), "sets=4 fenced=2 invalidations=3");
    call!(client, "CACHE.INVALIDATE", "TAG", "ns", "a", "b");
    call!(client, "CACHE.INVALIDATE", "OPERATION", "ns", "op");
    call!(client, "CACHE.INVALIDATE", "NAMESPACE", "ns");
    assert_eq!(counted(&mut client, &["invalidations"]), "invalidations=3", "of no single operation");
    assert_eq!(stat(&mut client, &["ns"], "invalidations").int(), 7);
    call!(client, "CACHE.RESETSTATS");
    let token = ENTRY.lease(&mut client, "");
    cache!(client, "RENEW", "ns", &token, "LEASE", 50_000);
    cache!(client, "RELEASE", "ns", &token);
    cache!(client, "FILL", "ns", &token, "r");
    let token = ENTRY.lease(&mut client, "");
    cache!(client, "FAIL", "ns", token, "no");
    ENTRY.lease(&mut client, "LEASE 1");
    wait_until("the lease lapses", || counted(&mut client, &["leases_lapsed"]) == "leases_lapsed=1");
    assert_eq!(
        counted(&mut client, &names),
        "fenced=1 leases_renewed=1 leases_lapsed=1 leases_released=1 leases_failed=1"
    );
    // Errors are those of the operation where that is known, else of the namespace, else of the server.
    cache!(client, "GET", "ns", "op", "{");
    cache!(client, "GET", "ns", "new", "{");
    call!(client, "CACHE.PLAN", "ns", "{");
    cache!(client, "GET", "unknown", "op", "{");
    policy!(client, "SET", "ns", "op", "NONE", 1);
    let errors =
        [&["ns", "op"][..], &["ns"], &["unknown"], &[]].map(|of| stat(&mut client, of, "errors").int());
    assert_eq!(errors, [1, 3, 1, 5]);
}

/// The operations of a namespace that have figures.
#[track_caller]
fn operations(client: &mut Client, ns: &str) -> Vec<String> {
    stat(client, &[ns], "operations").array().iter().map(Value::text).collect()
}

#[test]
fn time_is_saved_by_each_hit_of_what_took_long() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "1", "1234567890", "TOOK", 60_000, "WEIGHT", 1 << 30);
    cache!(client, "SET", "ns", "op", "2", "12", "GRACE", 60_000, "TOOK", 5);
    (0..3).for_each(|_| drop(cache!(client, "GET", "ns", "op", "1")));
    cache!(client, "INVALIDATE", "ns", "op", "2", "SOFT");
    cache!(client, "GET", "ns", "op", "2", "STALE");
    let names = ["time_saved_ms", "bytes_served", "weight_served"];
    let expected = format!("time_saved_ms=180005 bytes_served=32 weight_served={}", 3u64 << 30);
    assert_eq!(counted(&mut client, &names), expected);
    // Without TOOK it is the time from the grant to the fill.
    let token = Entry::of("ns", "3").lease(&mut client, "");
    let begun = now_ms();
    wait_until("some time passes", || now_ms() - begun > 60);
    cache!(client, "FILL", "ns", token, "r");
    cache!(client, "GET", "ns", "op", "3");
    let saved = stat(&mut client, &["ns", "op"], "time_saved_ms").int() - 180_005;
    assert!((60..10_000).contains(&saved), "{saved} ms");
    let compute =
        ["p50", "p95", "p99"].map(|p| stat(&mut client, &["ns", "op"], &format!("compute_ms_{p}")).int());
    assert!(
        compute[0] < 10_000 && (57_000..63_000).contains(&compute[1]) && compute[1] == compute[2],
        "{compute:?}"
    );
}

#[test]
fn rates_are_parts_of_the_lookups() {
    let server = Server::start();
    let mut client = server.client();
    let rates = ["hit_rate_percent", "served_rate_percent"];
    for of in [&["ns", "op"][..], &["ns"], &[]] {
        assert_eq!(rates.map(|name| stat(&mut client, of, name)), [nil(), nil()]);
        assert_eq!(stat(&mut client, of, "health"), "idle".into());
    }
    cache!(client, "SET", "ns", "op", "1", "r", "GRACE", 60_000);
    cache!(client, "GET", "ns", "op", "1");
    cache!(client, "GET", "ns", "op", "2");
    cache!(client, "INVALIDATE", "ns", "op", "1", "SOFT");
    cache!(client, "GET", "ns", "op", "1", "STALE");
    for of in [&["ns", "op"][..], &["ns"], &[]] {
        for window in ["", "_minute", "_hour"] {
            let told = rates.map(|name| stat(&mut client, of, &format!("{name}{window}")).text());
            assert_eq!(told, ["33.33", "66.67"]);
        }
        assert_eq!(stat(&mut client, of, "health"), "degraded".into());
    }
    policy!(client, "SET", "ns", "op", "TARGET", "33");
    cache!(client, "EXISTS", "ns", "op", "1");
    assert_eq!(stat(&mut client, &["ns", "op"], "health"), "healthy".into());
}

#[test]
fn names_are_the_same_everywhere_and_in_info() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "GET", "ns", "op", "1");
    let names =
        |reply: &Value| -> Vec<String> { reply.array().chunks(2).map(|pair| pair[0].text()).collect() };
    let node = names(&call!(client, "CACHE.STATS"));
    assert_eq!(names(&call!(client, "CACHE.STATS", "ns", "op")), node);
    let mut of_namespace = names(&call!(client, "CACHE.STATS", "ns"));
    assert_eq!(of_namespace.pop().as_deref(), Some("operations"));
    assert_eq!(of_namespace, node);
    assert_eq!(names(&call!(client, "CACHE.STATS", "unknown", "op")), node);
    let info = client.must(&["INFO", "cache"]).text();
    let told: Vec<&str> = info.lines().filter_map(|line| line.strip_prefix("cache_")).collect();
    let reply = call!(client, "CACHE.STATS");
    let known: Vec<String> = reply
        .array()
        .chunks(2)
        .filter(|pair| pair[1] != nil())
        .map(|pair| format!("{}:{}", pair[0].text(), shown(&pair[1])))
        .collect();
    let without_time = |line: &&str| !line.starts_with("uptime_s");
    let told: Vec<&str> = told.into_iter().filter(without_time).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).filter(without_time).collect();
    assert_eq!(told, known);
    assert!(!reply.array().iter().any(|value| *value == "ns".into()), "no namespace is named");
    let mut modern = server.client().resp3();
    assert!(matches!(call!(modern, "CACHE.STATS", "ns"), Value::Map(_)));
}

/// A figure as text.
fn shown(value: &Value) -> String {
    match value {
        Value::Integer(count) => count.to_string(),
        text => text.text(),
    }
}

#[test]
fn rows_are_bounded_and_nothing_is_lost() {
    let server = Launch::new().line("cache.stats-rows-max 20").start();
    let mut client = server.client();
    let used = |client: &mut Client| client.info("memory", "used_memory").unwrap().parse::<i64>().unwrap();
    let before = used(&mut client);
    call!(client, "CONFIG", "SET", "cache.memo", "no");
    let script = "
        for n = 1, tonumber(ARGV[1]) do
            redis.call('CACHE.RESULT', 'GET', 'ns', 'op' .. n, '1')
            redis.call('CACHE.RESULT', 'GET', 'ns' .. n, 'op', '1')
        end";
    call!(client, "EVAL", script, 0, 50_000);
    assert_eq!(stat(&mut client, &[], "lookups").int(), 100_000);
    let operations = operations(&mut client, "ns");
    assert!(operations.contains(&"other".to_owned()) && operations.len() <= 21, "{operations:?}");
    let sum: i64 = operations.iter().map(|name| stat(&mut client, &["ns", name], "lookups").int()).sum();
    assert_eq!((sum, stat(&mut client, &["ns"], "lookups").int()), (50_000, 50_000));
    // Resolved rules are kept for some names, too.
    assert!(used(&mut client) - before < 10 << 20, "{} bytes", used(&mut client) - before);
}

#[test]
fn the_figures_of_a_status_endpoint_are_one_call() {
    let page = include_str!("../../docs/statistics.md");
    let script = page.split("```lua\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a script");
    assert!(script.lines().count() <= 10);
    let server = Server::start();
    let mut client = server.client();
    let status = |client: &mut Client| -> serde_json::Value {
        serde_json::from_str(&call!(client, "EVAL_RO", script, 1, "ns").text()).expect("JSON")
    };
    let expected = |hits, misses, errors, invalidations, hit_rate: f64| {
        serde_json::json!({"hits": hits, "misses": misses, "errors": errors, "invalidations": invalidations,
            "hit_rate": hit_rate, "total_requests": hits + misses})
    };
    let told = status(&mut client);
    assert_eq!(told["hit_rate"].as_f64(), Some(0.0));
    cache!(client, "SET", "ns", "op", "1", "r");
    (0..3).for_each(|_| drop(cache!(client, "GET", "ns", "op", "1")));
    cache!(client, "INVALIDATE", "ns", "op", "1");
    cache!(client, "GET", "ns", "op", "1");
    cache!(client, "GET", "ns", "op", "[");
    assert_eq!(status(&mut client), expected(3, 1, 1, 1, 0.75));
}

#[test]
fn a_change_of_health_is_told_at_the_namespace() {
    let server = Launch::new().line("notify-keyspace-events KEd").start();
    let (mut client, mut listener) = (server.client(), server.client());
    listener.must(&["PSUBSCRIBE", "__keyevent@*"]);
    let mut heard = |name: &str| {
        wait_until(&format!("{name} is told"), || {
            let message = listener.receive().expect("the subscription goes on");
            let [_, _, channel, key] = message.array() else { panic!("{message:?}") };
            channel.text().ends_with(name) && key.text() == "ns"
        });
        name.split('_').next_back().unwrap().to_owned()
    };
    cache!(client, "GET", "ns", "op", "1");
    assert_eq!(heard("@0__:cache:degraded"), ":cache:degraded");
    // A namespace is told of in the database in which it is.
    call!(client, "SELECT", 3);
    cache!(client, "SET", "ns", "op", "1", "r");
    (0..9).for_each(|_| drop(cache!(client, "GET", "ns", "op", "1")));
    assert_eq!(heard("@3__:cache:healthy"), ":cache:healthy");
    assert_eq!(stat(&mut client, &["ns"], "health"), "healthy".into());
}

#[test]
fn with_more_rows_all_are_told_apart_that_were_not() {
    let server = Launch::new().line("cache.stats-rows-max 0").start();
    let mut client = server.client();
    let plan = r#"[{"operation":"planned","params":1}]"#;
    let look = |client: &mut Client| {
        cache!(client, "GET", "ns", "op", "1");
        call!(client, "CACHE.PLAN", "ns", plan);
    };
    look(&mut client);
    assert_eq!(stat(&mut client, &["ns"], "lookups").int(), 0);
    assert_eq!(stat(&mut client, &[], "lookups").int(), 2);
    call!(client, "CONFIG", "SET", "cache.stats-rows-max", 10);
    look(&mut client);
    for operation in ["op", "planned"] {
        assert_eq!(stat(&mut client, &["ns", operation], "lookups").int(), 1, "{operation}");
    }
    assert_eq!(stat(&mut client, &[], "lookups").int(), 4);
    call!(client, "CONFIG", "SET", "cache.stats-rows-max", 0);
    look(&mut client);
    assert_eq!(stat(&mut client, &["ns", "op"], "lookups").int(), 2, "a row that is there stays");
}

#[test]
fn errors_are_those_of_what_the_command_names() {
    let server = Server::start();
    let mut client = server.client();
    // Operations that are called as other words of commands are.
    for operation in ["tag", "NX", "ENTRIES", "t1-none"] {
        cache!(client, "GET", "ns", operation, "1");
    }
    let before = call!(client, "CACHE.STATS", "ns").field("errors").int();
    call!(client, "CACHE.INVALIDATE", "TAG", "ns", "tag", "");
    call!(client, "CACHE.WARM", "ns", "NX", "NX");
    call!(client, "CACHE.WARM", "ns", "ENTRIES", "op");
    cache!(client, "RELEASE", "ns", "t1-none");
    for operation in ["tag", "NX", "ENTRIES", "t1-none"] {
        assert_eq!(stat(&mut client, &["ns", operation], "errors").int(), 0, "{operation}");
    }
    assert_eq!(stat(&mut client, &["ns"], "errors").int(), before + 4);
}

#[test]
fn a_patch_takes_as_long_as_its_writer_says() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "MERGE", "ns", "op", "1", "{}", "UPSERT", "TOOK", 7000);
    cache!(client, "MERGE", "ns", "op", "1", "{}");
    let compute = ["p50", "p99"].map(|p| stat(&mut client, &["ns", "op"], &format!("compute_ms_{p}")).int());
    assert!(compute.iter().all(|ms| (6700..7300).contains(ms)), "{compute:?} for 7000");
}

#[test]
fn bad_words_are_refused_and_unknown_names_are_not() {
    let server = Server::start();
    let mut client = server.client();
    for command in [
        args!["CACHE.STATS", "a", "b", "c"],
        args!["CACHE.STATS", ""],
        args!["CACHE.STATS", "a b"],
        args!["CACHE.STATS", "a", ""],
        args!["CACHE.STATS", "a", "b*"],
        args!["CACHE.RESETSTATS", "a", "b"],
        args!["CACHE.RESETSTATS", "{}"],
    ] {
        assert!(client.call(&command).is_error(), "{command:?}");
    }
    assert_eq!(call!(client, "CACHE.RESETSTATS", "unknown"), ok());
    assert_eq!(stat(&mut client, &["unknown"], "lookups").int(), 0);
    assert_eq!(stat(&mut client, &["unknown"], "operations").array().len(), 0);
    assert_eq!(stat(&mut client, &["unknown", "op"], "compute_ms_p50"), nil());
}

#[test]
fn users_see_only_the_namespaces_that_are_theirs() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "GET", "theirs", "op", "1");
    let commands = ["+cache.stats", "+cache.resetstats"];
    client.must(&[&["ACL", "SETUSER", "me", "on", "nopass", "~mine", "%R~read"][..], &commands[..]].concat());
    call!(client, "AUTH", "me", "x");
    assert_eq!(call!(client, "CACHE.STATS", "theirs").error_word(), "NOPERM");
    assert_eq!(call!(client, "CACHE.RESETSTATS", "theirs").error_word(), "NOPERM");
    assert_eq!(stat(&mut client, &["mine"], "lookups").int(), 0);
    assert_eq!(stat(&mut client, &["read"], "lookups").int(), 0);
    assert_eq!(stat(&mut client, &[], "lookups").int(), 1);
}
