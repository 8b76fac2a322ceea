//! WARM stores all or nothing: one bad row, and none is there; the error says which it was.

use crate::harness::{Client, Launch, ReplicationStream, Server, assert_same_digests, digests, nil, ok};
use crate::{args, cache, call, policy};

/// A server whose state must stay as it is.
struct Refusing {
    server: Server,
    client: Client,
    stream: ReplicationStream,
}

impl Refusing {
    #[track_caller]
    fn new() -> Refusing {
        let server = Launch::new().line("cache.sweep no").start();
        let mut client = server.client();
        assert_eq!(cache!(client, "SET", "ns", "op", "1", "kept", "PERSIST"), ok());
        call!(client, "SET", "a-string", "v");
        let stream = ReplicationStream::attach(&server);
        Refusing { server, client, stream }
    }

    /// The error must be of this word; `names` is what its message begins with.
    #[track_caller]
    fn refuses(&mut self, command: &[Vec<u8>], word: &str, names: &str) {
        let shown: Vec<String> = command
            .iter()
            .take(20)
            .map(|part| part[..part.len().min(90)].escape_ascii().to_string())
            .collect();
        let before = digests(&self.server);
        let reply = self.client.call(command);
        assert!(reply.is_error(), "{shown:?} was answered by {reply:?}");
        assert_eq!(reply.error_word(), word, "{shown:?}: {reply:?}");
        let message = reply.error().split_once(' ').map_or("", |(_, message)| message);
        assert!(message.starts_with(names), "{shown:?}: {reply:?} does not begin with {names:?}");
        assert_same_digests("a refused command", &before, &digests(&self.server));
        assert_eq!(self.stream.names(), [""; 0], "{shown:?} was replicated");
    }

    /// ENTRIES with good rows around this one, the third.
    #[track_caller]
    fn refuses_row(&mut self, options: &[&str], row: [&[u8]; 3], word: &str) {
        let mut command = args!["CACHE.WARM", "ns"];
        command.extend(options.iter().map(|word| word.as_bytes().to_vec()));
        command.extend(args!["ENTRIES", "op", "1", "new", "op", "2", "new"]);
        command.extend(row.map(<[u8]>::to_vec));
        command.extend(args!["op", "3", "new"]);
        self.refuses(&command, word, "row 2: ");
    }

    /// JSON with good rows around this one, the second.
    #[track_caller]
    fn refuses_json(&mut self, options: &[&str], row: &str, word: &str) {
        let good = |n: i32| format!(r#"{{"operation":"op","params":{n},"result":{n}}}"#);
        let mut command = args!["CACHE.WARM", "ns"];
        command.extend(options.iter().map(|word| word.as_bytes().to_vec()));
        command.extend(args!["JSON", format!("[{},{row},{}]", good(1), good(2))]);
        self.refuses(&command, word, "row 1: ");
    }
}

#[test]
fn a_bad_triple_in_the_middle() {
    let mut server = Refusing::new();
    let long = vec![b'o'; 129];
    for operation in [&b""[..], b"a b", b"op*", b"\xff", &long] {
        server.refuses_row(&[], [operation, b"5", b"r"], "BADNAME");
    }
    for params in
        [&b""[..], b"{", b"{\"a\":1,\"a\":1}", b"\"\xff\"", b"1 2", b"nan", b"fp:", b"fp:00", b"1e999"]
    {
        server.refuses_row(&[], [b"op", params, b"r"], "BADPARAMS");
        server.refuses_row(&["NX"], [b"op", params, b"r"], "BADPARAMS");
    }
    call!(server.client, "CONFIG", "SET", "cache.params-max-bytes", "1kb", "cache.result-max-bytes", "1kb");
    let long = format!("\"{}\"", "x".repeat(1023));
    server.refuses_row(&[], [b"op", long.as_bytes(), b"r"], "TOOBIG");
    server.refuses_row(&[], [b"op", b"5", &[b'r'; 1025]], "TOOBIG");
}

#[test]
fn a_bad_json_row_in_the_middle() {
    let mut server = Refusing::new();
    for row in [
        "7",
        "null",
        "[]",
        r#"["op",1,2,null,null,[],null,null]"#,
        "\"row\"",
        "{}",
        r#"{"params":1,"result":1}"#,
        r#"{"operation":"op","result":1}"#,
        r#"{"operation":"op","params":1}"#,
        r#"{"operation":"op","params":1,"result":1,"extra":1}"#,
        r#"{"operation":"op","params":1,"result":1,"TTL_MS":1}"#,
        r#"{"operation":"op","operation":"op","params":1,"result":1}"#,
        r#"{"operation":"op","params":1,"result":1,"result":2}"#,
        r#"{"operation":"op","params":1,"result":1,"ttl_ms":0}"#,
        r#"{"operation":"op","params":1,"result":1,"ttl_ms":-1}"#,
        r#"{"operation":"op","params":1,"result":1,"ttl_ms":1.5}"#,
        r#"{"operation":"op","params":1,"result":1,"ttl_ms":"1"}"#,
        r#"{"operation":"op","params":1,"result":1,"grace_ms":-1}"#,
        r#"{"operation":"op","params":1,"result":1,"took_ms":9007199254740992}"#,
        r#"{"operation":"op","params":1,"result":1,"weight":99999999999999999999}"#,
        r#"{"operation":"op","params":1,"result":1,"weight":true}"#,
        r#"{"operation":"op","params":1,"result":1,"tags":"t"}"#,
        r#"{"operation":"op","params":1,"result":1,"tags":[1]}"#,
        r#"{"operation":"op","params":1,"result":1,"tags":[""]}"#,
        r#"{"operation":"op","params":1,"result":1,"tags":{}}"#,
    ] {
        server.refuses_json(&[], row, "ERR");
    }
    for operation in [r#""""#, r#""a b""#, r#""op*""#, r#""\u0000""#, "\"\u{e4}\""] {
        server.refuses_json(&[], &format!(r#"{{"operation":{operation},"params":1,"result":1}}"#), "BADNAME");
    }
    for params in [r#"{"a":1,"a":2}"#, "1e999", r#""\ud800""#] {
        server.refuses_json(
            &[],
            &format!(r#"{{"operation":"op","params":{params},"result":1}}"#),
            "BADPARAMS",
        );
    }
}

#[test]
fn an_operation_is_a_string() {
    let mut server = Refusing::new();
    for operation in ["7", "null", "true", "[]", "{}", r#"["op"]"#, "-1", "1.5"] {
        let json = format!(r#"[{{"operation":{operation},"params":1,"result":1}}]"#);
        let before = digests(&server.server);
        let reply = call!(server.client, "CACHE.WARM", "ns", "JSON", json);
        assert!(reply.is_error(), "{operation} was taken for an operation: {reply:?}");
        assert_same_digests(operation, &before, &digests(&server.server));
    }
}

#[test]
fn escapes_spell_the_same_operation() {
    let mut server = Refusing::new();
    let json = r#"[{"operation":"\u006fp","params":7,"result":1}]"#;
    assert_eq!(call!(server.client, "CACHE.WARM", "ns", "JSON", json).array()[0], 1.into());
    assert_eq!(cache!(server.client, "GET", "ns", "op", "7"), "1".into());
}

#[test]
fn what_is_no_array_of_rows() {
    let mut server = Refusing::new();
    for text in ["", "{}", "7", "null", "[", "[{}", "[]]", "[] x", "\u{feff}[]", r#"{"rows":[]}"#] {
        server.refuses(&args!["CACHE.WARM", "ns", "JSON", text], "ERR", "");
    }
    server.refuses(&args!["CACHE.WARM", "ns", "JSON", b"[\"\xff\"]".to_vec()], "ERR", "");
    for depth in [200, 100_000] {
        for text in [
            "[".repeat(depth),
            format!("{}{}", "[".repeat(depth), "]".repeat(depth)),
            r#"[{"operation":"#.repeat(depth),
        ] {
            server.refuses(&args!["CACHE.WARM", "ns", "JSON", text], "ERR", "");
        }
    }
}

#[test]
fn options_and_arguments_that_are_wrong() {
    let mut server = Refusing::new();
    let row = ["ENTRIES", "op", "5", "r"];
    let stamp = call!(server.client, "CACHE.CLOCK", "ns").text();
    for (options, word) in [
        (&["XX"][..], "ERR"),
        (&["NX", "NX"], "ERR"),
        (&["EX"], "ERR"),
        (&["EX", "0"], "ERR"),
        (&["EX", "5", "PX", "5"], "ERR"),
        (&["EX", "5", "KEEPTTL"], "ERR"),
        (&["GRACE", "-1"], "ERR"),
        (&["TAGS", "0"], "ERR"),
        (&["TAGS", "9", "t"], "ERR"),
        (&["TAGS", "1", ""], "ERR"),
        (&["TOOK", "5"], "ERR"),
        (&["WEIGHT", "5"], "ERR"),
        (&["UPSERT"], "ERR"),
        (&["SINCE"], "ERR"),
        (&["SINCE", "x"], "BADTOKEN"),
        (&["SINCE", &stamp, "SINCE", &stamp], "ERR"),
    ] {
        if options == ["TAGS", "0"] {
            // No tags at all may be said in so many words.
            continue;
        }
        let mut command = args!["CACHE.WARM", "ns"];
        command.extend([options, &row].concat().iter().map(|word| word.as_bytes().to_vec()));
        server.refuses(&command, word, "");
    }
    for (command, word) in [
        (args!["CACHE.WARM"], "ERR"),
        (args!["CACHE.WARM", "ns"], "ERR"),
        (args!["CACHE.WARM", "ns", "ENTRIES"], "ERR"),
        (args!["CACHE.WARM", "ns", "ENTRIES", "op"], "ERR"),
        (args!["CACHE.WARM", "ns", "ENTRIES", "op", "1"], "ERR"),
        (args!["CACHE.WARM", "ns", "ENTRIES", "op", "5", "r", "op"], "ERR"),
        (args!["CACHE.WARM", "ns", "ENTRIES", "op", "5", "r", "op", "6"], "ERR"),
        (args!["CACHE.WARM", "ns", "JSON"], "ERR"),
        (args!["CACHE.WARM", "ns", "JSON", "[]", "[]"], "ERR"),
        (args!["CACHE.WARM", "ns", "JSON", "[]", "NX"], "ERR"),
        (args!["CACHE.WARM", "ns", "NX"], "ERR"),
        (args!["CACHE.WARM", "ns", "ROWS", "op", "5", "r"], "ERR"),
        (args!["CACHE.WARM", "a b", "ENTRIES", "op", "5", "r"], "BADNAME"),
        (args!["CACHE.WARM", "a-string", "ENTRIES", "op", "5", "r"], "WRONGTYPE"),
        (args!["CACHE.WARM", "other", "SINCE", stamp, "ENTRIES", "op", "5", "r"], "BADTOKEN"),
    ] {
        server.refuses(&command, word, "");
    }
}

#[test]
fn limits_bind_each_row() {
    let mut server = Refusing::new();
    let tags: Vec<String> = (0..40).map(|n| format!("t{n}")).collect();
    let mut options = vec!["TAGS", "40"];
    options.extend(tags.iter().map(String::as_str));
    let own: Vec<String> = (0..25).map(|n| format!("\"o{n}\"")).collect();
    let row = format!(r#"{{"operation":"op","params":5,"result":1,"tags":[{}]}}"#, own.join(","));
    server.refuses_json(&options, &row, "TOOBIG");
    let row = format!(r#"{{"operation":"op","params":5,"result":1,"tags":["{}"]}}"#, "t".repeat(257));
    server.refuses_json(&[], &row, "TOOBIG");
    call!(server.client, "CONFIG", "SET", "cache.result-max-bytes", "1kb", "cache.ttl-max-seconds", 100);
    let row = format!(r#"{{"operation":"op","params":5,"result":"{}"}}"#, "x".repeat(1023));
    server.refuses_json(&[], &row, "TOOBIG");
    for member in ["\"ttl_ms\":100001", "\"grace_ms\":100001"] {
        let row = format!(r#"{{"operation":"op","params":5,"result":1,{member}}}"#);
        let json = format!("[{row}]");
        let reply = call!(server.client, "CACHE.WARM", "ns", "JSON", json);
        assert!(reply.is_error() && reply.error().contains("row 0: "), "{member}: {reply:?}");
        assert_eq!(cache!(server.client, "GET", "ns", "op", "5"), nil());
    }
}

#[test]
fn what_rules_refuse_is_refused_as_a_whole() {
    let mut server = Refusing::new();
    policy!(server.client, "SET", "ns", "op", "EXPIRESFROM", "/expires 60s");
    server.stream.commands();
    for result in [r#"{"expires":"soon"}"#, r#"{"expires":1}"#, r#"{"expires":1900000000000}"#] {
        let row = format!(r#"{{"operation":"op","params":5,"result":{result}}}"#);
        server.refuses_json(&[], &row, "ERR");
        server.refuses_row(&[], [b"op", b"5", result.as_bytes()], "ERR");
    }
    policy!(server.client, "DEL", "ns", "op");
    policy!(server.client, "SET", "ns", "op", "TAGS", "p:{params}");
    server.stream.commands();
    let fingerprint = format!("fp:{}", "0".repeat(64));
    server.refuses_row(&[], [b"op", fingerprint.as_bytes(), b"r"], "BADPARAMS");
    let long = format!("\"{}\"", "x".repeat(300));
    let reply = call!(server.client, "CACHE.WARM", "ns", "ENTRIES", "op", "2", "r", "op", long, "r");
    // A tag too long is no tag, or is refused with its row; never are some of the rows stored.
    if reply.is_error() {
        assert!(reply.error().contains("row 1: "), "{reply:?}");
        assert_eq!(cache!(server.client, "GET", "ns", "op", "2"), nil());
    }
}

#[test]
fn an_entry_key_that_holds_a_string() {
    let mut server = Refusing::new();
    let key = cache!(server.client, "KEY", "ns", "op", "5").text();
    call!(server.client, "SET", key, "v");
    server.stream.commands();
    for options in [&[][..], &["NX"], &["PXAT", "1"]] {
        server.refuses_row(options, [b"op", b"5", b"r"], "WRONGTYPE");
    }
}

#[test]
fn a_full_server_refuses_all() {
    let mut server = Refusing::new();
    call!(server.client, "CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", 1);
    server.refuses(&args!["CACHE.WARM", "ns", "ENTRIES", "op", "5", "r", "op", "6", "r"], "OOM", "");
    server.refuses(
        &args!["CACHE.WARM", "ns", "JSON", r#"[{"operation":"op","params":5,"result":1}]"#],
        "OOM",
        "",
    );
    call!(server.client, "CONFIG", "SET", "maxmemory", 0);
    assert_eq!(call!(server.client, "CACHE.WARM", "ns", "ENTRIES", "op", "5", "r").array()[0], 1.into());
}
