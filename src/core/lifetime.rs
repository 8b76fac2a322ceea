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
    let shortened = most.saturating_mul(u128::from(share)).checked_shr(64).unwrap_or(0) / 100;
    ttl_ms.saturating_sub(u64::try_from(shortened).unwrap_or(ttl_ms)).max(1)
}

/// A life that is over when `left_ms` are.
fn within(left_ms: u64, ttl_ms: Option<u64>, grace_ms: u64) -> Life {
    // For ever may become any number of years, but no entry has more than so many.
    let left_ms = left_ms.min(MAX_DURATION_MS);
    let ttl_ms = ttl_ms.map_or(left_ms, |ttl_ms| ttl_ms.min(left_ms));
    Life::Stored { ttl_ms: Some(ttl_ms), grace_ms: grace_ms.min(left_ms.saturating_sub(ttl_ms)) }
}
