//! Hits and writes: the module's commands against plain `GET` and `SETEX` of the same bytes, and against a Redis function in
//! Lua that makes params canonical, hashes them and gets.

use std::error::Error;

use crate::client::Client;
use crate::jobs::Job;
use crate::measure::{self, Effort, Series};
use crate::table;
use crate::workloads::{self, Way, Workload};

/// Lengths of params in bytes, and how many jobs there are of each: enough that no two requests of a batch are alike.
const SIZES: [(usize, usize); 4] = [(150, 1024), (600, 1024), (8 * 1024, 256), (256 * 1024, 16)];

const PIPELINES: [usize; 2] = [16, 1];

/// Measures every size at every depth, and prints each table as soon as it is known.
pub fn run(client: &mut Client, effort: Effort, placement: &str) -> Result<(), Box<dyn Error>> {
    table::print_legend(effort.rounds, placement);
    let mut smallest = Vec::new();
    for (bytes, count) in SIZES {
        let mut jobs: Vec<Job> = (0..count).map(|number| Job::new(number, bytes)).collect();
        workloads::prepare(client, &jobs)?;
        for pipeline in PIPELINES {
            let series = compare(client, effort, &Way::ALL, &jobs, pipeline)?;
            if bytes == SIZES[0].0 {
                smallest.push(series);
            }
        }
        if bytes == SIZES[0].0 {
            compare(client, effort, &Way::OF_RULES, &jobs, PIPELINES[0])?;
            workloads::note_versions(client, &mut jobs)?;
            for pipeline in PIPELINES {
                smallest.push(compare(client, effort, &Way::OF_FETCH, &jobs, pipeline)?);
            }
        }
    }
    table::print_bars(&smallest);
    Ok(())
}

/// One table: some ways of asking for the same jobs.
fn compare(
    client: &mut Client,
    effort: Effort,
    ways: &[Way],
    jobs: &[Job],
    pipeline: usize,
) -> Result<Vec<Series>, Box<dyn Error>> {
    let mut workloads: Vec<Workload> = ways.iter().map(|way| Workload::new(*way, jobs, pipeline)).collect();
    let series = measure::run(client, &mut workloads, effort)?;
    table::print(jobs, pipeline, &series);
    Ok(series)
}
