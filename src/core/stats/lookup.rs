//! Lookups, as they were answered.

use super::super::state::{State, Stored, Why};
use super::counter::Counter;

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
        Served { bytes: entry.body.length() as u64, took_ms: entry.took_ms, weight: entry.weight }
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
    /// It was found damaged.
    Corrupt,
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
            State::Absent(Why::Corrupt) => Reason::Corrupt,
            State::Absent(Why::Expired) | State::Stale(_) => Reason::Expired,
            State::Absent(Why::Unknown | Why::Misplaced) | State::Fresh(_) | State::Negative(_) => {
                Reason::Cold
            }
        }
    }

    /// Where it is counted.
    pub fn counter(self) -> Counter {
        match self {
            Reason::Cold => Counter::MissesCold,
            Reason::Expired => Counter::MissesExpired,
            Reason::Invalidated => Counter::MissesInvalidated,
            Reason::Evicted => Counter::MissesEvicted,
            Reason::Rejected => Counter::MissesRejected,
            Reason::Bypassed => Counter::MissesBypassed,
            Reason::Corrupt => Counter::MissesCorrupt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::entry::Entry;
    use super::super::super::origin::{ENCODING_VERSION, Origin};
    use super::*;

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
        assert_eq!(absent(Why::Corrupt), Reason::Corrupt);
        let record = [&[0][..], &[0; 8], &[5, 1], &[0; 4], b"result"].concat();
        let entry = Entry::decode(&record).expect("a record");
        let origin = Origin::decode(&[ENCODING_VERSION, 1, b'n', 0, 0, 0, 0, 0, 0, 0, 0, 1, b'o']);
        let origin = origin.expect("an origin");
        let stored = Stored { origin: &origin, entry, hits: 0, corrupt: false };
        assert_eq!(Reason::of(&State::Stale(stored), None), Reason::Expired);
        assert_eq!(Reason::of(&State::Stale(stored), Some(5)), Reason::Rejected);
        assert_eq!(Reason::of(&State::Fresh(stored), Some(5)), Reason::Rejected);
        assert_eq!(Reason::of(&State::Fresh(stored), Some(4)), Reason::Cold);
    }
}
