//! SET: what becomes of an entry that is written.

use super::entry::{Entry, Mark, Tags};
use super::instant::Instant;
use super::limits::{Defaults, Limits};
use super::refusal::Refusal;
use super::state::State;

/// How long what is written stays fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// As the rules say.
    Policy,
    /// For this many milliseconds from now: EX, PX.
    After(u64),
    /// Until an instant, which may be past: EXAT, PXAT.
    At(Instant),
    /// As long as what it replaces would have: KEEPTTL.
    Keep,
    /// For ever: PERSIST.
    Never,
}

/// On what a write depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// NX: only where there is nothing fresh.
    Absent,
    /// XX: only where there is something fresh.
    Present,
}

/// What a client asks to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write<'a> {
    pub result: &'a [u8],
    pub expiry: Expiry,
    /// None: as the rules say, or what KEEPTTL keeps.
    pub grace_ms: Option<u64>,
    pub tags: Tags<'a>,
    pub took_ms: Option<u64>,
    pub weight: Option<u64>,
    pub condition: Option<Condition>,
}

/// What SET does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    /// NX or XX forbids it: nothing changes.
    Forbidden,
    Store(Entry<'a>),
    /// It would be past already: nothing is stored, and what was there is invalidated.
    Remove,
}

/// Decides a SET of the entry marked `mark`, which would get `version`.
pub fn decide<'a>(
    write: &Write<'a>,
    mark: Mark,
    state: &State<'_>,
    version: u64,
    rules: (&Defaults, &Limits),
    now: Instant,
) -> Result<Decision<'a>, Refusal> {
    let (defaults, limits) = rules;
    let replaced = state.served(false).map(|stored| stored.entry);
    match (write.condition, replaced) {
        (Some(Condition::Absent), Some(_)) | (Some(Condition::Present), None) => {
            return Ok(Decision::Forbidden);
        }
        _ => {}
    }
    let kept = replaced.filter(|_| write.expiry == Expiry::Keep);
    let ttl_ms = match (write.expiry, kept) {
        (Expiry::Keep, Some(kept)) => kept.fresh_until().map(|instant| instant.since(now)),
        (Expiry::Keep | Expiry::Policy, _) => Some(defaults.ttl_ms),
        (Expiry::After(ttl_ms), _) => Some(ttl_ms),
        (Expiry::Never, _) => None,
        (Expiry::At(instant), _) if instant <= now => return Ok(Decision::Remove),
        (Expiry::At(instant), _) => Some(limits.check_instant(instant, now)?),
    };
    let grace_ms = write.grace_ms.or(kept.map(|kept| kept.grace_ms)).unwrap_or(defaults.grace_ms);
    let &Write { result, tags, took_ms, weight, .. } = write;
    Ok(Decision::Store(Entry {
        mark,
        version,
        created: now,
        ttl_ms,
        grace_ms,
        took_ms,
        weight,
        tags,
        result,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::name::{NamespaceName, OperationName};
    use super::super::origin::{Incarnation, Origin};
    use super::super::state::{Stored, Why};
    use super::*;

    const NOW: Instant = Instant::from_unix_ms(1_790_000_000_000);
    const ABSENT: State<'static> = State::Absent(Why::Unknown);

    fn write(expiry: Expiry) -> Write<'static> {
        Write {
            result: b"r",
            expiry,
            grace_ms: None,
            tags: Tags::NONE,
            took_ms: None,
            weight: None,
            condition: None,
        }
    }

    fn decided<'a>(write: &Write<'a>, state: &State<'_>) -> Decision<'a> {
        let rules = (&Defaults { ttl_ms: 1000, grace_ms: 7 }, &Limits::default());
        decide(write, Mark(1), state, 9, rules, NOW).expect("within the limits")
    }

    /// TTL and grace of what was stored.
    fn life(decision: Decision<'_>) -> (Option<u64>, u64) {
        match decision {
            Decision::Store(entry) => (entry.ttl_ms, entry.grace_ms),
            other => panic!("{other:?}"),
        }
    }

    fn with_entry(ttl_ms: Option<u64>, grace_ms: u64, check: impl Fn(&State<'_>)) {
        let origin = Origin::new(
            NamespaceName::parse(b"n").expect("a namespace"),
            Incarnation(1),
            OperationName::parse(b"o").expect("an operation"),
        );
        let created = Instant::from_unix_ms(NOW.unix_ms() - 100);
        let Decision::Store(entry) = decided(&write(Expiry::Never), &ABSENT) else {
            panic!("nothing stored")
        };
        let stored = Stored { origin: &origin, entry: Entry { created, ttl_ms, grace_ms, ..entry }, hits: 0 };
        check(&State::Fresh(stored));
    }

    #[test]
    fn each_expiry() {
        assert_eq!(life(decided(&write(Expiry::Policy), &ABSENT)), (Some(1000), 7));
        assert_eq!(life(decided(&write(Expiry::After(5)), &ABSENT)), (Some(5), 7));
        assert_eq!(life(decided(&write(Expiry::At(NOW.plus(5))), &ABSENT)), (Some(5), 7));
        assert_eq!(life(decided(&write(Expiry::Never), &ABSENT)), (None, 7));
        assert_eq!(life(decided(&write(Expiry::Keep), &ABSENT)), (Some(1000), 7));
        assert_eq!(
            life(decided(&Write { grace_ms: Some(0), ..write(Expiry::Policy) }, &ABSENT)),
            (Some(1000), 0)
        );
    }

    #[test]
    fn an_instant_that_is_not_ahead_stores_nothing() {
        for past in [NOW, Instant::from_unix_ms(1)] {
            assert_eq!(decided(&write(Expiry::At(past)), &ABSENT), Decision::Remove);
        }
    }

    #[test]
    fn an_instant_beyond_the_longest_ttl_is_refused() {
        let limits = Limits { ttl_max_ms: 10, ..Limits::default() };
        let decide_at = |ms| {
            decide(
                &write(Expiry::At(NOW.plus(ms))),
                Mark(1),
                &ABSENT,
                9,
                (&Defaults::default(), &limits),
                NOW,
            )
        };
        assert!(decide_at(10).is_ok());
        assert!(decide_at(11).is_err());
    }

    #[test]
    fn keepttl_keeps_the_instant_and_the_grace() {
        with_entry(Some(500), 30, |state| {
            assert_eq!(life(decided(&write(Expiry::Keep), state)), (Some(400), 30));
            let with_grace = Write { grace_ms: Some(1), ..write(Expiry::Keep) };
            assert_eq!(life(decided(&with_grace, state)), (Some(400), 1));
        });
        with_entry(None, 30, |state| assert_eq!(life(decided(&write(Expiry::Keep), state)), (None, 30)));
    }

    #[test]
    fn conditions_see_only_what_is_fresh() {
        let [nx, xx] = [Condition::Absent, Condition::Present]
            .map(|condition| Write { condition: Some(condition), ..write(Expiry::Policy) });
        assert!(matches!(decided(&nx, &ABSENT), Decision::Store(_)));
        assert_eq!(decided(&xx, &ABSENT), Decision::Forbidden);
        with_entry(Some(500), 30, |state| {
            assert_eq!(decided(&nx, state), Decision::Forbidden);
            assert!(matches!(decided(&xx, state), Decision::Store(_)));
            let State::Fresh(stored) = *state else { panic!("{state:?}") };
            let stale = State::Stale(stored);
            assert!(matches!(decided(&nx, &stale), Decision::Store(_)));
            assert_eq!(decided(&xx, &stale), Decision::Forbidden);
            assert_eq!(life(decided(&write(Expiry::Keep), &stale)), (Some(1000), 7));
        });
    }
}
