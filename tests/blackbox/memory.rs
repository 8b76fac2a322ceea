//! A full server: what is refused, what goes on, and what eviction may never do.

use crate::harness::{Client, Entry, Launch, ReplicationStream, Server, nil, now_ms, ok, wait_until};
use crate::{args, cache, call};

#[test]
fn a_full_server_serves_and_invalidates_and_stores_nothing() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "r", "GRACE", 60_000);
    cache!(client, "SET", "ns", "op", "1", "r", "GRACE", 60_000);
    call!(client, "CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", 1);
    let mut stream = ReplicationStream::attach(&server);
    for options in [&[][..], &["NX"], &["XX"], &["KEEPTTL"]] {
        for params in ["{}", "2"] {
            let entry = Entry::of("ns", params);
            assert_eq!(entry.call(&mut client, "SET", &[&["w"], options].concat()).error_word(), "OOM");
        }
    }
    assert_eq!(stream.names(), [""; 0]);
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "r".into());
    assert_eq!(cache!(client, "EXISTS", "ns", "op", "{}"), 1.into());
    assert_eq!(Entry::of("ns", "{}").state(&mut client), "fresh");
    assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "1", "SOFT"), 1.into());
    assert_eq!(cache!(client, "GET", "ns", "op", "1", "STALE"), "r".into());
    assert_eq!(cache!(client, "INVALIDATE", "ns", "op", "{}"), 1.into());
    assert_eq!(cache!(client, "INVALIDATE", "unknown", "op", "{}"), 0.into());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), nil());
    call!(client, "CONFIG", "SET", "maxmemory", 0);
    assert_eq!(cache!(client, "SET", "ns", "op", "{}", "w"), ok());
    assert_eq!(cache!(client, "GET", "ns", "op", "{}"), "w".into());
}

#[test]
fn eviction_loses_results_and_never_mixes_them_up() {
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-ttl"] {
        let mut server = Launch::new().line(format!("maxmemory-policy {policy}")).start();
        let mut client = server.client();
        let used: usize = client.info("memory", "used_memory").unwrap().parse().unwrap();
        call!(client, "CONFIG", "SET", "maxmemory", used + (4 << 20));
        let result = |n: usize| format!("{n} {}", "x".repeat(10_000));
        let sets: Vec<_> =
            (0..1500).map(|n| args!["CACHE.RESULT", "SET", "ns", "op", n, result(n)]).collect();
        let replies = client.pipeline(&sets);
        assert!(replies.iter().all(|reply| *reply == ok() || reply.error_word() == "OOM"));
        let mut found = 0;
        for n in 0..1500 {
            let reply = cache!(client, "GET", "ns", "op", n);
            assert!(reply == nil() || reply == result(n).as_str().into(), "{policy} mixed up {n}: {reply:?}");
            found += usize::from(reply != nil());
        }
        assert!(found < 1000, "{policy} evicted nothing");
        assert!(client.info("stats", "evicted_keys").unwrap() != "0");
        if policy.starts_with("volatile") {
            assert!(found > 50, "{policy} left {found}: the namespace itself went");
        }
        server.assert_alive();
    }
}

#[test]
fn a_full_server_evicts_for_a_write_as_core_does() {
    let server = Launch::new().line("maxmemory-policy allkeys-lru").start();
    let mut client = server.client();
    let used: usize = client.info("memory", "used_memory").unwrap().parse().unwrap();
    call!(client, "CONFIG", "SET", "maxmemory", used + (2 << 20));
    // LRU counts in seconds and these keys are all younger, so core draws among them, plain keys as well: now and then
    // it draws the newest.
    let mut lost = 0;
    for n in 0..500 {
        assert_eq!(cache!(client, "SET", "ns", "op", n, vec![b'x'; 20_000]), ok());
        lost += i32::from(cache!(client, "GET", "ns", "op", n) == nil());
    }
    assert!(lost < 50, "of 500 entries {lost} went at once");
}

#[test]
fn namespaces_that_come_and_go_leave_nothing_behind() {
    // The memo keeps what it may, whoever asks, and so do statistics.
    let server = Launch::new().line("cache.memo no").line("cache.stats-rows-max 100").start();
    let mut client = server.client();
    // It remembers many names, though not ever more of them.
    call!(client, "CONFIG", "SET", "cache.memo", "no");
    let script = "
        for n = 1, tonumber(ARGV[1]) do
            local ns = ARGV[2] .. (n % tonumber(ARGV[3]))
            redis.call('CACHE.RESULT', 'INVALIDATE', ns, 'op', '{}')
            redis.call('DEL', ns)
        end";
    let used =
        |client: &mut Client| -> i64 { client.info("memory", "used_memory").unwrap().parse().unwrap() };
    // The same name again and again, then ever new ones. The first round takes what is kept for later ones.
    for (prefix, names) in [("a-name-", 1), ("another-name-", 1_000_000)] {
        call!(client, "EVAL", script, 0, 1000, prefix, names);
        let before = used(&mut client);
        call!(client, "EVAL", script, 0, 30_000, prefix, names);
        // What entries had in common is let go by a timer.
        wait_until(&format!("30,000 namespaces called {prefix}... leave nothing"), || {
            used(&mut client) - before < 300_000
        });
    }
}

#[test]
fn idle_namespaces_are_not_evicted_before_entries() {
    for policy in ["allkeys-lru", "allkeys-lfu"] {
        let server = Launch::new().line(format!("maxmemory-policy {policy}")).start();
        let mut client = server.client();
        for n in 0..100 {
            cache!(client, "SET", format!("idle-{n}"), "op", "{}", "r");
        }
        let used: usize = client.info("memory", "used_memory").unwrap().parse().unwrap();
        call!(client, "CONFIG", "SET", "maxmemory", used + (6 << 20));
        // Some seconds of writing, at a pace at which an entry is evicted after three: what nobody uses is then the
        // oldest there is. (LRU counts in seconds: where all keys are younger than that, it draws at random.)
        let began = now_ms();
        let mut n = 0;
        while now_ms() - began < 7000 {
            wait_until("it is time for the next entries", || now_ms() - began >= n);
            let sets: Vec<_> =
                (n..n + 50).map(|n| args!["CACHE.RESULT", "SET", "hot", "op", n, vec![b'x'; 1900]]).collect();
            client.pipeline(&sets);
            n += 50;
        }
        let evicted: i64 = client.info("stats", "evicted_keys").unwrap().parse().unwrap();
        assert!(evicted > 1000, "only {evicted} keys were evicted");
        let idle = (0..100).filter(|n| call!(client, "EXISTS", format!("idle-{n}")) == 1.into()).count();
        // Without being used now and then none would be left. Core draws by samples, so a few may go.
        assert!(idle >= 90, "{policy} evicted {} of 100 idle namespaces", 100 - idle);
    }
}

#[test]
fn looking_under_large_rules_takes_no_memory() {
    let server = Launch::new().line("cache.stats-rows-max 100").start();
    let mut client = server.client();
    let long: Vec<String> = (0..64).map(|n| format!("/a/b/c/d/e/f/g/h/i/j/{n}")).collect();
    call!(client, "CACHE.POLICY", "SET", "*", "*", "IGNORE", long.join(" "));
    let used =
        |client: &mut Client| -> i64 { client.info("memory", "used_memory").unwrap().parse().unwrap() };
    let before = used(&mut client);
    let gets: Vec<_> =
        (0..9_900).map(|n| args!["CACHE.RESULT", "GET", format!("ns{n}"), "op", "1"]).collect();
    client.pipeline(&gets);
    let grown = used(&mut client) - before;
    assert!(grown < 8 << 20, "reading grew memory by {grown} bytes");
}
