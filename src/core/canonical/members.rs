//! The order of an object's members (RFC 8785, 3.2.3), and that none comes twice.

use std::cmp::Ordering;

use super::fault::{BadJson, Fault};

/// A member of an object that is still being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// The first eight bytes of the name, to compare most names by one number.
    prefix: u64,
    name: Name,
    /// The offset of the name in the input.
    pub offset: u32,
    /// The token of the name.
    pub token: u32,
}

/// Where the characters of a member name stand, without quotes and with escapes resolved.
#[derive(Debug, Clone, Copy)]
pub(super) enum Name {
    /// In the input.
    Plain { start: u32, end: u32 },
    /// Beside it, since escapes had to be resolved.
    Decoded { start: u32, end: u32 },
}

/// What the two kinds of [`Name`] refer to.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub input: &'a [u8],
    pub decoded: &'a [u8],
}

impl<'a> Names<'a> {
    /// The characters of a name, in UTF-8.
    fn text(self, name: Name) -> &'a [u8] {
        match name {
            Name::Plain { start, end } => &self.input[start as usize..end as usize],
            Name::Decoded { start, end } => &self.decoded[start as usize..end as usize],
        }
    }

    /// The member with the given name, the offset of the name in the input, and its token.
    pub fn member(self, name: Name, offset: u32, token: u32) -> Member {
        Member { prefix: prefix(self.text(name)), name, offset, token }
    }

    /// Which of two members comes first.
    pub fn order(self, a: &Member, b: &Member) -> Ordering {
        a.prefix.cmp(&b.prefix).then_with(|| utf16_order(self.text(a.name), self.text(b.name)))
    }

    /// Sorts the members of one object. Fails if two have the same name, with the first of those that
    /// repeat an earlier one.
    pub fn sort(self, members: &mut [Member]) -> Result<(), BadJson> {
        members.sort_unstable_by(|a, b| self.order(a, b).then(a.offset.cmp(&b.offset)));
        let repeats = members.windows(2).filter_map(|pair| match pair {
            [a, b] if self.order(a, b).is_eq() => Some(b),
            _ => None,
        });
        match repeats.min_by_key(|member| member.offset) {
            None => Ok(()),
            Some(member) => Err(self.duplicate(member)),
        }
    }

    /// The refusal of a member whose name the object already has.
    pub fn duplicate(self, member: &Member) -> BadJson {
        Fault::DuplicateName(self.text(member.name).into()).at(member.offset as usize)
    }
}

/// The first eight bytes of a name as a number that orders like the name; shorter names are padded
/// with zeros, so that equal numbers say nothing.
fn prefix(name: &[u8]) -> u64 {
    let number = match name.first_chunk::<8>() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => name.iter().rev().fold(0, |number, &byte| number >> 8 | u64::from(byte) << 56),
    };
    if number & 0x8080_8080_8080_8080 == 0 {
        number
    } else {
        u64::from_be_bytes(number.to_be_bytes().map(utf16_rank))
    }
}

/// The order of two UTF-8 texts by their UTF-16 code units.
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
