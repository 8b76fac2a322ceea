//! Tests of canonical params as a whole.

mod document;
mod hostile;
mod properties;
mod refusals;
mod vectors;

use super::{BadJson, Canonicalizer};

/// The canonical form of a text.
fn canonical(json: impl AsRef<[u8]>) -> Result<String, BadJson> {
    let mut out = b"what was there before".to_vec();
    let before = out.len();
    let appended = Canonicalizer::new().append(json.as_ref(), &mut out);
    assert!(out.starts_with(b"what was there before"), "append only appends");
    assert!(appended.is_ok() || out.len() == before, "a refused text leaves nothing behind");
    appended.map(|()| String::from_utf8(out.split_off(before)).expect("canonical JSON is UTF-8"))
}

#[track_caller]
fn assert_canonical(json: &str, expected: &str) {
    assert_eq!(canonical(json).as_deref(), Ok(expected), "of {json}");
    assert_eq!(canonical(expected).as_deref(), Ok(expected), "a canonical text is its own canonical form");
}
