//! What is recorded of an entry that goes, for whoever deletes what it stood for.

use crate::core::fingerprint::Fingerprint;
use crate::core::instant::Instant;
use crate::core::namespace::Namespace;
use crate::core::state::{Address, State, Stored, Why};

/// Why an entry goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its time is over.
    Expired,
    /// It was over budget.
    Evicted,
    /// It, or all of its kind, was invalidated.
    Invalidated,
    /// Another result was stored.
    Replaced,
}

impl Cause {
    /// As records have it.
    pub fn word(self) -> &'static str {
        match self {
            Cause::Expired => "expired",
            Cause::Evicted => "evicted",
            Cause::Invalidated => "invalidated",
            Cause::Replaced => "replaced",
        }
    }

    /// Why what stands at an address goes, where that would be this cause if it were alive; none where it belongs
    /// elsewhere.
    pub fn of(
        self,
        address: &Address<'_>,
        namespace: Option<&Namespace>,
        stored: Stored<'_>,
        now: Instant,
    ) -> Option<Self> {
        match State::of(address, namespace, Some(stored), now) {
            State::Absent(Why::Misplaced) => None,
            State::Absent(Why::Expired) => Some(Cause::Expired),
            State::Absent(_) => Some(Cause::Invalidated),
            State::Fresh(_) | State::Stale(_) | State::Negative(_) => Some(self),
        }
    }
}

/// The record of a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    pub operation: Box<str>,
    pub fingerprint: Fingerprint,
    pub version: u64,
    pub cause: Cause,
    pub weight: u64,
    pub result: Box<[u8]>,
}

impl Removed {
    /// What is recorded where the entry at an address goes for `cause`, and the result `left` is there afterwards: nothing
    /// of what has no weight, belongs elsewhere, or stands for the same as what is left. What was over already goes for that.
    pub fn of(
        address: &Address<'_>,
        namespace: Option<&Namespace>,
        stored: Stored<'_>,
        cause: Cause,
        left: Option<&[u8]>,
        now: Instant,
    ) -> Option<Self> {
        let Stored { entry, .. } = stored;
        let weight = entry.weight.filter(|_| !entry.negative)?;
        // What has a weight is never compressed: its record may have to outlive its namespace.
        let result = entry.body.as_raw().unwrap_or_default();
        if left == Some(result) {
            return None;
        }
        let cause = cause.of(address, namespace, stored, now)?;
        Some(Removed {
            operation: address.operation.as_str().into(),
            fingerprint: address.fingerprint,
            version: entry.version,
            cause,
            weight,
            result: result.into(),
        })
    }

    /// Names and values of its fields.
    pub fn fields(&self) -> [(&'static str, Box<[u8]>); 6] {
        let text = |text: &str| text.as_bytes().into();
        [
            ("operation", text(&self.operation)),
            ("fingerprint", self.fingerprint.to_hex()[..].into()),
            ("version", text(&self.version.to_string())),
            ("cause", text(self.cause.word())),
            ("weight", text(&self.weight.to_string())),
            ("result", self.result.clone()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::body::Body;
    use crate::core::entry::{Entry, Tags};
    use crate::core::name::{NamespaceName, OperationName};
    use crate::core::origin::{Incarnation, Origin};

    const NOW: Instant = Instant::from_unix_ms(1_790_000_000_000);

    fn address() -> Address<'static> {
        Address {
            namespace: NamespaceName::parse(b"n").expect("a namespace"),
            operation: OperationName::parse(b"o").expect("an operation"),
            fingerprint: Fingerprint::from_bytes([7; 32]),
        }
    }

    fn entry() -> Entry<'static> {
        Entry {
            mark: address().mark(),
            version: 5,
            created: NOW,
            ttl_ms: Some(100),
            grace_ms: 0,
            took_ms: None,
            weight: Some(9),
            tags: Tags::NONE,
            negative: false,
            failure: None,
            body: Body::raw(b"old"),
        }
    }

    fn cause(
        entry: Entry<'_>,
        left: Option<&[u8]>,
        namespace: Option<&Namespace>,
        now: Instant,
    ) -> Option<Cause> {
        let origin = Origin::new(address().namespace, Incarnation(1), address().operation);
        let stored = Stored { origin: &origin, entry, hits: 0, corrupt: false };
        Removed::of(&address(), namespace, stored, Cause::Replaced, left, now).map(|removed| removed.cause)
    }

    #[test]
    fn what_stood_for_something_is_recorded_with_what_became_of_it_first() {
        let namespace = Namespace::starting_at(Incarnation(1), 5);
        let mut later = namespace.clone();
        later.invalidated_scope(&crate::core::epochs::Scope::All, 6, None);
        let other = Namespace::starting_at(Incarnation(2), 5);
        let of = |entry, left: Option<&[u8]>| cause(entry, left, Some(&namespace), NOW);
        assert_eq!(of(entry(), Some(b"new")), Some(Cause::Replaced));
        assert_eq!(of(entry(), None), Some(Cause::Replaced));
        assert_eq!(of(entry(), Some(b"old")), None, "the same result");
        assert_eq!(of(Entry { weight: None, ..entry() }, None), None);
        assert_eq!(of(Entry { weight: Some(0), ..entry() }, None), Some(Cause::Replaced));
        assert_eq!(of(Entry { mark: crate::core::entry::Mark(1), ..entry() }, None), None, "elsewhere");
        assert_eq!(cause(entry(), None, Some(&namespace), NOW.plus(100)), Some(Cause::Expired));
        assert_eq!(cause(entry(), None, Some(&later), NOW), Some(Cause::Invalidated));
        assert_eq!(cause(entry(), None, Some(&other), NOW), Some(Cause::Invalidated));
        assert_eq!(cause(entry(), None, None, NOW), Some(Cause::Invalidated));
    }
}
