//! Many leases that are open at once: what memory each takes, and what the server does when they lapse.

use std::error::Error;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Batch, Client};
use crate::jobs::{Job, OPERATION};
use crate::measure::Spread;
use crate::table;
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
    bytes_each: f64,
    open_us_each: f64,
    lapse_us_each: f64,
}

/// Params of jobs that nobody has computed.
struct Jobs(Vec<String>);

/// Measures, and prints what came of it.
pub fn run(client: &mut Client, rounds: usize) -> Result<(), Box<dyn Error>> {
    client.ask(&["FLUSHALL"])?.must_be("OK")?;
    let jobs = Jobs((0..MANY).map(|number| Job::new(number, PARAMS_BYTES).params).collect());
    jobs.warm_up(client)?;
    println!(
        "\nleases: {PARAMS_BYTES} bytes of params, {PIPELINE} in a pipeline; medians of {rounds} rounds (min..max)"
    );
    println!(
        "  {:<44} {:<28} {:<26} {:<26}",
        "", "memory each, bytes", "CPU of opening, us", "CPU of a lapse, us"
    );
    let few = 0..FEW;
    let alone =
        (0..rounds).map(|_| jobs.open_and_lapse(client, few.clone(), FEW_MS)).collect::<Result<_, _>>()?;
    print(&format!("{FEW} lapse, no others are open"), alone);
    jobs.open(client, FEW..MANY, FOREVER_MS)?;
    let among =
        (0..rounds).map(|_| jobs.open_and_lapse(client, few.clone(), FEW_MS)).collect::<Result<_, _>>()?;
    print(&format!("{FEW} lapse, {} others are open", MANY - FEW), among);
    client.ask(&["FLUSHALL"])?.must_be("OK")?;
    let all = (0..rounds.div_ceil(4))
        .map(|_| jobs.open_and_lapse(client, 0..MANY, MANY_MS))
        .collect::<Result<_, _>>()?;
    print(&format!("{MANY} lapse"), all);
    Ok(())
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

    /// Opens a lease for each of some jobs and lets them lapse. What the server uses anyway in such a time is not counted.
    fn open_and_lapse(
        &self,
        client: &mut Client,
        range: Range<usize>,
        lease_ms: u64,
    ) -> Result<Opened, Box<dyn Error>> {
        let count = range.len() as f64;
        let wait = Duration::from_millis(lease_ms) + MARGIN;
        let idle = cpu_of(client, |_| sleep(wait))?;
        let before = client.info("memory")?.figure("used_memory")?;
        let started = Instant::now();
        let opening = cpu_of(client, |client| self.open(client, range.clone(), lease_ms))?;
        if started.elapsed() > Duration::from_millis(lease_ms) {
            return Err(
                format!("{count} leases of {lease_ms} ms cannot be opened before the first lapses").into()
            );
        }
        let bytes = client.info("memory")?.figure("used_memory")? - before;
        let lapse = cpu_of(client, |_| sleep(wait))?;
        Ok(Opened {
            bytes_each: bytes / count,
            open_us_each: opening / count,
            lapse_us_each: (lapse - idle).max(0.0) / count,
        })
    }
}

/// The microseconds that the server's main thread uses meanwhile.
fn cpu_of(
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

/// One line.
fn print(what: &str, opened: Vec<Opened>) {
    let spread = |figure: fn(&Opened) -> f64| table::figure(Spread::of(opened.iter().map(figure).collect()));
    println!(
        "  {:<44} {:<28} {:<26} {:<26}",
        what,
        spread(|one| one.bytes_each),
        spread(|one| one.open_us_each),
        spread(|one| one.lapse_us_each)
    );
}
