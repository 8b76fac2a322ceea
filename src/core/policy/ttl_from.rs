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
