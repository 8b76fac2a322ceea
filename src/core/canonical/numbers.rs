//! Numbers: reading them, and the one spelling that RFC 8785, 3.2.2.3 leaves to each.
//!
//! A literal with a fraction or an exponent stands for a double and is spelled as ECMAScript spells
//! that. An integer literal keeps its digits: within ±(2^53-1) they are what ECMAScript would spell,
//! and beyond, where doubles have gaps, two integers must not become one.

use std::ops::Range;

use super::fault::{BadJson, Fault, unexpected};

/// Reads the number that begins at `start`, if it is certainly canonical as it stands, and returns the offset behind
/// it. That is said of integers without a sign and of few digits, which is most numbers, and of whatever else
/// [`scan_short`] knows.
#[inline]
pub(super) fn scan_plain(input: &[u8], start: usize) -> Option<usize> {
    let Some(bytes) = input.get(start..)?.first_chunk::<8>() else { return scan_short(input, start) };
    let length = mark_no_digits(u64::from_le_bytes(*bytes)).trailing_zeros() as usize / 8;
    match bytes.get(length) {
        Some(b',' | b'}' | b']') if bytes[0] != b'0' && length > 0 => Some(start + length),
        _ => scan_short(input, start),
    }
}

/// Reads the number that begins at `start` likewise, if it is an integer, but none that begins with a zero unless it is
/// one, or a short decimal.
///
/// Decimals of up to 15 digits all become different doubles, so that no shorter one than this,
/// which ends in no zero, can stand for the same double; and from 1e-6 up to 1e21 ECMAScript
/// writes the shortest one without an exponent.
fn scan_short(input: &[u8], start: usize) -> Option<usize> {
    let is_negative = input.get(start) == Some(&b'-');
    let integer = start + usize::from(is_negative);
    let mut end = integer + count_digits(input, integer);
    let is_zero = input.get(integer) == Some(&b'0');
    if end == integer || is_zero && end > integer + 1 {
        return None;
    }
    if input.get(end) == Some(&b'.') {
        let fraction = end + 1;
        end = fraction + count_digits(input, fraction);
        let digits = input.get(fraction..end)?;
        let is_tiny = is_zero && digits.starts_with(b"000000");
        // The point was counted, too.
        if end - integer > 15 + 1 || is_tiny || matches!(digits.last(), None | Some(b'0')) {
            return None;
        }
    } else if is_zero && is_negative {
        return None;
    }
    (!matches!(input.get(end), Some(b'e' | b'E'))).then_some(end)
}

/// Reads the number that begins at `start` and returns the offset behind it. If its spelling is not
/// the canonical one, the canonical one is appended to `respelled`; else nothing is.
///
/// Fails for what is not a number by RFC 8259, 6, and for what overflows a double or underflows to zero.
pub(super) fn scan(input: &[u8], start: usize, respelled: &mut Vec<u8>) -> Result<usize, BadJson> {
    let integer_start = start + usize::from(input.get(start) == Some(&b'-'));
    let integer_end = end_of_digits(input, integer_start)?;
    if integer_end > integer_start + 1 && input[integer_start] == b'0' {
        return Err(unexpected(input, integer_start + 1, "no digit after a leading zero"));
    }
    if let Some(b'.' | b'e' | b'E') = input.get(integer_end) {
        return scan_double(input, start, integer_start..integer_end, respelled);
    }
    if &input[start..integer_end] == b"-0" {
        respelled.push(b'0');
    }
    Ok(integer_end)
}

/// Reads the rest of a number that begins at `start`, whose digits before the point or exponent are
/// those in `integer`.
fn scan_double(
    input: &[u8],
    start: usize,
    integer: Range<usize>,
    respelled: &mut Vec<u8>,
) -> Result<usize, BadJson> {
    let mut end = integer.end;
    let mut fraction = end..end;
    if input.get(end) == Some(&b'.') {
        fraction = end + 1..end_of_digits(input, end + 1)?;
        end = fraction.end;
    }
    let mut exponent = end..end;
    if let Some(b'e' | b'E') = input.get(end) {
        let signed = matches!(input.get(end + 1), Some(b'+' | b'-'));
        exponent = end + 1..end_of_digits(input, end + 1 + usize::from(signed))?;
        end = exponent.end;
    }
    let literal = Literal {
        text: &input[start..end],
        integer: &input[integer],
        fraction: &input[fraction],
        exponent: &input[exponent],
    };
    literal.respell(respelled).map_err(|fault| fault.at(start))?;
    Ok(end)
}

/// A number with a fraction or an exponent as it is spelled, cut into its parts.
struct Literal<'a> {
    text: &'a [u8],
    /// The digits before the point.
    integer: &'a [u8],
    /// The digits behind the point; empty if there is none.
    fraction: &'a [u8],
    /// What follows the `e`: a sign perhaps, and digits; empty if there is none.
    exponent: &'a [u8],
}

impl Literal<'_> {
    /// Appends the canonical spelling to `respelled`, if it differs from this one.
    fn respell(&self, respelled: &mut Vec<u8>) -> Result<(), Fault> {
        let value = self.double(respelled)?;
        let mut buffer = ryu_js::Buffer::new();
        let canonical = buffer.format_finite(value).as_bytes();
        if self.text != canonical {
            respelled.extend_from_slice(canonical);
        }
        Ok(())
    }

    /// The nearest double. `scratch` is used and left as it was.
    fn double(&self, scratch: &mut Vec<u8>) -> Result<f64, Fault> {
        if self.digits().all(|digit| digit == b'0') {
            return Ok(0.0);
        }
        let value =
            if self.text.len() <= LONG_LITERAL { parse(self.text) } else { self.double_of_long(scratch) };
        match value {
            0.0 => Err(Fault::Underflow),
            value if value.is_finite() => Ok(value),
            _ => Err(Fault::Overflow),
        }
    }

    /// The nearest double of a long literal, which is first rewritten as `0.digits` times a power of ten.
    ///
    /// The parser of the standard library stops counting an exponent at 65,536 or a little above.
    /// Short literals cannot tell, but a long one has room for so many zeros that the wrong power
    /// would make another number of it: `0.` with 69,999 zeros, then `1e700000`, would become 1.
    fn double_of_long(&self, scratch: &mut Vec<u8>) -> f64 {
        let zeros = self.digits().take_while(|&digit| digit == b'0').count();
        let point = self.integer.len() as i64 - zeros as i64;
        // Beyond these bounds `0.digits` is infinite or zero, however many digits there are.
        let power = point.saturating_add(self.power()).clamp(-400, 400);
        let from = scratch.len();
        scratch.extend(self.text.iter().take_while(|&&byte| byte == b'-'));
        scratch.extend_from_slice(b"0.");
        scratch.extend(self.digits().skip(zeros));
        scratch.push(b'e');
        scratch.extend_from_slice(if power < 0 { b"-" } else { b"+" });
        scratch.extend([100, 10, 1].map(|unit| b'0' + (power.unsigned_abs() / unit % 10) as u8));
        let value = parse(&scratch[from..]);
        scratch.truncate(from);
        value
    }

    /// The digits on both sides of the point.
    fn digits(&self) -> impl Iterator<Item = u8> {
        self.integer.iter().chain(self.fraction).copied()
    }

    /// The exponent, or the nearest that an `i64` holds.
    fn power(&self) -> i64 {
        let negative = self.exponent.starts_with(b"-");
        let digits = self.exponent.iter().filter(|byte| byte.is_ascii_digit());
        let size =
            digits.fold(0i64, |size, digit| size.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
        if negative { -size } else { size }
    }
}

/// Bytes of a literal from which [`Literal::double_of_long`] reads it.
const LONG_LITERAL: usize = 1024;

/// The double nearest to a decimal; not a number, which is refused, if `decimal` were none.
fn parse(decimal: &[u8]) -> f64 {
    str::from_utf8(decimal).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
}

/// The offset behind the digits at `start`, of which there must be at least one.
fn end_of_digits(input: &[u8], start: usize) -> Result<usize, BadJson> {
    let count = count_digits(input, start);
    if count == 0 { Err(unexpected(input, start, "a digit")) } else { Ok(start + count) }
}

/// How many digits stand at `start`. Most numbers have few: this looks at eight bytes at a time.
#[inline]
fn count_digits(input: &[u8], start: usize) -> usize {
    let mut rest = input.get(start..).unwrap_or_default();
    let mut count = 0;
    while let Some((bytes, behind)) = rest.split_first_chunk() {
        let marks = mark_no_digits(u64::from_le_bytes(*bytes));
        if marks != 0 {
            return count + marks.trailing_zeros() as usize / 8;
        }
        count += 8;
        rest = behind;
    }
    count + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Sets the high bit of the first (lowest) of eight bytes that is no digit, and none below that one. Higher bits may be
/// set wrongly by a carry; zero is returned only if all are digits.
fn mark_no_digits(bytes: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // What remains of digits is below 10, and reaches 0x80 for nothing below that.
    let digits = bytes ^ (ONES * u64::from(b'0'));
    (digits.wrapping_add(ONES * (0x80 - 10)) | digits) & HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_byte_is_a_digit_or_not_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for place in 0..20 {
                let mut text = [b'0' + place as u8 % 10; 20];
                text[place] = byte;
                let expected = if byte.is_ascii_digit() { 20 } else { place };
                assert_eq!(count_digits(&text, 0), expected, "{byte} at {place}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        /// What is plain, whether by its first bytes or on a second look, is what would have been left as it is.
        #[test]
        fn what_is_plain_needs_no_other_spelling(
            number in "-?(0|[1-9][0-9]{0,17}|[0-9]{1,3})(\\.(0{0,7}[0-9]{0,3}|[0-9]{9,16}))?([eE][+-]?[0-9])?",
            behind in "[,\\]} .e0-9a]{0,8}",
        ) {
            let text = number.clone() + &behind;
            let mut respelled = Vec::new();
            let read = scan(text.as_bytes(), 0, &mut respelled);
            for plain in [scan_plain(text.as_bytes(), 0), scan_short(text.as_bytes(), 0)].into_iter().flatten() {
                prop_assert_eq!(&read, &Ok(plain), "{}", text);
                prop_assert!(respelled.is_empty(), "{} of {}", respelled.escape_ascii(), text);
            }
        }

        #[test]
        fn integers_are_plain(number in "0|-?[1-9][0-9]{0,17}", behind in prop::sample::select(vec!["", ",", "}", "]", " ", ",1234567"])) {
            prop_assert_eq!(scan_plain(format!("{number}{behind}").as_bytes(), 0), Some(number.len()));
        }
    }
}
