//! The rules of a server, as texts that can be compared.

use super::{Client, Value};
use crate::policy;

/// `CACHE.POLICY LIST`: for each rule its patterns, fields and values, between single bars.
#[track_caller]
pub fn rules(client: &mut Client) -> Vec<String> {
    let list = policy!(client, "LIST");
    let rule = |rule: &Value| rule.array().iter().map(Value::text).collect::<Vec<_>>().join("|");
    list.array().iter().map(rule).collect()
}

/// What `CACHE.POLICY EXPLAIN` says of one field: its value and the two patterns, `-` for nil.
#[track_caller]
pub fn explained(client: &mut Client, ns: &str, operation: &str, field: &str) -> String {
    let fields = policy!(client, "EXPLAIN", ns, operation);
    let found = fields.array().iter().find(|row| row.array()[0] == field.into());
    let row = found.unwrap_or_else(|| panic!("EXPLAIN says nothing of {field}")).array();
    let text = |value: &Value| if *value == Value::Nil { "-".to_owned() } else { value.text() };
    row[1..].iter().map(text).collect::<Vec<_>>().join("|")
}
