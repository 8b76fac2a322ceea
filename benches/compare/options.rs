//! What the command line asks for.

use std::error::Error;
use std::time::Duration;

use crate::placement::Placement;
use crate::{flight, measure, tags};

/// What to measure, and how much of it.
pub struct Options {
    pub parts: Vec<Part>,
    pub placement: Placement,
    pub hits: measure::Effort,
    pub flight: flight::Effort,
    /// Rounds of waking a crowd.
    pub wakes: usize,
    /// Rounds of leases that lapse.
    pub lapses: usize,
    pub tags: tags::Effort,
    /// Rounds of plans, of warming, of budgets and of single invalidations.
    pub contests: usize,
    /// How many entries are weighed.
    pub weighed: usize,
    /// Requests of a trace that tells how well is sampled.
    pub trace: usize,
    /// Whether the tables are written into `docs/benchmarks.md`.
    pub write: bool,
}

/// What can be measured alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Hits,
    Clients,
    Canonical,
    Invalidate,
    Flight,
    Wake,
    Leases,
    Tags,
    Plans,
    Warm,
    Counting,
    Budget,
    Memory,
    Sampling,
}

impl Part {
    const ALL: [(&str, Part); 14] = [
        ("hits", Part::Hits),
        ("clients", Part::Clients),
        ("canonical", Part::Canonical),
        ("invalidate", Part::Invalidate),
        ("flight", Part::Flight),
        ("wake", Part::Wake),
        ("leases", Part::Leases),
        ("tags", Part::Tags),
        ("plans", Part::Plans),
        ("warm", Part::Warm),
        ("counting", Part::Counting),
        ("budget", Part::Budget),
        ("memory", Part::Memory),
        ("sampling", Part::Sampling),
    ];
}

impl Part {
    /// As the command line calls it.
    pub fn name(self) -> &'static str {
        Part::ALL.into_iter().find(|(_, part)| *part == self).map_or("", |(name, _)| name)
    }
}

impl Options {
    /// What is measured where nothing else is asked for.
    fn full() -> Options {
        Options {
            parts: Part::ALL.map(|(_, part)| part).to_vec(),
            placement: Placement::Together,
            hits: measure::Effort { rounds: 11, sample: Duration::from_millis(150) },
            flight: flight::Effort { rounds: 100, loader: Duration::from_secs(1) },
            wakes: 11,
            lapses: 11,
            tags: tags::Effort { entries: 1_000_000, rounds: 5 },
            contests: 11,
            weighed: 1_000_000,
            trace: 4_000_000,
            write: false,
        }
    }

    /// Less of everything, for a first look.
    fn quick(self) -> Options {
        Options {
            hits: measure::Effort { rounds: 3, sample: Duration::from_millis(50) },
            flight: flight::Effort { rounds: 10, loader: Duration::from_millis(200) },
            wakes: 3,
            lapses: 3,
            tags: tags::Effort { entries: 100_000, rounds: 3 },
            contests: 3,
            weighed: 200_000,
            trace: 1_000_000,
            ..self
        }
    }

    /// Whether nothing is left out.
    pub fn whole(&self) -> bool {
        self.parts.len() == Part::ALL.len()
    }

    /// Reads the command line. Cargo adds `--bench` by itself.
    pub fn read(arguments: &[&str]) -> Result<Options, Box<dyn Error>> {
        let mut options = Options::full();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("{argument} is followed by nothing"));
            match *argument {
                "--quick" => options = options.quick(),
                "--apart" => options.placement = Placement::Apart,
                "--write" => options.write = true,
                "--only" => options.parts = value()?.split(',').map(part).collect::<Result<_, _>>()?,
                "--rounds" => options.flight.rounds = value()?.parse()?,
                "--loader-ms" => options.flight.loader = Duration::from_millis(value()?.parse()?),
                "--bench" => {}
                other => return Err(format!("unknown argument {other:?}; {USAGE}").into()),
            }
        }
        Ok(options)
    }
}

const USAGE: &str = "there are --quick, --apart, --write (the tables into docs/benchmarks.md), --only hits|clients|canonical|\
    invalidate|flight|wake|leases|tags|plans|warm|counting|budget|memory|sampling (or several, with commas between), and \
    --rounds and --loader-ms of flight";

/// The part of this name.
fn part(name: &str) -> Result<Part, Box<dyn Error>> {
    let found = Part::ALL.into_iter().find(|(known, _)| *known == name);
    found.map(|(_, part)| part).ok_or_else(|| format!("unknown part {name:?}; {USAGE}").into())
}
