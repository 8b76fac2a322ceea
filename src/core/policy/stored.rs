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
