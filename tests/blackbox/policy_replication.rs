//! Rules on primaries and replicas: live, after a full synchronisation, after a failover.

use crate::harness::{
    Client, Entry, Launch, ReplicationStream, Server, ok, rules, wait_for_replica_in_sync, wait_until,
};
use crate::{args, cache, call, policy};

/// Some rules, among them values that depend on every part of the spelling.
#[track_caller]
pub fn set_some(client: &mut Client) -> Vec<String> {
    for command in [
        args!["CACHE.POLICY", "SET", "*", "*", "TTL", "10m", "GRACE", "1m", "JITTER", "7"],
        args![
            "CACHE.POLICY",
            "SET",
            "ns",
            "op",
            "TTL",
            "5m",
            "IGNORE",
            "/t /u/0",
            "HASH",
            "blake3",
            "JITTER",
            "0"
        ],
        args![
            "CACHE.POLICY",
            "SET",
            "{a}[b-c]*",
            "x?y\\*",
            "TTLFROM",
            "/s~1t/\u{e4} a=b=1m \u{e4}=1ms",
            "BYPASS",
            "no"
        ],
        args![
            "CACHE.POLICY",
            "SET",
            "ns",
            "job:*",
            "EXPIRESFROM",
            "/e 90s",
            "TAGS",
            "t:{params/a}{result} \u{2603}"
        ],
        args!["CACHE.POLICY", "SET", "gone", "*", "TTL", "1m"],
        args!["CACHE.POLICY", "DEL", "*", "*", "JITTER"],
        args!["CACHE.POLICY", "DEL", "gone", "*"],
    ] {
        assert!(!client.call(&command).is_error(), "{command:?}");
    }
    let set = rules(client);
    assert_eq!(set.len(), 4);
    set
}

#[test]
fn replicas_have_the_rules_from_the_start_and_live() {
    let primary = Server::start();
    let early = Launch::new().replica_of(&primary).start();
    let second = Launch::new().replica_of(&early).start();
    wait_for_replica_in_sync(&primary, &second);
    let mut client = primary.client();
    let set = set_some(&mut client);
    let late = Launch::new().replica_of(&primary).start();
    let from_socket = Launch::new().line("repl-diskless-load swapdb").replica_of(&primary).start();
    for follower in [&early, &second, &late, &from_socket] {
        wait_for_replica_in_sync(&primary, follower);
        assert_eq!(rules(&mut follower.client()), set);
        assert_eq!(policy!(follower.client(), "EXPLAIN", "ns", "op"), policy!(client, "EXPLAIN", "ns", "op"));
    }
    let replies = client.pipeline(&[
        args!["MULTI"],
        args!["CACHE.POLICY", "SET", "m", "*", "TTL", "1s"],
        args!["CACHE.POLICY", "DEL", "ns", "op"],
        args!["EXEC"],
    ]);
    assert_eq!(replies[3].array(), [ok(), 1.into()]);
    let script = "redis.call('CACHE.POLICY', 'SET', 'lua', '*', 'TTL', '2s') return redis.call('CACHE.POLICY', 'DEL', 'm', '*')";
    assert_eq!(call!(client, "EVAL", script, 0), 1.into());
    let now = rules(&mut client);
    assert!(now != set && now.contains(&"lua|*|TTL|2s".to_owned()));
    for follower in [&early, &second, &late, &from_socket] {
        wait_for_replica_in_sync(&primary, follower);
        assert_eq!(rules(&mut follower.client()), now);
    }
}

#[test]
fn what_is_sent_is_what_was_said() {
    let server = Server::start();
    let mut client = server.client();
    let mut stream = ReplicationStream::attach(&server);
    let set = args!["CACHE.POLICY", "SET", "ns", "op", "ttl", "60s"];
    client.must(&set);
    assert_eq!(stream.commands(), std::slice::from_ref(&set));
    let delete = args!["CACHE.POLICY", "DEL", "ns", "op", "TTL"];
    client.must(&delete);
    assert_eq!(stream.commands(), std::slice::from_ref(&delete));
    // Nothing changed, nothing is sent.
    for command in [
        delete,
        args!["CACHE.POLICY", "DEL", "ns", "op"],
        args!["CACHE.POLICY", "SET", "ns", "op", "TTL", "x"],
        args!["CACHE.POLICY", "SET", "ns", "op", "COMPRESS", "4kx"],
        args!["CACHE.POLICY", "GET", "ns", "op"],
        args!["CACHE.POLICY", "LIST"],
        args!["CACHE.POLICY", "EXPLAIN", "ns", "op"],
        args!["CACHE.POLICY", "HELP"],
    ] {
        client.call(&command);
        assert!(stream.commands().is_empty(), "{command:?} was replicated");
    }
}

#[test]
fn a_replica_shows_rules_and_changes_none() {
    let primary = Server::start();
    let set = set_some(&mut primary.client());
    let replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    let mut client = replica.client();
    for command in [
        args!["CACHE.POLICY", "SET", "ns", "op", "TTL", "1m"],
        args!["CACHE.POLICY", "DEL", "ns", "op"],
        args!["CACHE.POLICY", "DEL", "none", "op"],
    ] {
        assert_eq!(client.call(&command).error_word(), "READONLY", "{command:?}");
    }
    assert_eq!(rules(&mut client), set);
    assert!(!policy!(client, "GET", "ns", "op").is_error());
    assert!(!policy!(client, "EXPLAIN", "ns", "op").is_error());
    assert!(!policy!(client, "HELP").is_error());
}

#[test]
fn a_promoted_replica_goes_by_the_same_rules() {
    let mut primary = Server::start();
    let replica = Launch::new().replica_of(&primary).start();
    let second = Launch::new().replica_of(&replica).start();
    let set = set_some(&mut primary.client());
    wait_for_replica_in_sync(&primary, &second);
    primary.stop();
    let mut client = replica.client();
    assert_eq!(call!(client, "REPLICAOF", "NO", "ONE"), ok());
    assert_eq!(rules(&mut client), set);
    let entry = Entry::of("ns", r#"{"t":1,"a":2}"#);
    assert_eq!(entry.call(&mut client, "SET", &["r"]), ok());
    assert_eq!(entry.life(&mut client), (300_000, 60_000));
    assert_eq!(cache!(client, "GET", "ns", "op", r#"{"a":2}"#), "r".into());
    policy!(client, "SET", "ns", "op", "TTL", "8m");
    let now = rules(&mut client);
    primary.configure(&format!("replicaof 127.0.0.1 {}", replica.port()));
    primary.start_again();
    for follower in [&second, &primary] {
        wait_for_replica_in_sync(&replica, follower);
        assert_eq!(rules(&mut follower.client()), now);
    }
}

#[test]
fn a_full_synchronisation_brings_the_primarys_rules_and_no_others() {
    let primary = Server::start();
    for how in ["disabled", "on-empty-db", "swapdb"] {
        let replica = Launch::new().line(format!("repl-diskless-load {how}")).start();
        set_some(&mut replica.client());
        cache!(replica.client(), "SET", "ns", "op", "{}", "r");
        call!(replica.client(), "REPLICAOF", "127.0.0.1", primary.port());
        wait_for_replica_in_sync(&primary, &replica);
        assert_eq!(rules(&mut replica.client()), [""; 0], "{how}: the replica kept rules of its own");
        policy!(primary.client(), "SET", "ns", "op", "TTL", "9m");
        wait_for_replica_in_sync(&primary, &replica);
        assert_eq!(rules(&mut replica.client()), ["ns|op|TTL|9m"], "{how}");
        // Fingerprints are those of the primary's rules at once.
        let entry = Entry::of("ns", r#"{"t":1}"#);
        assert_eq!(entry.key(&mut replica.client()), entry.key(&mut primary.client()));
        policy!(primary.client(), "DEL", "ns", "op");
    }
}

#[test]
fn a_primary_without_the_module_has_no_rules_to_give() {
    let primary = Launch::new().without_module().start();
    let replica = Server::start();
    set_some(&mut replica.client());
    call!(replica.client(), "REPLICAOF", "127.0.0.1", primary.port());
    wait_for_replica_in_sync(&primary, &replica);
    assert_eq!(rules(&mut replica.client()), [""; 0], "the replica kept rules of its own");
}

#[test]
fn a_partial_synchronisation_misses_nothing() {
    let primary = Server::start();
    let replica = Launch::new().replica_of(&primary).start();
    let set = set_some(&mut primary.client());
    wait_for_replica_in_sync(&primary, &replica);
    let full = primary.client().info("stats", "sync_full");
    call!(primary.client(), "CLIENT", "KILL", "TYPE", "replica");
    policy!(primary.client(), "SET", "more", "op", "TTL", "1m");
    policy!(primary.client(), "DEL", "ns", "op");
    wait_for_replica_in_sync(&primary, &replica);
    let now = rules(&mut primary.client());
    assert!(now != set);
    wait_until("the replica has the rules", || rules(&mut replica.client()) == now);
    assert_eq!(primary.client().info("stats", "sync_full"), full, "the synchronisation was full");
}
