//! SET: what becomes of an entry that is written.

use super::body::Body;
use super::entry::{Entry, Mark, Tags};
use super::fingerprint::Fingerprint;
pub use super::lifetime::Expiry;
use super::lifetime::{self, Life, Terms, Wish};
use super::policy::templates::{self, Template};
use super::refusal::{Code, Refusal};
use super::state::State;

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

impl<'a> Decision<'a> {
    /// The tags of what would be stored.
    pub fn tags(&self) -> Tags<'a> {
        match self {
            Decision::Store(entry) => entry.tags,
            Decision::Forbidden | Decision::Remove => Tags::NONE,
        }
    }
}

/// What the entry that is written is the result of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject<'a> {
    pub fingerprint: &'a Fingerprint,
    pub source: Source<'a>,
}

/// What tags can be drawn from, beside the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'a> {
    /// The params as JSON, nothing left out.
    Params(&'a [u8]),
    /// What was drawn from them when a lease was granted.
    Bound(&'a [Template]),
    /// Nothing: the writer gave the fingerprint only.
    Unknown,
}

/// Decides a SET, which would get `version`. The entry's tags are written into `tag_block` where rules add any.
///
/// # Errors
///
/// Those of [`lifetime::decide`]; `TOOBIG` for more or longer tags than the limits allow; `BADPARAMS` where rules draw
/// tags from params that were not given.
pub fn decide<'a>(
    write: &Write<'a>,
    subject: &Subject<'_>,
    state: &State<'_>,
    version: u64,
    terms: &Terms<'_>,
    tag_block: &'a mut Vec<u8>,
) -> Result<Decision<'a>, Refusal> {
    let replaced = state.served(false).map(|stored| &stored.entry);
    match (write.condition, replaced) {
        (Some(Condition::Absent), Some(_)) | (Some(Condition::Present), None) => {
            return Ok(Decision::Forbidden);
        }
        _ => {}
    }
    let &Write { result, expiry, grace_ms, took_ms, weight, .. } = write;
    let wish = Wish { expiry, grace_ms, replaced, fingerprint: subject.fingerprint, result };
    let Life::Stored { ttl_ms, grace_ms } = lifetime::decide(&wish, terms)? else {
        return Ok(Decision::Remove);
    };
    Ok(Decision::Store(Entry {
        mark: Mark::from(subject.fingerprint),
        version,
        created: terms.now,
        ttl_ms,
        grace_ms,
        took_ms,
        weight,
        tags: tags(write, subject, terms, tag_block)?,
        negative: false,
        failure: None,
        body: Body::raw(result),
    }))
}

/// The tags that the writer gives, then those that the rules add, each once.
fn tags<'a>(
    write: &Write<'a>,
    subject: &Subject<'_>,
    terms: &Terms<'_>,
    block: &'a mut Vec<u8>,
) -> Result<Tags<'a>, Refusal> {
    let drawn = drawn(&terms.policy.tags, &subject.source, write.result)?;
    if drawn.is_empty() {
        return Ok(write.tags);
    }
    let mut tags: Vec<&[u8]> = write.tags.iter().collect();
    for tag in &drawn {
        if !tags.contains(&&tag[..]) {
            tags.push(tag);
        }
    }
    terms.limits.check_tags(&tags)?;
    Ok(Tags::from_list(&tags, block))
}

/// The tags that the rules give a result.
pub fn drawn(rules: &[Template], source: &Source<'_>, result: &[u8]) -> Result<Vec<Vec<u8>>, Refusal> {
    let mut tags = Vec::new();
    match source {
        Source::Params(params) => templates::tags(rules, Some(params), result, &mut tags),
        Source::Unknown if templates::needs_params(rules) => return Err(params_needed()),
        Source::Unknown => templates::tags(rules, None, result, &mut tags),
        Source::Bound(bound) => {
            templates::tags(bound, None, result, &mut tags);
            templates::tags(rules, None, result, &mut tags);
        }
    }
    Ok(tags)
}

/// Where a rule draws tags from params that were not given.
pub fn params_needed() -> Refusal {
    Refusal::new(
        Code::BadParams,
        "a rule draws tags from the params: only JSON is accepted here, not fp: and a fingerprint",
    )
}

#[cfg(test)]
mod tests {
    use super::super::instant::Instant;
    use super::super::limits::Limits;
    use super::super::name::{NamespaceName, OperationName};
    use super::super::origin::{Incarnation, Origin};
    use super::super::policy::Policy;
    use super::super::state::{Stored, Why};
    use super::*;

    const NOW: Instant = Instant::from_unix_ms(1_790_000_000_000);
    const ABSENT: State<'static> = State::Absent(Why::Unknown);
    const FINGERPRINT: Fingerprint = Fingerprint::from_bytes([7; 32]);

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

    /// A SET by rules that say a second and a grace of 7 ms, and add no tags.
    fn decided<'a>(write: &Write<'a>, state: &State<'_>) -> Decision<'a> {
        let policy = Policy { ttl_ms: 1000, grace_ms: 7, ..Policy::default() };
        let terms = Terms { policy: &policy, limits: &Limits::default(), now: NOW };
        let subject = Subject { fingerprint: &FINGERPRINT, source: Source::Unknown };
        let block = Box::leak(Box::default());
        decide(write, &subject, state, 9, &terms, block).expect("within the limits")
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
        let stored = Stored {
            origin: &origin,
            entry: Entry { created, ttl_ms, grace_ms, ..entry },
            hits: 0,
            corrupt: false,
        };
        check(&State::Fresh(stored));
    }

    #[test]
    fn what_is_stored_is_what_was_asked() {
        let asked = Write {
            tags: Tags::from_list(&[b"t"], Box::leak(Box::default())),
            took_ms: Some(1),
            weight: Some(2),
            ..write(Expiry::After(5))
        };
        let expected = Entry {
            mark: Mark::from(&FINGERPRINT),
            version: 9,
            created: NOW,
            ttl_ms: Some(5),
            grace_ms: 7,
            took_ms: Some(1),
            weight: Some(2),
            tags: asked.tags,
            negative: false,
            failure: None,
            body: Body::raw(b"r"),
        };
        assert_eq!(decided(&asked, &ABSENT), Decision::Store(expected));
    }

    #[test]
    fn an_instant_that_is_not_ahead_stores_nothing() {
        for past in [NOW, Instant::from_unix_ms(1)] {
            assert_eq!(decided(&write(Expiry::At(past)), &ABSENT), Decision::Remove);
        }
    }

    #[test]
    fn keepttl_keeps_what_is_fresh_only() {
        with_entry(Some(500), 30, |state| {
            assert_eq!(life(decided(&write(Expiry::Keep), state)), (Some(400), 30));
            let State::Fresh(stored) = *state else { panic!("{state:?}") };
            assert_eq!(life(decided(&write(Expiry::Keep), &State::Stale(stored))), (Some(1000), 7));
        });
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
        });
    }

    /// The tags of a SET by rules with these templates, which takes two of at most four bytes.
    fn tagged(explicit: &[&[u8]], templates: &str, params: Option<&str>) -> Result<Vec<String>, Refusal> {
        let policy =
            Policy { tags: templates::parse(templates).expect(templates).into(), ..Policy::default() };
        let limits = Limits { tags_max: 2, tag_max_bytes: 4, ..Limits::default() };
        let terms = Terms { policy: &policy, limits: &limits, now: NOW };
        let source = params.map_or(Source::Unknown, |params| Source::Params(params.as_bytes()));
        let subject = Subject { fingerprint: &FINGERPRINT, source };
        let (mut given, mut joined) = (Vec::new(), Vec::new());
        let write = Write { tags: Tags::from_list(explicit, &mut given), ..write(Expiry::Policy) };
        let decision = decide(&write, &subject, &ABSENT, 9, &terms, &mut joined)?;
        let Decision::Store(entry) = decision else { panic!("{decision:?}") };
        Ok(entry.tags.iter().map(|tag| String::from_utf8_lossy(tag).into_owned()).collect())
    }

    #[test]
    fn tags_of_rules_join_those_that_are_given() {
        let params = Some(r#"{"id":7}"#);
        assert_eq!(tagged(&[b"x"], "v:{params/id}", params), Ok(vec!["x".to_owned(), "v:7".to_owned()]));
        assert_eq!(
            tagged(&[b"v:7", b"x"], "v:{params/id} v:7", params),
            Ok(vec!["v:7".to_owned(), "x".to_owned()])
        );
        assert_eq!(tagged(&[b"x"], "{params/none}", params), Ok(vec!["x".to_owned()]));
        assert_eq!(tagged(&[], "{result}", None), Ok(vec![]), "the result is no JSON");
    }

    #[test]
    fn all_tags_count_against_the_limits() {
        let code = |explicit: &[&[u8]], templates, params| {
            tagged(explicit, templates, params).expect_err("a refusal").code
        };
        assert_eq!(code(&[b"x", b"y"], "z", None), Code::TooBig);
        assert_eq!(code(&[], "x y z", None), Code::TooBig);
        assert_eq!(code(&[], "12345", None), Code::TooBig);
        let long = format!("\"{}\"", "x".repeat(10_000));
        assert_eq!(code(&[], "{params}", Some(&long)), Code::TooBig);
        assert_eq!(code(&[], "{params}", None), Code::BadParams);
    }
}
