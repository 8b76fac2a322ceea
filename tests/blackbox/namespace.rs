//! The namespace as a key: what core's own commands do to it and to its entries.

use crate::harness::{Client, Entry, Launch, Server, nil, ok, wait_until};
use crate::{args, cache, call};

const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };

/// Nothing of the entry is to be seen by any subcommand.
#[track_caller]
fn assert_absent(client: &mut Client, ns: &str, params: &str) {
    let entry = Entry::of(ns, params);
    assert_eq!(cache!(client, "GET", ns, "op", params), nil(), "GET {ns}");
    assert_eq!(cache!(client, "GET", ns, "op", params, "STALE"), nil(), "GET STALE {ns}");
    assert_eq!(cache!(client, "EXISTS", ns, "op", params), 0.into(), "EXISTS {ns}");
    assert_eq!(entry.state(client), "absent", "INFO {ns}");
    assert_eq!(cache!(client, "SET", ns, "op", params, "never", "XX"), nil(), "SET XX {ns}");
}

#[track_caller]
fn assert_found(client: &mut Client, ns: &str, params: &str, result: &str) {
    assert_eq!(cache!(client, "GET", ns, "op", params), result.into());
    assert_eq!(cache!(client, "EXISTS", ns, "op", params), 1.into());
    assert_eq!(Entry::of(ns, params).state(client), "fresh");
}

#[test]
fn reading_makes_nothing_and_the_first_write_makes_the_namespace() {
    let server = Server::start();
    let mut client = server.client();
    for name in ["GET", "EXISTS", "INFO", "KEY"] {
        cache!(client, name, "ns", "op", "{}");
        assert_eq!(call!(client, "DBSIZE"), 0.into(), "{name} made a key");
    }
    cache!(client, "SET", "ns", "op", "{}", "r");
    assert_eq!(call!(client, "DBSIZE"), 2.into());
    let (namespace, entry) =
        (call!(client, "TYPE", "ns").text(), call!(client, "TYPE", ENTRY.key(&mut client)).text());
    assert_ne!(namespace, entry);
    for kind in [namespace, entry] {
        // Nine characters, as names of modules' types are.
        assert_eq!(kind.len(), 9, "{kind}");
    }
    assert_eq!(call!(client, "PEXPIRETIME", "ns"), (-1).into());
}

#[test]
fn deleting_it_makes_all_its_entries_absent_for_good() {
    let server = Server::start();
    let mut client = server.client();
    for delete in [
        args!["DEL", "ns"],
        args!["UNLINK", "ns"],
        args!["PEXPIREAT", "ns", 1],
        args!["RENAME", "ns", "aside"],
        args!["MOVE", "ns", 9],
        args!["SET", "ns", "now a string"],
        args!["FLUSHALL"],
    ] {
        call!(client, "FLUSHALL");
        for params in ["1", "2"] {
            cache!(client, "SET", "ns", "op", params, "old", "PERSIST", "GRACE", 1000);
        }
        client.must(&delete);
        if call!(client, "EXISTS", "ns") == 0.into() {
            assert_absent(&mut client, "ns", "1");
        }
        call!(client, "DEL", "ns");
        assert_absent(&mut client, "ns", "1");
        // Made again, by a write of another entry.
        cache!(client, "SET", "ns", "op", "3", "new");
        for params in ["1", "2"] {
            assert_absent(&mut client, "ns", params);
        }
        assert_found(&mut client, "ns", "3", "new");
        assert_eq!(cache!(client, "SET", "ns", "op", "1", "new"), ok());
        assert_found(&mut client, "ns", "1", "new");
        assert_absent(&mut client, "ns", "2");
    }
}

#[test]
fn an_entry_under_another_key_is_absent() {
    let server = Server::start();
    let mut client = server.client();
    let key = |client: &mut Client, ns: &str, params: &str| Entry::of(ns, params).key(client);
    cache!(client, "SET", "ns", "op", "1", "one");
    cache!(client, "SET", "ns", "op", "2", "two");
    cache!(client, "SET", "other", "op", "1", "elsewhere");
    let (one, two) = (key(&mut client, "ns", "1"), key(&mut client, "ns", "2"));
    let other = key(&mut client, "other", "1");
    let operation = cache!(client, "KEY", "ns", "op2", "1").text();
    // To the place of another entry of the namespace, of another operation, of another namespace.
    for target in [&two, &operation, &other] {
        call!(client, "COPY", one, target, "REPLACE");
        assert_found(&mut client, "ns", "1", "one");
    }
    assert_absent(&mut client, "ns", "2");
    assert_absent(&mut client, "other", "1");
    assert_eq!(cache!(client, "GET", "ns", "op2", "1"), nil());
    assert_eq!(cache!(client, "SET", "ns", "op", "2", "two again"), ok());
    assert_found(&mut client, "ns", "2", "two again");
    call!(client, "RENAME", one, two);
    assert_absent(&mut client, "ns", "1");
    assert_absent(&mut client, "ns", "2");
    // Back in its place it is itself.
    call!(client, "RENAME", two, one);
    assert_found(&mut client, "ns", "1", "one");
    call!(client, "RENAME", one, "somewhere");
    assert_absent(&mut client, "ns", "1");
    // Under a name that no entry has it is just a value.
    for command in
        [args!["TYPE", "somewhere"], args!["DUMP", "somewhere"], args!["MEMORY", "USAGE", "somewhere"]]
    {
        client.must(&command);
    }
    assert_eq!(call!(client, "DEL", "somewhere"), 1.into());
}

#[test]
fn a_renamed_namespace_takes_no_entries_along() {
    let server = Launch::new().line("cache.sweep no").start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "r");
    call!(client, "RENAME", "ns", "ns2");
    assert_absent(&mut client, "ns", "{}");
    assert_absent(&mut client, "ns2", "{}");
    cache!(client, "SET", "ns2", "op", "{}", "s");
    assert_found(&mut client, "ns2", "{}", "s");
    // Nor where the entries are renamed along: they bear the name that they were stored under.
    let (key, key2) = (ENTRY.key(&mut client), Entry::of("ns2", "{}").key(&mut client));
    call!(client, "COPY", key, key2, "REPLACE");
    assert_absent(&mut client, "ns2", "{}");
    // Back under its name, with the clock going on, it has its entries again, those that were not swept meanwhile.
    call!(client, "RENAME", "ns2", "ns");
    assert_found(&mut client, "ns", "{}", "r");
    assert_absent(&mut client, "ns2", "{}");
    cache!(client, "SET", "ns", "op", "{}", "t");
    assert_found(&mut client, "ns", "{}", "t");
}

#[test]
fn a_copied_namespace_is_a_new_one() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "r");
    assert_eq!(call!(client, "COPY", "ns", "ns2"), 1.into());
    let (key, key2) = (ENTRY.key(&mut client), Entry::of("ns2", "{}").key(&mut client));
    call!(client, "COPY", key, key2);
    assert_absent(&mut client, "ns2", "{}");
    assert_found(&mut client, "ns", "{}", "r");
    cache!(client, "SET", "ns2", "op", "{}", "s");
    assert_found(&mut client, "ns2", "{}", "s");
    assert_found(&mut client, "ns", "{}", "r");
    // A copy that takes the original's name does not revive its entries: it is another namespace.
    call!(client, "COPY", "ns", "aside");
    call!(client, "DEL", "ns");
    call!(client, "RENAME", "aside", "ns");
    assert_absent(&mut client, "ns", "{}");
}

#[test]
fn copying_again_revives_nothing() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "r");
    let mut there = server.client();
    call!(there, "SELECT", 1);
    // The original does not change in between: each copy must be a life of its own all the same.
    for _ in 0..3 {
        call!(client, "COPY", "ns", "copy");
        call!(client, "COPY", "ns", "ns", "DB", 1);
        assert_absent(&mut client, "copy", "{}");
        assert_absent(&mut there, "ns", "{}");
        cache!(client, "SET", "copy", "op", "{}", "of this copy");
        cache!(there, "SET", "ns", "op", "{}", "of this copy");
        call!(client, "DEL", "copy");
        call!(there, "DEL", "ns");
    }
    assert_found(&mut client, "ns", "{}", "r");
}

#[test]
fn migration_moves_a_namespace_with_its_entries() {
    let (source, target) = (Server::start(), Server::start());
    let (mut here, mut there) = (source.client(), target.client());
    cache!(here, "SET", "ns", "op", "{}", "r", "PXAT", 1_900_000_000_000_i64, "GRACE", 5000);
    let key = ENTRY.key(&mut here);
    for keys in [["ns", &key], [&key, "ns"]] {
        let reply = call!(here, "MIGRATE", "127.0.0.1", target.port(), "", 0, 5000, "KEYS", keys[0], keys[1]);
        assert_eq!(reply, ok());
        assert_absent(&mut here, "ns", "{}");
        assert_found(&mut there, "ns", "{}", "r");
        let back = call!(there, "MIGRATE", "127.0.0.1", source.port(), "", 0, 5000, "KEYS", keys[0], keys[1]);
        assert_eq!(back, ok());
        assert_found(&mut here, "ns", "{}", "r");
    }
}

#[test]
fn memory_is_freed_on_another_thread_without_harm() {
    let mut server = Server::start();
    let mut client = server.client();
    for round in 0..3 {
        let sets: Vec<_> = (0..20_000)
            .map(|n| args!["CACHE.RESULT", "SET", format!("ns{}", n % 50), format!("op{}", n % 7), n, "r"])
            .collect();
        client.pipeline(&sets);
        client.must(&["FLUSHALL", "ASYNC"]);
        cache!(client, "SET", "ns0", "op0", "0", round);
        assert_eq!(cache!(client, "GET", "ns0", "op0", "0"), round.to_string().as_str().into());
        assert_eq!(cache!(client, "GET", "ns1", "op1", "1"), nil());
    }
    server.assert_alive();
}

#[test]
fn copies_in_another_database_are_apart() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "r");
    let key = ENTRY.key(&mut client);
    assert_eq!(call!(client, "COPY", key, key, "DB", 1), 1.into());
    let mut there = server.client();
    call!(there, "SELECT", 1);
    assert_absent(&mut there, "ns", "{}");
    assert_eq!(call!(client, "COPY", "ns", "ns", "DB", 1), 1.into());
    assert_absent(&mut there, "ns", "{}");
    cache!(there, "SET", "ns", "op", "{}", "there");
    assert_found(&mut there, "ns", "{}", "there");
    assert_found(&mut client, "ns", "{}", "r");
}

#[test]
fn databases_are_apart() {
    let server = Server::start();
    let (mut zero, mut one) = (server.client(), server.client());
    call!(one, "SELECT", 1);
    cache!(zero, "SET", "ns", "op", "{}", "in 0");
    assert_absent(&mut one, "ns", "{}");
    cache!(one, "SET", "ns", "op", "{}", "in 1");
    assert_found(&mut zero, "ns", "{}", "in 0");
    cache!(one, "INVALIDATE", "ns", "op", "{}");
    assert_found(&mut zero, "ns", "{}", "in 0");
    assert_absent(&mut one, "ns", "{}");
    call!(zero, "SWAPDB", 0, 1);
    assert_absent(&mut zero, "ns", "{}");
    assert_found(&mut one, "ns", "{}", "in 0");
    call!(zero, "FLUSHDB");
    assert_found(&mut one, "ns", "{}", "in 0");
    cache!(one, "SET", "ns", "op", "1", "more");
    assert_found(&mut one, "ns", "1", "more");
    call!(zero, "FLUSHALL", "ASYNC");
    assert_absent(&mut one, "ns", "{}");
}

#[test]
fn a_namespace_moves_with_its_entries_and_not_without() {
    let server = Server::start();
    let (mut zero, mut one) = (server.client(), server.client());
    call!(one, "SELECT", 1);
    cache!(zero, "SET", "ns", "op", "{}", "r");
    let key = ENTRY.key(&mut zero);
    assert_eq!(call!(zero, "MOVE", key, 1), 1.into());
    assert_absent(&mut zero, "ns", "{}");
    assert_absent(&mut one, "ns", "{}");
    assert_eq!(call!(zero, "MOVE", "ns", 1), 1.into());
    assert_absent(&mut zero, "ns", "{}");
    assert_found(&mut one, "ns", "{}", "r");
}

#[test]
fn dump_and_restore_bring_an_entry_back() {
    let server = Server::start();
    let mut client = server.client();
    let later = 1_900_000_000_000_i64;
    cache!(client, "SET", "ns", "op", "{}", "r", "PXAT", later, "GRACE", 5000, "TAGS", 1, "t", "TOOK", 7);
    let key = ENTRY.key(&mut client);
    let info = |client: &mut Client| {
        let info = cache!(client, "INFO", "ns", "op", "{}");
        ["state", "version", "created_ms", "bytes", "tags", "took_ms"].map(|field| info.field(field))
    };
    let (before, dump) = (info(&mut client), call!(client, "DUMP", key).bulk().to_vec());
    call!(client, "DEL", key);
    assert_absent(&mut client, "ns", "{}");
    assert_eq!(call!(client, "RESTORE", key, later + 5000, dump, "ABSTTL"), ok());
    assert_found(&mut client, "ns", "{}", "r");
    assert_eq!(info(&mut client), before);
    assert_eq!(ENTRY.expiry(&mut client), later + 5000);
    // In the place of another it is absent.
    let other = Entry::of("ns", "1").key(&mut client);
    assert_eq!(call!(client, "RESTORE", other, 0, dump), ok());
    assert_absent(&mut client, "ns", "1");
    // The namespace too: with the same one back, its entries are.
    let namespace = call!(client, "DUMP", "ns").bulk().to_vec();
    call!(client, "DEL", "ns");
    assert_absent(&mut client, "ns", "{}");
    assert_eq!(call!(client, "RESTORE", "ns", 0, namespace), ok());
    assert_found(&mut client, "ns", "{}", "r");
    cache!(client, "SET", "ns", "op", "{}", "s");
    assert_found(&mut client, "ns", "{}", "s");
}

#[test]
fn an_entry_that_is_restored_past_its_time_is_absent() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "r", "PX", 60);
    let key = ENTRY.key(&mut client);
    let dump = call!(client, "DUMP", key).bulk().to_vec();
    wait_until("the entry is gone", || call!(client, "EXISTS", key) == 0.into());
    // Without a time to live of its own: the entry knows its own end.
    assert_eq!(call!(client, "RESTORE", key, 0, dump), ok());
    assert_absent(&mut client, "ns", "{}");
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "s", "NX"), ok());
    assert_found(&mut client, "ns", "{}", "s");
}

#[test]
fn core_commands_that_do_not_fit_leave_it_alone() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "r");
    for key in ["ns", &ENTRY.key(&mut client)] {
        for command in [
            args!["GET", key],
            args!["APPEND", key, "x"],
            args!["HSET", key, "a", "b"],
            args!["LPUSH", key, "x"],
            args!["INCR", key],
            args!["SORT", key],
            args!["XADD", key, "*", "a", "b"],
        ] {
            assert_eq!(client.call(&command).error_word(), "WRONGTYPE", "{command:?}");
        }
        for command in [
            args!["OBJECT", "ENCODING", key],
            args!["OBJECT", "IDLETIME", key],
            args!["OBJECT", "REFCOUNT", key],
            args!["DEBUG", "OBJECT", key],
            args!["TOUCH", key],
            args!["SCAN", 0, "COUNT", 100],
            args!["RANDOMKEY"],
        ] {
            client.must(&command);
        }
    }
    assert_found(&mut client, "ns", "{}", "r");
}

#[test]
fn memory_usage_grows_with_what_is_stored() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "1", "x".repeat(100_000));
    cache!(client, "SET", "ns", "op", "2", "x");
    let mut usage = |params| {
        let key = Entry::of("ns", params).key(&mut client);
        call!(client, "MEMORY", "USAGE", key).int()
    };
    let (large, small) = (usage("1"), usage("2"));
    assert!((100_000..150_000).contains(&large), "{large}");
    assert!((1..2000).contains(&small), "{small}");
    assert!(call!(client, "MEMORY", "USAGE", "ns").int() > 0);
    let used = |client: &mut Client| client.info("memory", "used_memory").unwrap().parse::<i64>().unwrap();
    let before = used(&mut client);
    cache!(client, "SET", "ns", "op", "3", "x".repeat(10_000_000));
    assert!(used(&mut client) > before + 9_000_000, "the module's memory is not the server's");
    cache!(client, "INVALIDATE", "ns", "op", "3");
    wait_until("the memory is free again", || used(&mut client) < before + 5_000_000);
}
