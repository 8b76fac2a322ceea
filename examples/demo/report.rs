//! What the processes of a crew tell it: one line of JSON for each report, all through the same pipe.

use std::fmt;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

/// A report, and from whom.
#[derive(Serialize, Deserialize)]
pub struct Report {
    pub from: String,
    pub event: Event,
}

/// What happened.
#[derive(Serialize, Deserialize)]
pub enum Event {
    /// A worker waits for what another computes.
    Waits { job: String },
    /// A worker was given the lease, and begins to encode.
    Begins { job: String },
    /// A worker finished, and its result was accepted.
    Finishes { job: String, digest: String },
    /// A worker was overtaken: its lease is no good any more.
    Fenced { job: String },
    /// A requester heard something.
    Hears { job: String, news: Heard },
    /// A requester has every result.
    Served {
        /// The digest of each rendition, in the order of the plan.
        digests: Vec<String>,
        /// How often it asked, and how much it heard in reply.
        commands: usize,
        news: usize,
    },
}

/// What a requester hears of a job.
#[derive(Serialize, Deserialize)]
pub enum Heard {
    Progress(Progress),
    Gone,
    Ready { bytes: u64 },
}

/// How far a worker is. Whoever follows the job sees this.
#[derive(Serialize, Deserialize)]
pub struct Progress {
    pub percent: u64,
    pub worker: String,
}

/// Tells the crew.
pub fn tell(from: &str, event: Event) -> io::Result<()> {
    let line = serde_json::to_string(&Report { from: from.into(), event })? + "\n";
    // A line this short goes into a pipe as a whole, never between two halves of another's.
    io::stdout().lock().write_all(line.as_bytes())
}

impl Event {
    /// The job that it is about, if it is about one.
    pub fn job(&self) -> &str {
        match self {
            Event::Waits { job }
            | Event::Begins { job }
            | Event::Finishes { job, .. }
            | Event::Fenced { job }
            | Event::Hears { job, .. } => job,
            Event::Served { .. } => "",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Event::Waits { .. } => out.write_str("waits: another encodes it"),
            Event::Begins { .. } => out.write_str("has the lease and encodes"),
            Event::Finishes { .. } => out.write_str("filled in the result"),
            Event::Fenced { .. } => out.write_str("was overtaken"),
            Event::Hears { news: Heard::Progress(Progress { percent, worker }), .. } => {
                write!(out, "hears: {percent} % by {worker}")
            }
            Event::Hears { news: Heard::Gone, .. } => out.write_str("hears: nobody is at it any more"),
            Event::Hears { news: Heard::Ready { bytes }, .. } => write!(out, "hears: ready, {bytes} bytes"),
            Event::Served { .. } => out.write_str("has all results"),
        }
    }
}
