//! The demo, in three acts. Run it with `make demo`; `make demo ARGS=crew` plays one of them. It exits with 1 if anything
//! came out differently from what it says.
//!
//! * [`delivery`]: a video is encoded, its upload fails, and the second attempt finds every rendition again;
//! * [`crew`]: four workers and twenty requesters, each a process, share a plan. Each rendition is encoded once, nobody
//!   polls, and where a worker is killed another takes over;
//! * [`budget`]: an encoder keeps more renditions than it has room for. Those that were used least go, and a janitor
//!   deletes their files, all of them and no others.
//!
//! The parts to copy are [`cache`], the commands as a program uses them, and [`janitor`]. What the processes do with them
//! is in [`worker`], [`requester`] and [`shelf`]. [`media`] and [`encoder`] are the expensive work, real files made by ffmpeg.

mod budget;
mod cache;
mod crew;
mod delivery;
mod digest;
mod encoder;
mod folder;
mod janitor;
mod media;
mod plan;
mod process;
mod record;
mod report;
mod requester;
mod server;
mod shelf;
mod steps;
mod upload;
mod worker;

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use cache::Cache;
use folder::Folder;
use media::Source;
use plan::Plan;
use server::Server;

/// The namespace of the results of the first two acts.
const NAMESPACE: &str = "demo";

/// What the acts need.
struct Stage {
    server: Server,
    folder: Folder,
    source: Source,
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (name, outcome) = match words.as_slice() {
        // Our own processes, which the crew starts.
        [role @ ("worker" | "requester"), name, port, folder] => {
            (*name, take_part(role, name, port, Path::new(folder)))
        }
        acts => ("demo", play(acts)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            // In one piece: others may be complaining at the same time.
            let _ = io::stderr().write_all(format!("{name}: {e}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

/// The acts, in their order.
const ACTS: &[&str] = &["delivery", "crew", "budget"];

/// Plays the acts that are named, or all.
fn play(acts: &[&str]) -> Result<(), Box<dyn Error>> {
    let acts = if acts.is_empty() { ACTS } else { acts };
    if let Some(unknown) = acts.iter().find(|act| !ACTS.contains(act)) {
        return Err(format!("there is no act {unknown:?}; there are {}", ACTS.join(", ")).into());
    }
    let stage = Stage::set()?;
    for act in acts {
        println!();
        match *act {
            "delivery" => delivery::run(&stage)?,
            "crew" => crew::run(&stage)?,
            _ => budget::run(&stage)?,
        }
    }
    Ok(())
}

/// One process of the crew's.
fn take_part(role: &str, name: &str, port: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let cache = Cache::open(port.parse()?, NAMESPACE)?;
    let plan = fs::read_to_string(Plan::path_in(folder))?;
    let plan: Plan = serde_json::from_str(&plan)?;
    match role {
        "worker" => worker::run(name, cache, &plan, folder),
        _ => requester::run(name, cache, &plan),
    }
}

impl Stage {
    /// Starts the server and makes the video.
    fn set() -> Result<Stage, Box<dyn Error>> {
        let server = Server::start()?;
        let folder = Folder::new("result-cache-demo")?;
        println!(
            "redis-server on port {} (process {}); files in {}",
            server.port(),
            server.pid(),
            folder.path().display()
        );
        let source = Source::make(folder.path())?;
        println!("source.mp4 is {}", source.digest);
        Ok(Stage { server, folder, source })
    }

    /// A connection of our own to the results.
    fn cache(&self) -> Result<Cache, Box<dyn Error>> {
        Cache::open(self.server.port(), NAMESPACE)
    }
}
