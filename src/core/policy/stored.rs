//! The stored form of rules.
//!
//! ```text
//! version          1 byte
//! number of rules
//! for each, the oldest first:
//!   pattern of namespaces, pattern of operations
//!   number of fields
//!   for each: its name, its value
//! ```
//!
//! Numbers are LEB128, texts stand as they are shown, each with its length before it. They are read as a client's
//! are, so that nothing can be loaded that could not have been set.

use super::field::Field;
use super::glob::{MAX_PATTERN_BYTES, Pattern};
use super::rules::{MAX_RULES, Rules};
use super::value::{MAX_VALUE_BYTES, Value};
use crate::core::codec::{Reader, Sink};
use crate::core::origin::ENCODING_VERSION;

/// The bytes of these rules.
pub(super) fn encode(rules: &Rules) -> Vec<u8> {
    let mut bytes = vec![ENCODING_VERSION];
    bytes.put_varint(rules.len() as u64);
    for rule in rules.iter() {
        bytes.put_string(rule.namespace.as_str().as_bytes());
        bytes.put_string(rule.operation.as_str().as_bytes());
        bytes.put_varint(rule.fields().count() as u64);
        for (field, value) in rule.fields() {
            bytes.put_string(field.name().as_bytes());
            bytes.put_string(value.to_string().as_bytes());
        }
    }
    bytes
}

/// The rules of these bytes; `None` where they are anything else.
pub(super) fn decode(bytes: &[u8]) -> Option<Rules> {
    let mut reader = Reader::new(bytes);
    reader.byte().filter(|&version| version == ENCODING_VERSION)?;
    let number = reader.varint_up_to(MAX_RULES as u64)?;
    let mut rules = Rules::default();
    for _ in 0..number {
        let namespace = Pattern::of_namespaces(reader.string(MAX_PATTERN_BYTES)?).ok()?;
        let operation = Pattern::of_operations(reader.string(MAX_PATTERN_BYTES)?).ok()?;
        let fields = reader.varint_up_to(Field::ALL.len() as u64)?;
        let values = (0..fields).map(|_| decode_field(&mut reader)).collect::<Option<_>>()?;
        rules.set(namespace, operation, values).ok()?;
    }
    // Fewer where one came twice.
    (rules.len() as u64 == number && reader.is_empty()).then_some(rules)
}

fn decode_field(reader: &mut Reader<'_>) -> Option<(Field, Value)> {
    let field = Field::parse(reader.string(MAX_VALUE_BYTES)?)?;
    let value = Value::parse(field, reader.string(MAX_VALUE_BYTES)?).ok()?;
    Some((field, value))
}

#[cfg(test)]
mod tests {
    use super::super::rules::tests::rules;
    use super::*;
    use proptest::prelude::*;

    fn one_rule() -> Rules {
        let mut rules = Rules::default();
        let namespace = Pattern::of_namespaces(b"a*").expect("a pattern");
        let operation = Pattern::of_operations(b"o").expect("a pattern");
        let value = Value::parse(Field::Ttl, b"90s").expect("a value");
        rules.set(namespace, operation, vec![(Field::Ttl, value)]).expect("a rule");
        rules
    }

    #[test]
    fn the_stored_form_is_as_documented() {
        assert_eq!(one_rule().encode(), b"\x02\x01\x02a*\x01o\x01\x03TTL\x0390s");
        assert_eq!(Rules::default().encode(), b"\x02\x00");
    }

    #[test]
    fn unsound_bytes_are_refused() {
        let bytes = one_rule().encode();
        for cut in 0..bytes.len() {
            assert_eq!(Rules::decode(&bytes[..cut]), None, "cut at {cut}");
        }
        for (wrong, bytes) in [
            ("trailing bytes", &b"\x02\x00\x00"[..]),
            ("a later version", b"\x03\x00"),
            ("too many rules", b"\x02\x91\x4e"),
            ("a bad pattern", b"\x02\x01\x02a \x01o\x01\x03TTL\x0390s"),
            ("braces in an operation", b"\x02\x01\x02a*\x01{\x01\x03TTL\x0390s"),
            ("no field", b"\x02\x01\x02a*\x01o\x00"),
            ("too many fields", b"\x02\x01\x02a*\x01o\x14\x03TTL\x0390s"),
            ("a field twice", b"\x02\x01\x02a*\x01o\x02\x03TTL\x0390s\x03TTL\x0390s"),
            ("an unknown field", b"\x02\x01\x02a*\x01o\x01\x03TTX\x0390s"),
            ("a bad value", b"\x02\x01\x02a*\x01o\x01\x03TTL\x0390x"),
            ("a misplaced budget", b"\x02\x01\x02a*\x01o\x01\x05EVICT\x03lru"),
            ("a rule twice", b"\x02\x02\x01a\x01o\x01\x03TTL\x0390s\x01a\x01o\x01\x03TTL\x0390s"),
        ] {
            assert_eq!(Rules::decode(bytes), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn rules_come_back(rules in rules()) {
            prop_assert_eq!(Rules::decode(&rules.encode()), Some(rules));
        }

        #[test]
        fn no_bytes_make_decoding_panic(
            hostile in any::<Vec<u8>>(), rules in rules(), at in any::<usize>(), byte: u8,
        ) {
            let _ = Rules::decode(&hostile);
            let mut bytes = rules.encode();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Some(rules) = Rules::decode(&bytes) {
                prop_assert_eq!(Rules::decode(&rules.encode()), Some(rules));
            }
        }
    }
}
