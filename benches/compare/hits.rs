//! Hits and writes: the module's commands against plain `GET` and `SETEX` of the same bytes, and against a Redis function in
//! Lua that makes params canonical, hashes them and gets.

use std::error::Error;

use crate::client::Client;
use crate::jobs::Job;
use crate::measure::{self, Effort};
use crate::table;
use crate::workloads::{self, Way, Workload};

/// Lengths of params in bytes, and how many jobs there are of each: enough that no two requests of a batch are alike.
const SIZES: [(usize, usize); 4] = [(150, 1024), (600, 1024), (8 * 1024, 256), (256 * 1024, 16)];

const PIPELINES: [usize; 2] = [16, 1];

/// Measures every size at every depth, and prints each table as soon as it is known.
pub fn run(client: &mut Client, effort: Effort, placement: &str) -> Result<(), Box<dyn Error>> {
    table::print_legend(effort.rounds, placement);
    let mut of_the_bars = None;
    let mut of_rules = None;
    for (bytes, count) in SIZES {
        let mut jobs: Vec<Job> = (0..count).map(|number| Job::new(number, bytes)).collect();
        workloads::prepare(client, &mut jobs)?;
        for pipeline in PIPELINES {
            let mut workloads = Way::ALL.map(|way| Workload::new(way, &jobs, pipeline));
            let series = measure::run(client, &mut workloads, effort)?;
            table::print(bytes, count, pipeline, &series);
            of_the_bars.get_or_insert(series);
        }
        if of_rules.is_none() {
            let mut workloads = Way::OF_RULES.map(|way| Workload::new(way, &jobs, PIPELINES[0]));
            let series = measure::run(client, &mut workloads, effort)?;
            table::print(bytes, count, PIPELINES[0], of_rules.insert(series));
        }
    }
    if let Some(series) = of_the_bars {
        table::print_bars(&series);
    }
    Ok(())
}
