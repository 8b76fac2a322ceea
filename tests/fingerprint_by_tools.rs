//! Standard tools make the same fingerprints: `sha256sum` (Debian package coreutils) and `b3sum`
//! (Debian package b3sum).
#![cfg(not(feature = "server"))]

use std::io::Write;
use std::process::{Command, Stdio};

use redis_result_cache::core::fingerprint::{Fingerprinter, HashKind};

/// An operation, params as somebody may spell them, and the text that is hashed, written by hand.
const CASES: [(&str, &str, &str); 8] = [
    ("add", r#"{"a":1}"#, r#"{"operation":"add","params":{"a":1}}"#),
    (
        "video:stats",
        r#" { "id" : 42.0, "Id": null } "#,
        r#"{"operation":"video:stats","params":{"Id":null,"id":42}}"#,
    ),
    ("build@v2", "[]", r#"{"operation":"build@v2","params":[]}"#),
    ("a/b.c_d-e+f", r#""\u00e4\/\u000A""#, r#"{"operation":"a/b.c_d-e+f","params":"ä/\n"}"#),
    ("add", "9007199254740992", r#"{"operation":"add","params":9007199254740992}"#),
    ("add", "9007199254740993", r#"{"operation":"add","params":9007199254740993}"#),
    ("add", "-0", r#"{"operation":"add","params":0}"#),
    ("add", r#"[1e21,{"b":0.10,"a":1E-7}]"#, r#"{"operation":"add","params":[1e+21,{"a":1e-7,"b":0.1}]}"#),
];

/// The first word that `tool` prints when it is given `text`.
fn hash_by(tool: &str, package: &str, text: &str) -> String {
    let mut child =
        Command::new(tool).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap_or_else(|fault| {
            panic!("cannot run {tool}: {fault}; install the Debian package {package}")
        });
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("to be read");
    let output = child.wait_with_output().expect("to end");
    assert!(output.status.success(), "{tool} failed");
    let output = String::from_utf8(output.stdout).expect("text");
    output.split_whitespace().next().expect("a hash").to_owned()
}

fn assert_same(hash: HashKind, tool: &str, package: &str) {
    // Both hashes take larger texts another way.
    let long = "x".repeat(10_000);
    let (params, canonical) = (
        format!("{{\"b\":\"{long}\",\"a\":1}}"),
        format!("{{\"operation\":\"long\",\"params\":{{\"a\":1,\"b\":\"{long}\"}}}}"),
    );
    let mut fingerprinter = Fingerprinter::new();
    for (operation, params, text) in CASES.into_iter().chain([("long", params.as_str(), canonical.as_str())])
    {
        let fingerprint =
            fingerprinter.fingerprint(operation, params.as_bytes(), hash, &[]).expect("acceptable params");
        assert_eq!(fingerprint.to_string(), hash_by(tool, package, text), "{operation} {params}");
    }
}

#[test]
fn sha256sum_gives_the_same() {
    assert_same(HashKind::Sha256, "sha256sum", "coreutils");
}

#[test]
fn b3sum_gives_the_same() {
    assert_same(HashKind::Blake3, "b3sum", "b3sum");
}
