//! What sums could not be made of.

use std::cell::{Cell, RefCell};

use super::super::instant::Instant;
use super::spans::Spans;

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

    /// A client begins to wait.
    pub fn began_to_wait(&self) {
        self.waiters.set(self.waiters.get().saturating_add(1));
        self.waiters_peak.set(self.waiters_peak.get().max(self.waiters.get()));
    }

    /// It waits no longer; how long it did, where it was answered.
    pub fn waited(&self, ms: Option<u64>) {
        self.waiters.set(self.waiters.get().saturating_sub(1));
        if let Some(ms) = ms {
            self.wait.borrow_mut().record(ms);
        }
    }

    /// A result was stored that took so long to compute.
    pub fn computed(&self, ms: u64) {
        self.compute.borrow_mut().record(ms);
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
