//! The sweep: what an invalidation of many has made absent is freed in the background, and nothing else ever is.

use crate::harness::{
    AofBase, Client, Entry, Launch, ReplicationStream, Server, Value, assert_same_digests, digests, nil, ok,
    wait_for_aof_rewrite, wait_for_replica_in_sync, wait_until,
};
use crate::{args, cache, call};

/// The kinds of death that leave entries in memory, for a namespace whose entries bear the tag `t`.
const DEATHS: [&[&str]; 5] = [
    &["CACHE.INVALIDATE", "TAG", "ns", "t"],
    &["CACHE.INVALIDATE", "OPERATION", "ns", "op"],
    &["CACHE.INVALIDATE", "OPERATION", "ns", "o?"],
    &["CACHE.INVALIDATE", "NAMESPACE", "ns"],
    &["DEL", "ns"],
];

/// Warms entries `0..count` of an operation `op` that bear the tag `t`.
#[track_caller]
fn fill(client: &mut Client, ns: &str, count: usize) {
    let mut command = args!["CACHE.WARM", ns, "EX", 100_000, "TAGS", 1, "t", "ENTRIES"];
    (0..count).for_each(|n| command.extend(args!["op", n, "result"]));
    assert_eq!(client.must(&command).array()[0].int(), count as i64);
}

#[track_caller]
fn keys(client: &mut Client) -> i64 {
    call!(client, "DBSIZE").int()
}

/// A counter of `INFO cache`.
#[track_caller]
fn counter(client: &mut Client, name: &str) -> i64 {
    let value = client.info("cache", name);
    value.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("INFO cache has no number {name}"))
}

/// Waits until the sweep has nothing left to look at.
#[track_caller]
fn wait_for_rest(client: &mut Client) {
    wait_until("the sweep rests", || counter(client, "cache_sweep_pending") == 0);
}

#[test]
fn everything_dead_is_freed_and_nothing_else() {
    let server = Server::start();
    let mut client = server.client();
    // Neighbours that must stay: other namespaces, other operations and tags, foreign keys, names that only look like entries.
    fill(&mut client, "other", 50);
    fill(&mut client, "x{ns}", 50);
    call!(client, "SET", "plain", "v");
    call!(client, "HSET", "result:{ns}:op:short", "a", "b");
    call!(client, "SET", format!("result:{{ns}}:op:{}", "0".repeat(64)), "v");
    let neighbours = digests(&server);
    for death in DEATHS {
        fill(&mut client, "ns", 3000);
        if death[0] != "DEL" {
            cache!(client, "SET", "ns", "o", "1", "spared by all but NAMESPACE");
        }
        let swept = counter(&mut client, "cache_swept");
        client.must(death);
        let left = neighbours.len() as i64
            + match death[1] {
                "ns" => 0,
                "NAMESPACE" => 1,
                _ => 2,
            };
        wait_until("the dead are freed", || keys(&mut client) == left);
        wait_for_rest(&mut client);
        assert_eq!(keys(&mut client), left, "{death:?}");
        let gone = if death[1] == "NAMESPACE" { 3001 } else { 3000 };
        assert_eq!(counter(&mut client, "cache_swept") - swept, gone, "{death:?}");
        client.must(&["DEL", "ns"]);
        let spared = Entry { ns: "ns", operation: "o", params: "1" }.key(&mut client);
        client.must(&args!["DEL", spared]);
        assert_same_digests("the neighbours", &neighbours, &digests(&server));
    }
}

#[test]
fn what_is_written_again_before_its_turn_lives() {
    let server = Server::start();
    let mut client = server.client();
    for death in DEATHS {
        // The sweep is late on purpose.
        call!(client, "CONFIG", "SET", "cache.sweep", "no");
        fill(&mut client, "ns", 2000);
        client.must(death);
        fill(&mut client, "ns", 700);
        call!(client, "CONFIG", "SET", "cache.sweep", "yes");
        wait_until("the dead are freed", || keys(&mut client) == 701);
        wait_for_rest(&mut client);
        for n in 0..700 {
            assert_eq!(cache!(client, "GET", "ns", "op", n), "result".into(), "{death:?}");
        }
        call!(client, "FLUSHALL");
    }
}

#[test]
fn what_is_pending_is_never_less_than_what_is_dead() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client, "ns", 20_000);
    call!(client, "CACHE.INVALIDATE", "TAG", "ns", "t");
    let mut seen_half_way = false;
    wait_until("the dead are freed", || {
        // In one transaction: the sweep goes on between commands.
        call!(client, "MULTI");
        call!(client, "DBSIZE");
        call!(client, "INFO", "cache");
        let now = call!(client, "EXEC");
        let (dead, info) = (now.array()[0].int() - 1, now.array()[1].text());
        let pending = info.lines().find_map(|line| line.strip_prefix("cache_sweep_pending:")).unwrap();
        assert!(pending.parse::<i64>().unwrap() >= dead, "{dead} dead, {pending} pending");
        seen_half_way |= (1..20_000).contains(&dead);
        dead == 0
    });
    assert!(seen_half_way);
}

#[test]
fn memory_comes_back() {
    let server = Server::start();
    let mut client = server.client();
    let used =
        |client: &mut Client| -> i64 { client.info("memory", "used_memory").unwrap().parse().unwrap() };
    fill(&mut client, "ns", 10);
    let before = used(&mut client);
    fill(&mut client, "ns", 25_000);
    assert!(used(&mut client) - before > 5_000_000);
    call!(client, "CACHE.INVALIDATE", "TAG", "ns", "t");
    wait_until("the memory is free again", || used(&mut client) - before < 1_500_000);
    wait_until("all are freed", || keys(&mut client) == 1);
}

#[test]
fn it_can_be_switched_off_and_on() {
    let server = Launch::new().line("cache.sweep no").start();
    let mut client = server.client();
    let mut stream = ReplicationStream::attach(&server);
    fill(&mut client, "ns", 100);
    call!(client, "CACHE.INVALIDATE", "TAG", "ns", "t");
    stream.commands();
    // Longer than any slice rests.
    call!(client, "DEBUG", "SLEEP", "0.3");
    assert_eq!(keys(&mut client), 101);
    assert_eq!(counter(&mut client, "cache_swept"), 0);
    assert_eq!(stream.names(), [""; 0]);
    call!(client, "CONFIG", "SET", "cache.sweep", "yes");
    wait_until("the dead are freed", || keys(&mut client) == 1);
    wait_for_rest(&mut client);
    assert_eq!(counter(&mut client, "cache_swept"), 100);
}

#[test]
fn every_database_has_its_turn() {
    let server = Server::start();
    let mut clients: Vec<Client> = (0..3).map(|_| server.client()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.must(&args!["SELECT", [0, 7, 15][n]]);
        fill(client, "ns", 800);
        fill(client, "kept", 100);
    }
    call!(clients[0], "CACHE.INVALIDATE", "TAG", "ns", "t");
    call!(clients[2], "DEL", "ns");
    wait_until("the dead of two databases are freed", || {
        keys(&mut clients[0]) == 102 && keys(&mut clients[2]) == 101
    });
    wait_for_rest(&mut clients[0]);
    assert_eq!(keys(&mut clients[1]), 902, "where nothing died");
    call!(clients[1], "CACHE.INVALIDATE", "NAMESPACE", "ns");
    wait_until("the dead of the third are freed", || keys(&mut clients[1]) == 102);
    for client in &mut clients {
        assert_eq!(cache!(client, "GET", "kept", "op", 99), "result".into());
    }
}

#[test]
fn databases_that_change_places_in_between() {
    let server = Server::start();
    let (mut zero, mut one) = (server.client(), server.client());
    one.must(&args!["SELECT", 1]);
    call!(zero, "CONFIG", "SET", "cache.sweep", "no");
    fill(&mut zero, "ns", 2000);
    fill(&mut one, "ns", 300);
    call!(zero, "CACHE.INVALIDATE", "TAG", "ns", "t");
    call!(zero, "SWAPDB", 0, 1);
    call!(zero, "CONFIG", "SET", "cache.sweep", "yes");
    wait_until("the dead are freed where they are now", || keys(&mut one) == 1);
    wait_for_rest(&mut zero);
    assert_eq!(keys(&mut zero), 301);
    // In the midst of it.
    for round in 0..10 {
        fill(&mut zero, "ns", 5000);
        call!(zero, "CACHE.INVALIDATE", "NAMESPACE", "ns");
        call!(zero, "DEBUG", "SLEEP", format!("0.00{round}"));
        call!(zero, "SWAPDB", 0, 1);
        wait_until("the dead are freed", || keys(&mut zero) == 1 && keys(&mut one) == 1);
        wait_for_rest(&mut zero);
    }
}

#[test]
fn databases_that_are_flushed_in_between() {
    let mut server = Server::start();
    let mut client = server.client();
    for round in 0..12 {
        fill(&mut client, "ns", 5000);
        call!(client, "CACHE.INVALIDATE", "TAG", "ns", "t");
        call!(client, "DEBUG", "SLEEP", format!("0.00{}", round % 5));
        let words = [&["FLUSHALL"][..], &["FLUSHDB", "ASYNC"], &["FLUSHALL", "ASYNC"]][round % 3];
        client.must(words);
        fill(&mut client, "ns", 10);
        wait_for_rest(&mut client);
        assert_eq!(keys(&mut client), 11);
    }
    server.assert_alive();
}

#[test]
fn what_was_renamed_or_copied_away_is_left_alone() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client, "ns", 200);
    let key = |client: &mut Client, n: i32| cache!(client, "KEY", "ns", "op", n).text();
    let (one, two) = (key(&mut client, 1), key(&mut client, 2));
    call!(client, "RENAME", one, "aside");
    call!(client, "COPY", two, "a-copy");
    call!(client, "CACHE.INVALIDATE", "NAMESPACE", "ns");
    wait_until("the dead are freed", || keys(&mut client) == 3);
    call!(client, "DEL", "ns");
    wait_for_rest(&mut client);
    assert_eq!(call!(client, "EXISTS", "aside", "a-copy"), 2.into());
}

#[test]
fn a_replica_frees_what_its_primary_says_and_nothing_by_itself() {
    let primary = Launch::new().line("cache.sweep no").start();
    let replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    let (mut there, mut here) = (primary.client(), replica.client());
    let mut stream = ReplicationStream::attach(&primary);
    fill(&mut there, "ns", 1500);
    fill(&mut there, "deleted", 500);
    call!(there, "CACHE.INVALIDATE", "OPERATION", "ns", "op");
    call!(there, "DEL", "deleted");
    wait_for_replica_in_sync(&primary, &replica);
    call!(here, "DEBUG", "SLEEP", "0.3");
    assert_eq!((keys(&mut here), counter(&mut here, "cache_swept")), (2001, 0), "nobody told the replica");
    assert_eq!(cache!(here, "GET", "ns", "op", 7), nil());
    assert_eq!(stream.names(), ["CACHE.APPLY", "CACHE.APPLY", "CACHE.APPLY", "DEL"]);
    call!(there, "CONFIG", "SET", "cache.sweep", "yes");
    wait_until("the dead are freed", || keys(&mut there) == 1);
    wait_for_replica_in_sync(&primary, &replica);
    assert_eq!((keys(&mut here), counter(&mut here, "cache_swept")), (1, 0));
    let sent = stream.commands();
    let unlinks: Vec<_> = sent.iter().filter(|command| command[0].eq_ignore_ascii_case(b"UNLINK")).collect();
    assert_eq!(unlinks.iter().map(|command| command.len() - 1).sum::<usize>(), 2000);
    assert!(unlinks.iter().all(|command| command.len() <= 1000), "in small batches");
    assert_eq!(
        unlinks.iter().flat_map(|command| &command[1..]).filter(|key| key.starts_with(b"result:{")).count(),
        2000
    );
    let others: Vec<_> =
        sent.iter().filter(|command| !unlinks.contains(command)).map(|command| &command[0]).collect();
    assert!(
        others.iter().all(|name| [b"MULTI".as_slice(), b"EXEC"].contains(&name.as_slice())),
        "{others:?}"
    );
}

#[test]
fn a_promoted_replica_goes_on_with_it() {
    for full_sync in [false, true] {
        let primary = Launch::new().line("cache.sweep no").start();
        let early = (!full_sync).then(|| Launch::new().replica_of(&primary).start());
        if let Some(early) = &early {
            wait_for_replica_in_sync(&primary, early);
        }
        let mut there = primary.client();
        fill(&mut there, "ns", 1500);
        fill(&mut there, "kept", 100);
        call!(there, "CACHE.INVALIDATE", "TAG", "ns", "t");
        let replica = early.unwrap_or_else(|| Launch::new().replica_of(&primary).start());
        wait_for_replica_in_sync(&primary, &replica);
        let mut here = replica.client();
        assert_eq!(keys(&mut here), 1602);
        call!(here, "REPLICAOF", "NO", "ONE");
        wait_until("the new primary frees the dead", || keys(&mut here) == 102);
        wait_for_rest(&mut here);
        assert_eq!(counter(&mut here, "cache_swept"), 1500);
    }
}

#[test]
fn a_restarted_server_goes_on_with_it() {
    for base in AofBase::BOTH {
        for death in DEATHS {
            let mut server = Launch::new().line("cache.sweep no").append_only(base).start();
            let mut client = server.client();
            fill(&mut client, "ns", 1500);
            fill(&mut client, "kept", 100);
            client.must(death);
            let left = if death[0] == "DEL" { 101 } else { 102 };
            // What is replayed then tells of no death any more: it is in the data only.
            wait_for_aof_rewrite(&server);
            server.configure("cache.sweep yes");
            server.kill_and_restart();
            let mut client = server.client();
            wait_until("the dead are freed after the restart", || keys(&mut client) == left);
            wait_for_rest(&mut client);
            // What was freed stays so.
            server.kill_and_restart();
            assert_eq!(keys(&mut server.client()), left, "{death:?}");
        }
    }
}

#[test]
fn a_snapshot_is_looked_through_as_well() {
    let server = Launch::new().line("cache.sweep no").start();
    let mut client = server.client();
    fill(&mut client, "ns", 1500);
    call!(client, "CACHE.INVALIDATE", "NAMESPACE", "ns");
    client.must(&["DEBUG", "RELOAD"]);
    assert_eq!(keys(&mut client), 1501);
    call!(client, "CONFIG", "SET", "cache.sweep", "yes");
    wait_until("the dead are freed", || keys(&mut client) == 1);
}

#[test]
fn a_pause_postpones_it() {
    let mut server = Server::start();
    let mut client = server.client();
    let mut stream = ReplicationStream::attach(&server);
    for mode in ["WRITE", "ALL"] {
        call!(client, "CONFIG", "SET", "cache.sweep", "no");
        fill(&mut client, "ns", 1500);
        call!(client, "CACHE.INVALIDATE", "TAG", "ns", "t");
        stream.commands();
        client.pipeline(&[args!["CONFIG", "SET", "cache.sweep", "yes"], args!["CLIENT", "PAUSE", 700, mode]]);
        if mode == "WRITE" {
            let began = std::time::Instant::now();
            let before = keys(&mut client);
            while began.elapsed().as_millis() < 400 {
                assert_eq!(keys(&mut client), before, "freed during a pause");
            }
        }
        wait_until("the dead are freed after the pause", || keys(&mut client) == 1);
    }
    server.assert_alive();
}

#[test]
fn a_failover_in_the_midst_of_it() {
    let mut primary = Server::start();
    let mut replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    let mut client = primary.client();
    fill(&mut client, "ns", 20_000);
    fill(&mut client, "kept", 100);
    wait_for_replica_in_sync(&primary, &replica);
    call!(client, "CACHE.INVALIDATE", "TAG", "ns", "t");
    assert_eq!(call!(client, "FAILOVER", "TO", "127.0.0.1", replica.port(), "TIMEOUT", 5000), ok());
    let mut promoted = replica.client();
    wait_until("the replica is the primary", || {
        promoted.info("replication", "role").as_deref() == Some("master")
    });
    wait_until("the new primary frees the dead", || keys(&mut promoted) == 102);
    wait_for_replica_in_sync(&replica, &primary);
    assert_eq!(keys(&mut client), 102);
    primary.assert_alive();
    replica.assert_alive();
    assert_same_digests("after the failover", &digests(&replica), &digests(&primary));
}

#[test]
fn what_it_looks_at_is_not_used_by_it() {
    let server = Launch::new().line("maxmemory-policy allkeys-lfu").line("lfu-decay-time 0").start();
    let lru = Launch::new().line("maxmemory-policy allkeys-lru").start();
    let (mut client, mut other) = (server.client(), lru.client());
    let frequencies = |client: &mut Client, question: &str| -> Vec<i64> {
        let keys: Vec<String> = (0..200).map(|n| cache!(client, "KEY", "kept", "op", n).text()).collect();
        keys.iter().map(|key| call!(client, "OBJECT", question, key).int()).collect()
    };
    for client in [&mut client, &mut other] {
        fill(client, "kept", 200);
        fill(client, "ns", 500);
    }
    // Idle time is told in seconds.
    wait_until("they are idle", || frequencies(&mut other, "IDLETIME").iter().all(|idle| *idle >= 2));
    let before = frequencies(&mut client, "FREQ");
    for client in [&mut client, &mut other] {
        for round in 0..5 {
            call!(client, "CACHE.INVALIDATE", "NAMESPACE", "ns");
            wait_until("the dead are freed", || keys(client) == 202);
            wait_for_rest(client);
            fill(client, "ns", 500 + round);
        }
    }
    assert_eq!(frequencies(&mut client, "FREQ"), before);
    assert!(frequencies(&mut other, "IDLETIME").iter().all(|idle| *idle >= 2), "looked at, not used");
}

#[test]
fn clients_go_on_while_it_works() {
    let server = Server::start();
    let (mut client, mut other) = (server.client(), server.client());
    fill(&mut client, "kept", 1000);
    fill(&mut client, "ns", 50_000);
    call!(client, "CACHE.INVALIDATE", "TAG", "ns", "t");
    let mut n = 0;
    while keys(&mut client) > 1002 {
        n += 1;
        assert_eq!(cache!(other, "GET", "kept", "op", n % 1000), "result".into());
        assert_eq!(cache!(other, "GET", "ns", "op", n), nil());
        assert_eq!(cache!(other, "SET", "ns", "new", n % 50, n), ok());
        assert_eq!(cache!(other, "INVALIDATE", "ns", "new", n % 50), 1.into());
    }
    assert!(n > 20, "{n}");
}

/// The keys of a call must be of one slot there, and the dead of a slice are of many.
#[test]
fn in_a_cluster_namespaces_of_many_slots_are_freed() {
    let server = Launch::new().cluster().start();
    let mut client = server.client();
    client.must(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    wait_until("the node serves", || call!(client, "CLUSTER", "INFO").text().contains("cluster_state:ok"));
    let namespaces: Vec<String> = (0..20).map(|n| format!("ns{n}")).collect();
    for ns in &namespaces {
        fill(&mut client, ns, 10);
    }
    // They are to die between two slices.
    call!(client, "CONFIG", "SET", "cache.sweep", "no");
    for (n, ns) in namespaces.iter().enumerate() {
        if n % 2 == 0 {
            call!(client, "CACHE.INVALIDATE", "TAG", ns, "t");
        } else {
            call!(client, "DEL", ns);
        }
    }
    assert_eq!(keys(&mut client), 210);
    call!(client, "CONFIG", "SET", "cache.sweep", "yes");
    wait_until("the dead are freed", || keys(&mut client) == 10);
    assert_eq!(counter(&mut client, "cache_swept"), 200);
}

#[test]
fn a_cluster_that_is_down_is_swept_when_it_is_up_again() {
    let server = Launch::new().cluster().start();
    let mut client = server.client();
    let serves = |client: &mut Client| call!(client, "CLUSTER", "INFO").text().contains("cluster_state:ok");
    client.must(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    wait_until("the node serves", || serves(&mut client));
    fill(&mut client, "ns", 10);
    call!(client, "CONFIG", "SET", "cache.sweep", "no");
    call!(client, "CACHE.INVALIDATE", "NAMESPACE", "ns");
    let slot = call!(client, "CLUSTER", "KEYSLOT", "other");
    client.must(&args!["CLUSTER", "DELSLOTS", slot.int()]);
    wait_until("the cluster is down", || !serves(&mut client));
    call!(client, "CONFIG", "SET", "cache.sweep", "yes");
    // Longer than a turn takes.
    call!(client, "DEBUG", "SLEEP", "0.1");
    assert_eq!(keys(&mut client), 11);
    assert_eq!(counter(&mut client, "cache_swept"), 0);
    client.must(&args!["CLUSTER", "ADDSLOTS", slot.int()]);
    wait_until("the dead are freed", || keys(&mut client) == 1);
}

#[test]
fn what_moves_here_dead_is_freed() {
    let source = Launch::new().line("cache.sweep no").start();
    let target = Launch::new().cluster().start();
    let (mut from, mut to) = (source.client(), target.client());
    call!(to, "CLUSTER", "ADDSLOTSRANGE", 0, 16383);
    wait_until("the node serves", || call!(to, "CLUSTER", "INFO").text().contains("cluster_state:ok"));
    fill(&mut from, "ns", 300);
    call!(from, "CACHE.INVALIDATE", "TAG", "ns", "t");
    fill(&mut from, "ns", 10);
    let mut names: Vec<String> = call!(from, "KEYS", "*").array().iter().map(Value::text).collect();
    names.sort_by_key(|name| name != "ns");
    for name in &names {
        let dump = call!(from, "DUMP", name);
        call!(to, "RESTORE", name, 100_000, dump.bulk());
    }
    wait_until("the dead are freed", || keys(&mut to) == 11);
    wait_for_rest(&mut to);
    assert_eq!(keys(&mut to), 11);
}
