//! Every refusal of the contract: its word, that it names what was wrong, and that nothing changed.

use crate::harness::{Client, Launch, ReplicationStream, Server, assert_same_digests, digests, nil, ok};
use crate::{args, cache, call};

/// A server with an entry, and strings where namespaces and entries would be.
fn filled() -> Server {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "r", "PERSIST", "GRACE", 60_000);
    call!(client, "SET", "a-string", "v");
    cache!(client, "SET", "taken", "other", "{}", "r", "PERSIST");
    let key = cache!(client, "KEY", "taken", "op", "{}").text();
    call!(client, "SET", key, "v");
    server
}

/// Commands that must be refused, watched for traces.
struct Refusing {
    server: Server,
    client: Client,
    stream: ReplicationStream,
    before: std::collections::BTreeMap<String, String>,
}

impl Refusing {
    fn on(server: Server) -> Refusing {
        let (client, stream, before) =
            (server.client(), ReplicationStream::attach(&server), digests(&server));
        Refusing { server, client, stream, before }
    }

    /// The command's error must begin with `word` and contain each of `named`, and leave everything as it was.
    #[track_caller]
    fn refuses(&mut self, command: &[Vec<u8>], word: &str, named: &[&str]) {
        let reply = self.client.call(command);
        let shown: Vec<String> = command
            .iter()
            .map(|argument| argument[..argument.len().min(80)].escape_ascii().to_string())
            .collect();
        assert!(reply.is_error(), "{shown:?} was answered by {reply:?}");
        assert_eq!(reply.error_word(), word, "{shown:?}: {reply:?}");
        for named in named {
            // Options are known by their name in upper case, however they were written.
            let has = reply.error().contains(named) || reply.error().contains(&named.to_uppercase());
            assert!(has, "{shown:?}: {named:?} is not named in {reply:?}");
        }
        assert_same_digests("a refused command", &self.before, &digests(&self.server));
    }

    /// `CACHE.RESULT` with these words.
    #[track_caller]
    fn refuses_words(&mut self, words: &[&str], word: &str, named: &[&str]) {
        let mut command = args!["CACHE.RESULT"];
        command.extend(words.iter().map(|word| word.as_bytes().to_vec()));
        self.refuses(&command, word, named);
    }

    #[track_caller]
    fn nothing_was_sent(&mut self) {
        assert_eq!(self.stream.names(), [""; 0], "a refused command was replicated");
    }
}

/// Each keyed subcommand with its required arguments.
fn keyed<'a>(ns: &'a str, operation: &'a str, params: &'a str) -> Vec<Vec<&'a str>> {
    let mut commands: Vec<_> =
        ["GET", "EXISTS", "INFO", "KEY", "INVALIDATE"].map(|name| vec![name, ns, operation, params]).into();
    commands.push(vec!["SET", ns, operation, params, "r"]);
    commands
}

#[test]
fn a_namespace_argument_that_holds_a_string() {
    let mut server = Refusing::on(filled());
    // KEY looks at no key, and so has nothing to refuse.
    for command in keyed("a-string", "op", "{}").iter().filter(|command| command[0] != "KEY") {
        server.refuses_words(command, "WRONGTYPE", &["a-string"]);
    }
    server.refuses_words(&["GET", "a-string", "op", "{}", "STALE"], "WRONGTYPE", &["a-string"]);
    server.refuses_words(&["SET", "a-string", "op", "{}", "r", "NX"], "WRONGTYPE", &["a-string"]);
    server.refuses_words(
        &["INVALIDATE", "a-string", "op", "{}", "IFVERSION", "7"],
        "WRONGTYPE",
        &["a-string"],
    );
    for kind in [
        args!["LPUSH", "a-list", "x"],
        args!["HSET", "a-hash", "a", "b"],
        args!["XADD", "a-stream", "*", "a", "b"],
    ] {
        server.client.must(&kind);
        server.before = digests(&server.server);
        let ns = String::from_utf8(kind[1].clone()).unwrap();
        server.refuses_words(&["GET", &ns, "op", "{}"], "WRONGTYPE", &[&ns]);
        server.refuses_words(&["SET", &ns, "op", "{}", "r"], "WRONGTYPE", &[&ns]);
    }
}

#[test]
fn an_entry_key_that_holds_a_string() {
    let mut server = Refusing::on(filled());
    for command in keyed("taken", "op", "{}").iter().filter(|command| command[0] != "KEY") {
        server.refuses_words(command, "WRONGTYPE", &["result:{taken}:op"]);
    }
    server.refuses_words(
        &["SET", "taken", "op", "{}", "r", "PXAT", "1"],
        "WRONGTYPE",
        &["result:{taken}:op"],
    );
    server.refuses_words(&["INVALIDATE", "taken", "op", "{}", "SOFT"], "WRONGTYPE", &["result:{taken}:op"]);
    server.nothing_was_sent();
}

#[test]
fn bad_names() {
    let mut server = Refusing::on(filled());
    let long = "n".repeat(129);
    let common = [
        "", " ", "a b", " ns", "ns ", "n\tn", "n\r\nn", "n\0n", "naïve", "n*", "n?", "n[a]", "n,n", "n;n",
        "n#n", "n$n", "n%n", "n&n", "n=n", "n|n", "n\\n", "n\"n", "n'n", "n~n", "n!n", "n(n", "n^n", "n<n",
        &long,
    ];
    let braces = [
        "{", "}", "{}", "{x}", "{}y", "x{}", "x{}y", "a{b", "a}b", "a}b{c", "{a", "a{", "a}", "a{b}c}",
        "a{b}{c}", "a{b}{c}d", "{a}{b}", "{{a}}", "a{{b}}", "a{b{c}d}", "a{b}}", "{}{a}",
    ];
    let reserved = ["result:", "result:x", "result:{ns}:op", "result:x{y}"];
    for ns in common.iter().chain(&braces).chain(&reserved) {
        let named = shown(ns);
        for command in keyed(ns, "op", "{}") {
            server.refuses_words(&command, "BADNAME", &[&named]);
        }
    }
    for operation in common.iter().chain(&braces).chain(&["{a}b", "a{b}"]) {
        let named = shown(operation);
        for command in keyed("ns", operation, "{}") {
            server.refuses_words(&command, "BADNAME", &[&named]);
        }
    }
    for bytes in [&b"\xff"[..], b"n\x80", b"\xc3\x28", &[b'n'; 100_000]] {
        server.refuses(&args!["CACHE.RESULT", "SET", bytes, "op", "{}", "r"], "BADNAME", &[]);
        server.refuses(&args!["CACHE.RESULT", "GET", "ns", bytes, "{}"], "BADNAME", &[]);
    }
    server.nothing_was_sent();
}

/// The part of a bad name that must stand in the message: what is printable, and not too long.
fn shown(name: &str) -> String {
    let printable = |c: &char| !c.is_control() && !matches!(c, '\\' | '\'' | '"');
    name.chars().take_while(printable).take(40).collect()
}

const SET: [&str; 5] = ["SET", "ns", "op", "{}", "new"];
const LATER: &str = "1900000000000";

#[test]
fn unknown_options() {
    let mut server = Refusing::on(filled());
    for (words, named) in [
        (&["FOO"][..], "FOO"),
        (&["EX1"], "EX1"),
        (&["EXX", "1"], "EXX"),
        (&["NXX"], "NXX"),
        (&["EX", "10", "foo"], "foo"),
        (&["10"], "10"),
        (&["STALE"], "STALE"),
        (&["SOFT"], "SOFT"),
        (&["IFVERSION", "1"], "IFVERSION"),
        (&["UPSERT"], "UPSERT"),
        (&["GET"], "GET"),
        (&["BEFORE", "1"], "BEFORE"),
        (&["before", "1"], "before"),
        (&["TAGS", "1", "a", "b"], "b"),
        (&["TAGS", "2", "a", "EX", "10"], "10"),
        (&[""], ""),
        (&["EX\0"], "EX"),
        (&[" EX", "1"], " EX"),
        (&["NX", "\u{e9}"], "\u{e9}"),
    ] {
        server.refuses_words(&[&SET, words].concat(), "ERR", &[named]);
    }
    for (name, words, named) in [
        ("GET", &["FRESH"][..], "FRESH"),
        ("GET", &["STALE", "NOSTALE"], "NOSTALE"),
        ("GET", &["BLOCK", "0"], "BLOCK"),
        ("GET", &[""], ""),
        ("INVALIDATE", &["HARD"], "HARD"),
        ("INVALIDATE", &["STALE"], "STALE"),
        ("INVALIDATE", &["1"], "1"),
        ("INVALIDATE", &["SOFT", "FROM"], "FROM"),
        ("INVALIDATE", &["IFVERSION", "0", "X"], "X"),
    ] {
        server.refuses_words(&[&[name, "ns", "op", "{}"], words].concat(), "ERR", &[named]);
    }
    server.nothing_was_sent();
}

#[test]
fn repeated_options() {
    let mut server = Refusing::on(filled());
    let once: [&[&str]; 12] = [
        &["EX", "10"],
        &["PX", "10000"],
        &["EXAT", "1900000000"],
        &["PXAT", LATER],
        &["KEEPTTL"],
        &["PERSIST"],
        &["GRACE", "1000"],
        &["TAGS", "1", "t"],
        &["TOOK", "5"],
        &["WEIGHT", "5"],
        &["NX"],
        &["XX"],
    ];
    for option in once {
        server.refuses_words(&[&SET, option, option].concat(), "ERR", &[option[0]]);
        server.refuses_words(&[&SET, option, &["TOOK", "1", "weight", "2"], option].concat(), "ERR", &[]);
    }
    server.refuses_words(&[&SET, &["EX", "10", "ex", "11"][..]].concat(), "ERR", &["ex"]);
    server.refuses_words(&["GET", "ns", "op", "{}", "STALE", "STALE"], "ERR", &["STALE"]);
    server.refuses_words(&["INVALIDATE", "ns", "op", "{}", "SOFT", "soft"], "ERR", &["soft"]);
    server.refuses_words(
        &["INVALIDATE", "ns", "op", "{}", "IFVERSION", "0", "IFVERSION", "0"],
        "ERR",
        &["IFVERSION"],
    );
    server.nothing_was_sent();
}

#[test]
fn conflicting_options() {
    let mut server = Refusing::on(filled());
    let expiries: [&[&str]; 6] = [
        &["EX", "10"],
        &["PX", "10000"],
        &["EXAT", "1900000000"],
        &["PXAT", LATER],
        &["KEEPTTL"],
        &["PERSIST"],
    ];
    for one in expiries {
        for other in expiries.iter().filter(|other| **other != one) {
            server.refuses_words(&[&SET, one, other].concat(), "ERR", &[other[0]]);
            server.refuses_words(&[&SET, one, &["GRACE", "1"], other, &["NX"]].concat(), "ERR", &[]);
        }
    }
    server.refuses_words(&[&SET[..], &["NX", "XX"]].concat(), "ERR", &["XX"]);
    server.refuses_words(&[&SET[..], &["XX", "EX", "1", "nx"]].concat(), "ERR", &["nx"]);
    server.nothing_was_sent();
}

/// No decimal integer as core reads them.
const NO_INTEGERS: [&str; 18] = [
    "",
    " ",
    "abc",
    "1.5",
    "1e3",
    "0x10",
    " 1",
    "1 ",
    "+1",
    "01",
    "-0",
    "--1",
    "1,000",
    "1_000",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "99999999999999999999999999999999",
];

#[test]
fn numbers_that_are_none_or_out_of_range() {
    let mut server = Refusing::on(filled());
    for option in ["EX", "PX", "EXAT", "PXAT", "GRACE", "TOOK", "WEIGHT"] {
        for number in NO_INTEGERS.iter().chain(&["-1", "-9223372036854775808"]) {
            server.refuses_words(&[&SET[..], &[option, number]].concat(), "ERR", &[option, number]);
        }
        server.refuses_words(&[&SET[..], &[option]].concat(), "ERR", &[option]);
        server.refuses_words(&[&SET[..], &["NX", option]].concat(), "ERR", &[option]);
    }
    for number in NO_INTEGERS.iter().chain(&["-1", "-9223372036854775808", "0", "9223372036854775807"]) {
        // So many tags do not follow; whether the number or their lack is told first does not matter.
        server.refuses_words(&[&SET[..], &["TAGS", number]].concat(), "ERR", &["TAGS"]);
        if number.parse::<i64>().is_err() || *number == "0" || number.starts_with('-') {
            server.refuses_words(&[&SET[..], &["TAGS", number, "t"]].concat(), "ERR", &[number]);
        }
    }
    for (option, number) in [
        ("EX", "0"),
        ("PX", "0"),
        ("EXAT", "0"),
        ("PXAT", "0"),
        ("EX", "315360001"),
        ("PX", "315360000001"),
        ("GRACE", "315360000001"),
        ("EX", "9223372036854775807"),
        ("EX", "9223372036854775"),
        ("PX", "9223372036854775807"),
        ("EXAT", "9223372036854775807"),
        ("EXAT", "9223372036854775"),
        ("EXAT", "9223372036854776"),
        ("PXAT", "9223372036854775807"),
        ("GRACE", "9223372036854775807"),
    ] {
        server.refuses_words(&[&SET[..], &[option, number]].concat(), "ERR", &[option, number]);
    }
    // Over ten years from now.
    for (option, number) in [("EXAT", "4000000000"), ("PXAT", "4000000000000")] {
        server.refuses_words(&[&SET[..], &[option, number]].concat(), "ERR", &[number, "315360000"]);
    }
    for number in NO_INTEGERS.iter().chain(&["-1"]) {
        server.refuses_words(
            &["INVALIDATE", "ns", "op", "{}", "IFVERSION", number],
            "ERR",
            &["IFVERSION", number],
        );
    }
    server.refuses_words(&["INVALIDATE", "ns", "op", "{}", "IFVERSION"], "ERR", &["IFVERSION"]);
    server.refuses_words(&["INVALIDATE", "ns", "op", "{}", "SOFT", "IFVERSION"], "ERR", &["IFVERSION"]);
    server.nothing_was_sent();
}

#[test]
fn tags_that_are_missing_or_empty() {
    let mut server = Refusing::on(filled());
    for words in [
        &["TAGS"][..],
        &["TAGS", "1"],
        &["TAGS", "2", "a"],
        &["TAGS", "64", "a"],
        &["TAGS", "t"],
        &["EX", "10", "TAGS", "3", "a", "b"],
    ] {
        server.refuses_words(&[&SET, words].concat(), "ERR", &["TAGS"]);
    }
    for words in [&["TAGS", "1", ""][..], &["TAGS", "3", "a", "", "b"]] {
        server.refuses_words(&[&SET, words].concat(), "ERR", &[]);
    }
    server.nothing_was_sent();
}

#[test]
fn a_wrong_number_of_arguments() {
    let mut server = Refusing::on(filled());
    for words in [
        &["GET"][..],
        &["GET", "ns"],
        &["GET", "ns", "op"],
        &["GET", "ns", "op", "{}", "STALE", "x"],
        &["EXISTS"],
        &["EXISTS", "ns", "op"],
        &["EXISTS", "ns", "op", "{}", "x"],
        &["INFO"],
        &["INFO", "ns"],
        &["INFO", "ns", "op", "{}", "x"],
        &["KEY"],
        &["KEY", "ns", "op"],
        &["KEY", "ns", "op", "{}", "x"],
        &["SET"],
        &["SET", "ns"],
        &["SET", "ns", "op"],
        &["SET", "ns", "op", "{}"],
        &["INVALIDATE"],
        &["INVALIDATE", "ns"],
        &["INVALIDATE", "ns", "op"],
        &["HELP", "x"],
        &["FOO"],
        &["FOO", "ns", "op", "{}"],
        &[""],
        &["FETCH", "ns", "op"],
        &["FETCH", "ns", "op", "{}", "x"],
        &["FILL", "ns", "token"],
        &["RENEW", "ns"],
        &["RELEASE", "ns"],
        &["FAIL", "ns", "token"],
        &["MERGE", "ns", "op", "{}"],
        &["NEXT", "ns"],
        &["NEXT", "ns", "AFTER", "op", "{}"],
    ] {
        server.refuses_words(words, "ERR", &[]);
    }
    server.nothing_was_sent();
}

#[test]
fn sizes_over_the_limits() {
    let server = filled();
    let mut client = server.client();
    for limit in ["cache.params-max-bytes", "cache.result-max-bytes"] {
        assert_eq!(call!(client, "CONFIG", "SET", limit, "1kb"), ok());
    }
    call!(client, "CONFIG", "SET", "cache.tags-max", 2, "cache.tag-max-bytes", 8);
    // As large as allowed, first.
    let params = |size: usize| format!("\"{}\"", "p".repeat(size - 2));
    cache!(client, "SET", "ns", "op", params(1024), vec![b'r'; 1024], "TAGS", 2, "12345678", "t", "PERSIST");
    assert_eq!(cache!(client, "GET", "ns", "op", params(1024)).bulk().len(), 1024);
    let mut server = Refusing::on(server);
    for command in keyed("ns", "op", &params(1025)) {
        server.refuses_words(&command, "TOOBIG", &["1025", "1024"]);
    }
    // What is too big is not looked into: it need not be JSON.
    for command in keyed("ns", "op", &"[".repeat(5000)) {
        server.refuses_words(&command, "TOOBIG", &["5000", "1024"]);
    }
    server.refuses_words(&["SET", "ns", "op", "{}", &"r".repeat(1025)], "TOOBIG", &["1025", "1024"]);
    server.refuses_words(&[&SET[..], &["TAGS", "3", "a", "b", "c"]].concat(), "TOOBIG", &["3", "2"]);
    server.refuses_words(&[&SET[..], &["TAGS", "1", "123456789"]].concat(), "TOOBIG", &["9", "8"]);
    server.refuses_words(&[&SET[..], &["TAGS", "2", "a", "123456789"]].concat(), "TOOBIG", &["9", "8"]);
    server.nothing_was_sent();
}

#[test]
fn sizes_over_the_default_limits() {
    let mut server = Refusing::on(filled());
    let params = format!("\"{}\"", "p".repeat((1 << 20) - 1));
    for command in keyed("ns", "op", &params) {
        server.refuses_words(&command, "TOOBIG", &["1048577", "1048576"]);
    }
    let mut command = args!["CACHE.RESULT", "SET", "ns", "op", "{}", "r", "TAGS", 65];
    command.extend((0..65).map(|n| n.to_string().into_bytes()));
    server.refuses(&command, "TOOBIG", &["65", "64"]);
    let tag = "t".repeat(257);
    server.refuses_words(&[&SET[..], &["TAGS", "1", &tag]].concat(), "TOOBIG", &["257", "256"]);
    server.nothing_was_sent();
}

#[test]
fn a_lower_limit_of_time_binds_clients() {
    let server = Launch::new().line("cache.ttl-max-seconds 100").start();
    let mut client = server.client();
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "r", "EX", 100, "GRACE", 100_000), ok());
    let mut server = Refusing::on(server);
    for words in [
        &["EX", "101"][..],
        &["PX", "100001"],
        &["GRACE", "100001"],
        &["EXAT", "1900000000"],
        &["PXAT", LATER],
    ] {
        server.refuses_words(&[&SET, words].concat(), "ERR", &[words[1]]);
    }
    // No time was asked for: that is no client's mistake.
    assert_eq!(cache!(client, "SET", "ns", "op", "1", "r"), ok());
    assert_eq!(cache!(client, "SET", "ns", "op", "2", "r", "PERSIST"), ok());
}

#[test]
fn a_refused_command_in_a_transaction_leaves_the_others_alone() {
    let server = filled();
    let mut client = server.client();
    let replies = client.pipeline(&[
        args!["MULTI"],
        args!["CACHE.RESULT", "SET", "ns", "op", "1", "one"],
        args!["CACHE.RESULT", "SET", "ns", "op", "{", "two"],
        args!["CACHE.RESULT", "GET", "a-string", "op", "1"],
        args!["CACHE.RESULT", "GET", "ns", "op", "1"],
        args!["EXEC"],
    ]);
    let replies = replies[5].array();
    assert_eq!(replies[0], ok());
    assert_eq!(replies[1].error_word(), "BADPARAMS");
    assert_eq!(replies[2].error_word(), "WRONGTYPE");
    assert_eq!(replies[3], "one".into());
    assert_eq!(cache!(client, "GET", "ns", "op", "two").error_word(), "BADPARAMS");
    assert_eq!(cache!(client, "GET", "ns", "op", "2"), nil());
}
