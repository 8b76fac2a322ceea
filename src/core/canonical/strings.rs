//! Strings: reading them, and the one spelling that RFC 8785, 3.2.2.2 leaves to each.

use super::fault::{BadJson, Fault, unexpected};

/// Reads the string whose opening quote is at `start`, if no escape stands in it, and returns the
/// offset behind its closing quote. Such a string is canonical as it is.
#[inline]
pub(in crate::core) fn scan_plain(input: &[u8], start: usize) -> Option<usize> {
    let at = end_of_plain_run(input, start + 1);
    (input.get(at) == Some(&b'"')).then_some(at + 1)
}

/// Reads the name of a member likewise, and the colon right behind it. Returns the offset behind that, and the first
/// eight bytes of the name as a number, the first one lowest; if it is shorter, zeros stand for what it lacks.
///
/// Near the end of the text no name is read.
#[inline]
pub(super) fn scan_plain_name(input: &[u8], start: usize) -> Option<(usize, u64)> {
    let word = u64::from_le_bytes(*input.get(start + 1..)?.first_chunk()?);
    let marks = mark_special(word);
    if marks == 0 {
        let end = scan_plain(input, start + 8)?;
        return (input.get(end) == Some(&b':')).then_some((end + 1, word));
    }
    // All bits of the bytes before the first special one.
    let before = ((marks & marks.wrapping_neg()) >> 7) - 1;
    let length = marks.trailing_zeros() as usize / 8;
    let end = start + 1 + length;
    let behind = input.get(end..)?.first_chunk::<2>()?;
    (behind == b"\":").then_some((end + 2, word & before))
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
/// Most bytes of params are in strings, so that this looks at eight of them at a time, and at more where a run is long.
#[inline]
pub(in crate::core) fn end_of_plain_run(input: &[u8], at: usize) -> usize {
    match input.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        Some(bytes) => match mark_special(u64::from_le_bytes(*bytes)) {
            0 => end_of_long_run(input, at + 8),
            marks => at + marks.trailing_zeros() as usize / 8,
        },
        None => end_of_long_run(input, at),
    }
}

/// The same, for runs of which eight bytes are read already, and near the end of the text.
fn end_of_long_run(input: &[u8], mut at: usize) -> usize {
    for word in 0.. {
        let Some(bytes) = input.get(at..).and_then(|rest| rest.first_chunk()) else { break };
        let marks = mark_special(u64::from_le_bytes(*bytes));
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += bytes.len();
        // A run that has not ended by now is likely to go on for long.
        if word == 1 {
            at = end_of_plain_blocks(input, at);
        }
    }
    let rest = input.get(at..).unwrap_or_default();
    at + rest.iter().position(|&byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len())
}

/// The offset behind those blocks of bytes from `at` on in which none is special.
fn end_of_plain_blocks(input: &[u8], mut at: usize) -> usize {
    while let Some(bytes) = input.get(at..).and_then(|rest| rest.first_chunk())
        && is_plain(bytes)
    {
        at += bytes.len();
    }
    at
}

/// Whether none of the bytes is special. The compiler makes vector instructions of this.
fn is_plain(bytes: &[u8; 32]) -> bool {
    // Zero for what is special, see `mark_special`.
    let rank = |byte: u8| (byte ^ 0x02).saturating_sub(0x20).min(byte ^ b'\\');
    bytes.iter().fold(u8::MAX, |least, &byte| least.min(rank(byte))) > 0
}

/// Sets the high bit of the first (lowest) of eight bytes that is a quote, a backslash or below 0x20,
/// and none below that one. Higher bits may be set wrongly by a borrow; zero is returned only if no
/// byte is special.
fn mark_special(bytes: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // To flip this bit moves the quote to 0x20, right behind the control characters, and what stood there out of the way.
    let quote_or_control = (bytes ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslash = (bytes ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    // A byte that is less than what is subtracted borrows from its own high bit, unless that was set to begin with.
    (quote_or_control | backslash) & !bytes & HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_byte_is_found_special_or_not_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            let special = matches!(byte, b'"' | b'\\' | 0..0x20);
            // Read by words, by blocks, and by bytes at the end.
            for place in 0..100 {
                let mut text = [b'a'; 100];
                text[place] = byte;
                assert_eq!(
                    end_of_plain_run(&text, 0),
                    if special { place } else { 100 },
                    "{byte} at {place}"
                );
            }
        }
    }

    /// Mostly a plain byte.
    fn byte() -> impl Strategy<Value = u8> {
        prop_oneof![100 => Just(b'a'), 5 => any::<u8>(), 1 => prop::sample::select(b"\"\\:\x1f".to_vec())]
    }

    proptest! {
        #[test]
        fn a_plain_name_is_a_plain_string_and_a_colon(
            name in prop::collection::vec(byte(), 0..20), behind in prop::collection::vec(byte(), 0..10), colon in any::<bool>(),
        ) {
            let text = [&b"{\""[..], &name, if colon { b"\":" } else { b"\"" }, &behind].concat();
            let plain = scan_plain(&text, 1).filter(|&end| text.get(end) == Some(&b':'));
            let beginning = |end: usize| {
                text[2..end - 1].iter().take(8).rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
            };
            let is_near_the_end = text.len() < 2 + 8;
            let expected = plain.filter(|_| !is_near_the_end).map(|end| (end + 1, beginning(end)));
            prop_assert_eq!(scan_plain_name(&text, 1), expected, "{}", text.escape_ascii());
        }

        #[test]
        fn a_plain_run_ends_at_the_first_special_byte(text in prop::collection::vec(byte(), 0..200), at in 0..40usize) {
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
