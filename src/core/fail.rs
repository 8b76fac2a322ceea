//! FAIL: what is remembered of a computation that failed.

use super::body::Body;
use super::entry::{Entry, Failure, Mark, Tags};
use super::lifetime::Terms;
use super::refusal::Refusal;
use super::set::{Subject, drawn};
use super::state::State;

/// Decides what is stored of a failure, which would get `version`: the value that is there with the failure beside it;
/// else a negative entry, where failures are remembered; else nothing. `remember_ms` is none where the rules say.
/// The tags are written into `tag_block`.
///
/// # Errors
///
/// `TOOBIG` for more or longer tags than the limits allow.
pub fn decide<'a>(
    message: &'a [u8],
    remember_ms: Option<u64>,
    subject: &Subject<'_>,
    state: &State<'a>,
    version: u64,
    terms: &Terms<'_>,
    tag_block: &'a mut Vec<u8>,
) -> Result<Option<Entry<'a>>, Refusal> {
    let &Terms { policy, limits, now } = terms;
    let remember_ms = remember_ms.unwrap_or(policy.negative_ms).min(limits.ttl_max_ms);
    if let Some(stored) = state.served(true) {
        let until = now.plus(remember_ms.max(policy.retry_ms.min(limits.ttl_max_ms)));
        let failure = Failure { until, remembered_until: now.plus(remember_ms), message };
        return Ok(Some(Entry { version, failure: Some(failure), ..stored.entry }));
    }
    if remember_ms == 0 {
        return Ok(None);
    }
    let tags = drawn(&policy.tags, &subject.source, b"")?;
    limits.check_tags_once(&tags)?;
    let tags: Vec<&[u8]> = tags.iter().map(Vec::as_slice).collect();
    Ok(Some(Entry {
        mark: Mark::from(subject.fingerprint),
        version,
        created: now,
        ttl_ms: Some(remember_ms),
        grace_ms: 0,
        took_ms: None,
        weight: None,
        tags: Tags::from_list(&tags, tag_block),
        negative: true,
        failure: None,
        body: Body::raw(message),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::fingerprint::Fingerprint;
    use super::super::instant::Instant;
    use super::super::limits::Limits;
    use super::super::name::{NamespaceName, OperationName};
    use super::super::origin::{Incarnation, Origin};
    use super::super::policy::{Policy, templates};
    use super::super::set::Source;
    use super::super::state::{Stored, Why};
    use super::*;

    const NOW: Instant = Instant::from_unix_ms(1_790_000_000_000);
    const FINGERPRINT: Fingerprint = Fingerprint::from_bytes([7; 32]);

    fn decided(state: &State<'static>, remember_ms: Option<u64>, policy: &Policy) -> Option<Entry<'static>> {
        let terms = Terms { policy, limits: &Limits::default(), now: NOW };
        let bound = templates::bind(&policy.tags, br#"{"id":7}"#);
        let subject = Subject { fingerprint: &FINGERPRINT, source: Source::Bound(&bound) };
        decide(b"no", remember_ms, &subject, state, 9, &terms, Box::leak(Box::default())).expect("a decision")
    }

    #[test]
    fn a_failure_is_remembered_as_long_as_is_said() {
        let absent = State::Absent(Why::Unknown);
        let (default, policy) = (Policy::default(), Policy { negative_ms: 50, ..Policy::default() });
        let ttl = |remember_ms, policy| decided(&absent, remember_ms, policy).map(|entry| entry.ttl_ms);
        assert_eq!(ttl(None, &default), None);
        assert_eq!(ttl(Some(5), &default), Some(Some(5)));
        assert_eq!([ttl(None, &policy), ttl(Some(0), &policy)], [Some(Some(50)), None]);
    }

    #[test]
    fn a_negative_entry_bears_the_tags_that_the_params_give() {
        let tags = templates::parse("v:{params/id} {result/x} all").expect("templates").into();
        let policy = Policy { negative_ms: 50, tags, ..Policy::default() };
        let entry = decided(&State::Absent(Why::Unknown), None, &policy).expect("an entry");
        assert!(entry.negative && entry.message() == b"no" && entry.version == 9);
        assert_eq!(entry.tags.iter().collect::<Vec<_>>(), [&b"v:7"[..], b"all"]);
    }

    #[test]
    fn a_failed_refresh_is_kept_beside_the_value() {
        let value = Entry {
            mark: Mark::from(&FINGERPRINT),
            version: 5,
            created: NOW,
            ttl_ms: Some(1),
            grace_ms: 100,
            took_ms: Some(3),
            weight: None,
            tags: Tags::NONE,
            negative: false,
            failure: None,
            body: Body::raw(b"r"),
        };
        let origin = Origin::new(
            NamespaceName::parse(b"n").expect("a namespace"),
            Incarnation(1),
            OperationName::parse(b"o").expect("an operation"),
        );
        let state = State::Stale(Stored {
            origin: Box::leak(Box::new(origin)),
            entry: value,
            hits: 0,
            corrupt: false,
        });
        let policy = Policy { retry_ms: 20, negative_ms: 5, ..Policy::default() };
        for (remember_ms, until, remembered) in [(None, 20, 5), (Some(30), 30, 30), (Some(0), 20, 0)] {
            let remembered_until = NOW.plus(remembered);
            let failure = Some(Failure { until: NOW.plus(until), remembered_until, message: b"no" });
            assert_eq!(decided(&state, remember_ms, &policy), Some(Entry { version: 9, failure, ..value }));
        }
    }
}
