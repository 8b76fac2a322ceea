//! What stands where a pointer leads.

use crate::core::canonical::Canonicalizer;

/// A string, number or boolean of a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    String(String),
    /// In its canonical spelling: `1` and `1.0` are one number, and large integers keep their digits.
    Number(String),
    Bool(bool),
}

impl Scalar {
    /// As tags and rules spell it: strings without quotes or escapes, `true` and `false`.
    pub fn text(&self) -> &str {
        match self {
            Scalar::String(text) | Scalar::Number(text) => text,
            Scalar::Bool(true) => "true",
            Scalar::Bool(false) => "false",
        }
    }
}

/// What a pointer leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing is there, or the text is not JSON.
    Missing,
    Null,
    Scalar(Scalar),
    /// An array, an object, or a number or string without a canonical form.
    Other,
}

impl Found {
    pub fn scalar(&self) -> Option<&Scalar> {
        match self {
            Found::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Judges one value, given as it is spelled.
    pub(super) fn of(value: &str) -> Self {
        let scalar = match value.as_bytes().first() {
            Some(b'n') => return Found::Null,
            Some(b't') => Some(Scalar::Bool(true)),
            Some(b'f') => Some(Scalar::Bool(false)),
            Some(b'"') => serde_json::from_str(value).ok().map(Scalar::String),
            Some(b'-' | b'0'..=b'9') => {
                let mut number = Vec::new();
                let canonical = Canonicalizer::new().append(value.as_bytes(), &mut number);
                canonical.ok().and_then(|()| String::from_utf8(number).ok()).map(Scalar::Number)
            }
            _ => None,
        };
        scalar.map_or(Found::Other, Found::Scalar)
    }
}
