//! The second act: four workers and twenty requesters, each a process of its own, over the same plan of encodings. One of
//! the workers is killed in the midst of one.

use std::error::Error;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, pipe};
use std::ops::RangeInclusive;
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use crate::Stage;
use crate::plan::Plan;
use crate::process::that_dies_with_us;
use crate::record::{Loss, Record};
use crate::report::{Event, Heard, Report};

const WORKERS: RangeInclusive<usize> = 1..=4;

/// The requesters who are there from the beginning, and those who come when a worker is killed.
const EARLY: RangeInclusive<usize> = 1..=10;
const LATE: RangeInclusive<usize> = 11..=20;

/// The requester whose news is printed.
const SPEAKER: &str = "requester-1";

/// How far the last job is, in percent, when its worker is killed.
const KILL_AT: u64 = 25;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// How often the processes are looked after.
const ROUND: Duration = Duration::from_millis(100);

/// Plays the act, and checks that it came out as it should.
pub fn run(stage: &Stage) -> Result<(), Box<dyn Error>> {
    let plan = Plan::of(&stage.source.digest);
    fs::write(Plan::path_in(stage.folder.path()), serde_json::to_string_pretty(&plan)?)?;
    println!(
        "{} workers and {} requesters share a plan of {} encodings. Of what requesters hear, {SPEAKER}'s is shown:\n",
        WORKERS.count(),
        EARLY.chain(LATE).count(),
        plan.jobs.len()
    );
    let mut crew = Crew::new(stage)?;
    crew.start("requester", EARLY)?;
    crew.start("worker", WORKERS)?;
    let record = crew.follow(&plan)?;
    record.check(&plan, EARLY.chain(LATE).count())?;
    println!();
    record.summarise(&EARLY.map(|nth| name("requester", nth)).collect::<Vec<_>>());
    Ok(())
}

/// Everyone who takes part, and what they tell.
struct Crew<'a> {
    stage: &'a Stage,
    members: Vec<Member>,
    /// Their reports, each a line of JSON.
    reports: Receiver<String>,
    /// Our end of the pipe that all members write to; given up when all have ended.
    pipe: Option<PipeWriter>,
    began: Instant,
}

/// A process. Dropping it kills it.
struct Member {
    name: String,
    process: Child,
}

impl Crew<'_> {
    /// Nobody yet.
    fn new(stage: &Stage) -> Result<Crew<'_>, Box<dyn Error>> {
        let (reader, writer) = pipe()?;
        Ok(Crew {
            stage,
            members: Vec::new(),
            reports: lines_from(reader),
            pipe: Some(writer),
            began: Instant::now(),
        })
    }

    /// Starts those of a role: this very program, told what to be.
    fn start(&mut self, role: &str, which: RangeInclusive<usize>) -> Result<(), Box<dyn Error>> {
        let pipe = self.pipe.as_ref().ok_or("the crew has gone home")?;
        for nth in which {
            let name = name(role, nth);
            let process = that_dies_with_us(env::current_exe()?)
                .args([role, &name, &self.stage.server.port().to_string()])
                .arg(self.stage.folder.path())
                .stdout(pipe.try_clone()?)
                .spawn()?;
            self.members.push(Member { name, process });
        }
        Ok(())
    }

    /// Follows them until the last has ended. Kills one meanwhile, and has the late requesters come then.
    fn follow(&mut self, plan: &Plan) -> Result<Record, Box<dyn Error>> {
        let mut record = Record::default();
        while let Some(report) = self.report()? {
            self.print(&report);
            record.take(&report);
            if let Some(percent) = midway(&report)
                && record.loss().is_none()
                && record.begins().len() == plan.jobs.len()
                && let Some(last) = record.begins().last().filter(|last| report.event.job() == last.job)
            {
                let (job, worker) = (last.job.clone(), last.worker.clone());
                let pid = self.kill(&worker)?;
                self.line(&worker, &job, &format!("is KILLED (process {pid})"));
                record.lose(Loss { job, worker, percent, at: Instant::now() });
                self.start("requester", LATE)?;
            }
        }
        Ok(record)
    }

    /// The next report of any of them; nothing once all have ended, and none failed.
    fn report(&mut self) -> Result<Option<Report>, Box<dyn Error>> {
        loop {
            match self.reports.recv_timeout(ROUND) {
                Ok(line) => return Ok(Some(serde_json::from_str(&line)?)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => self.look_after_them()?,
            }
        }
    }

    /// An error if one of them failed, or all together take too long.
    fn look_after_them(&mut self) -> Result<(), Box<dyn Error>> {
        let mut running = Vec::new();
        for member in &mut self.members {
            match member.process.try_wait()? {
                Some(status) if !status.success() => {
                    return Err(format!("{} ended with {status}", member.name).into());
                }
                Some(_) => {}
                None => running.push(member.name.as_str()),
            }
        }
        if running.is_empty() {
            // The pipe ends when nobody holds an end to write to; what is still in it is read before that.
            self.pipe = None;
        } else if self.began.elapsed() > PATIENCE {
            return Err(format!("not ready within {PATIENCE:?}: {}", running.join(", ")).into());
        }
        Ok(())
    }

    /// Kills the member of that name in the midst of what it does, and gives the id that its process had.
    fn kill(&mut self, name: &str) -> Result<u32, Box<dyn Error>> {
        let place = self.members.iter().position(|member| member.name == name);
        let mut member = self.members.swap_remove(place.ok_or("a stranger is to be killed")?);
        member.process.kill()?;
        member.process.wait()?;
        Ok(member.process.id())
    }

    /// Prints what workers do, and what one of the requesters hears.
    fn print(&self, report: &Report) {
        match report.event {
            Event::Served { .. } => {}
            Event::Hears { .. } if report.from != SPEAKER => {}
            _ => self.line(&report.from, report.event.job(), &report.event.to_string()),
        }
    }

    fn line(&self, who: &str, job: &str, what: &str) {
        println!("{:>7.2}  {who:<12} {job:<10} {what}", self.began.elapsed().as_secs_f64());
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Both fail where it has ended already, which is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn name(role: &str, nth: usize) -> String {
    format!("{role}-{nth}")
}

/// How far a job is, in percent, by the report of the speaker, if that is far enough to be called in the midst of it.
fn midway(report: &Report) -> Option<u64> {
    match &report.event {
        Event::Hears { news: Heard::Progress(progress), .. } if report.from == SPEAKER => {
            Some(progress.percent).filter(|percent| (KILL_AT..100).contains(percent))
        }
        _ => None,
    }
}

/// Reads what the members write, line by line, until none of them is left.
fn lines_from(reader: PipeReader) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(reader).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
