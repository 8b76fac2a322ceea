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
    /// The member with the given `name`, `token` and `offset`. `beginning` are the first eight bytes of its name as a
    /// number, the first one lowest; zeros stand for what a shorter one lacks.
    #[inline]
    pub fn new(beginning: u64, name: Span, token: u32, offset: u32) -> Self {
        Member { prefix: prefix(beginning), name, token, offset }
    }

    /// Whether the beginning of its name alone puts this member before another one of the object.
    #[inline]
    pub fn is_surely_before(&self, other: &Member) -> bool {
        self.prefix < other.prefix
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
    members.sort_unstable_by_key(|member| member.prefix);
    if members.is_sorted_by(|a, b| a.prefix < b.prefix) {
        return Ok(());
    }
    // Whole names are looked at only where they begin alike.
    let alike = members.chunk_by_mut(|a, b| a.prefix == b.prefix).filter(|alike| alike.len() > 1);
    let repeated = alike.filter_map(|alike| {
        alike.sort_unstable_by(|a, b| a.order(b, texts).then_with(|| a.offset.cmp(&b.offset)));
        let repeated = alike.windows(2).filter_map(|pair| match pair {
            [a, b] if a.order(b, texts).is_eq() => Some(b),
            _ => None,
        });
        repeated.min_by_key(|member| member.offset)
    });
    match repeated.min_by_key(|member| member.offset) {
        None => Ok(()),
        Some(member) => Err(member.duplicate(texts)),
    }
}

/// Makes a number of the first eight bytes of a name, the first one lowest in `beginning`: if two names have different
/// numbers, they are in that order.
#[inline]
fn prefix(beginning: u64) -> u64 {
    if beginning & 0x8080_8080_8080_8080 == 0 { beginning.swap_bytes() } else { ranked(beginning) }
}

#[cold]
fn ranked(beginning: u64) -> u64 {
    u64::from_be_bytes(beginning.to_le_bytes().map(utf16_rank))
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
            let member = |start: usize, name: &str| {
                let mut beginning = [0; 8];
                beginning.iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = byte);
                Member::new(u64::from_le_bytes(beginning), span(start, name), 0, 0)
            };
            let [a_member, b_member] = [member(0, &a), member(input.len(), &b)];
            let expected = a.encode_utf16().cmp(b.encode_utf16());
            prop_assert_eq!(a_member.order(&b_member, texts), expected);
            prop_assert_eq!(b_member.order(&a_member, texts), expected.reverse());
            prop_assert_eq!(utf16_order(a.as_bytes(), b.as_bytes()), expected);
        }
    }
}
