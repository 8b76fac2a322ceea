//! Canonical params: one spelling for all spellings of a JSON text.
//!
//! The canonical form is that of RFC 8785 (JCS): no white space, the members of an object ordered by
//! the UTF-16 code units of their names, one spelling for each string and number. JCS lets some texts
//! that differ become one, and then a caller would find the result of other params. So this differs
//! from it:
//!
//! * An integer literal (no fraction, no exponent) keeps its digits, however many, and is never rounded to a
//!   double. Within ±(2^53-1) that is what JCS writes; beyond, 9007199254740992 and 9007199254740993
//!   remain two numbers. `-0` is `0`.
//! * Refused are duplicate member names, numbers that overflow a double or underflow to zero, halves of
//!   surrogate pairs, nesting deeper than [`MAX_DEPTH`], and of course all that is not JSON (RFC 8259)
//!   in UTF-8. See [`Fault`].
//!
//! How it works: `scan` reads the text once onto the `tape`, merging whatever is canonical as it
//! stands into one token, so that an input that is canonical already ends as one token. What is
//! spelled otherwise is spelled anew at once (`strings`, `numbers`), members out of order are sorted
//! where their object ends (`members`), and then the tape is written out. Nothing recurses, every
//! step is linear but for the sorting, and a warm [`Canonicalizer`] allocates nothing.
//!
//! What is plain goes a short way: a function `scan_plain` of strings, of names or of numbers says that something is
//! certainly canonical as it stands, and where it ends. Where it says nothing, that may still be, and the function
//! `scan` beside it tells; only there spellings and faults are looked at.

pub(in crate::core) mod fault;
mod members;
mod numbers;
mod scan;
pub(in crate::core) mod strings;
mod tape;
#[cfg(test)]
mod tests;

pub use fault::{BadJson, Fault};

use members::Member;
use scan::{Open, Scanner};
use tape::{Tape, Texts};

/// How many arrays and objects may be open at once.
pub const MAX_DEPTH: usize = 128;

/// The longest text that is read, in bytes (512 MiB), so that offsets on the tape fit 32 bits. Callers
/// have lower limits of their own.
pub const MAX_BYTES: usize = 1 << 29;

/// How much memory each buffer keeps from one text to the next, in bytes (512 KiB). What one
/// huge text needs beyond that is given back at once.
pub const RETAINED_BYTES: usize = 512 << 10;

/// Makes the canonical form of one JSON text after another, in buffers that it keeps.
#[derive(Debug, Default)]
pub struct Canonicalizer {
    tape: Tape,
    respelled: Vec<u8>,
    members: Vec<Member>,
    outer: Vec<Open>,
}

impl Canonicalizer {
    /// One without any memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the canonical form of `json`, any one JSON value, to `out`. That is at most six times as
    /// long as `json` (`1e20` is written with all its zeros).
    ///
    /// # Errors
    ///
    /// [`BadJson`] for a text that has no canonical form; `out` is then as it was. Of several faults
    /// the first in reading order is told, but for duplicate names, which may be noticed
    /// only where their object ends.
    pub fn append(&mut self, json: &[u8], out: &mut Vec<u8>) -> Result<(), BadJson> {
        let scanned = self.scan(json);
        if scanned.is_ok() {
            self.tape.emit(Texts { input: json, respelled: &self.respelled }, out);
        }
        self.give_back();
        scanned
    }

    /// Reads `json` onto the tape.
    fn scan(&mut self, json: &[u8]) -> Result<(), BadJson> {
        if json.len() > MAX_BYTES {
            return Err(Fault::TooLong.at(MAX_BYTES));
        }
        // The scanner does not look at characters: that they are UTF-8 is made sure of before. It then
        // reads up to the first that is not, for a fault before that one comes first.
        let utf8_end = match is_ascii(json) {
            true => json.len(),
            false => str::from_utf8(json).map_or_else(|fault| fault.valid_up_to(), str::len),
        };
        self.tape.clear();
        self.respelled.clear();
        self.members.clear();
        self.outer.clear();
        let mut scanner = Scanner {
            input: &json[..utf8_end],
            at: 0,
            deviations: 0,
            tape: &mut self.tape,
            respelled: &mut self.respelled,
            members: &mut self.members,
            inner: Open::TEXT,
            outer: &mut self.outer,
        };
        match scanner.scan() {
            Err(fault) if fault.offset < utf8_end => Err(fault),
            _ if utf8_end < json.len() => Err(Fault::NotUtf8.at(utf8_end)),
            scanned => scanned,
        }
    }

    /// Keeps no more memory than [`RETAINED_BYTES`] in each buffer.
    fn give_back(&mut self) {
        self.tape.give_back();
        give_back(&mut self.respelled);
        give_back(&mut self.members);
    }
}

/// Whether all bytes are ASCII: a few instructions for each block, where to look for UTF-8 would be many.
fn is_ascii(text: &[u8]) -> bool {
    const BLOCK: usize = 32;
    let is_ascii = |block: &[u8; BLOCK]| block.iter().fold(0, |all, byte| all | byte) < 0x80;
    match text.last_chunk() {
        // The last block overlaps the one before it.
        Some(last) => text.as_chunks().0.iter().all(is_ascii) && is_ascii(last),
        None => text.is_ascii(),
    }
}

/// Empties a buffer that holds more than [`RETAINED_BYTES`], and gives back what is above that.
pub(in crate::core) fn give_back<T>(buffer: &mut Vec<T>) {
    let retained = RETAINED_BYTES / size_of::<T>().max(1);
    if buffer.capacity() > retained {
        buffer.clear();
        buffer.shrink_to(retained);
    }
}
