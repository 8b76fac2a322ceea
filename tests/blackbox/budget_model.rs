//! Whatever is done, in whatever order, through a failover and a restart: a namespace is within its budget after each
//! command, every removal has its record and every record its removal.

use std::collections::{BTreeMap, BTreeSet};

use crate::harness::{
    AofBase, Client, Entry, Launch, Random, Server, Value, ok, wait_for_replica_in_sync, wait_until,
};
use crate::{args, cache, call, policy};

const STREAM: &str = "result:{ns}:removals";
const PARAMS: usize = 40;
const BUDGET: i64 = 1000;
const OPERATIONS: [&str; 2] = ["a", "b"];

/// What was stored, each result but once: a file of a user.
#[derive(Default)]
struct Files {
    stored: BTreeSet<String>,
    count: usize,
}

impl Files {
    fn next(&mut self) -> String {
        self.count += 1;
        format!("\"file {}\"", self.count)
    }
}

/// A random command, and what it stores if it succeeds.
fn command(random: &mut Random, files: &mut Files, tokens: &[String]) -> (Vec<Vec<u8>>, Option<String>) {
    let (op, params) = (*random.pick(&OPERATIONS), random.below(PARAMS));
    let weight = 1 + random.below(300);
    let tag = format!("t{}", random.below(5));
    let file = files.next();
    let stores = |mut words: Vec<Vec<u8>>, file: String, random: &mut Random| {
        match random.below(4) {
            0 => words.extend(args!["PX", 1 + random.below(60)]),
            1 => words.extend(args!["PX", 1 + random.below(30), "GRACE", random.below(30)]),
            2 => words.extend(args!["PERSIST"]),
            _ => {}
        }
        (words, Some(file))
    };
    match random.below(20) {
        0..8 => {
            let words =
                args!["CACHE.RESULT", "SET", "ns", op, params, file, "WEIGHT", weight, "TAGS", 1, tag];
            stores(words, file, random)
        }
        8 | 9 if !tokens.is_empty() => {
            let words = args!["CACHE.RESULT", "FILL", "ns", random.pick(tokens), file, "WEIGHT", weight];
            stores(words, file, random)
        }
        10 if !tokens.is_empty() => {
            (args!["CACHE.RESULT", "RENEW", "ns", random.pick(tokens), "WEIGHT", random.below(200)], None)
        }
        8..11 => (args!["CACHE.RESULT", "FETCH", "ns", op, params, "LEASE", 1 + random.below(50)], None),
        11 => (args!["CACHE.RESULT", "FETCH", "ns", op, params, "NOSTALE"], None),
        12 => (args!["CACHE.RESULT", "INVALIDATE", "ns", op, params], None),
        13 => (args!["CACHE.RESULT", "INVALIDATE", "ns", op, params, "SOFT"], None),
        14 => {
            let plan = format!(r#"[{{"operation":"a","params":{params}}},{{"operation":"b","params":1}}]"#);
            (args!["CACHE.INVALIDATE", "PLAN", "ns", plan], None)
        }
        15 if random.once_in(4) => (args!["CACHE.INVALIDATE", "OPERATION", "ns", op], None),
        15 => (args!["CACHE.INVALIDATE", "TAG", "ns", tag], None),
        16 if random.once_in(6) => (args!["CACHE.INVALIDATE", "NAMESPACE", "ns"], None),
        16 => (args!["CACHE.RESULT", "SET", "ns", op, params, "unbounded", "WEIGHT", BUDGET + 1], None),
        17 => {
            let row =
                format!(r#"[{{"operation":"{op}","params":{params},"result":{file},"weight":{weight}}}]"#);
            (args!["CACHE.WARM", "ns", "JSON", row], Some(file))
        }
        _ => (args!["CACHE.RESULT", "GET", "ns", op, params], None),
    }
}

/// Notes what an answer says was stored, or leased.
fn note(files: &mut Files, tokens: &mut Vec<String>, stores: Option<String>, reply: &Value) {
    match (reply, stores) {
        (Value::Simple(status), Some(file)) if status == "OK" => drop(files.stored.insert(file)),
        (Value::Array(counts), Some(file)) if counts.len() == 2 && counts[0].int() == 1 => {
            files.stored.insert(file);
        }
        (Value::Array(parts), None) if parts.len() == 4 => {
            if let Value::Bulk(token) = &parts[2] {
                tokens.push(String::from_utf8_lossy(token).into_owned());
                if tokens.len() > 8 {
                    tokens.remove(0);
                }
            }
        }
        _ => {}
    }
}

/// The results that are served, by their params.
fn living(client: &mut Client) -> BTreeSet<String> {
    let mut living = BTreeSet::new();
    for op in OPERATIONS {
        for params in 0..PARAMS {
            let reply = cache!(client, "GET", "ns", op, params, "STALE");
            if let Value::Bulk(result) = reply {
                living.insert(String::from_utf8_lossy(&result).into_owned());
            }
        }
    }
    living
}

/// How often each result is on record.
fn recorded(client: &mut Client) -> BTreeMap<String, usize> {
    let mut recorded = BTreeMap::new();
    for record in call!(client, "XRANGE", STREAM, "-", "+").array() {
        *recorded.entry(record.array()[1].array()[11].text()).or_default() += 1;
    }
    recorded
}

/// What is stored is within the budget, by the server's gauges and by what the entries themselves say.
#[track_caller]
fn check_budget(client: &mut Client, after: &str, thoroughly: bool) {
    let weight = call!(client, "CACHE.STATS", "ns").field("weight").int();
    assert!(weight <= BUDGET, "{weight} after {after}");
    if thoroughly {
        let mut sum = 0;
        for op in OPERATIONS {
            for params in 0..PARAMS {
                let params = params.to_string();
                let entry = Entry { ns: "ns", operation: op, params: &params };
                if entry.state(client) != "absent"
                    && let Value::Integer(weight) = entry.info(client, "weight")
                {
                    sum += weight;
                }
            }
        }
        assert!(sum <= weight.max(BUDGET), "{sum} after {after}");
    }
}

/// Once all that is over is removed: what was stored is either there or on record, and that once.
#[track_caller]
fn check_records(client: &mut Client, files: &Files) {
    let missing = |client: &mut Client| {
        let (living, recorded) = (living(client), recorded(client));
        let is_either = |file: &&String| living.contains(*file) || recorded.contains_key(*file);
        files.stored.iter().filter(|file| !is_either(file)).count()
    };
    wait_until("what went is on record", || missing(client) == 0);
    let (recorded, living) = (recorded(client), living(client));
    for (file, times) in &recorded {
        assert_eq!(*times, 1, "{file} is on record more than once");
        assert!(!living.contains(file), "{file} is on record, and there");
        assert!(files.stored.contains(file), "{file} is on record and was never stored");
    }
}

/// After a failover or a restart it takes a moment until all that is stored can be evicted.
#[track_caller]
fn wait_until_known(client: &mut Client, files: &mut Files) {
    wait_until("the server knows what it has", || {
        let file = files.next();
        assert_eq!(cache!(client, "SET", "ns", "a", "0", file, "WEIGHT", BUDGET), ok());
        files.stored.insert(file);
        call!(client, "CACHE.STATS", "ns").field("weight").int() <= BUDGET
    });
}

/// So many random commands, some of them in transactions.
fn act(client: &mut Client, random: &mut Random, files: &mut Files, steps: usize) {
    let mut tokens = Vec::new();
    for step in 0..steps {
        if random.once_in(10) {
            let (commands, stores): (Vec<_>, Vec<_>) =
                (0..1 + random.below(5)).map(|_| command(random, files, &tokens)).unzip();
            let mut all = vec![args!["MULTI"]];
            all.extend(commands);
            all.push(args!["EXEC"]);
            let replies = client.pipeline(&all);
            assert!(!replies.iter().any(Value::is_error), "{replies:?}");
            let last = replies.last().expect("EXEC").array();
            last.iter().zip(stores).for_each(|(reply, stores)| note(files, &mut tokens, stores, reply));
        } else {
            let (words, stores) = command(random, files, &tokens);
            let reply = client.call(&words);
            note(files, &mut tokens, stores, &reply);
        }
        check_budget(client, &format!("step {step}"), step % 100 == 0);
    }
}

#[test]
fn every_removal_has_its_record_and_every_record_its_removal() {
    for seed in 0..3 {
        let first = Launch::new().line("hz 100").append_only(AofBase::Rdb).start();
        let mut second: Server =
            Launch::new().line("hz 100").append_only(AofBase::Rdb).replica_of(&first).start();
        let (mut random, mut files) = (Random::seeded(seed), Files::default());
        let mut client = first.client();
        let evict = *random.pick(&["lru", "fifo", "largest"]);
        policy!(client, "SET", "ns", "*", "MAXWEIGHT", BUDGET, "EVICT", evict, "REMOVALS", 1_000_000);
        act(&mut client, &mut random, &mut files, 700);
        check_records(&mut client, &files);
        // What has ended meanwhile is still being removed.
        wait_until("the replica has the same records", || {
            wait_for_replica_in_sync(&first, &second);
            recorded(&mut second.client()) == recorded(&mut client)
        });
        first.client().must(&args!["CLIENT", "PAUSE", 100_000, "WRITE"]);
        wait_for_replica_in_sync(&first, &second);
        // A failover: entries that end, and budgets, are the new primary's.
        let mut client = second.client();
        call!(client, "REPLICAOF", "NO", "ONE");
        wait_until_known(&mut client, &mut files);
        act(&mut client, &mut random, &mut files, 500);
        check_records(&mut client, &files);
        second.configure("replicaof no one");
        second.kill_and_restart();
        let mut client = second.client();
        wait_until_known(&mut client, &mut files);
        act(&mut client, &mut random, &mut files, 300);
        check_records(&mut client, &files);
        assert!(recorded(&mut client).len() > 200, "{}", recorded(&mut client).len());
    }
}
