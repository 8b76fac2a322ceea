//! Patterns: the globs of Redis, over names.
//!
//! They match exactly what `stringmatchlen` of Redis 7.0 (`src/util.c`) matches, oddities included: a class
//! that is not closed ends with the pattern, `[]` matches nothing, `[^]` anything, and a range takes whatever stands
//! behind its `-`. Unlike that function this one does not recurse, and its time is bounded by the product of
//! both lengths.

use std::fmt;

use crate::core::name::is_name_byte;
use crate::core::refusal::{Code, Refusal, quoted};

/// The longest pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 256;

/// A pattern of namespaces or operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    steps: Box<[Step]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// `*`: any bytes, or none.
    Any,
    /// `?`: any one byte.
    One,
    Literal(u8),
    /// `[a-z]`, `[^a]`: one byte that is in one of the ranges, or in none.
    Class {
        negated: bool,
        ranges: Vec<(u8, u8)>,
    },
}

impl Pattern {
    /// Reads a pattern of namespaces: 1-256 bytes of what namespaces are made of, braces included, and `*?[]^\`.
    pub fn of_namespaces(text: &[u8]) -> Result<Self, Refusal> {
        Self::parse(text, "namespace pattern", b"*?[]^\\{}")
    }

    /// Reads a pattern of operations: 1-256 bytes of what operations are made of, and `*?[]^\`.
    pub fn of_operations(text: &[u8]) -> Result<Self, Refusal> {
        Self::parse(text, "operation pattern", b"*?[]^\\")
    }

    fn parse(text: &[u8], what: &str, special: &[u8]) -> Result<Self, Refusal> {
        let well_formed = (1..=MAX_PATTERN_BYTES).contains(&text.len())
            && text.iter().all(|byte| is_name_byte(*byte) || special.contains(byte));
        match std::str::from_utf8(text) {
            Ok(text) if well_formed => {
                Ok(Pattern { text: text.into(), steps: Steps(text.as_bytes()).collect() })
            }
            _ => Err(Refusal::new(
                Code::BadPolicy,
                format!(
                    "{what} {} is not 1-{MAX_PATTERN_BYTES} bytes of [A-Za-z0-9_.:/@+-] and {}",
                    quoted(text),
                    String::from_utf8_lossy(special)
                ),
            )),
        }
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it matches the whole name. Nothing matches the empty name, which no one has.
    pub fn matches(&self, name: &[u8]) -> bool {
        let mut step = 0usize;
        let mut at = 0usize;
        // Where to go on after a failure: behind the last `*`, which then takes one byte more.
        let mut retry: Option<(usize, usize)> = None;
        while let Some(&byte) = name.get(at) {
            match self.steps.get(step) {
                Some(Step::Any) => {
                    step = step.saturating_add(1);
                    retry = Some((step, at));
                    continue;
                }
                Some(one) if one.takes(byte) => {
                    step = step.saturating_add(1);
                    at = at.saturating_add(1);
                    continue;
                }
                _ => {}
            }
            let Some((behind, from)) = retry else { return false };
            step = behind;
            at = from.saturating_add(1);
            retry = Some((behind, at));
        }
        !name.is_empty() && self.steps.iter().skip(step).all(|step| *step == Step::Any)
    }

    /// How many bytes of the names that it matches it says itself: what decides which of two rules is the more
    /// specific.
    pub fn literal_bytes(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, Step::Literal(_))).count()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Step {
    /// Whether this step, which is not `*`, takes the byte.
    fn takes(&self, byte: u8) -> bool {
        match self {
            Step::Any => false,
            Step::One => true,
            Step::Literal(literal) => *literal == byte,
            Step::Class { negated, ranges } => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&byte)) != *negated
            }
        }
    }
}

/// Reads the steps of a pattern from its front.
struct Steps<'a>(&'a [u8]);

impl Steps<'_> {
    fn take(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    /// Takes the byte that a backslash stands before; one at the very end stands for itself.
    fn escaped(&mut self) -> u8 {
        self.take().unwrap_or(b'\\')
    }

    fn class(&mut self) -> Step {
        let negated = self.0.first() == Some(&b'^');
        if negated {
            self.take();
        }
        let mut ranges = Vec::new();
        while let Some(byte) = self.take() {
            match (byte, self.0) {
                (b'\\', [_, ..]) => {
                    let literal = self.escaped();
                    ranges.push((literal, literal));
                }
                (b']', _) => break,
                (first, &[b'-', last, ref rest @ ..]) => {
                    ranges.push((first.min(last), first.max(last)));
                    self.0 = rest;
                }
                _ => ranges.push((byte, byte)),
            }
        }
        Step::Class { negated, ranges }
    }
}

impl Iterator for Steps<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        Some(match self.take()? {
            b'*' => Step::Any,
            b'?' => Step::One,
            b'[' => self.class(),
            b'\\' => Step::Literal(self.escaped()),
            literal => Step::Literal(literal),
        })
    }
}
