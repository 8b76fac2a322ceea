//! Invalidations of tags, operations and namespaces outlive their server: replicas, files, failovers and moves know them.

use crate::harness::{
    AofBase, Client, Entry, Launch, ReplicationStream, assert_same_digests, digests, fenced, nil, ok,
    wait_for_aof_rewrite, wait_for_replica_in_sync,
};
use crate::{args, cache, call};

/// Servers that keep what is dead, so that copies can be compared.
fn keeping() -> Launch {
    Launch::new().line("cache.sweep no")
}

/// For each kind of invalidation a namespace, what is done in it, and an operation that it concerns; another is `spared`,
/// and so is what bears no tag where it concerns a tag.
const KINDS: [(&str, &[&str], &str); 4] = [
    ("by-tag", &["TAG", "by-tag", "u", "t"], "op"),
    ("by-name", &["OPERATION", "by-name", "op"], "op"),
    ("by-glob", &["OPERATION", "by-glob", "op:[ab]*"], "op:b"),
    ("by-all", &["NAMESPACE", "by-all"], "op"),
];

#[track_caller]
fn set(client: &mut Client, ns: &str, operation: &str, params: &str, tag: &str) {
    assert_eq!(cache!(client, "SET", ns, operation, params, "r", "TAGS", 1, tag, "PERSIST"), ok());
}

/// In each namespace: entries that die, some that are spared, some that come later. Returns stamps from before and from
/// after the invalidation.
#[track_caller]
fn run(client: &mut Client) -> Vec<[String; 2]> {
    let mut stamps = Vec::new();
    for (ns, words, operation) in KINDS {
        set(client, ns, operation, "1", "t");
        set(client, ns, "spared", "1", "other");
        let before = call!(client, "CACHE.CLOCK", ns).text();
        let mut command = args!["CACHE.INVALIDATE"];
        command.extend(words.iter().map(|word| word.as_bytes().to_vec()));
        client.must(&command);
        stamps.push([before, call!(client, "CACHE.CLOCK", ns).text()]);
        set(client, ns, operation, "2", "t");
    }
    stamps
}

/// What must be seen of it, on whatever server.
#[track_caller]
fn assert_known(client: &mut Client, what: &str) {
    for (ns, _, operation) in KINDS {
        let spared = if ns == "by-all" { nil() } else { "r".into() };
        assert_eq!(cache!(client, "GET", ns, operation, "1"), nil(), "{what}: {ns}");
        assert_eq!(cache!(client, "GET", ns, operation, "1", "STALE"), nil(), "{what}: {ns}");
        assert_eq!(cache!(client, "GET", ns, operation, "2"), "r".into(), "{what}: {ns}");
        assert_eq!(cache!(client, "GET", ns, "spared", "1"), spared, "{what}: {ns}");
    }
}

/// Stamps from before fence what is concerned and nothing else; those from after fence nothing.
#[track_caller]
fn assert_fences(client: &mut Client, stamps: &[[String; 2]]) {
    for ((ns, _, operation), [before, after]) in KINDS.into_iter().zip(stamps) {
        let mut write = |operation: &str, params: &str, tag: &str, since: &str| {
            cache!(client, "SET", ns, operation, params, "late", "TAGS", 1, tag, "SINCE", since)
        };
        assert_eq!(write(operation, "8", "t", before), fenced(), "{ns}");
        assert_eq!(write("spared", "8", "u", before) == fenced(), ["by-tag", "by-all"].contains(&ns), "{ns}");
        assert_eq!(write("spared", "9", "other", before) == fenced(), ns == "by-all", "{ns}");
        assert_eq!(write(operation, "9", "t", after), ok(), "{ns}");
    }
}

#[test]
fn replicas_know_them_and_what_is_sent_is_small() {
    let primary = keeping().start();
    let replica = keeping().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    let mut client = primary.client();
    let mut stream = ReplicationStream::attach(&primary);
    for n in 0..300 {
        set(&mut client, "by-tag", "op", &format!("\"{n}\""), "t");
    }
    run(&mut client);
    stream.commands();
    for (ns, words, _) in KINDS {
        let mut command = args!["CACHE.INVALIDATE"];
        command.extend(words.iter().map(|word| word.as_bytes().to_vec()));
        client.must(&command);
        let sent = stream.commands();
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert!(sent[0][0].eq_ignore_ascii_case(b"CACHE.APPLY"));
        assert_eq!(sent[0][1], ns.as_bytes());
        let bytes: usize = sent[0].iter().map(Vec::len).sum();
        assert!(bytes < 150, "{words:?} was sent as {bytes} bytes");
    }
    call!(client, "FLUSHALL");
    run(&mut client);
    wait_for_replica_in_sync(&primary, &replica);
    assert_known(&mut replica.client(), "a replica");
    assert_same_digests("a replica", &digests(&primary), &digests(&replica));
    let late = keeping().replica_of(&replica).start();
    wait_for_replica_in_sync(&replica, &late);
    assert_known(&mut late.client(), "one that came late");
    assert_same_digests("one that came late", &digests(&primary), &digests(&late));
    for (ns, words, _) in KINDS {
        let mut command = args!["CACHE.INVALIDATE"];
        command.extend(words.iter().map(|word| word.as_bytes().to_vec()));
        assert_eq!(replica.client().call(&command).error_word(), "READONLY", "{ns}");
    }
}

#[test]
fn restarts_know_them() {
    for base in AofBase::BOTH {
        let mut server = keeping().append_only(base).start();
        let mut client = server.client();
        let stamps = run(&mut client);
        let data = digests(&server);
        server.kill_and_restart();
        assert_same_digests("the file", &data, &digests(&server));
        assert_known(&mut server.client(), "the file");
        wait_for_aof_rewrite(&server);
        server.kill_and_restart();
        assert_same_digests("the file, written anew", &data, &digests(&server));
        assert_known(&mut server.client(), "the file, written anew");
        server.client().must(&["DEBUG", "RELOAD"]);
        assert_same_digests("a snapshot", &data, &digests(&server));
        assert_known(&mut server.client(), "a snapshot");
        assert_fences(&mut server.client(), &stamps);
    }
}

#[test]
fn failovers_know_them() {
    let primary = keeping().start();
    let replica = keeping().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    let stamps = run(&mut primary.client());
    let entry = Entry { ns: "by-tag", operation: "op", params: "\"leased\"" };
    let tokens = [entry, Entry { ns: "by-name", operation: "op", params: "\"leased\"" }].map(|entry| {
        let token = entry.lease(&mut primary.client(), "");
        (entry, token)
    });
    wait_for_replica_in_sync(&primary, &replica);
    drop(primary);
    let mut client = replica.client();
    call!(client, "REPLICAOF", "NO", "ONE");
    assert_known(&mut client, "the new primary");
    assert_fences(&mut client, &stamps);
    call!(client, "CACHE.INVALIDATE", "TAG", "by-tag", "t");
    let [by_tag, by_name] = tokens;
    assert_eq!(cache!(client, "FILL", by_tag.0.ns, &by_tag.1, "late", "TAGS", 1, "t"), fenced());
    assert_eq!(cache!(client, "FILL", by_name.0.ns, &by_name.1, "r", "TAGS", 1, "t"), ok());
}

#[test]
fn they_move_with_their_namespace() {
    let (from, to) = (keeping().start(), keeping().start());
    let (mut there, mut here) = (from.client(), to.client());
    let stamps = run(&mut there);
    let keys: Vec<Vec<u8>> =
        there.must(&["KEYS", "*"]).array().iter().map(|key| key.bulk().to_vec()).collect();
    for key in &keys {
        let dump = call!(there, "DUMP", key).bulk().to_vec();
        assert_eq!(call!(here, "RESTORE", key, 0, dump), ok());
    }
    assert_same_digests("moved", &digests(&from), &digests(&to));
    assert_known(&mut here, "where it was moved");
    assert_fences(&mut here, &stamps);
}

#[test]
fn a_dump_from_before_brings_nothing_back() {
    let server = keeping().start();
    let mut client = server.client();
    for (ns, words, operation) in KINDS {
        set(&mut client, ns, operation, "1", "t");
        let key = Entry { ns, operation, params: "1" }.key(&mut client);
        let dump = call!(client, "DUMP", key).bulk().to_vec();
        let mut command = args!["CACHE.INVALIDATE"];
        command.extend(words.iter().map(|word| word.as_bytes().to_vec()));
        client.must(&command);
        assert_eq!(call!(client, "RESTORE", key, 0, dump, "REPLACE"), ok());
        assert_eq!(cache!(client, "GET", ns, operation, "1", "STALE"), nil(), "{ns}");
    }
}

#[test]
fn a_copy_of_the_namespace_is_another() {
    let server = keeping().start();
    let mut client = server.client();
    run(&mut client);
    for (ns, _, operation) in KINDS {
        assert_eq!(call!(client, "COPY", ns, "copy", "REPLACE"), 1.into());
        assert_eq!(cache!(client, "GET", "copy", operation, "2"), nil());
        set(&mut client, "copy", operation, "2", "t");
        assert_eq!(cache!(client, "GET", "copy", operation, "2"), "r".into(), "{ns}");
        assert_known(&mut client, "beside the copy");
    }
}

#[test]
fn a_namespace_with_many_of_them_is_loaded_as_it_was() {
    let mut server = keeping().append_only(AofBase::Commands).start();
    let mut client = server.client();
    let replica = keeping().replica_of(&server).start();
    let mut commands = Vec::new();
    for n in 0..3000 {
        commands.push(args!["CACHE.INVALIDATE", "TAG", "ns", format!("tag {n}"), [n as u8, 0, 255]]);
        commands.push(args!["CACHE.INVALIDATE", "OPERATION", "ns", format!("op:{n}")]);
        commands.push(args!["CACHE.INVALIDATE", "OPERATION", "ns", format!("op{}*", n % 60)]);
    }
    commands.push(args!["CACHE.RESULT", "SET", "ns", "op", "1", "r", "TAGS", 1, "tag 2999", "PERSIST"]);
    let replies = client.pipeline(&commands);
    assert!(replies.iter().all(|reply| !reply.is_error()));
    wait_for_replica_in_sync(&server, &replica);
    let data = digests(&server);
    assert_same_digests("the replica", &data, &digests(&replica));
    wait_for_aof_rewrite(&server);
    server.kill_and_restart();
    assert_same_digests("the file, written anew", &data, &digests(&server));
    let mut client = server.client();
    client.must(&["DEBUG", "RELOAD"]);
    assert_same_digests("a snapshot", &data, &digests(&server));
    assert_eq!(cache!(client, "GET", "ns", "op", "1"), "r".into());
    call!(client, "CACHE.INVALIDATE", "TAG", "ns", "tag 2999");
    assert_eq!(cache!(client, "GET", "ns", "op", "1"), nil());
}
