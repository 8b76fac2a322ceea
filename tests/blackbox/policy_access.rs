//! Who may change rules, and what the server tells of the commands.

use crate::harness::{Client, Server, Value, ok, rules};
use crate::{args, cache, call, policy};

/// A connection of a user with these ACL rules.
#[track_caller]
fn user(server: &Server, acl: &[&str]) -> Client {
    let mut command = args!["ACL", "SETUSER", "somebody", "reset", "on", ">secret", "~*"];
    command.extend(acl.iter().map(|rule| rule.as_bytes().to_vec()));
    server.client().must(&command);
    let mut client = server.client();
    client.must(&["AUTH", "somebody", "secret"]);
    client
}

/// Whether this server has ACL categories for the commands of modules: from 7.2 on.
#[track_caller]
fn has_categories(server: &Server) -> bool {
    !server.client().info("server", "redis_version").expect("INFO says the version").starts_with("7.0.")
}

#[test]
fn who_may_only_read_results_sets_no_rules() {
    let server = Server::start();
    assert_eq!(policy!(server.client(), "SET", "ns", "op", "TTL", "5m"), ok());
    for acl in [&["+cache.result|get"][..], &["+cache.result"], &["+cache.result", "+cache.policy|list"]] {
        let mut client = user(&server, acl);
        assert!(!cache!(client, "GET", "ns", "op", "{}").is_error());
        for command in [
            args!["CACHE.POLICY", "SET", "ns", "op", "TTL", "6m"],
            args!["CACHE.POLICY", "DEL", "ns", "op"],
            args!["CACHE.POLICY", "GET", "ns", "op"],
            args!["CACHE.POLICY", "EXPLAIN", "ns", "op"],
        ] {
            assert_eq!(client.call(&command).error_word(), "NOPERM", "{acl:?} {command:?}");
        }
    }
    assert_eq!(rules(&mut user(&server, &["+cache.policy|list"])), ["ns|op|TTL|5m"]);
    let mut operator = user(&server, &["+cache.policy"]);
    assert_eq!(policy!(operator, "SET", "ns", "op", "TTL", "6m"), ok());
    assert_eq!(policy!(operator, "DEL", "ns", "op"), 1.into());
    assert_eq!(cache!(operator, "GET", "ns", "op", "{}").error_word(), "NOPERM");
    // Not even through a script.
    let mut scripts = user(&server, &["+eval", "+cache.result"]);
    let script = "return redis.call('CACHE.POLICY', 'SET', 'ns', 'op', 'TTL', '1s')";
    assert!(call!(scripts, "EVAL", script, 0).is_error());
    assert_eq!(rules(&mut server.client()), [""; 0]);
}

#[test]
fn they_are_for_administrators_where_the_server_has_categories() {
    let server = Server::start();
    let mut client = server.client();
    for category in ["admin", "dangerous"] {
        let listed = call!(client, "ACL", "CAT", category);
        for name in ["set", "get", "del", "list", "explain"] {
            let there = listed.array().contains(&format!("cache.policy|{name}").as_str().into());
            assert_eq!(there, has_categories(&server), "{name} in @{category}");
        }
    }
    if has_categories(&server) {
        let mut careful = user(&server, &["+@all", "-@dangerous"]);
        assert_eq!(policy!(careful, "SET", "ns", "op", "TTL", "6m").error_word(), "NOPERM");
        assert!(!cache!(careful, "GET", "ns", "op", "{}").is_error());
    }
}

#[test]
fn flags_arity_and_tips_are_those_of_the_contract() {
    let server = Server::start();
    let mut client = server.client();
    for (name, arity, flags, tips) in [
        ("set", -6, &["write", "denyoom", "admin"][..], 2),
        ("get", 4, &["readonly", "admin"], 0),
        ("del", -4, &["write", "admin"], 2),
        ("list", 2, &["readonly", "admin"], 0),
        ("explain", 4, &["readonly", "admin"], 0),
        ("help", 2, &[], 0),
    ] {
        let told = call!(client, "COMMAND", "INFO", format!("cache.policy|{name}"));
        let told = told.array()[0].array();
        assert_eq!(told[1].int(), arity, "arity of {name}");
        let has: Vec<String> = told[2].array().iter().map(Value::text).collect();
        for flag in ["readonly", "write", "fast", "denyoom", "admin"] {
            assert_eq!(has.iter().any(|has| has == flag), flags.contains(&flag), "{flag} of {name}: {has:?}");
        }
        assert_eq!(told[3].int(), 0, "{name} has a key");
        let all: Vec<String> = told[7].array().iter().map(Value::text).collect();
        assert_eq!(all.len(), tips, "{name}: {all:?}");
        assert_eq!(all.iter().any(|tip| tip == "request_policy:all_shards"), tips > 0);
    }
}

#[test]
fn full_memory_hinders_setting_and_not_deleting() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "ns", "op", "TTL", "5m");
    client.must(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(policy!(client, "SET", "ns", "op", "TTL", "6m").error_word(), "OOM");
    assert_eq!(rules(&mut client), ["ns|op|TTL|5m"]);
    assert_eq!(policy!(client, "DEL", "ns", "op"), 1.into());
}
