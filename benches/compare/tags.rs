//! A tag that a million entries bear is invalidated: how long that takes in the server, when the memory is back, and what
//! another client notices of the sweep meanwhile.

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::pings::{Ping, Pings};
use crate::processes::now_ns;
use crate::reply::Reply;
use crate::report::{Bar, Report, Table};
use crate::spread::{self, Spread};
use crate::warm;
use crate::workloads::{NAMESPACE, STAY_S};

/// Few entries, to see whether many take longer to invalidate; so few are quickly there for many more rounds.
const FEW: usize = 1000;
const ROUNDS_OF_FEW: usize = 4;

const TAG: &str = "video:7";

/// Entries that are stored with one command.
const ROWS: usize = 10_000;

/// How often is looked whether the memory is back. It is looked as often while the server is idle.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What may be in use more than before: a part of what was taken, for the table of keys shrinks by and by, and the buffers
/// of connections.
const MAY_BE_KEPT: f64 = 0.01;
const BUFFERS_BYTES: f64 = 65_536.0;

/// After this time the sweep counts as stuck.
const STUCK: Duration = Duration::from_secs(300);

/// What is asked for.
const MOST_US: f64 = 50.0;
const MOST_BACK_S: f64 = 60.0;
const MOST_NOTICED_MS: f64 = 2.0;

/// How much to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    pub entries: usize,
    pub rounds: usize,
}

/// What was seen of one invalidation.
struct Seen {
    /// What the command took in the server.
    command_us: f64,
    /// When the last dead key was gone, and when the memory was back.
    gone_s: f64,
    back_s: f64,
    freed_bytes: f64,
    /// PINGs until then, and for as long a time thereafter.
    sweeping: Waits,
    idle: Waits,
}

/// How long another client waited for its PINGs, in milliseconds: for the slowest, and for one in a thousand.
struct Waits {
    slowest: f64,
    thousandth: f64,
}

/// Keys, and bytes in use.
#[derive(Clone, Copy)]
struct Stored {
    keys: i64,
    bytes: f64,
}

/// Measures, and prints what came of it.
pub fn run(
    port: u16,
    client: &mut Client,
    effort: Effort,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    warm_up(client)?;
    let few = (0..effort.rounds * ROUNDS_OF_FEW).map(|_| invalidate(port, client, FEW));
    let few = few.collect::<Result<Vec<_>, _>>()?;
    let many = (0..effort.rounds).map(|_| invalidate(port, client, effort.entries));
    let many = many.collect::<Result<Vec<_>, _>>()?;
    println!("\nINVALIDATE TAG: all entries bear the tag; medians of all rounds (min..max)");
    let both = [(FEW, &few), (effort.entries, &many)];
    report.table(&times(&both));
    report.table(&waits(&both));
    report_bars(&many, report);
    Ok(())
}

/// A figure of all rounds.
fn spread(seen: &[Seen], figure: fn(&Seen) -> f64) -> Spread {
    Spread::of(seen.iter().map(figure).collect())
}

/// How long it took until all was as before.
fn times(seen: &[(usize, &Vec<Seen>)]) -> Table {
    let head = ["entries", "rounds", "MB", "in the server, µs", "keys gone after, s", "memory back after, s"];
    let mut table = Table::new("tags", &head);
    for (entries, seen) in seen {
        table.row(vec![
            entries.to_string(),
            seen.len().to_string(),
            format!("{:.1}", spread(seen, |seen| seen.freed_bytes).median / 1e6),
            spread::figure(spread(seen, |seen| seen.command_us)),
            spread::figure(spread(seen, |seen| seen.gone_s)),
            spread::figure(spread(seen, |seen| seen.back_s)),
        ]);
    }
    table
}

/// What another client noticed.
fn waits(seen: &[(usize, &Vec<Seen>)]) -> Table {
    let idle = "on the idle server";
    let head = ["entries", "slowest PING, ms", idle, "one in 1000 takes at least, ms", idle];
    let mut table = Table::new("tags-pings", &head);
    for (entries, seen) in seen {
        table.row(vec![
            entries.to_string(),
            spread::figure(spread(seen, |seen| seen.sweeping.slowest)),
            spread::figure(spread(seen, |seen| seen.idle.slowest)),
            spread::figure(spread(seen, |seen| seen.sweeping.thousandth)),
            spread::figure(spread(seen, |seen| seen.idle.thousandth)),
        ]);
    }
    table
}

/// What is asked of the many.
fn report_bars(seen: &[Seen], report: &mut Report) {
    let mut bar = |what: &str, asked: &str, most: f64, figure: fn(&Seen) -> f64| {
        let spread = spread(seen, figure);
        report.bar(Bar::new(what, asked).found(spread::figure(spread), spread.median <= most));
    };
    bar("INVALIDATE TAG, in the server", "at most 50 µs", MOST_US, |seen| seen.command_us);
    bar("all memory back after it", "within 60 s", MOST_BACK_S, |seen| seen.back_s);
    let noticed = "at most 2 ms more than on an idle server";
    bar("the slowest PING during its sweep", noticed, MOST_NOTICED_MS, |seen| {
        seen.sweeping.slowest - seen.idle.slowest
    });
}

/// Does it once unseen: the server then remembers as many params as it ever will.
fn warm_up(client: &mut Client) -> Result<(), Box<dyn Error>> {
    client.ask(&["CACHE.CLOCK", NAMESPACE])?;
    let before = Stored::now(client)?;
    (0..2).try_for_each(|number| store(client, number * ROWS, ROWS))?;
    client.ask(&["CACHE.INVALIDATE", "TAG", NAMESPACE, TAG])?;
    watch(client, Instant::now(), |stored| stored.keys <= before.keys)?;
    Ok(())
}

/// Stores so many entries with the tag, invalidates it, and watches until all is as before.
fn invalidate(port: u16, client: &mut Client, entries: usize) -> Result<Seen, Box<dyn Error>> {
    client.ask(&["CACHE.CLOCK", NAMESPACE])?;
    let before = Stored::now(client)?;
    (0..entries).step_by(ROWS).try_for_each(|first| store(client, first, ROWS.min(entries - first)))?;
    let full = Stored::now(client)?;
    let enough_bytes = before.bytes + (full.bytes - before.bytes) * MAY_BE_KEPT + BUFFERS_BYTES;
    client.ask(&["CONFIG", "RESETSTAT"])?.must_be("OK")?;

    let pings = Pings::start(port)?;
    let (started, started_ns) = (Instant::now(), now_ns());
    client.ask(&["CACHE.INVALIDATE", "TAG", NAMESPACE, TAG])?;
    let gone = watch(client, started, |stored| stored.keys <= before.keys)?;
    let back = watch(client, started, |stored| stored.bytes <= enough_bytes)?;
    let (back_ns, idle) = (now_ns(), Instant::now());
    watch(client, idle, |_| idle.elapsed() >= back)?;
    let pings = pings.stop()?;

    let command_us = client.info("commandstats")?.usec("cache.invalidate|tag")?;
    Ok(Seen {
        command_us,
        gone_s: gone.as_secs_f64(),
        back_s: back.as_secs_f64(),
        freed_bytes: full.bytes - before.bytes,
        sweeping: Waits::of(&pings, started_ns, back_ns),
        idle: Waits::of(&pings, back_ns, now_ns()),
    })
}

/// Stores small entries with the tag, beginning with this number.
fn store(client: &mut Client, first: usize, count: usize) -> Result<(), Box<dyn Error>> {
    let params: Vec<String> = (first..first + count).map(|scene| format!(r#"{{"scene":{scene}}}"#)).collect();
    let mut words = vec!["CACHE.WARM", NAMESPACE, "EX", STAY_S, "TAGS", "1", TAG, "ENTRIES"];
    words.extend(params.iter().flat_map(|params| ["render", params, "a.mp4"]));
    client.exchange(&warm::stored(&words, count))
}

/// Looks again and again until it is `enough`: how long after `since` that was.
fn watch(
    client: &mut Client,
    since: Instant,
    enough: impl Fn(Stored) -> bool,
) -> Result<Duration, Box<dyn Error>> {
    while !enough(Stored::now(client)?) {
        if since.elapsed() > STUCK {
            return Err(format!("after {STUCK:?} the entries are not swept").into());
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(since.elapsed())
}

impl Waits {
    fn of(pings: &[Ping], from_ns: u64, to_ns: u64) -> Waits {
        Waits {
            slowest: Ping::slowest_ms(pings, from_ns, to_ns),
            thousandth: Ping::slowest_but_ms(pings, from_ns, to_ns, 0.001),
        }
    }
}

impl Stored {
    fn now(client: &mut Client) -> Result<Stored, Box<dyn Error>> {
        match client.ask(&["DBSIZE"])? {
            Reply::Integer(keys) => Ok(Stored { keys, bytes: client.info("memory")?.figure("used_memory")? }),
            other => Err(format!("DBSIZE answered {other:?}").into()),
        }
    }
}
