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

/// How many keys are remembered at most: half a megabyte, taken with the first. A power of two.
const PLACES: usize = 1 << 16;

const SETS: usize = PLACES / WAYS;

/// Among how many the newest stay whose hashes belong to one set.
const WAYS: usize = 4;

/// The bits of a place that say why; the others say who.
const CAUSE: u64 = 0b11;

/// A table of the keys that went last. Each belongs to one small set by its hash, in which the newest stand first; the
/// wrong key is found in it once in some 2^46 times.
#[derive(Debug, Default)]
pub struct Departed {
    sets: Vec<[u64; WAYS]>,
    hasher: RandomState,
}

impl Departed {
    /// A key of a database is not there any more; no cause is one that is nobody's concern (DEL).
    pub fn remember(&mut self, database: i32, key: &[u8], cause: Option<Cause>) {
        if self.sets.is_empty() {
            if cause.is_none() {
                return;
            }
            self.sets = vec![[0; WAYS]; SETS];
        }
        let hash = self.hash(database, key);
        let Some(set) = self.sets.get_mut(set_of(hash)) else { return };
        let known = set.iter().position(|found| is_of(*found, hash));
        let first = cause.map_or(0, |cause| (hash & !CAUSE) | cause as u64);
        match (known, cause) {
            (Some(place), None) => set.iter_mut().skip(place).take(1).for_each(|found| *found = first),
            (None, None) => {}
            // It takes the first place, and those before its own move up, or all.
            (known, Some(_)) => {
                let moved = set.len().min(known.map_or(WAYS, |place| place.saturating_add(1)));
                if let Some(moved) = set.get_mut(..moved) {
                    moved.rotate_right(1);
                }
                set.iter_mut().take(1).for_each(|found| *found = first);
            }
        }
    }

    /// Why a key is not there, where that is remembered.
    pub fn cause(&self, database: i32, key: &[u8]) -> Option<Cause> {
        if self.sets.is_empty() {
            return None;
        }
        let hash = self.hash(database, key);
        let found = self.sets.get(set_of(hash))?.iter().find(|found| is_of(**found, hash))?;
        [Cause::Expired, Cause::Invalidated, Cause::Evicted]
            .into_iter()
            .find(|cause| *cause as u64 == *found & CAUSE)
    }

    /// All went (FLUSHALL): what was there before is nobody's concern.
    pub fn clear(&mut self) {
        self.sets = Vec::new();
    }

    fn hash(&self, database: i32, key: &[u8]) -> u64 {
        self.hasher.hash_one((database, key))
    }
}

/// By the upper bits, since the lower ones are not kept.
fn set_of(hash: u64) -> usize {
    (hash >> 48) as usize % SETS
}

/// Whether that is the key of a hash; nobody's place is 0.
fn is_of(found: u64, hash: u64) -> bool {
    found & !CAUSE == hash & !CAUSE && found & CAUSE != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_cause() {
        let mut departed = Departed::default();
        assert_eq!(departed.cause(0, b"k"), None);
        departed.remember(0, b"k", None);
        assert_eq!(departed.sets.capacity(), 0, "nothing to remember");
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
        assert_eq!(departed.sets.len(), SETS);
        let known = (0..all).filter(|number| departed.cause(0, &key(*number)).is_some()).count();
        assert!((PLACES * 9 / 10..=PLACES).contains(&known), "{known} known");
        let few = PLACES as u32 / 16;
        (0..few).for_each(|number| departed.remember(1, &key(number), Some(Cause::Expired)));
        let known = (0..few).filter(|number| departed.cause(1, &key(*number)).is_some()).count();
        // By chance more than a set's fill may belong to one.
        assert!(known >= few as usize * 99 / 100, "the newest stay: {known} of {few}");
    }
}
