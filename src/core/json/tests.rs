//! Against serde_json as an oracle.

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;

/// Texts of JSON's own characters: many are nearly JSON, and some are.
fn nearly_json() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"a\":", "1", "-", "0", ".5", "e", "E+", "true", "nul",
        "null", "\\", "\\u00e4", "\\ud800", "\\n", "ä", "\u{1}", " ", "\n",
    ]);
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

/// JSON texts, white space between their tokens here and there.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-1.5e-3",
        "12E+1",
        "\"\"",
        r#""a\"]}""#,
        r#""\u00e4\\""#,
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|values| format!("[{}]", values.join(" ,"))),
            prop::collection::vec(inner, 0..5).prop_map(|values| {
                let members: Vec<String> =
                    values.iter().enumerate().map(|(n, value)| format!("\"m{n}\" : {value}")).collect();
                format!("{{ {}\n}}", members.join(","))
            }),
        ]
    })
}

fn skipped(text: &str) -> Option<&str> {
    let mut reader = Reader::new(text.as_bytes()).ok()?;
    let value = reader.skip().ok()?;
    reader.end().ok().map(|()| value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn what_is_skipped_is_json(text in prop_oneof![nearly_json(), json()]) {
        let expected = serde_json::from_str::<&RawValue>(&text).ok().map(RawValue::get);
        prop_assert_eq!(skipped(&text), expected.map(str::trim));
    }

    #[test]
    fn json_is_skimmed_as_far_as_it_is_skipped(text in json(), behind in nearly_json()) {
        let whole = format!("{text},{behind}");
        let [mut skipping, mut skimming] = [(); 2].map(|()| Reader::new(whole.as_bytes()).expect("UTF-8"));
        prop_assert_eq!(skipping.skip(), Ok(&text[..]));
        prop_assert_eq!(skimming.skim(), Ok(&text[..]));
        prop_assert_eq!(skipping.at, skimming.at);
    }

    /// However far it goes, what is no JSON stays none.
    #[test]
    fn what_is_skimmed_is_json_only_where_it_can_be_skipped(text in nearly_json()) {
        let [mut skipping, mut skimming] = [(); 2].map(|()| Reader::new(text.as_bytes()).expect("UTF-8"));
        if let Ok(value) = skimming.skim() {
            prop_assert!(text[..skimming.at].ends_with(value));
            if serde_json::from_str::<&RawValue>(value).is_ok() {
                prop_assert_eq!(skipping.skip(), Ok(value));
            }
        }
    }

    #[test]
    fn strings_are_read_as_they_are_meant(text in any::<String>(), cut in any::<prop::sample::Index>()) {
        let spelled = serde_json::to_string(&text).expect("a string");
        let mut reader = Reader::new(spelled.as_bytes()).expect("UTF-8");
        let read = reader.string();
        prop_assert_eq!(read.as_deref(), Ok(&text[..]));
        prop_assert_eq!(reader.end(), Ok(()));
        let cut = &spelled.as_bytes()[..cut.index(spelled.len())];
        prop_assert!(Reader::new(cut).is_err() || Reader::new(cut).expect("UTF-8").string().is_err());
    }

    #[test]
    fn integers_are_those_of_serde_json(text in "-?[0-9]{1,20}|[0-9.eE+-]{1,6}|\"7\"") {
        let read = |text: &str| Reader::new(text.as_bytes()).and_then(|mut reader| {
            let number = reader.integer::<i64>()?;
            reader.end().map(|()| number)
        });
        prop_assert_eq!(read(&text).ok(), serde_json::from_str::<i64>(&text).ok(), "{}", text);
    }
}

#[test]
fn arrays_and_objects_are_read_step_by_step() {
    let mut reader = Reader::new(br#" [ 1 , {"a" : null, "\u0062":[ ]} , "x"]"#).expect("UTF-8");
    let mut elements = reader.begin_array().expect("an array");
    assert_eq!(reader.next_element(&mut elements), Ok(true));
    assert_eq!(reader.integer::<u8>(), Ok(1));
    assert_eq!(reader.next_element(&mut elements), Ok(true));
    let mut members = reader.begin_object().expect("an object");
    assert_eq!(reader.next_member(&mut members), Ok(Some("a".into())));
    assert_eq!(reader.null(), Ok(true));
    assert_eq!(reader.next_member(&mut members), Ok(Some("b".into())));
    assert_eq!(reader.null(), Ok(false));
    let mut none = reader.begin_array().expect("an array");
    assert_eq!(reader.next_element(&mut none), Ok(false));
    assert_eq!(reader.next_member(&mut members), Ok(None));
    assert_eq!(reader.next_element(&mut elements), Ok(true));
    assert_eq!(reader.string().as_deref(), Ok("x"));
    assert_eq!(reader.next_element(&mut elements), Ok(false));
    assert_eq!(reader.end(), Ok(()));
}

#[test]
fn what_does_not_fit_is_told_with_its_place() {
    let told = |text: &str, read: fn(&mut Reader<'_>) -> Result<(), BadJson>| {
        let mut reader = Reader::new(text.as_bytes()).expect("UTF-8");
        read(&mut reader).expect_err(text).to_string()
    };
    for (text, expected) in [
        ("", "expected a value but the text ends at byte 0"),
        ("[1 2]", "expected ',' or ']' but found '2' at byte 3"),
        ("{\"a\"}", "expected ':' but found '}' at byte 4"),
        ("[1,]", "expected a value but found ']' at byte 3"),
        ("{\"a\":1,}", "expected a member name but found '}' at byte 7"),
        ("01", "expected the end of the text but found '1' at byte 1"),
        ("\"\\x\"", "unknown escape in a string at byte 1"),
    ] {
        let skip = |reader: &mut Reader<'_>| reader.skip().and_then(|_| reader.end());
        assert_eq!(told(text, skip), expected);
    }
    assert_eq!(told("7", |reader| reader.string().map(drop)), "expected a string but found '7' at byte 0");
    assert_eq!(
        told(" 1.5", |reader| reader.integer::<i64>().map(drop)),
        "expected an integer but found '1' at byte 1"
    );
}
