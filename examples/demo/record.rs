//! What came of the second act: everything that was reported, and whether it is as it should be.

use std::collections::HashSet;
use std::time::Instant;

use crate::plan::Plan;
use crate::report::{Event, Heard, Report};

/// All that was reported.
#[derive(Default)]
pub struct Record {
    begins: Vec<Begin>,
    finishes: Vec<Finish>,
    services: Vec<Service>,
    /// The jobs whose progress was heard of.
    followed: HashSet<String>,
    loss: Option<Loss>,
}

/// A worker began to encode.
pub struct Begin {
    pub job: String,
    pub worker: String,
    at: Instant,
}

/// A worker was killed.
pub struct Loss {
    pub job: String,
    pub worker: String,
    /// How far the job was.
    pub percent: u64,
    pub at: Instant,
}

/// A result was accepted.
struct Finish {
    job: String,
    digest: String,
}

/// A requester has all results.
struct Service {
    requester: String,
    digests: Vec<String>,
    commands: usize,
    news: usize,
}

impl Record {
    /// Notes what is reported.
    pub fn take(&mut self, report: &Report) {
        let from = &report.from;
        match &report.event {
            Event::Begins { job } => {
                self.begins.push(Begin { job: job.clone(), worker: from.clone(), at: Instant::now() });
            }
            Event::Finishes { job, digest } => {
                self.finishes.push(Finish { job: job.clone(), digest: digest.clone() });
            }
            Event::Hears { job, news: Heard::Progress(_) } => {
                self.followed.insert(job.clone());
            }
            Event::Served { digests, commands, news } => self.services.push(Service {
                requester: from.clone(),
                digests: digests.clone(),
                commands: *commands,
                news: *news,
            }),
            Event::Hears { .. } | Event::Waits { .. } | Event::Fenced { .. } => {}
        }
    }

    /// Notes that a worker was killed.
    pub fn lose(&mut self, loss: Loss) {
        self.loss = Some(loss);
    }

    /// The worker that was killed, if one was.
    pub fn loss(&self) -> Option<&Loss> {
        self.loss.as_ref()
    }

    /// Every beginning so far, the last one last.
    pub fn begins(&self) -> &[Begin] {
        &self.begins
    }

    /// An error that says what is not as it should be.
    pub fn check(&self, plan: &Plan, requesters: usize) -> Result<(), String> {
        let lost = self.loss.as_ref().map(|loss| loss.job.as_str());
        let mut digests = Vec::new();
        for job in plan.jobs.iter().map(|job| job.name()) {
            let begun = self.begins.iter().filter(|begin| begin.job == job).count();
            let expected = if Some(job) == lost { 2 } else { 1 };
            if begun != expected {
                return Err(format!("{job} was begun {begun} times instead of {expected}"));
            }
            let mut finishes = self.finishes.iter().filter(|finish| finish.job == job);
            match (finishes.next(), finishes.next()) {
                (Some(finish), None) => digests.push(finish.digest.as_str()),
                (None, _) => return Err(format!("{job} was never finished")),
                (Some(_), Some(_)) => return Err(format!("{job} was finished more than once")),
            }
            if !self.followed.contains(job) {
                return Err(format!("nobody heard of {job}'s progress"));
            }
        }
        if lost.is_none() {
            return Err("no worker was killed: none was seen in the midst of the last job".into());
        }
        if self.services.len() != requesters {
            return Err(format!("{} of {requesters} requesters have all results", self.services.len()));
        }
        match self.services.iter().find(|service| service.digests != digests) {
            Some(service) => Err(format!("{} has other results than were made", service.requester)),
            None => Ok(()),
        }
    }

    /// Prints what there is to say, `early` being the requesters who were there from the beginning.
    pub fn summarise(&self, early: &[String]) {
        println!(
            "Each of the {} encodings was finished once, and is what every requester has.",
            self.finishes.len()
        );
        if let (Some(loss), Some(next)) = (&self.loss, self.takeover()) {
            println!(
                "{} was begun twice: {} was killed at {} %, and {} had its lease {:.2} s later.",
                loss.job,
                loss.worker,
                loss.percent,
                next.worker,
                next.at.duration_since(loss.at).as_secs_f64()
            );
        }
        let (early, late): (Vec<_>, Vec<_>) =
            self.services.iter().partition(|service| early.contains(&service.requester));
        for (who, services) in [("were there from the beginning", early), ("came when it was killed", late)] {
            println!(
                "The {} requesters who {who} sent {} commands each and heard {} pieces of news.",
                services.len(),
                range(services.iter().map(|service| service.commands)),
                range(services.iter().map(|service| service.news))
            );
        }
    }

    /// The beginning of what the killed worker did not finish.
    fn takeover(&self) -> Option<&Begin> {
        let loss = self.loss.as_ref()?;
        self.begins.iter().find(|begin| begin.job == loss.job && begin.worker != loss.worker)
    }
}

/// From the least to the most.
fn range(counts: impl Iterator<Item = usize> + Clone) -> String {
    let (least, most) = (counts.clone().min().unwrap_or(0), counts.max().unwrap_or(0));
    if least == most { least.to_string() } else { format!("{least} to {most}") }
}
