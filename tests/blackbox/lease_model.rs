//! Long random histories of leases against a model that a reader can check by eye, and the promises of fencing
//! among many clients at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{AofBase, Client, Entry, Fetched, Launch, Random, Server, Value, fenced, nil, ok};
use crate::{args, cache, call};

/// What a token is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// In flight, or lapsed and not overtaken.
    Honoured,
    /// Released, failed, or overtaken by another lease: nothing in the data tells of it.
    Ended,
    /// Overtaken by what the namespace remembers: an invalidation, a write, another life.
    Fenced,
    /// Ended before the restart, of which the server may or may not know.
    Unclear,
}

/// A token that was granted once.
#[derive(Debug)]
struct Granted {
    token: String,
    entry: usize,
    standing: Standing,
    /// Whether its namespace existed at the grant.
    in_namespace: bool,
}

/// What FETCH finds of an entry.
#[derive(Debug, Clone, PartialEq)]
enum Kept {
    Nothing,
    Value(String),
    Failure(String),
}

/// The cache as it should be: three entries of one namespace.
struct Model {
    kept: [Kept; 3],
    /// For each entry its lease in flight: an index of `granted`.
    holder: [Option<usize>; 3],
    granted: Vec<Granted>,
    namespace_exists: bool,
    seen: BTreeSet<String>,
}

const ENTRIES: [Entry; 3] = [
    Entry { ns: "ns", operation: "op", params: "1" },
    Entry { ns: "ns", operation: "op", params: "2" },
    Entry { ns: "ns", operation: "op2", params: "1" },
];

impl Model {
    fn new() -> Model {
        Model {
            kept: [const { Kept::Nothing }; 3],
            holder: [None; 3],
            granted: Vec::new(),
            namespace_exists: false,
            seen: BTreeSet::new(),
        }
    }

    /// One random command of a random client, and what must come of it.
    #[track_caller]
    fn step(&mut self, client: &mut Client, random: &mut Random) {
        let entry = random.below(ENTRIES.len());
        match random.below(32) {
            0..8 => self.fetch(client, random, entry),
            8..22 if !self.granted.is_empty() => self.use_token(client, random),
            22 => {
                ENTRIES[entry].call(client, "INVALIDATE", &[""; 0]);
                self.namespace_exists = true;
                self.written(entry, Kept::Nothing);
            }
            23 | 24 => {
                let result = format!("set {}", random.next());
                assert_eq!(ENTRIES[entry].call(client, "SET", &[&result]), ok());
                self.namespace_exists = true;
                self.written(entry, Kept::Value(result));
            }
            25 => {
                let result = format!("{{\"merged\":{}}}", random.below(1000));
                ENTRIES[entry].call(client, "SET", &["{}", "PXAT", "1"]);
                assert!(ENTRIES[entry].call(client, "MERGE", &[&result, "UPSERT"]).int() > 0);
                self.namespace_exists = true;
                self.written(entry, Kept::Value(result));
            }
            26 if random.once_in(3) => {
                client.must(&["DEL", "ns"]);
                if self.namespace_exists {
                    (0..ENTRIES.len()).for_each(|entry| self.written(entry, Kept::Nothing));
                }
                self.namespace_exists = false;
            }
            27..29 => self.lapse(client, entry),
            _ => {}
        }
        self.check(client, entry);
    }

    /// The entry was changed in a way that the namespace remembers: no token of before is good any more.
    fn written(&mut self, entry: usize, kept: Kept) {
        self.kept[entry] = kept;
        self.holder[entry] = None;
        self.tokens_of(entry).for_each(|granted| granted.standing = Standing::Fenced);
    }

    fn tokens_of(&mut self, entry: usize) -> impl Iterator<Item = &mut Granted> {
        self.granted.iter_mut().filter(move |granted| granted.entry == entry)
    }

    /// A new grant: it has the lease of its entry, and overtook all others.
    fn is_granted(&mut self, token: String, entry: usize) {
        for granted in self.tokens_of(entry).filter(|granted| granted.standing != Standing::Fenced) {
            granted.standing = Standing::Ended;
        }
        let in_namespace = self.namespace_exists;
        self.holder[entry] = Some(self.granted.len());
        self.granted.push(Granted { token, entry, standing: Standing::Honoured, in_namespace });
    }

    /// A renewed token has the lease. Of several that another process granted the server need not know which came
    /// last.
    fn is_renewed(&mut self, nth: usize) {
        let entry = self.granted[nth].entry;
        for granted in self.tokens_of(entry).filter(|granted| granted.standing == Standing::Honoured) {
            granted.standing = Standing::Unclear;
        }
        self.granted[nth].standing = Standing::Honoured;
        self.holder[entry] = Some(nth);
    }

    #[track_caller]
    fn fetch(&mut self, client: &mut Client, random: &mut Random, entry: usize) {
        let options = *random.pick(&["", "LEASE 100000", "NOSTALE", "BLOCK 1"]);
        let fetched = ENTRIES[entry].fetch(client, options);
        match (&self.kept[entry], self.holder[entry]) {
            (Kept::Value(value), _) => assert_eq!(fetched.told(), format!("HIT {value}")),
            (Kept::Failure(message), _) => assert_eq!(fetched.told(), format!("FAILED {message}")),
            (Kept::Nothing, Some(holder)) => {
                assert_eq!(fetched.status, "BUSY", "{:?} holds it", self.granted[holder]);
            }
            (Kept::Nothing, None) => {
                assert_eq!(fetched.status, "LEASE", "{entry}");
                let token = fetched.token();
                assert!(self.seen.insert(token.clone()), "{token} was granted before");
                self.is_granted(token, entry);
            }
        }
    }

    /// FILL, RENEW, RELEASE or FAIL with a token that was granted at any time, mostly of late.
    #[track_caller]
    fn use_token(&mut self, client: &mut Client, random: &mut Random) {
        let count = self.granted.len();
        let nth =
            if random.once_in(4) { random.below(count) } else { count - 1 - random.below(count.min(4)) };
        let result = format!("filled {}", random.next());
        let token = self.granted[nth].token.clone();
        let mut command = args!["CACHE.RESULT"];
        let kind = *random.pick(&["FILL", "FILL", "RENEW", "RELEASE", "FAIL", "FAIL PX"]);
        command.extend(match kind {
            "FILL" => args!["FILL", "ns", token, result],
            "RENEW" => args!["RENEW", "ns", token, "LEASE", 100_000],
            "RELEASE" => args!["RELEASE", "ns", token],
            "FAIL" => args!["FAIL", "ns", token, result],
            _ => args!["FAIL", "ns", token, result, "PX", 100_000],
        });
        let reply = client.call(&command);
        let Granted { entry, standing, .. } = self.granted[nth];
        match standing {
            Standing::Honoured => assert_eq!(reply, ok(), "{kind} with {:?}", self.granted[nth]),
            Standing::Ended | Standing::Fenced => {
                assert_eq!(reply, fenced(), "{kind} with {:?}", self.granted[nth]);
            }
            Standing::Unclear => assert!(reply == ok() || reply == fenced(), "{reply:?}"),
        }
        if reply == fenced() {
            return;
        }
        match kind {
            "FILL" => {
                self.namespace_exists = true;
                self.written(entry, Kept::Value(result));
            }
            "RENEW" => self.is_renewed(nth),
            "FAIL PX" => {
                self.namespace_exists = true;
                self.written(entry, Kept::Failure(result));
            }
            _ => {
                self.granted[nth].standing = Standing::Ended;
                self.holder[entry] = self.holder[entry].filter(|holder| *holder != nth);
            }
        }
    }

    /// The lease in flight, if there is one, lapses. Its token is as good as before.
    #[track_caller]
    fn lapse(&mut self, client: &mut Client, entry: usize) {
        if let Some(holder) = self.holder[entry].take() {
            ENTRIES[entry].lapse(client, &self.granted[holder].token);
        }
    }

    /// The server knows no lease any more. What it cannot tell from the data is unclear.
    fn restarted(&mut self) {
        self.holder = [None; 3];
        for granted in &mut self.granted {
            granted.standing = match granted.standing {
                _ if !granted.in_namespace => Standing::Fenced,
                Standing::Ended => Standing::Unclear,
                standing => standing,
            };
        }
    }

    /// What can be seen without changing anything.
    #[track_caller]
    fn check(&self, client: &mut Client, entry: usize) {
        let value = match &self.kept[entry] {
            Kept::Value(value) => Value::from(value.as_str()),
            Kept::Nothing | Kept::Failure(_) => nil(),
        };
        assert_eq!(ENTRIES[entry].call(client, "GET", &[""; 0]), value);
        let info = ENTRIES[entry].call(client, "INFO", &[""; 0]);
        let leased = self.holder[entry].is_some();
        assert_eq!(info.field("deadline_ms") != nil(), leased, "entry {entry}: {info:?}");
        assert_eq!(info.field("state").text() == "negative", matches!(self.kept[entry], Kept::Failure(_)));
        assert_eq!(call!(client, "EXISTS", "ns").int() == 1, self.namespace_exists);
    }
}

/// One history, its steps spread over several connections.
fn history(seed: u64, steps: usize) {
    eprintln!("seed {seed}");
    let mut server = Launch::new().append_only(AofBase::BOTH[seed as usize % 2]).start();
    let mut random = Random::seeded(seed);
    let mut model = Model::new();
    let mut clients: Vec<Client> = (0..3).map(|_| server.client()).collect();
    for _ in 0..steps {
        if random.once_in(300) {
            server.kill_and_restart();
            clients = (0..3).map(|_| server.client()).collect();
            model.restarted();
        }
        let client = random.below(clients.len());
        model.step(&mut clients[client], &mut random);
    }
    server.assert_alive();
}

#[test]
fn histories_of_leases_agree_with_the_model() {
    for seed in 0..3 {
        history(seed, 800);
    }
}

#[test]
fn more_histories_of_leases_agree_with_the_model() {
    for seed in 3..6 {
        history(seed, 800);
    }
}

/// What many clients share: a source that changes, and is announced to the cache after each change.
#[derive(Default)]
struct Source {
    value: AtomicI64,
    /// The newest value whose invalidation has been answered.
    announced: AtomicI64,
    loads: AtomicUsize,
    hits: AtomicUsize,
}

const LIVE: Entry = Entry { ns: "ns", operation: "source", params: "{}" };

/// Asks again and again, and computes when it is told to; dies, gives up and fails now and then.
fn worker(port: u16, source: &Source, end: Instant, seed: u64) {
    let mut client = Client::connect(port).expect("the server accepts");
    let mut random = Random::seeded(seed);
    while Instant::now() < end {
        let announced = source.announced.load(Ordering::SeqCst);
        let fetched = LIVE.fetch(&mut client, "BLOCK 2000 LEASE 20 NOSTALE");
        match fetched.status.as_str() {
            "HIT" => {
                let value: i64 = fetched.value.text().parse().expect("a number was stored");
                assert!(
                    value >= announced,
                    "seed {seed}: {value} was served after {announced} was announced"
                );
                source.hits.fetch_add(1, Ordering::Relaxed);
            }
            "LEASE" => {
                source.loads.fetch_add(1, Ordering::Relaxed);
                let token = fetched.token();
                let value = source.value.load(Ordering::SeqCst);
                // A computation takes its time, now and then more than the lease.
                thread::sleep(Duration::from_millis(*random.pick(&[0, 0, 1, 1, 2, 30])));
                let reply = match random.below(12) {
                    0 => cache!(client, "RELEASE", "ns", token),
                    1 => cache!(client, "FAIL", "ns", token, "now and then"),
                    2 => ok(),
                    _ => cache!(client, "FILL", "ns", token, value.to_string(), "PX", 60_000),
                };
                assert!(reply == ok() || reply == fenced(), "{reply:?}");
            }
            "FAILED" | "BUSY" => {}
            _ => panic!("{fetched:?}"),
        }
    }
}

#[test]
fn nothing_stale_slips_in_among_many_clients() {
    let mut server = Server::start();
    let source = Source::default();
    let end = Instant::now() + Duration::from_millis(1500);
    thread::scope(|scope| {
        for seed in 0..12 {
            let (source, port) = (&source, server.port());
            scope.spawn(move || worker(port, source, end, seed));
        }
        let mut client = server.client();
        let mut random = Random::seeded(99);
        let mut value = 0;
        while Instant::now() < end {
            value += 1;
            source.value.store(value, Ordering::SeqCst);
            let more = *random.pick(&[&[][..], &[], &["SOFT"]]);
            LIVE.call(&mut client, "INVALIDATE", more);
            source.announced.store(value, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(*random.pick(&[1, 5, 15])));
        }
    });
    let (loads, hits) = (source.loads.into_inner(), source.hits.into_inner());
    assert!(loads > 10 && hits > 10, "{loads} loads, {hits} hits: too little happened");
    server.assert_alive();
}

#[test]
fn there_is_one_holder_at_a_time() {
    let server = Server::start();
    let holders = AtomicUsize::new(0);
    let grants = AtomicUsize::new(0);
    let end = Instant::now() + Duration::from_millis(1000);
    thread::scope(|scope| {
        for seed in 0..8 {
            let (holders, grants, port) = (&holders, &grants, server.port());
            scope.spawn(move || {
                let mut client = Client::connect(port).expect("the server accepts");
                let mut random = Random::seeded(seed);
                let mut answers = BTreeMap::<String, usize>::new();
                while Instant::now() < end {
                    let block = random.pick(&["BLOCK 1000", "BLOCK 3", ""]);
                    let fetched = LIVE.fetch(&mut client, &format!("LEASE 60000 NOSTALE {block}"));
                    *answers.entry(fetched.status.clone()).or_default() += 1;
                    if fetched.status != "LEASE" {
                        continue;
                    }
                    let before = holders.fetch_add(1, Ordering::SeqCst);
                    assert_eq!(before, 0, "seed {seed}: two hold the lease; {answers:?}");
                    grants.fetch_add(1, Ordering::Relaxed);
                    thread::yield_now();
                    holders.fetch_sub(1, Ordering::SeqCst);
                    let done = finish(&mut client, &mut random, &fetched);
                    assert_eq!(done, ok(), "seed {seed}: nothing overtakes it");
                }
            });
        }
    });
    assert!(grants.into_inner() > 10, "too little happened");
}

/// Ends a lease in one way or another.
#[track_caller]
fn finish(client: &mut Client, random: &mut Random, lease: &Fetched) -> Value {
    let token = lease.token();
    match random.below(4) {
        0 => cache!(client, "RELEASE", "ns", token),
        1 => cache!(client, "FAIL", "ns", token, "m"),
        2 => cache!(client, "FILL", "ns", token, "r", "PXAT", 1),
        _ => cache!(client, "FILL", "ns", token, "r", "PX", 1),
    }
}

/// Something that happens to an entry, its waiters or the whole server.
#[track_caller]
fn upheaval(client: &mut Client, random: &mut Random, tokens: &[String], waiting: &[i64]) {
    let token = tokens.last().map_or("t1-", String::as_str);
    let waiter = if waiting.is_empty() { 0 } else { *random.pick(waiting) };
    let release = args!["CACHE.RESULT", "RELEASE", "ns", token];
    let command = match random.below(16) {
        0 | 1 => args!["CACHE.RESULT", "FILL", "ns", token, "r", "PX", 1],
        2 => args!["CACHE.RESULT", "FAIL", "ns", token, "m"],
        3 => args!["CACHE.RESULT", "FAIL", "ns", token, "m", "PX", 5],
        4 => args!["CACHE.RESULT", "RENEW", "ns", token, "LEASE", 5, "PROGRESS", "1"],
        5 => args!["CACHE.RESULT", "INVALIDATE", "ns", LIVE.operation, LIVE.params],
        6 => args!["CACHE.RESULT", "SET", "ns", LIVE.operation, LIVE.params, "r", "PX", 2],
        7 => args!["CACHE.INVALIDATE", "NAMESPACE", "ns"],
        8 => args!["DEL", "ns"],
        9 => args![*random.pick(&["FLUSHALL", "FLUSHDB"])],
        10 => args!["SWAPDB", 0, 1],
        11 => {
            args!["CACHE.POLICY", "SET", "ns", "*", "BYPASS", *random.pick(&["yes", "no", "no", "no", "no"])]
        }
        12 => args!["CLIENT", "UNBLOCK", waiter, *random.pick(&["TIMEOUT", "ERROR"])],
        13 => args!["CLIENT", "KILL", "ID", waiter],
        _ => release.clone(),
    };
    if random.once_in(3) {
        // At one stroke with a release, so that who is about to be served is met by it.
        client.must(&["MULTI"]);
        client.must(&release);
        client.must(&command);
        client.must(&["EXEC"]);
    } else {
        client.call(&command);
    }
}

/// A client that waits without end, and its id.
#[track_caller]
fn one_more(server: &Server) -> (i64, Client) {
    let mut waiter = server.client();
    let id = call!(waiter, "CLIENT", "ID").int();
    waiter.send(&LIVE.fetching("BLOCK 0 NOSTALE LEASE 30")).expect("the server reads");
    (id, waiter)
}

/// Whatever becomes of holders and waiters, all others are answered by the next deadline.
fn nobody_hangs(seed: u64) {
    eprintln!("seed {seed}");
    let mut server = Server::start();
    let mut random = Random::seeded(seed);
    let mut client = server.client();
    let mut tokens: Vec<String> = Vec::new();
    let mut waiters: Vec<(i64, Client)> = Vec::new();
    for _ in 0..600 {
        if waiters.len() < 12 {
            waiters.push(one_more(&server));
        }
        let ids: Vec<i64> = waiters.iter().map(|(id, _)| *id).collect();
        upheaval(&mut client, &mut random, &tokens, &ids);
        waiters.retain_mut(|(_, waiter)| match waiter.receive_within(Duration::ZERO) {
            Ok(None) => !random.once_in(40),
            Ok(Some(reply)) if reply.is_error() => false,
            Ok(Some(reply)) => {
                tokens.extend(Fetched::of(&reply).token);
                false
            }
            Err(_) => false,
        });
    }
    assert!(tokens.len() > 30, "seed {seed}: {} leases, too little happened", tokens.len());
    // Every lease is abandoned now, and each of those who wait gets its turn.
    call!(client, "CACHE.POLICY", "SET", "ns", "*", "BYPASS", "no");
    waiters.extend((0..8).map(|_| one_more(&server)));
    let start = Instant::now();
    for (_, waiter) in &mut waiters {
        // An error is the end of a connection that was killed.
        if let Ok(reply) = waiter.receive_within(Duration::from_secs(10)) {
            assert!(reply.is_some(), "seed {seed}: a waiter hangs");
        }
    }
    let most = Duration::from_millis(30 * 22) + Duration::from_secs(2);
    assert!(start.elapsed() < most, "seed {seed}: it took {:?}", start.elapsed());
    assert_eq!(client.info("clients", "blocked_clients").as_deref(), Some("0"));
    server.assert_alive();
}

#[test]
fn nobody_hangs_whatever_happens_around() {
    (0..4).for_each(nobody_hangs);
}
