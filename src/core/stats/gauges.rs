//! Gauges: how much is stored, weighed where entries are made and dropped, so that no way of losing one can be
//! forgotten.

use std::sync::atomic::{AtomicU64, Ordering};

/// What entries come to. Entries may be dropped on another thread.
#[derive(Debug, Default)]
pub struct Gauges {
    entries: AtomicU64,
    bytes: AtomicU64,
    stored_bytes: AtomicU64,
    weight: AtomicU64,
}

/// What one entry, or all of some, come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    pub entries: u64,
    /// Of results, as they were given.
    pub bytes: u64,
    /// Memory that the entries take, but for their keys.
    pub stored_bytes: u64,
    /// Bytes elsewhere that they stand for.
    pub weight: u64,
}

impl Load {
    pub fn plus(self, other: Load) -> Load {
        Load {
            entries: self.entries.wrapping_add(other.entries),
            bytes: self.bytes.wrapping_add(other.bytes),
            stored_bytes: self.stored_bytes.wrapping_add(other.stored_bytes),
            weight: self.weight.wrapping_add(other.weight),
        }
    }

    pub fn minus(self, other: Load) -> Load {
        Load {
            entries: self.entries.saturating_sub(other.entries),
            bytes: self.bytes.saturating_sub(other.bytes),
            stored_bytes: self.stored_bytes.saturating_sub(other.stored_bytes),
            weight: self.weight.saturating_sub(other.weight),
        }
    }
}

impl Gauges {
    /// An entry was made.
    pub fn add(&self, load: &Load) {
        self.each(load, |gauge, amount| gauge.fetch_add(amount, Ordering::Relaxed));
    }

    /// It was dropped.
    pub fn subtract(&self, load: &Load) {
        self.each(load, |gauge, amount| gauge.fetch_sub(amount, Ordering::Relaxed));
    }

    /// Most entries have no weight, and adding nothing takes as long as adding something.
    fn each(&self, load: &Load, change: impl Fn(&AtomicU64, u64) -> u64) {
        let Load { entries, bytes, stored_bytes, weight } = *load;
        let gauges = [
            (&self.entries, entries),
            (&self.bytes, bytes),
            (&self.stored_bytes, stored_bytes),
            (&self.weight, weight),
        ];
        for (gauge, amount) in gauges.into_iter().filter(|(_, amount)| *amount > 0) {
            change(gauge, amount);
        }
    }

    pub fn load(&self) -> Load {
        let read = |gauge: &AtomicU64| gauge.load(Ordering::Relaxed);
        Load {
            entries: read(&self.entries),
            bytes: read(&self.bytes),
            stored_bytes: read(&self.stored_bytes),
            weight: read(&self.weight),
        }
    }
}
