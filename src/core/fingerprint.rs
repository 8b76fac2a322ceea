//! Fingerprints: what an operation and its params are found by.
//!
//! A fingerprint is the hash of the canonical form of `{"operation":operation,"params":params}`, and no
//! more than that, so that standard tools give the same:
//!
//! ```sh
//! printf '%s' '{"operation":"add","params":{"a":1}}' | sha256sum
//! ```

use std::fmt;

use sha2::{Digest, Sha256};

use super::canonical::{self, BadJson, Canonicalizer};
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
    /// The hash of `bytes`.
    fn of(self, bytes: &[u8]) -> Fingerprint {
        match self {
            HashKind::Sha256 => Fingerprint(Sha256::digest(bytes).into()),
            HashKind::Blake3 => Fingerprint(blake3::hash(bytes).into()),
        }
    }
}

/// The hash of an operation and its params.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; Self::HEX_BYTES];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        hex
    }

    /// Reads exactly 64 lower-case hexadecimal digits; `None` for anything else, upper case too, so that a
    /// fingerprint has one spelling.
    pub fn from_hex(hex: &[u8]) -> Option<Self> {
        let hex: &[u8; Self::HEX_BYTES] = hex.try_into().ok()?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            for &digit in pair {
                let value = match digit {
                    b'0'..=b'9' => digit - b'0',
                    b'a'..=b'f' => digit - b'a' + 10,
                    _ => return None,
                };
                *byte = *byte << 4 | value;
            }
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
}

impl Fingerprinter {
    /// One without any memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The fingerprint of an operation with its params, one JSON text.
    ///
    /// The alphabet of operations (`[A-Za-z0-9_.:/@+-]`) needs no escapes in JSON; any other text would
    /// get them, so that no two pairs of operation and params have the same bytes. Between calls at
    /// most [`canonical::RETAINED_BYTES`] are kept for these bytes.
    ///
    /// # Errors
    ///
    /// [`BadJson`] if the params have no canonical form.
    pub fn fingerprint(
        &mut self,
        operation: &str,
        params: &[u8],
        hash: HashKind,
    ) -> Result<Fingerprint, BadJson> {
        self.text.clear();
        self.text.extend_from_slice(b"{\"operation\":");
        canonical::strings::append(operation, &mut self.text);
        self.text.extend_from_slice(b",\"params\":");
        let fingerprint = self.canonicalizer.append(params, &mut self.text).map(|()| {
            self.text.push(b'}');
            hash.of(&self.text)
        });
        canonical::give_back(&mut self.text);
        fingerprint
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
    pub fn parse(argument: &'a [u8]) -> Result<Self, Refusal> {
        let Some(hex) = argument.strip_prefix(b"fp:") else { return Ok(Params::Json(argument)) };
        Fingerprint::from_hex(hex).map(Params::Fingerprint).ok_or_else(|| {
            let sentence = "is not a fingerprint: fp: takes 64 lower-case hexadecimal digits";
            Refusal::new(Code::BadParams, format!("{} {sentence}", quoted(argument)))
        })
    }

    /// The fingerprint of `operation` with these params.
    ///
    /// # Errors
    ///
    /// `BADPARAMS` if the JSON text has no canonical form, with the byte at which it is refused.
    pub fn resolve(
        &self,
        operation: &str,
        hash: HashKind,
        fingerprinter: &mut Fingerprinter,
    ) -> Result<Fingerprint, Refusal> {
        match *self {
            Params::Fingerprint(fingerprint) => Ok(fingerprint),
            Params::Json(json) => fingerprinter
                .fingerprint(operation, json, hash)
                .map_err(|fault| Refusal::new(Code::BadParams, fault.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(operation: &str, params: &str, hash: HashKind) -> String {
        Fingerprinter::new().fingerprint(operation, params.as_bytes(), hash).unwrap().to_string()
    }

    #[test]
    fn a_fingerprint_is_the_hash_of_operation_and_canonical_params() {
        let expected = "08d9986d2f11160a87b06e1f7cbb67b6a84e749af87b2425546ad7d8b4082d81";
        assert_eq!(fingerprint("add", r#" { "\u0061" : 1 } "#, HashKind::Sha256), expected);
    }
}
