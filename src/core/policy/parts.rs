//! What the values of several fields are made of: words, and pointers among them.

use std::fmt;

use crate::core::pointer::Pointer;
use crate::core::refusal::quoted;

/// How many pairs, templates or pointers a value may have.
pub const MAX_PARTS: usize = 64;

/// The words of a value, between which white space stands.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_ascii_whitespace()
}

/// Reads a word as a pointer to something inside a document; the error says what is wrong.
pub fn pointer(word: &str) -> Result<Pointer, String> {
    if word.is_empty() {
        return Err("it has no JSON Pointer".to_owned());
    }
    Pointer::parse(word.as_bytes()).map_err(|why| format!("the pointer {} {why}", quoted(word.as_bytes())))
}

/// Reads a list of at least one word, each by `parse`.
pub fn list<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let parts: Vec<T> = words(text).map(parse).collect::<Result<_, _>>()?;
    match parts.len() {
        0 => Err("it is empty".to_owned()),
        number if number > MAX_PARTS => Err(format!("it has {number} parts, more than {MAX_PARTS}")),
        _ => Ok(parts),
    }
}

/// Writes a list as it is read, with single spaces.
pub fn write_list(f: &mut fmt::Formatter<'_>, parts: &[impl fmt::Display]) -> fmt::Result {
    parts.iter().enumerate().try_for_each(|(place, part)| {
        let space = if place == 0 { "" } else { " " };
        write!(f, "{space}{part}")
    })
}
