//! Fingerprints made with standard tools, as a user would check them.

use std::io::Write;
use std::process::{Command, Stdio};

/// The hash that a tool prints first for these bytes, in lower-case hex.
fn hash_by(tool: &str, bytes: &[u8]) -> String {
    let mut program = Command::new(tool)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{tool} cannot be run ({error}): install coreutils and b3sum"));
    program.stdin.take().expect("stdin is piped").write_all(bytes).expect("the tool reads");
    let output = program.wait_with_output().expect("the tool ends");
    let text = String::from_utf8(output.stdout).expect("hex is text");
    text.split_whitespace().next().expect("the hash comes first").to_owned()
}

/// What is hashed, for params given in canonical form.
fn text(operation: &str, canonical_params: &str) -> String {
    format!(r#"{{"operation":"{operation}","params":{canonical_params}}}"#)
}

/// `printf '%s' '{"operation":...,"params":...}' | sha256sum`, for params given in canonical form.
pub fn fingerprint_of(operation: &str, canonical_params: &str) -> String {
    hash_by("sha256sum", text(operation, canonical_params).as_bytes())
}

/// The same by `b3sum`.
pub fn blake3_fingerprint_of(operation: &str, canonical_params: &str) -> String {
    hash_by("b3sum", text(operation, canonical_params).as_bytes())
}
