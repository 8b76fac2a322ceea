//! INVALIDATE TAG, OPERATION and NAMESPACE: what of an entry's kind was there is absent at once, what comes later lives.

use crate::harness::{
    Client, Entry, Launch, Server, Value, assert_same_digests, digests, nil, now_ms, ok, wait_until,
};
use crate::{args, cache, call, policy};

/// A server that keeps what is dead, so that commands meet it.
fn keeping() -> Server {
    Launch::new().line("cache.sweep no").start()
}

/// CACHE.INVALIDATE with these words; the new clock.
#[track_caller]
fn invalidate(client: &mut Client, words: &[&str]) -> i64 {
    let mut command = args!["CACHE.INVALIDATE"];
    command.extend(words.iter().map(|word| word.as_bytes().to_vec()));
    client.must(&command).int()
}

/// Three operations with an entry for each set of tags.
const OPERATIONS: [&str; 4] = ["op", "op:a", "op:b", "Op"];
const TAGGED: [(&str, &[&str]); 5] =
    [("0", &[]), ("1", &["t"]), ("2", &["t", "u"]), ("3", &["T", "tt", ""]), ("4", &["video:7"])];

#[track_caller]
fn fill(client: &mut Client, ns: &str) {
    for operation in OPERATIONS {
        for (params, tags) in TAGGED {
            let tags: Vec<&&str> = tags.iter().filter(|tag| !tag.is_empty()).collect();
            let mut command = args!["CACHE.RESULT", "SET", ns, operation, params, "r", "GRACE", 60_000];
            if !tags.is_empty() {
                command.extend(args!["TAGS", tags.len()]);
                command.extend(tags.iter().map(|tag| tag.as_bytes().to_vec()));
            }
            assert_eq!(client.call(&command), ok());
        }
    }
}

/// The entries that are absent, as `operation params`, having asked in every way.
#[track_caller]
fn absent(client: &mut Client, ns: &str) -> Vec<String> {
    let mut absent = Vec::new();
    for operation in OPERATIONS {
        for (params, _) in TAGGED {
            let entry = Entry { ns, operation, params };
            let is_there = entry.call(client, "EXISTS", &[""; 0]).int() == 1;
            let expected = if is_there { "r".into() } else { nil() };
            assert_eq!(entry.call(client, "GET", &[""; 0]), expected);
            assert_eq!(entry.call(client, "GET", &["STALE"]), expected, "no grace after this");
            assert_eq!(entry.state(client), if is_there { "fresh" } else { "absent" });
            if !is_there {
                assert!(entry.info(client, "why").text().contains("invalidated"));
                assert_eq!(entry.version(client), 0);
                absent.push(format!("{operation} {params}"));
            }
        }
    }
    absent
}

/// What a plain reading of the contract says of this invalidation.
fn concerned(hits: impl Fn(&str, &[&str]) -> bool) -> Vec<String> {
    let all =
        OPERATIONS.into_iter().flat_map(|operation| TAGGED.map(|(params, tags)| (operation, params, tags)));
    all.filter(|(operation, _, tags)| hits(operation, tags))
        .map(|(operation, params, _)| format!("{operation} {params}"))
        .collect()
}

#[test]
fn tags_are_whole_words() {
    let server = keeping();
    let mut client = server.client();
    for invalidated in [
        &["t"][..],
        &["u"],
        &["T"],
        &["tt"],
        &["video:7"],
        &["t", "video:7"],
        &["t", "t"],
        &["video:*"],
        &["video"],
        &["none", "?", "*", "t "],
        &["none", "u"],
        &["t\0"],
    ] {
        fill(&mut client, "ns");
        invalidate(&mut client, &[&["TAG", "ns"], invalidated].concat());
        let expected = concerned(|_, tags| tags.iter().any(|tag| invalidated.contains(tag)));
        assert_eq!(absent(&mut client, "ns"), expected, "{invalidated:?}");
    }
}

#[test]
fn tags_are_any_bytes() {
    let server = keeping();
    let mut client = server.client();
    let all: Vec<Vec<u8>> =
        (1..=255).map(|byte| vec![byte]).chain([vec![0], vec![0, 0], vec![255; 256]]).collect();
    for (n, tag) in all.iter().enumerate() {
        cache!(client, "SET", "ns", "op", n, "r", "TAGS", 2, "common", tag);
    }
    for (n, tag) in all.iter().enumerate() {
        call!(client, "CACHE.INVALIDATE", "TAG", "ns", tag);
        assert_eq!(cache!(client, "EXISTS", "ns", "op", n), 0.into(), "{tag:?}");
        if n + 1 < all.len() {
            assert_eq!(cache!(client, "EXISTS", "ns", "op", n + 1), 1.into(), "{tag:?}");
        }
    }
}

#[test]
fn operations_are_names_or_globs() {
    let server = keeping();
    let mut client = server.client();
    for (patterns, hit) in [
        (&["op"][..], &["op"][..]),
        (&["op:a"], &["op:a"]),
        (&["op:a", "Op"], &["op:a", "Op"]),
        (&["*"], &OPERATIONS),
        (&["op*"], &["op", "op:a", "op:b"]),
        (&["op:*"], &["op:a", "op:b"]),
        (&["op:?"], &["op:a", "op:b"]),
        (&["op:[b-z]"], &["op:b"]),
        (&["op:[^a]"], &["op:b"]),
        (&["[oO]p"], &["op", "Op"]),
        (&["?p"], &["op", "Op"]),
        (&["*:*"], &["op:a", "op:b"]),
        (&["\\o\\p"], &["op"]),
        (&["op\\*"], &[]),
        (&["o", "none:*", "OP"], &[]),
        (&["none", "*b", "op"], &["op", "op:b"]),
    ] {
        fill(&mut client, "ns");
        invalidate(&mut client, &[&["OPERATION", "ns"], patterns].concat());
        let expected = concerned(|operation, _| hit.contains(&operation));
        assert_eq!(absent(&mut client, "ns"), expected, "{patterns:?}");
    }
}

#[test]
fn a_namespace_is_all_of_it_and_nothing_else() {
    let server = keeping();
    let (mut client, mut elsewhere) = (server.client(), server.client());
    elsewhere.must(&args!["SELECT", 1]);
    for words in
        [&["NAMESPACE", "ns"][..], &["TAG", "ns", "t", "u", "T", "tt", "video:7"], &["OPERATION", "ns", "*"]]
    {
        for ns in ["ns", "ns2", "x{ns}"] {
            fill(&mut client, ns);
        }
        fill(&mut elsewhere, "ns");
        invalidate(&mut client, words);
        let expected = concerned(|_, tags| words[0] != "TAG" || !tags.is_empty());
        assert_eq!(absent(&mut client, "ns"), expected);
        assert_eq!(absent(&mut client, "ns2"), [""; 0]);
        assert_eq!(absent(&mut client, "x{ns}"), [""; 0]);
        assert_eq!(absent(&mut elsewhere, "ns"), [""; 0]);
    }
}

#[test]
fn the_reply_is_a_clock_that_grows() {
    let server = keeping();
    let mut client = server.client();
    let mut last = 0;
    for words in [
        &["TAG", "ns", "t"][..],
        &["TAG", "ns", "t"],
        &["TAG", "ns", "t", "u"],
        &["OPERATION", "ns", "none"],
        &["OPERATION", "ns", "none*", "n?ne"],
        &["NAMESPACE", "ns"],
        &["NAMESPACE", "ns"],
    ] {
        let clock = invalidate(&mut client, words);
        assert!(clock > last && clock < 1 << 53, "{words:?}: {clock} after {last}");
        cache!(client, "SET", "ns", "op", "1", "r", "TAGS", 1, "t");
        last = Entry::of("ns", "1").version(&mut client);
        assert!(last > clock, "{words:?}: an entry of {last} after a clock of {clock}");
    }
}

#[test]
fn an_absent_namespace_is_made() {
    let server = keeping();
    let mut client = server.client();
    for words in [&["TAG", "a", "t"][..], &["OPERATION", "b", "op"], &["NAMESPACE", "c"]] {
        let before = now_ms() * 1000;
        let clock = invalidate(&mut client, words);
        assert!(clock >= before - 1_000_000, "a new clock starts at Unix microseconds: {clock}");
        assert_eq!(call!(client, "EXISTS", words[1]), 1.into());
    }
    assert_eq!(call!(client, "DBSIZE"), 3.into());
}

#[test]
fn what_comes_later_lives_until_the_next() {
    let server = keeping();
    let mut client = server.client();
    for words in [
        &["TAG", "ns", "t"][..],
        &["OPERATION", "ns", "op"],
        &["OPERATION", "ns", "o?"],
        &["NAMESPACE", "ns"],
    ] {
        for round in 0..3 {
            for (write, more) in [("SET", &[][..]), ("SET", &["NX"]), ("MERGE", &["UPSERT"]), ("FILL", &[])] {
                let entry = Entry::of("ns", "7");
                let result = format!("{{\"{write}\":{round}}}");
                let tags = [&["TAGS", "1", "t"], more].concat();
                let reply = match write {
                    "FILL" => {
                        let token = entry.lease(&mut client, "");
                        cache!(client, "FILL", "ns", token, &result, "TAGS", 1, "t")
                    }
                    _ => entry.call(&mut client, write, &[&[&result[..]], &tags[..]].concat()),
                };
                assert!(!reply.is_error() && reply != nil(), "{words:?} {write}: {reply:?}");
                // MERGE began with nothing.
                assert_eq!(entry.call(&mut client, "GET", &[""; 0]), result.as_str().into(), "{words:?}");
                invalidate(&mut client, words);
                assert_eq!(entry.call(&mut client, "GET", &["STALE"]), nil(), "{words:?}");
            }
        }
    }
}

#[test]
fn dead_entries_count_as_absent_for_every_command() {
    let server = keeping();
    let mut client = server.client();
    for words in [
        &["TAG", "ns", "t"][..],
        &["OPERATION", "ns", "op"],
        &["OPERATION", "ns", "[o]p"],
        &["NAMESPACE", "ns"],
    ] {
        let entry = Entry::of("ns", "7");
        let die = |client: &mut Client| {
            call!(client, "DEL", "ns");
            assert_eq!(
                cache!(client, "SET", "ns", "op", "7", r#"{"a":1}"#, "TAGS", 1, "t", "EX", 50_000),
                ok()
            );
            invalidate(client, words);
        };
        die(&mut client);
        assert_eq!(entry.call(&mut client, "SET", &["s", "XX"]), nil());
        assert_eq!(entry.call(&mut client, "MERGE", &["{}"]), nil());
        assert_eq!(entry.call(&mut client, "INVALIDATE", &[""; 0]), 0.into());
        die(&mut client);
        assert_eq!(entry.call(&mut client, "INVALIDATE", &["IFVERSION", "0", "SOFT"]), 0.into());
        assert_eq!(entry.call(&mut client, "GET", &["STALE"]), nil());
        die(&mut client);
        assert_eq!(entry.call(&mut client, "SET", &["s", "NX"]), ok());
        assert_eq!(entry.tags(&mut client), [""; 0], "nothing of the dead is kept");
        die(&mut client);
        assert_eq!(entry.call(&mut client, "SET", &["s", "KEEPTTL"]), ok());
        assert_eq!(entry.life(&mut client), (3_600_000, 0), "as where nothing was");
        die(&mut client);
        assert!(entry.call(&mut client, "MERGE", &[r#"{"b":2}"#, "UPSERT", "IFVERSION", "0"]).int() > 0);
        assert_eq!(entry.call(&mut client, "GET", &[""; 0]), r#"{"b":2}"#.into());
        die(&mut client);
        assert_eq!(entry.fetch(&mut client, "").status, "LEASE");
        let next = cache!(client, "NEXT", "ns", "AFTER", "op", "7", 0);
        assert_eq!(next, nil(), "nothing was seen, and nothing is there");
    }
}

#[test]
fn what_is_stale_or_negative_goes_too() {
    let server = keeping();
    let mut client = server.client();
    policy!(client, "SET", "ns", "op", "TAGS", "p:{params}");
    for words in [&["TAG", "ns", "p:7", "p:8"][..], &["OPERATION", "ns", "op"], &["NAMESPACE", "ns"]] {
        cache!(client, "SET", "ns", "op", "7", "r", "GRACE", 60_000);
        cache!(client, "INVALIDATE", "ns", "op", "7", "SOFT");
        let entry = Entry::of("ns", "8");
        let token = entry.lease(&mut client, "");
        assert_eq!(cache!(client, "FAIL", "ns", token, "broken", "PX", 60_000), ok());
        assert_eq!(entry.fetch(&mut client, "").told(), "FAILED broken");
        invalidate(&mut client, words);
        assert_eq!(cache!(client, "GET", "ns", "op", "7", "STALE"), nil(), "{words:?}");
        assert_eq!(entry.fetch(&mut client, "").status, "LEASE", "{words:?}");
        call!(client, "DEL", "ns");
    }
}

#[test]
fn tags_that_rules_draw_are_tags() {
    let server = keeping();
    let mut client = server.client();
    policy!(client, "SET", "ns", "op", "TAGS", "video:{params/id} scene:{result/scene}");
    let set = |client: &mut Client| {
        cache!(client, "SET", "ns", "op", r#"{"id":7}"#, r#"{"scene":3}"#, "TAGS", 1, "own");
    };
    for tag in ["video:7", "scene:3", "own"] {
        set(&mut client);
        invalidate(&mut client, &["TAG", "ns", "video:8", "scene:7", "video", "7"]);
        assert_eq!(cache!(client, "EXISTS", "ns", "op", r#"{"id":7}"#), 1.into());
        invalidate(&mut client, &["TAG", "ns", tag]);
        assert_eq!(cache!(client, "EXISTS", "ns", "op", r#"{"id":7}"#), 0.into(), "{tag}");
    }
}

#[test]
fn one_in_a_transaction_concerns_what_came_before_it() {
    let server = keeping();
    let mut client = server.client();
    let set = |params: i32| args!["CACHE.RESULT", "SET", "ns", "op", params, "r", "TAGS", 1, "t"];
    let get = |params: i32| args!["CACHE.RESULT", "GET", "ns", "op", params];
    let replies = client.pipeline(&[
        args!["MULTI"],
        set(1),
        args!["CACHE.INVALIDATE", "TAG", "ns", "t"],
        set(2),
        get(1),
        get(2),
        args!["EXEC"],
    ]);
    assert_eq!(replies[6].array()[3..], [nil(), "r".into()]);
    let script = "
        redis.call('CACHE.RESULT', 'SET', KEYS[1], 'op', '3', 'r')
        redis.call('CACHE.INVALIDATE', 'NAMESPACE', KEYS[1])
        redis.call('CACHE.RESULT', 'SET', KEYS[1], 'op', '4', 'r')
        return {redis.call('CACHE.RESULT', 'EXISTS', KEYS[1], 'op', '3'), redis.call('CACHE.RESULT', 'EXISTS', KEYS[1], 'op', '4')}";
    assert_eq!(call!(client, "EVAL", script, 1, "ns"), Value::Array(vec![0.into(), 1.into()]));
}

#[test]
fn a_full_server_invalidates() {
    let server = keeping();
    let mut client = server.client();
    fill(&mut client, "ns");
    call!(client, "CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", 1);
    invalidate(&mut client, &["TAG", "ns", "t"]);
    invalidate(&mut client, &["OPERATION", "ns", "op:*"]);
    assert_eq!(absent(&mut client, "ns").len(), 2 * TAGGED.len() + 4);
    invalidate(&mut client, &["NAMESPACE", "ns"]);
    invalidate(&mut client, &["NAMESPACE", "unknown"]);
    call!(client, "CONFIG", "SET", "cache.sweep", "yes");
    wait_until("all is freed", || call!(client, "DBSIZE") == 2.into());
}

#[test]
fn it_goes_on_under_bypass() {
    let server = keeping();
    let mut client = server.client();
    fill(&mut client, "ns");
    call!(client, "CONFIG", "SET", "cache.enabled", "no");
    invalidate(&mut client, &["TAG", "ns", "t"]);
    call!(client, "CONFIG", "SET", "cache.enabled", "yes");
    assert_eq!(absent(&mut client, "ns"), concerned(|_, tags| tags.contains(&"t")));
}

#[test]
fn those_who_watch_the_namespace_notice() {
    let server = keeping();
    let (mut watcher, mut client) = (server.client(), server.client());
    for words in [
        &["TAG", "ns", "t"][..],
        &["OPERATION", "ns", "op"],
        &["OPERATION", "ns", "x*"],
        &["NAMESPACE", "ns"],
    ] {
        watcher.must(&["WATCH", "ns"]);
        invalidate(&mut client, words);
        let replies = watcher.pipeline(&[args!["MULTI"], args!["PING"], args!["EXEC"]]);
        assert_eq!(replies[2], nil(), "{words:?}");
    }
}

#[test]
fn words_that_are_refused() {
    let server = keeping();
    let mut client = server.client();
    fill(&mut client, "ns");
    call!(client, "SET", "a-string", "v");
    let before = digests(&server);
    let (long_tag, long_pattern) = ("t".repeat(257), "o".repeat(300));
    for (words, word) in [
        (&["TAG"][..], "ERR"),
        (&["TAG", "ns"], "ERR"),
        (&["TAG", "ns", ""], "ERR"),
        (&["TAG", "ns", "t", ""], "ERR"),
        (&["TAG", "ns", "t", &long_tag], "TOOBIG"),
        (&["TAG", "a b", "t"], "BADNAME"),
        (&["TAG", "", "t"], "BADNAME"),
        (&["TAG", "{ns}", "t"], "BADNAME"),
        (&["TAG", "a-string", "t"], "WRONGTYPE"),
        (&["OPERATION"], "ERR"),
        (&["OPERATION", "ns"], "ERR"),
        (&["OPERATION", "ns", ""], "BADNAME"),
        (&["OPERATION", "ns", "op", "a b"], "BADNAME"),
        (&["OPERATION", "ns", "op", "{op}"], "BADNAME"),
        (&["OPERATION", "ns", "op\n"], "BADNAME"),
        (&["OPERATION", "ns", &long_pattern], "BADNAME"),
        (&["OPERATION", "result:ns", "op"], "BADNAME"),
        (&["OPERATION", "a-string", "op"], "WRONGTYPE"),
        (&["NAMESPACE"], "ERR"),
        (&["NAMESPACE", "ns", "more"], "ERR"),
        (&["NAMESPACE", "ns*"], "BADNAME"),
        (&["NAMESPACE", "a-string"], "WRONGTYPE"),
    ] {
        let mut command = args!["CACHE.INVALIDATE"];
        command.extend(words.iter().map(|word| word.as_bytes().to_vec()));
        let reply = client.call(&command);
        assert!(reply.is_error(), "{words:?} was answered by {reply:?}");
        assert_eq!(reply.error_word(), word, "{words:?}: {reply:?}");
    }
    assert_same_digests("refused", &before, &digests(&server));
    assert_eq!(absent(&mut client, "ns"), [""; 0]);
}
