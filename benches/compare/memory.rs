//! What entries weigh in memory beside plain strings with the same results and the same expiry, each in a server of its own.

use std::error::Error;
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::client::{Batch, Client};
use crate::jobs::{Job, OPERATION};
use crate::kinds::{Kind, Made};
use crate::report::{Bar, Report, Table};
use crate::server::Server;
use crate::warm;
use crate::workloads::{NAMESPACE, OK, STAY_S};

/// The length of the params of jobs, in bytes. They are not stored.
const PARAMS_BYTES: usize = 150;

/// How many are stored with one command, or sent together.
const CHUNK: usize = 1000;

/// As many spellings as the server remembers, and more.
const WARM_UP: usize = 20_000;

/// From this length on results are compressed.
const COMPRESS: &str = "100b";

/// Where every run finds the same results.
const SEED: u64 = 7;

/// By then a dictionary is made of what was stored, and installed.
const LEARNT: Duration = Duration::from_secs(2);

/// By then the server has dropped what it had for a client that left.
const SETTLED: Duration = Duration::from_millis(500);

/// What entries may take of plain strings.
const MOST: f64 = 1.0;
const MOST_COMPRESSED: f64 = 0.65;

/// Where results are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    /// Strings at `result:<operation>:<64 hex>`, hashed by the client.
    Plain,
    /// Entries.
    Cache,
    /// Entries, compressed, of operations that have dictionaries.
    Compressed,
}

/// Where results come from: the one of each number.
type Source<'a> = &'a dyn Fn(usize) -> Made;

/// Bytes of memory for each.
#[derive(Clone, Copy, Default)]
struct Taken {
    plain: f64,
    cache: f64,
    /// None where the server knows no such rule.
    compressed: Option<f64>,
}

/// Measures, and prints what came of it: of so many entries, and of as many of all kinds together.
pub fn run(entries: usize, report: &mut Report) -> Result<(), Box<dyn Error>> {
    println!("\nmemory, bytes for each: key, expiry and all; strings and entries have the same results");
    let head = ["", "entries", "result, bytes", "string", "entry", "ratio", "compressed", "ratio"];
    let mut table = Table::new("memory", &head);
    let job = |number| {
        let Job { params, result, .. } = Job::new(number, PARAMS_BYTES);
        Made { operation: OPERATION, params, result }
    };
    let plain = taken(Store::Plain, &job, entries)?.ok_or("plain strings are refused")?;
    let cache = taken(Store::Cache, &job, entries)?.ok_or("entries are refused")?;
    let taken_of_jobs = Taken { plain, cache, compressed: None };
    table.row(row("jobs", entries, &job, taken_of_jobs));

    let mut all = Taken { compressed: Some(0.0), ..Taken::default() };
    let share = entries / Kind::ALL.len();
    for kind in Kind::ALL {
        let source = |number| kind.make(SEED, number as u64);
        let one = Taken {
            plain: taken(Store::Plain, &source, share)?.ok_or("plain strings are refused")?,
            cache: taken(Store::Cache, &source, share)?.ok_or("entries are refused")?,
            compressed: taken(Store::Compressed, &source, share)?,
        };
        table.row(row(kind.name(), share, &source, one));
        all.add(one);
    }
    report.table(&table);
    report_bars(cache / plain, all, report);
    Ok(())
}

/// One line.
fn row(name: &str, entries: usize, source: Source<'_>, taken: Taken) -> Vec<String> {
    let bytes: usize = (0..CHUNK).map(|number| source(number).result.len()).sum();
    let of_plain = |bytes: f64| format!("{:.2}", bytes / taken.plain);
    vec![
        name.to_owned(),
        entries.to_string(),
        (bytes / CHUNK).to_string(),
        format!("{:.0}", taken.plain),
        format!("{:.0}", taken.cache),
        of_plain(taken.cache),
        taken.compressed.map_or_else(String::new, |bytes| format!("{bytes:.0}")),
        taken.compressed.map_or_else(String::new, of_plain),
    ]
}

fn report_bars(ratio: f64, kinds: Taken, report: &mut Report) {
    let mut bar = |what: &str, most: f64, ratio: f64| {
        let asked = format!("at most {most:.2} of plain strings");
        report.bar(Bar::new(what, asked).found(format!("{ratio:.3}"), ratio <= most));
    };
    bar("memory of a result of 300 B", MOST, ratio);
    if let Some(compressed) = kinds.compressed {
        bar("memory of the five kinds, compressed", MOST_COMPRESSED, compressed / kinds.plain);
    }
    println!("  the five kinds together, not compressed: {:.3}", kinds.cache / kinds.plain);
    if kinds.compressed.is_none() {
        println!("  compressed: left out, since this module refuses a rule with COMPRESS");
    }
}

impl Taken {
    /// As many of another kind.
    fn add(&mut self, other: Taken) {
        self.plain += other.plain;
        self.cache += other.cache;
        self.compressed = self.compressed.zip(other.compressed).map(|(one, other)| one + other);
    }
}

/// What so many results take, in bytes each; none where the module refuses to compress.
fn taken(store: Store, source: Source<'_>, entries: usize) -> Result<Option<f64>, Box<dyn Error>> {
    let server = Server::start()?;
    let mut client = Client::connect(server.port())?;
    if store == Store::Compressed {
        let set = ["CACHE.POLICY", "SET", NAMESPACE, "*", "COMPRESS", COMPRESS];
        if !client.ask(&set)?.is("OK") {
            return Ok(None);
        }
    }
    warm_up(&mut client, store, source, entries)?;
    client.ask(&["CACHE.CLOCK", NAMESPACE])?;
    let before = used(server.port())?;
    fill(&mut client, store, source, entries)?;
    if store == Store::Compressed {
        // Again, now that there is a dictionary.
        thread::sleep(LEARNT);
        fill(&mut client, store, source, entries)?;
    }
    drop(client);
    thread::sleep(SETTLED);
    let taken = used(server.port())? - before;
    Ok(Some(taken / entries as f64))
}

/// Stores others and drops them: the server then remembers as many params as it ever will, and samples, and its buffers
/// have grown. A change of rules would make it forget.
fn warm_up(
    client: &mut Client,
    store: Store,
    source: Source<'_>,
    entries: usize,
) -> Result<(), Box<dyn Error>> {
    fill(client, store, &|number| source(entries + number), WARM_UP)?;
    client.command(&[b"FLUSHALL", b"SYNC"], OK)
}

/// Memory in use, in bytes, seen by a client of its own.
fn used(port: u16) -> Result<f64, Box<dyn Error>> {
    let mut client = Client::connect(port)?;
    client.info("memory")?.figure("used_memory")
}

/// Stores all of them.
fn fill(client: &mut Client, store: Store, source: Source<'_>, entries: usize) -> Result<(), Box<dyn Error>> {
    for first in (0..entries).step_by(CHUNK) {
        let made: Vec<Made> = (first..entries.min(first + CHUNK)).map(source).collect();
        client.exchange(&match store {
            Store::Plain => strings(&made),
            Store::Cache | Store::Compressed => warming(&made),
        })?;
    }
    Ok(())
}

fn strings(made: &[Made]) -> Batch {
    let mut batch = Batch::new();
    for Made { operation, params, result } in made {
        let hash: String = Sha256::digest(params).iter().map(|byte| format!("{byte:02x}")).collect();
        let key = format!("result:{operation}:{hash}");
        batch.push(&["SETEX", &key, STAY_S, result].map(str::as_bytes), OK);
    }
    batch
}

fn warming(made: &[Made]) -> Batch {
    let mut words = vec!["CACHE.WARM", NAMESPACE, "EX", STAY_S, "ENTRIES"];
    words.extend(made.iter().flat_map(|made| [made.operation, &made.params, &made.result]));
    warm::stored(&words, made.len())
}
