//! What statistics cost: the same hits and writes, sent to a server with the module as it is built and to one with the module
//! built without counting (its feature `uncounted`), in turns.

use std::env;
use std::error::Error;
use std::path::PathBuf;

use crate::client::Client;
use crate::jobs::Job;
use crate::measure::{self, Effort, Sample};
use crate::placement::Placement;
use crate::report::{Bar, Report, Table};
use crate::server::Server;
use crate::spread::{self, Spread};
use crate::workloads::{self, Setting, Way, Workload};

/// How much counting may add to the server's CPU for a GET that hits, in percent.
const MOST_PERCENT: f64 = 3.0;

const JOBS: usize = 1024;

const PARAMS_BYTES: usize = 150;

/// What is measured, each at a depth of pipelining.
const WAYS: [(Way, usize); 6] = [
    (Way::CACHE_GET, 16),
    (Way::CACHE_GET, 1),
    (Way::CACHE_FETCH, 16),
    (Way::CACHE_FETCH, 1),
    (Way::CacheSet, 16),
    (Way::CacheSet, 1),
];

/// One of the two servers.
struct Side {
    client: Client,
    setting: Setting,
    jobs: Vec<Job>,
    // Stopped when dropped.
    _server: Server,
}

impl Side {
    fn start(server: Server, placement: Placement) -> Result<Side, Box<dyn Error>> {
        placement.apply(server.pid())?;
        let mut client = Client::connect(server.port())?;
        let mut jobs: Vec<Job> = (0..JOBS).map(|number| Job::new(number, PARAMS_BYTES)).collect();
        workloads::prepare(&mut client, &jobs)?;
        workloads::note_versions(&mut client, &mut jobs)?;
        Ok(Side { client, setting: Setting::DEFAULT, jobs, _server: server })
    }

    fn sample(&mut self, way: Way, pipeline: usize, effort: Effort) -> Result<Sample, Box<dyn Error>> {
        let mut workload = Workload::new(way, &self.jobs, pipeline)?;
        measure::sample(&mut self.client, &mut self.setting, &mut workload, effort.sample)
    }
}

/// Measures, and prints what came of it.
pub fn run(effort: Effort, placement: Placement, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let Some(uncounted) = env::var_os("RESULT_CACHE_UNCOUNTED").map(PathBuf::from) else {
        println!(
            "\ncounting: left out, since RESULT_CACHE_UNCOUNTED names no module (`make bench` builds it)"
        );
        return Ok(());
    };
    let mut sides =
        [Side::start(Server::start()?, placement)?, Side::start(Server::start_with(&uncounted)?, placement)?];
    println!(
        "\ncounting: the module as built against one that counts nothing, params of {PARAMS_BYTES} bytes; {} rounds",
        effort.rounds
    );
    let head = ["", "counted, µs", "uncounted, µs", "counting adds, % by CPU", "by ops"];
    let mut table = Table::new("counting", &head);
    let mut bars = Vec::new();
    for (way, pipeline) in WAYS {
        let mut samples: [Vec<Sample>; 2] = [const { Vec::new() }; 2];
        for round in 0..=effort.rounds {
            for turn in 0..2 {
                let side = (round + turn) % 2;
                let sample = sides[side].sample(way, pipeline, effort)?;
                // The first round warms up.
                if round > 0 {
                    samples[side].push(sample);
                }
            }
        }
        bars.extend(row(way, pipeline, &samples, &mut table));
    }
    report.table(&table);
    bars.into_iter().for_each(|bar| report.bar(bar));
    Ok(())
}

/// Adds a row; for what has a bar, that as well.
fn row(way: Way, pipeline: usize, [counted, uncounted]: &[Vec<Sample>; 2], table: &mut Table) -> Option<Bar> {
    let us =
        |samples: &[Sample]| Spread::of(samples.iter().map(|sample| 1e6 / sample.rate_by_cpu()).collect());
    // What an operation takes longer where it is counted, in percent.
    let adds = |rate: fn(&Sample) -> f64| {
        let rounds = counted.iter().zip(uncounted);
        Spread::of(rounds.map(|(counted, other)| (rate(other) / rate(counted) - 1.0) * 100.0).collect())
    };
    let by_cpu = adds(Sample::rate_by_cpu);
    table.row(vec![
        format!("{}, pipeline {pipeline}", way.name()),
        spread::figure(us(counted)),
        spread::figure(us(uncounted)),
        spread::figure(by_cpu),
        spread::figure(adds(Sample::rate)),
    ]);
    let asked = format!("at most {MOST_PERCENT} % by CPU");
    (way == Way::CACHE_GET && pipeline > 1).then(|| {
        Bar::new("what counting adds to a hit", asked)
            .found(format!("{} %", spread::figure(by_cpu)), by_cpu.median <= MOST_PERCENT)
    })
}
