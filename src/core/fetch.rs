//! FETCH: what an entry offers to a caller who would rather compute than go without.

use std::rc::Rc;

use super::entry::Entry;
use super::instant::Instant;
use super::policy::Policy;
use super::state::{OpenState, Opened};
use super::stats::Served;

/// What a caller accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ask {
    /// Nothing that is stale.
    pub nostale: bool,
    /// Not this very version.
    pub reject: Option<u64>,
}

/// What there is for a caller.
#[derive(Debug, Clone, Copy)]
pub enum Offer<'a> {
    /// Fresh. Where it is `due`, one caller is asked to refresh it before it ends.
    Hit { stored: Opened<'a>, due: bool },
    /// Stale. Where it is `due`, one caller is asked to refresh it.
    Stale { stored: Opened<'a>, due: bool },
    /// A remembered failure.
    Failed { message: &'a [u8], version: u64 },
    /// Somebody has to compute.
    Nothing,
}

impl Ask {
    /// What an entry in this state offers.
    pub fn offer<'a>(&self, state: &OpenState<'a>, policy: &Policy, now: Instant) -> Offer<'a> {
        match *state {
            OpenState::Fresh(stored) if self.takes(&stored) => {
                Offer::Hit { stored, due: is_refresh_due(&stored.entry, policy.refresh_percent, now) }
            }
            OpenState::Stale(stored) if self.takes(&stored) => {
                let failure = stored.entry.failure.filter(|failure| now < failure.until);
                match failure {
                    Some(failure) if self.nostale => {
                        Offer::Failed { message: failure.message, version: stored.entry.version }
                    }
                    _ if self.nostale => Offer::Nothing,
                    _ => Offer::Stale { stored, due: failure.is_none() },
                }
            }
            OpenState::Negative(stored) if self.takes(&stored) => {
                Offer::Failed { message: stored.entry.message(), version: stored.entry.version }
            }
            _ => Offer::Nothing,
        }
    }

    fn takes(&self, stored: &Opened<'_>) -> bool {
        self.reject != Some(stored.entry.version)
    }
}

/// Whether a fresh entry is in the last part of its TTL, from which it may be refreshed, and no refresh has just
/// failed.
fn is_refresh_due(entry: &Entry<'_>, percent: u8, now: Instant) -> bool {
    let (1.., Some(ttl_ms), Some(fresh_until)) = (percent, entry.ttl_ms, entry.fresh_until()) else {
        return false;
    };
    let part_ms =
        u64::try_from(u128::from(ttl_ms).saturating_mul(u128::from(percent)) / 100).unwrap_or(u64::MAX);
    fresh_until.since(now) <= part_ms && entry.failure.is_none_or(|failure| now >= failure.until)
}

/// The first part of a FETCH's reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Hit,
    Stale,
    Lease,
    Busy,
    Failed,
}

/// The reply to a FETCH, as a value that outlives what it was decided from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub status: Status,
    pub value: Option<Rc<[u8]>>,
    pub token: Option<Rc<str>>,
    /// Below zero for progress.
    pub version: i64,
    /// Of a value, what it took to compute.
    pub took_ms: Option<u64>,
    /// Of a value, what it stands for elsewhere.
    pub weight: Option<u64>,
}

impl Fetched {
    /// A value, stale or not.
    pub fn value(status: Status, stored: &Opened<'_>) -> Self {
        Fetched::value_of(status, &stored.entry, stored.result)
    }

    /// The same of an entry that is about to be stored, and its result.
    pub fn value_of(status: Status, entry: &Entry<'_>, result: &[u8]) -> Self {
        let Entry { version, took_ms, weight, .. } = *entry;
        let nothing = Fetched::nothing(status, signed(version));
        Fetched { value: Some(result.into()), took_ms, weight, ..nothing }
    }

    /// No value, no token.
    pub fn nothing(status: Status, version: i64) -> Self {
        Fetched { status, value: None, token: None, version, took_ms: None, weight: None }
    }

    /// What it serves, where it has a value.
    pub fn served(&self) -> Served {
        let bytes = self.value.as_ref().map_or(0, |value| value.len() as u64);
        Served { bytes, took_ms: self.took_ms, weight: self.weight }
    }

    /// The caller computes.
    pub fn lease(token: Rc<str>) -> Self {
        Fetched { token: Some(token), ..Fetched::nothing(Status::Lease, 0) }
    }

    /// A failure; the version is 0 where it is not remembered.
    pub fn failed(message: &[u8], version: u64) -> Self {
        Fetched { value: Some(message.into()), ..Fetched::nothing(Status::Failed, signed(version)) }
    }

    /// Bytes that the reply takes, roughly.
    pub fn bytes(&self) -> usize {
        const AROUND: usize = 64;
        let value = self.value.as_ref().map_or(0, |value| value.len());
        value.saturating_add(self.token.as_ref().map_or(0, |token| token.len())).saturating_add(AROUND)
    }
}

/// A version of an entry, which is below 2^53, beside those of progress.
pub fn signed(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::body::Body;
    use super::super::entry::{Failure, Mark, Tags};
    use super::super::name::{NamespaceName, OperationName};
    use super::super::origin::{Incarnation, Origin};
    use super::super::state::{State, Stored, Why};
    use super::*;

    const CREATED: Instant = Instant::from_unix_ms(1_790_000_000_000);
    const PLAIN: Ask = Ask { nostale: false, reject: None };
    const NOSTALE: Ask = Ask { nostale: true, reject: None };
    const REJECT: Ask = Ask { nostale: false, reject: Some(5) };

    /// An entry of version 5, fresh for a second.
    fn entry() -> Entry<'static> {
        Entry {
            mark: Mark(1),
            version: 5,
            created: CREATED,
            ttl_ms: Some(1000),
            grace_ms: 1000,
            took_ms: None,
            weight: None,
            tags: Tags::NONE,
            negative: false,
            failure: None,
            body: Body::raw(b"r"),
        }
    }

    /// In a word, what is offered `ms` after the entry was written.
    fn offered(
        ask: Ask,
        state: fn(Stored<'static>) -> State<'static>,
        entry: Entry<'static>,
        percent: u8,
        ms: u64,
    ) -> &'static str {
        let origin = Origin::new(
            NamespaceName::parse(b"n").expect("a namespace"),
            Incarnation(1),
            OperationName::parse(b"o").expect("an operation"),
        );
        let stored = Stored { origin: Box::leak(Box::new(origin)), entry, hits: 0, corrupt: false };
        let policy = Policy { refresh_percent: percent, ..Policy::default() };
        match ask.offer(&state(stored).open(|stored| stored.entry.body.as_raw()), &policy, CREATED.plus(ms)) {
            Offer::Hit { due: false, .. } => "hit",
            Offer::Hit { due: true, .. } => "hit due",
            Offer::Stale { due: false, .. } => "stale",
            Offer::Stale { due: true, .. } => "stale due",
            Offer::Failed { message: b"no", version: 5 } => "failed",
            Offer::Failed { .. } => "failed otherwise",
            Offer::Nothing => "nothing",
        }
    }

    #[test]
    fn what_is_offered_to_whom() {
        let failure =
            Some(Failure { until: CREATED.plus(1500), remembered_until: CREATED.plus(10), message: b"no" });
        let (fine, failed) = (entry(), Entry { failure, ..entry() });
        let negative = Entry { negative: true, body: Body::raw(b"no"), ..entry() };
        for (ask, state, entry, percent, ms, expected) in [
            (PLAIN, State::Fresh as fn(_) -> _, fine, 0, 999, "hit"),
            (NOSTALE, State::Fresh, fine, 0, 0, "hit"),
            (REJECT, State::Fresh, fine, 0, 0, "nothing"),
            (Ask { reject: Some(4), ..PLAIN }, State::Fresh, fine, 0, 0, "hit"),
            (PLAIN, State::Fresh, fine, 20, 799, "hit"),
            (PLAIN, State::Fresh, fine, 20, 800, "hit due"),
            (PLAIN, State::Fresh, fine, 100, 0, "hit due"),
            (PLAIN, State::Fresh, failed, 20, 900, "hit"),
            (PLAIN, State::Fresh, Entry { ttl_ms: None, ..fine }, 20, 900, "hit"),
            (PLAIN, State::Stale, fine, 0, 1000, "stale due"),
            (PLAIN, State::Stale, failed, 0, 1499, "stale"),
            (PLAIN, State::Stale, failed, 0, 1500, "stale due"),
            (NOSTALE, State::Stale, fine, 0, 1000, "nothing"),
            (NOSTALE, State::Stale, failed, 0, 1499, "failed"),
            (NOSTALE, State::Stale, failed, 0, 1500, "nothing"),
            (REJECT, State::Stale, failed, 0, 1000, "nothing"),
            (PLAIN, State::Negative, negative, 0, 0, "failed"),
            (NOSTALE, State::Negative, negative, 0, 0, "failed"),
            (REJECT, State::Negative, negative, 0, 0, "nothing"),
            (PLAIN, |_| State::Absent(Why::Unknown), fine, 0, 0, "nothing"),
        ] {
            assert_eq!(offered(ask, state, entry, percent, ms), expected, "{ask:?} {entry:?} at {ms}");
        }
    }
}
