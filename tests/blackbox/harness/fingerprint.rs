//! Fingerprints made with standard tools, as a user would check them.

use std::io::Write;
use std::process::{Command, Stdio};

/// The lower-case hex that `sha256sum` prints for these bytes.
fn sha256(bytes: &[u8]) -> String {
    let mut program = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sha256sum is part of coreutils");
    program.stdin.take().expect("stdin is piped").write_all(bytes).expect("sha256sum reads");
    let output = program.wait_with_output().expect("sha256sum ends");
    let text = String::from_utf8(output.stdout).expect("hex is text");
    text.split_whitespace().next().expect("sha256sum prints the hash first").to_owned()
}

/// `printf '%s' '{"operation":...,"params":...}' | sha256sum`, for params given in canonical form.
pub fn fingerprint_of(operation: &str, canonical_params: &str) -> String {
    sha256(format!(r#"{{"operation":"{operation}","params":{canonical_params}}}"#).as_bytes())
}
