//! Durations, sizes and whole numbers as rules spell them.

use std::fmt;

use crate::core::limits::{MAX_INTEGER, maxima};

/// The longest duration, in milliseconds: 100 years.
pub const MAX_DURATION_MS: u64 = maxima::TTL_SECONDS * 1000;

/// From the largest to the smallest, in milliseconds.
const DURATION_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// From the largest to the smallest, in bytes. Those of two letters are powers of 1024, as in `redis.conf`.
const SIZE_UNITS: [(&str, u64); 4] = [("tb", 1 << 40), ("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10)];

/// The units of `redis.conf` that are read but never written.
const OTHER_SIZE_UNITS: [(&str, u64); 6] =
    [("", 1), ("b", 1), ("k", 1000), ("m", 1_000_000), ("g", 1_000_000_000), ("t", 1_000_000_000_000)];

/// Reads digits without a sign or leading zeros, as core reads a number.
pub fn whole(text: &[u8]) -> Option<u64> {
    let plain = text == b"0" || text.first().is_some_and(|&first| first != b'0');
    let digits = plain && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

/// Reads a duration of at most 100 years, in milliseconds: a whole number and its unit, or 0 without one.
pub fn duration_ms(text: &[u8]) -> Option<u64> {
    let (number, unit) = cut(text)?;
    let unit_ms = match (number, unit) {
        (0, b"") => 1,
        _ => unit_among(&DURATION_UNITS, unit)?,
    };
    number.checked_mul(unit_ms).filter(|&ms| ms <= MAX_DURATION_MS)
}

/// Reads a size below 2^53, in bytes.
pub fn size(text: &[u8]) -> Option<u64> {
    let (number, unit) = cut(text)?;
    let bytes = unit_among(&SIZE_UNITS, unit).or_else(|| unit_among(&OTHER_SIZE_UNITS, unit))?;
    number.checked_mul(bytes).filter(|&size| size <= MAX_INTEGER)
}

/// The number that `text` begins with, and what follows.
fn cut(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((whole(number)?, unit))
}

fn unit_among(units: &[(&str, u64)], unit: &[u8]) -> Option<u64> {
    units.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(unit)).map(|&(_, value)| value)
}

/// Shows milliseconds in the largest unit that is exact; none at all as `0`.
pub struct Duration(pub u64);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_exact(f, self.0, &DURATION_UNITS)
    }
}

/// Shows bytes in the largest unit that is exact, or without one.
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_exact(f, self.0, &SIZE_UNITS)
    }
}

fn write_exact(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    match units.iter().find(|(_, unit)| value > 0 && value.is_multiple_of(*unit)) {
        Some((name, unit)) => write!(f, "{}{name}", value.checked_div(*unit).unwrap_or_default()),
        None => write!(f, "{value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations() {
        for (text, ms) in [
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("7d", 604_800_000),
            ("36500d", MAX_DURATION_MS),
            ("0", 0),
            ("0d", 0),
            ("1H", 3_600_000),
        ] {
            assert_eq!(duration_ms(text.as_bytes()), Some(ms), "{text}");
        }
        for bad in [
            "",
            "s",
            "5",
            "1.5h",
            "-1s",
            "+1s",
            "1 s",
            " 1s",
            "1s ",
            "01s",
            "1w",
            "1mss",
            "36501d",
            "1e3s",
            "00",
            "18446744073709551616ms",
            "99999999999999999999d",
            "é",
        ] {
            assert_eq!(duration_ms(bad.as_bytes()), None, "{bad}");
        }
        for (ms, text) in [
            (60_000, "1m"),
            (90_000, "90s"),
            (3_600_000, "1h"),
            (86_400_000, "1d"),
            (1001, "1001ms"),
            (0, "0"),
        ] {
            assert_eq!(Duration(ms).to_string(), text);
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("500mb", 500 << 20),
            ("50gb", 50 << 30),
            ("4kb", 4096),
            ("1TB", 1 << 40),
            ("1k", 1000),
            ("2m", 2_000_000),
            ("3g", 3_000_000_000),
            ("4t", 4_000_000_000_000),
            ("7b", 7),
            ("7", 7),
            ("0", 0),
            ("9007199254740991", MAX_INTEGER),
        ] {
            assert_eq!(size(text.as_bytes()), Some(bytes), "{text}");
        }
        for bad in ["", "mb", "1.5gb", "-1", "1 mb", "01", "1pb", "9007199254740992", "8192tb", "20000000tb"]
        {
            assert_eq!(size(bad.as_bytes()), None, "{bad}");
        }
        for (bytes, text) in [(500 << 20, "500mb"), (1024, "1kb"), (1000, "1000"), (1 << 40, "1tb"), (0, "0")]
        {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(number in 0..=100_000u64, unit in 0..4usize) {
            let ms = number * DURATION_UNITS[unit].1 % (MAX_DURATION_MS + 1);
            prop_assert_eq!(duration_ms(Duration(ms).to_string().as_bytes()), Some(ms));
            let bytes = number * SIZE_UNITS[unit].1 % (MAX_INTEGER + 1);
            prop_assert_eq!(size(Size(bytes).to_string().as_bytes()), Some(bytes));
        }
    }
}
