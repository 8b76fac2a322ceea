//! What is measured: the same jobs asked for in different ways.

use std::error::Error;

use crate::client::{Batch, Client, bulk};
use crate::jobs::{Job, OPERATION};

/// The namespace of every entry.
const NAMESPACE: &str = "bench";

/// How long everything stored stays, in seconds: longer than any run.
const STAY_S: &str = "3600";

const OK: &[u8] = b"+OK\r\n";

/// A way to get or to store the result of a job.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `GET` of a key that the client has computed.
    PlainGet,
    /// `CACHE.RESULT GET` of a hit.
    CacheGet,
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

impl Way {
    /// All of them, in the order of the table. Each follows the one that it is compared with.
    pub const ALL: [Way; 5] = [Way::PlainGet, Way::CacheGet, Way::LuaGet, Way::PlainSet, Way::CacheSet];

    /// How the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Way::PlainGet => "GET",
            Way::CacheGet => "CACHE.RESULT GET",
            Way::LuaGet => "Lua function",
            Way::PlainSet => "SETEX",
            Way::CacheSet => "CACHE.RESULT SET",
        }
    }

    /// The plain command of core that this way is compared with.
    pub fn baseline(self) -> Way {
        match self {
            Way::PlainGet | Way::CacheGet | Way::LuaGet => Way::PlainGet,
            Way::PlainSet | Way::CacheSet => Way::PlainSet,
        }
    }

    /// Adds this way's command for one job, and the reply that it must have.
    fn push(self, batch: &mut Batch, job: &Job) {
        let found = bulk(job.result.as_bytes());
        let (command, reply): (&[&str], &[u8]) = match self {
            Way::PlainGet => (&["GET", &job.plain_key], &found),
            Way::CacheGet => (&["CACHE.RESULT", "GET", NAMESPACE, OPERATION, &job.params], &found),
            Way::LuaGet => (&["FCALL_RO", "canonical_get", "1", NAMESPACE, OPERATION, &job.params], &found),
            Way::PlainSet => (&["SETEX", &job.plain_key, STAY_S, &job.result], OK),
            Way::CacheSet => {
                (&["CACHE.RESULT", "SET", NAMESPACE, OPERATION, &job.params, &job.result, "EX", STAY_S], OK)
            }
        };
        let command: Vec<&[u8]> = command.iter().map(|argument| argument.as_bytes()).collect();
        batch.push(&command, reply);
    }
}

impl Workload {
    /// The requests of one way for all jobs, `pipeline` of them in a batch.
    pub fn new(way: Way, jobs: &[Job], pipeline: usize) -> Workload {
        let batches = jobs.chunks(pipeline).map(|chunk| {
            let mut batch = Batch::new();
            chunk.iter().for_each(|job| way.push(&mut batch, job));
            batch
        });
        Workload { way, batches: batches.collect(), next: 0 }
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
        Way::PlainSet.push(&mut batch, job);
        Way::CacheSet.push(&mut batch, job);
        let lua = ["FCALL", "canonical_set", "1", NAMESPACE, OPERATION, &job.params, &job.result];
        batch.push(&lua.map(str::as_bytes), OK);
        client.exchange(&batch)?;
    }
    Ok(())
}
