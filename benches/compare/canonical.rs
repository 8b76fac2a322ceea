//! Making params canonical and hashing them, without a server: the module's own way beside what the common libraries offer.
//! All hash with the same SHA-256, and all must find the same hash.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use redis_result_cache::core::fingerprint::{Fingerprinter, HashKind};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::hits::SIZES;
use crate::jobs::{Job, OPERATION};
use crate::measure::Effort;
use crate::report::{Bar, Report, Table};
use crate::spread::{self, Spread};
use crate::table;

/// How many times as fast as the library of the same standard it must be, with params of up to so many bytes.
const LEAST: f64 = 7.0;
const LEAST_UP_TO: usize = 600;

/// Texts that take turns, so that the processor does not learn one by heart: of this many bytes in all.
const TEXTS_BYTES: usize = 64 * 1024;
const MOST_TEXTS: usize = 256;

/// A hash, or why there is none.
type Hashed = Result<[u8; 32], Box<dyn Error>>;

/// A way from params to the hash that names them.
#[derive(Clone, Copy)]
enum Way {
    /// The module's.
    Module,
    /// `serde_json_canonicalizer`, the library for RFC 8785.
    Library,
    /// `serde_json` alone, whose maps are sorted: canonical only where no number or name is unusual.
    Value,
}

/// Buffers that every way keeps from one text to the next.
#[derive(Default)]
struct Buffers {
    fingerprinter: Fingerprinter,
    text: Vec<u8>,
}

/// Measures, and prints what came of it.
pub fn run(effort: Effort, report: &mut Report) -> Result<(), Box<dyn Error>> {
    println!("\ncanonical form and SHA-256, ns for each; {} rounds, without a server", effort.rounds);
    let head = ["params", "", "module, ns", "serde_json_canonicalizer, ns", "module is faster", "Value, ns"];
    let head = [head.as_slice(), &["module is faster"]].concat();
    let mut table = Table::new("canonical", &head);
    let mut bars = Vec::new();
    for bytes in SIZES {
        let count = (TEXTS_BYTES / bytes).clamp(1, MOST_TEXTS);
        let jobs: Vec<Job> = (0..count).map(|number| Job::new(number, bytes)).collect();
        let unsorted = jobs.iter().map(|job| job.params.clone()).collect();
        let sorted =
            jobs.iter().map(|job| serde_json_canonicalizer::pipe(&job.params)).collect::<Result<_, _>>()?;
        for (order, texts) in [("unsorted", unsorted), ("sorted", sorted)] {
            let [module, library, value] = compare(&texts, effort)?;
            let of_library = ratio(&library, &module);
            let length = table::length(bytes);
            if bytes <= LEAST_UP_TO {
                let bar = Bar::new(
                    format!("canonical form and hash, {length}, {order}"),
                    format!("{LEAST} times as fast as serde_json_canonicalizer"),
                );
                bars.push(bar.at_least(LEAST, of_library, ""));
            }
            table.row(vec![
                length,
                order.to_owned(),
                spread::figure(Spread::of(module.clone())),
                spread::figure(Spread::of(library)),
                spread::ratio(of_library),
                spread::figure(Spread::of(value.clone())),
                spread::ratio(ratio(&value, &module)),
            ]);
        }
    }
    report.table(&table);
    bars.into_iter().for_each(|bar| report.bar(bar));
    Ok(())
}

/// The nanoseconds that each way takes for a text, round by round.
fn compare(texts: &Vec<String>, effort: Effort) -> Result<[Vec<f64>; 3], Box<dyn Error>> {
    let ways = [Way::Module, Way::Library, Way::Value];
    let mut buffers = Buffers::default();
    for text in texts {
        let [module, library, value] = ways.map(|way| way.hash(text, &mut buffers));
        let module = module?;
        if module != library? || module != value? {
            return Err(format!("the ways disagree about {text:.200}").into());
        }
    }
    let mut taken: [Vec<f64>; 3] = [const { Vec::new() }; 3];
    // A round unseen, to warm up.
    for round in 0..=effort.rounds {
        for turn in 0..ways.len() {
            let at = (round + turn) % ways.len();
            let ns = ways[at].measure(texts, &mut buffers, effort.sample / 4)?;
            if round > 0 {
                taken[at].push(ns);
            }
        }
    }
    Ok(taken)
}

/// Of each round, how many times as long one takes as the other.
fn ratio(one: &[f64], other: &[f64]) -> Spread {
    Spread::of(one.iter().zip(other).map(|(one, other)| one / other).collect())
}

impl Way {
    /// Nanoseconds for a text, in the fastest pass over all of them in the given time: a pass is short, and what else the
    /// machine does makes it slower only.
    fn measure(self, texts: &[String], buffers: &mut Buffers, time: Duration) -> Result<f64, Box<dyn Error>> {
        let started = Instant::now();
        let mut fastest = Duration::MAX;
        while started.elapsed() < time {
            let began = Instant::now();
            for text in texts {
                black_box(self.hash(black_box(text), buffers)?);
            }
            fastest = fastest.min(began.elapsed());
        }
        Ok(fastest.as_secs_f64() * 1e9 / texts.len() as f64)
    }

    /// The hash that names these params.
    fn hash(self, params: &str, buffers: &mut Buffers) -> Hashed {
        let Buffers { fingerprinter, text } = buffers;
        if let Way::Module = self {
            let fingerprint = fingerprinter.fingerprint(OPERATION, params.as_bytes(), HashKind::Sha256, &[]);
            return Ok(*fingerprint.map_err(|bad| bad.to_string())?.as_bytes());
        }
        let value: Value = serde_json::from_str(params)?;
        text.clear();
        text.extend(br#"{"operation":""#);
        text.extend(OPERATION.as_bytes());
        text.extend(br#"","params":"#);
        match self {
            Way::Library => serde_json_canonicalizer::to_writer(&value, text)?,
            _ => serde_json::to_writer(&mut *text, &value)?,
        }
        text.push(b'}');
        Ok(Sha256::digest(&text).into())
    }
}
