//! When entries end that the server does not let vanish by itself.
//!
//! An entry whose removal is to be recorded carries no Redis expiry: the module removes it when its time is over, and
//! records that in the same step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::core::fingerprint::Fingerprint;
use crate::core::instant::Instant;
use crate::core::origin::Origin;

/// The ends of entries by database, the next one first. Fingerprints are the same in all namespaces: the origin tells them
/// apart.
#[derive(Debug, Default)]
pub struct Deadlines(BTreeMap<i32, BTreeSet<(Instant, Fingerprint, Arc<Origin>)>>);

/// An entry that has come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub database: i32,
    pub origin: Arc<Origin>,
    pub fingerprint: Fingerprint,
}

impl Deadlines {
    pub fn insert(&mut self, ends_at: Instant, database: i32, fingerprint: Fingerprint, origin: Arc<Origin>) {
        self.0.entry(database).or_default().insert((ends_at, fingerprint, origin));
    }

    /// The entry lost its key.
    pub fn remove(&mut self, ends_at: Instant, database: i32, fingerprint: Fingerprint, origin: Arc<Origin>) {
        if let Some(ends) = self.0.get_mut(&database) {
            ends.remove(&(ends_at, fingerprint, origin));
            if ends.is_empty() {
                self.0.remove(&database);
            }
        }
    }

    /// Whether any has come to its end.
    pub fn is_due(&self, now: Instant) -> bool {
        self.due(now).is_some()
    }

    /// A database in which some have.
    fn due(&self, now: Instant) -> Option<i32> {
        let is_due =
            |ends: &BTreeSet<(Instant, _, _)>| ends.first().is_some_and(|(ends_at, ..)| *ends_at <= now);
        self.0.iter().find(|(_, ends)| is_due(ends)).map(|(database, _)| *database)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes out those of a database, none is all of them: however many they are, this takes no time.
    pub fn take(&mut self, database: Option<i32>) -> Deadlines {
        match database {
            None => std::mem::take(self),
            Some(database) => Deadlines(self.0.remove_entry(&database).into_iter().collect()),
        }
    }

    /// Takes the next that has come to its end.
    pub fn next_ended(&mut self, now: Instant) -> Option<Ended> {
        let database = self.due(now)?;
        let (ends_at, fingerprint, origin) = self.0.get(&database)?.first()?.clone();
        self.remove(ends_at, database, fingerprint, Arc::clone(&origin));
        Some(Ended { database, origin, fingerprint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::name::{NamespaceName, OperationName};
    use crate::core::origin::Incarnation;

    fn origin(namespace: &[u8]) -> Arc<Origin> {
        Arc::new(Origin::new(
            NamespaceName::parse(namespace).expect("a namespace"),
            Incarnation(1),
            OperationName::parse(b"o").expect("an operation"),
        ))
    }

    #[test]
    fn entries_of_two_namespaces_may_end_at_once() {
        let at = Instant::from_unix_ms;
        let mut deadlines = Deadlines::default();
        for namespace in [b"a", b"b", b"c"] {
            deadlines.insert(at(10), 0, Fingerprint::from_bytes([1; 32]), origin(namespace));
        }
        deadlines.remove(at(10), 0, Fingerprint::from_bytes([1; 32]), origin(b"b"));
        let ended: Vec<_> = std::iter::from_fn(|| deadlines.next_ended(at(10))).collect();
        let of: Vec<_> = ended.iter().map(|ended| ended.origin.namespace()).collect();
        assert_eq!(of, ["a", "c"]);
    }

    #[test]
    fn they_come_in_order_and_not_before_their_time() {
        let origin = origin(b"n");
        let (at, of) = (Instant::from_unix_ms, |byte| Fingerprint::from_bytes([byte; 32]));
        let mut deadlines = Deadlines::default();
        for (ms, database, byte) in [(30, 0, 3), (10, 1, 1), (10, 0, 1), (20, 0, 2), (20, 1, 2)] {
            deadlines.insert(at(ms), database, of(byte), Arc::clone(&origin));
        }
        deadlines.remove(at(20), 1, of(2), Arc::clone(&origin));
        assert_eq!(deadlines.next_ended(at(9)), None);
        let ended: Vec<_> = std::iter::from_fn(|| deadlines.next_ended(at(20))).collect();
        let of: Vec<_> =
            ended.iter().map(|ended| (ended.database, ended.fingerprint.as_bytes()[0])).collect();
        assert_eq!(of, [(0, 1), (0, 2), (1, 1)], "of each database in order");
        drop(deadlines.take(Some(1)));
        assert!(!deadlines.is_empty());
        drop(deadlines.take(None));
        assert!(deadlines.is_empty());
    }
}
