//! Single flight: many clients ask for one key that is missing, and one of them computes it. How often does the loader
//! run, how many commands does each client send, and how long after the loader is done has the last one its value?

pub mod clients;

use std::error::Error;
use std::thread;
use std::time::Duration;

use clients::Turn;

use crate::client::Client;
use crate::load::{Load, Way};
use crate::processes::{Priority, Processes};
use crate::report::{Bar, Report, Table};
use crate::spread::{self, Spread};

/// The role of the client processes.
pub const ROLE: &str = "single-flight";

const PROCESSES: usize = 4;
const CLIENTS_EACH: usize = 50;
const CLIENTS: usize = PROCESSES * CLIENTS_EACH;

/// How long the clients of XREAD have waited, at most, when they are woken. More makes no difference any more.
const STREAM_WAITS: Duration = Duration::from_millis(200);

/// Polling takes long and tells little that is new: it is measured in one round of so many.
const ROUNDS_BETWEEN_POLLS: usize = 5;

/// How many times as long as the last of XREAD the last of FETCH may wait.
const MOST_OF_STREAM: f64 = 1.5;

/// How much to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    /// How long the loader computes.
    pub loader: Duration,
}

/// What came of each way, round by round.
#[derive(Default)]
struct Rounds {
    fetch: Vec<Turn>,
    stream: Vec<Turn>,
    poll: Vec<Turn>,
}

/// Measures, and prints what came of it.
pub fn run(
    port: u16,
    client: &mut Client,
    effort: Effort,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    let mut processes = Processes::start(ROLE, port, PROCESSES, CLIENTS_EACH, Priority::Usual)?;
    let mut rounds = Rounds::default();
    for number in 0..effort.rounds {
        let mut turn = |way, takes| turn(&mut processes, client, &Load::new(way, number, takes));
        rounds.fetch.push(turn(Way::Fetch, effort.loader)?);
        rounds.stream.push(turn(Way::Stream, effort.loader.min(STREAM_WAITS))?);
        if number % ROUNDS_BETWEEN_POLLS == 0 {
            rounds.poll.push(turn(Way::Poll, effort.loader)?);
        }
    }
    rounds.report(effort.loader, report);
    Ok(())
}

/// Has all clients ask for one value in one way.
fn turn(processes: &mut Processes, client: &mut Client, load: &Load) -> Result<Turn, Box<dyn Error>> {
    processes.order(&load.to_order())?;
    let mut turns = Vec::new();
    if load.way == Way::Stream {
        // None of those that read computes: that is for us.
        client.until_blocked(CLIENTS)?;
        thread::sleep(load.takes);
        let published_ns = load.publish(client, "")?;
        load.confirm(client)?;
        turns.push(Turn { published_ns, ..Turn::default() });
    }
    turns.extend(processes.reports()?.into_iter().map(Turn::from_report));
    Ok(Turn::of_all(turns))
}

impl Rounds {
    /// One line for each way.
    fn report(&self, loader: Duration, report: &mut Report) {
        println!("\nsingle flight: {CLIENTS} clients in {PROCESSES} processes ask for a key that is missing");
        println!("  a loader of {} ms; medians of all rounds (min..max)", loader.as_millis());
        let head =
            ["", "rounds", "loader runs", "commands a client", "the last one has it after, ms", "of XREAD"];
        let mut table = Table::new("flight", &head);
        for (way, turns) in [(Way::Fetch, &self.fetch), (Way::Stream, &self.stream), (Way::Poll, &self.poll)]
        {
            table.row(vec![
                way.name().to_owned(),
                turns.len().to_string(),
                loads(turns),
                commands(turns),
                spread::figure(Spread::of(turns.iter().map(Turn::lateness_ms).collect())),
                spread::ratio(self.of_stream(turns)),
            ]);
        }
        report.table(&table);
        self.report_bars(report);
    }

    /// What is asked of FETCH.
    fn report_bars(&self, report: &mut Report) {
        let once = self.fetch.iter().all(|turn| turn.loads == 1);
        let most = self.fetch.iter().map(|turn| turn.most_commands).max().unwrap_or_default();
        let late = self.of_stream(&self.fetch);
        report.bar(Bar::new("runs of a loader behind FETCH", "1 each round").found(loads(&self.fetch), once));
        report
            .bar(Bar::new("commands that each client sends", "at most 2").found(most.to_string(), most <= 2));
        report.bar(
            Bar::new("FETCH: the last one has it", format!("at most {MOST_OF_STREAM:.2} of XREAD BLOCK"))
                .found(spread::ratio(late), late.median <= MOST_OF_STREAM),
        );
    }

    /// How long the last one waits, as a ratio to XREAD in the same round.
    fn of_stream(&self, turns: &[Turn]) -> Spread {
        let rounds_between = self.stream.len().div_ceil(turns.len());
        let streams = self.stream.iter().step_by(rounds_between);
        Spread::of(
            turns.iter().zip(streams).map(|(one, stream)| one.lateness_ms() / stream.lateness_ms()).collect(),
        )
    }
}

/// How often the loader ran in a round, at the least and at the most.
fn loads(turns: &[Turn]) -> String {
    let spread = Spread::of(turns.iter().map(|turn| turn.loads as f64).collect());
    match spread {
        Spread { max: 0.0, .. } => "-".to_owned(),
        Spread { min, max, .. } => format!("{min:.0}..{max:.0}"),
    }
}

/// How many commands a client sent, in the mean and at the most.
fn commands(turns: &[Turn]) -> String {
    let all: u64 = turns.iter().map(|turn| turn.commands).sum();
    let most = turns.iter().map(|turn| turn.most_commands).max().unwrap_or_default();
    format!("{:.2}, at most {most}", all as f64 / (turns.len() * CLIENTS) as f64)
}
