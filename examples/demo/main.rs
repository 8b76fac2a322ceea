//! The demo: a video is encoded, its upload fails, and the second attempt finds every rendition again.
//!
//! * [`cache`] is the part to copy: the cache as a program uses it, with `CACHE.RESULT GET` and `SET`;
//! * [`media`] is the expensive work, real files made by ffmpeg;
//! * [`upload`] is what follows it and fails the first time;
//! * [`server`] starts a redis-server of our own with the module loaded, [`folder`] gives it and the files a place.
//!
//! Run it with `make demo`. It exits with 1 if the second attempt had to encode anything.

mod cache;
mod digest;
mod folder;
mod media;
mod server;
mod steps;
mod upload;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cache::{Cache, Facts, Found};
use folder::Folder;
use media::{PROFILES, Profile, Rendition, Source};
use serde::Serialize;
use server::Server;
use steps::Step;
use upload::Destination;

/// The params of an encoding: all that its outcome depends on, and nothing else.
#[derive(Serialize)]
struct Encoding<'a> {
    source: &'a str,
    profile: &'a Profile,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("demo: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Two attempts at the same delivery, with a destination that is down during the first.
fn run() -> Result<(), Box<dyn Error>> {
    let server = Server::start()?;
    let mut cache = Cache::open(server.port(), "demo")?;
    let folder = Folder::new("result-cache-demo")?;
    println!(
        "redis-server on port {} (process {}); files in {}",
        server.port(),
        server.pid(),
        folder.path().display()
    );
    let source = Source::make(folder.path())?;
    println!("source.mp4 is {}\n", source.digest);

    let mut delivery =
        Delivery { source, folder, destination: Destination::that_is_down()?, steps: Vec::new() };
    steps::print_head();
    if delivery.attempt(1, &mut cache).is_ok() {
        return Err("the first upload should have failed: its destination was down".into());
    }
    delivery.destination.come_up()?;
    delivery.attempt(2, &mut cache)?;
    summarise(&delivery.steps)
}

/// One video on its way to one destination.
struct Delivery {
    source: Source,
    folder: Folder,
    destination: Destination,
    steps: Vec<Step>,
}

impl Delivery {
    /// Encodes every rendition, then uploads them. Knows nothing of earlier attempts: the cache does.
    fn attempt(&mut self, attempt: u32, cache: &mut Cache) -> Result<(), Box<dyn Error>> {
        let mut renditions = Vec::new();
        for profile in &PROFILES {
            renditions.push(self.encode(attempt, profile, cache)?);
        }
        let started = Instant::now();
        let uploaded = renditions.iter().try_for_each(|rendition| self.destination.upload(rendition));
        self.record(Step {
            attempt,
            what: "upload".into(),
            cache: "",
            took: started.elapsed(),
            saved: Duration::ZERO,
            outcome: match &uploaded {
                Ok(()) => format!("{} files arrived", renditions.len()),
                Err(e) => format!("FAILED: {e}"),
            },
        });
        Ok(uploaded?)
    }

    /// The rendition by this profile: found, or encoded and then remembered.
    fn encode(
        &mut self,
        attempt: u32,
        profile: &Profile,
        cache: &mut Cache,
    ) -> Result<Rendition, Box<dyn Error>> {
        let started = Instant::now();
        let params = Encoding { source: &self.source.digest, profile };
        let outcome = cache.result_of("encodeVideo", &params, Rendition::is_intact, || {
            let rendition = Rendition::encode(&self.source, profile, self.folder.path())?;
            let facts = Facts { weight: rendition.bytes, tag: format!("source:{}", self.source.digest) };
            Ok((rendition, facts))
        })?;
        let (found, saved) = match outcome.found {
            Found::Hit { saved } => ("hit", saved),
            Found::Miss => ("miss", Duration::ZERO),
        };
        self.record(Step {
            attempt,
            what: format!("encode {}", profile.name),
            cache: found,
            took: started.elapsed(),
            saved,
            outcome: format!("{} bytes, plays {:.1} s", outcome.result.bytes, outcome.result.duration_s),
        });
        Ok(outcome.result)
    }

    fn record(&mut self, step: Step) {
        steps::print(&step);
        self.steps.push(step);
    }
}

/// Says what the cache saved; an error if the second attempt encoded anything.
fn summarise(steps: &[Step]) -> Result<(), Box<dyn Error>> {
    let hits = steps.iter().filter(|step| step.cache == "hit").count();
    let saved: Duration = steps.iter().map(|step| step.saved).sum();
    println!("\n{hits} hits saved {:.2} seconds of encoding.", saved.as_secs_f64());
    match steps.iter().filter(|step| step.attempt == 2 && step.cache == "miss").count() {
        0 => Ok(()),
        encoded => {
            Err(format!("the second attempt encoded {encoded} renditions, and should have found them").into())
        }
    }
}
