//! Keyspace notifications: what the module does is told, where it is asked for, on primaries and replicas.

use crate::harness::{
    Client, Entry, Launch, Server, Waiter, fenced, nil, ok, wait_for_replica_in_sync, wait_until,
};
use crate::{args, cache, call, policy};

const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };

/// A connection that hears of everything, and one that says where the answer ends.
struct Listener {
    subscribed: Client,
    speaker: Client,
    spoken: usize,
}

impl Listener {
    /// Listens at a server; markers come from `speaker`, the server itself or its primary.
    #[track_caller]
    fn at(server: &Server, speaker: &Server) -> Listener {
        let mut subscribed = server.client();
        for pattern in ["__key*__:*", "end-of-events"] {
            subscribed.must(&["PSUBSCRIBE", pattern]);
        }
        Listener { subscribed, speaker: speaker.client(), spoken: 0 }
    }

    /// The module's events since the last call, `event key`, each as both channels told it.
    #[track_caller]
    fn heard(&mut self) -> Vec<String> {
        let is_health = |event: &String| {
            ["cache:idle", "cache:healthy", "cache:degraded"].iter().any(|of| event.contains(of))
        };
        self.all().into_iter().filter(|event| event.contains("cache:") && !is_health(event)).collect()
    }

    /// The events of everybody.
    #[track_caller]
    fn all(&mut self) -> Vec<String> {
        self.spoken += 1;
        call!(self.speaker, "PUBLISH", "end-of-events", self.spoken);
        let (mut of_events, mut of_keys) = (Vec::new(), Vec::new());
        loop {
            let message = self.subscribed.receive().expect("the subscription goes on");
            let parts: Vec<String> = message.array().iter().map(crate::harness::Value::text).collect();
            assert_eq!(parts[0], "pmessage");
            let (channel, content) = (&parts[2], &parts[3]);
            if channel == "end-of-events" && *content == self.spoken.to_string() {
                break;
            }
            if let Some((database, event)) =
                channel.strip_prefix("__keyevent@").and_then(|rest| rest.split_once("__:"))
            {
                of_events.push(in_database(database, event, content));
            } else if let Some((database, key)) =
                channel.strip_prefix("__keyspace@").and_then(|rest| rest.split_once("__:"))
            {
                of_keys.push(in_database(database, content, key));
            }
        }
        assert_eq!(of_events, of_keys, "the two channels differ");
        of_events
    }
}

fn in_database(database: &str, event: &str, key: &str) -> String {
    if database == "0" { format!("{event} {key}") } else { format!("{event} {key} in {database}") }
}

/// A primary and its replica that tell all, and a listener at each.
struct Pair {
    primary: Server,
    replica: Server,
    client: Client,
    here: Listener,
    there: Listener,
}

impl Pair {
    #[track_caller]
    fn start() -> Pair {
        let launch = || Launch::new().line("notify-keyspace-events KEA").line("cache.sweep no");
        let primary = launch().start();
        let replica = launch().replica_of(&primary).start();
        wait_for_replica_in_sync(&primary, &replica);
        let (here, there) = (Listener::at(&primary, &primary), Listener::at(&replica, &primary));
        let client = primary.client();
        Pair { primary, replica, client, here, there }
    }

    /// The command must be told as exactly these events, here and on the replica.
    #[track_caller]
    fn tells(&mut self, command: &[Vec<u8>], events: &[&str]) {
        let reply = self.client.call(command);
        assert!(!reply.is_error(), "{command:?}: {reply:?}");
        self.told(
            &format!("{:?}", command.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>()),
            events,
        );
    }

    #[track_caller]
    fn told(&mut self, what: &str, events: &[&str]) {
        assert_eq!(self.here.heard(), events, "{what}, on the primary");
        assert_eq!(self.there.heard(), events, "{what}, on the replica");
    }
}

#[test]
fn events_of_single_entries() {
    let mut pair = Pair::start();
    let key = ENTRY.key(&mut pair.client);
    let event = |name: &str| format!("cache:{name} {key}");
    let (set, fill, merge, fail, invalidate) =
        (&*event("set"), &*event("fill"), &*event("merge"), &*event("fail"), &*event("invalidate"));
    let command = |words: &[&str]| {
        let mut command = args!["CACHE.RESULT", words[0], "ns", "op", "{}"];
        command.extend(words[1..].iter().map(|word| word.as_bytes().to_vec()));
        command
    };
    pair.tells(&command(&["SET", "{}", "GRACE", "60000"]), &[set]);
    pair.tells(&command(&["SET", "{}", "XX", "GRACE", "60000"]), &[set]);
    pair.tells(&command(&["SET", "r", "NX"]), &[]);
    pair.tells(&command(&["MERGE", r#"{"a":1}"#]), &[merge]);
    pair.tells(&command(&["MERGE", r#"{"a":2}"#, "IFVERSION", "1"]), &[]);
    pair.tells(&command(&["INVALIDATE", "IFVERSION", "1"]), &[]);
    pair.tells(&command(&["INVALIDATE", "SOFT"]), &[invalidate]);
    pair.tells(&command(&["INVALIDATE"]), &[invalidate]);
    pair.tells(&command(&["INVALIDATE"]), &[invalidate]);
    pair.tells(&command(&["MERGE", "{}"]), &[]);
    pair.tells(&command(&["MERGE", "{}", "UPSERT"]), &[merge]);
    pair.tells(&command(&["SET", "r", "PXAT", "1"]), &[invalidate]);
    pair.tells(&command(&["GET"]), &[]);

    let token = ENTRY.lease(&mut pair.client, "LEASE 60000");
    pair.told("a grant", &[]);
    pair.tells(&args!["CACHE.RESULT", "RENEW", "ns", token, "PROGRESS", "1"], &[]);
    pair.tells(&args!["CACHE.RESULT", "FILL", "ns", token, "r"], &[fill]);
    assert_eq!(cache!(pair.client, "FILL", "ns", token, "late"), fenced());
    pair.told("a fenced fill", &[]);
    pair.tells(&command(&["EXISTS"]), &[]);
    pair.tells(&command(&["INFO"]), &[]);
    pair.tells(&command(&["FETCH"]), &[]);
    pair.tells(&command(&["INVALIDATE"]), &[invalidate]);
    let token = ENTRY.lease(&mut pair.client, "");
    pair.tells(&args!["CACHE.RESULT", "RELEASE", "ns", token], &[]);
    let token = ENTRY.lease(&mut pair.client, "");
    pair.tells(&args!["CACHE.RESULT", "FAIL", "ns", token, "broken"], &[]);
    let token = ENTRY.lease(&mut pair.client, "");
    pair.tells(&args!["CACHE.RESULT", "FAIL", "ns", token, "broken", "PX", 60_000], &[fail]);
    pair.tells(&command(&["INVALIDATE"]), &[invalidate]);
    let token = ENTRY.lease(&mut pair.client, "");
    pair.tells(&args!["CACHE.RESULT", "FILL", "ns", token, "r", "PXAT", 1], &[invalidate]);
    assert_eq!(call!(pair.replica.client(), "DBSIZE"), call!(pair.primary.client(), "DBSIZE"));
}

#[test]
fn events_of_many() {
    let mut pair = Pair::start();
    let keys: Vec<String> = (0..4)
        .map(|n| Entry { ns: "ns", operation: "op", params: ["0", "1", "2", "3"][n] }.key(&mut pair.client))
        .collect();
    let event = |name: &str, n: usize| format!("cache:{name} {}", keys[n]);
    let all = |name: &str, of: &[usize]| of.iter().map(|n| event(name, *n)).collect::<Vec<_>>();
    let warmed = all("warm", &[0, 1, 2]);
    let warmed: Vec<&str> = warmed.iter().map(String::as_str).collect();
    pair.tells(
        &args!["CACHE.WARM", "ns", "GRACE", 60_000, "ENTRIES", "op", 0, "r", "op", 1, "r", "op", 2, "r"],
        &warmed,
    );
    pair.tells(
        &args![
            "CACHE.WARM",
            "ns",
            "NX",
            "JSON",
            r#"[{"operation":"op","params":0,"result":1},{"operation":"op","params":3,"result":1}]"#
        ],
        &[&event("warm", 3)],
    );
    pair.tells(&args!["CACHE.WARM", "ns", "NX", "ENTRIES", "op", 0, "r"], &[]);
    pair.tells(&args!["CACHE.WARM", "ns", "PXAT", 1, "ENTRIES", "op", 3, "r"], &[&event("invalidate", 3)]);
    let plan = r#"[{"id":1,"operation":"op","params":0},{"id":2,"dependsOn":[1],"operation":"op","params":1},{"operation":"op","params":3}]"#;
    pair.tells(&args!["CACHE.PLAN", "ns", plan], &[]);
    for name in [args!["CACHE.INVALIDATE", "PLAN"], args!["CACHE.INVALIDATE.PLAN"]] {
        for (options, of) in [(args!["FROM", 1, "SOFT"], &[0, 1][..]), (args![], &[0, 1, 3])] {
            let command = [name.clone(), args!["ns", plan], options].concat();
            let expected = all("invalidate", of);
            pair.client.must(&command);
            for listener in [&mut pair.here, &mut pair.there] {
                let mut heard = listener.heard();
                heard.sort();
                let mut expected = expected.clone();
                expected.sort();
                assert_eq!(heard, expected, "{command:?}");
            }
        }
    }
    pair.tells(&args!["CACHE.INVALIDATE", "TAG", "ns", "t", "u"], &["cache:invalidate-tag ns"]);
    pair.tells(&args!["CACHE.INVALIDATE", "OPERATION", "ns", "op", "x*"], &["cache:invalidate-operation ns"]);
    pair.tells(&args!["CACHE.INVALIDATE", "NAMESPACE", "ns"], &["cache:invalidate-namespace ns"]);
    pair.tells(&args!["CACHE.INVALIDATE", "TAG", "new", "t"], &["cache:invalidate-tag new"]);
    pair.tells(&args!["CACHE.CLOCK", "ns"], &[]);
    let refused = call!(pair.client, "CACHE.WARM", "ns", "ENTRIES", "op", 7, "r", "op", "{", "r");
    assert!(refused.is_error());
    pair.told("a refused command", &[]);
}

#[test]
fn other_databases_transactions_and_namespaces_with_hash_tags() {
    let mut pair = Pair::start();
    pair.client.must(&args!["SELECT", 5]);
    let key = Entry { ns: "x{ns}", ..ENTRY }.key(&mut pair.client);
    assert!(key.starts_with("result:x{ns}:op:"));
    pair.tells(&args!["CACHE.RESULT", "SET", "x{ns}", "op", "{}", "r"], &[&format!("cache:set {key} in 5")]);
    pair.tells(&args!["CACHE.INVALIDATE", "NAMESPACE", "x{ns}"], &["cache:invalidate-namespace x{ns} in 5"]);
    pair.client.must(&["MULTI"]);
    cache!(pair.client, "SET", "x{ns}", "op", "{}", "r");
    call!(pair.client, "CACHE.INVALIDATE", "TAG", "x{ns}", "t");
    pair.tells(&args!["EXEC"], &[&format!("cache:set {key} in 5"), "cache:invalidate-tag x{ns} in 5"]);
    let script = "redis.call('CACHE.RESULT', 'SET', KEYS[1], 'op', '{}', 'r') return redis.call('CACHE.RESULT', 'INVALIDATE', KEYS[1], 'op', '{}')";
    pair.tells(
        &args!["EVAL", script, 1, "x{ns}"],
        &[&format!("cache:set {key} in 5"), &format!("cache:invalidate {key} in 5")],
    );
}

#[test]
fn what_listeners_find_is_done_already() {
    let server = Launch::new().line("notify-keyspace-events Ed").start();
    let (mut client, mut other) = (server.client(), server.client());
    let mut subscribed = server.client();
    subscribed.must(&["PSUBSCRIBE", "__keyevent@0__:cache:*"]);
    for n in 0..50 {
        cache!(client, "SET", "ns", "op", "{}", n);
        subscribed.receive().expect("an event comes");
        assert_eq!(cache!(other, "GET", "ns", "op", "{}"), n.to_string().as_str().into());
        call!(client, "CACHE.INVALIDATE", "NAMESPACE", "ns");
        subscribed.receive().expect("an event comes");
        assert_eq!(cache!(other, "GET", "ns", "op", "{}"), nil());
    }
}

#[test]
fn only_those_who_asked_are_told() {
    let server = Server::start();
    let mut client = server.client();
    let mut listener = Listener::at(&server, &server);
    for (flags, tells) in [
        ("", false),
        ("KEg$x", false),
        ("KEm", false),
        ("d", false),
        ("KEd", true),
        ("KEA", true),
        ("KEgx", false),
    ] {
        call!(client, "CONFIG", "SET", "notify-keyspace-events", flags);
        for command in [
            args!["CACHE.RESULT", "SET", "ns", "op", "{}", "{}"],
            args!["CACHE.RESULT", "MERGE", "ns", "op", "{}", "{}"],
            args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}"],
            args!["CACHE.WARM", "ns", "ENTRIES", "op", "{}", "r"],
            args!["CACHE.INVALIDATE", "TAG", "ns", "t"],
            args!["CACHE.INVALIDATE", "OPERATION", "ns", "op"],
            args!["CACHE.INVALIDATE", "NAMESPACE", "ns"],
        ] {
            client.must(&command);
            assert_eq!(listener.heard().len(), usize::from(tells), "{flags} {command:?}");
        }
    }
    call!(client, "CONFIG", "SET", "notify-keyspace-events", "Ed");
    let mut subscribed = server.client();
    subscribed.must(&["PSUBSCRIBE", "__keyspace@*"]);
    cache!(client, "SET", "ns", "op", "{}", "r");
    assert_eq!(subscribed.receive_within(std::time::Duration::from_millis(100)).unwrap(), None);
}

#[test]
fn what_time_and_the_sweep_end_is_cores_to_tell() {
    let server = Launch::new().line("notify-keyspace-events KEA").start();
    let mut client = server.client();
    let mut listener = Listener::at(&server, &server);
    cache!(client, "SET", "ns", "op", "{}", "r", "PX", 20);
    let key = ENTRY.key(&mut client);
    wait_until("core has expired the entry", || call!(client, "EXISTS", key) == 0.into());
    assert!(listener.all().contains(&format!("expired {key}")));
    cache!(client, "SET", "ns", "op", "{}", "r");
    call!(client, "CACHE.INVALIDATE", "NAMESPACE", "ns");
    wait_until("the sweep has freed the entry", || call!(client, "DBSIZE") == 1.into());
    assert!(listener.all().contains(&format!("del {key}")));
    policy!(client, "SET", "ns", "op", "BYPASS", "yes");
    cache!(client, "SET", "ns", "op", "{}", "r");
    assert_eq!(listener.heard(), [""; 0], "nothing was stored");
}

#[test]
fn those_who_wait_are_woken_besides() {
    let server = Launch::new().line("notify-keyspace-events KEd").start();
    let mut client = server.client();
    let mut listener = Listener::at(&server, &server);
    let key = ENTRY.key(&mut client);
    let token = ENTRY.lease(&mut client, "LEASE 60000");
    let mut waiters = Waiter::several(3, &server, &ENTRY, "BLOCK 0");
    assert_eq!(cache!(client, "FILL", "ns", token, "r"), ok());
    assert!(waiters.iter_mut().all(|waiter| waiter.told() == "HIT r"));
    assert_eq!(listener.heard(), [format!("cache:fill {key}")], "once, however many waited");
}
