//! INVALIDATE: what becomes of one entry that is no longer true.

use super::entry::{Entry, Freshness};
use super::instant::Instant;
use super::limits::maxima;
use super::state::State;

/// What INVALIDATE does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    /// IFVERSION names another version: nothing changes, not even the clock.
    Differs,
    /// Nothing is there any more.
    Remove { was_there: bool },
    /// SOFT: the entry stays as a stale one.
    Soften(Entry<'a>),
}

/// Decides an INVALIDATE that would get `version`.
pub fn decide<'a>(
    soft: bool,
    if_version: Option<u64>,
    state: &State<'a>,
    version: u64,
    now: Instant,
) -> Decision<'a> {
    if if_version.is_some_and(|expected| expected != state.version()) {
        return Decision::Differs;
    }
    match state.present() {
        Some(stored) if soft => softened(&stored.entry, version, now)
            .map_or(Decision::Remove { was_there: true }, Decision::Soften),
        found => Decision::Remove { was_there: found.is_some() },
    }
}

/// The entry stale from `now` for its grace, never longer than it would have been; none where it has no grace.
fn softened<'a>(entry: &Entry<'a>, version: u64, now: Instant) -> Option<Entry<'a>> {
    if entry.freshness(now) == Freshness::Stale {
        return Some(Entry { version, ..*entry });
    }
    let left_ms = entry.gone_at().map_or(u64::MAX, |gone_at| gone_at.since(now));
    let grace_ms = entry.grace_ms.min(left_ms);
    // A clock that stepped back may have left the creation ahead of now: it must not stay fresh for that.
    let created = entry.created.min(now);
    let ttl_ms = now.since(created).min(maxima::TTL_SECONDS.saturating_mul(1000));
    (grace_ms > 0).then_some(Entry { version, created, ttl_ms: Some(ttl_ms), grace_ms, ..*entry })
}

#[cfg(test)]
mod tests {
    use super::super::body::Body;
    use super::super::entry::{Mark, Tags};
    use super::super::name::{NamespaceName, OperationName};
    use super::super::origin::{Incarnation, Origin};
    use super::super::state::{Stored, Why};
    use super::*;
    use proptest::prelude::*;

    const CREATED: Instant = Instant::from_unix_ms(1_790_000_000_000);

    fn entry(ttl_ms: Option<u64>, grace_ms: u64) -> Entry<'static> {
        Entry {
            mark: Mark(1),
            version: 5,
            created: CREATED,
            ttl_ms,
            grace_ms,
            took_ms: Some(3),
            weight: None,
            tags: Tags::NONE,
            negative: false,
            failure: None,
            body: Body::raw(b"r"),
        }
    }

    fn decided(
        entry: Entry<'static>,
        soft: bool,
        if_version: Option<u64>,
        now: Instant,
    ) -> Decision<'static> {
        let origin: &'static Origin = Box::leak(Box::new(Origin::new(
            NamespaceName::parse(b"n").expect("a namespace"),
            Incarnation(1),
            OperationName::parse(b"o").expect("an operation"),
        )));
        let stored = Stored { origin, entry, hits: 0, corrupt: false };
        let state = match entry.freshness(now) {
            Freshness::Fresh => State::Fresh(stored),
            Freshness::Stale => State::Stale(stored),
            Freshness::Gone => State::Absent(Why::Expired),
        };
        decide(soft, if_version, &state, 9, now)
    }

    #[test]
    fn hard_removes_and_says_whether_something_was_there() {
        let entry = entry(Some(100), 50);
        assert_eq!(decided(entry, false, None, CREATED), Decision::Remove { was_there: true });
        assert_eq!(decided(entry, false, None, CREATED.plus(100)), Decision::Remove { was_there: true });
        assert_eq!(decided(entry, false, None, CREATED.plus(150)), Decision::Remove { was_there: false });
    }

    #[test]
    fn ifversion_must_be_the_version_there() {
        let entry = entry(Some(100), 0);
        assert_eq!(decided(entry, false, Some(5), CREATED), Decision::Remove { was_there: true });
        assert_eq!(decided(entry, false, Some(4), CREATED), Decision::Differs);
        assert_eq!(decided(entry, false, Some(0), CREATED), Decision::Differs);
        assert_eq!(
            decided(entry, false, Some(5), CREATED.plus(100)),
            Decision::Differs,
            "absent is version 0"
        );
        assert_eq!(decided(entry, false, Some(0), CREATED.plus(100)), Decision::Remove { was_there: false });
    }

    #[test]
    fn soft_without_grace_is_hard() {
        assert_eq!(decided(entry(Some(100), 0), true, None, CREATED), Decision::Remove { was_there: true });
        assert_eq!(decided(entry(None, 0), true, None, CREATED), Decision::Remove { was_there: true });
    }

    proptest! {
        #[test]
        fn soft_is_stale_from_now_for_the_grace_but_never_longer_than_before(
            ttl_ms in proptest::option::of(1..1000u64), grace_ms in 1..1000u64, at in -500..2000i64,
        ) {
            let entry = entry(ttl_ms, grace_ms);
            let now = Instant::from_unix_ms(CREATED.unix_ms().saturating_add_signed(at));
            if let Decision::Soften(softened) = decided(entry, true, None, now) {
                prop_assert_eq!(softened.freshness(now), Freshness::Stale);
                prop_assert_eq!(softened.version, 9);
                let gone_at = softened.gone_at().expect("it ends");
                let longest = entry.gone_at().unwrap_or(now.plus(grace_ms));
                prop_assert_eq!(gone_at, longest.min(now.plus(grace_ms)));
            } else {
                prop_assert_eq!(entry.freshness(now), Freshness::Gone);
            }
        }
    }
}
