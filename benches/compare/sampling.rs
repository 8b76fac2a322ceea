//! How well the module finds out whom to evict: the share of hits that it keeps of what exact LRU would have, on a trace
//! whose keys are asked for as Zipf has it. A simulation with the module's own sampler, without a server.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::sync::Arc;

use redis_result_cache::core::budget::claim::{Claim, Used};
use redis_result_cache::core::budget::roll::{CANDIDATES, Look, Member, Roll, Wanted};
use redis_result_cache::core::budget::{Evict, Measure};
use redis_result_cache::core::fingerprint::Fingerprint;
use redis_result_cache::core::instant::Instant;
use redis_result_cache::core::name::{NamespaceName, OperationName};
use redis_result_cache::core::origin::{Incarnation, Origin};

use crate::report::{Bar, Report, Table};

/// How many keys there are, and for how many of them there is room.
const KEYS: usize = 100_000;
const ROOM: usize = KEYS / 10;

/// How steep the trace is: the n-th key is asked for as often as 1 / n^s.
const SKEWS: [f64; 3] = [0.8, 1.0, 1.2];

/// How many entries are drawn to choose among: one is no choice at all, [`CANDIDATES`] are what the module draws.
const DRAWN: [usize; 4] = [1, 5, CANDIDATES, 64];

/// The share of the hits of exact LRU that is to be kept.
const LEAST: f64 = 0.95;

/// When the first request comes. One comes each millisecond, and the module knows uses apart by 16.
const BEGIN_MS: u64 = 1_790_000_000_000;

/// A cache that has room for [`ROOM`] keys.
trait Cache {
    /// Asks for a key at a time in milliseconds, and stores it where it is missing; whether it was a hit.
    fn ask(&mut self, key: u32, now_ms: u64) -> bool;
}

/// Measures, and prints what came of it.
pub fn run(requests: usize, report: &mut Report) -> Result<(), Box<dyn Error>> {
    println!(
        "\nsampling: {KEYS} keys, room for {ROOM}; hits in percent of {requests} requests, and of exact LRU"
    );
    let drawn = DRAWN.map(|drawn| format!("{drawn} drawn"));
    let head: Vec<&str> = ["s", "exact LRU"].into_iter().chain(drawn.iter().map(String::as_str)).collect();
    let mut table = Table::new("sampling", &head);
    let mut least = f64::INFINITY;
    for skew in SKEWS {
        let trace = trace(skew, requests);
        let exact = hits(&mut Exact::default(), &trace);
        let mut row = vec![format!("{skew:.1}"), format!("{:.2}", exact * 100.0)];
        for drawn in DRAWN {
            let sampled = hits(&mut Sampled::new(drawn)?, &trace);
            row.push(format!("{:.2}, {:.3}", sampled * 100.0, sampled / exact));
            least = if drawn == CANDIDATES { least.min(sampled / exact) } else { least };
        }
        table.row(row);
    }
    report.table(&table);
    report.bar(
        Bar::new(format!("hits, {CANDIDATES} drawn to evict one"), format!("at least {LEAST} of exact LRU"))
            .found(format!("{least:.3}"), least >= LEAST),
    );
    Ok(())
}

/// The share of hits. The first half of the trace fills the cache, unseen.
fn hits(cache: &mut impl Cache, trace: &[u32]) -> f64 {
    let seen_from = trace.len() / 2;
    let asked = trace.iter().zip(BEGIN_MS..).map(|(&key, now_ms)| cache.ask(key, now_ms));
    let hits = asked.skip(seen_from).filter(|hit| *hit).count();
    hits as f64 / (trace.len() - seen_from) as f64
}

/// The keys that are asked for, one after the other: the same each time.
fn trace(skew: f64, requests: usize) -> Vec<u32> {
    let mut sum = 0.0;
    let sums: Vec<f64> = (1..=KEYS)
        .map(|rank| {
            sum += (rank as f64).powf(-skew);
            sum
        })
        .collect();
    let mut state = 1u64;
    let mut draw = || {
        // SplitMix64, of which 53 bits make a number from 0 to 1.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let drawn = ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64 * sum;
        sums.partition_point(|below| *below <= drawn) as u32
    };
    (0..requests).map(|_| draw()).collect()
}

/// Evicts what was used longest ago.
#[derive(Default)]
struct Exact {
    /// When each key was used last, and the keys by that time: no two are used at once.
    used: HashMap<u32, u64>,
    by_time: BTreeMap<u64, u32>,
}

impl Cache for Exact {
    fn ask(&mut self, key: u32, now_ms: u64) -> bool {
        self.by_time.insert(now_ms, key);
        let before = self.used.insert(key, now_ms);
        if let Some(before) = before {
            self.by_time.remove(&before);
        }
        if self.used.len() > ROOM
            && let Some((_, oldest)) = self.by_time.pop_first()
        {
            self.used.remove(&oldest);
        }
        before.is_some()
    }
}

/// Evicts as the module does.
struct Sampled {
    roll: Roll,
    candidates: usize,
    origin: Arc<Origin>,
    /// What the keyspace knows.
    entries: HashMap<u32, Claim>,
}

impl Sampled {
    fn new(candidates: usize) -> Result<Sampled, Box<dyn Error>> {
        let namespace = NamespaceName::parse(b"bench").map_err(|refusal| refusal.message)?;
        let operation = OperationName::parse(b"zipf").map_err(|refusal| refusal.message)?;
        let origin = Arc::new(Origin::new(namespace, Incarnation(1), operation));
        Ok(Sampled { roll: Roll::new(1), candidates, origin, entries: HashMap::new() })
    }
}

impl Cache for Sampled {
    fn ask(&mut self, key: u32, now_ms: u64) -> bool {
        let now = Used::at(Instant::from_unix_ms(now_ms));
        if let Some(claim) = self.entries.get_mut(&key) {
            claim.used = now;
            return true;
        }
        let claim = Claim { used: now, version: now_ms, stored_bytes: 1, weight: 0 };
        self.entries.insert(key, claim);
        self.roll.enter(Member { origin: Arc::clone(&self.origin), fingerprint: fingerprint(key), claim });
        if self.entries.len() > ROOM {
            let wanted =
                Wanted { evict: Evict::Lru, measure: Measure::Bytes, candidates: self.candidates, now };
            let entries = &self.entries;
            let going = self.roll.choose(&wanted, |member| match entries.get(&number(&member.fingerprint)) {
                _ if number(&member.fingerprint) == key => Look::Spared,
                Some(claim) => Look::Living(*claim),
                None => Look::Missing,
            });
            if let Some(member) = going {
                self.entries.remove(&number(&member.fingerprint));
            }
        }
        false
    }
}

/// A fingerprint that says which key it is.
fn fingerprint(key: u32) -> Fingerprint {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&key.to_le_bytes());
    Fingerprint::from_bytes(bytes)
}

fn number(fingerprint: &Fingerprint) -> u32 {
    fingerprint.as_bytes().first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}
