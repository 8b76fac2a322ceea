//! JSON Pointers (RFC 6901): the way to one value inside a JSON text.

mod found;
mod search;

pub use found::{Found, Scalar};
pub use search::find_all;

use std::fmt;

use super::canonical;

/// A JSON Pointer. Two are equal where they lead to the same place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    text: Box<str>,
    tokens: Box<[Token]>,
}

/// One step of a pointer: into a member of an object, or an element of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::core) struct Token {
    /// The member's name.
    pub name: Box<str>,
    /// That name as a canonical JSON string, quotes included.
    pub spelled: Box<[u8]>,
    /// The element's index, where the token is one (RFC 6901, 4: no leading zeros).
    pub index: Option<usize>,
}

/// Why a text is no pointer. `Display` continues "the pointer ...".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPointer {
    /// It is not empty, and does not begin with a slash (RFC 6901, 3).
    NoSlash,
    /// A `~` that neither `0` nor `1` follows (RFC 6901, 3).
    BadEscape,
    /// It is not UTF-8, which names in JSON are.
    NotUtf8,
}

impl Pointer {
    /// Reads a pointer; the empty text is the one to the whole document.
    pub fn parse(text: &[u8]) -> Result<Pointer, BadPointer> {
        let text = std::str::from_utf8(text).map_err(|_| BadPointer::NotUtf8)?;
        if text.is_empty() {
            return Ok(Pointer { text: text.into(), tokens: Box::default() });
        }
        let steps = text.strip_prefix('/').ok_or(BadPointer::NoSlash)?;
        let tokens: Result<_, _> = steps.split('/').map(Token::parse).collect();
        Ok(Pointer { text: text.into(), tokens: tokens? })
    }

    /// As it was given: a pointer has one spelling.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How many steps it takes.
    pub fn steps(&self) -> usize {
        self.tokens.len()
    }

    /// The steps from the whole document on.
    pub(in crate::core) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The string, number or boolean that it leads to in `json`; none where something else is there or
    /// nothing, or where `json` is no JSON text.
    pub fn find(&self, json: &[u8]) -> Option<Scalar> {
        match find_all(&[self], json).pop() {
            Some(Found::Scalar(scalar)) => Some(scalar),
            _ => None,
        }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Token {
    fn parse(token: &str) -> Result<Token, BadPointer> {
        let mut name = String::with_capacity(token.len());
        let mut parts = token.split('~');
        name.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let (character, rest) = match (part.strip_prefix('0'), part.strip_prefix('1')) {
                (Some(rest), _) => ('~', rest),
                (_, Some(rest)) => ('/', rest),
                _ => return Err(BadPointer::BadEscape),
            };
            name.push(character);
            name.push_str(rest);
        }
        let mut spelled = Vec::with_capacity(name.len().saturating_add(2));
        canonical::strings::append(&name, &mut spelled);
        let index = index(&name);
        Ok(Token { name: name.into(), spelled: spelled.into(), index })
    }
}

fn index(token: &str) -> Option<usize> {
    let plain = token == "0" || !token.starts_with('0');
    (plain && token.bytes().all(|byte| byte.is_ascii_digit())).then(|| token.parse().ok())?
}

impl fmt::Display for BadPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadPointer::NoSlash => "does not begin with a slash",
            BadPointer::BadEscape => "has a ~ that neither 0 nor 1 follows",
            BadPointer::NotUtf8 => "is not UTF-8",
        })
    }
}

impl std::error::Error for BadPointer {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_read_and_shown() {
        for text in ["", "/", "/a", "/a/b", "/~0~1/x", "//", "/é", "/a b"] {
            let pointer = Pointer::parse(text.as_bytes()).expect(text);
            assert_eq!(pointer.to_string(), text);
        }
        let pointer = Pointer::parse(b"/a~1b/m~0n/~01/0").expect("a pointer");
        let names: Vec<&str> = pointer.tokens().iter().map(|token| &*token.name).collect();
        assert_eq!(names, ["a/b", "m~n", "~1", "0"]);
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        for (text, why) in [
            ("a", BadPointer::NoSlash),
            ("#/a", BadPointer::NoSlash),
            ("/~", BadPointer::BadEscape),
            ("/~2", BadPointer::BadEscape),
            ("/a~/b", BadPointer::BadEscape),
            ("/~~0", BadPointer::BadEscape),
        ] {
            assert_eq!(Pointer::parse(text.as_bytes()), Err(why), "{text}");
        }
        assert_eq!(Pointer::parse(b"/\xff"), Err(BadPointer::NotUtf8));
    }

    #[test]
    fn an_index_has_no_leading_zeros() {
        let index = |token: &str| Token::parse(token).expect("a token").index;
        for (token, expected) in [
            ("0", Some(0)),
            ("10", Some(10)),
            ("01", None),
            ("", None),
            ("-", None),
            ("1a", None),
            ("+1", None),
        ] {
            assert_eq!(index(token), expected, "{token}");
        }
    }
}
