//! Single entries invalidated one after the other, beside as many plain keys that are removed with UNLINK.

use std::error::Error;

use crate::client::{Batch, Client};
use crate::contest::{self, Contender};
use crate::jobs::{Job, OPERATION, RESULT_BYTES};
use crate::report::Report;
use crate::warm;
use crate::workloads::{NAMESPACE, OK, Way, Workload};

/// Entries of a turn: fewer than there are spellings in the memo.
const ENTRIES: usize = 10_000;

/// The length of params, in bytes.
const PARAMS_BYTES: usize = 150;

const PIPELINES: [(&str, usize); 2] = [("invalidate", 16), ("invalidate-single", 1)];

/// What one of them removes.
const REMOVED: &[u8] = b":1\r\n";

/// Measures, and prints what came of it.
pub fn run(client: &mut Client, rounds: usize, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let jobs: Vec<Job> = (0..ENTRIES).map(|number| Job::new(number, PARAMS_BYTES)).collect();
    for (table, pipeline) in PIPELINES {
        println!(
            "\n{ENTRIES} INVALIDATE, pipeline {pipeline}, params of {PARAMS_BYTES} bytes, results of {RESULT_BYTES}; \
             {rounds} rounds"
        );
        let unlink =
            |job: &Job, batch: &mut Batch| batch.push(&[b"UNLINK", job.plain_key.as_bytes()], REMOVED);
        let invalidate = |job: &Job, batch: &mut Batch| {
            let words = ["CACHE.RESULT", "INVALIDATE", NAMESPACE, OPERATION, &job.params];
            batch.push(&words.map(str::as_bytes), REMOVED);
        };
        let contenders = [
            Contender {
                name: "UNLINK of plain keys",
                before: Workload::new(Way::PlainSet, &jobs, 1000)?.into_batches(),
                work: batches(&jobs, pipeline, unlink),
            },
            Contender {
                name: "CACHE.RESULT INVALIDATE",
                before: entries(&jobs, true)?,
                work: batches(&jobs, pipeline, invalidate),
            },
            Contender {
                name: "the same, memo off",
                before: entries(&jobs, false)?,
                work: batches(&jobs, pipeline, invalidate),
            },
        ];
        contest::report(table, &contest::run(client, &contenders, rounds)?, report);
    }
    Ok(())
}

/// Stores an entry for each job. With the memo, all are asked for as well, so that it knows their params.
fn entries(jobs: &[Job], memo: bool) -> Result<Vec<Batch>, Box<dyn Error>> {
    let mut setting = Batch::new();
    let word: &[u8] = if memo { b"yes" } else { b"no" };
    setting.push(&[b"CONFIG", b"SET", b"cache.memo", word], OK);
    let mut before = vec![setting, warm::entries(jobs)];
    if memo {
        before.extend(Workload::new(Way::CACHE_GET, jobs, 1000)?.into_batches());
    }
    Ok(before)
}

/// A command for each job, so many in a batch.
fn batches(jobs: &[Job], pipeline: usize, push: impl Fn(&Job, &mut Batch)) -> Vec<Batch> {
    let batch = |jobs: &[Job]| {
        let mut batch = Batch::new();
        jobs.iter().for_each(|job| push(job, &mut batch));
        batch
    };
    jobs.chunks(pipeline).map(batch).collect()
}
