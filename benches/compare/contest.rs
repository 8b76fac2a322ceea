//! Several ways of doing one large thing, beside each other: each once a round, and ratios taken within a round.

use std::error::Error;
use std::time::{Duration, Instant};

use crate::client::{Batch, Client};
use crate::report::{Bar, Report, Table};
use crate::spread::{self, Spread};

/// One way of doing it.
pub struct Contender {
    pub name: &'static str,
    /// What puts everything in its place; not measured.
    pub before: Vec<Batch>,
    /// What is measured: batches, each sent when the one before is answered.
    pub work: Vec<Batch>,
}

/// What came of one way, round by round.
pub struct Outcome {
    name: &'static str,
    costs: Vec<Cost>,
}

/// What doing it once took.
#[derive(Clone, Copy)]
pub struct Cost {
    wall: Duration,
    /// What the server's main thread used of a processor.
    cpu: Duration,
}

/// Measures all ways against each other: one round unseen, then those that count, in a shifting order.
pub fn run(
    client: &mut Client,
    contenders: &[Contender],
    rounds: usize,
) -> Result<Vec<Outcome>, Box<dyn Error>> {
    let mut outcomes: Vec<Outcome> =
        contenders.iter().map(|one| Outcome { name: one.name, costs: Vec::new() }).collect();
    for contender in contenders {
        contender.turn(client)?;
    }
    for round in 0..rounds {
        for turn in 0..contenders.len() {
            let index = (round + turn) % contenders.len();
            outcomes[index].costs.push(contenders[index].turn(client)?);
        }
    }
    Ok(outcomes)
}

/// One line for each way; the ratios are to the first.
pub fn report(name: &'static str, outcomes: &[Outcome], report: &mut Report) {
    let head = ["", "server CPU, ms", "wall, ms", "of the first, by CPU", "by wall"];
    let mut table = Table::new(name, &head);
    for outcome in outcomes {
        table.row(vec![
            outcome.name.to_owned(),
            spread::figure(outcome.spread(Cost::cpu_ms)),
            spread::figure(outcome.spread(Cost::wall_ms)),
            spread::ratio(outcome.of(&outcomes[0], Cost::cpu_ms)),
            spread::ratio(outcome.of(&outcomes[0], Cost::wall_ms)),
        ]);
    }
    report.table(&table);
}

impl Contender {
    fn turn(&self, client: &mut Client) -> Result<Cost, Box<dyn Error>> {
        self.before.iter().try_for_each(|batch| client.exchange(batch))?;
        let cpu_before = client.server_cpu()?;
        let started = Instant::now();
        self.work.iter().try_for_each(|batch| client.exchange(batch))?;
        let wall = started.elapsed();
        Ok(Cost { wall, cpu: client.server_cpu()?.saturating_sub(cpu_before) })
    }
}

impl Outcome {
    fn spread(&self, figure: fn(&Cost) -> f64) -> Spread {
        Spread::of(self.costs.iter().map(figure).collect())
    }

    /// A figure as a ratio to the same of another way in the same round.
    fn of(&self, other: &Outcome, figure: fn(&Cost) -> f64) -> Spread {
        Spread::of(
            self.costs.iter().zip(&other.costs).map(|(one, other)| figure(one) / figure(other)).collect(),
        )
    }

    /// Whether a figure is at most so many times that of another way. Both are named as they are known outside of their table.
    pub fn at_most(
        &self,
        figure: fn(&Cost) -> f64,
        [what, of]: [&str; 2],
        most: f64,
        other: &Outcome,
    ) -> Bar {
        let ratio = self.of(other, figure);
        Bar::new(what, format!("at most {most:.2} of {of}")).found(spread::ratio(ratio), ratio.median <= most)
    }
}

impl Cost {
    /// Milliseconds on the clock.
    pub fn wall_ms(&self) -> f64 {
        self.wall.as_secs_f64() * 1e3
    }

    /// Milliseconds of the server's processor.
    pub fn cpu_ms(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e3
    }
}
