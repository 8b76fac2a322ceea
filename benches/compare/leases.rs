//! Many leases that are open at once: what memory each takes, and what the server does when they lapse.

use std::error::Error;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Batch, Client};
use crate::jobs::{Job, OPERATION};
use crate::report::{Report, Table};
use crate::spread::{self, Spread};
use crate::workloads::NAMESPACE;

/// Many, and few, to see whether the many cost more each.
const MANY: usize = 100_000;
const FEW: usize = 1000;

/// The length of params, in bytes.
const PARAMS_BYTES: usize = 150;

const PIPELINE: usize = 50;

/// How long leases last in milliseconds: longer than it takes to open as many; and until nothing here lapses.
const MANY_MS: u64 = 3000;
const FEW_MS: u64 = 200;
const FOREVER_MS: u64 = 600_000;

/// By how much a lapse may be late, and still is within what is measured.
const MARGIN: Duration = Duration::from_millis(300);

/// What opening some leases, and their lapse, took.
struct Opened {
    open_us: f64,
    lapse_us: f64,
}

/// Params of jobs that nobody has computed.
struct Jobs(Vec<String>);

/// Measures, and prints what came of it.
pub fn run(client: &mut Client, rounds: usize, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let jobs = Jobs((0..MANY).map(|number| Job::new(number, PARAMS_BYTES).params).collect());
    jobs.warm_up(client)?;
    println!("\nleases, of jobs with params of {PARAMS_BYTES} bytes");
    report.table(&jobs.memory(client)?);

    println!("\nus of the server's processor for each, medians of all rounds (min..max):");
    let mut table = Table::new("leases", &["", "rounds", "to open, µs", "to lapse, µs"]);
    forget_all(client)?;
    table.row(jobs.lapses(client, FEW, FEW_MS, rounds, "no others are open")?);
    jobs.open(client, FEW..MANY, FOREVER_MS)?;
    table.row(jobs.lapses(client, FEW, FEW_MS, rounds, "others are open, 100000 in all")?);
    forget_all(client)?;
    table.row(jobs.lapses(client, MANY, MANY_MS, rounds.div_ceil(4), "all that are open")?);
    report.table(&table);
    Ok(())
}

/// Drops all leases, and waits until the server has also freed what they took, which it does bit by bit.
fn forget_all(client: &mut Client) -> Result<(), Box<dyn Error>> {
    client.ask(&["FLUSHALL"])?.must_be("OK")?;
    client.ask(&["CACHE.CLOCK", NAMESPACE])?;
    sleep(Duration::from_secs(1))
}

impl Jobs {
    /// Asks for all without a lease, so that whatever the server remembers of spellings, and its buffers, have grown.
    fn warm_up(&self, client: &mut Client) -> Result<(), Box<dyn Error>> {
        for params in self.0.chunks(PIPELINE) {
            let mut batch = Batch::new();
            for params in params {
                let get = ["CACHE.RESULT", "GET", NAMESPACE, OPERATION, params];
                batch.push(&get.map(str::as_bytes), b"$-1\r\n");
            }
            client.exchange(&batch)?;
        }
        Ok(())
    }

    /// Opens a lease for each of some jobs.
    fn open(&self, client: &mut Client, range: Range<usize>, lease_ms: u64) -> Result<(), Box<dyn Error>> {
        let lease_ms = lease_ms.to_string();
        for params in self.0[range].chunks(PIPELINE) {
            let mut batch = Batch::new();
            for params in params {
                let fetch = ["CACHE.RESULT", "FETCH", NAMESPACE, OPERATION, params, "LEASE", &lease_ms];
                batch.push(&fetch.map(str::as_bytes), b"");
            }
            client.send_all(&batch)?;
            for _ in params {
                client.receive()?.fetched()?.lease()?;
            }
        }
        Ok(())
    }

    /// What memory few of them take, and what many; and how long the slowest of so many takes, opened one by one.
    fn memory(&self, client: &mut Client) -> Result<Table, Box<dyn Error>> {
        forget_all(client)?;
        let before = client.info("memory")?.figure("used_memory")?;
        let mut slowest = Duration::ZERO;
        let head = ["open at once", "memory of each, bytes", "the slowest one to open, ms"];
        let mut table = Table::new("leases-memory", &head);
        for (range, count) in [(0..FEW, FEW), (FEW..MANY, MANY)] {
            for number in range {
                let started = Instant::now();
                self.open(client, number..number + 1, FOREVER_MS)?;
                slowest = slowest.max(started.elapsed());
            }
            let bytes = client.info("memory")?.figure("used_memory")? - before;
            table.row(vec![
                count.to_string(),
                format!("{:.0}", bytes / count as f64),
                format!("{:.2}", slowest.as_secs_f64() * 1e3),
            ]);
        }
        Ok(table)
    }

    /// One line: what it takes to open some leases and to have them lapse.
    fn lapses(
        &self,
        client: &mut Client,
        count: usize,
        lease_ms: u64,
        rounds: usize,
        what: &str,
    ) -> Result<Vec<String>, Box<dyn Error>> {
        let rounds: Vec<Opened> =
            (0..rounds).map(|_| self.open_and_lapse(client, count, lease_ms)).collect::<Result<_, _>>()?;
        let each = |us: fn(&Opened) -> f64| {
            let each = rounds.iter().map(|round| us(round) / count as f64);
            spread::figure(Spread::of(each.collect()))
        };
        Ok(vec![
            format!("{count} lapse, {what}"),
            rounds.len().to_string(),
            each(|round| round.open_us),
            each(|round| round.lapse_us),
        ])
    }

    /// Opens leases and lets them lapse. What the server uses anyway in such a time is not counted.
    fn open_and_lapse(
        &self,
        client: &mut Client,
        count: usize,
        lease_ms: u64,
    ) -> Result<Opened, Box<dyn Error>> {
        let wait = Duration::from_millis(lease_ms) + MARGIN;
        let idle_us = cpu_us(client, |_| sleep(wait))?;
        let started = Instant::now();
        let open_us = cpu_us(client, |client| self.open(client, 0..count, lease_ms))?;
        if started.elapsed() > Duration::from_millis(lease_ms) {
            return Err(
                format!("{count} leases of {lease_ms} ms are not opened before the first lapses").into()
            );
        }
        let lapse_us = cpu_us(client, |_| sleep(wait))? - idle_us;
        Ok(Opened { open_us, lapse_us })
    }
}

/// The microseconds that the server's main thread uses meanwhile.
fn cpu_us(
    client: &mut Client,
    work: impl FnOnce(&mut Client) -> Result<(), Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
    let before = client.server_cpu()?;
    work(client)?;
    Ok(client.server_cpu()?.saturating_sub(before).as_secs_f64() * 1e6)
}

/// Lets the time pass.
fn sleep(time: Duration) -> Result<(), Box<dyn Error>> {
    thread::sleep(time);
    Ok(())
}
