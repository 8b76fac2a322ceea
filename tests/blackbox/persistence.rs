//! What was stored survives: append-only files replayed and rewritten, snapshots, kills.

use std::fs;

use crate::harness::{
    AofBase, Client, Launch, ReplicationStream, Server, assert_same_digests, digests, is_snapshot, nil, ok,
    wait_for_aof_rewrite,
};
use crate::{args, cache, call, load};

/// Runs `change` and demands that neither the data nor what clients see of it is different afterwards.
#[track_caller]
fn keeps_everything(what: &str, server: &mut Server, change: impl FnOnce(&mut Server)) {
    let (data, told) = (digests(server), load::answers(server));
    assert!(data.len() > 40, "a load of {} keys tests little", data.len());
    change(server);
    assert_same_digests(what, &data, &digests(server));
    assert_same_digests(what, &told, &load::answers(server));
    server.assert_alive();
}

#[test]
fn an_append_only_file_is_replayed_after_a_kill() {
    for base in AofBase::BOTH {
        let mut server = load::launch().append_only(base).start();
        load::run(&server, 1);
        keeps_everything("replayed", &mut server, Server::kill_and_restart);
        // What follows a replay is appended to the same file.
        load::run(&server, 2);
        keeps_everything("replayed twice", &mut server, Server::kill_and_restart);
    }
}

#[test]
fn an_append_only_file_is_rewritten() {
    for base in AofBase::BOTH {
        let mut server = load::launch().append_only(base).start();
        load::run(&server, 3);
        keeps_everything("rewritten", &mut server, |server| wait_for_aof_rewrite(server));
        let file = fs::read(server.aof_base().unwrap()).unwrap();
        assert_eq!(is_snapshot(&file), base == AofBase::Rdb);
        keeps_everything("rewritten and replayed", &mut server, Server::kill_and_restart);
        load::run(&server, 4);
        keeps_everything("replayed with more", &mut server, Server::kill_and_restart);
        keeps_everything("rewritten once more", &mut server, |server| {
            wait_for_aof_rewrite(server);
            server.kill_and_restart();
        });
    }
}

#[test]
fn a_snapshot_is_loaded() {
    let mut server = load::launch().start();
    load::run(&server, 5);
    keeps_everything("restarted", &mut server, Server::shutdown_save_and_restart);
    keeps_everything("restarted again", &mut server, Server::shutdown_save_and_restart);
    load::run(&server, 6);
    keeps_everything("reloaded", &mut server, |server| drop(server.client().must(&["DEBUG", "RELOAD"])));
}

#[test]
fn a_running_server_reloads_its_append_only_file() {
    for base in AofBase::BOTH {
        let mut server = load::launch().append_only(base).start();
        load::run(&server, 7);
        keeps_everything("loaded", &mut server, |server| drop(server.client().must(&["DEBUG", "LOADAOF"])));
        wait_for_aof_rewrite(&server);
        load::run(&server, 8);
        keeps_everything("loaded again", &mut server, |server| {
            drop(server.client().must(&["DEBUG", "LOADAOF"]))
        });
    }
}

#[test]
fn a_snapshot_becomes_an_append_only_file() {
    let mut server = load::launch().start();
    load::run(&server, 9);
    keeps_everything("switched on", &mut server, |server| {
        server.client().must(&["CONFIG", "SET", "appendfsync", "always", "aof-use-rdb-preamble", "no"]);
        server.client().must(&["CONFIG", "SET", "appendonly", "yes"]);
        crate::harness::wait_until("the first file is written", || {
            server.client().info("persistence", "aof_rewrite_in_progress").as_deref() == Some("0")
                && server.aof_base().is_some()
        });
    });
    keeps_everything("restarted from it", &mut server, |server| {
        server.configure("appendonly yes");
        server.kill_and_restart();
    });
}

#[test]
fn an_empty_namespace_survives() {
    for base in AofBase::BOTH {
        let mut server = load::launch().append_only(base).start();
        let mut client = server.client();
        cache!(client, "INVALIDATE", "ns", "op", "{}");
        cache!(client, "SET", "ns2", "op", "{}", "r");
        cache!(client, "INVALIDATE", "ns2", "op", "{}");
        let before = digests(&server);
        assert_eq!(before.len(), 2);
        wait_for_aof_rewrite(&server);
        server.kill_and_restart();
        assert_same_digests("replayed", &before, &digests(&server));
    }
}

#[test]
fn a_large_result_survives() {
    for base in AofBase::BOTH {
        let mut server = load::launch().append_only(base).start();
        let large = crate::harness::Random::seeded(1).bytes(9_000_000);
        cache!(server.client(), "SET", "ns", "op", "{}", large, "PERSIST");
        let before = digests(&server);
        server.kill_and_restart();
        wait_for_aof_rewrite(&server);
        server.kill_and_restart();
        assert_same_digests("replayed", &before, &digests(&server));
        assert!(cache!(server.client(), "GET", "ns", "op", "{}").bulk() == large);
    }
}

#[test]
fn an_entry_goes_on_ageing_while_the_server_is_down() {
    let mut server = Launch::new().append_only(AofBase::Commands).start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "1", "r", "PX", 1);
    cache!(client, "SET", "ns", "op", "2", "r", "PX", 1, "GRACE", 3_600_000);
    server.kill_and_restart();
    let mut client = server.client();
    assert_eq!(cache!(client, "GET", "ns", "op", "1", "STALE"), nil());
    assert_eq!(cache!(client, "GET", "ns", "op", "2"), nil());
    assert_eq!(cache!(client, "GET", "ns", "op", "2", "STALE"), "r".into());
}

#[test]
fn params_are_neither_stored_nor_sent() {
    let mut server = Launch::new().append_only(AofBase::Commands).start();
    let mut client = server.client();
    let mut stream = ReplicationStream::attach(&server);
    let secret = "sup3r-s3cret-value";
    let params = format!(r#"{{"password":"{secret}"}}"#);
    assert_eq!(cache!(client, "SET", "ns", "op", params, "r"), ok());
    cache!(client, "GET", "ns", "op", params);
    cache!(client, "GET", "ns", "op", format!("{params}x"));
    cache!(client, "INFO", "ns", "op", params);
    call!(client, "EVAL", "return redis.call('CACHE.RESULT', 'GET', 'ns', 'op', ARGV[1])", 0, "{}");
    cache!(client, "INVALIDATE", "ns", "op", params);
    cache!(client, "SET", "ns", "op", params, "r");
    let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    let sent = stream.commands();
    assert!(!sent.is_empty() && !sent.iter().flatten().any(|argument| holds(argument)));
    let increment = fs::read(server.aof_increment().unwrap()).unwrap();
    assert!(!increment.is_empty() && !holds(&increment));
    wait_for_aof_rewrite(&server);
    assert!(!holds(&fs::read(server.aof_base().unwrap()).unwrap()));
    client.must(&args!["SAVE"]);
    assert!(!holds(&fs::read(server.dir().join("dump.rdb")).unwrap()));
    assert!(!holds(server.log().as_bytes()));
    server.kill_and_restart();
    assert_eq!(cache!(server.client(), "GET", "ns", "op", params), "r".into());
}

/// Large changes are not put into words where there is neither a replica nor an append-only file to send them to.
#[test]
fn what_nobody_is_told_counts_towards_the_next_snapshot() {
    let server = Server::start();
    let mut client = server.client();
    let changes = |client: &mut Client| -> u64 {
        client.info("persistence", "rdb_changes_since_last_save").unwrap().parse().unwrap()
    };
    let rows = ["op", "1", "r", "op", "2", "r"];
    let plan = r#"[{"operation":"op","params":1}]"#;
    let (warm, invalidate) =
        (args!["CACHE.WARM", "ns", "ENTRIES"], args!["CACHE.INVALIDATE", "PLAN", "ns", plan]);
    let warm = [warm, rows.map(|word| word.as_bytes().to_vec()).to_vec()].concat();
    let soft = [invalidate.clone(), args!["SOFT"]].concat();
    for command in [warm, invalidate, soft] {
        let before = changes(&mut client);
        assert!(!client.call(&command).is_error(), "{command:?}");
        assert!(changes(&mut client) > before, "{command:?}");
    }
}
