//! Namespaces, operations and the keys that come of them.

use crate::harness::{Entry, Launch, Server, fingerprint_of, nil, ok};
use crate::{args, cache, call};

const EVERY_LEGAL_CHARACTER: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:/@+-";

#[test]
fn the_entry_key_is_made_as_documented() {
    let server = Server::start();
    let mut client = server.client();
    let fp = fingerprint_of("op", "{}");
    for (ns, key) in [
        ("ns", format!("result:{{ns}}:op:{fp}")),
        ("a:b/c@d+e-f.g_h", format!("result:{{a:b/c@d+e-f.g_h}}:op:{fp}")),
        ("tenant{7}", format!("result:tenant{{7}}:op:{fp}")),
        ("{7}tenant", format!("result:{{7}}tenant:op:{fp}")),
        ("a{b}c", format!("result:a{{b}}c:op:{fp}")),
        ("result", format!("result:{{result}}:op:{fp}")),
        ("results:x", format!("result:{{results:x}}:op:{fp}")),
        ("Result:x", format!("result:{{Result:x}}:op:{fp}")),
        ("1", format!("result:{{1}}:op:{fp}")),
        ("-", format!("result:{{-}}:op:{fp}")),
    ] {
        let entry = Entry::of(ns, "{}");
        assert_eq!(entry.key(&mut client), key);
        assert_eq!(entry.info(&mut client, "key").text(), key);
        assert_eq!(call!(client, "EXISTS", key), 0.into());
        assert_eq!(cache!(client, "SET", ns, "op", "{}", "r"), ok());
        assert_eq!(cache!(client, "GET", ns, "op", "{}"), "r".into());
        assert_eq!(call!(client, "EXISTS", key, ns), 2.into());
    }
}

#[test]
fn names_may_hold_every_legal_character_and_128_of_them() {
    let server = Server::start();
    let mut client = server.client();
    let long = "n".repeat(128);
    let long_tagged = format!("{{{}}}x", "t".repeat(125));
    assert_eq!(long_tagged.len(), 128);
    for ns in [EVERY_LEGAL_CHARACTER, &long, &long_tagged] {
        for operation in [EVERY_LEGAL_CHARACTER, &long, "result:x", "video:stats", "build@v2", "/", "."] {
            assert_eq!(cache!(client, "SET", ns, operation, "{}", "r"), ok(), "{ns} {operation}");
            assert_eq!(cache!(client, "GET", ns, operation, "{}"), "r".into());
            let key = cache!(client, "KEY", ns, operation, "{}").text();
            assert!(key.ends_with(&format!(":{operation}:{}", fingerprint_of(operation, "{}"))));
        }
    }
}

/// Two pairs of namespace and operation whose entry keys are spelled alike, where both have the same fingerprint.
const ALIKE: [[(&str, &str); 2]; 3] = [
    [("x{t}", "a:b"), ("x{t}:a", "b")],
    [("t", "x:op"), ("{t}:x", "op")],
    [("n", "x:y:z"), ("{n}:x:y", "z")],
];

#[test]
fn an_entry_is_not_found_under_another_name_that_is_spelled_alike() {
    let server = Server::start();
    let mut client = server.client();
    let fp = format!("fp:{}", "7".repeat(64));
    for [mine, other] in ALIKE {
        for ((ns, operation), (ns2, operation2)) in [(mine, other), (other, mine)] {
            call!(client, "FLUSHALL");
            // Both namespaces exist, or the other's entry would be absent for that reason alone.
            cache!(client, "SET", ns, "other", "1", "r");
            cache!(client, "SET", ns2, "other", "1", "r");
            assert_eq!(cache!(client, "KEY", ns, operation, fp), cache!(client, "KEY", ns2, operation2, fp));
            cache!(client, "SET", ns, operation, fp, "secret");
            assert_eq!(cache!(client, "GET", ns, operation, fp), "secret".into());
            assert_eq!(cache!(client, "GET", ns2, operation2, fp), nil(), "{ns2} reads the entry of {ns}");
            assert_eq!(cache!(client, "GET", ns2, operation2, fp, "STALE"), nil());
            assert_eq!(cache!(client, "EXISTS", ns2, operation2, fp), 0.into());
            assert_eq!(cache!(client, "INFO", ns2, operation2, fp).field("state"), "absent".into());
            assert_eq!(cache!(client, "SET", ns2, operation2, fp, "r", "XX"), nil());
        }
    }
}

#[test]
fn all_keys_of_a_namespace_lie_in_its_slot() {
    let server = Launch::new().cluster().start();
    let mut client = server.client();
    client.must(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    crate::harness::wait_until("the cluster serves", || {
        call!(client, "CLUSTER", "INFO").text().contains("cluster_state:ok")
    });
    for ns in ["ns", "a:b", "tenant{7}", "{7}tenant", "a{b}c", "result", EVERY_LEGAL_CHARACTER] {
        let slot = call!(client, "CLUSTER", "KEYSLOT", ns).int();
        let held = call!(client, "CLUSTER", "COUNTKEYSINSLOT", slot).int();
        assert_eq!(cache!(client, "SET", ns, "op:x", "{}", "r"), ok(), "{ns}");
        assert_eq!(cache!(client, "GET", ns, "op:x", "{}"), "r".into());
        assert_eq!(cache!(client, "EXISTS", ns, "op:x", "{}"), 1.into());
        let key = cache!(client, "KEY", ns, "op:x", "{}").text();
        assert_eq!(call!(client, "CLUSTER", "KEYSLOT", key).int(), slot, "{ns} and {key}");
        assert_eq!(call!(client, "CLUSTER", "COUNTKEYSINSLOT", slot).int(), held + 2);
        let script = "return redis.call('CACHE.RESULT', 'GET', KEYS[1], 'op:x', '{}')";
        assert_eq!(call!(client, "EVAL", script, 1, ns), "r".into());
        let transaction =
            [args!["MULTI"], args!["CACHE.RESULT", "INVALIDATE", ns, "op:x", "{}"], args!["EXEC"]];
        assert_eq!(client.pipeline(&transaction)[2].array(), [1.into()]);
    }
    let sum: i64 = call!(client, "DBSIZE").int();
    assert!(sum >= 7, "the namespaces stay: {sum}");
}
