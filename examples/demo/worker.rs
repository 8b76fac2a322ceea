//! A worker: a process that can encode. Several work on the same plan and never speak to each other.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use crate::cache::lease::{Fetched, Lease, Standing};
use crate::cache::{Cache, Facts};
use crate::encoder::{self, Encoder};
use crate::media::{Rendition, Source};
use crate::plan::{Job, Plan};
use crate::report::{Event, Progress, tell};

/// How often a worker says that it is alive, at least: a third of what its lease lasts.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// How much further it is, in percent, whenever it shows its progress.
const STRIDE: u64 = 20;

/// How long it waits for another, however often leases change hands meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker at its plan.
struct Worker<'a> {
    name: &'a str,
    cache: Cache,
    folder: &'a Path,
}

/// Works on the plan until each of its results is there, whoever made it.
pub fn run(name: &str, cache: Cache, plan: &Plan, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut worker = Worker { name, cache, folder };
    let mut left = Vec::new();
    for job in &plan.jobs {
        // What another encodes is left for later: there is other work to do.
        if !worker.settle(job, None)? {
            left.push(job);
        }
    }
    for job in left {
        // Now there is none. Should the other vanish, one of those who wait is given the lease.
        if !worker.settle(job, None)? {
            tell(name, Event::Waits { job: job.name().into() })?;
            if !worker.settle(job, Some(PATIENCE))? {
                return Err(format!("{} was not there within {PATIENCE:?}", job.name()).into());
            }
        }
    }
    Ok(())
}

impl Worker<'_> {
    /// Sees to it that the job's result is there, within `patience` if another is at it; false if it still is.
    fn settle(&mut self, job: &Job, patience: Option<Duration>) -> Result<bool, Box<dyn Error>> {
        match self.cache.fetch(job.operation, &job.params, self.name, patience, Rendition::is_intact)? {
            Fetched::Ready(_) => Ok(true),
            Fetched::Busy => Ok(false),
            Fetched::Leased(lease) => self.compute(job, lease),
        }
    }

    /// Computes what we have the lease of; false if we were overtaken.
    fn compute(&mut self, job: &Job, lease: Lease) -> Result<bool, Box<dyn Error>> {
        tell(self.name, Event::Begins { job: job.name().into() })?;
        let finished = match self.encode(job, &lease) {
            Ok(Some(rendition)) => self.fill(job, lease, &rendition)?,
            Ok(None) => false,
            Err(e) => {
                // Those who wait shall know at once, and not when the lease lapses.
                self.cache.fail(lease, &e.to_string())?;
                return Err(e);
            }
        };
        if !finished {
            tell(self.name, Event::Fenced { job: job.name().into() })?;
        }
        Ok(finished)
    }

    /// Encodes, and shows how far it is; nothing if we were overtaken meanwhile.
    fn encode(&mut self, job: &Job, lease: &Lease) -> Result<Option<Rendition>, Box<dyn Error>> {
        let source = Source { path: Source::path_in(self.folder), digest: job.params.source.into() };
        let path = self.folder.join(format!("{}.mp4", job.name()));
        let encoder = Encoder::begin(&source, &job.params.profile, &path)?;
        let mut show_from = 0;
        let mut now = encoder::Progress::Percent(0);
        loop {
            let standing = match now {
                encoder::Progress::Ended => return encoder.finish().map(Some),
                encoder::Progress::Percent(percent @ 0..100) if percent >= show_from => {
                    show_from = percent + STRIDE;
                    self.cache.renew_with(lease, &Progress { percent, worker: self.name.into() })?
                }
                encoder::Progress::Percent(_) | encoder::Progress::Silent => self.cache.renew(lease)?,
            };
            if standing == Standing::Fenced {
                return Ok(None);
            }
            now = encoder.progress(SIGN_OF_LIFE);
        }
    }

    /// Hands over the rendition; false if we were overtaken.
    fn fill(&mut self, job: &Job, lease: Lease, rendition: &Rendition) -> Result<bool, Box<dyn Error>> {
        let facts = Facts { weight: rendition.bytes, tag: format!("source:{}", job.params.source) };
        if self.cache.fill(lease, rendition, &facts)? == Standing::Fenced {
            return Ok(false);
        }
        tell(self.name, Event::Finishes { job: job.name().into(), digest: rendition.digest.clone() })?;
        Ok(true)
    }
}
