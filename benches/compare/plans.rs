//! A plan of ten thousand jobs, looked up and invalidated as a whole, beside what core does with as many keys.

use std::error::Error;

use crate::client::{Batch, Client, bulk};
use crate::contest::{self, Contender, Cost};
use crate::jobs::{Job, OPERATION, RESULT_BYTES};
use crate::reply::Reply;
use crate::report::Report;
use crate::warm;
use crate::workloads::{self, NAMESPACE};

/// Jobs of the plan: the most that are allowed unless the server is set otherwise.
const JOBS: usize = 10_000;

/// The length of each job's params, in bytes.
const PARAMS_BYTES: usize = 150;

/// How much a plan may cost the server, as a ratio to the commands of core.
const MOST_OF_MGET: f64 = 1.5;
const MOST_OF_UNLINK: f64 = 1.0;

/// Measures, and prints what came of it.
pub fn run(client: &mut Client, rounds: usize, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let mut jobs: Vec<Job> = (0..JOBS).map(|number| Job::new(number, PARAMS_BYTES)).collect();
    client.exchange(&warm::entries(&jobs))?;
    client.exchange(&plain(&jobs))?;
    workloads::note_versions(client, &mut jobs)?;
    println!(
        "\nplans of {JOBS} jobs, params of {PARAMS_BYTES} bytes, results of {RESULT_BYTES}; {rounds} rounds"
    );

    // Each comes after another, so that none finds what it looks at in the processor's caches.
    let lookups = [
        Contender { name: "MGET of plain keys", before: vec![lookup(&jobs, "")], work: vec![mget(&jobs)] },
        Contender {
            name: "CACHE.PLAN, all hits",
            before: vec![lookup(&jobs, ""), mget(&jobs)],
            work: vec![lookup(&jobs, "")],
        },
        Contender {
            name: "the same plan for the first time",
            before: vec![forget(), lookup(&jobs, ""), mget(&jobs)],
            work: vec![lookup(&jobs, " ")],
        },
        Contender {
            name: "and its params for the first time",
            before: vec![forget(), mget(&jobs)],
            work: vec![lookup(&jobs, "")],
        },
    ];
    let lookups = contest::run(client, &lookups, rounds)?;
    contest::report("plan-lookups", &lookups, report);
    let names = ["a plan of 10,000 hits", "of 10,000, the plan not known", "of 10,000, params not known"];
    for (lookup, name) in lookups[1..].iter().zip(names) {
        report.bar(lookup.at_most(Cost::cpu_ms, [name, "MGET, by CPU"], MOST_OF_MGET, &lookups[0]));
    }

    let entries = entry_keys(client, &jobs)?;
    let plain_keys = jobs.iter().map(|job| job.plain_key.clone()).collect::<Vec<_>>();
    let again = || vec![warm::entries(&jobs)];
    let removals = [
        Contender { name: "UNLINK of its entries' keys", before: again(), work: vec![unlink(&entries)] },
        Contender {
            name: "CACHE.INVALIDATE PLAN",
            before: vec![warm::entries(&jobs), invalidate(&jobs, ""), warm::entries(&jobs)],
            work: vec![invalidate(&jobs, "")],
        },
        Contender {
            name: "the same, the plan for the first time",
            before: vec![forget(), warm::entries(&jobs)],
            work: vec![invalidate(&jobs, " ")],
        },
        Contender {
            name: "UNLINK of plain keys",
            before: vec![plain(&jobs)],
            work: vec![unlink(&plain_keys)],
        },
    ];
    let removals = contest::run(client, &removals, rounds)?;
    contest::report("plan-removals", &removals, report);
    let names = ["a plan of 10,000, invalidated", "of 10,000, invalidated, not known"];
    for (removal, name) in removals[1..].iter().zip(names) {
        report.bar(removal.at_most(Cost::cpu_ms, [name, "UNLINK, by CPU"], MOST_OF_UNLINK, &removals[0]));
    }
    Ok(())
}

/// The plan as clients write it, with this white space before it: another makes it a plan that the server does not know.
fn text(jobs: &[Job], space: &str) -> String {
    let jobs: Vec<String> = jobs
        .iter()
        .enumerate()
        .map(|(id, job)| format!(r#"{{"id":{id},"operation":"{OPERATION}","params":{}}}"#, job.params))
        .collect();
    format!(r#"{space}{{"jobs":[{}]}}"#, jobs.join(","))
}

fn lookup(jobs: &[Job], space: &str) -> Batch {
    let hits = jobs.iter().map(workloads::hit);
    one(&["CACHE.PLAN", NAMESPACE, &text(jobs, space)], &array(hits))
}

/// Empties both memos.
fn forget() -> Batch {
    let mut batch = Batch::new();
    for memo in ["no", "yes"] {
        batch.push(&[b"CONFIG", b"SET", b"cache.memo", memo.as_bytes()], workloads::OK);
    }
    batch
}

fn invalidate(jobs: &[Job], space: &str) -> Batch {
    one(
        &["CACHE.INVALIDATE", "PLAN", NAMESPACE, &text(jobs, space)],
        format!(":{}\r\n", jobs.len()).as_bytes(),
    )
}

fn mget(jobs: &[Job]) -> Batch {
    let keys = jobs.iter().map(|job| job.plain_key.as_str());
    let found = jobs.iter().map(|job| bulk(job.result.as_bytes()));
    one(&["MGET"].into_iter().chain(keys).collect::<Vec<_>>(), &array(found))
}

/// Stores the same results as plain strings.
fn plain(jobs: &[Job]) -> Batch {
    let pairs = jobs.iter().flat_map(|job| [job.plain_key.as_str(), &job.result]);
    one(&["MSET"].into_iter().chain(pairs).collect::<Vec<_>>(), workloads::OK)
}

fn unlink(keys: &[String]) -> Batch {
    let words: Vec<&str> = ["UNLINK"].into_iter().chain(keys.iter().map(String::as_str)).collect();
    one(&words, format!(":{}\r\n", keys.len()).as_bytes())
}

/// The keys that the module keeps the jobs' entries at.
fn entry_keys(client: &mut Client, jobs: &[Job]) -> Result<Vec<String>, Box<dyn Error>> {
    let key = |job: &Job| match client.ask(&["CACHE.RESULT", "KEY", NAMESPACE, OPERATION, &job.params])? {
        Reply::Bulk(Some(key)) => Ok(String::from_utf8(key)?),
        other => Err(format!("KEY answered {other:?}").into()),
    };
    jobs.iter().map(key).collect()
}

/// A batch of one command.
fn one(command: &[&str], reply: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.push(&command.iter().map(|word| word.as_bytes()).collect::<Vec<_>>(), reply);
    batch
}

/// Replies, as one array of them.
fn array(replies: impl ExactSizeIterator<Item = Vec<u8>>) -> Vec<u8> {
    let length = format!("*{}\r\n", replies.len()).into_bytes();
    [length].into_iter().chain(replies).flatten().collect()
}
