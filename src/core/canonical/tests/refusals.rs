//! Every refusal, with the byte at which it is found.

use super::canonical;

#[track_caller]
fn assert_refused(json: impl AsRef<[u8]>, sentence: &str) {
    let shown = json.as_ref().escape_ascii().to_string();
    assert_eq!(canonical(json).map_err(|fault| fault.to_string()), Err(sentence.to_owned()), "of {shown}");
}

#[test]
fn what_is_not_json() {
    for (json, sentence) in [
        ("", "expected a value but the text ends at byte 0"),
        (" \n", "expected a value but the text ends at byte 2"),
        ("\u{feff}1", "expected a value but found 0xef at byte 0"),
        ("NaN", "expected a value but found 'N' at byte 0"),
        ("-Infinity", "expected a digit but found 'I' at byte 1"),
        ("nul", "expected a value but found 'n' at byte 0"),
        ("True", "expected a value but found 'T' at byte 0"),
        ("nulll", "expected the end of the text but found 'l' at byte 4"),
        ("'a'", "expected a value but found '\\'' at byte 0"),
        ("1 2", "expected the end of the text but found '2' at byte 2"),
        ("{}\0", "expected the end of the text but found 0x00 at byte 2"),
        ("[]]", "expected the end of the text but found ']' at byte 2"),
        ("1/**/", "expected the end of the text but found '/' at byte 1"),
    ] {
        assert_refused(json, sentence);
    }
}

#[test]
fn containers() {
    for (json, sentence) in [
        ("[", "expected a value but the text ends at byte 1"),
        ("[1", "expected ',' or ']' but the text ends at byte 2"),
        ("[1,", "expected a value but the text ends at byte 3"),
        ("[1,]", "expected a value but found ']' at byte 3"),
        ("[,1]", "expected a value but found ',' at byte 1"),
        ("[1 2]", "expected ',' or ']' but found '2' at byte 3"),
        ("[1}", "expected ',' or ']' but found '}' at byte 2"),
        ("[1:2]", "expected ',' or ']' but found ':' at byte 2"),
        ("{", "expected a member name or '}' but the text ends at byte 1"),
        ("{1:2}", "expected a member name or '}' but found '1' at byte 1"),
        ("{a:2}", "expected a member name or '}' but found 'a' at byte 1"),
        ("{\"a\"}", "expected ':' but found '}' at byte 4"),
        ("{\"a\" ", "expected ':' but the text ends at byte 5"),
        ("{\"a\":}", "expected a value but found '}' at byte 5"),
        ("{\"a\":1", "expected ',' or '}' but the text ends at byte 6"),
        ("{\"a\":1]", "expected ',' or '}' but found ']' at byte 6"),
        ("{\"a\":1,}", "expected a member name but found '}' at byte 7"),
        ("{\"a\":1 ,", "expected a member name but the text ends at byte 8"),
    ] {
        assert_refused(json, sentence);
    }
}

#[test]
fn numbers() {
    for (json, sentence) in [
        ("+1", "expected a value but found '+' at byte 0"),
        (".5", "expected a value but found '.' at byte 0"),
        ("-", "expected a digit but the text ends at byte 1"),
        ("-.5", "expected a digit but found '.' at byte 1"),
        ("01", "expected no digit after a leading zero but found '1' at byte 1"),
        ("[-007]", "expected no digit after a leading zero but found '0' at byte 3"),
        ("00", "expected no digit after a leading zero but found '0' at byte 1"),
        ("1.", "expected a digit but the text ends at byte 2"),
        ("[1.]", "expected a digit but found ']' at byte 3"),
        ("1.e5", "expected a digit but found 'e' at byte 2"),
        ("1e", "expected a digit but the text ends at byte 2"),
        ("1e+", "expected a digit but the text ends at byte 3"),
        ("[1E-]", "expected a digit but found ']' at byte 4"),
        ("1e5.5", "expected the end of the text but found '.' at byte 3"),
        ("0x10", "expected the end of the text but found 'x' at byte 1"),
        ("1_000", "expected the end of the text but found '_' at byte 1"),
        ("[1, 1e309]", "number too large for a double at byte 4"),
        ("-1.7976931348623159e308", "number too large for a double at byte 0"),
        ("1e999999999999999999999999", "number too large for a double at byte 0"),
        (" 1e-400", "nonzero number too small for a double at byte 1"),
        ("-2e-324", "nonzero number too small for a double at byte 0"),
        ("0.01e-999999999999999999999999", "nonzero number too small for a double at byte 0"),
    ] {
        assert_refused(json, sentence);
    }
}

#[test]
fn strings() {
    for (json, sentence) in [
        ("\"", "expected the end of the string but the text ends at byte 1"),
        ("\"abcdefghijkl", "expected the end of the string but the text ends at byte 13"),
        ("\"\\", "expected an escape but the text ends at byte 2"),
        ("\"\\\"", "expected the end of the string but the text ends at byte 3"),
        ("\"\n\"", "unescaped control character 0x0a in a string at byte 1"),
        ("[\"abcdefghijk\u{1f}\"]", "unescaped control character 0x1f in a string at byte 13"),
        ("\"\0\"", "unescaped control character 0x00 in a string at byte 1"),
        ("{\"a\tb\":1}", "unescaped control character 0x09 in a string at byte 3"),
        ("\"a\\x\"", "unknown escape in a string at byte 2"),
        ("\"\\'\"", "unknown escape in a string at byte 1"),
        ("\"\\U0041\"", "unknown escape in a string at byte 1"),
        ("\"\\u004\"", "unknown escape in a string at byte 1"),
        ("\"\\u00g0\"", "unknown escape in a string at byte 1"),
        ("\"\\u+041\"", "unknown escape in a string at byte 1"),
        ("\"ab\\ud800\"", "escaped surrogate without its other half at byte 3"),
        ("\"\\udc00\\ud800\"", "escaped surrogate without its other half at byte 1"),
        ("\"\\ud800\\u0041\"", "escaped surrogate without its other half at byte 1"),
        ("\"\\ud800\\ud800\\udc00\"", "escaped surrogate without its other half at byte 1"),
        ("\"\\ud800\\n\"", "escaped surrogate without its other half at byte 1"),
        ("{\"\\udfff\":1}", "escaped surrogate without its other half at byte 2"),
    ] {
        assert_refused(json, sentence);
    }
}

#[test]
fn duplicate_names() {
    for (json, sentence) in [
        (r#"{"a":1,"a":1}"#, "duplicate member name 'a' at byte 7"),
        (r#"{"a":1,"\u0061":2}"#, "duplicate member name 'a' at byte 7"),
        (r#"{"\u0061" : 1, "a":2}"#, "duplicate member name 'a' at byte 15"),
        (r#"{"":1,"":2}"#, "duplicate member name '' at byte 6"),
        (r#"{"\n":1,"\u000A":2}"#, "duplicate member name '?' at byte 8"),
        // Found only when the object ends: the later of the two, and the first of several.
        (r#"{"b":1,"a":2,"b":3}"#, "duplicate member name 'b' at byte 13"),
        (r#"{"c":1,"b":2,"a":3,"c":4,"b":5,"a":6}"#, "duplicate member name 'c' at byte 19"),
        (r#"{"b":1,"a":2,"a":3,"a":4}"#, "duplicate member name 'a' at byte 13"),
        (r#"[{"a":{"x":1,"x":2},"a":3}]"#, "duplicate member name 'x' at byte 13"),
        (
            r#"{"long names, alike":1,"long names":2,"long names, alike":3}"#,
            "duplicate member name 'long names, alike' at byte 38",
        ),
    ] {
        assert_refused(json, sentence);
    }
    // One name in two objects is none.
    assert!(canonical(r#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}"#).is_ok());
}

#[test]
fn bytes_that_are_not_utf8() {
    for (json, offset) in [
        (&b"\xff"[..], 0),
        (b"\"ab\xff\"", 3),
        (b"\"\xc3\"", 1),
        (b"\"\xc0\xaf\"", 1),         // an overlong slash
        (b"\"\xed\xa0\x80\"", 1),     // a surrogate
        (b"\"\xf4\x90\x80\x80\"", 1), // beyond U+10FFFF
        (b"\"\xe2\x82", 1),
        (b"{\"a\":1}\x80", 7),
        (b"[1,\"\\u0041\xfe\"]", 10),
    ] {
        assert_refused(json, &format!("invalid UTF-8 at byte {offset}"));
    }
    // A fault before it comes first.
    assert_refused(b"[1,]\xff", "expected a value but found ']' at byte 3");
}

#[test]
fn bytes_that_are_not_utf8_wherever_they_stand() {
    for length in 3..100 {
        for place in 1..length - 1 {
            let mut text = vec![b'a'; length];
            (text[0], text[place], text[length - 1]) = (b'"', 0x80, b'"');
            assert_refused(text, &format!("invalid UTF-8 at byte {place}"));
        }
    }
}

#[test]
fn nesting() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(canonical(nested(128)), Ok(nested(128)));
    assert_refused(nested(129), "nesting deeper than 128 at byte 128");
    let objects = |depth: usize| "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
    assert_eq!(canonical(objects(128)), Ok(objects(128)));
    assert_refused(objects(129), "nesting deeper than 128 at byte 640");
    // Only what is open counts.
    assert!(canonical(format!("[{}]", vec![nested(127); 3].join(","))).is_ok());
}
