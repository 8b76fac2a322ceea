//! What a budget costs: the same entries stored where nothing is bounded, where a budget is far off, and where each pushes
//! out another.

use std::error::Error;

use crate::client::{Batch, Client};
use crate::contest::{self, Contender, Cost};
use crate::jobs::{Job, OPERATION};
use crate::report::Report;
use crate::workloads::{NAMESPACE, OK, STAY_S};

/// How many entries are stored in a turn, and as many are there before.
const ENTRIES: usize = 20_000;

/// The length of each job's params, in bytes.
const PARAMS_BYTES: usize = 150;

const PIPELINE: usize = 16;

/// What keeping a budget may take, as a ratio to storing without one.
const MOST: f64 = 1.15;

/// Measures, and prints what came of it.
pub fn run(client: &mut Client, rounds: usize, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let jobs: Vec<Job> = (0..2 * ENTRIES).map(|number| Job::new(number, PARAMS_BYTES)).collect();
    let (old, new) = jobs.split_at(ENTRIES);
    let full = ENTRIES.to_string();
    let contenders = [
        ("SET of new entries, nothing bounded", vec![], new, false),
        ("the same, a budget that is far off", vec!["MAXWEIGHT", "1tb"], new, false),
        ("the same, full: each pushes out another", vec!["MAXWEIGHT", &full], new, false),
        ("the same, that is recorded (REMOVALS)", vec!["MAXWEIGHT", &full, "REMOVALS", "1000"], new, false),
        ("nothing bounded, each with UNLINK of a string", vec![], new, true),
        ("SET of what is there, nothing bounded", vec![], old, false),
        ("the same, a budget that is far off", vec!["MAXWEIGHT", "1tb"], old, false),
    ]
    .map(|(name, rule, jobs, with_unlink)| Contender {
        name,
        before: before(&rule, old),
        work: sets(jobs, with_unlink),
    });
    let outcomes = contest::run(client, &contenders, rounds)?;
    println!(
        "\nbudgets: {ENTRIES} SET, pipeline {PIPELINE}, into a namespace of {ENTRIES} entries; {rounds} rounds"
    );
    contest::report("budget", &outcomes, report);
    for (at, beside, what) in [
        (1, 0, "SET of a new entry under a budget"),
        (6, 5, "SET of what is there under a budget"),
        (2, 0, "SET that pushes out another"),
    ] {
        let names = [what, "one without, by CPU"];
        report.bar(outcomes[at].at_most(Cost::cpu_ms, names, MOST, &outcomes[beside]));
    }
    Ok(())
}

/// An empty server, the rule, then the entries that are there before, and as many strings.
fn before(rule: &[&str], old: &[Job]) -> Vec<Batch> {
    let mut batch = Batch::new();
    batch.push(&[b"FLUSHALL", b"SYNC"], OK);
    batch.push(&[b"CACHE.POLICY", b"SET", NAMESPACE.as_bytes(), b"*", b"REMOVALS", b"off"], OK);
    batch.push(&[b"CACHE.POLICY", b"DEL", NAMESPACE.as_bytes(), b"*"], b":1\r\n");
    if !rule.is_empty() {
        let words = [&["CACHE.POLICY", "SET", NAMESPACE, "*"], rule].concat();
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        batch.push(&words, OK);
    }
    for number in 0..old.len() {
        batch.push(&[b"SET", format!("other:{number}").as_bytes(), b"a string"], OK);
    }
    std::iter::once(batch).chain(sets(old, false)).collect()
}

fn sets(jobs: &[Job], with_unlink: bool) -> Vec<Batch> {
    let batch = |(chunk, jobs): (usize, &[Job])| {
        let mut batch = Batch::new();
        for (at, Job { params, result, .. }) in jobs.iter().enumerate() {
            let words =
                ["CACHE.RESULT", "SET", NAMESPACE, OPERATION, params, result, "EX", STAY_S, "WEIGHT", "1"];
            batch.push(&words.map(str::as_bytes), OK);
            if with_unlink {
                let other = format!("other:{}", chunk * PIPELINE + at);
                batch.push(&[b"UNLINK", other.as_bytes()], b":1\r\n");
            }
        }
        batch
    };
    jobs.chunks(PIPELINE).enumerate().map(batch).collect()
}
