//! Hits, misses and writes: the module's commands against plain `GET` and `SETEX` of the same bytes, and against a Redis
//! function in Lua that makes params canonical, hashes them and gets.

use std::error::Error;

use crate::client::Client;
use crate::jobs::{self, Job};
use crate::measure::{self, Effort, Series};
use crate::report::Report;
use crate::spread::Spread;
use crate::table;
use crate::workloads::{self, Way, Workload};
use crate::{hit_bars, hit_tables};

/// Lengths of params in bytes.
pub const SIZES: [usize; 4] = [SMALL, 600, 8 * 1024, 256 * 1024];
pub const SMALL: usize = 150;

/// Requests that are sent together.
pub const PIPELINES: [usize; 3] = [1, 16, 64];

/// Jobs of the scene that no cache of a processor holds.
pub const MANY: usize = 200_000;

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// Some jobs with params so long, in turn.
    Sized(usize),
    /// The smallest of those, where nothing writes.
    Fetched,
    /// The same, where there are rules.
    Ruled,
    /// The same operation's jobs, of which nothing is stored.
    Missing,
    /// One job over and over.
    Hot,
    /// Very many in random order.
    Many,
}

/// What was measured of one scene at one depth of pipelining.
struct Measured {
    scene: Scene,
    pipeline: usize,
    series: Vec<Series>,
}

/// Everything that was measured.
#[derive(Default)]
pub struct Findings(Vec<Measured>);

/// Measures every scene, and prints the figures of each as soon as they are known.
pub fn run(
    client: &mut Client,
    effort: Effort,
    placement: &str,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    table::print_legend(effort.rounds, placement);
    let mut findings = Findings::default();
    for bytes in SIZES {
        let mut jobs: Vec<Job> = (0..jobs_of(bytes)).map(|number| Job::new(number, bytes)).collect();
        workloads::prepare(client, &jobs)?;
        let mut measure = |scene, ways: &[Way], jobs: &[Job], pipeline| {
            findings.measure(client, effort, scene, ways, jobs, pipeline)
        };
        for pipeline in pipelines_for(jobs.len()) {
            measure(Scene::Sized(bytes), &Way::ALL, &jobs, pipeline)?;
        }
        if bytes == SMALL {
            measure(Scene::Ruled, &Way::OF_RULES, &jobs, 16)?;
            // As many times as fit into a batch.
            let hot = vec![jobs[0].clone(); PIPELINES[2]];
            for pipeline in PIPELINES {
                measure(Scene::Hot, &Way::OF_ONE, &hot, pipeline)?;
                measure(Scene::Missing, &Way::OF_MISSES, &jobs, pipeline)?;
            }
            workloads::note_versions(client, &mut jobs)?;
            for pipeline in PIPELINES {
                findings.measure(client, effort, Scene::Fetched, &Way::OF_FETCH, &jobs, pipeline)?;
            }
        }
    }
    let many: Vec<Job> = (0..MANY).map(|number| Job::new(number, SMALL)).collect();
    workloads::prepare_many(client, &many)?;
    let many = jobs::shuffled(many);
    for pipeline in PIPELINES {
        findings.measure(client, effort, Scene::Many, &Way::OF_MANY, &many, pipeline)?;
    }
    hit_tables::report(&findings, report);
    hit_bars::report(&findings, report);
    Ok(())
}

/// How many jobs there are with params so long: enough that no two requests of a batch are alike.
fn jobs_of(bytes: usize) -> usize {
    match bytes {
        ..1024 => 1024,
        1024..65536 => 256,
        _ => 16,
    }
}

/// The depths for which there are enough jobs.
fn pipelines_for(jobs: usize) -> impl Iterator<Item = usize> {
    PIPELINES.into_iter().filter(move |pipeline| *pipeline <= jobs)
}

impl Scene {
    /// How the tables of figures call it.
    fn name(self) -> String {
        match self {
            Scene::Sized(bytes) => format!("params of {bytes} bytes"),
            Scene::Fetched => "where nothing writes".to_owned(),
            Scene::Ruled => "with rules".to_owned(),
            Scene::Missing => "what is not there".to_owned(),
            Scene::Hot => "one job over and over".to_owned(),
            Scene::Many => format!("{MANY} jobs in random order"),
        }
    }
}

impl Findings {
    fn measure(
        &mut self,
        client: &mut Client,
        effort: Effort,
        scene: Scene,
        ways: &[Way],
        jobs: &[Job],
        pipeline: usize,
    ) -> Result<(), Box<dyn Error>> {
        let workloads = ways.iter().map(|way| Workload::new(*way, jobs, pipeline));
        let mut workloads: Vec<Workload> = workloads.collect::<Result<_, _>>()?;
        let series = measure::run(client, &mut workloads, effort)?;
        table::print(&scene.name(), pipeline, &series);
        self.0.push(Measured { scene, pipeline, series });
        Ok(())
    }

    /// The series of one way, if it was measured.
    pub fn series(&self, scene: Scene, pipeline: usize, way: Way) -> Option<&Series> {
        let measured = self.0.iter().find(|one| one.scene == scene && one.pipeline == pipeline)?;
        measured.series.iter().find(|one| one.way == way)
    }

    /// One way as a ratio to another, by some figure.
    pub fn ratio(
        &self,
        scene: Scene,
        pipeline: usize,
        [way, of]: [Way; 2],
        figure: fn(&measure::Sample) -> f64,
    ) -> Option<Spread> {
        let one = self.series(scene, pipeline, way)?;
        Some(one.ratio(self.series(scene, pipeline, of)?, figure))
    }
}
