//! MERGE: changing parts of a result that is JSON, in the server, so that no two writers lose each other's change.
//!
//! First a merge patch (RFC 7396), then increments, then appends. What a change does not touch keeps its spelling to
//! the byte: large integers, white space inside of values; and members keep their order.

mod document;
mod number;

use super::entry::Tags;
use super::lifetime::Terms;
use super::pointer::Pointer;
use super::refusal::Refusal;
use super::set::{self, Subject, Write};
use super::state::{OpenState, Opened};
use document::Document;
pub use number::Number;

/// How a result is changed.
#[derive(Debug)]
pub struct Change<'a> {
    /// A JSON text, nested no deeper than params may be.
    pub patch: &'a str,
    pub increments: Vec<(Pointer, Number)>,
    /// JSON texts.
    pub appends: Vec<(Pointer, &'a str)>,
}

/// What a client asks of an entry.
#[derive(Debug)]
pub struct Merge<'a> {
    pub change: Change<'a>,
    /// Begin with `{}` where there is nothing fresh.
    pub upsert: bool,
    pub if_version: Option<u64>,
    /// SET's options; the result is not used.
    pub write: Write<'a>,
    /// None: those that the entry has.
    pub tags: Option<Tags<'a>>,
}

/// What a decision writes, and borrows from then on.
#[derive(Debug)]
pub struct Buffers<'a> {
    pub result: &'a mut Vec<u8>,
    pub kept_tags: &'a mut Vec<u8>,
    pub tags: &'a mut Vec<u8>,
}

/// What MERGE does.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// There is nothing fresh to merge into, or the version differs.
    Nothing,
    Set(set::Decision<'a>),
}

/// Decides a MERGE, which would get `version`. What the outcome borrows is written into `buffers`.
///
/// # Errors
///
/// `ERR` where the result is not JSON, a pointer leads nowhere, or what it leads to cannot be incremented or appended
/// to; `TOOBIG` for a new result over the limit; those of [`set::decide`].
pub fn decide<'a>(
    merge: &Merge<'a>,
    subject: &Subject<'_>,
    state: &'a OpenState<'a>,
    version: u64,
    terms: &Terms<'_>,
    buffers: Buffers<'a>,
) -> Result<Decision<'a>, Refusal> {
    let Buffers { result, kept_tags, tags } = buffers;
    let opened = state.served(false);
    let present = opened.map(|stored| &stored.entry);
    let differs =
        merge.if_version.is_some_and(|expected| expected != present.map_or(0, |entry| entry.version));
    let base = match opened {
        _ if differs => return Ok(Decision::Nothing),
        Some(opened) => opened.result,
        None if merge.upsert => b"{}",
        None => return Ok(Decision::Nothing),
    };
    *result = changed(base, &merge.change)?;
    terms.limits.check_result(result)?;
    let write = Write {
        result,
        tags: match (merge.tags, opened) {
            (Some(given), _) => given,
            (None, Some(opened)) => own_tags(opened, subject, terms, kept_tags),
            (None, None) => Tags::NONE,
        },
        took_ms: merge.write.took_ms.or(present.and_then(|entry| entry.took_ms)),
        weight: merge.write.weight.or(present.and_then(|entry| entry.weight)),
        ..merge.write
    };
    set::decide(&write, subject, &state.closed(), version, terms, tags).map(Decision::Set)
}

/// The tags of an entry but for those that the rules draw from its result, which they will draw anew.
fn own_tags<'a>(
    opened: &Opened<'a>,
    subject: &Subject<'_>,
    terms: &Terms<'_>,
    block: &'a mut Vec<u8>,
) -> Tags<'a> {
    let (rules, entry) = (&terms.policy.tags, &opened.entry);
    if rules.is_empty() || entry.tags.is_empty() {
        return entry.tags;
    }
    // Where the rules draw on params that are not known, the write is refused for it.
    let drawn = set::drawn(rules, &subject.source, opened.result).unwrap_or_default();
    let own: Vec<&[u8]> = entry.tags.iter().filter(|tag| !drawn.iter().any(|drawn| drawn == tag)).collect();
    Tags::from_list(&own, block)
}

/// The JSON text that a change makes of another.
fn changed(json: &[u8], change: &Change<'_>) -> Result<Vec<u8>, Refusal> {
    let mut document = Document::parse(json)
        .ok_or_else(|| Refusal::syntax("the result that is there is not JSON: MERGE changes JSON only"))?;
    document.patch(change.patch)?;
    for (pointer, number) in &change.increments {
        document.increment(pointer, number)?;
    }
    for (pointer, value) in &change.appends {
        document.append(pointer, value)?;
    }
    Ok(document.into_text().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn change<'a>(patch: &'a str, increments: &[(&str, &str)], appends: &[(&str, &'a str)]) -> Change<'a> {
        let pointer = |text: &str| Pointer::parse(text.as_bytes()).expect("a pointer");
        Change {
            patch,
            increments: increments
                .iter()
                .map(|(at, n)| (pointer(at), Number::parse(n.as_bytes()).expect("a number")))
                .collect(),
            appends: appends.iter().map(|(at, value)| (pointer(at), *value)).collect(),
        }
    }

    fn done(json: &str, change: &Change<'_>) -> Result<String, String> {
        changed(json.as_bytes(), change)
            .map(|text| String::from_utf8(text).expect("UTF-8"))
            .map_err(|refusal| refusal.to_string())
    }

    /// RFC 7396, appendix A.
    #[test]
    fn the_examples_of_the_rfc() {
        for (original, patch, expected) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            assert_eq!(
                done(original, &change(patch, &[], &[])),
                Ok(expected.to_owned()),
                "{original} {patch}"
            );
        }
    }

    #[test]
    fn what_is_not_touched_keeps_its_spelling() {
        let json = r#" { "big" : 123456789012345678901234567890, "x":1.0 , "deep":{ "a" : [1, 2] ,"b":0}} "#;
        let expected =
            r#"{"big":123456789012345678901234567890,"x":1.0,"deep":{"a":[1, 2],"b":1},"new":true}"#;
        let change = change(r#"{"new":true}"#, &[("/deep/b", "1")], &[]);
        assert_eq!(done(json, &change), Ok(expected.to_owned()));
    }

    #[test]
    fn increments_and_appends() {
        for (json, increments, appends, expected) in [
            ("{}", &[("/n", "1")][..], &[][..], r#"{"n":1}"#),
            (r#"{"n":9007199254740993}"#, &[("/n", "-1")], &[], r#"{"n":9007199254740992}"#),
            (r#"{"n":1.5}"#, &[("/n", "1")], &[], r#"{"n":2.5}"#),
            (r#"{"n":1}"#, &[("/n", "1"), ("/n", "0.25")], &[], r#"{"n":2.25}"#),
            (r#"{"l":[1,{"n":1}]}"#, &[("/l/1/n", "1")], &[], r#"{"l":[1,{"n":2}]}"#),
            ("{}", &[], &[("/l", r#"{"a":1}"#), ("/l", "2")], r#"{"l":[{"a":1},2]}"#),
            (r#"{"l":[ ]}"#, &[], &[("/l", r#"{"a":[ 1 ]}"#), ("/l/0/a", "2")], r#"{"l":[{"a":[ 1,2]}]}"#),
            (r#"{"l":[[0]]}"#, &[("/l/0/0", "1")], &[("/l/0", "2"), ("/l", "3")], r#"{"l":[[1,2],3]}"#),
            (r#"{"a/b":{"~":[]}}"#, &[], &[("/a~1b/~0", "0")], r#"{"a/b":{"~":[0]}}"#),
        ] {
            assert_eq!(done(json, &change("{}", increments, appends)).as_deref(), Ok(expected), "{json}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_named() {
        for (json, increments, appends, named) in [
            ("no JSON", &[][..], &[][..], "not JSON"),
            (r#"{"\ud800":1,"a":2}"#, &[("/a", "1")], &[], "no text"),
            (r#"{"keep":{"\ud800":1}}"#, &[], &[("/keep/a", "1")], "no text"),
            (r#"{"n":"1"}"#, &[("/n", "1")], &[], "'/n'"),
            (r#"{"n":9223372036854775807}"#, &[("/n", "1")], &[], "'/n'"),
            (r#"{"n":1e308}"#, &[("/n", "1e308")], &[], "'/n'"),
            ("{}", &[("/a/b", "1")], &[], "'/a/b'"),
            (r#"{"l":[]}"#, &[("/l/0", "1")], &[], "'/l/0'"),
            (r#"{"l":[]}"#, &[("/l/-", "1")], &[], "'/l/-'"),
            (r#"{"l":{}}"#, &[], &[("/l", "1")], "'/l'"),
            (r#"{"l":1}"#, &[], &[("/l/m", "1")], "'/l/m'"),
        ] {
            let refused = done(json, &change("{}", increments, appends)).expect_err(json);
            assert!(refused.starts_with("ERR ") && refused.contains(named), "{refused}");
        }
    }

    /// RFC 7396, section 2, as it is written there.
    fn model(target: &mut Value, patch: &Value) {
        let Value::Object(patch) = patch else {
            *target = patch.clone();
            return;
        };
        if !target.is_object() {
            *target = json!({});
        }
        let members = target.as_object_mut().expect("an object");
        for (name, value) in patch {
            if value.is_null() {
                members.remove(name);
            } else {
                model(members.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
    }

    fn documents() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), (0..9).prop_map(Value::from)];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::hash_map("[a-d]", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_patch_does_what_the_rfc_says(mut document in documents(), patch in documents()) {
            let done = done(&document.to_string(), &change(&patch.to_string(), &[], &[])).expect("JSON");
            model(&mut document, &patch);
            prop_assert_eq!(serde_json::from_str::<Value>(&done).expect("JSON"), document);
        }

        #[test]
        fn no_bytes_make_it_panic(json in any::<Vec<u8>>(), at in "(/[a-d0-2]?){0,3}") {
            let pointer = Pointer::parse(at.as_bytes()).expect("a pointer");
            let change = Change { patch: "{}", increments: vec![], appends: vec![(pointer, "1")] };
            let _ = changed(&json, &change);
        }
    }
}
