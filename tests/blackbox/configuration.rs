//! The module's configuration: defaults, validation, and that limits bind clients and never loading.

use std::fs;
use std::panic;

use crate::harness::{
    AofBase, Client, Launch, Server, assert_same_digests, digests, module_path, ok, wait_for_replica_in_sync,
};
use crate::{args, cache, call};

/// Name, default as CONFIG GET shows it, smallest, largest.
const NUMBERS: [(&str, i64, i64, i64); 11] = [
    ("cache.params-max-bytes", 1 << 20, 1 << 10, 64 << 20),
    ("cache.result-max-bytes", 64 << 20, 1 << 10, 512 << 20),
    ("cache.tags-max", 64, 0, 1024),
    ("cache.tag-max-bytes", 256, 1, 4 << 10),
    ("cache.progress-max-bytes", 64 << 10, 1, 1 << 20),
    ("cache.waiters-max", 10_000, 0, 1_000_000),
    ("cache.leases-max", 1_000_000, 0, 100_000_000),
    ("cache.plan-max-jobs", 10_000, 1, 1_000_000),
    ("cache.plan-reply-max-bytes", 64 << 20, 1 << 10, 512 << 20),
    ("cache.stats-rows-max", 10_000, 0, 1_000_000),
    ("cache.ttl-max-seconds", 315_360_000, 1, 3_153_600_000),
];

const SWITCHES: [(&str, &str); 4] = [
    ("cache.enabled", "yes"),
    ("cache.memo", "yes"),
    ("cache.sweep", "yes"),
    ("cache.apply-from-clients", "no"),
];

#[track_caller]
fn value(client: &mut Client, name: &str) -> String {
    call!(client, "CONFIG", "GET", name).field(name).text()
}

#[test]
fn every_config_is_listed_with_its_default() {
    let server = Server::start();
    let mut client = server.client();
    let mut listed: Vec<(String, String)> = call!(client, "CONFIG", "GET", "cache.*")
        .pairs()
        .into_iter()
        .map(|(name, value)| (name, value.text()))
        .collect();
    listed.sort();
    let mut expected: Vec<(String, String)> =
        NUMBERS.iter().map(|(name, default, ..)| ((*name).to_owned(), default.to_string())).collect();
    expected.extend(SWITCHES.map(|(name, default)| (name.to_owned(), default.to_owned())));
    expected.sort();
    assert_eq!(listed, expected);
}

#[test]
fn values_are_validated() {
    let server = Server::start();
    let mut client = server.client();
    for (name, default, least, most) in NUMBERS {
        for good in [least, most, default] {
            assert_eq!(call!(client, "CONFIG", "SET", name, good), ok(), "{name} {good}");
            assert_eq!(value(&mut client, name), good.to_string());
        }
        let (below, above) = ((least - 1).to_string(), (most + 1).to_string());
        for bad in [&below, &above, "", "abc", "1.5", "-1", "99999999999999999999", "1kbb", "no"] {
            assert!(call!(client, "CONFIG", "SET", name, bad).is_error(), "{name} took {bad:?}");
            assert_eq!(value(&mut client, name), default.to_string(), "{name} {bad}");
        }
    }
    for name in ["cache.params-max-bytes", "cache.result-max-bytes", "cache.tag-max-bytes"] {
        assert_eq!(call!(client, "CONFIG", "SET", name, "4kb"), ok());
        assert_eq!(value(&mut client, name), "4096");
    }
    assert!(call!(client, "CONFIG", "SET", "cache.apply-from-clients", "perhaps").is_error());
    assert!(call!(client, "CONFIG", "SET", "cache.none-such", "1").is_error());
}

#[test]
fn lines_of_redis_conf_work_and_wrong_ones_stop_the_start() {
    let server = Launch::new()
        .line("cache.params-max-bytes 2kb")
        .line("cache.result-max-bytes 10mb")
        .line("cache.tags-max 3")
        .line("cache.tag-max-bytes 16")
        .line("cache.progress-max-bytes 2kb")
        .line("cache.waiters-max 7")
        .line("cache.leases-max 9")
        .line("cache.plan-max-jobs 5")
        .line("cache.plan-reply-max-bytes 3kb")
        .line("cache.stats-rows-max 11")
        .line("cache.ttl-max-seconds 60")
        .line("cache.apply-from-clients yes")
        .start();
    let mut client = server.client();
    for (name, expected) in [
        ("cache.params-max-bytes", "2048"),
        ("cache.result-max-bytes", "10485760"),
        ("cache.tags-max", "3"),
        ("cache.tag-max-bytes", "16"),
        ("cache.progress-max-bytes", "2048"),
        ("cache.waiters-max", "7"),
        ("cache.leases-max", "9"),
        ("cache.plan-max-jobs", "5"),
        ("cache.plan-reply-max-bytes", "3072"),
        ("cache.stats-rows-max", "11"),
        ("cache.ttl-max-seconds", "60"),
        ("cache.apply-from-clients", "yes"),
    ] {
        assert_eq!(value(&mut client, name), expected);
    }
    let outcome = panic::catch_unwind(|| drop(Launch::new().line("cache.tags-max 5000").start()));
    let message = outcome.expect_err("the server took 5000 tags").downcast::<String>().unwrap();
    assert!(message.contains("did not start"), "{message}");
    let kept =
        message.split(' ').find(|word| word.contains("result-cache-test-")).expect("the path is shown");
    fs::remove_dir_all(kept).expect("the directory is kept");
}

#[test]
fn a_rewritten_configuration_keeps_what_was_set() {
    let mut server = Server::start();
    let mut client = server.client();
    call!(client, "CONFIG", "SET", "cache.tags-max", 7, "cache.result-max-bytes", "3mb");
    assert_eq!(call!(client, "CONFIG", "REWRITE"), ok());
    server.kill_and_restart();
    let mut client = server.client();
    assert_eq!(value(&mut client, "cache.tags-max"), "7");
    assert_eq!(value(&mut client, "cache.result-max-bytes"), (3 << 20).to_string());
    assert_eq!(value(&mut client, "cache.params-max-bytes"), (1 << 20).to_string());
}

#[test]
fn the_module_can_be_loaded_into_a_running_server() {
    let mut server = Launch::new().without_module().line("enable-module-command yes").start();
    let mut client = server.client();
    let path = module_path();
    let path = path.to_str().unwrap();
    assert_eq!(call!(client, "MODULE", "LOADEX", path, "CONFIG", "cache.tags-max", "5"), ok());
    assert_eq!(value(&mut client, "cache.tags-max"), "5");
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "r"), ok());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "r".into());
    assert!(call!(client, "MODULE", "LOAD", path).is_error(), "loaded twice");
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "r".into());
    server.assert_alive();
}

/// Every limit at its lowest.
const LOWEST: [&str; 11] = [
    "cache.params-max-bytes 1kb",
    "cache.result-max-bytes 1kb",
    "cache.tags-max 0",
    "cache.tag-max-bytes 1",
    "cache.progress-max-bytes 1",
    "cache.waiters-max 0",
    "cache.leases-max 0",
    "cache.plan-max-jobs 1",
    "cache.plan-reply-max-bytes 1kb",
    "cache.stats-rows-max 0",
    "cache.ttl-max-seconds 1",
];

/// An entry at every limit, and one in the common range.
#[track_caller]
fn fill(client: &mut Client) {
    call!(
        client,
        "CONFIG",
        "SET",
        "cache.tags-max",
        1024,
        "cache.tag-max-bytes",
        "4kb",
        "cache.ttl-max-seconds",
        3_153_600_000_i64
    );
    let mut command = args!["CACHE.RESULT", "SET", "ns", "op", "{}", vec![b'r'; 1_000_000]];
    command.extend(args!["EX", 3_153_600_000_i64, "GRACE", 3_153_600_000_000_i64, "TAGS", 1024]);
    command.extend((0..1024).map(|n| format!("{n:04096}").into_bytes()));
    assert_eq!(client.call(&command), ok());
    cache!(client, "SET", "ns", "op", format!("\"{}\"", "p".repeat(5000)), "r", "PERSIST", "TAGS", 1, "tag");
}

#[track_caller]
fn serves_all(server: &Server) {
    let mut client = server.client();
    assert_eq!(cache!(client, "GET", "ns", "op", "{}").bulk().len(), 1_000_000);
    assert_eq!(cache!(client, "INFO", "ns", "op", "{}").field("tags").array().len(), 1024);
    assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "{}", "SOFT"), 1.into());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE").bulk().len(), 1_000_000);
}

#[test]
fn a_lowered_limit_hinders_no_loading() {
    for base in [None, Some(AofBase::Rdb), Some(AofBase::Commands)] {
        let launch = Launch::new();
        let mut server = base.into_iter().fold(launch, Launch::append_only).start();
        fill(&mut server.client());
        let before = digests(&server);
        LOWEST.iter().for_each(|line| server.configure(line));
        if base.is_some() {
            server.kill_and_restart();
            assert_same_digests("replayed", &before, &digests(&server));
            crate::harness::wait_for_aof_rewrite(&server);
            server.kill_and_restart();
        } else {
            server.shutdown_save_and_restart();
        }
        assert_same_digests("loaded", &before, &digests(&server));
        serves_all(&server);
    }
}

#[test]
fn a_lowered_limit_hinders_no_replication() {
    let primary = Server::start();
    let launch = LOWEST.iter().fold(Launch::new(), |launch, line| launch.line(*line));
    let replica = launch.replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    fill(&mut primary.client());
    cache!(primary.client(), "INVALIDATE", "ns", "op", "1");
    wait_for_replica_in_sync(&primary, &replica);
    assert_same_digests("the replica", &digests(&primary), &digests(&replica));
    call!(replica.client(), "REPLICAOF", "NO", "ONE");
    serves_all(&replica);
}
