//! RFC 8785's own examples, and small ones for each rule.

use super::{assert_canonical, canonical};

/// RFC 8785, 3.2.2 and the bytes in 3.2.4.
#[test]
fn the_sample_of_the_rfc() {
    let sample = r#"{
        "numbers": [333333333.33333329, 1E30, 4.50,
                    2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
      }"#;
    let expected: Vec<u8> = "
        7b 22 6c 69 74 65 72 61 6c 73 22 3a 5b 6e 75 6c 6c 2c 74 72
        75 65 2c 66 61 6c 73 65 5d 2c 22 6e 75 6d 62 65 72 73 22 3a
        5b 33 33 33 33 33 33 33 33 33 2e 33 33 33 33 33 33 33 2c 31
        65 2b 33 30 2c 34 2e 35 2c 30 2e 30 30 32 2c 31 65 2d 32 37
        5d 2c 22 73 74 72 69 6e 67 22 3a 22 e2 82 ac 24 5c 75 30 30
        30 66 5c 6e 41 27 42 5c 22 5c 5c 5c 5c 5c 22 2f 22 7d"
        .split_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();
    assert_canonical(sample, str::from_utf8(&expected).unwrap());
}

/// RFC 8785, 3.2.3.
#[test]
fn the_sorting_sample_of_the_rfc() {
    let sample = r#"{
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\ud83d\ude00": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis"
      }"#;
    let expected = "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
        \"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\
        \"\u{1f600}\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}";
    assert_canonical(sample, expected);
}

/// RFC 8785, appendix B: the bits of a double, and how it is spelled. (The table's NaN and Infinity
/// cannot stand in a text.)
const NUMBERS: [(u64, &str); 24] = [
    (0x0000000000000000, "0"),
    (0x8000000000000000, "0"),
    (0x0000000000000001, "5e-324"),
    (0x8000000000000001, "-5e-324"),
    (0x7fefffffffffffff, "1.7976931348623157e+308"),
    (0xffefffffffffffff, "-1.7976931348623157e+308"),
    (0x4340000000000000, "9007199254740992"),
    (0xc340000000000000, "-9007199254740992"),
    (0x4430000000000000, "295147905179352830000"),
    (0x44b52d02c7e14af5, "9.999999999999997e+22"),
    (0x44b52d02c7e14af6, "1e+23"),
    (0x44b52d02c7e14af7, "1.0000000000000001e+23"),
    (0x444b1ae4d6e2ef4e, "999999999999999700000"),
    (0x444b1ae4d6e2ef4f, "999999999999999900000"),
    (0x444b1ae4d6e2ef50, "1e+21"),
    (0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"),
    (0x3eb0c6f7a0b5ed8d, "0.000001"),
    (0x41b3de4355555553, "333333333.3333332"),
    (0x41b3de4355555554, "333333333.33333325"),
    (0x41b3de4355555555, "333333333.3333333"),
    (0x41b3de4355555556, "333333333.3333334"),
    (0x41b3de4355555557, "333333333.33333343"),
    (0xbecbf647612f3696, "-0.0000033333333333333333"),
    (0x43143ff3c1cb0959, "1424953923781206.2"),
];

#[test]
fn the_numbers_of_the_rfc() {
    for (bits, expected) in NUMBERS {
        // With an exponent, so that it is a double's literal and not an integer's.
        assert_canonical(&format!("{:e}", f64::from_bits(bits)), expected);
    }
}

#[test]
fn a_number_has_one_spelling() {
    for spelling in ["1", "1.0", "1e0", "1E+0", "10e-1", "0.1e1", "1.000000000000000000000000000000"] {
        assert_canonical(spelling, "1");
    }
    for zero in ["0", "-0", "0.0", "-0.0", "0e5", "0E-5", "-0e400", "0.000e-400", "0e99999999999999999999"] {
        assert_canonical(zero, "0");
    }
    for (spelling, expected) in [
        ("-1.50", "-1.5"),
        ("1e21", "1e+21"),
        ("1e20", "100000000000000000000"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("-0.00000012", "-1.2e-7"),
        ("123456789012.345", "123456789012.345"),
        ("0.10000000000000001", "0.1"),
        ("1.7976931348623158e308", "1.7976931348623157e+308"),
        ("4.9e-324", "5e-324"),
        ("3e-324", "5e-324"),
        ("1e00000000000000000000000000000000002", "100"),
    ] {
        assert_canonical(spelling, expected);
    }
}

#[test]
fn an_integer_keeps_its_digits() {
    for integer in [
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "-9007199254740993",
        "18446744073709551617",
        "1000000000000000000000000",
    ] {
        assert_canonical(integer, integer);
    }
    let longer_than_any_double = "7".repeat(1000);
    assert_canonical(&longer_than_any_double, &longer_than_any_double);
    // The same number as a double: rounded, as RFC 8785 has it.
    assert_canonical("9007199254740993.0", "9007199254740992");
}

/// Exponents and zeros that cancel each other, in literals so long that a parser may lose count.
#[test]
fn a_long_literal_is_the_number_that_it_says() {
    let zeros = "0".repeat(70_000);
    assert_canonical(&format!("0.{zeros}1e70001"), "1");
    assert_canonical(&format!("-0.{zeros}125e+70001"), "-1.25");
    assert_canonical(&format!("1{zeros}.0e-70000"), "1");
    assert_canonical(&format!("25{zeros}e-70001"), "2.5");
    assert_canonical(&format!("0.{zeros}e70000"), "0");
    assert_canonical(&format!("1.{zeros}1"), "1");
    assert_canonical(&format!("9007199254740993.{zeros}"), "9007199254740992");
    assert_canonical(&format!("9007199254740993.{zeros}1"), "9007199254740994");
    assert!(canonical(format!("0.{zeros}1e700000")).is_err());
    assert!(canonical(format!("1{zeros}e-700000")).is_err());
}

#[test]
fn a_string_has_one_spelling() {
    for (spelling, expected) in [
        (r#""\u0061\/\u002f""#, r#""a//""#),
        (r#""\u0008\u0009\u000a\u000c\u000d""#, r#""\b\t\n\f\r""#),
        (r#""\b\t\n\f\r\"\\""#, r#""\b\t\n\f\r\"\\""#),
        (r#""\u0000\u000B\u001F""#, r#""\u0000\u000b\u001f""#),
        (r#""\u0022\u005C""#, r#""\"\\""#),
        (r#""\uD83D\uDe00""#, "\"\u{1f600}\""),
        (r#""\u007f\u0080\u2028\uFEFF\uFFFF""#, "\"\u{7f}\u{80}\u{2028}\u{feff}\u{ffff}\""),
        ("\"e\\u0301 is not \u{e9}\"", "\"e\u{301} is not \u{e9}\""),
        (
            r#""long enough for a word or two\u0020and an escape\n""#,
            r#""long enough for a word or two and an escape\n""#,
        ),
    ] {
        assert_canonical(spelling, expected);
    }
}

#[test]
fn members_are_ordered_by_utf16() {
    // U+FFFF is one code unit, U+10000 a pair of lower ones; in UTF-8 the latter comes last.
    assert_canonical("{\"\u{ffff}\":1,\"\u{10000}\":2}", "{\"\u{10000}\":2,\"\u{ffff}\":1}");
    assert_canonical("{\"\\uffff\":1,\"\\ud800\\udc00\":2}", "{\"\u{10000}\":2,\"\u{ffff}\":1}");
    let deep = |a, b| format!("{{\"names that begin alike {a}\":1,\"names that begin alike {b}\":2}}");
    assert_canonical(&deep('\u{e000}', '\u{10ffff}'), &{
        let (a, b) = ("\u{10ffff}", "\u{e000}");
        format!("{{\"names that begin alike {a}\":2,\"names that begin alike {b}\":1}}")
    });
    assert_canonical(r#"{"aa":1,"a":2,"":3,"B":4}"#, r#"{"":3,"B":4,"a":2,"aa":1}"#);
    assert_canonical(r#"{"a\u0000":1,"a":2}"#, r#"{"a":2,"a\u0000":1}"#);
    // Ordered as characters: as they are spelled, the backslash would come after the "A".
    assert_canonical(r#"{"A":1,"\n":2}"#, r#"{"\n":2,"A":1}"#);
    assert_canonical(
        r#"{"eightlongB":1,"eightlongA":2,"eightlon":3}"#,
        r#"{"eightlon":3,"eightlongA":2,"eightlongB":1}"#,
    );
}

#[test]
fn white_space_and_nesting() {
    for (spelling, expected) in [
        (" null\n", "null"),
        ("[ ]", "[]"),
        ("{ }", "{}"),
        ("[ [ ] , { } ]", "[[],{}]"),
        ("\t[\r\n1 ,2 ]", "[1,2]"),
        (r#"{ "a" : 1 }"#, r#"{"a":1}"#),
        (r#"{"a" :1,"\u0062" : 2}"#, r#"{"a":1,"b":2}"#),
        (r#"{"b":{"d":1,"c":[{"f":1,"e":2}]},"a":[{}]}"#, r#"{"a":[{}],"b":{"c":[{"e":2,"f":1}],"d":1}}"#),
        (r#"[{"b":1,"a":[1, 2]},3,{"b":[ ],"a":{}}]"#, r#"[{"a":[1,2],"b":1},3,{"a":{},"b":[]}]"#),
        (
            r#"{"c":1,"a":{"y":1.0,"x":2},"b":{"y":1,"x":2}}"#,
            r#"{"a":{"x":2,"y":1},"b":{"x":2,"y":1},"c":1}"#,
        ),
    ] {
        assert_canonical(spelling, expected);
    }
}

/// Short texts are copied otherwise than long ones, and otherwise than where the input ends.
#[test]
fn texts_of_every_length_are_written_whole() {
    for length in 0..100 {
        let (value, respelled) = ("v".repeat(length), "\\u0072".repeat(length));
        for behind in ["", ",\"c\":\"far from the end of the text, which is where this one stands\""] {
            assert_canonical(
                &format!("{{\"b\":\"{value}\",\"a\":\"{respelled}\"{behind}}}"),
                &format!("{{\"a\":\"{}\",\"b\":\"{value}\"{behind}}}", "r".repeat(length)),
            );
        }
    }
}

#[test]
fn one_canonicalizer_serves_many_texts() {
    let mut canonicalizer = super::Canonicalizer::new();
    let mut out = Vec::new();
    for text in [r#"{"b":"\u0061","a":1}"#, "[1", "[1.0]", r#"{"a":1,"a":2}"#, "[[[ 2 ]]]", "\"\\u0062\""] {
        // What a refused text leaves on the tape must not be seen in the next one.
        let _ = canonicalizer.append(text.as_bytes(), &mut out);
        out.push(b' ');
    }
    assert_eq!(str::from_utf8(&out), Ok(r#"{"a":1,"b":"a"}  [1]  [[[2]]] "b" "#));
}
