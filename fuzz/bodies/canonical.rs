//! Canonical params, of any bytes: judged and spelled as by another parser and another implementation of RFC 8785, but for what
//! differs on purpose.

use std::cell::RefCell;
use std::collections::BTreeMap;

use redis_result_cache::core::canonical::{BadJson, Canonicalizer, Fault};
use redis_result_cache::core::fingerprint::{Fingerprinter, HashKind};
use serde_json::Value;
use serde_json::value::RawValue;

/// No integer with fewer digits is beyond 2^53.
const DIGITS_OF_LONG: usize = 16;

thread_local! {
    /// One for all inputs: what a text leaves in its buffers must not show in the next.
    static WARM: RefCell<(Canonicalizer, Fingerprinter)> = RefCell::default();
}

pub fn run(text: &[u8]) {
    let ours = canonical(text);
    match (ours, serde_json::from_slice::<Value>(text)) {
        (Ok(canonical), Ok(_)) => {
            is_its_own(text, &canonical);
            is_spelled_as_by_the_oracle(text, &canonical);
        }
        (Ok(canonical), Err(fault)) => {
            is_its_own(text, &canonical);
            // Integers that no double holds, and one level of nesting more.
            let fault = fault.to_string();
            assert!(fault.contains("number out of range") || fault.contains("recursion limit"), "{fault}");
        }
        (Err(fault), Ok(_)) => {
            assert!(matches!(fault.what, Fault::DuplicateName(_) | Fault::Underflow), "{fault}");
            assert!(fault.offset <= text.len());
        }
        (Err(fault), Err(_)) => assert!(fault.offset <= text.len()),
    }
}

/// The canonical form, by a canonicalizer that is new and by one that is not.
fn canonical(text: &[u8]) -> Result<String, BadJson> {
    let mut new = Vec::new();
    let judged = Canonicalizer::new().append(text, &mut new);
    let mut warm = b"before".to_vec();
    let again = WARM.with_borrow_mut(|(canonicalizer, _)| canonicalizer.append(text, &mut warm));
    assert_eq!(judged, again);
    assert_eq!(warm.strip_prefix(b"before"), Some(&new[..]));
    judged.map(|()| String::from_utf8(new).expect("canonical JSON is UTF-8"))
}

/// A canonical text is its own canonical form, and has the fingerprint of whatever it is the form of.
fn is_its_own(text: &[u8], once: &str) {
    assert_eq!(canonical(once.as_bytes()).as_deref(), Ok(once));
    let print = |params: &[u8]| {
        WARM.with_borrow_mut(|(_, fingerprinter)| {
            fingerprinter.fingerprint("operation", params, HashKind::Sha256, &[])
        })
    };
    assert_eq!(print(text), print(once.as_bytes()));
    assert!(print(text).is_ok());
}

/// The oracle writes the same, or would where it did not round long integers.
fn is_spelled_as_by_the_oracle(text: &[u8], ours: &str) {
    let text = str::from_utf8(text).expect("what was accepted is UTF-8");
    let oracle = |text| serde_json_canonicalizer::to_string(&value(text)).expect("a value has a spelling");
    let expected = oracle(text);
    if ours != expected {
        assert!(has_long_integer(ours), "ours {ours}\noracle {expected}");
        assert_eq!(oracle(ours), expected);
    }
}

fn has_long_integer(text: &str) -> bool {
    text.as_bytes()
        .chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit())
        .any(|run| run.len() >= DIGITS_OF_LONG && run.first().is_some_and(u8::is_ascii_digit))
}

/// The value of a text that serde_json accepts, its numbers read by the standard library: serde_json reads some a little
/// beside the nearest double.
fn value(text: &str) -> Value {
    const ACCEPTED: &str = "it was accepted before";
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    match text.as_bytes().first() {
        Some(b'{') => {
            let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).expect(ACCEPTED);
            members.into_iter().map(|(name, member)| (name, value(member.get()))).collect()
        }
        Some(b'[') => {
            let elements: Vec<Box<RawValue>> = serde_json::from_str(text).expect(ACCEPTED);
            elements.iter().map(|element| value(element.get())).collect()
        }
        Some(b'-' | b'0'..=b'9') => Value::from(text.parse::<f64>().expect(ACCEPTED)),
        _ => serde_json::from_str(text).expect(ACCEPTED),
    }
}
