//! How long an entry that is written lives: what its writer asks, else what the rules say.

use super::entry::Entry;
use super::fingerprint::Fingerprint;
use super::instant::Instant;
use super::limits::{Limits, maxima};
use super::pointer::{Found, Pointer, find_all};
use super::policy::Policy;
use super::policy::expires_from::Bound;
use super::refusal::Refusal;

const MAX_DURATION_MS: u64 = maxima::TTL_SECONDS * 1000;

/// How long what is written stays fresh, as its writer asks.
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

/// What a command stores, and how long it is to live.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    pub expiry: Expiry,
    /// None: what KEEPTTL keeps, or as the rules say.
    pub grace_ms: Option<u64>,
    /// The fresh entry that is replaced, where there is one.
    pub replaced: Option<&'a Entry<'a>>,
    pub fingerprint: &'a Fingerprint,
    pub result: &'a [u8],
}

/// What binds a command that stores.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    pub policy: &'a Policy,
    pub limits: &'a Limits,
    pub now: Instant,
}

/// How long an entry lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Fresh for `ttl_ms` (none is for ever), then stale for `grace_ms`.
    Stored { ttl_ms: Option<u64>, grace_ms: u64 },
    /// It would be past already: nothing is to be stored, and what was there is to be invalidated.
    Nothing,
}

/// Decides how long an entry lives.
///
/// What the writer asks goes before what the rules say, and is not shortened by JITTER. EXPIRESFROM shortens
/// the life whatever it comes from. Times of rules are cut to what `cache.ttl-max-seconds` allows.
///
/// # Errors
///
/// `ERR` for an instant beyond that limit, and for a result in which EXPIRESFROM finds no good instant.
pub fn decide(wish: &Wish<'_>, terms: &Terms<'_>) -> Result<Life, Refusal> {
    let &Terms { policy, limits, now } = terms;
    let kept = wish.replaced.filter(|_| wish.expiry == Expiry::Keep);
    let is_by_rules = kept.is_none() && matches!(wish.expiry, Expiry::Policy | Expiry::Keep);
    let said = Said::read(wish.result, policy, is_by_rules);
    let ttl_ms = match (wish.expiry, kept) {
        (Expiry::At(instant), _) if instant <= now => return Ok(Life::Nothing),
        (Expiry::At(instant), _) => Some(limits.check_instant(instant, now)?),
        (Expiry::After(ttl_ms), _) => Some(ttl_ms),
        (Expiry::Never, _) => None,
        (Expiry::Keep, Some(kept)) => kept.fresh_until().map(|instant| instant.since(now)),
        (Expiry::Keep | Expiry::Policy, _) => {
            let ttl_ms = said.ttl_ms.unwrap_or(policy.ttl_ms).min(limits.ttl_max_ms);
            Some(jittered(ttl_ms, policy.jitter_percent, wish.fingerprint))
        }
    };
    let grace_ms = wish
        .grace_ms
        .or(kept.map(|kept| kept.grace_ms))
        .unwrap_or_else(|| policy.grace_ms.min(limits.ttl_max_ms));
    let bound = match &policy.expires_from {
        Some(expires_from) => expires_from.bound(&said.expires, now)?,
        None => Bound::None,
    };
    Ok(match bound {
        Bound::None => Life::Stored { ttl_ms, grace_ms },
        Bound::Nothing => Life::Nothing,
        Bound::Until(end) => within(end.since(now), ttl_ms, grace_ms),
    })
}

/// What a result itself says of its life.
struct Said {
    /// By TTLFROM.
    ttl_ms: Option<u64>,
    /// What EXPIRESFROM points to.
    expires: Found,
}

impl Said {
    /// Looks into the result, once, and only where a rule wants to know.
    fn read(result: &[u8], policy: &Policy, is_by_rules: bool) -> Self {
        let ttl_from = policy.ttl_from.as_ref().filter(|_| is_by_rules);
        let expires_from = policy.expires_from.as_ref();
        let pointers = [ttl_from.map(|from| &from.pointer), expires_from.map(|from| &from.pointer)];
        let pointers: Vec<&Pointer> = pointers.into_iter().flatten().collect();
        let mut found = find_all(&pointers, result).into_iter();
        Said {
            ttl_ms: ttl_from.and_then(|from| from.ttl_ms(found.next()?.scalar())),
            expires: expires_from.and_then(|_| found.next()).unwrap_or(Found::Missing),
        }
    }
}

/// Shortens a TTL by a share of up to `percent` that is always the same for one fingerprint, so that entries
/// written together do not end together, and every node agrees. At least 1 ms remains.
fn jittered(ttl_ms: u64, percent: u8, fingerprint: &Fingerprint) -> u64 {
    let share = fingerprint.as_bytes().last_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    // No product overflows: a TTL has at most 42 bits, a percentage 7, the share 64.
    let most = u128::from(ttl_ms).saturating_mul(u128::from(percent));
    let shortened = (most.saturating_mul(u128::from(share)) >> 64) / 100;
    ttl_ms.saturating_sub(u64::try_from(shortened).unwrap_or(ttl_ms)).max(1)
}

/// A life that is over when `left_ms` are.
fn within(left_ms: u64, ttl_ms: Option<u64>, grace_ms: u64) -> Life {
    // For ever may become any number of years, but no entry has more than so many.
    let left_ms = left_ms.min(MAX_DURATION_MS);
    let ttl_ms = ttl_ms.map_or(left_ms, |ttl_ms| ttl_ms.min(left_ms));
    Life::Stored { ttl_ms: Some(ttl_ms), grace_ms: grace_ms.min(left_ms.saturating_sub(ttl_ms)) }
}

#[cfg(test)]
mod tests {
    use super::super::body::Body;
    use super::super::entry::{Mark, Tags};
    use super::super::fingerprint::{Fingerprinter, HashKind};
    use super::super::policy::field::Field;
    use super::super::policy::glob::Pattern;
    use super::super::policy::rules::Rules;
    use super::super::policy::value::Value;
    use super::*;
    use proptest::prelude::*;

    const NOW: Instant = Instant::from_unix_ms(1_790_000_000_000);
    const DAY_MS: u64 = 86_400_000;

    /// A fingerprint with half of the share that JITTER can take.
    const HALF: Fingerprint = {
        let mut bytes = [0; 32];
        bytes[31] = 0x80;
        Fingerprint::from_bytes(bytes)
    };

    /// What holds by one rule.
    fn policy(fields: &[(Field, &str)]) -> Policy {
        let any = |of: fn(&[u8]) -> Result<Pattern, Refusal>| of(b"*").expect("a pattern");
        let value =
            |(field, text): &(Field, &str)| (*field, Value::parse(*field, text.as_bytes()).expect(text));
        let mut rules = Rules::default();
        let values = fields.iter().map(value).collect();
        rules.set(any(Pattern::of_namespaces), any(Pattern::of_operations), values).expect("a rule");
        rules.resolve("n", "o")
    }

    fn decided(policy: &Policy, expiry: Expiry, result: &str) -> Result<Life, Refusal> {
        let wish =
            Wish { expiry, grace_ms: None, replaced: None, fingerprint: &HALF, result: result.as_bytes() };
        decide(&wish, &Terms { policy, limits: &Limits::default(), now: NOW })
    }

    fn stored(ttl_ms: impl Into<Option<u64>>, grace_ms: u64) -> Result<Life, Refusal> {
        Ok(Life::Stored { ttl_ms: ttl_ms.into(), grace_ms })
    }

    #[test]
    fn what_is_asked_goes_before_what_the_rules_say() {
        let rules = policy(&[(Field::Ttl, "1s"), (Field::Grace, "7ms"), (Field::TtlFrom, "/s done=1m")]);
        let done = r#"{"s":"done"}"#;
        assert_eq!(decided(&rules, Expiry::Policy, "{}"), stored(1000, 7));
        assert_eq!(decided(&rules, Expiry::Policy, done), stored(60_000, 7));
        assert_eq!(decided(&rules, Expiry::Keep, done), stored(60_000, 7), "nothing to keep");
        assert_eq!(decided(&rules, Expiry::After(5), done), stored(5, 7));
        assert_eq!(decided(&rules, Expiry::At(NOW.plus(5)), done), stored(5, 7));
        assert_eq!(decided(&rules, Expiry::Never, done), stored(None, 7));
        assert_eq!(decided(&Policy::default(), Expiry::Policy, done), stored(3_600_000, 0));
    }

    #[test]
    fn an_instant_that_is_not_ahead_stores_nothing() {
        for past in [NOW, Instant::from_unix_ms(1)] {
            assert_eq!(decided(&Policy::default(), Expiry::At(past), ""), Ok(Life::Nothing));
        }
    }

    #[test]
    fn no_life_is_longer_than_the_limits() {
        let limits = Limits { ttl_max_ms: 10, ..Limits::default() };
        let rules = policy(&[(Field::Ttl, "1h"), (Field::Grace, "2h"), (Field::TtlFrom, "/s done=1d")]);
        let fingerprint = Fingerprint::from_bytes([0; 32]);
        let decide_by = |expiry, result: &str| {
            let wish = Wish {
                expiry,
                grace_ms: None,
                replaced: None,
                fingerprint: &fingerprint,
                result: result.as_bytes(),
            };
            decide(&wish, &Terms { policy: &rules, limits: &limits, now: NOW })
        };
        assert_eq!(decide_by(Expiry::At(NOW.plus(10)), ""), stored(10, 10));
        assert!(decide_by(Expiry::At(NOW.plus(11)), "").is_err(), "what is asked is refused");
        assert_eq!(decide_by(Expiry::Policy, ""), stored(10, 10), "what rules say is cut");
        assert_eq!(decide_by(Expiry::Policy, r#"{"s":"done"}"#), stored(10, 10));
    }

    #[test]
    fn keepttl_keeps_the_instant_and_the_grace() {
        let entry = |ttl_ms, grace_ms| Entry {
            mark: Mark(1),
            version: 1,
            created: Instant::from_unix_ms(NOW.unix_ms() - 100),
            ttl_ms,
            grace_ms,
            took_ms: None,
            weight: None,
            tags: Tags::NONE,
            negative: false,
            failure: None,
            body: Body::raw(b""),
        };
        let rules = policy(&[(Field::Jitter, "100"), (Field::TtlFrom, "/s done=1m")]);
        let fingerprint = Fingerprint::from_bytes([0xff; 32]);
        let keep = |kept: Entry<'_>, expiry, grace_ms| {
            let result = br#"{"s":"done"}"#;
            let wish = Wish { expiry, grace_ms, replaced: Some(&kept), fingerprint: &fingerprint, result };
            decide(&wish, &Terms { policy: &rules, limits: &Limits::default(), now: NOW })
        };
        assert_eq!(keep(entry(Some(500), 30), Expiry::Keep, None), stored(400, 30));
        assert_eq!(keep(entry(Some(500), 30), Expiry::Keep, Some(1)), stored(400, 1));
        assert_eq!(keep(entry(None, 30), Expiry::Keep, None), stored(None, 30));
        assert_eq!(keep(entry(Some(500), 30), Expiry::After(5), None), stored(5, 0), "only KEEPTTL keeps");
    }

    /// A presigned URL, good for ten minutes more.
    const URL: &str = r#"{"url":"https://s3/x?sig=1","expires":1790000600}"#;

    #[test]
    fn nothing_outlives_what_the_result_says() {
        let rules =
            policy(&[(Field::Ttl, "1h"), (Field::Grace, "30s"), (Field::ExpiresFrom, "/expires 60s")]);
        for (expiry, ttl_ms, grace_ms) in [
            (Expiry::Policy, 540_000, 0),
            (Expiry::After(DAY_MS), 540_000, 0),
            (Expiry::At(NOW.plus(DAY_MS)), 540_000, 0),
            (Expiry::Never, 540_000, 0),
            (Expiry::After(540_000), 540_000, 0),
            (Expiry::After(520_000), 520_000, 20_000),
            (Expiry::After(100_000), 100_000, 30_000),
        ] {
            assert_eq!(decided(&rules, expiry, URL), stored(ttl_ms, grace_ms), "{expiry:?}");
        }
        for unbound in [r#"{"url":"x"}"#, r#"{"expires":null}"#, "https://s3/x"] {
            assert_eq!(decided(&rules, Expiry::Policy, unbound), stored(3_600_000, 30_000), "{unbound}");
        }
        assert_eq!(decided(&rules, Expiry::Policy, r#"{"expires":1790000060}"#), Ok(Life::Nothing));
        for bad in [r#"{"expires":1790000000}"#, r#"{"expires":1790000600000}"#, r#"{"expires":"soon"}"#] {
            assert!(decided(&rules, Expiry::Policy, bad).is_err(), "{bad}");
            assert!(decided(&rules, Expiry::Never, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn for_ever_ends_with_the_longest_ttl_where_the_result_says_later() {
        let rules = policy(&[(Field::ExpiresFrom, "/expires 0")]);
        let life = decided(&rules, Expiry::Never, r#"{"expires":"9999-12-31T23:59:59Z"}"#);
        assert_eq!(life, stored(MAX_DURATION_MS, 0));
    }

    #[test]
    fn one_look_serves_both_fields() {
        let rules =
            policy(&[(Field::TtlFrom, "/expires 1790000600=5m"), (Field::ExpiresFrom, "/expires 9m")]);
        assert_eq!(decided(&rules, Expiry::Policy, URL), stored(60_000, 0));
        assert_eq!(decided(&rules, Expiry::After(1000), URL), stored(1000, 0));
    }

    #[test]
    fn jitter_shortens_what_the_rules_say_only() {
        let rules = policy(&[(Field::Ttl, "1000s"), (Field::Jitter, "20"), (Field::TtlFrom, "/s done=100s")]);
        assert_eq!(decided(&rules, Expiry::Policy, ""), stored(900_000, 0));
        assert_eq!(decided(&rules, Expiry::Policy, r#"{"s":"done"}"#), stored(90_000, 0));
        assert_eq!(decided(&rules, Expiry::After(1_000_000), ""), stored(1_000_000, 0));
        assert_eq!(decided(&rules, Expiry::At(NOW.plus(1_000_000)), ""), stored(1_000_000, 0));
    }

    #[test]
    fn jitter_spreads_evenly() {
        let mut fingerprinter = Fingerprinter::new();
        let mut tenths = [0; 10];
        for params in 0..10_000u32 {
            let fingerprint = fingerprinter
                .fingerprint("o", params.to_string().as_bytes(), HashKind::Sha256, &[])
                .expect("JSON");
            let ttl_ms = jittered(1_000_000, 10, &fingerprint);
            assert_eq!(ttl_ms, jittered(1_000_000, 10, &fingerprint));
            assert!((900_000..=1_000_000).contains(&ttl_ms), "{ttl_ms}");
            tenths[usize::try_from((1_000_000 - ttl_ms) / 10_000).expect("small").min(9)] += 1;
        }
        assert!(tenths.iter().all(|count| (850..=1150).contains(count)), "{tenths:?}");
    }

    #[test]
    fn jitter_leaves_something() {
        let [least, most] = [Fingerprint::from_bytes([0; 32]), Fingerprint::from_bytes([0xff; 32])];
        assert_eq!(jittered(1000, 100, &least), 1000);
        assert_eq!(jittered(1000, 100, &most), 1);
        assert_eq!(jittered(1, 100, &most), 1);
        assert_eq!(jittered(MAX_DURATION_MS, 50, &most), MAX_DURATION_MS / 2 + 1);
        assert_eq!(jittered(1000, 0, &most), 1000);
    }

    proptest! {
        #[test]
        fn a_bound_binds(
            ttl_ms in proptest::option::of(1..=MAX_DURATION_MS),
            grace_ms in 0..=MAX_DURATION_MS,
            left_ms in 1..=u64::MAX,
        ) {
            let bound = within(left_ms, ttl_ms, grace_ms);
            let Life::Stored { ttl_ms: Some(fresh_ms), grace_ms: stale_ms } = bound else {
                panic!("{bound:?}")
            };
            prop_assert!(fresh_ms >= 1 && fresh_ms <= ttl_ms.unwrap_or(MAX_DURATION_MS));
            prop_assert!(stale_ms <= grace_ms);
            prop_assert!(fresh_ms + stale_ms <= left_ms);
        }
    }
}
