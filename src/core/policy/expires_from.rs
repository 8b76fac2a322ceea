//! EXPIRESFROM: not beyond an instant that a member of the result gives. A presigned URL must not be handed out
//! when its signature is about to end.

use std::fmt;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::parts;
use super::units::{self, Duration};
use crate::core::instant::Instant;
use crate::core::pointer::{Found, Pointer, Scalar};
use crate::core::refusal::{Refusal, quoted};

/// Where the result says until when it is good, and how long before that it must be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiresFrom {
    pub pointer: Pointer,
    pub margin_ms: u64,
}

/// Until when a result may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// It does not say.
    None,
    /// Strictly in the future.
    Until(Instant),
    /// Of the time that is left the margin takes all.
    Nothing,
}

impl ExpiresFrom {
    /// Reads a pointer and a margin; the error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = parts::words(text);
        let pointer = parts::pointer(words.next().unwrap_or_default())?;
        let margin = words.next().ok_or("it has no margin")?.as_bytes();
        let margin_ms = units::duration_ms(margin)
            .ok_or_else(|| format!("its margin {} is no duration", quoted(margin)))?;
        match words.next() {
            None => Ok(ExpiresFrom { pointer, margin_ms }),
            Some(more) => Err(format!("{} follows the margin", quoted(more.as_bytes()))),
        }
    }

    /// Until when a result may be kept in which the pointer leads to what was `found`.
    ///
    /// # Errors
    ///
    /// `ERR` for what is no instant in seconds after `now`: it would otherwise be kept far too long, or be
    /// gone at once without anyone knowing why.
    pub fn bound(&self, found: &Found, now: Instant) -> Result<Bound, Refusal> {
        let (shown, instant) = match found {
            Found::Missing | Found::Null => return Ok(Bound::None),
            Found::Other => ("an array, an object or a number out of range".to_owned(), Err(NOT_AN_INSTANT)),
            Found::Scalar(Scalar::Bool(is_true)) => (is_true.to_string(), Err(NOT_AN_INSTANT)),
            Found::Scalar(Scalar::Number(number)) => (quoted(number.as_bytes()), unix_seconds(number)),
            Found::Scalar(Scalar::String(text)) => (quoted(text.as_bytes()), text_instant(text)),
        };
        let instant = instant.and_then(|instant| if instant > now { Ok(instant) } else { Err(PAST) });
        let instant = instant.map_err(|why| {
            Refusal::syntax(format!(
                "the result's {} is {shown}, which {why}: EXPIRESFROM takes a future instant in Unix seconds or \
                 RFC 3339",
                quoted(self.pointer.as_str().as_bytes())
            ))
        })?;
        let end = instant.unix_ms().saturating_sub(self.margin_ms);
        Ok(if end > now.unix_ms() { Bound::Until(Instant::from_unix_ms(end)) } else { Bound::Nothing })
    }
}

impl fmt::Display for ExpiresFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pointer, Duration(self.margin_ms))
    }
}

const NOT_AN_INSTANT: &str = "is no instant";
const PAST: &str = "is past";
const MILLISECONDS: &str = "can only be meant in milliseconds";

/// From here on a number is not taken for seconds: they would be of the year 5138, but milliseconds of 1973.
const FIRST_IN_MILLISECONDS: u64 = 100_000_000_000;

fn text_instant(text: &str) -> Result<Instant, &'static str> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return unix_seconds(text);
    }
    let instant = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| NOT_AN_INSTANT)?;
    let ms = instant.unix_timestamp_nanos().div_euclid(1_000_000);
    u64::try_from(ms).map(Instant::from_unix_ms).map_err(|_| PAST)
}

/// Reads Unix seconds, whole or with a fraction that is cut to milliseconds. An exponent, which only
/// numbers far out of range have in their canonical spelling, decides by its sign.
fn unix_seconds(text: &str) -> Result<Instant, &'static str> {
    if text.starts_with('-') || text.contains("e-") {
        return Err(PAST);
    }
    if text.contains('e') {
        return Err(MILLISECONDS);
    }
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if seconds.is_empty() {
        return Err(NOT_AN_INSTANT);
    }
    let digits = seconds.trim_start_matches('0').bytes();
    let seconds = digits.fold(0u64, |value, digit| {
        value.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0')))
    });
    if seconds >= FIRST_IN_MILLISECONDS {
        return Err(MILLISECONDS);
    }
    let ms = fraction.bytes().chain(std::iter::repeat(b'0')).take(3).fold(0u64, |value, digit| {
        value.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0')))
    });
    Ok(Instant::from_unix_ms(seconds.saturating_mul(1000).saturating_add(ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-09-21T14:13:20Z.
    const NOW: Instant = Instant::from_unix_ms(1_790_000_000_000);

    fn bound(rule: &str, expires: &str) -> Result<Bound, Refusal> {
        let rule = ExpiresFrom::parse(rule).expect(rule);
        let json = format!(r#"{{"expires":{expires}}}"#);
        let found = crate::core::pointer::find_all(&[&rule.pointer], json.as_bytes()).remove(0);
        rule.bound(&found, NOW)
    }

    fn until(ms_from_now: u64) -> Result<Bound, Refusal> {
        Ok(Bound::Until(NOW.plus(ms_from_now)))
    }

    #[test]
    fn instants_are_seconds_or_rfc_3339() {
        for (expires, ms_from_now) in [
            ("1790000060", 60_000),
            ("1790000060.0", 60_000),
            ("1790000060.1239", 60_123),
            ("1790000000.001", 1),
            ("1.79000006e9", 60_000),
            (r#""1790000060""#, 60_000),
            (r#""01790000060""#, 60_000),
            (r#""2026-09-21T14:14:20Z""#, 60_000),
            (r#""2026-09-21T16:14:20.250+02:00""#, 60_250),
            (r#""2026-09-21T14:14:20.0009Z""#, 60_000),
            (r#""2026-09-21t14:14:20z""#, 60_000),
            ("99999999999", 98_209_999_999_000),
        ] {
            assert_eq!(bound("/expires 0", expires), until(ms_from_now), "{expires}");
        }
    }

    #[test]
    fn what_says_nothing_binds_nothing() {
        assert_eq!(bound("/expires 0", "null"), Ok(Bound::None));
        assert_eq!(bound("/other 0", "1790000060"), Ok(Bound::None));
        assert_eq!(bound("/expires/at 0", "1790000060"), Ok(Bound::None));
    }

    #[test]
    fn what_is_no_future_instant_is_refused() {
        for (expires, why) in [
            ("1790000060000", "can only be meant in milliseconds"),
            ("100000000000", "can only be meant in milliseconds"),
            ("1e300", "can only be meant in milliseconds"),
            (r#""1790000060000""#, "can only be meant in milliseconds"),
            (r#""99999999999999999999999999""#, "can only be meant in milliseconds"),
            ("1790000000", "is past"),
            ("1789999999.999", "is past"),
            ("0", "is past"),
            ("-1790000060", "is past"),
            ("1e-300", "is past"),
            (r#""1969-12-31T23:59:59Z""#, "is past"),
            (r#""2026-09-21T13:13:20Z""#, "is past"),
            ("true", "is no instant"),
            ("{}", "is no instant"),
            ("[1790000060]", "is no instant"),
            (r#""""#, "is no instant"),
            (r#""soon""#, "is no instant"),
            (r#""-1790000060""#, "is no instant"),
            (r#""2026-09-21""#, "is no instant"),
            (r#""2026-09-21T14:14:20""#, "is no instant"),
            (r#""2026-13-21T14:14:20Z""#, "is no instant"),
            (r#""Mon, 21 Sep 2026 14:14:20 GMT""#, "is no instant"),
        ] {
            let message = bound("/expires 0", expires).expect_err(expires).to_string();
            assert!(message.starts_with("ERR the result's '/expires' is "), "{message}");
            assert!(message.contains(&format!(", which {why}: ")), "{expires} {message}");
        }
        assert_eq!(
            bound("/expires 0", "1790000060000").expect_err("milliseconds").to_string(),
            "ERR the result's '/expires' is '1790000060000', which can only be meant in milliseconds: EXPIRESFROM takes \
             a future instant in Unix seconds or RFC 3339"
        );
        let long = format!("1{}", "0".repeat(10_000));
        assert!(bound("/expires 0", &long).expect_err("too large").to_string().len() < 300);
    }

    #[test]
    fn the_margin_comes_off() {
        assert_eq!(bound("/expires 59s", "1790000060"), until(1000));
        assert_eq!(bound("/expires 60s", "1790000060"), Ok(Bound::Nothing));
        assert_eq!(bound("/expires 36500d", "1790000060"), Ok(Bound::Nothing));
    }
}
