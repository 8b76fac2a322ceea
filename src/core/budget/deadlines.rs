//! When entries end that the server does not let vanish by itself.
//!
//! An entry whose removal is to be recorded carries no Redis expiry: the module removes it when its time is over, and
//! records that in the same step.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::core::fingerprint::Fingerprint;
use crate::core::instant::Instant;
use crate::core::origin::Origin;

/// The ends of entries, the next one first. Fingerprints are the same in all namespaces: the origin tells them apart.
#[derive(Debug, Default)]
pub struct Deadlines(BTreeSet<(Instant, i32, Fingerprint, Arc<Origin>)>);

/// An entry that has come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub database: i32,
    pub origin: Arc<Origin>,
    pub fingerprint: Fingerprint,
}

impl Deadlines {
    pub fn insert(&mut self, ends_at: Instant, database: i32, fingerprint: Fingerprint, origin: Arc<Origin>) {
        self.0.insert((ends_at, database, fingerprint, origin));
    }

    /// The entry lost its key.
    pub fn remove(&mut self, ends_at: Instant, database: i32, fingerprint: Fingerprint, origin: Arc<Origin>) {
        self.0.remove(&(ends_at, database, fingerprint, origin));
    }

    /// Whether any has come to its end.
    pub fn is_due(&self, now: Instant) -> bool {
        self.0.first().is_some_and(|(ends_at, ..)| *ends_at <= now)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Forgets those of a database; none is all of them.
    pub fn forget(&mut self, database: Option<i32>) {
        self.0.retain(|(_, place, ..)| database.is_some_and(|database| database != *place));
    }

    /// Takes the next that has come to its end.
    pub fn next_ended(&mut self, now: Instant) -> Option<Ended> {
        if !self.is_due(now) {
            return None;
        }
        let (_, database, fingerprint, origin) = self.0.pop_first()?;
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
        assert_eq!(of, [(0, 1), (1, 1), (0, 2)]);
        deadlines.forget(Some(1));
        assert!(!deadlines.is_empty());
        deadlines.forget(None);
        assert!(deadlines.is_empty());
    }
}
