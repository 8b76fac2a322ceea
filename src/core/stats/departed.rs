//! Why entries went of whom nothing is left: so that a miss can be told from another.

use std::hash::{BuildHasher, RandomState};

use super::super::state::Why;

/// Why an entry, or a namespace, is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Cause {
    Expired = 1,
    Invalidated = 2,
    /// Memory was short.
    Evicted = 3,
}

impl From<Cause> for Why {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Expired => Why::Expired,
            Cause::Invalidated => Why::Invalidated,
            Cause::Evicted => Why::Evicted,
        }
    }
}

/// How many keys are remembered at most; a power of two. Half a megabyte, taken with the first.
const PLACES: usize = 1 << 16;

/// The bits of a place that say why; the others say who.
const CAUSE: u64 = 0b11;

/// A table of the keys that went last. Each has one place by its hash, where a later one takes over; the wrong key is
/// found in it once in some 2^46 times.
#[derive(Debug, Default)]
pub struct Departed {
    places: Vec<u64>,
    hasher: RandomState,
}

impl Departed {
    /// A key of a database is not there any more; no cause is one that is nobody's concern (DEL).
    pub fn remember(&mut self, database: i32, key: &[u8], cause: Option<Cause>) {
        if self.places.is_empty() {
            if cause.is_none() {
                return;
            }
            self.places = vec![0; PLACES];
        }
        let hash = self.hash(database, key);
        if let Some(place) = self.places.get_mut(place(hash)) {
            match cause {
                Some(cause) => *place = (hash & !CAUSE) | cause as u64,
                None if *place & !CAUSE == hash & !CAUSE => *place = 0,
                None => {}
            }
        }
    }

    /// Why a key is not there, where that is remembered.
    pub fn cause(&self, database: i32, key: &[u8]) -> Option<Cause> {
        if self.places.is_empty() {
            return None;
        }
        let hash = self.hash(database, key);
        let found = self.places.get(place(hash)).filter(|found| **found & !CAUSE == hash & !CAUSE)?;
        [Cause::Expired, Cause::Invalidated, Cause::Evicted]
            .into_iter()
            .find(|cause| *cause as u64 == *found & CAUSE)
    }

    /// All went (FLUSHALL): what was there before is nobody's concern.
    pub fn clear(&mut self) {
        self.places = Vec::new();
    }

    fn hash(&self, database: i32, key: &[u8]) -> u64 {
        self.hasher.hash_one((database, key))
    }
}

/// Of the upper bits, since the lower ones are not kept.
fn place(hash: u64) -> usize {
    (hash >> 48) as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_cause() {
        let mut departed = Departed::default();
        assert_eq!(departed.cause(0, b"k"), None);
        departed.remember(0, b"k", None);
        assert_eq!(departed.places.capacity(), 0, "nothing to remember");
        departed.remember(0, b"e", Some(Cause::Expired));
        departed.remember(0, b"i", Some(Cause::Invalidated));
        departed.remember(1, b"e", Some(Cause::Evicted));
        assert_eq!(departed.cause(0, b"e"), Some(Cause::Expired));
        assert_eq!(departed.cause(0, b"i"), Some(Cause::Invalidated));
        assert_eq!(departed.cause(1, b"e"), Some(Cause::Evicted));
        assert_eq!(departed.cause(1, b"i"), None);
        departed.remember(0, b"e", Some(Cause::Evicted));
        assert_eq!(departed.cause(0, b"e"), Some(Cause::Evicted), "the last counts");
        departed.remember(0, b"e", None);
        assert_eq!(departed.cause(0, b"e"), None);
        departed.clear();
        assert_eq!(departed.cause(0, b"i"), None);
    }

    #[test]
    fn it_forgets_but_never_grows() {
        let mut departed = Departed::default();
        let key = |number: u32| number.to_le_bytes();
        let all = PLACES as u32 * 3;
        (0..all).for_each(|number| departed.remember(0, &key(number), Some(Cause::Evicted)));
        assert_eq!(departed.places.len(), PLACES);
        let known = (0..all).filter(|number| departed.cause(0, &key(*number)).is_some()).count();
        assert!((PLACES * 9 / 10..=PLACES).contains(&known), "{known} known");
    }
}
