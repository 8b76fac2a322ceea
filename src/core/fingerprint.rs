//! Fingerprints: what an operation and its params are found by.
//!
//! A fingerprint is the hash of the canonical form of `{"operation":operation,"params":params}`, and no
//! more than that, so that standard tools give the same:
//!
//! ```sh
//! printf '%s' '{"operation":"add","params":{"a":1}}' | sha256sum
//! ```

use std::fmt;

use sha2::block_api::compress256;

use super::canonical::{self, BadJson, Canonicalizer};
use super::pointer::Pointer;
use super::policy::Policy;
use super::policy::cut::cut;
use super::refusal::{Code, Refusal, quoted};

/// The hash that fingerprints are made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum HashKind {
    /// SHA-256 (FIPS 180-4). With the instructions that processors have for it, the faster one up to
    /// about 1 KiB.
    #[default]
    Sha256,
    /// BLAKE3, faster for larger params.
    Blake3,
}

impl HashKind {
    /// The hash of `text`, behind which SHA-256 writes its padding.
    fn of(self, text: &mut Vec<u8>) -> Fingerprint {
        match self {
            HashKind::Sha256 => Fingerprint(sha256(text)),
            HashKind::Blake3 => Fingerprint(blake3::hash(text).into()),
        }
    }
}

/// SHA-256 of a text that may be padded where it stands (FIPS 180-4, 5.1.1): so all of its blocks are hashed in one go,
/// and none is copied.
fn sha256(text: &mut Vec<u8>) -> [u8; 32] {
    /// What every hash begins with (FIPS 180-4, 5.3.3).
    const BEGINNING: [u32; 8] =
        [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
    const BLOCK: usize = 64;
    let bits = text.len() as u64 * 8;
    let length = bits.to_be_bytes();
    text.push(0x80);
    text.resize((text.len() + length.len()).next_multiple_of(BLOCK) - length.len(), 0);
    text.extend_from_slice(&length);
    let mut state = BEGINNING;
    compress256(&mut state, text.as_chunks::<BLOCK>().0);
    let mut hash = [0; 32];
    hash.as_chunks_mut().0.iter_mut().zip(state).for_each(|(bytes, word)| *bytes = word.to_be_bytes());
    hash
}

/// What [`VALUES`] says of anything else than a digit: no value of one, nor several together, come to that.
const NO_DIGIT: u8 = 0xff;

/// The values of lower-case hexadecimal digits.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// The hash of an operation and its params.
///
/// Aligned, so that values which hold one are copied by whole words: without, the bytes beside it are written one by
/// one and read back as a word at once, for which a processor has to wait.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(align(8))]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The length of a fingerprint as text, in bytes.
    pub const HEX_BYTES: usize = 64;

    /// The fingerprint with the given bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Fingerprint(bytes)
    }

    /// The bytes of the hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The fingerprint as it is shown and stands in keys: lower-case hexadecimal digits.
    pub fn to_hex(&self) -> [u8; Self::HEX_BYTES] {
        // Digits are reckoned, not looked up, so that the compiler makes vector instructions of this.
        let digit = |value: u8| value + if value < 10 { b'0' } else { b'a' - 10 };
        let mut hex = [0; Self::HEX_BYTES];
        for (pair, byte) in hex.as_chunks_mut().0.iter_mut().zip(self.0) {
            *pair = [digit(byte >> 4), digit(byte & 15)];
        }
        hex
    }

    /// Reads exactly 64 lower-case hexadecimal digits; `None` for anything else, upper case too, so that a
    /// fingerprint has one spelling.
    pub fn from_hex(hex: &[u8]) -> Option<Self> {
        let hex: &[u8; Self::HEX_BYTES] = hex.try_into().ok()?;
        let mut bytes = [0; 32];
        let mut all = 0;
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            let [high, low] = [VALUES[usize::from(pair[0])], VALUES[usize::from(pair[1])]];
            all |= high | low;
            *byte = high << 4 | low;
        }
        if all == NO_DIGIT {
            return None;
        }
        Some(Fingerprint(bytes))
    }
}

/// Lower-case hexadecimal digits.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_hex().iter().try_for_each(|&digit| write!(f, "{}", char::from(digit)))
    }
}

/// Lower-case hexadecimal digits, as with `Display`.
impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Makes one fingerprint after another, in buffers that it keeps.
#[derive(Debug, Default)]
pub struct Fingerprinter {
    canonicalizer: Canonicalizer,
    /// The contiguous bytes to hash.
    text: Vec<u8>,
    /// Canonical params of which something is left out.
    whole: Vec<u8>,
}

impl Fingerprinter {
    /// One without any memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The fingerprint of an operation with its params, one JSON text, from which the members at `ignore` are left
    /// out.
    ///
    /// The alphabet of operations (`[A-Za-z0-9_.:/@+-]`) needs no escapes in JSON; any other text would
    /// get them, so that no two pairs of operation and params have the same bytes. Between calls at
    /// most [`canonical::RETAINED_BYTES`] are kept for each of its texts.
    ///
    /// # Errors
    ///
    /// [`BadJson`] if the params have no canonical form.
    pub fn fingerprint(
        &mut self,
        operation: &str,
        params: &[u8],
        hash: HashKind,
        ignore: &[Pointer],
    ) -> Result<Fingerprint, BadJson> {
        self.text.clear();
        self.text.extend_from_slice(b"{\"operation\":");
        canonical::strings::append(operation, &mut self.text);
        self.text.extend_from_slice(b",\"params\":");
        let fingerprint = self.append(params, ignore).map(|()| {
            self.text.push(b'}');
            hash.of(&mut self.text)
        });
        canonical::give_back(&mut self.text);
        fingerprint
    }

    fn append(&mut self, params: &[u8], ignore: &[Pointer]) -> Result<(), BadJson> {
        if ignore.is_empty() {
            return self.canonicalizer.append(params, &mut self.text);
        }
        self.whole.clear();
        let appended = self.canonicalizer.append(params, &mut self.whole);
        if appended.is_ok() {
            cut(&self.whole, ignore, &mut self.text);
        }
        canonical::give_back(&mut self.whole);
        appended
    }

    /// The canonical form of params, all of it.
    ///
    /// # Errors
    ///
    /// [`BadJson`] if there is none.
    pub fn canonical(&mut self, params: &[u8]) -> Result<Vec<u8>, BadJson> {
        let mut canonical = Vec::with_capacity(params.len());
        self.canonicalizer.append(params, &mut canonical)?;
        Ok(canonical)
    }
}

/// The argument `params` of a command: what names an entry, beside its namespace and operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Params<'a> {
    /// A JSON text, not looked at yet.
    Json(&'a [u8]),
    /// The fingerprint itself, given as `fp:` and its digits, which no JSON text begins with.
    Fingerprint(Fingerprint),
}

impl<'a> Params<'a> {
    /// Reads the argument.
    ///
    /// # Errors
    ///
    /// `BADPARAMS` if it begins with `fp:` but no fingerprint follows. A JSON text is not looked at here.
    #[inline]
    pub fn parse(argument: &'a [u8]) -> Result<Self, Refusal> {
        match argument.strip_prefix(b"fp:") {
            None => Ok(Params::Json(argument)),
            Some(hex) => Self::named(argument, hex),
        }
    }

    fn named(argument: &[u8], hex: &[u8]) -> Result<Self, Refusal> {
        Fingerprint::from_hex(hex).map(Params::Fingerprint).ok_or_else(|| {
            let sentence = "is not a fingerprint: fp: takes 64 lower-case hexadecimal digits";
            Refusal::new(Code::BadParams, format!("{} {sentence}", quoted(argument)))
        })
    }

    /// The text as it is spelled; none where only its fingerprint is known.
    pub fn json(&self) -> Option<&'a [u8]> {
        match *self {
            Params::Fingerprint(_) => None,
            Params::Json(json) => Some(json),
        }
    }

    /// The fingerprint of `operation` with these params, by the policy's hash and without what it ignores.
    ///
    /// # Errors
    ///
    /// `BADPARAMS` if the JSON text has no canonical form, with the byte at which it is refused.
    pub fn resolve(
        &self,
        operation: &str,
        policy: &Policy,
        fingerprinter: &mut Fingerprinter,
    ) -> Result<Fingerprint, Refusal> {
        match *self {
            Params::Fingerprint(fingerprint) => Ok(fingerprint),
            Params::Json(json) => {
                fingerprinter.fingerprint(operation, json, policy.hash, &policy.ignore).map_err(refusal)
            }
        }
    }

    /// The canonical form of the params, all of it; none where only their fingerprint is known.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve)'s.
    pub fn canonical(&self, fingerprinter: &mut Fingerprinter) -> Result<Option<Vec<u8>>, Refusal> {
        match *self {
            Params::Fingerprint(_) => Ok(None),
            Params::Json(json) => fingerprinter.canonical(json).map(Some).map_err(refusal),
        }
    }
}

fn refusal(fault: BadJson) -> Refusal {
    Refusal::new(Code::BadParams, fault.to_string())
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// The SHA-256 of `{"operation":"add","params":{"a":1}}`, by `sha256sum`.
    const ADD: &str = "08d9986d2f11160a87b06e1f7cbb67b6a84e749af87b2425546ad7d8b4082d81";

    fn fingerprint(operation: &str, params: &str) -> Fingerprint {
        Fingerprinter::new().fingerprint(operation, params.as_bytes(), HashKind::default(), &[]).unwrap()
    }

    fn refusal(argument: &str) -> String {
        let fingerprint = Params::parse(argument.as_bytes())
            .and_then(|params| params.resolve("add", &Policy::default(), &mut Fingerprinter::new()));
        fingerprint.unwrap_err().to_string()
    }

    #[test]
    fn every_spelling_has_one_fingerprint() {
        for params in [r#"{"a":1}"#, r#" { "\u0061" : 1.0 } "#, "{\"a\":10e-1}"] {
            assert_eq!(fingerprint("add", params).to_string(), ADD);
        }
    }

    #[test]
    fn operation_and_params_both_count() {
        let all = [
            fingerprint("add", "1"),
            fingerprint("add", "\"1\""),
            fingerprint("add", "[1]"),
            fingerprint("add2", "1"),
            fingerprint("Add", "1"),
            fingerprint("add", "9007199254740992"),
            fingerprint("add", "9007199254740993"),
            // No operation has this name, but if one had, it would not be mistaken for other params.
            fingerprint("add\",\"params\":1}", "1"),
            fingerprint("add\\\",\\\"params\\\":1}", "1"),
            Fingerprinter::new().fingerprint("add", b"1", HashKind::Blake3, &[]).unwrap(),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn a_fingerprinter_goes_on_after_a_refusal() {
        let mut fingerprinter = Fingerprinter::new();
        assert!(fingerprinter.fingerprint("add", b"{\"a\":1", HashKind::Sha256, &[]).is_err());
        let fingerprint = fingerprinter.fingerprint("add", b"{\"a\":1}", HashKind::Sha256, &[]).unwrap();
        assert_eq!(fingerprint.to_string(), ADD);
    }

    #[test]
    fn texts_of_every_length_are_padded_as_sha256_prescribes() {
        for length in 0..300 {
            let text: Vec<u8> = (0..length).map(|place| place as u8).collect();
            let expected: [u8; 32] = Sha256::digest(&text).into();
            assert_eq!(sha256(&mut text.clone()), expected, "{length} bytes");
        }
    }

    #[test]
    fn a_huge_text_leaves_no_huge_buffer() {
        let mut fingerprinter = Fingerprinter::new();
        let params = format!("\"{}\"", "a".repeat(4 * canonical::RETAINED_BYTES));
        fingerprinter.fingerprint("add", params.as_bytes(), HashKind::Blake3, &[]).unwrap();
        assert!(fingerprinter.text.capacity() <= canonical::RETAINED_BYTES);
    }

    #[test]
    fn a_fingerprint_is_shown_and_read_as_lower_case_digits() {
        let fingerprint = fingerprint("add", r#"{"a":1}"#);
        assert_eq!(&fingerprint.to_hex(), ADD.as_bytes());
        assert_eq!(format!("{fingerprint:?}"), ADD);
        assert_eq!(Fingerprint::from_hex(ADD.as_bytes()), Some(fingerprint));
        assert_eq!(Fingerprint::from_bytes(*fingerprint.as_bytes()), fingerprint);
        assert_eq!(fingerprint.as_bytes()[..2], [0x08, 0xd9]);
        for no_fingerprint in [
            "",
            "08d9",
            &ADD[1..],
            &format!("{ADD}0"),
            &ADD.to_uppercase(),
            &ADD.replace('0', "g"),
            &ADD.replace('0', " "),
        ] {
            assert_eq!(Fingerprint::from_hex(no_fingerprint.as_bytes()), None, "{no_fingerprint}");
        }
    }

    #[test]
    fn every_byte_has_its_two_digits() {
        for byte in 0..=u8::MAX {
            let fingerprint = Fingerprint::from_bytes(std::array::from_fn(|place| byte ^ place as u8));
            let digits: String = fingerprint.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(fingerprint.to_string(), digits);
            assert_eq!(Fingerprint::from_hex(digits.as_bytes()), Some(fingerprint));
        }
    }

    #[test]
    fn params_are_a_json_text_or_a_fingerprint() {
        let argument = format!("fp:{ADD}");
        let params = Params::parse(argument.as_bytes()).unwrap();
        assert_eq!(params, Params::Fingerprint(Fingerprint::from_hex(ADD.as_bytes()).unwrap()));
        let resolved = params.resolve("whatever", &Policy::default(), &mut Fingerprinter::new());
        assert_eq!(resolved.unwrap().to_string(), ADD);
        // A text is not looked at before it is resolved.
        assert_eq!(Params::parse(b"{\"a\""), Ok(Params::Json(b"{\"a\"")));
        let resolved =
            Params::Json(b"{\"a\":1}").resolve("add", &Policy::default(), &mut Fingerprinter::new());
        assert_eq!(resolved.unwrap().to_string(), ADD);
    }

    #[test]
    fn a_refusal_of_params_says_what_is_wrong_and_where() {
        let form = "is not a fingerprint: fp: takes 64 lower-case hexadecimal digits";
        assert_eq!(refusal("fp:"), format!("BADPARAMS 'fp:' {form}"));
        assert_eq!(refusal("fp:08D9"), format!("BADPARAMS 'fp:08D9' {form}"));
        assert!(refusal(&format!("fp:{ADD}0")).ends_with(form));
        assert!(refusal(&format!("fp:{} ", &ADD[1..])).ends_with(form));
        assert_eq!(refusal("FP:08d9"), "BADPARAMS expected a value but found 'F' at byte 0");
        assert_eq!(refusal(r#"{"a":1,"a":2}"#), "BADPARAMS duplicate member name 'a' at byte 7");
        assert_eq!(refusal(""), "BADPARAMS expected a value but the text ends at byte 0");
    }
}
