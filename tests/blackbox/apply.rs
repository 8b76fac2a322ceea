//! CACHE.APPLY: closed to ordinary clients, and harmless where it is opened to them.

use std::collections::BTreeMap;
use std::fs;

use crate::harness::{
    AofBase, Entry, Launch, Random, ReplicationStream, Server, assert_same_digests, digests, now_ms, ok,
    wait_for_replica_in_sync, wait_until,
};
use crate::{args, cache, call, load};

/// The effects of a mixed load, as a replica would get them.
#[track_caller]
fn effects(seed: u64) -> Vec<Vec<Vec<u8>>> {
    let server = load::launch().start();
    let mut stream = ReplicationStream::attach(&server);
    load::run(&server, seed);
    let mut commands = stream.commands();
    commands.retain(|command| command[0].eq_ignore_ascii_case(b"CACHE.APPLY"));
    assert!(commands.len() > 50, "only {} effects", commands.len());
    commands
}

#[test]
fn an_ordinary_client_may_not() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "r");
    let before = digests(&server);
    for effect in effects(21).iter().take(20) {
        let reply = client.call(effect);
        assert_eq!(reply.error_word(), "NOPERM", "{reply:?}");
        let script = "return redis.call(unpack(ARGV))";
        let mut command = args!["EVAL", script, 0];
        command.extend(effect.clone());
        assert!(client.call(&command).is_error());
        call!(client, "MULTI");
        client.call(effect);
        let replies = call!(client, "EXEC");
        assert!(replies.is_error() || replies.array().iter().all(|reply| reply.is_error()), "{replies:?}");
    }
    assert_eq!(call!(client, "CACHE.APPLY", "ns", "x", "y", "z", "z", "z").error_word(), "NOPERM");
    assert_same_digests("refused", &before, &digests(&server));
}

#[test]
fn it_can_be_opened_and_closed_again() {
    let server = load::launch().line("cache.apply-from-clients yes").start();
    let mut client = server.client();
    let effects = effects(22);
    assert_eq!(client.call(&effects[0]), ok());
    let before = digests(&server);
    assert!(!before.is_empty());
    call!(client, "CONFIG", "SET", "cache.apply-from-clients", "no");
    assert_eq!(client.call(&effects[1]).error_word(), "NOPERM");
    assert_same_digests("closed", &before, &digests(&server));
    call!(client, "CONFIG", "SET", "cache.apply-from-clients", "yes");
    assert_eq!(client.call(&effects[1]), ok());
    assert_ne!(before, digests(&server));
}

#[test]
fn an_append_only_file_can_be_piped_into_another_server() {
    let source = load::launch().append_only(AofBase::Commands).start();
    load::run(&source, 23);
    let commands = |file: Option<std::path::PathBuf>| fs::read(file.expect("there is a file")).unwrap();
    for rewritten in [false, true] {
        if rewritten {
            crate::harness::wait_for_aof_rewrite(&source);
            load::run(&source, 24);
        }
        let target = load::launch().line("cache.apply-from-clients yes").start();
        let mut client = target.client();
        let mut file = commands(source.aof_base());
        file.extend(commands(source.aof_increment()));
        // A reader of its own, or the replies would fill the socket and stop the server from reading.
        client.send_raw(&file).unwrap();
        client.send(&["ECHO", "the end of the file"]).unwrap();
        loop {
            let reply = client.receive().unwrap();
            assert!(!reply.is_error(), "the file holds a command that was refused: {reply:?}");
            if reply == "the end of the file".into() {
                break;
            }
        }
        assert_same_digests("piped", &digests(&source), &digests(&target));
        assert_same_digests("piped", &load::answers(&source), &load::answers(&target));
    }
}

#[test]
fn a_replica_takes_effects_from_its_primary_only() {
    let primary = Server::start();
    let replica = Launch::new().replica_of(&primary).line("cache.apply-from-clients yes").start();
    wait_for_replica_in_sync(&primary, &replica);
    let effect = effects(25).swap_remove(0);
    assert_eq!(replica.client().call(&effect).error_word(), "READONLY");
    assert!(digests(&replica).is_empty());
}

/// What lasts long enough to be compared twice.
fn lasting(server: &Server) -> BTreeMap<String, String> {
    let soon = now_ms() + 30_000;
    let mut data = digests(server);
    data.retain(|_, told| {
        let expiry = told.rsplit(' ').next().and_then(|last| last.parse::<i64>().ok()).expect("an instant");
        expiry == -1 || expiry > soon
    });
    data
}

#[test]
fn garbage_neither_kills_the_server_nor_parts_primary_and_replica() {
    let launch = || load::launch().line("cache.apply-from-clients yes").append_only(AofBase::Commands);
    let mut primary = launch().start();
    let mut replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    let mut client = primary.client();
    let effects = effects(26);
    client.pipeline(&effects);
    cache!(client, "SET", "control", "op", "{}", "untouched", "PERSIST");
    call!(client, "SET", "a-string", "v");
    let mut random = Random::seeded(27);
    let mut applied = 0;
    for _ in 0..15 {
        let garbage: Vec<_> = (0..200).map(|_| garbled(&mut random, &effects)).collect();
        let replies = client.pipeline(&garbage);
        applied += replies.iter().filter(|reply| !reply.is_error()).count();
        primary.assert_alive();
    }
    assert!(applied > 20, "only {applied} were accepted: the mutations are too wild to test much");
    assert_eq!(cache!(client, "GET", "control", "op", "{}"), "untouched".into());
    wait_for_replica_in_sync(&primary, &replica);
    let data = lasting(&primary);
    wait_until("the replica agrees", || lasting(&primary) == lasting(&replica));
    assert_same_digests("replayed garbage", &data, &lasting(&replica));
    replica.assert_alive();
    // Every namespace that is there can still be written.
    for ns in ["project:7", "tenant{a}", "{a}other", "odd", "control"] {
        let reply = cache!(client, "SET", ns, "op", "{}", "new");
        if reply.is_error() {
            assert_eq!(reply.error_word(), "WRONGTYPE", "{ns}: {reply:?}");
        } else {
            assert_eq!(cache!(client, "GET", ns, "op", "{}"), "new".into(), "{ns}");
        }
    }
    let data = lasting(&primary);
    primary.kill_and_restart();
    assert_same_digests("garbage from the file", &data, &lasting(&primary));
    crate::harness::wait_for_aof_rewrite(&primary);
    primary.kill_and_restart();
    assert_same_digests("garbage from the rewritten file", &data, &lasting(&primary));
    assert_eq!(Entry::of("control", "{}").state(&mut primary.client()), "fresh");
}

/// An effect with a few changes: bytes of an argument, arguments lost, doubled, swapped or taken from elsewhere.
fn garbled(random: &mut Random, effects: &[Vec<Vec<u8>>]) -> Vec<Vec<u8>> {
    let mut command = random.pick(effects).clone();
    for _ in 0..1 + random.below(2) {
        let at = 1 + random.below((command.len() - 1).max(1));
        let donor = random.pick(effects);
        match random.below(8) {
            _ if at >= command.len() => command.push(random.pick(donor).clone()),
            0 => drop(command.remove(at)),
            1 => command.insert(at, random.pick(donor).clone()),
            2 => command[at] = random.pick(donor).clone(),
            3 => {
                command[at] = random
                    .pick(&["", "0", "-1", "18446744073709551615", "9223372036854775807", "a-string"])
                    .as_bytes()
                    .to_vec();
            }
            _ => command[at] = random.mutated(&command[at]),
        }
    }
    command
}
