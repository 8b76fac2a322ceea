//! How it is measured: in rounds, every workload once a round, so that whatever else the machine does meanwhile
//! touches all of them alike; ratios are taken within a round.

use std::error::Error;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::spread::Spread;
use crate::workloads::{Setting, Way, Workload};

/// What one workload did in one round.
#[derive(Clone, Copy)]
pub struct Sample {
    operations: u64,
    /// What passed on the clock.
    wall: Duration,
    /// What the server's main thread used of a processor.
    cpu: Duration,
}

/// The samples of one way, one for each round.
pub struct Series {
    pub way: Way,
    samples: Vec<Sample>,
}

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    /// The least time for one workload in one round; a batch under way is finished.
    pub sample: Duration,
}

impl Sample {
    /// Operations per second.
    pub fn rate(&self) -> f64 {
        self.operations as f64 / self.wall.as_secs_f64()
    }

    /// Operations per second of the server's processor time: what counts where the client is the slower side.
    pub fn rate_by_cpu(&self) -> f64 {
        self.operations as f64 / self.cpu.as_secs_f64()
    }
}

impl Series {
    /// A figure of each round.
    pub fn spread(&self, figure: impl Fn(&Sample) -> f64) -> Spread {
        Spread::of(self.samples.iter().map(figure).collect())
    }

    /// A figure of each round, divided by the same of another series in the same round.
    pub fn ratio(&self, other: &Series, figure: impl Fn(&Sample) -> f64) -> Spread {
        Spread::of(self.samples.iter().zip(&other.samples).map(|(a, b)| figure(a) / figure(b)).collect())
    }
}

/// Measures the workloads against each other: one round unseen to warm up, then the rounds that count. The order
/// shifts by one each round, so that none always follows the same other.
pub fn run(
    client: &mut Client,
    workloads: &mut [Workload],
    effort: Effort,
) -> Result<Vec<Series>, Box<dyn Error>> {
    let mut series: Vec<Series> =
        workloads.iter().map(|workload| Series { way: workload.way, samples: Vec::new() }).collect();
    let mut setting = Setting::DEFAULT;
    for workload in workloads.iter_mut() {
        sample(client, &mut setting, workload, effort.sample / 4)?;
    }
    for round in 0..effort.rounds {
        for turn in 0..workloads.len() {
            let index = (round + turn) % workloads.len();
            let workload = &mut workloads[index];
            series[index].samples.push(sample(client, &mut setting, workload, effort.sample)?);
        }
    }
    setting.change(Setting::DEFAULT, client)?;
    Ok(series)
}

/// At most so many requests are sent before the clock starts: more than there are spellings in the memo.
const WARM_UP: u64 = 20_000;

/// Runs one workload for the given time, with the module set for it. All is asked for once before the clock starts, or
/// much of it, so that every workload finds the module and the processor as warm as its own requests make them.
pub fn sample(
    client: &mut Client,
    setting: &mut Setting,
    workload: &mut Workload,
    time: Duration,
) -> Result<Sample, Box<dyn Error>> {
    let wanted = workload.way.setting();
    if *setting != wanted {
        setting.change(wanted, client)?;
        *setting = wanted;
    }
    let mut warmed = 0;
    while warmed < workload.operations().min(WARM_UP) {
        let batch = workload.next_batch();
        client.exchange(batch)?;
        warmed += batch.operations;
    }
    let cpu_before = client.server_cpu()?;
    let started = Instant::now();
    let mut operations = 0;
    while started.elapsed() < time {
        let batch = workload.next_batch();
        client.exchange(batch)?;
        operations += batch.operations;
    }
    let wall = started.elapsed();
    let cpu = client.server_cpu()?.saturating_sub(cpu_before);
    Ok(Sample { operations, wall, cpu })
}
