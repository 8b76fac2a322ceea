//! A hundred thousand entries stored in one step, beside as many SETEX in a pipeline.

use std::error::Error;

use crate::client::{Batch, Client};
use crate::contest::{self, Contender, Cost};
use crate::jobs::{Job, OPERATION, RESULT_BYTES};
use crate::report::Report;
use crate::workloads::{NAMESPACE, OK, STAY_S, Way, Workload};

/// The most rows that one `CACHE.WARM` takes.
const ROWS: usize = 100_000;

/// The length of each job's params, in bytes.
const PARAMS_BYTES: usize = 150;

/// How many SETEX are sent together: more, or less, is no faster.
const PIPELINE: usize = 1000;

/// What warming may take, as a ratio to SETEX.
const MOST_WALL: f64 = 0.5;
const MOST_CPU: f64 = 0.8;

/// Measures, and prints what came of it.
pub fn run(client: &mut Client, rounds: usize, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let jobs: Vec<Job> = (0..ROWS).map(|number| Job::new(number, PARAMS_BYTES)).collect();
    let contenders = [
        ("SETEX, pipeline 1000", Workload::new(Way::PlainSet, &jobs, PIPELINE)?.into_batches()),
        ("CACHE.WARM ENTRIES", vec![entries(&jobs)]),
        ("CACHE.WARM JSON", vec![json(&jobs)]),
        ("CACHE.RESULT SET, pipeline 1000", Workload::new(Way::CacheSet, &jobs, PIPELINE)?.into_batches()),
    ]
    .map(|(name, work)| Contender { name, before: vec![flush()], work });
    let outcomes = contest::run(client, &contenders, rounds)?;
    println!(
        "\nwarming with {ROWS} entries, params of {PARAMS_BYTES} bytes, results of {RESULT_BYTES}; {rounds} rounds"
    );
    contest::report("warm", &outcomes, report);
    for (warm, name) in outcomes[1..].iter().zip(["100,000 by WARM ENTRIES", "100,000 by WARM JSON"]) {
        report.bar(warm.at_most(Cost::wall_ms, [name, "SETEX, by wall"], MOST_WALL, &outcomes[0]));
        report.bar(warm.at_most(Cost::cpu_ms, [name, "SETEX, by CPU"], MOST_CPU, &outcomes[0]));
    }
    Ok(())
}

/// All jobs in one command, as its words.
pub fn entries(jobs: &[Job]) -> Batch {
    let mut words = vec!["CACHE.WARM", NAMESPACE, "EX", STAY_S, "ENTRIES"];
    words.extend(jobs.iter().flat_map(|job| [OPERATION, &job.params, &job.result]));
    stored(&words, jobs.len())
}

/// All jobs in one command, as rows of JSON.
fn json(jobs: &[Job]) -> Batch {
    let rows: Vec<String> = jobs
        .iter()
        .map(|job| {
            format!(r#"{{"operation":"{OPERATION}","params":{},"result":{}}}"#, job.params, job.result)
        })
        .collect();
    stored(&["CACHE.WARM", NAMESPACE, "EX", STAY_S, "JSON", &format!("[{}]", rows.join(","))], jobs.len())
}

/// A batch of this `CACHE.WARM`, which stores all of so many rows.
pub fn stored(words: &[&str], rows: usize) -> Batch {
    let mut batch = Batch::new();
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    batch.push(&words, format!("*2\r\n:{rows}\r\n:0\r\n").as_bytes());
    batch
}

/// Removes everything, so that every way stores anew.
fn flush() -> Batch {
    let mut batch = Batch::new();
    batch.push(&[b"FLUSHALL", b"SYNC"], OK);
    batch
}
