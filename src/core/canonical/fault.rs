//! Why a text is refused, and where.

use std::fmt;

use super::{MAX_BYTES, MAX_DEPTH};
use crate::core::refusal::quoted;

/// A text that has no canonical form. `Display` gives a sentence: `duplicate member name 'a' at byte 12`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadJson {
    /// Where the fault is, in bytes from the beginning of the text; the text's length where it ends too early.
    pub offset: usize,
    pub what: Fault,
}

/// What is wrong with a text. The section of RFC 8259 (JSON) or RFC 7493 (I-JSON, which RFC 8785
/// builds upon) that forbids it stands with each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A byte that cannot stand here (RFC 8259, 2). Bytes after a complete text are this, too.
    Unexpected { found: u8, expected: &'static str },
    /// The text ends in the middle (RFC 8259, 2).
    Ends { expected: &'static str },
    /// Bytes that are not UTF-8 (RFC 8259, 8.1).
    NotUtf8,
    /// A control character inside a string that is not escaped (RFC 8259, 7).
    ControlCharacter(u8),
    /// A backslash that begins none of the escapes of RFC 8259, 7.
    UnknownEscape,
    /// Half of a surrogate pair: not a character (RFC 7493, 2.1).
    LoneSurrogate,
    /// A number beyond the largest double, which canonical JSON could not tell from others (RFC 7493, 2.2).
    Overflow,
    /// A number that is not zero but nearer to zero than to the smallest double (RFC 7493, 2.2).
    Underflow,
    /// A member name that the same object already has, after unescaping (RFC 7493, 2.3).
    DuplicateName(Box<[u8]>),
    /// Nesting deeper than [`MAX_DEPTH`], a limit that RFC 8259, 9 allows.
    TooDeep,
    /// A text longer than [`MAX_BYTES`].
    TooLong,
}

impl Fault {
    /// The fault, at the byte `offset` of the text.
    pub(in crate::core) fn at(self, offset: usize) -> BadJson {
        BadJson { offset, what: self }
    }
}

/// What stands at `offset` of `input` is not what is expected there.
pub(in crate::core) fn unexpected(input: &[u8], offset: usize, expected: &'static str) -> BadJson {
    match input.get(offset) {
        Some(&found) => Fault::Unexpected { found, expected }.at(offset),
        None => Fault::Ends { expected }.at(input.len()),
    }
}

/// The sentence without the place.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Unexpected { found, expected } if found.is_ascii_graphic() => {
                write!(f, "expected {expected} but found {}", quoted(&[*found]))
            }
            Fault::Unexpected { found, expected } => write!(f, "expected {expected} but found 0x{found:02x}"),
            Fault::Ends { expected } => write!(f, "expected {expected} but the text ends"),
            Fault::NotUtf8 => write!(f, "invalid UTF-8"),
            Fault::ControlCharacter(found) => {
                write!(f, "unescaped control character 0x{found:02x} in a string")
            }
            Fault::UnknownEscape => write!(f, "unknown escape in a string"),
            Fault::LoneSurrogate => write!(f, "escaped surrogate without its other half"),
            Fault::Overflow => write!(f, "number too large for a double"),
            Fault::Underflow => write!(f, "nonzero number too small for a double"),
            Fault::DuplicateName(name) => write!(f, "duplicate member name {}", quoted(name)),
            Fault::TooDeep => write!(f, "nesting deeper than {MAX_DEPTH}"),
            Fault::TooLong => write!(f, "text longer than {MAX_BYTES} bytes"),
        }
    }
}

impl fmt::Display for BadJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.offset)
    }
}

impl std::error::Error for BadJson {}
