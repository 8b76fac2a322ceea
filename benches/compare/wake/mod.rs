//! Ten thousand clients wait for one value. How long after it is there has the last one it, and how long does a client
//! that has nothing to do with them wait meanwhile for a PING?

pub mod waiters;

use std::error::Error;
use std::thread;
use std::time::Duration;

use crate::client::Client;
use crate::load::{Load, Way};
use crate::pings::{Ping, Pings};
use crate::processes::{Priority, Processes, now_ns};
use crate::report::{Bar, Report, Table};
use crate::spread::{self, Spread};

/// The role of the client processes.
pub const ROLE: &str = "waiters";

const PROCESSES: usize = 4;
const CLIENTS_EACH: usize = 2500;
const CLIENTS: usize = PROCESSES * CLIENTS_EACH;

/// Connections of the server.
const CONNECTIONS: usize = CLIENTS + 20;

/// Files that the server must be allowed to open: those that it keeps for itself come on top.
pub const FILES: usize = CONNECTIONS + 80;

/// How long PINGs are sent before the value is there: how long they take anyway.
const QUIET: Duration = Duration::from_millis(200);

/// How long a PING may take while FETCH is answered.
const MOST_MS: f64 = 5.0;

/// What was seen of one round.
struct Wake {
    /// From when the value was sent until the last one had it.
    all_served_ms: f64,
    /// The slowest PING meanwhile, and of as many before.
    slowest_ping_ms: f64,
    slowest_before_ms: f64,
}

/// Measures, and prints what came of it.
pub fn run(port: u16, client: &mut Client, rounds: usize, report: &mut Report) -> Result<(), Box<dyn Error>> {
    client.ask(&["CONFIG", "SET", "maxclients", &CONNECTIONS.to_string()])?.must_be("OK")?;
    let mut processes = Processes::start(ROLE, port, PROCESSES, CLIENTS_EACH, Priority::Idle)?;
    let ways = [Way::Fetch, Way::Stream];
    let mut wakes = ways.map(|_| Vec::new());
    for number in 0..rounds {
        for (way, wakes) in ways.into_iter().zip(&mut wakes) {
            wakes.push(wake(port, &mut processes, client, &Load::new(way, number, Duration::ZERO))?);
        }
    }
    println!("\nwaking: {CLIENTS} clients in {PROCESSES} processes wait for one value; {rounds} rounds");
    let head = ["", "the last one has it after, ms", "slowest PING meanwhile, ms", "and before, ms"];
    let mut table = Table::new("wake", &head);
    for (way, wakes) in ways.into_iter().zip(&wakes) {
        let spread =
            |figure: fn(&Wake) -> f64| spread::figure(Spread::of(wakes.iter().map(figure).collect()));
        table.row(vec![
            way.name().to_owned(),
            spread(|wake| wake.all_served_ms),
            spread(|wake| wake.slowest_ping_ms),
            spread(|wake| wake.slowest_before_ms),
        ]);
    }
    report.table(&table);
    // The median: with other work on the machine a round now and then has a slow PING while nobody is woken, too.
    let slowest = Spread::of(wakes[0].iter().map(|wake| wake.slowest_ping_ms).collect()).median;
    report.bar(
        Bar::new(format!("the slowest PING while FETCH wakes {CLIENTS}"), format!("at most {MOST_MS} ms"))
            .found(format!("{slowest:.2} ms"), slowest <= MOST_MS),
    );
    Ok(())
}

/// One round: all wait, the value comes, all have it.
fn wake(
    port: u16,
    processes: &mut Processes,
    client: &mut Client,
    load: &Load,
) -> Result<Wake, Box<dyn Error>> {
    let token = match load.way {
        Way::Fetch => {
            load.ask(client)?;
            client.receive()?.fetched()?.lease()?
        }
        Way::Stream | Way::Poll => String::new(),
    };
    processes.order(&load.to_order())?;
    processes.reports::<0>()?;
    client.until_blocked(CLIENTS)?;

    let quiet_ns = now_ns();
    let pings = Pings::start(port)?;
    thread::sleep(QUIET);
    let published_ns = load.publish(client, &token)?;
    let reports = processes.reports()?;
    let served_ns = reports.into_iter().map(|[served_ns]| served_ns).max().unwrap_or_default();
    let pings = pings.stop()?;
    load.confirm(client)?;
    Ok(Wake {
        all_served_ms: served_ns.saturating_sub(published_ns) as f64 / 1e6,
        slowest_ping_ms: Ping::slowest_ms(&pings, published_ns, served_ns),
        slowest_before_ms: Ping::slowest_ms(&pings, quiet_ns, published_ns),
    })
}
