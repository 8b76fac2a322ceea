//! `make top`: what it reads from a real server, as the one frame that `--once` prints.

// The key handling is left out, which needs a terminal.
#[path = "../../examples/top/columns.rs"]
mod columns;
#[path = "../../examples/top/figures.rs"]
mod figures;
#[allow(dead_code)]
#[path = "../../examples/top/frame.rs"]
mod frame;
#[allow(dead_code)]
#[path = "../../examples/top/options.rs"]
mod options;
#[path = "../../examples/top/search.rs"]
mod search;
#[path = "../../examples/top/source.rs"]
mod source;
#[path = "../../examples/top/watch.rs"]
mod watch;
#[path = "../../examples/top/words.rs"]
mod words;

use std::time::{Duration, Instant};

use crate::harness::{Client, Launch, Server};
use crate::{cache, call};
use options::Options;
use search::MOST;
use source::Source;
use watch::Watch;

fn source(server: &Server, more: &[&str]) -> Source {
    let port = server.port().to_string();
    let words: Vec<String> = ["--port", &port].iter().chain(more).map(|word| (*word).to_owned()).collect();
    Source::of(&Options::read(&words).expect("options"))
}

/// Nine hits and a miss.
fn look(client: &mut Client, ns: &str) {
    cache!(client, "SET", ns, "encode", "1", "r", "TOOK", 20_000);
    (0..10).for_each(|n| drop(cache!(client, "GET", ns, "encode", n / 9 + 1)));
}

#[test]
fn a_frame_shows_what_a_server_does() {
    let server = Server::start();
    let mut client = server.client();
    let (mut source, mut watch, begun) = (source(&server, &[]), Watch::default(), Instant::now());
    cache!(client, "SET", "demo", "encode", "1", "r");
    cache!(client, "GET", "demo", "encode", "2");
    call!(client, "SET", "plain", "v");
    watch.note(source.read().expect("a reading"), begun);
    look(&mut client, "demo");
    look(&mut client, "other");
    call!(client, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    assert!(source.read().is_err(), "the connection is gone");
    watch.note(source.read().expect("it connects again"), begun + Duration::from_secs(2));
    let text = frame::as_text(&watch, source.name()).expect("a frame");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = text.lines().map(words).collect();
    assert!(lines[0].contains("10 lookups/s hit rate 85.7 %") && lines[0].contains("saved 6m 0s"), "{text}");
    assert!(lines[1].starts_with("2 entries"), "{text}");
    let rates = "81.8 % 81.8 % █ 3m 0s 0";
    assert!(lines[4].starts_with(&format!("demo 5 {rates}")) && lines[4].ends_with("healthy"), "{text}");
    assert!(lines[5].starts_with(&format!("encode 5 {rates}")), "{text}");
    assert!(lines[6].starts_with("other 0 90.0 %"), "what is new has no rate yet: {text}");
    assert_eq!(lines.len(), 8, "{text}");
}

#[test]
fn namespaces_may_be_named_and_a_password_asked_for() {
    let server = Server::start();
    let mut client = server.client();
    look(&mut client, "demo");
    look(&mut client, "other");
    call!(client, "CONFIG", "SET", "requirepass", "secret");
    let url = format!("redis://:secret@127.0.0.1:{}", server.port());
    let mut named = source(&server, &["--url", &url, "other"]);
    assert_eq!(named.name(), format!("127.0.0.1:{}", server.port()), "without the password");
    let reading = named.read().expect("a reading");
    assert_eq!(reading.namespaces.keys().collect::<Vec<_>>(), ["other"]);
    let refusal = |more: &[&str]| source(&server, more).read().expect_err("a refusal").to_string();
    assert!(refusal(&[]).contains("asks for a password"));
    assert!(refusal(&["--url", &url.replace("secret", "guess")]).contains("refuses that password"));
}

/// The namespaces of a reading.
#[track_caller]
fn shown(source: &mut Source) -> Vec<String> {
    source.read().expect("a reading").namespaces.into_keys().collect()
}

#[test]
fn what_is_no_namespace_any_more_or_is_anothers_is_left_out() {
    let server = Server::start();
    let mut client = server.client();
    ["demo", "other", "third"].iter().for_each(|ns| look(&mut client, ns));
    let mut source_of_all = source(&server, &[]);
    assert_eq!(shown(&mut source_of_all), ["demo", "other", "third"]);
    call!(client, "RENAME", "other", "no name");
    call!(client, "RENAME", "third", [0xff_u8, 0xfe]);
    assert_eq!(shown(&mut source_of_all), ["demo"]);
    assert!(source(&server, &["no name"]).read().expect_err("a refusal").to_string().contains("BADNAME"));

    look(&mut client, "secret");
    call!(client, "ACL", "SETUSER", "eve", "on", ">pw", "~demo", "~result:{demo}*", "+@all");
    let url = format!("redis://eve:pw@127.0.0.1:{}", server.port());
    assert_eq!(shown(&mut source(&server, &["--url", &url])), ["demo"]);
    assert!(
        source(&server, &["--url", &url, "secret"]).read().is_err(),
        "what was asked for is refused aloud"
    );
}

#[test]
fn a_server_that_restarts_is_found_again() {
    let mut server = Server::start();
    look(&mut server.client(), "demo");
    let (mut source, mut watch, begun) = (source(&server, &[]), Watch::default(), Instant::now());
    watch.note(source.read().expect("a reading"), begun);
    // It says in seconds when it began to count.
    std::thread::sleep(Duration::from_millis(1100));
    server.stop();
    assert!(source.read().is_err());
    assert!(source.read().expect_err("it is away").to_string().contains("no server answers"));
    server.start_again();
    look(&mut server.client(), "demo");
    watch.note(source.read().expect("it connects again"), begun + Duration::from_secs(2));
    assert_eq!(watch.recent(Some("demo"), None).rate, 5.0, "its counters began anew");
}

#[test]
fn of_very_many_namespaces_some_are_shown() {
    let server = Server::start();
    let mut client = server.client();
    let set = |n| cache_command(&["SET", &format!("ns{n}"), "encode", "1", "r"]);
    client.pipeline(&(0..MOST + 50).map(set).collect::<Vec<_>>());
    let (mut source, mut watch) = (source(&server, &[]), Watch::default());
    watch.note(source.read().expect("a reading"), Instant::now());
    let text = frame::as_text(&watch, source.name()).expect("a frame");
    assert_eq!(text.lines().filter(|line| line.starts_with("ns")).count(), MOST);
    assert!(text.ends_with("\n(and more)\n"), "{text}");
}

/// A subcommand of `CACHE.RESULT`.
fn cache_command(words: &[&str]) -> Vec<String> {
    [&["CACHE.RESULT"], words].concat().iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_server_without_the_module_is_told_so() {
    let server = Launch::new().without_module().start();
    let trouble = source(&server, &[]).read().expect_err("no figures").to_string();
    assert!(trouble.contains("has not loaded the module"), "{trouble}");
    let nobody = Options::read(&["--port".to_owned(), "1".to_owned()]).expect("options");
    assert!(Source::of(&nobody).read().expect_err("nobody").to_string().contains("127.0.0.1:1"));
}
