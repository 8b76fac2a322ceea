//! Texts of every kind of value, fault and difference.

pub fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#,
        r#"{"\u20ac":"Euro","\r":"CR","\ufb33":"Dalet","1":"One","\ud83d\ude00":"Emoji","\u0080":"Control","\u00f6":"o"}"#,
        r#"{"width":1280,"seed":7,"model":"motion-2","fps":23.976,"height":720,"audio":true,"prompt":"Dusk","label":"a lighthouse"}"#,
        r#" { "z" : [ 1.0, 2e5, -0, 1e-7 ], "y" : { "b" : {}, "a" : [ ] } , "a\u0062c" : "caf\u00e9" } "#,
        r#"[9007199254740993,-9007199254740992,18446744073709551616,123456789012345678901234567890]"#,
        r#"[5e-324,2.2250738585072014e-308,1.7976931348623157e308,1e400,1e-400,0e999,-0.0,1e21,1e20,1e-6,1e-7]"#,
        r#"{"a":1,"a":2}"#,
        r#"{"aaaaaaaaaaaaaaaa2":1,"aaaaaaaaaaaaaaaa1":2,"aaaaaaaaaaaaaaaa10":3,"":4}"#,
        r#"["\ud800","\udc00\ud800","\u0000\u001f\u007f\u2028"]"#,
        "[\"\u{e9}\u{1f600}\u{fffd}\u{ffff}\", tru, nul]",
        "1.5",
        "\"",
    ];
    let mut seeds: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    seeds.push(format!("{}{}", "[".repeat(127), "]".repeat(127)).into_bytes());
    seeds.push(format!("{}1{}", "{\"b\":1,\"a\":".repeat(128), "}".repeat(128)).into_bytes());
    seeds.push(format!("[{}.{}e-{}]", "9".repeat(40), "3".repeat(80), "30").into_bytes());
    seeds.push(b"[\"\xff\xc3\x28\"]".to_vec());
    seeds
}
