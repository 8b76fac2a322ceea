//! What is counted for one operation of one namespace.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::super::instant::Instant;
use super::counter::{COUNTERS, Counter, LOOKUPS, SERVED};
use super::level::Level;
use super::lookup::{Lookup, Reason, Served};
use super::windows::{SHORT_MS, Tally, Windows};

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
        self.each_level(Level::began_to_wait);
    }

    /// It waits no longer; how long it did, where it was answered.
    pub fn waited(&self, ms: Option<u64>) {
        self.each_level(|level| level.waited(ms));
    }

    /// A result was stored that took so long to compute.
    pub fn computed(&self, ms: u64) {
        self.each_level(|level| level.computed(ms));
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

#[cfg(test)]
mod tests {
    use super::super::lookup::Served;
    use super::*;

    const NOW: Instant = Instant::from_unix_ms(1_790_000_000_000);

    fn row() -> Row {
        Row::new([0, 1].map(|_| Rc::new(Level::new(NOW))), NOW)
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
            Reason::Corrupt,
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
}
