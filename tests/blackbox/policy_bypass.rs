//! BYPASS and `cache.enabled`: the cache steps aside, and is as it was when it comes back.

use crate::harness::{
    AofBase, Client, Entry, Launch, ReplicationStream, Server, nil, ok, wait_for_replica_in_sync,
};
use crate::{args, cache, call, policy};

const STORED: Entry = Entry { ns: "ns", operation: "op", params: "{}" };
const ABSENT: Entry = Entry { ns: "ns", operation: "op", params: "1" };

/// The two switches.
#[derive(Debug, Clone, Copy)]
enum Switch {
    Rule,
    Config,
}

impl Switch {
    const BOTH: [Switch; 2] = [Switch::Rule, Switch::Config];

    #[track_caller]
    fn off(self, client: &mut Client) {
        match self {
            Switch::Rule => assert_eq!(policy!(client, "SET", "n*", "*", "BYPASS", "yes"), ok()),
            Switch::Config => assert_eq!(call!(client, "CONFIG", "SET", "cache.enabled", "no"), ok()),
        }
    }

    #[track_caller]
    fn on(self, client: &mut Client) {
        match self {
            Switch::Rule => assert_eq!(policy!(client, "SET", "n*", "*", "BYPASS", "no"), ok()),
            Switch::Config => assert_eq!(call!(client, "CONFIG", "SET", "cache.enabled", "yes"), ok()),
        }
    }
}

#[test]
fn nothing_is_found_and_nothing_is_stored() {
    for switch in Switch::BOTH {
        let server = Server::start();
        let mut client = server.client();
        cache!(client, "SET", "ns", "op", "{}", "kept", "EX", 1000, "GRACE", 1000, "TAGS", 1, "t");
        let (version, expiry, key) =
            (STORED.version(&mut client), STORED.expiry(&mut client), STORED.key(&mut client));
        let mut stream = ReplicationStream::attach(&server);
        switch.off(&mut client);
        stream.commands();
        for options in [&[][..], &["STALE"]] {
            assert_eq!(STORED.call(&mut client, "GET", options), nil(), "{switch:?}");
        }
        assert_eq!(STORED.call(&mut client, "EXISTS", &[""; 0]), 0.into());
        for options in [
            &[][..],
            &["NX"],
            &["XX"],
            &["EX", "5"],
            &["KEEPTTL"],
            &["PXAT", "1"],
            &["PERSIST", "TAGS", "1", "t"],
        ] {
            assert_eq!(
                STORED.call(&mut client, "SET", &[&["dropped"], options].concat()),
                ok(),
                "{options:?}"
            );
            assert_eq!(
                ABSENT.call(&mut client, "SET", &[&["dropped"], options].concat()),
                ok(),
                "{options:?}"
            );
        }
        assert!(stream.commands().is_empty(), "{switch:?}: what was dropped was replicated");
        // What is wrong is refused as ever.
        for (command, word) in [
            (args!["CACHE.RESULT", "SET", "ns", "op", "{", "r"], "BADPARAMS"),
            (args!["CACHE.RESULT", "SET", "ns", "op", "{}", "r", "EX", 0], "ERR"),
            (args!["CACHE.RESULT", "SET", "ns", "op", "{}", "r", "NX", "XX"], "ERR"),
            (args!["CACHE.RESULT", "SET", "a b", "op", "{}", "r"], "BADNAME"),
            (args!["CACHE.RESULT", "SET", "ns", "op", "{}", "r", "TAGS", 1, "t".repeat(300)], "TOOBIG"),
            (args!["CACHE.RESULT", "GET", "ns", "op", "{"], "BADPARAMS"),
            (args!["CACHE.RESULT", "GET", "ns", "op", "{}", "NX"], "ERR"),
            (args!["CACHE.RESULT", "EXISTS", "ns", "op", "{"], "BADPARAMS"),
        ] {
            assert_eq!(client.call(&command).error_word(), word, "{switch:?} {command:?}");
        }
        // KEY and INFO as ever; where there is nothing INFO says why.
        assert_eq!(STORED.key(&mut client), key);
        assert_eq!(STORED.state(&mut client), "fresh");
        assert_eq!((STORED.version(&mut client), STORED.expiry(&mut client)), (version, expiry));
        assert_eq!(STORED.info(&mut client, "hits"), 0.into(), "a lookup that was bypassed is no hit");
        assert_eq!(ABSENT.state(&mut client), "absent");
        assert_eq!(ABSENT.info(&mut client, "why"), "disabled".into());
        assert_eq!(ABSENT.expiry(&mut client), -2);
        switch.on(&mut client);
        assert_eq!(STORED.call(&mut client, "GET", &[""; 0]), "kept".into(), "{switch:?}");
        assert_eq!(STORED.expiry(&mut client), expiry);
        assert_eq!(STORED.tags(&mut client), ["t"]);
        assert_eq!(ABSENT.call(&mut client, "GET", &[""; 0]), nil());
        assert_eq!(ABSENT.info(&mut client, "why"), nil());
        assert_eq!(ABSENT.call(&mut client, "SET", &["r", "NX"]), ok());
        assert_eq!(ABSENT.call(&mut client, "GET", &[""; 0]), "r".into());
    }
}

#[test]
fn what_is_invalidated_meanwhile_stays_so() {
    for switch in Switch::BOTH {
        let server = Server::start();
        let mut client = server.client();
        cache!(client, "SET", "ns", "op", "{}", "r");
        cache!(client, "SET", "ns", "op", "2", "r", "GRACE", 60_000);
        switch.off(&mut client);
        assert_eq!(STORED.call(&mut client, "INVALIDATE", &[""; 0]), 1.into(), "{switch:?}");
        assert_eq!(STORED.call(&mut client, "INVALIDATE", &[""; 0]), 0.into());
        assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "2", "SOFT"), 1.into());
        assert_eq!(cache!(client, "GET", "ns", "op", "2", "STALE"), nil());
        switch.on(&mut client);
        assert_eq!(STORED.call(&mut client, "GET", &["STALE"]), nil());
        assert_eq!(STORED.info(&mut client, "why"), "invalidated".into());
        assert_eq!(cache!(client, "GET", "ns", "op", "2"), nil());
        assert_eq!(cache!(client, "GET", "ns", "op", "2", "STALE"), "r".into());
    }
}

#[test]
fn a_set_that_is_dropped_makes_no_namespace() {
    for switch in Switch::BOTH {
        let server = Server::start();
        let mut client = server.client();
        switch.off(&mut client);
        assert_eq!(STORED.call(&mut client, "SET", &["r"]), ok());
        assert_eq!(call!(client, "DBSIZE"), 0.into(), "{switch:?}");
        // Another kind of value in its place is still refused.
        call!(client, "SET", "ns", "v");
        assert_eq!(STORED.call(&mut client, "SET", &["r"]).error_word(), "WRONGTYPE");
    }
}

#[test]
fn a_rule_bypasses_what_it_matches_only() {
    let server = Server::start();
    let mut client = server.client();
    for (ns, operation) in [("ns", "op"), ("ns", "fine"), ("other", "op")] {
        cache!(client, "SET", ns, operation, "{}", "r");
    }
    policy!(client, "SET", "ns", "*", "BYPASS", "yes");
    policy!(client, "SET", "ns", "fine", "BYPASS", "no");
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), nil());
    assert_eq!(cache!(client, "GET", "ns", "fine", "{}"), "r".into());
    assert_eq!(cache!(client, "GET", "other", "op", "{}"), "r".into());
    // The switch of the server beats a rule that says no.
    call!(client, "CONFIG", "SET", "cache.enabled", "no");
    assert_eq!(cache!(client, "GET", "ns", "fine", "{}"), nil());
}

#[test]
fn replicas_follow_the_rule_and_each_has_its_switch() {
    let primary = Server::start();
    let replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    let (mut writer, mut reader) = (primary.client(), replica.client());
    cache!(writer, "SET", "ns", "op", "{}", "r");
    Switch::Rule.off(&mut writer);
    wait_for_replica_in_sync(&primary, &replica);
    assert_eq!(STORED.call(&mut reader, "GET", &[""; 0]), nil());
    Switch::Rule.on(&mut writer);
    wait_for_replica_in_sync(&primary, &replica);
    assert_eq!(STORED.call(&mut reader, "GET", &[""; 0]), "r".into());
    Switch::Config.off(&mut reader);
    assert_eq!(STORED.call(&mut reader, "GET", &[""; 0]), nil());
    assert_eq!(STORED.call(&mut writer, "GET", &[""; 0]), "r".into());
    // A replica that is switched off goes on following.
    cache!(writer, "SET", "ns", "op", "{}", "s");
    wait_for_replica_in_sync(&primary, &replica);
    Switch::Config.on(&mut reader);
    assert_eq!(STORED.call(&mut reader, "GET", &[""; 0]), "s".into());
}

#[test]
fn loading_is_not_bypassed() {
    for base in AofBase::BOTH {
        let mut server = Launch::new().append_only(base).start();
        cache!(server.client(), "SET", "ns", "op", "{}", "r");
        Switch::Rule.off(&mut server.client());
        server.configure("cache.enabled no");
        server.kill_and_restart();
        let mut client = server.client();
        assert_eq!(STORED.call(&mut client, "GET", &[""; 0]), nil());
        Switch::Config.on(&mut client);
        assert_eq!(STORED.call(&mut client, "GET", &[""; 0]), nil());
        Switch::Rule.on(&mut client);
        assert_eq!(STORED.call(&mut client, "GET", &[""; 0]), "r".into());
    }
}
