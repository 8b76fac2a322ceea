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
    literal_bytes: usize,
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
                let steps: Box<[Step]> = Steps(text.as_bytes()).collect();
                let literal_bytes = steps.iter().filter(|step| matches!(step, Step::Literal(_))).count();
                Ok(Pattern { text: text.into(), steps, literal_bytes })
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

    /// Whether it is a name itself, which is all that it matches then.
    pub fn is_name(&self) -> bool {
        self.text.bytes().all(is_name_byte)
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
        self.literal_bytes
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::of_namespaces(text.as_bytes()).expect(text)
    }

    /// `stringmatchlen_impl`, line by line, without its short cuts. A byte behind the end of either text is 0, as
    /// in C.
    fn model(mut pattern: &[u8], mut name: &[u8]) -> bool {
        fn at(text: &[u8], place: usize) -> u8 {
            text.get(place).copied().unwrap_or(0)
        }
        while !pattern.is_empty() && !name.is_empty() {
            match pattern[0] {
                b'*' => {
                    while at(pattern, 1) == b'*' {
                        pattern = &pattern[1..];
                    }
                    if pattern.len() == 1 {
                        return true;
                    }
                    return (0..name.len()).any(|skipped| model(&pattern[1..], &name[skipped..]));
                }
                b'?' => {}
                b'[' => {
                    let mut rest = &pattern[1..];
                    let not = at(rest, 0) == b'^';
                    if not {
                        rest = &rest[1..];
                    }
                    let mut matched = false;
                    loop {
                        if at(rest, 0) == b'\\' && rest.len() >= 2 {
                            rest = &rest[1..];
                            matched |= rest[0] == name[0];
                        } else if at(rest, 0) == b']' || rest.is_empty() {
                            break;
                        } else if rest.len() >= 3 && rest[1] == b'-' {
                            let (first, last) = (rest[0].min(rest[2]), rest[0].max(rest[2]));
                            rest = &rest[2..];
                            matched |= (first..=last).contains(&name[0]);
                        } else {
                            matched |= rest[0] == name[0];
                        }
                        rest = &rest[1..];
                    }
                    if matched == not {
                        return false;
                    }
                    // Stays on what ends the class; where that is the end of the pattern, on its last byte.
                    pattern = &pattern[(pattern.len() - rest.len()).min(pattern.len() - 1)..];
                }
                first => {
                    if first == b'\\' && pattern.len() >= 2 {
                        pattern = &pattern[1..];
                    }
                    if pattern[0] != name[0] {
                        return false;
                    }
                }
            }
            name = &name[1..];
            pattern = &pattern[1..];
            if name.is_empty() {
                while at(pattern, 0) == b'*' {
                    pattern = &pattern[1..];
                }
                break;
            }
        }
        pattern.is_empty() && name.is_empty()
    }

    #[test]
    fn patterns_match_as_in_redis() {
        for (text, matching, other) in [
            ("*", &["a", "abc"][..], &[""][..]),
            ("a*c", &["ac", "abc", "abcc"], &["a", "ab", "acb"]),
            ("a**", &["a", "ab"], &["b"]),
            ("?", &["a"], &["", "ab"]),
            ("a?c", &["abc"], &["ac", "abbc"]),
            ("[abc]x", &["ax", "cx"], &["dx", "x"]),
            ("[^a]", &["b"], &["a"]),
            ("[a-c]", &["a", "b", "c"], &["d", "-"]),
            ("[c-a]", &["b"], &["d"]),
            ("[a-]", &["a", "]", "_"], &["-", "b"]),
            ("[-a]", &["-", "a"], &["b"]),
            ("[]", &[], &["a", "]"]),
            ("[]a]", &[], &["a", "aa]"]),
            ("[^]", &["a", "]"], &["ab"]),
            ("[ab", &["a", "b"], &["[ab", "c"]),
            ("[", &[], &["a", "["]),
            ("[^", &["a", "^"], &["ab"]),
            ("[\\]]", &["]"], &["\\"]),
            ("[\\a-c]", &["a", "-", "c"], &["b"]),
            ("\\*", &["*"], &["a"]),
            ("a\\", &["a\\"], &["a"]),
            ("x{tag}*", &["x{tag}", "x{tag}y"], &["x"]),
        ] {
            for name in matching {
                assert!(pattern(text).matches(name.as_bytes()), "{text} {name}");
            }
            for name in other {
                assert!(!pattern(text).matches(name.as_bytes()), "{text} {name}");
            }
        }
    }

    #[test]
    fn only_what_names_can_be_made_of_is_accepted() {
        let longest = "a".repeat(MAX_PATTERN_BYTES);
        for good in ["*", "video:*", "[a-z]?\\*^", "a.b/c@d+e-f_g", &longest] {
            assert_eq!(pattern(good).as_str(), good);
            assert!(Pattern::of_operations(good.as_bytes()).is_ok(), "{good}");
        }
        let too_long = "a".repeat(MAX_PATTERN_BYTES + 1);
        for bad in ["", " ", "a b", "a\n", "é", "a,b", "\"", "a!", "\0", &too_long] {
            for refusal in [Pattern::of_namespaces(bad.as_bytes()), Pattern::of_operations(bad.as_bytes())] {
                let refusal = refusal.expect_err(bad);
                assert_eq!(refusal.code, Code::BadPolicy);
                assert!(refusal.message.contains(&quoted(bad.as_bytes())), "{refusal}");
            }
        }
        assert!(Pattern::of_namespaces(b"\xff").is_err());
        assert!(Pattern::of_namespaces(b"a{b}*").is_ok());
        assert_eq!(
            Pattern::of_operations(b"a{b}*").expect_err("braces").to_string(),
            "BADPOLICY operation pattern 'a{b}*' is not 1-256 bytes of [A-Za-z0-9_.:/@+-] and *?[]^\\"
        );
    }

    #[test]
    fn only_literals_make_a_pattern_specific() {
        for (text, literal_bytes) in
            [("*", 0), ("video:*", 6), ("a?c", 2), ("[abc]x", 1), ("\\*\\?", 2), ("a\\", 2), ("[^", 0)]
        {
            assert_eq!(pattern(text).literal_bytes(), literal_bytes, "{text}");
        }
    }

    #[test]
    fn no_pattern_takes_exponential_time() {
        let hostile = pattern(&"*a".repeat(128));
        assert!(!hostile.matches(&[b'a'; 127]));
        assert!(hostile.matches(&[b'a'; 128]));
        assert!(!pattern(&"a*".repeat(127)).matches(&[&[b'a'; 126][..], b"b"].concat()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn patterns_match_what_the_model_matches(
            text in "([ab*?\\[\\]^\\\\-]|\\[\\^?[abc]\\]){1,12}", name in "[abc\\]\\[^\\-]{0,10}",
        ) {
            prop_assert_eq!(pattern(&text).matches(name.as_bytes()), model(text.as_bytes(), name.as_bytes()));
        }

        #[test]
        fn a_name_without_special_bytes_matches_itself_only(name in "[a-c:.]{1,9}", other in "[a-c:.]{1,9}") {
            prop_assert_eq!(pattern(&name).matches(other.as_bytes()), name == other);
            prop_assert_eq!(pattern(&name).literal_bytes(), name.len());
        }
    }
}
