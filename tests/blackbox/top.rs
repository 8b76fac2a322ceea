//! `make top`: what it reads from a real server, as the one frame that `--once` prints.

// The key handling is left out, which needs a terminal.
#[allow(dead_code)]
#[path = "../../examples/top/frame.rs"]
mod frame;
#[allow(dead_code)]
#[path = "../../examples/top/options.rs"]
mod options;
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
    assert!(source(&server, &[]).read().is_err());
}

#[test]
fn a_server_without_the_module_is_told_so() {
    let server = Launch::new().without_module().start();
    let trouble = source(&server, &[]).read().expect_err("no figures").to_string();
    assert!(trouble.contains("has not loaded the module"), "{trouble}");
    let nobody = Options::read(&["--port".to_owned(), "1".to_owned()]).expect("options");
    assert!(Source::of(&nobody).read().expect_err("nobody").to_string().contains("127.0.0.1:1"));
}
