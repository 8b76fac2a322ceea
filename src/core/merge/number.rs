//! Numbers that are added: whole ones exactly, others as doubles.

use ryu_js::Buffer;

/// A JSON number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Written without fraction and exponent.
    Whole(i64),
    Double(f64),
}

impl Number {
    /// Reads one as JSON spells it (RFC 8259, 6); none for what is no number, or beyond the range of its kind.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok().filter(|text| !text.starts_with(char::is_whitespace))?;
        if text.ends_with(char::is_whitespace) {
            return None;
        }
        if text == "-0" {
            return Some(Number::Whole(0));
        }
        let is_whole = !text.contains(['.', 'e', 'E']);
        let number: serde_json::Number = serde_json::from_str(text).ok()?;
        match is_whole {
            true => number.as_i64().map(Number::Whole),
            false => number.as_f64().map(Number::Double),
        }
    }

    /// The sum, exact where both are whole; none where it is beyond the range.
    pub fn plus(self, other: Number) -> Option<Number> {
        match (self, other) {
            (Number::Whole(a), Number::Whole(b)) => a.checked_add(b).map(Number::Whole),
            (a, b) => Some(a.as_f64() + b.as_f64()).filter(|sum| sum.is_finite()).map(Number::Double),
        }
    }

    fn as_f64(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "a sum with a double is one")]
            Number::Whole(whole) => whole as f64,
            Number::Double(double) => double,
        }
    }

    /// As JSON, doubles in the spelling of ECMAScript.
    pub fn spelled(self) -> String {
        match self {
            Number::Whole(whole) => whole.to_string(),
            Number::Double(double) => Buffer::new().format_finite(double).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_json() {
        for (text, number) in [
            ("0", Some(Number::Whole(0))),
            ("-0", Some(Number::Whole(0))),
            ("-9223372036854775808", Some(Number::Whole(i64::MIN))),
            ("9223372036854775808", None),
            ("1.0", Some(Number::Double(1.0))),
            ("1e2", Some(Number::Double(100.0))),
            ("1e999", None),
            ("01", None),
            ("+1", None),
            (" 1", None),
            ("1 ", None),
            ("\"1\"", None),
            ("", None),
        ] {
            assert_eq!(Number::parse(text.as_bytes()), number, "{text}");
        }
    }
}
