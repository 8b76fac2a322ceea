//! The first benchmark: `CACHE.RESULT GET` and `SET` against plain `GET` and `SETEX` of the same bytes, and against a
//! Redis function in Lua that makes params canonical, hashes them and gets.
//!
//! * [`jobs`] is what is asked for, [`workloads`] the ways of asking for it;
//! * [`client`] sends it, [`measure`] takes the figures, [`table`] shows them;
//! * [`placement`] keeps the figures of one run comparable with those of the next.
//!
//! Run it with `make bench`, or `make bench ARGS=--quick` for a first look.

mod client;
#[path = "../../examples/demo/folder.rs"]
mod folder;
mod jobs;
mod measure;
mod placement;
#[path = "../../examples/demo/server.rs"]
mod server;
mod table;
mod workloads;

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use client::Client;
use jobs::Job;
use measure::Effort;
use placement::Placement;
use server::Server;
use workloads::{Way, Workload};

/// Lengths of params in bytes, and how many jobs there are of each: enough that no two requests of a batch are alike.
const SIZES: [(usize, usize); 4] = [(150, 1024), (600, 1024), (8 * 1024, 256), (256 * 1024, 16)];

const PIPELINES: [usize; 2] = [16, 1];

/// What the command line asks for.
struct Options {
    effort: Effort,
    placement: Placement,
}

fn main() -> ExitCode {
    match options().and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("compare: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the command line. Cargo adds `--bench` by itself.
fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        effort: Effort { rounds: 11, sample: Duration::from_millis(200) },
        placement: Placement::Together,
    };
    for argument in env::args().skip(1) {
        match argument.as_str() {
            "--quick" => options.effort = Effort { rounds: 5, sample: Duration::from_millis(60) },
            "--apart" => options.placement = Placement::Apart,
            "--bench" => {}
            other => return Err(format!("unknown argument {other:?}; there are --quick and --apart").into()),
        }
    }
    Ok(options)
}

/// Measures every size at every depth, and prints each table as soon as it is known.
fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let server = Server::start()?;
    options.placement.apply(server.pid())?;
    let mut client = Client::connect(server.port())?;
    table::print_legend(options.effort.rounds, options.placement.words());
    let mut of_the_bars = None;
    let mut of_rules = None;
    for (bytes, count) in SIZES {
        let jobs: Vec<Job> = (0..count).map(|number| Job::new(number, bytes)).collect();
        workloads::prepare(&mut client, &jobs)?;
        for pipeline in PIPELINES {
            let mut workloads = Way::ALL.map(|way| Workload::new(way, &jobs, pipeline));
            let series = measure::run(&mut client, &mut workloads, options.effort)?;
            table::print(bytes, count, pipeline, &series);
            of_the_bars.get_or_insert(series);
        }
        if of_rules.is_none() {
            let mut workloads = Way::OF_RULES.map(|way| Workload::new(way, &jobs, PIPELINES[0]));
            let series = measure::run(&mut client, &mut workloads, options.effort)?;
            table::print(bytes, count, PIPELINES[0], of_rules.insert(series));
        }
    }
    if let Some(series) = of_the_bars {
        table::print_bars(&series);
    }
    Ok(())
}
