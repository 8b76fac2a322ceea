//! TTLFROM: the TTL as a member of the result says. A job in progress is asked for again soon, one that is
//! completed not for a week.

use std::fmt;

use super::parts::{self, MAX_PARTS};
use super::units::{self, Duration};
use crate::core::pointer::{Pointer, Scalar};
use crate::core::refusal::quoted;

/// Where to look in the result, and how long it is fresh for what may stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TtlFrom {
    pub pointer: Pointer,
    /// Each value once.
    cases: Vec<Case>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Case {
    value: String,
    ttl_ms: u64,
}

impl TtlFrom {
    /// Reads a pointer and `value=duration` pairs; the error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = parts::words(text);
        let pointer = parts::pointer(words.next().unwrap_or_default())?;
        let mut cases: Vec<Case> = Vec::new();
        for pair in words {
            let case = Case::parse(pair)?;
            if cases.iter().any(|earlier| earlier.value == case.value) {
                return Err(format!("it has two pairs for value {}", quoted(case.value.as_bytes())));
            }
            cases.push(case);
        }
        match cases.len() {
            0 => Err("it has no value=duration pair".to_owned()),
            pairs if pairs > MAX_PARTS => Err(format!("it has {pairs} pairs, more than {MAX_PARTS}")),
            _ => Ok(TtlFrom { pointer, cases }),
        }
    }

    /// The TTL for what the pointer leads to; none where that is not among the values.
    pub fn ttl_ms(&self, found: Option<&Scalar>) -> Option<u64> {
        let text = found?.text();
        self.cases.iter().find(|case| case.value == text).map(|case| case.ttl_ms)
    }
}

impl Case {
    /// Reads `value=duration`; the last `=` counts, so that a value may hold others.
    fn parse(pair: &str) -> Result<Self, String> {
        let refused = |why| format!("{} {why}", quoted(pair.as_bytes()));
        let (value, ttl) = pair.rsplit_once('=').ok_or_else(|| refused("is no value=duration pair"))?;
        if value.is_empty() {
            return Err(refused("has no value before its ="));
        }
        let ttl_ms = units::duration_ms(ttl.as_bytes())
            .filter(|&ttl_ms| ttl_ms > 0)
            .ok_or_else(|| refused("has no duration from 1ms to 36500d behind its ="))?;
        Ok(Case { value: value.to_owned(), ttl_ms })
    }
}

impl fmt::Display for TtlFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.pointer)?;
        self.cases.iter().try_for_each(|case| write!(f, " {}={}", case.value, Duration(case.ttl_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ttl_ms(rule: &str, result: &str) -> Option<u64> {
        let rule = TtlFrom::parse(rule).expect(rule);
        rule.ttl_ms(rule.pointer.find(result.as_bytes()).as_ref())
    }

    #[test]
    fn a_value_has_its_ttl() {
        let rule = "/status in_progress=30s completed=7d failed=1m";
        assert_eq!(ttl_ms(rule, r#"{"status":"in_progress"}"#), Some(30_000));
        assert_eq!(ttl_ms(rule, r#"{"status":"completed"}"#), Some(604_800_000));
        for without in [r#"{"status":"queued"}"#, r#"{"status":null}"#, r#"{"x":1}"#, "completed", ""] {
            assert_eq!(ttl_ms(rule, without), None, "{without}");
        }
    }

    #[test]
    fn values_are_compared_as_they_are_spelled() {
        let rule = "/v 1=1s true=2s a=b=3s 9007199254740993=4s";
        for (value, expected) in [
            ("1", Some(1000)),
            ("1.0", Some(1000)),
            (r#""1""#, Some(1000)),
            ("true", Some(2000)),
            (r#""a=b""#, Some(3000)),
            ("9007199254740993", Some(4000)),
            ("9007199254740992", None),
            (r#""TRUE""#, None),
        ] {
            assert_eq!(ttl_ms(rule, &format!(r#"{{"v":{value}}}"#)), expected, "{value}");
        }
    }
}
