//! The order of an object's members (RFC 8785, 3.2.3), and that none comes twice.

use std::cmp::Ordering;

use super::fault::{BadJson, Fault};
use super::tape::{Span, Texts};

/// A member of an object that is still being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// The beginning of the name, see [`prefix`].
    prefix: u64,
    /// The characters of the name: without quotes, escapes resolved.
    name: Span,
    /// The token of the name.
    pub token: u32,
    /// Where the name stands in the input.
    pub offset: u32,
}

impl Member {
    /// The member with the given `name`, `token` and `offset`.
    pub fn new(name: Span, token: u32, offset: u32, texts: Texts) -> Self {
        Member { prefix: prefix(name, texts), name, token, offset }
    }

    /// Which of two members of an object comes first.
    pub fn order(&self, other: &Member, texts: Texts) -> Ordering {
        // The rest is spared to most comparisons, and kept out of the way of the sorting.
        if self.prefix != other.prefix {
            self.prefix.cmp(&other.prefix)
        } else {
            utf16_order(texts.get(self.name), texts.get(other.name))
        }
    }

    /// The refusal of this member because the object already has its name.
    pub fn duplicate(&self, texts: Texts) -> BadJson {
        Fault::DuplicateName(texts.get(self.name).into()).at(self.offset as usize)
    }
}

/// Sorts the members of one object. If two have the same name, fails with the first of those that
/// repeat an earlier one.
pub(super) fn sort(members: &mut [Member], texts: Texts) -> Result<(), BadJson> {
    members.sort_unstable_by(|a, b| a.order(b, texts).then_with(|| a.offset.cmp(&b.offset)));
    let repeated = members.windows(2).filter_map(|pair| match pair {
        [a, b] if a.order(b, texts).is_eq() => Some(b),
        _ => None,
    });
    match repeated.min_by_key(|member| member.offset) {
        None => Ok(()),
        Some(member) => Err(member.duplicate(texts)),
    }
}

/// The first eight bytes of a name as a number: if two names have different numbers, they are in that
/// order. Shorter names are padded with zeros.
fn prefix(name: Span, texts: Texts) -> u64 {
    let number = match texts.from(name.start).first_chunk::<8>() {
        // What follows a shorter name is read with it, and then cut off.
        Some(bytes) => {
            u64::from_be_bytes(*bytes) & !u64::MAX.checked_shr(name.len().saturating_mul(8)).unwrap_or(0)
        }
        None => texts.get(name).iter().rev().fold(0, |number, &byte| number >> 8 | u64::from(byte) << 56),
    };
    if number & 0x8080_8080_8080_8080 == 0 {
        number
    } else {
        u64::from_be_bytes(number.to_be_bytes().map(utf16_rank))
    }
}

/// The order of two UTF-8 texts by their UTF-16 code units.
#[inline(never)]
fn utf16_order(a: &[u8], b: &[u8]) -> Ordering {
    // Names may be long and begin alike: look at sixteen bytes at a time.
    const STEP: usize = 16;
    let alike = a.chunks_exact(STEP).zip(b.chunks_exact(STEP)).take_while(|(a, b)| a == b).count() * STEP;
    a[alike..].iter().map(|&byte| utf16_rank(byte)).cmp(b[alike..].iter().map(|&byte| utf16_rank(byte)))
}

/// Where a byte of UTF-8 ranks if texts are to be ordered by their UTF-16 code units.
///
/// The two orders differ in one place only: UTF-16 writes U+10000 and above with surrogates,
/// D800 to DFFF, and so puts them before U+E000 to U+FFFF. In UTF-8 the former begin with F0 to F4,
/// the latter with EE or EF. At the first difference of two texts both bytes begin a character or
/// both continue one, so that moving these lead bytes is enough.
fn utf16_rank(byte: u8) -> u8 {
    match byte {
        0xf0..=0xff => byte - 2,
        0xee..=0xef => byte + 0x10,
        _ => byte,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Names from both sides of the only place where UTF-8 and UTF-16 order differently.
    fn any_name() -> impl Strategy<Value = String> {
        let character = prop_oneof![
            4 => Just('a'),
            1 => any::<char>(),
            1 => prop::sample::select(vec!['\0', '\u{d7ff}', '\u{e000}', '\u{ffff}', '\u{10000}', '\u{10ffff}']),
        ];
        prop::collection::vec(character, 0..40).prop_map(String::from_iter)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        /// Whether the prefixes decide or the whole names, in the input or among the respelled.
        #[test]
        fn names_are_ordered_by_their_utf16_code_units(a in any_name(), b in any_name(), behind in 0..10usize) {
            let input = format!("{a}{}", "\u{10ffff}".repeat(behind));
            let texts = Texts { input: input.as_bytes(), respelled: b.as_bytes() };
            let span = |start: usize, name: &str| Span { start: start as u32, end: (start + name.len()) as u32 };
            let [a_member, b_member] =
                [Member::new(span(0, &a), 0, 0, texts), Member::new(span(input.len(), &b), 0, 0, texts)];
            let expected = a.encode_utf16().cmp(b.encode_utf16());
            prop_assert_eq!(a_member.order(&b_member, texts), expected);
            prop_assert_eq!(b_member.order(&a_member, texts), expected.reverse());
            prop_assert_eq!(utf16_order(a.as_bytes(), b.as_bytes()), expected);
        }
    }
}
