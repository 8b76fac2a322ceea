//! The rows of `CACHE.WARM ... JSON array`.

use std::borrow::Cow;

use super::warm::of_row;
use crate::core::canonical::BadJson;
use crate::core::json::Reader;
use crate::core::limits::{Limits, MAX_INTEGER, maxima};
use crate::core::refusal::{Code, Refusal};

/// One row, as it was written.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct JsonRow<'a> {
    pub operation: Cow<'a, str>,
    /// One text, which is JSON where it has a canonical form.
    pub params: &'a str,
    /// One JSON text.
    pub result: &'a str,
    pub ttl_ms: Option<u64>,
    pub grace_ms: Option<u64>,
    pub tags: Vec<Cow<'a, str>>,
    pub took_ms: Option<u64>,
    pub weight: Option<u64>,
}

/// Members of a row, and those of them that it must have.
const MEMBERS: [&str; 8] =
    ["operation", "params", "result", "ttl_ms", "grace_ms", "tags", "took_ms", "weight"];
const NEEDED: usize = 3;

enum Fault {
    Json(BadJson),
    Shape(String),
}

impl From<BadJson> for Fault {
    fn from(fault: BadJson) -> Self {
        Fault::Json(fault)
    }
}

/// Reads the rows, and how many there are; of more than `max`, those are not kept.
///
/// # Errors
///
/// `ERR` for what is no array of rows, with the index of the row where it is one.
pub fn rows(array: &[u8], max: usize) -> Result<(Vec<JsonRow<'_>>, usize), Refusal> {
    let no_array =
        |fault: BadJson| Refusal::syntax(format!("JSON is not accepted: an array of rows is ({fault})"));
    let mut reader = Reader::new(array).map_err(no_array)?;
    let mut elements = reader.begin_array().map_err(no_array)?;
    let (mut rows, mut count) = (Vec::new(), 0usize);
    while reader.next_element(&mut elements).map_err(no_array)? {
        if count < max {
            rows.push(JsonRow::read(&mut reader).map_err(|fault| of_row(count, no_row(fault)))?);
        } else {
            reader.skip().map_err(no_array)?;
        }
        count = count.saturating_add(1);
    }
    reader.end().map_err(no_array)?;
    Ok((rows, count))
}

fn no_row(fault: Fault) -> Refusal {
    let fault = match fault {
        Fault::Json(fault) => fault.to_string(),
        Fault::Shape(why) => why,
    };
    Refusal::syntax(format!("an object with operation, params and result is accepted ({fault})"))
}

impl<'a> JsonRow<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Fault> {
        let mut row = JsonRow::default();
        let mut met = [false; MEMBERS.len()];
        let mut members = reader.begin_object()?;
        while let Some(name) = reader.next_member(&mut members)? {
            let place = MEMBERS.iter().position(|member| *member == name);
            let met = place.and_then(|place| met.get_mut(place));
            let met = met.ok_or_else(|| Fault::Shape(format!("there is no member {name}")))?;
            if std::mem::replace(met, true) {
                return Err(Fault::Shape(format!("{name} is there twice")));
            }
            row.read_member(&name, reader)?;
        }
        match MEMBERS.iter().zip(met).take(NEEDED).find(|(_, met)| !met) {
            Some((name, _)) => Err(Fault::Shape(format!("{name} is missing"))),
            None => Ok(row),
        }
    }

    fn read_member(&mut self, name: &str, reader: &mut Reader<'a>) -> Result<(), BadJson> {
        match name {
            "operation" => self.operation = reader.string()?,
            // Whoever makes them canonical reads every byte of them.
            "params" => self.params = reader.skim()?,
            "result" => self.result = reader.skip()?,
            "ttl_ms" => self.ttl_ms = number(reader)?,
            "grace_ms" => self.grace_ms = number(reader)?,
            "took_ms" => self.took_ms = number(reader)?,
            "weight" => self.weight = number(reader)?,
            _ => {
                let mut elements = reader.begin_array()?;
                while reader.next_element(&mut elements)? {
                    let tag = reader.string()?;
                    // One more than there may be is kept, and refused.
                    if self.tags.len() <= maxima::TAGS {
                        self.tags.push(tag);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether its members say something that can be.
    pub fn check(&self, limits: &Limits) -> Result<(), Refusal> {
        for (name, number) in [("ttl_ms", self.ttl_ms), ("grace_ms", self.grace_ms)] {
            if let Some(number) = number {
                limits.check_duration(&format!("{name} {number}"), number)?;
            }
        }
        if self.ttl_ms == Some(0) {
            return Err(Refusal::syntax("ttl_ms 0 is not accepted: at least 1 is"));
        }
        for (name, number) in [("took_ms", self.took_ms), ("weight", self.weight)] {
            if number.is_some_and(|number| number > MAX_INTEGER) {
                return Err(Refusal::syntax(format!(
                    "{name} is too large: at most {MAX_INTEGER} is accepted"
                )));
            }
        }
        if self.tags.len() > maxima::TAGS {
            let sentence = format!("a row with more than {} tags is not accepted", maxima::TAGS);
            return Err(Refusal::new(Code::TooBig, sentence));
        }
        Ok(())
    }
}

/// A number, or `null` for none.
fn number(reader: &mut Reader<'_>) -> Result<Option<u64>, BadJson> {
    if reader.null()? { Ok(None) } else { reader.integer().map(Some) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::value::RawValue;

    use super::*;

    /// A row as serde_json reads it: the oracle.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Oracle<'a> {
        operation: String,
        #[serde(borrow)]
        params: &'a RawValue,
        #[serde(borrow)]
        result: &'a RawValue,
        ttl_ms: Option<u64>,
        grace_ms: Option<u64>,
        #[serde(default)]
        tags: Vec<String>,
        took_ms: Option<u64>,
        weight: Option<u64>,
    }

    fn expected<'a>(row: &Oracle<'a>) -> JsonRow<'a> {
        JsonRow {
            operation: row.operation.clone().into(),
            params: row.params.get(),
            result: row.result.get(),
            ttl_ms: row.ttl_ms,
            grace_ms: row.grace_ms,
            tags: row.tags.iter().cloned().map(Cow::Owned).collect(),
            took_ms: row.took_ms,
            weight: row.weight,
        }
    }

    fn array() -> impl Strategy<Value = String> {
        let name = prop::sample::select([&MEMBERS[..], &["x", "t\\u0061gs"]].concat());
        let value = prop::sample::select(vec![
            "\"a\"",
            "\"\\u0062\"",
            "1",
            "0",
            "-1",
            "-0",
            "1.5",
            "18446744073709551615",
            "18446744073709551616",
            "null",
            "[]",
            "[\"t\", \"u\"]",
            "[1]",
            "{\"a\":[1]}",
            "{\"a\":1,}",
            "tru",
        ]);
        let needed = prop::sample::select(vec![
            r#""operation":"o","params":{"p" : [2]},"result":[{}, "]"]"#,
            r#""result":null , "params":"}","operation":"\u006f""#,
            r#""operation":"o","params":1"#,
        ]);
        let member = (name, value).prop_map(|(name, value)| format!(", \"{name}\" :{value}"));
        let row = (needed, prop::collection::vec(member, 0..3))
            .prop_map(|(needed, more)| format!("{{{needed}{}}}", more.concat()));
        let around =
            prop::sample::select(vec![("[", "]"), (" [ ", " ]\n"), ("[", "]]"), ("[", ""), ("{", "}")]);
        (around, prop::collection::vec(row, 0..3))
            .prop_map(|((before, behind), rows)| format!("{before}{}{behind}", rows.join(" ,")))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn rows_are_those_of_serde_json(text in array()) {
            let read = rows(text.as_bytes(), 10);
            match (read, serde_json::from_str::<Vec<Oracle<'_>>>(&text)) {
                (Ok((read, count)), Ok(oracle)) => {
                    prop_assert_eq!(count, oracle.len());
                    prop_assert_eq!(read, oracle.iter().map(expected).collect::<Vec<_>>());
                }
                (Ok((read, _)), Err(_)) => {
                    let is_bad = |row: &JsonRow<'_>| serde_json::from_str::<&RawValue>(row.params).is_err();
                    prop_assert!(read.iter().any(is_bad), "{}", text);
                }
                (Err(refused), Ok(_)) => prop_assert!(false, "{}: {}", text, refused),
                (Err(_), Err(_)) => {}
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_row() {
        let told = |text: &str| rows(text.as_bytes(), 10).expect_err(text).to_string();
        let row = r#"{"operation":"o","params":1,"result":2}"#;
        assert!(told("7").contains("an array of rows is (expected an array but found '7' at byte 0)"));
        for (second, why) in [
            ("{}", "operation is missing"),
            (r#"{"operation":"o","params":1}"#, "result is missing"),
            (r#"{"x":1}"#, "there is no member x"),
            (r#"{"tags":[],"tags":[]}"#, "tags is there twice"),
            (r#"{"ttl_ms":"1"}"#, "expected an integer but found"),
            ("[]", "expected an object but found '['"),
        ] {
            let refused = told(&format!("[{row},{second}]"));
            assert!(refused.starts_with("ERR row 1: ") && refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn too_many_are_counted() {
        let row = r#"{"operation":"o","params":1,"result":2}"#;
        let text = format!("[{row},{row},7]");
        let (read, count) = rows(text.as_bytes(), 2).expect("an array");
        assert_eq!((read.len(), count), (2, 3));
    }
}
