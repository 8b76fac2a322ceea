//! Strings: reading them, and the one spelling that RFC 8785, 3.2.2.2 leaves to each.

use super::fault::{BadJson, Fault, unexpected};

/// Reads the string whose opening quote is at `start`, if no escape stands in it, and returns the
/// offset behind its closing quote. Such a string is canonical as it is.
#[inline]
pub(in crate::core) fn scan_plain(input: &[u8], start: usize) -> Option<usize> {
    let at = end_of_plain_run(input, start + 1);
    (input.get(at) == Some(&b'"')).then_some(at + 1)
}

/// Reads any string, whose opening quote is at `start`, and returns the offset behind its closing
/// quote. If its spelling is not the canonical one, the canonical one, quotes included, is appended to
/// `respelled`; else nothing is.
///
/// `input` must be UTF-8. Fails for a string without an end, a control character that is not
/// escaped, an unknown escape and half of a surrogate pair.
pub(in crate::core) fn scan(input: &[u8], start: usize, respelled: &mut Vec<u8>) -> Result<usize, BadJson> {
    // What stands before this offset is already in `respelled`, once anything had to be respelled.
    let mut copied = start;
    let mut at = start + 1;
    loop {
        at = end_of_plain_run(input, at);
        match input.get(at) {
            Some(b'"') => break,
            // Of the short escapes all but this one are canonical.
            Some(b'\\')
                if matches!(input.get(at + 1), Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't')) =>
            {
                at += 2;
            }
            Some(b'\\') => {
                let escape = Escape::read(input, at)?;
                let mut spelling = [0; LONGEST_SPELLING];
                let canonical = spell(escape.character, &mut spelling);
                if &input[at..escape.end] != canonical {
                    respelled.extend_from_slice(&input[copied..at]);
                    respelled.extend_from_slice(canonical);
                    copied = escape.end;
                }
                at = escape.end;
            }
            Some(&control) => return Err(Fault::ControlCharacter(control).at(at)),
            None => return Err(unexpected(input, at, "the end of the string")),
        }
    }
    let end = at + 1;
    if copied > start {
        respelled.extend_from_slice(&input[copied..end]);
    }
    Ok(end)
}

/// Appends to `plain` the characters of a string that was read before, its escapes resolved, without
/// the quotes. `start` is the offset of the opening quote, `end` the one behind the closing quote.
pub(in crate::core) fn decode(
    input: &[u8],
    start: usize,
    end: usize,
    plain: &mut Vec<u8>,
) -> Result<(), BadJson> {
    let text = &input[..end - 1];
    let mut at = start + 1;
    while at < text.len() {
        let run = end_of_plain_run(text, at);
        plain.extend_from_slice(&text[at..run]);
        at = run;
        if at < text.len() {
            let escape = Escape::read(text, at)?;
            plain.extend_from_slice(escape.character.encode_utf8(&mut [0; 4]).as_bytes());
            at = escape.end;
        }
    }
    Ok(())
}

/// Appends `text` as a canonical JSON string, quotes included.
pub(in crate::core) fn append(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    if end_of_plain_run(text.as_bytes(), 0) == text.len() {
        out.extend_from_slice(text.as_bytes());
    } else {
        for character in text.chars() {
            out.extend_from_slice(spell(character, &mut [0; LONGEST_SPELLING]));
        }
    }
    out.push(b'"');
}

/// An escape that was read.
struct Escape {
    character: char,
    /// The offset behind the escape; behind the second one, if two make a surrogate pair.
    end: usize,
}

impl Escape {
    /// Reads the escape whose backslash is at `start` (RFC 8259, 7).
    fn read(input: &[u8], start: usize) -> Result<Escape, BadJson> {
        let short = |character| Ok(Escape { character, end: start + 2 });
        match input.get(start + 1) {
            Some(b'"') => short('"'),
            Some(b'\\') => short('\\'),
            Some(b'/') => short('/'),
            Some(b'b') => short('\u{8}'),
            Some(b'f') => short('\u{c}'),
            Some(b'n') => short('\n'),
            Some(b'r') => short('\r'),
            Some(b't') => short('\t'),
            Some(b'u') => Escape::read_code_units(input, start),
            Some(_) => Err(Fault::UnknownEscape.at(start)),
            None => Err(unexpected(input, start + 1, "an escape")),
        }
    }

    /// Reads `\uXXXX`, or the two of them that name a character outside the basic plane.
    fn read_code_units(input: &[u8], start: usize) -> Result<Escape, BadJson> {
        let first = code_unit(input, start).ok_or(Fault::UnknownEscape.at(start))?;
        if let Some(character) = char::from_u32(first.into()) {
            return Ok(Escape { character, end: start + 6 });
        }
        // Only surrogates are not characters by themselves.
        let pair = code_unit(input, start + 6).map(|second| char::decode_utf16([first, second]).next());
        match pair {
            Some(Some(Ok(character))) => Ok(Escape { character, end: start + 12 }),
            _ => Err(Fault::LoneSurrogate.at(start)),
        }
    }
}

/// The UTF-16 code unit that `\uXXXX` at `start` names; `None` if no such escape stands there.
fn code_unit(input: &[u8], start: usize) -> Option<u16> {
    let [b'\\', b'u', digits @ ..] = input.get(start..)?.first_chunk::<6>()? else { return None };
    digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)? as u16))
}

/// Bytes of the longest canonical spelling of a character: `\u001f`.
const LONGEST_SPELLING: usize = 6;

/// How a character is spelled in a canonical string: the short escape where there is one, `\u00xx` in
/// lower case for the other control characters, else the character itself (RFC 8785, 3.2.2.2).
fn spell(character: char, spelling: &mut [u8; LONGEST_SPELLING]) -> &[u8] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match character {
        '"' => b"\\\"",
        '\\' => b"\\\\",
        '\u{8}' => b"\\b",
        '\t' => b"\\t",
        '\n' => b"\\n",
        '\u{c}' => b"\\f",
        '\r' => b"\\r",
        '\0'..='\u{1f}' => {
            let code = character as usize;
            *spelling = [b'\\', b'u', b'0', b'0', HEX[code >> 4], HEX[code & 15]];
            spelling
        }
        _ => character.encode_utf8(spelling).as_bytes(),
    }
}

/// The offset of the first byte from `at` on that cannot simply stand in a string: a quote, a
/// backslash or a control character; the length of `input` if there is none.
///
/// Most bytes of params are in strings, so that this looks at eight of them at a time.
pub(in crate::core) fn end_of_plain_run(input: &[u8], mut at: usize) -> usize {
    while let Some(bytes) = input.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let marks = mark_special(u64::from_le_bytes(*bytes));
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = input.get(at..).unwrap_or_default();
    at + rest.iter().position(|&byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len())
}

/// Sets the high bit of the first (lowest) of eight bytes that is a quote, a backslash or below 0x20,
/// and none below that one. Higher bits may be set wrongly by a borrow; zero is returned only if no
/// byte is special.
fn mark_special(bytes: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // A byte below `limit` borrows from its own high bit, unless that was set to begin with.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
    let quote = below(bytes ^ (ONES * u64::from(b'"')), 1);
    let backslash = below(bytes ^ (ONES * u64::from(b'\\')), 1);
    (quote | backslash | below(bytes, 0x20)) & HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_byte_is_found_special_or_not_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            let special = matches!(byte, b'"' | b'\\' | 0..0x20);
            for place in 0..20 {
                let mut text = [b'a'; 20];
                text[place] = byte;
                assert_eq!(end_of_plain_run(&text, 0), if special { place } else { 20 }, "{byte} at {place}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_plain_run_ends_at_the_first_special_byte(text in prop::collection::vec(any::<u8>(), 0..40), at in 0..40usize) {
            let at = at.min(text.len());
            let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            let expected = at + text[at..].iter().take_while(|byte| !special(byte)).count();
            prop_assert_eq!(end_of_plain_run(&text, at), expected);
        }

        #[test]
        fn what_is_appended_reads_as_the_text_it_was(text in any::<String>()) {
            let mut spelled = Vec::new();
            append(&text, &mut spelled);
            prop_assert_eq!(serde_json::from_slice::<String>(&spelled).unwrap(), text);
            let mut respelled = Vec::new();
            prop_assert_eq!(scan(&spelled, 0, &mut respelled), Ok(spelled.len()));
            prop_assert!(respelled.is_empty(), "it is canonical");
        }
    }
}
