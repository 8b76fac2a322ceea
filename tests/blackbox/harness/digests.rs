//! The whole content of a server as text that can be compared.

use std::collections::BTreeMap;

use super::{Client, Server};
use crate::args;

/// For each key of each database, `db name` -> `type digest expiry`: the digest is `DEBUG DIGEST-VALUE`, the
/// expiry `PEXPIRETIME` (Unix milliseconds, -1 for none).
#[track_caller]
pub fn digests(server: &Server) -> BTreeMap<String, String> {
    let mut client = server.client();
    let mut found = BTreeMap::new();
    for database in databases(&mut client) {
        client.must(&["SELECT", &database]);
        let keys: Vec<Vec<u8>> =
            client.must(&["KEYS", "*"]).array().iter().map(|key| key.bulk().to_vec()).collect();
        for key in keys {
            let kind = client.must(&args!["TYPE", key]).text();
            let digest = client.must(&args!["DEBUG", "DIGEST-VALUE", key]).array()[0].text();
            let expiry = client.must(&args!["PEXPIRETIME", key]).int();
            found.insert(format!("{database} {}", key.escape_ascii()), format!("{kind} {digest} {expiry}"));
        }
    }
    found
}

/// The numbers of the databases that hold keys.
fn databases(client: &mut Client) -> Vec<String> {
    let keyspace = client.must(&["INFO", "keyspace"]).text();
    let numbers = keyspace.lines().filter_map(|line| line.strip_prefix("db")?.split(':').next());
    numbers.map(str::to_owned).collect()
}

/// Fails with the keys that differ, and only those.
#[track_caller]
pub fn assert_same_digests(what: &str, left: &BTreeMap<String, String>, right: &BTreeMap<String, String>) {
    let differences: Vec<String> = left
        .keys()
        .chain(right.keys().filter(|key| !left.contains_key(*key)))
        .filter(|key| left.get(*key) != right.get(*key))
        .map(|key| format!("{key}\n  left:  {:?}\n  right: {:?}", left.get(key), right.get(key)))
        .collect();
    assert!(
        differences.is_empty(),
        "{what}: {} of {} keys differ\n{}",
        differences.len(),
        left.len(),
        differences.join("\n")
    );
}
