//! ACL: what a user may do is said by subcommand and namespace.

use crate::harness::{Client, Server, ok};
use crate::{args, cache, call};

/// A connection of a user with these rules, on a server that holds entries of `ns` and `other`.
fn user(server: &Server, rules: &[&str]) -> Client {
    let mut admin = server.client();
    for ns in ["ns", "other"] {
        cache!(admin, "SET", ns, "op", "{}", "r", "PERSIST", "GRACE", 60_000);
    }
    let mut command = args!["ACL", "SETUSER", "somebody", "reset", "on", ">secret"];
    command.extend(rules.iter().map(|rule| rule.as_bytes().to_vec()));
    admin.must(&command);
    let mut client = server.client();
    client.must(&["AUTH", "somebody", "secret"]);
    client
}

#[test]
fn one_subcommand_on_one_namespace() {
    let server = Server::start();
    let mut reader = user(&server, &["+cache.result|get", "~ns"]);
    assert_eq!(cache!(reader, "GET", "ns", "op", "{}"), "r".into());
    assert_eq!(cache!(reader, "GET", "ns", "op", "{}", "STALE"), "r".into());
    for command in [
        args!["CACHE.RESULT", "GET", "other", "op", "{}"],
        args!["CACHE.RESULT", "GET", "ns2", "op", "{}"],
        args!["CACHE.RESULT", "SET", "ns", "op", "{}", "w"],
        args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}"],
        args!["CACHE.RESULT", "EXISTS", "ns", "op", "{}"],
        args!["CACHE.RESULT", "INFO", "ns", "op", "{}"],
        args!["CACHE.RESULT", "KEY", "ns", "op", "{}"],
        args!["CACHE.RESULT", "HELP"],
        args!["CACHE.APPLY", "ns", "x", "y", "z", "z", "z"],
        args!["DEL", "ns"],
    ] {
        assert_eq!(reader.call(&command).error_word(), "NOPERM", "{command:?}");
    }
    assert_eq!(cache!(server.client(), "GET", "ns", "op", "{}"), "r".into());
}

#[test]
fn the_whole_container_on_a_pattern() {
    let server = Server::start();
    let mut writer = user(&server, &["+cache.result", "~n*"]);
    assert_eq!(cache!(writer, "SET", "ns", "op", "1", "w"), ok());
    assert_eq!(cache!(writer, "SET", "new", "op", "1", "w"), ok());
    assert_eq!(cache!(writer, "INVALIDATE", "ns", "op", "1"), 1.into());
    assert!(!cache!(writer, "HELP").is_error());
    assert_eq!(cache!(writer, "SET", "other", "op", "{}", "w").error_word(), "NOPERM");
    assert_eq!(cache!(writer, "INVALIDATE", "other", "op", "{}").error_word(), "NOPERM");
}

#[test]
fn permission_to_read_is_none_to_write() {
    let server = Server::start();
    let mut reader = user(&server, &["+cache.result", "%R~ns"]);
    for name in ["GET", "EXISTS", "INFO"] {
        assert!(!cache!(reader, name, "ns", "op", "{}").is_error(), "{name} needs more than reading");
        assert_eq!(cache!(reader, name, "other", "op", "{}").error_word(), "NOPERM");
    }
    assert_eq!(cache!(reader, "SET", "ns", "op", "{}", "w").error_word(), "NOPERM");
    assert_eq!(cache!(reader, "INVALIDATE", "ns", "op", "{}").error_word(), "NOPERM");
    assert_eq!(cache!(server.client(), "GET", "ns", "op", "{}"), "r".into());
}

#[test]
fn a_script_has_no_more_rights_than_its_caller() {
    let server = Server::start();
    let mut reader = user(&server, &["+eval", "+cache.result|get", "~ns"]);
    let script = "return redis.call('CACHE.RESULT', unpack(ARGV))";
    assert_eq!(call!(reader, "EVAL", script, 0, "GET", "ns", "op", "{}"), "r".into());
    assert!(call!(reader, "EVAL", script, 0, "GET", "other", "op", "{}").is_error());
    assert!(call!(reader, "EVAL", script, 0, "SET", "ns", "op", "{}", "w").is_error());
}

#[test]
fn applying_can_be_forbidden() {
    let server = Server::start();
    let mut client = server.client();
    call!(client, "CONFIG", "SET", "cache.apply-from-clients", "yes");
    // Servers before 7.2 know no categories for modules' commands: there it is named by itself.
    let categories = call!(client, "ACL", "CAT", "dangerous").array().contains(&"cache.apply".into());
    let version = client.info("server", "redis_version").unwrap();
    assert!(categories || version.starts_with("7.0."), "CACHE.APPLY is not in @dangerous");
    let rule = if categories { "-@dangerous" } else { "-cache.apply" };
    let mut careful = user(&server, &["+@all", rule, "~*"]);
    assert_eq!(call!(careful, "CACHE.APPLY", "ns", "x", "y", "z", "z", "z").error_word(), "NOPERM");
    assert_eq!(cache!(careful, "GET", "ns", "op", "{}"), "r".into());
    assert_eq!(cache!(careful, "SET", "ns", "op", "{}", "w"), ok());
}

#[test]
fn permission_to_write_is_enough_to_write() {
    let server = Server::start();
    let mut client = server.client();
    call!(client, "ACL", "SETUSER", "writer", "on", ">p", "%W~ns", "+@all");
    for words in [
        &["CACHE.RESULT", "SET", "ns", "op", "{}", "r"][..],
        &["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}"],
        &["CACHE.CLOCK", "ns"],
    ] {
        let told = client.call(&[&["ACL", "DRYRUN", "writer"], words].concat());
        assert_eq!(told, crate::harness::ok(), "{words:?}");
    }
    for words in
        [&["CACHE.RESULT", "GET", "ns", "op", "{}"][..], &["CACHE.RESULT", "MERGE", "ns", "op", "{}", "{}"]]
    {
        let told = client.call(&[&["ACL", "DRYRUN", "writer"], words].concat());
        assert!(told != crate::harness::ok(), "{words:?} shows what is there");
    }
}
