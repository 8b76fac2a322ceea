//! The latest invalidations of single entries: a bounded list, and a floor for what it forgot.

use std::collections::VecDeque;

use super::codec::{Reader, Sink};
use super::entry::Mark;
use super::limits::{MAX_INTEGER, maxima};

/// What a namespace remembers of single invalidations, the oldest first. A fill that was granted before the
/// invalidation of its entry is refused by it, whatever happened to the entry since.
#[derive(Debug, Clone, Default)]
pub struct RecentInvalidations {
    list: VecDeque<Invalidation>,
    /// Invalidations up to this clock may have been forgotten.
    floor: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Invalidation {
    mark: Mark,
    version: u64,
    /// The entry was written again since, so that its absence has another reason.
    rewritten: bool,
}

impl RecentInvalidations {
    /// An entry was invalidated.
    pub fn invalidated(&mut self, mark: Mark, version: u64) {
        if self.list.len() >= maxima::RECENT_INVALIDATIONS
            && let Some(forgotten) = self.list.pop_front()
        {
            self.floor = forgotten.version;
        }
        self.list.push_back(Invalidation { mark, version, rewritten: false });
    }

    /// An entry was written.
    pub fn wrote(&mut self, mark: Mark) {
        for invalidation in self.list.iter_mut().filter(|invalidation| invalidation.mark == mark) {
            invalidation.rewritten = true;
        }
    }

    /// Whether an absent entry is known to be absent because it was invalidated.
    pub fn explain(&self, mark: Mark) -> bool {
        self.list.iter().any(|invalidation| invalidation.mark == mark && !invalidation.rewritten)
    }

    /// Whether an entry was invalidated after `clock`, or may have been as far as is remembered.
    pub fn may_hold(&self, mark: Mark, clock: u64) -> bool {
        self.floor > clock
            || self.list.iter().any(|invalidation| invalidation.mark == mark && invalidation.version > clock)
    }

    /// The list (mark, then twice the version, plus one where it was written again), then the floor.
    pub fn encode(&self, sink: &mut impl Sink) {
        sink.put_varint(self.list.len() as u64);
        for &Invalidation { mark, version, rewritten } in &self.list {
            sink.put(&mark.0.to_le_bytes());
            sink.put_varint((version << 1) | u64::from(rewritten));
        }
        sink.put_varint(self.floor);
    }

    /// Reads [`encode`](Self::encode)'s bytes; `None` where they are none, or later than `clock`.
    pub fn decode(reader: &mut Reader<'_>, clock: u64) -> Option<Self> {
        let mut list = VecDeque::new();
        for _ in 0..reader.varint_up_to(maxima::RECENT_INVALIDATIONS as u64)? {
            let mark = Mark(reader.u64_le()?);
            let coded = reader.varint_up_to((MAX_INTEGER << 1) | 1)?;
            let version = Some(coded >> 1).filter(|&version| version <= clock)?;
            list.push_back(Invalidation { mark, version, rewritten: coded & 1 == 1 });
        }
        Some(RecentInvalidations { list, floor: reader.varint_up_to(clock)? })
    }

    /// Bytes of memory beyond the value itself.
    pub fn heap_bytes(&self) -> usize {
        self.list.capacity().saturating_mul(size_of::<Invalidation>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_forgotten_raises_the_floor() {
        let mut recent = RecentInvalidations::default();
        for n in 1..=maxima::RECENT_INVALIDATIONS as u64 + 5 {
            recent.invalidated(Mark(n), 1000 + n);
        }
        assert_eq!(recent.list.len(), maxima::RECENT_INVALIDATIONS);
        assert_eq!(recent.floor, 1005);
        assert!(!recent.explain(Mark(5)) && recent.explain(Mark(6)));
    }

    #[test]
    fn a_write_gives_a_later_absence_another_reason() {
        let mut recent = RecentInvalidations::default();
        recent.invalidated(Mark(1), 5);
        recent.invalidated(Mark(2), 6);
        recent.wrote(Mark(1));
        assert!(!recent.explain(Mark(1)) && recent.explain(Mark(2)));
        recent.invalidated(Mark(1), 8);
        assert!(recent.explain(Mark(1)));
    }

    #[test]
    fn what_may_have_been_forgotten_counts() {
        let mut recent = RecentInvalidations::default();
        recent.invalidated(Mark(1), 5);
        assert!(recent.may_hold(Mark(1), 4) && !recent.may_hold(Mark(1), 5) && !recent.may_hold(Mark(2), 4));
        recent.wrote(Mark(1));
        assert!(recent.may_hold(Mark(1), 4), "a write does not undo it");
        (6..6 + maxima::RECENT_INVALIDATIONS as u64).for_each(|version| recent.invalidated(Mark(9), version));
        assert!(recent.may_hold(Mark(2), 4) && !recent.may_hold(Mark(2), 5));
    }

    proptest! {
        #[test]
        fn it_comes_back(
            list in proptest::collection::vec((any::<u64>(), 0..=MAX_INTEGER, any::<bool>()), 0..9),
            floor in 0..=MAX_INTEGER,
        ) {
            let list = list.into_iter().map(|(mark, version, rewritten)| Invalidation { mark: Mark(mark), version, rewritten });
            let recent = RecentInvalidations { list: list.collect(), floor };
            let mut bytes = Vec::new();
            recent.encode(&mut bytes);
            let mut reader = Reader::new(&bytes);
            let decoded = RecentInvalidations::decode(&mut reader, MAX_INTEGER).expect("what was encoded");
            prop_assert!(reader.is_empty());
            prop_assert_eq!((decoded.list, decoded.floor), (recent.list, recent.floor));
        }
    }
}
