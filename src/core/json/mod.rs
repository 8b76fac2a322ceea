//! Reading JSON that has a known shape, from the front, in one pass and without a tree.
//!
//! Who reads says what is to come: an object and its members, an array and its elements, a string, a number. What nobody
//! asks for is stepped over, either [checked](Reader::skip) or only [measured](Reader::skim) where somebody else reads it
//! anyway. Nothing recurses, and text without escapes is borrowed.

mod skip;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::canonical::fault::{BadJson, Fault, unexpected};
use super::canonical::strings;

/// A place in a JSON text, and what was read before it is behind.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    text: &'a str,
    /// The offset of the next byte.
    at: usize,
}

/// How far an array or an object was read.
#[derive(Debug, Default)]
pub struct Progress {
    has_begun: bool,
}

impl<'a> Reader<'a> {
    /// A reader at the beginning of a text.
    ///
    /// # Errors
    ///
    /// Where it is not UTF-8.
    pub fn new(text: &'a [u8]) -> Result<Self, BadJson> {
        let text = std::str::from_utf8(text).map_err(|fault| Fault::NotUtf8.at(fault.valid_up_to()))?;
        Ok(Reader { text, at: 0 })
    }

    /// The offset of the next byte: behind what was read last.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Steps over white space (RFC 8259, 2) to the next byte, which is returned but not stepped over.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.step();
        }
        self.byte()
    }

    /// Steps into an array.
    pub fn begin_array(&mut self) -> Result<Progress, BadJson> {
        self.expect(b'[', "an array").map(|()| Progress::default())
    }

    /// Steps to the next element, which is to be read then, or behind the array.
    #[inline]
    pub fn next_element(&mut self, progress: &mut Progress) -> Result<bool, BadJson> {
        self.go_on(progress, b']', "',' or ']'")
    }

    /// Steps into an object.
    pub fn begin_object(&mut self) -> Result<Progress, BadJson> {
        self.expect(b'{', "an object").map(|()| Progress::default())
    }

    /// Reads the name of the next member, whose value is to be read then; none behind the object.
    #[inline]
    pub fn next_member(&mut self, progress: &mut Progress) -> Result<Option<Cow<'a, str>>, BadJson> {
        if !self.go_on(progress, b'}', "',' or '}'")? {
            return Ok(None);
        }
        let name = self.string()?;
        self.expect(b':', "':'")?;
        Ok(Some(name))
    }

    /// Reads a string.
    ///
    /// # Errors
    ///
    /// Where something else stands here, or half of a surrogate pair in it: that is no text.
    pub fn string(&mut self) -> Result<Cow<'a, str>, BadJson> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a string"));
        }
        let (input, start) = (self.text.as_bytes(), self.at);
        if let Some(end) = strings::scan_plain(input, start) {
            self.at = end;
            return Ok(Cow::Borrowed(self.slice(start.saturating_add(1), end.saturating_sub(1))));
        }
        let end = strings::scan(input, start, &mut Vec::new())?;
        let mut plain = Vec::new();
        strings::decode(input, start, end, &mut plain)?;
        self.at = end;
        String::from_utf8(plain).map(Cow::Owned).map_err(|_| Fault::NotUtf8.at(start))
    }

    /// Reads an integer that fits; none where a fraction, an exponent or more digits are in it, or anything else stands here.
    pub fn integer<T: std::str::FromStr>(&mut self) -> Result<T, BadJson> {
        self.peek();
        let start = self.at;
        let number = self.skip()?;
        // The sign alone makes no integer of zero: -0 is a number of another kind.
        let is_integer = number.bytes().all(|byte| matches!(byte, b'-' | b'0'..=b'9')) && number != "-0";
        let read = if is_integer { number.parse().ok() } else { None };
        read.ok_or_else(|| unexpected(self.text.as_bytes(), start, "an integer"))
    }

    /// Reads `null`, if that stands here.
    pub fn null(&mut self) -> Result<bool, BadJson> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.skip().map(|_| true)
    }

    /// Nothing but white space may follow.
    pub fn end(&mut self) -> Result<(), BadJson> {
        if self.peek().is_some() { Err(self.unexpected("the end of the text")) } else { Ok(()) }
    }

    /// The refusal of what stands here.
    pub fn unexpected(&self, expected: &'static str) -> BadJson {
        unexpected(self.text.as_bytes(), self.at, expected)
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), BadJson> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected(expected));
        }
        self.step();
        Ok(())
    }

    /// Steps over what separates two values, or over the bracket that ends them.
    #[inline]
    fn go_on(&mut self, progress: &mut Progress, end: u8, expected: &'static str) -> Result<bool, BadJson> {
        let is_first = !std::mem::replace(&mut progress.has_begun, true);
        match self.peek() {
            Some(byte) if byte == end => self.step(),
            _ if is_first => return Ok(true),
            Some(b',') => {
                self.step();
                return Ok(true);
            }
            _ => return Err(self.unexpected(expected)),
        }
        Ok(false)
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// A part of the text; both ends stand beside ASCII.
    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }
}
