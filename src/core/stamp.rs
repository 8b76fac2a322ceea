//! Stamps: opaque points of a namespace's clock, by which a write can ask whether it was overtaken.

use std::fmt;

use sha2::{Digest, Sha256};

use super::name::NamespaceName;
use super::origin::Incarnation;
use super::refusal::{Code, Refusal, quoted};

/// A point of the clock in one life of one namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Of the namespace's name, so that one namespace's stamp is not taken for another's.
    name_hash: u64,
    pub incarnation: Incarnation,
    pub clock: u64,
}

/// What every stamp begins with; the digit is the version of its form.
const PREFIX: &str = "s1-";

impl Stamp {
    pub fn new(namespace: NamespaceName<'_>, incarnation: Incarnation, clock: u64) -> Self {
        Stamp { name_hash: hash(namespace), incarnation, clock }
    }

    /// Reads a stamp of this namespace.
    ///
    /// # Errors
    ///
    /// `BADTOKEN` for what is no stamp, or another namespace's.
    pub fn parse(text: &[u8], namespace: NamespaceName<'_>) -> Result<Self, Refusal> {
        let refusal = |why: &str| {
            Refusal::new(
                Code::BadToken,
                format!("{} {why}: what CACHE.CLOCK answered is accepted", quoted(text)),
            )
        };
        let stamp = Self::read(text).ok_or_else(|| refusal("is no stamp"))?;
        if stamp.is_of(namespace) { Ok(stamp) } else { Err(refusal("is another namespace's stamp")) }
    }

    fn read(text: &[u8]) -> Option<Self> {
        let mut text = std::str::from_utf8(text).ok()?.strip_prefix(PREFIX)?;
        let stamp = Self::take(&mut text)?;
        text.is_empty().then_some(stamp)
    }

    /// Takes a stamp without its prefix from the front of a text.
    pub(super) fn take(text: &mut &str) -> Option<Self> {
        let name_hash = take_hex(text)?;
        let incarnation = Incarnation(take_dashed(text)?);
        Some(Stamp { name_hash, incarnation, clock: take_dashed(text)? })
    }

    /// Whether it is of a namespace of this name.
    pub fn is_of(&self, namespace: NamespaceName<'_>) -> bool {
        self.name_hash == hash(namespace)
    }

    /// Without the prefix.
    pub(super) fn digits(&self) -> String {
        format!("{:016x}-{:016x}-{:016x}", self.name_hash, self.incarnation.0, self.clock)
    }
}

/// As clients get it and give it back.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.digits())
    }
}

/// Takes 16 lower-case hexadecimal digits from the front of a text.
fn take_hex(text: &mut &str) -> Option<u64> {
    let (digits, rest) = text.split_at_checked(16)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let number = plain.then(|| u64::from_str_radix(digits, 16).ok()).flatten()?;
    *text = rest;
    Some(number)
}

/// Takes a dash, then 16 digits.
pub(super) fn take_dashed(text: &mut &str) -> Option<u64> {
    *text = text.strip_prefix('-')?;
    take_hex(text)
}

fn hash(namespace: NamespaceName<'_>) -> u64 {
    let hash = Sha256::digest(namespace.as_str().as_bytes());
    hash.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn namespace(name: &str) -> NamespaceName<'_> {
        NamespaceName::parse(name.as_bytes()).expect("a namespace")
    }

    proptest! {
        #[test]
        fn a_stamp_comes_back_to_its_own_namespace_only(incarnation in any::<u64>(), clock in any::<u64>()) {
            let stamp = Stamp::new(namespace("n"), Incarnation(incarnation), clock);
            let text = stamp.to_string();
            prop_assert_eq!(Stamp::parse(text.as_bytes(), namespace("n")), Ok(stamp));
            let refused = Stamp::parse(text.as_bytes(), namespace("m")).expect_err("another namespace");
            prop_assert_eq!(refused.code, Code::BadToken);
        }

        #[test]
        fn nothing_else_is_a_stamp(text in "(s1-)?[0-9a-fA-F+-]{0,60}") {
            if let Ok(stamp) = Stamp::parse(text.as_bytes(), namespace("n")) {
                prop_assert_eq!(stamp.to_string(), text);
            }
        }
    }

    #[test]
    fn what_is_no_stamp_is_named() {
        for text in [
            "",
            "s1-",
            "s1-0-0-0",
            "1790000000000000",
            "s2-0000000000000000-0000000000000000-0000000000000000",
        ] {
            let refused = Stamp::parse(text.as_bytes(), namespace("n")).expect_err(text);
            assert!(refused.to_string().starts_with(&format!("BADTOKEN '{text}' is no stamp")), "{refused}");
        }
    }
}
