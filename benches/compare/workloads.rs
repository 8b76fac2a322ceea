//! What is measured: the same jobs asked for in different ways.

use std::error::Error;

use crate::client::{Batch, Client, bulk};
use crate::jobs::{Job, OPERATION};
use crate::warm;

/// An operation of which nothing is stored, as long as the one of the jobs.
const ABSENT: &str = "discoverVideo";

/// How many are stored with one command, or sent together, where there are very many.
const CHUNK: usize = 1000;

/// The namespace of every entry.
pub const NAMESPACE: &str = "bench";

/// How long everything stored stays, in seconds: longer than any run.
pub const STAY_S: &str = "3600";

pub const OK: &[u8] = b"+OK\r\n";
const NIL: &[u8] = b"$-1\r\n";

/// How the module is set while it is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Whether it remembers spellings (`cache.memo`).
    pub memo: bool,
    /// How many rules there are (`CACHE.POLICY`).
    pub rules: usize,
}

/// A way to get or to store the result of a job.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `GET` of a key that the client has computed.
    PlainGet,
    /// `CACHE.RESULT GET` of a hit.
    CacheGet(Setting),
    /// The same with params that are canonical already.
    CacheGetSorted(Setting),
    /// `CACHE.RESULT FETCH` of a hit.
    CacheFetch(Setting),
    /// `GET` of what is not there.
    PlainMiss,
    /// `CACHE.RESULT GET` of what is not there.
    CacheMiss(Setting),
    /// `EXISTS` of a key that is the params: what receiving them costs.
    Receive,
    /// A function in Lua that makes the params canonical, hashes them and gets.
    LuaGet,
    /// `SETEX` of a key that the client has computed.
    PlainSet,
    /// `CACHE.RESULT SET` over an entry that is there.
    CacheSet,
}

/// One way, with its requests ready to be sent.
pub struct Workload {
    pub way: Way,
    batches: Vec<Batch>,
    next: usize,
}

impl Setting {
    /// As the module comes.
    pub const DEFAULT: Setting = Setting { memo: true, rules: 0 };

    /// Without what it remembers.
    pub const MEMO_OFF: Setting = Setting { memo: false, rules: 0 };

    /// How the table calls it, after the command.
    fn name(self) -> String {
        let memo = if self.memo { "" } else { ", memo off" };
        let rules = if self.rules == 0 { String::new() } else { format!(", rules: {}", self.rules) };
        format!("{memo}{rules}")
    }

    /// Sets the module, which is set as `self` says, otherwise.
    pub fn change(self, wanted: Setting, client: &mut Client) -> Result<(), Box<dyn Error>> {
        let memo = if wanted.memo { "yes" } else { "no" };
        client.command(&[b"CONFIG", b"SET", b"cache.memo", memo.as_bytes()], OK)?;
        let mut batch = Batch::new();
        for rule in self.rules..wanted.rules {
            let [namespace, operation] = patterns(rule);
            let words = ["CACHE.POLICY", "SET", &namespace, &operation, "TTL", "1h"];
            batch.push(&words.map(str::as_bytes), OK);
        }
        for rule in wanted.rules..self.rules {
            let [namespace, operation] = patterns(rule);
            batch.push(&["CACHE.POLICY", "DEL", &namespace, &operation].map(str::as_bytes), b":1\r\n");
        }
        client.exchange(&batch)
    }
}

/// Whose rule it is: the first one's, of every entry here; of the others, none.
fn patterns(rule: usize) -> [String; 2] {
    match rule {
        0 => [format!("{NAMESPACE}*"), "*".to_owned()],
        _ => [format!("{NAMESPACE}*"), format!("other-{rule}*")],
    }
}

impl Way {
    /// The one that the project sets its bars for.
    pub const CACHE_GET: Way = Way::CacheGet(Setting::DEFAULT);

    /// The same without the memo, with all params read and hashed each time.
    pub const CACHE_GET_MEMO_OFF: Way = Way::CacheGet(Setting::MEMO_OFF);

    /// The same, with params that are canonical already.
    pub const CACHE_GET_SORTED: Way = Way::CacheGetSorted(Setting::MEMO_OFF);

    /// What would lease the computation, or wait for it, where there were no hit.
    pub const CACHE_FETCH: Way = Way::CacheFetch(Setting::DEFAULT);

    /// The same without the memo.
    pub const CACHE_FETCH_MEMO_OFF: Way = Way::CacheFetch(Setting::MEMO_OFF);

    /// What is measured for every size, in the order of the table.
    pub const ALL: [Way; 8] = [
        Way::PlainGet,
        Way::CACHE_GET,
        Way::CACHE_GET_MEMO_OFF,
        Way::CACHE_GET_SORTED,
        Way::LuaGet,
        Way::Receive,
        Way::PlainSet,
        Way::CacheSet,
    ];

    /// What is measured of one job that is asked for over and over.
    pub const OF_ONE: [Way; 4] =
        [Way::PlainGet, Way::CACHE_GET, Way::CACHE_GET_MEMO_OFF, Way::CACHE_GET_SORTED];

    /// What is measured of very many, in no order.
    pub const OF_MANY: [Way; 3] = [Way::PlainGet, Way::CACHE_GET, Way::CACHE_GET_MEMO_OFF];

    /// What is measured of what is not there.
    pub const OF_MISSES: [Way; 3] =
        [Way::PlainMiss, Way::CacheMiss(Setting::DEFAULT), Way::CacheMiss(Setting::MEMO_OFF)];

    /// What shows what FETCH costs beside GET. Nothing here writes: its reply tells the entry's version.
    pub const OF_FETCH: [Way; 5] =
        [Way::PlainGet, Way::CACHE_GET, Way::CACHE_FETCH, Way::CACHE_GET_MEMO_OFF, Way::CACHE_FETCH_MEMO_OFF];

    /// What shows that a lookup costs the same however many rules there are.
    pub const OF_RULES: [Way; 7] = [
        Way::PlainGet,
        Way::CACHE_GET,
        Way::CacheGet(Setting { memo: true, rules: 1 }),
        Way::CacheGet(Setting { memo: true, rules: 1000 }),
        Way::CACHE_GET_MEMO_OFF,
        Way::CacheGet(Setting { memo: false, rules: 1 }),
        Way::CacheGet(Setting { memo: false, rules: 1000 }),
    ];

    /// How the table calls it.
    pub fn name(self) -> String {
        match self {
            Way::PlainGet => "GET".to_owned(),
            Way::CacheGet(setting) => format!("CACHE.RESULT GET{}", setting.name()),
            Way::CacheGetSorted(setting) => format!("CACHE.RESULT GET{}, sorted", setting.name()),
            Way::PlainMiss => "GET, a miss".to_owned(),
            Way::CacheMiss(setting) => format!("CACHE.RESULT GET{}, a miss", setting.name()),
            Way::Receive => "EXISTS of a key as long".to_owned(),
            Way::CacheFetch(setting) => format!("CACHE.RESULT FETCH{}", setting.name()),
            Way::LuaGet => "the Lua function".to_owned(),
            Way::PlainSet => "SETEX".to_owned(),
            Way::CacheSet => "CACHE.RESULT SET".to_owned(),
        }
    }

    /// How the module is to be set for it.
    pub fn setting(self) -> Setting {
        match self {
            Way::CacheGet(setting)
            | Way::CacheGetSorted(setting)
            | Way::CacheMiss(setting)
            | Way::CacheFetch(setting) => setting,
            _ => Setting::DEFAULT,
        }
    }

    /// The plain command of core that this way is compared with.
    pub fn baseline(self) -> Way {
        match self {
            Way::PlainMiss | Way::CacheMiss(_) => Way::PlainMiss,
            Way::PlainSet | Way::CacheSet => Way::PlainSet,
            _ => Way::PlainGet,
        }
    }

    /// Adds this way's command for one job, and the reply that it must have.
    fn push(self, batch: &mut Batch, job: &Job) -> Result<(), Box<dyn Error>> {
        let sorted = if matches!(self, Way::CacheGetSorted(_)) {
            serde_json_canonicalizer::pipe(&job.params)?
        } else {
            String::new()
        };
        let missing = job.plain_key.replacen(OPERATION, ABSENT, 1);
        let found = bulk(job.result.as_bytes());
        let fetched = hit(job);
        let (command, reply): (&[&str], &[u8]) = match self {
            Way::PlainGet => (&["GET", &job.plain_key], &found),
            Way::CacheGet(_) => (&["CACHE.RESULT", "GET", NAMESPACE, OPERATION, &job.params], &found),
            Way::CacheGetSorted(_) => (&["CACHE.RESULT", "GET", NAMESPACE, OPERATION, &sorted], &found),
            Way::PlainMiss => (&["GET", &missing], NIL),
            Way::CacheMiss(_) => (&["CACHE.RESULT", "GET", NAMESPACE, ABSENT, &job.params], NIL),
            Way::Receive => (&["EXISTS", &job.params], b":0\r\n"),
            Way::CacheFetch(_) => (&["CACHE.RESULT", "FETCH", NAMESPACE, OPERATION, &job.params], &fetched),
            Way::LuaGet => (&["FCALL_RO", "canonical_get", "1", NAMESPACE, OPERATION, &job.params], &found),
            Way::PlainSet => (&["SETEX", &job.plain_key, STAY_S, &job.result], OK),
            Way::CacheSet => {
                (&["CACHE.RESULT", "SET", NAMESPACE, OPERATION, &job.params, &job.result, "EX", STAY_S], OK)
            }
        };
        let command: Vec<&[u8]> = command.iter().map(|argument| argument.as_bytes()).collect();
        batch.push(&command, reply);
        Ok(())
    }
}

impl Workload {
    /// The requests of one way for all jobs, `pipeline` of them in a batch.
    pub fn new(way: Way, jobs: &[Job], pipeline: usize) -> Result<Workload, Box<dyn Error>> {
        let batch = |chunk: &[Job]| {
            let mut batch = Batch::new();
            chunk.iter().try_for_each(|job| way.push(&mut batch, job)).map(|()| batch)
        };
        Ok(Workload { way, batches: jobs.chunks(pipeline).map(batch).collect::<Result<_, _>>()?, next: 0 })
    }

    /// How many requests it has.
    pub fn operations(&self) -> u64 {
        self.batches.iter().map(|batch| batch.operations).sum()
    }

    /// The same, to keep.
    pub fn into_batches(self) -> Vec<Batch> {
        self.batches
    }

    /// The next batch, beginning anew after the last.
    pub fn next_batch(&mut self) -> &Batch {
        let batch = &self.batches[self.next];
        self.next = (self.next + 1) % self.batches.len();
        batch
    }
}

/// Stores every job's result in the three ways that are read from.
pub fn prepare(client: &mut Client, jobs: &[Job]) -> Result<(), Box<dyn Error>> {
    client.command(&[b"FLUSHALL"], OK)?;
    client.command(
        &[b"FUNCTION", b"LOAD", b"REPLACE", include_bytes!("canonical_get.lua")],
        &bulk(b"compare"),
    )?;
    for job in jobs {
        let mut batch = Batch::new();
        Way::PlainSet.push(&mut batch, job)?;
        Way::CacheSet.push(&mut batch, job)?;
        let lua = ["FCALL", "canonical_set", "1", NAMESPACE, OPERATION, &job.params, &job.result];
        batch.push(&lua.map(str::as_bytes), OK);
        client.exchange(&batch)?;
    }
    Ok(())
}

/// Stores the results of very many jobs, as strings and as entries, and nothing else.
pub fn prepare_many(client: &mut Client, jobs: &[Job]) -> Result<(), Box<dyn Error>> {
    client.command(&[b"FLUSHALL", b"SYNC"], OK)?;
    for batch in Workload::new(Way::PlainSet, jobs, CHUNK)?.into_batches() {
        client.exchange(&batch)?;
    }
    jobs.chunks(CHUNK).try_for_each(|jobs| client.exchange(&warm::entries(jobs)))
}

/// What a lookup of the job's entry answers that may lease: its result, no token, and the version that was noted.
pub fn hit(job: &Job) -> Vec<u8> {
    let found = bulk(job.result.as_bytes());
    [b"*4\r\n+HIT\r\n", found.as_slice(), format!("$-1\r\n:{}\r\n", job.version).as_bytes()].concat()
}

/// Notes the version that every job's entry has by now.
pub fn note_versions(client: &mut Client, jobs: &mut [Job]) -> Result<(), Box<dyn Error>> {
    for job in jobs {
        let fetch = ["CACHE.RESULT", "FETCH", NAMESPACE, OPERATION, &job.params];
        job.version = client.ask(&fetch)?.fetched()?.version;
    }
    Ok(())
}
