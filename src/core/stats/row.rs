//! What is counted for one operation of one namespace.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::super::instant::Instant;
use super::super::state::{State, Stored, Why};
use super::spans::Spans;
use super::windows::{SHORT_MS, Tally, Windows};

/// What is counted, each by its name in `CACHE.STATS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Counter {
    Hits,
    StaleHits,
    NegativeHits,
    Coalesced,
    Leases,
    Busy,
    Misses,
    Abandoned,
    MissesCold,
    MissesExpired,
    MissesInvalidated,
    MissesEvicted,
    MissesRejected,
    MissesBypassed,
    Errors,
    Sets,
    Fills,
    Fenced,
    Invalidations,
    LeasesRenewed,
    LeasesLapsed,
    LeasesReleased,
    LeasesFailed,
    TimeSavedMs,
    BytesServed,
    WeightServed,
    Evictions,
    EvictedBytes,
    EvictedWeight,
    Swept,
    MemoHits,
}

/// How many counters there are.
pub const COUNTERS: usize = Counter::MemoHits as usize + 1;

/// All counters, in the order of their numbers, with their names.
pub const NAMED: [(Counter, &str); COUNTERS] = [
    (Counter::Hits, "hits"),
    (Counter::StaleHits, "stale_hits"),
    (Counter::NegativeHits, "negative_hits"),
    (Counter::Coalesced, "coalesced"),
    (Counter::Leases, "leases"),
    (Counter::Busy, "busy"),
    (Counter::Misses, "misses"),
    (Counter::Abandoned, "abandoned"),
    (Counter::MissesCold, "misses_cold"),
    (Counter::MissesExpired, "misses_expired"),
    (Counter::MissesInvalidated, "misses_invalidated"),
    (Counter::MissesEvicted, "misses_evicted"),
    (Counter::MissesRejected, "misses_rejected"),
    (Counter::MissesBypassed, "misses_bypassed"),
    (Counter::Errors, "errors"),
    (Counter::Sets, "sets"),
    (Counter::Fills, "fills"),
    (Counter::Fenced, "fenced"),
    (Counter::Invalidations, "invalidations"),
    (Counter::LeasesRenewed, "leases_renewed"),
    (Counter::LeasesLapsed, "leases_lapsed"),
    (Counter::LeasesReleased, "leases_released"),
    (Counter::LeasesFailed, "leases_failed"),
    (Counter::TimeSavedMs, "time_saved_ms"),
    (Counter::BytesServed, "bytes_served"),
    (Counter::WeightServed, "weight_served"),
    (Counter::Evictions, "evictions"),
    (Counter::EvictedBytes, "evicted_bytes"),
    (Counter::EvictedWeight, "evicted_weight"),
    (Counter::Swept, "swept"),
    (Counter::MemoHits, "memo_hits"),
];

/// How a lookup was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// With a fresh value that was there.
    Hit(Served),
    /// With a stale value.
    Stale(Served),
    /// With a failure: one that is remembered, or the one that was waited for.
    Negative,
    /// With the value that was waited for.
    Coalesced(Served),
    /// The caller computes.
    Lease(Reason),
    /// Another computes.
    Busy,
    /// With nothing, by GET.
    Miss(Reason),
    /// Not at all: the client that waited went away.
    Abandoned,
}

/// A value that was served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Served {
    pub bytes: u64,
    /// What it took to compute, where that is known.
    pub took_ms: Option<u64>,
    pub weight: Option<u64>,
}

impl Served {
    #[inline]
    pub fn of(stored: &Stored<'_>) -> Self {
        let entry = &stored.entry;
        Served { bytes: entry.result.len() as u64, took_ms: entry.took_ms, weight: entry.weight }
    }
}

/// Why nothing usable was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Nothing is known of it: it was never there, or too long ago, or was deleted by hand.
    Cold,
    Expired,
    Invalidated,
    Evicted,
    /// The caller would not have it.
    Rejected,
    /// The cache is switched off there.
    Bypassed,
}

impl Reason {
    /// Why a caller could not use what is there.
    pub fn of(state: &State<'_>, reject: Option<u64>) -> Self {
        match state {
            _ if state.present().is_some_and(|stored| reject == Some(stored.entry.version)) => {
                Reason::Rejected
            }
            State::Absent(Why::Disabled) => Reason::Bypassed,
            State::Absent(Why::Invalidated | Why::NamespaceDeleted) => Reason::Invalidated,
            State::Absent(Why::Evicted) => Reason::Evicted,
            State::Absent(Why::Expired) | State::Stale(_) => Reason::Expired,
            State::Absent(Why::Unknown | Why::Misplaced) | State::Fresh(_) | State::Negative(_) => {
                Reason::Cold
            }
        }
    }

    fn counter(self) -> Counter {
        match self {
            Reason::Cold => Counter::MissesCold,
            Reason::Expired => Counter::MissesExpired,
            Reason::Invalidated => Counter::MissesInvalidated,
            Reason::Evicted => Counter::MissesEvicted,
            Reason::Rejected => Counter::MissesRejected,
            Reason::Bypassed => Counter::MissesBypassed,
        }
    }
}

/// What is kept for an operation, for a namespace, and for all: sums of it could not be made of the parts.
#[derive(Debug)]
pub struct Level {
    waiters: Cell<u64>,
    waiters_peak: Cell<u64>,
    compute: RefCell<Spans>,
    wait: RefCell<Spans>,
    since: Cell<Instant>,
}

impl Level {
    pub fn new(now: Instant) -> Self {
        Level {
            waiters: Cell::new(0),
            waiters_peak: Cell::new(0),
            compute: RefCell::default(),
            wait: RefCell::default(),
            since: Cell::new(now),
        }
    }

    /// Begins anew, but for those who wait.
    pub fn reset(&self, now: Instant) {
        self.waiters_peak.set(self.waiters.get());
        *self.compute.borrow_mut() = Spans::default();
        *self.wait.borrow_mut() = Spans::default();
        self.since.set(now);
    }

    /// How many wait, and how many did at most.
    pub fn waiters(&self) -> (u64, u64) {
        (self.waiters.get(), self.waiters_peak.get())
    }

    /// Since when it counts.
    pub fn since(&self) -> Instant {
        self.since.get()
    }

    /// So many percent of the computations took at most that long.
    pub fn compute_ms(&self, percent: f64) -> Option<u64> {
        self.compute.borrow().percentile_ms(percent)
    }

    /// So many percent of those who waited waited at most that long.
    pub fn wait_ms(&self, percent: f64) -> Option<u64> {
        self.wait.borrow().percentile_ms(percent)
    }
}

/// The counters of one operation of one namespace. They run up until they are reset, and never down.
#[derive(Debug)]
pub struct Row {
    counters: [Cell<u64>; COUNTERS],
    /// Taken with the first lookup.
    windows: RefCell<Option<Box<Windows>>>,
    /// When the unit of time began in which the last lookup was counted, in Unix milliseconds.
    unit_ms: Cell<u64>,
    /// The hit rate that its policy asks for, in percent.
    target: Cell<u8>,
    level: Level,
    /// Those that it is part of: of its namespace, and of all.
    above: [Rc<Level>; 2],
}

impl Row {
    pub fn new(above: [Rc<Level>; 2], now: Instant) -> Self {
        Row {
            counters: [const { Cell::new(0) }; COUNTERS],
            windows: RefCell::default(),
            unit_ms: Cell::new(u64::MAX / 2),
            target: Cell::new(0),
            level: Level::new(now),
            above,
        }
    }

    #[inline]
    pub fn count(&self, counter: Counter) {
        self.add(counter, 1);
    }

    #[inline]
    pub fn add(&self, counter: Counter, amount: u64) {
        // The way to measure what counting costs: the same without.
        if cfg!(feature = "uncounted") {
            return;
        }
        if let Some(cell) = self.counters.get(counter as usize) {
            cell.set(cell.get().saturating_add(amount));
        }
    }

    pub fn get(&self, counter: Counter) -> u64 {
        self.counters.get(counter as usize).map_or(0, Cell::get)
    }

    /// What is kept for it beside the counters.
    pub fn level(&self) -> &Level {
        &self.level
    }

    pub fn set_target(&self, percent: u8) {
        self.target.set(percent);
    }

    pub fn target(&self) -> u8 {
        self.target.get()
    }

    /// A lookup was answered.
    #[inline]
    pub fn answered(&self, lookup: Lookup, now: Instant) {
        if cfg!(feature = "uncounted") {
            return;
        }
        // A clock that is set back is another time as well.
        if now.unix_ms().wrapping_sub(self.unit_ms.get()) >= SHORT_MS {
            self.roll(now);
        }
        match lookup {
            Lookup::Hit(served) => self.served(Counter::Hits, served, served.took_ms),
            Lookup::Stale(served) => self.served(Counter::StaleHits, served, served.took_ms),
            // Whoever waited has saved nobody's time.
            Lookup::Coalesced(served) => self.served(Counter::Coalesced, served, None),
            Lookup::Negative => self.count(Counter::NegativeHits),
            Lookup::Lease(reason) => self.unserved(Counter::Leases, reason),
            Lookup::Miss(reason) => self.unserved(Counter::Misses, reason),
            Lookup::Busy => self.count(Counter::Busy),
            Lookup::Abandoned => self.count(Counter::Abandoned),
        }
    }

    #[inline]
    fn served(&self, counter: Counter, served: Served, saved_ms: Option<u64>) {
        self.count(counter);
        self.add(Counter::BytesServed, served.bytes);
        if let Some(saved_ms) = saved_ms {
            self.add(Counter::TimeSavedMs, saved_ms);
        }
        if let Some(weight) = served.weight {
            self.add(Counter::WeightServed, weight);
        }
    }

    fn unserved(&self, counter: Counter, reason: Reason) {
        self.count(counter);
        self.count(reason.counter());
    }

    #[cold]
    fn roll(&self, now: Instant) {
        let mut windows = self.windows.borrow_mut();
        self.unit_ms.set(windows.get_or_insert_default().roll(now, self.tally()));
    }

    /// What the windows are made of.
    fn tally(&self) -> Tally {
        let sum =
            |counters: &[Counter]| counters.iter().fold(0, |sum: u64, of| sum.wrapping_add(self.get(*of)));
        Tally {
            lookups: sum(&LOOKUPS) as u32,
            hits: self.get(Counter::Hits) as u32,
            served: sum(&SERVED) as u32,
        }
    }

    /// What was counted in the last minute, and in the last hour.
    pub fn last(&self, now: Instant) -> (Tally, Tally) {
        let windows = self.windows.borrow();
        windows.as_ref().map(|windows| windows.last(now, self.tally())).unwrap_or_default()
    }

    /// A client begins to wait.
    pub fn began_to_wait(&self) {
        self.each_level(|level| {
            level.waiters.set(level.waiters.get().saturating_add(1));
            level.waiters_peak.set(level.waiters_peak.get().max(level.waiters.get()));
        });
    }

    /// It waits no longer; how long it did, where it was answered.
    pub fn waited(&self, ms: Option<u64>) {
        self.each_level(|level| {
            level.waiters.set(level.waiters.get().saturating_sub(1));
            if let Some(ms) = ms {
                level.wait.borrow_mut().record(ms);
            }
        });
    }

    /// A result was stored that took so long to compute.
    pub fn computed(&self, ms: u64) {
        self.each_level(|level| level.compute.borrow_mut().record(ms));
    }

    fn each_level(&self, change: impl Fn(&Level)) {
        if !cfg!(feature = "uncounted") {
            let above = self.above.iter().map(|level| &**level);
            above.chain([&self.level]).for_each(change);
        }
    }

    /// Counts what another has counted as well, and asks for as many hits as both did.
    pub fn absorb(&self, other: &Row, now: Instant) {
        let lookups = [self, other].map(|row| u64::from(row.last(now).0.lookups));
        let asked = u64::from(self.target()).saturating_mul(lookups[0]);
        let asked = asked.saturating_add(u64::from(other.target()).saturating_mul(lookups[1]));
        if let Some(target) = asked.checked_div(lookups[0].saturating_add(lookups[1])) {
            self.set_target(u8::try_from(target).unwrap_or(u8::MAX));
        }
        if let Some(others) = &*other.windows.borrow() {
            let mut windows = self.windows.borrow_mut();
            windows.get_or_insert_default().absorb(others, now, self.tally(), other.tally());
        }
        for (sum, cell) in self.counters.iter().zip(&other.counters) {
            sum.set(sum.get().saturating_add(cell.get()));
        }
    }

    /// Begins at zero; those who wait go on waiting.
    pub fn reset(&self, now: Instant) {
        self.counters.iter().for_each(|cell| cell.set(0));
        *self.windows.borrow_mut() = None;
        self.unit_ms.set(u64::MAX / 2);
        self.level.reset(now);
    }
}

/// The kinds of answers, which add up to the lookups.
pub const LOOKUPS: [Counter; 8] = [
    Counter::Hits,
    Counter::StaleHits,
    Counter::NegativeHits,
    Counter::Coalesced,
    Counter::Leases,
    Counter::Busy,
    Counter::Misses,
    Counter::Abandoned,
];

/// Those that are answered with a value.
pub const SERVED: [Counter; 3] = [Counter::Hits, Counter::StaleHits, Counter::Coalesced];

#[cfg(test)]
mod tests {
    use super::super::super::entry::Entry;
    use super::*;

    const NOW: Instant = Instant::from_unix_ms(1_790_000_000_000);

    fn row() -> Row {
        Row::new([0, 1].map(|_| Rc::new(Level::new(NOW))), NOW)
    }

    #[test]
    fn counters_stand_in_the_order_of_their_numbers() {
        for (number, (counter, name)) in NAMED.into_iter().enumerate() {
            assert_eq!(counter as usize, number, "{name}");
        }
    }

    #[test]
    fn each_answer_is_one_lookup_and_each_want_of_a_value_has_a_reason() {
        let served = Served { bytes: 10, took_ms: Some(500), weight: Some(7) };
        let reasons = [
            Reason::Cold,
            Reason::Expired,
            Reason::Invalidated,
            Reason::Evicted,
            Reason::Rejected,
            Reason::Bypassed,
        ];
        let values = [Lookup::Hit(served), Lookup::Stale(served), Lookup::Coalesced(served)];
        let others = [Lookup::Negative, Lookup::Busy, Lookup::Abandoned];
        let wants = reasons.into_iter().flat_map(|reason| [Lookup::Lease(reason), Lookup::Miss(reason)]);
        let all: Vec<Lookup> = values.into_iter().chain(others).chain(wants).collect();
        let row = row();
        for (index, lookup) in all.iter().enumerate() {
            row.answered(*lookup, NOW);
            let sum = |counters: &[Counter]| counters.iter().map(|counter| row.get(*counter)).sum::<u64>();
            assert_eq!(sum(&LOOKUPS), index as u64 + 1, "{lookup:?}");
            let wants = sum(&[Counter::Leases, Counter::Misses]);
            assert_eq!(sum(&reasons.map(Reason::counter)), wants, "{lookup:?}");
        }
        assert_eq!(row.get(Counter::BytesServed), 30);
        assert_eq!(row.get(Counter::WeightServed), 21);
        assert_eq!(row.get(Counter::TimeSavedMs), 1000, "not by whoever waited");
        let (minute, _) = row.last(NOW);
        assert_eq!((minute.lookups, minute.hits, minute.served), (all.len() as u32, 1, 3));
        assert_eq!(row.last(NOW.plus(60_000)).0, Tally::default());
    }

    #[test]
    fn those_who_wait_outlast_a_reset() {
        let row = row();
        (0..3).for_each(|_| row.began_to_wait());
        row.waited(Some(20));
        row.computed(30);
        for level in [&row.level, &row.above[0], &row.above[1]] {
            assert_eq!(level.waiters(), (2, 3));
            assert_eq!((level.wait_ms(50.0), level.compute_ms(50.0)), (Some(20), Some(30)));
        }
        row.reset(NOW.plus(5));
        assert_eq!((row.level.waiters(), row.level.since()), ((2, 2), NOW.plus(5)));
        assert_eq!((row.level.wait_ms(50.0), row.level.compute_ms(50.0)), (None, None));
        row.waited(None);
        assert_eq!((row.level.waiters(), row.level.wait_ms(50.0)), ((1, 2), None));
    }

    #[test]
    fn every_want_has_its_reason() {
        let absent = |why| Reason::of(&State::Absent(why), None);
        assert_eq!(absent(Why::Unknown), Reason::Cold);
        assert_eq!(absent(Why::Misplaced), Reason::Cold);
        assert_eq!(absent(Why::Expired), Reason::Expired);
        assert_eq!(absent(Why::Invalidated), Reason::Invalidated);
        assert_eq!(absent(Why::NamespaceDeleted), Reason::Invalidated);
        assert_eq!(absent(Why::Evicted), Reason::Evicted);
        assert_eq!(absent(Why::Disabled), Reason::Bypassed);
        let record = [&[0][..], &[0; 8], &[5, 1], b"result"].concat();
        let entry = Entry::decode(&record).expect("a record");
        let origin = crate::core::origin::Origin::decode(&[1, 1, b'n', 0, 0, 0, 0, 0, 0, 0, 0, 1, b'o']);
        let origin = origin.expect("an origin");
        let stored = Stored { origin: &origin, entry, hits: 0 };
        assert_eq!(Reason::of(&State::Stale(stored), None), Reason::Expired);
        assert_eq!(Reason::of(&State::Stale(stored), Some(5)), Reason::Rejected);
        assert_eq!(Reason::of(&State::Fresh(stored), Some(5)), Reason::Rejected);
        assert_eq!(Reason::of(&State::Fresh(stored), Some(4)), Reason::Cold);
    }
}
