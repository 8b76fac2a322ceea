//! How many entries use which dictionary.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::super::entry::Entry;
use super::super::origin::Incarnation;

/// Counted where entries are made and dropped, on whatever thread, so that no way of losing one can be forgotten. The dead
/// count until they are freed.
#[derive(Debug, Default)]
pub struct Uses(Mutex<BTreeMap<(Incarnation, u32), u64>>);

impl Uses {
    pub const fn new() -> Self {
        Uses(Mutex::new(BTreeMap::new()))
    }

    /// An entry was made.
    pub fn add(&self, incarnation: Incarnation, entry: Option<&Entry<'_>>) {
        if let Some(number) = entry.and_then(dictionary) {
            self.change(incarnation, number, |count| count.saturating_add(1));
        }
    }

    /// It was dropped.
    pub fn subtract(&self, incarnation: Incarnation, entry: Option<&Entry<'_>>) {
        if let Some(number) = entry.and_then(dictionary) {
            self.change(incarnation, number, |count| count.saturating_sub(1));
        }
    }

    fn change(&self, incarnation: Incarnation, number: u32, change: impl FnOnce(u64) -> u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((incarnation, number)).or_default();
        *count = change(*count);
        if *count == 0 {
            counts.remove(&(incarnation, number));
        }
    }

    /// Whether any entry uses a dictionary.
    pub fn has(&self, incarnation: Incarnation, number: u32) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&(incarnation, number))
    }
}

/// The number of the dictionary that an entry uses, where it uses one.
fn dictionary(entry: &Entry<'_>) -> Option<u32> {
    entry.body.compression().map(|compression| compression.dictionary).filter(|number| *number > 0)
}
