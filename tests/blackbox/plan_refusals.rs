//! What is no plan, or too much of one: refused by every command that takes plans, with nothing leased and nothing invalidated.

use crate::harness::{Client, Entry, Server, assert_same_digests, digests, nil, ok};
use crate::{args, cache, call};

/// The commands that take a plan, up to it.
const COMMANDS: [&[&str]; 3] =
    [&["CACHE.PLAN", "ns"], &["CACHE.INVALIDATE.PLAN", "ns"], &["CACHE.INVALIDATE", "PLAN", "ns"]];

const KEPT: Entry = Entry { ns: "ns", operation: "op", params: "1" };
const ABSENT: Entry = Entry { ns: "ns", operation: "op", params: "2" };

/// The first jobs of a plan that goes wrong later: one that is there, and one that is not.
const GOOD: &str = r#"{"operation":"op","params":1},{"operation":"op","params":2}"#;

/// Each command with this plan and these options must be refused with an error that begins with `word` and has `named`
/// in it, and leave everything as it was.
#[track_caller]
fn refused(server: &Server, client: &mut Client, plan: impl AsRef<[u8]>, word: &str, named: &str) {
    let plan = plan.as_ref();
    let shown = plan[..plan.len().min(200)].escape_ascii().to_string();
    let before = digests(server);
    for command in COMMANDS {
        let mut command: Vec<Vec<u8>> = command.iter().map(|word| word.as_bytes().to_vec()).collect();
        command.push(plan.to_vec());
        let reply = client.call(&command);
        assert!(reply.is_error(), "{shown} was answered by {reply:?}");
        assert_eq!(reply.error_word(), word, "{shown}: {reply:?}");
        assert!(reply.error().contains(named), "{shown}: {named:?} is not named in {reply:?}");
    }
    assert_same_digests(&shown, &before, &digests(server));
    assert_eq!(ABSENT.info(client, "deadline_ms"), nil(), "{shown}: a job was leased");
}

#[track_caller]
fn prepared() -> (Server, Client) {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(cache!(client, "SET", "ns", "op", "1", "r", "PERSIST"), ok());
    (server, client)
}

#[test]
fn what_is_not_json_or_has_not_the_shape() {
    let (server, mut client) = prepared();
    for text in [
        "",
        " ",
        "no plan",
        "[",
        "{",
        "7",
        "null",
        "\"[]\"",
        "{}",
        r#"{"jobs":null}"#,
        r#"{"jobs":{}}"#,
        r#"{"jobs":7}"#,
        r#"{"Jobs":[]}"#,
        r#"{"jobs":[],"jobs":[]}"#,
        "[] []",
        "[],",
        "[]x",
        "\u{feff}[]",
        "[1]",
        "[null]",
        "[[]]",
    ] {
        refused(&server, &mut client, text, "BADPLAN", "");
    }
    for bad in [
        "7",
        "{}",
        r#"["op",1,null]"#,
        r#"["op",1,null,[]]"#,
        r#"{"params":1}"#,
        r#"{"operation":"op"}"#,
        r#"{"operation":null,"params":1}"#,
        r#"{"operation":7,"params":1}"#,
        r#"{"operation":["op"],"params":1}"#,
        r#"{"operation":"op","operation":"op","params":1}"#,
        r#"{"operation":"op","params":1,"params":1}"#,
        r#"{"operation":"op","params":}"#,
        r#"{"operation":"op","params":{"a":1,}}"#,
        r#"{"operation":"op","params":01}"#,
        r#"{"operation":"op","params":NaN}"#,
    ] {
        refused(&server, &mut client, format!("[{GOOD},{bad}]"), "BADPLAN", "");
        refused(&server, &mut client, format!(r#"{{"jobs":[{GOOD},{bad}]}}"#), "BADPLAN", "");
    }
    refused(
        &server,
        &mut client,
        [b"[".as_slice(), GOOD.as_bytes(), b",{\"\xff\"}]"].concat(),
        "BADPLAN",
        "",
    );
    refused(&server, &mut client, b"\xff\xfe[\0]\0", "BADPLAN", "");
    refused(&server, &mut client, [GOOD.as_bytes(), b"\0"].concat(), "BADPLAN", "");
}

#[test]
fn a_bad_job_is_named_by_its_index() {
    let (server, mut client) = prepared();
    let deep = format!("{}{}", "[".repeat(129), "]".repeat(129));
    for params in [
        r#"{"a":1,"a":2}"#,
        r#"{"a":1,"\u0061":2}"#,
        "1e999",
        "1e-999",
        r#""\ud800""#,
        r#"{"\udc00":1}"#,
        &deep,
    ] {
        let bad = format!(r#"{{"operation":"op","params":{params}}}"#);
        refused(&server, &mut client, format!("[{GOOD},{bad}]"), "BADPLAN", "2");
        refused(&server, &mut client, format!("[{bad},{GOOD}]"), "BADPLAN", "0");
    }
    let long = "o".repeat(129);
    for operation in ["", " ", "a b", "\u{e4}", "a\\u0000", "a*", "{op}", &long] {
        let bad = format!(r#"{{"operation":"{operation}","params":1}}"#);
        refused(&server, &mut client, format!("[{GOOD},{bad}]"), "BADPLAN", "2");
    }
    let deepest = format!("{}{}", "[".repeat(128), "]".repeat(128));
    let good = format!(r#"[{{"operation":"op","params":{deepest}}}]"#);
    assert_eq!(call!(client, "CACHE.PLAN", "ns", good).array().len(), 1);
}

#[test]
fn graphs_that_are_none() {
    let (server, mut client) = prepared();
    let job = |members: &str| format!(r#"{{"operation":"op","params":2,{members}}}"#);
    let plan = |of: &[&str]| {
        let of: Vec<String> = of.iter().map(|members| job(members)).collect();
        format!("[{GOOD},{}]", of.join(","))
    };
    for of in [
        // Twice the same.
        &[r#""id":1"#, r#""id":1"#][..],
        &[r#""id":"a""#, r#""id":"b""#, r#""id":"\u0061""#],
        // Unknown.
        &[r#""id":1,"dependsOn":[2]"#],
        &[r#""dependsOn":["a"]"#],
        &[r#""id":"a""#, r#""id":"b","dependsOn":["a","A"]"#],
        &[r#""id":"a""#, r#""dependsOn":[""]"#],
        // Cycles.
        &[r#""id":1,"dependsOn":[1]"#],
        &[r#""id":1,"dependsOn":[2]"#, r#""id":2,"dependsOn":[1]"#],
        &[
            r#""id":"a""#,
            r#""id":"b","dependsOn":["a","d"]"#,
            r#""id":"c","dependsOn":["b"]"#,
            r#""id":"d","dependsOn":["c"]"#,
        ],
        // Of another type.
        &[r#""id":1.5"#],
        &[r#""id":{}"#],
        &[r#""id":[1]"#],
        &[r#""id":true"#],
        &[r#""id":1"#, r#""dependsOn":1"#],
        &[r#""id":"a""#, r#""dependsOn":"a""#],
        &[r#""id":"a""#, r#""dependsOn":{"a":1}"#],
        &[r#""id":"a""#, r#""dependsOn":[["a"]]"#],
        &[r#""id":"a","id":"b""#],
        &[r#""id":"a","dependsOn":[],"dependsOn":[]"#],
    ] {
        refused(&server, &mut client, plan(of), "BADPLAN", "");
    }
    // These are graphs: forward references, diamonds, the same twice in a list, any words as ids.
    for of in [
        &[r#""id":1,"dependsOn":[2]"#, r#""id":2"#][..],
        &[
            r#""id":1"#,
            r#""id":2,"dependsOn":[1]"#,
            r#""id":3,"dependsOn":[1]"#,
            r#""id":4,"dependsOn":[2,3,1]"#,
        ],
        &[r#""id":1"#, r#""id":2,"dependsOn":[1,1]"#],
        &[r#""id":"","dependsOn":[]"#, r#""id":"\u00e4 {}","dependsOn":[""]"#, r#""id":-5,"dependsOn":[]"#],
    ] {
        let reply = call!(client, "CACHE.PLAN", "ns", plan(of));
        assert_eq!(reply.array().len(), of.len() + 2, "{of:?}");
        call!(client, "FLUSHALL");
    }
}

/// A chain of jobs, each depending on the one before, the first on `first`.
fn chain(length: usize, first: &str) -> String {
    let mut jobs = vec![format!(r#"{{"id":0,"dependsOn":[{first}],"operation":"op","params":0}}"#)];
    jobs.extend(
        (1..length).map(|n| format!(r#"{{"id":{n},"dependsOn":[{}],"operation":"op","params":{n}}}"#, n - 1)),
    );
    format!("[{}]", jobs.join(","))
}

#[test]
fn long_chains_and_long_circles() {
    let (server, mut client) = prepared();
    refused(&server, &mut client, chain(10_000, "9999"), "BADPLAN", "");
    assert_eq!(call!(client, "CACHE.INVALIDATE.PLAN", "ns", chain(10_000, ""), "FROM", 0), 1.into());
    assert_eq!(KEPT.state(&mut client), "absent");
}

#[test]
fn nesting_and_size_stop_nobody() {
    let (_server, mut client) = prepared();
    for depth in [200, 100_000] {
        for text in [
            format!(r#"{{"meta":{}{},"jobs":[]}}"#, "[".repeat(depth), "]".repeat(depth)),
            format!(
                r#"[{{"meta":{}1{},"operation":"op","params":1}}]"#,
                r#"{"a":"#.repeat(depth),
                "}".repeat(depth)
            ),
            "[".repeat(depth),
            r#"{"jobs":"#.repeat(depth),
            format!(r#"[{{"operation":"op","params":{}"#, "[".repeat(depth)),
        ] {
            let reply = call!(client, "CACHE.PLAN", "ns", text);
            assert!(!reply.is_error() || reply.error_word() == "BADPLAN", "{reply:?}");
        }
    }
}

#[test]
fn plans_beyond_the_limits_lease_nothing() {
    let (server, mut client) = prepared();
    call!(client, "CONFIG", "SET", "cache.plan-max-jobs", 3);
    let third = r#"{"operation":"op","params":3}"#;
    refused(&server, &mut client, format!("[{GOOD},{third},{third}]"), "TOOBIG", "cache.plan-max-jobs");
    assert_eq!(call!(client, "CACHE.PLAN", "ns", format!("[{GOOD},{third}]")).array().len(), 3);
    call!(client, "FLUSHALL");
    call!(client, "CONFIG", "SET", "cache.plan-max-jobs", 10_000);
    let many = vec![third; 10_001].join(",");
    refused(&server, &mut client, format!("[{many}]"), "TOOBIG", "10001");

    call!(client, "FLUSHALL");
    cache!(client, "SET", "ns", "op", "1", vec![b'x'; 600], "PERSIST");
    call!(client, "CONFIG", "SET", "cache.plan-reply-max-bytes", "1kb");
    let once = r#"{"operation":"op","params":1}"#;
    for text in [format!("[{ABSENT_JOB},{once},{once}]"), format!("[{once},{ABSENT_JOB},{once}]")] {
        let before = digests(&server);
        let reply = call!(client, "CACHE.PLAN", "ns", text);
        assert_eq!(reply.error_word(), "TOOBIG");
        assert!(reply.error().contains("cache.plan-reply-max-bytes"), "{reply:?}");
        assert_eq!(ABSENT.info(&mut client, "deadline_ms"), nil(), "a job was leased");
        assert_eq!(digests(&server), before);
    }
    let mut statuses = |text: String| -> Vec<String> {
        let reply = call!(client, "CACHE.PLAN", "ns", text);
        reply.array().iter().map(|answer| answer.array()[0].text()).collect()
    };
    assert_eq!(statuses(format!("[{ABSENT_JOB},{once}]")), ["LEASE", "HIT"]);
    // Nothing is sent back by an invalidation.
    assert_eq!(call!(client, "CACHE.INVALIDATE.PLAN", "ns", format!("[{once},{once}]")), 1.into());
}

#[test]
fn progress_and_tags_in_tokens_count_as_bytes_of_the_reply() {
    let (_server, mut client) = prepared();
    call!(client, "CONFIG", "SET", "cache.plan-reply-max-bytes", "1kb");
    let too_big = |client: &mut Client, text: &str| {
        let reply = call!(client, "CACHE.PLAN", "ns", text);
        assert_eq!(reply.error_word(), "TOOBIG", "{text}: {reply:?}");
        assert!(reply.error().contains("cache.plan-reply-max-bytes"), "{reply:?}");
    };
    let token = ABSENT.lease(&mut client, "");
    let progress = format!("\"{}\"", "x".repeat(600));
    assert_eq!(cache!(client, "RENEW", "ns", token, "PROGRESS", progress), ok());
    too_big(&mut client, &format!("[{ABSENT_JOB},{ABSENT_JOB}]"));
    assert_eq!(call!(client, "CACHE.PLAN", "ns", format!("[{ABSENT_JOB}]")).array().len(), 1);

    call!(client, "CONFIG", "SET", "cache.tag-max-bytes", "1kb");
    call!(client, "CACHE.POLICY", "SET", "ns", "tagged", "TAGS", "t:{params}");
    let job = |digit: &str| format!(r#"{{"operation":"tagged","params":"{}"}}"#, digit.repeat(600));
    let jobs = format!("[{},{}]", job("1"), job("2"));
    too_big(&mut client, &jobs);
    for digit in ["1", "2"] {
        let result = call!(
            client,
            "CACHE.RESULT",
            "SET",
            "ns",
            "tagged",
            format!("\"{}\"", digit.repeat(600)),
            "r",
            "PX",
            1,
            "GRACE",
            100_000
        );
        assert_eq!(result, ok());
    }
    // Stale by now, and each brings a token for its refresh.
    call!(client, "DEBUG", "SLEEP", "0.01");
    too_big(&mut client, &jobs);
    call!(client, "CONFIG", "SET", "cache.plan-reply-max-bytes", "2kb");
    let statuses = call!(client, "CACHE.PLAN", "ns", jobs);
    for answer in statuses.array() {
        assert_eq!(answer.array()[0].text(), "STALE");
        assert_ne!(answer.array()[2], nil(), "a refused plan leased nothing");
    }
}

const ABSENT_JOB: &str = r#"{"operation":"op","params":2}"#;

#[test]
fn params_of_jobs_have_the_limit_of_params() {
    let (server, mut client) = prepared();
    call!(client, "CONFIG", "SET", "cache.params-max-bytes", "1kb");
    let long = format!(r#"{{"operation":"op","params":"{}"}}"#, "x".repeat(1023));
    let before = digests(&server);
    for command in COMMANDS {
        let mut command: Vec<Vec<u8>> = command.iter().map(|word| word.as_bytes().to_vec()).collect();
        command.push(format!("[{GOOD},{long}]").into_bytes());
        let reply = client.call(&command);
        assert!(["TOOBIG", "BADPLAN"].contains(&reply.error_word()), "{reply:?}");
    }
    assert_eq!(digests(&server), before);
    assert_eq!(ABSENT.info(&mut client, "deadline_ms"), nil());
}

#[test]
fn arguments_that_are_wrong() {
    let (server, mut client) = prepared();
    call!(client, "SET", "a-string", "v");
    let taken = Entry { ns: "ns", operation: "op", params: "9" }.key(&mut client);
    call!(client, "SET", taken, "v");
    let before = digests(&server);
    let plan = format!("[{GOOD}]");
    let with = |words: &[&str]| {
        let mut command = args!["CACHE.PLAN", "ns", plan];
        command.extend(words.iter().map(|word| word.as_bytes().to_vec()));
        command
    };
    let long = "h".repeat(257);
    for (command, word) in [
        (args!["CACHE.PLAN"], "ERR"),
        (args!["CACHE.PLAN", "ns"], "ERR"),
        (with(&["LEASE"]), "ERR"),
        (with(&["LEASE", "0"]), "ERR"),
        (with(&["LEASE", "-1"]), "ERR"),
        (with(&["LEASE", "1s"]), "ERR"),
        (with(&["LEASE", "5", "LEASE", "5"]), "ERR"),
        (with(&["HOLDER"]), "ERR"),
        (with(&["HOLDER", ""]), "ERR"),
        (with(&["BLOCK", "5"]), "ERR"),
        (with(&["NOSTALE"]), "ERR"),
        (with(&["FROM", "1"]), "ERR"),
        (args!["CACHE.PLAN", "a b", plan], "BADNAME"),
        (args!["CACHE.PLAN", "result:x", plan], "BADNAME"),
        (args!["CACHE.PLAN", "a-string", plan], "WRONGTYPE"),
        (args!["CACHE.INVALIDATE.PLAN", "a-string", plan], "WRONGTYPE"),
        (args!["CACHE.PLAN", "ns", format!(r#"[{GOOD},{{"operation":"op","params":9}}]"#)], "WRONGTYPE"),
        (args!["CACHE.INVALIDATE.PLAN", "ns"], "ERR"),
        (args!["CACHE.INVALIDATE", "PLAN", "ns"], "ERR"),
        (args!["CACHE.INVALIDATE", "PLAN"], "ERR"),
        (args!["CACHE.INVALIDATE"], "ERR"),
        (args!["CACHE.INVALIDATE", "EVERYTHING", "ns"], "ERR"),
        (args!["CACHE.INVALIDATE.PLAN", "ns", plan, "FROM"], "ERR"),
        (args!["CACHE.INVALIDATE.PLAN", "ns", plan, "HARD"], "ERR"),
        (args!["CACHE.INVALIDATE.PLAN", "ns", plan, "SOFT", "SOFT"], "ERR"),
        (args!["CACHE.INVALIDATE.PLAN", "ns", plan, "IFVERSION", "0"], "ERR"),
        (args!["CACHE.INVALIDATE.PLAN", "ns", plan, "FROM", "1"], "BADPLAN"),
        (args!["CACHE.INVALIDATE.PLAN", "ns", plan, "FROM", ""], "BADPLAN"),
        (args!["CACHE.INVALIDATE.PLAN", "ns", "[]", "FROM", "1"], "BADPLAN"),
    ] {
        let reply = client.call(&command);
        assert!(reply.is_error(), "{command:?} was answered by {reply:?}");
        assert_eq!(reply.error_word(), word, "{command:?}: {reply:?}");
    }
    assert!(client.call(&with(&["HOLDER", &long])).is_error());
    assert_same_digests("refused commands", &before, &digests(&server));
    assert_eq!(ABSENT.info(&mut client, "deadline_ms"), nil(), "a job was leased");
}

#[test]
fn more_dependencies_or_tags_than_there_may_be_are_refused() {
    let server = Server::start();
    let mut client = server.client();
    let on = |count: usize| vec!["1"; count].join(",");
    let plan = |count| {
        format!(
            r#"[{{"operation":"op","params":1,"id":1}},{{"operation":"op","params":2,"dependsOn":[{}]}}]"#,
            on(count)
        )
    };
    assert_eq!(call!(client, "CACHE.PLAN", "ns", plan(1_000_000)).array().len(), 2);
    let refused = call!(client, "CACHE.PLAN", "ns", plan(1_000_001));
    assert!(refused.error_word() == "TOOBIG" && refused.error().contains("1000000"), "{refused:?}");
    let rows =
        format!(r#"[{{"operation":"op","params":1,"result":1,"tags":[{}]}}]"#, vec!["\"\""; 5000].join(","));
    let refused = call!(client, "CACHE.WARM", "ns", "JSON", rows);
    assert!(refused.error_word() == "TOOBIG" && refused.error().contains("1024"), "{refused:?}");
}
