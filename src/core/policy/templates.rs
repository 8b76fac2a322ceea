//! TAGS: templates of tags that every entry gets, with places for what params and result say.

use std::collections::HashMap;
use std::fmt;

use serde_json::{Value, json};

use super::parts;
use crate::core::limits::maxima;
use crate::core::pointer::{Found, Pointer, find_all};
use crate::core::refusal::quoted;

/// A template: `scene:{result/targetSceneId}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Place(Document, Pointer),
}

/// What a place looks into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Document {
    Params,
    Result,
}

impl Document {
    fn name(self) -> &'static str {
        match self {
            Document::Params => "params",
            Document::Result => "result",
        }
    }
}

impl Template {
    /// Reads one template; the error says what is wrong.
    pub fn parse(word: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = word;
        while !rest.is_empty() {
            let literal = rest.find(['{', '}']).unwrap_or(rest.len());
            let (literal, after) = rest.split_at_checked(literal).unwrap_or((rest, ""));
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            rest = after;
            if !rest.is_empty() {
                let (place, after) = rest
                    .strip_prefix('{')
                    .and_then(|rest| rest.split_once('}'))
                    .filter(|(place, _)| !place.contains('{'))
                    .ok_or_else(|| {
                        format!("the template {} has a brace without its other", quoted(word.as_bytes()))
                    })?;
                parts.push(Part::place(place)?);
                rest = after;
            }
        }
        Ok(Template(parts))
    }

    /// The template with what the params say in its places.
    fn bound(&self, params: &Values<'_>) -> Option<Template> {
        let mut parts: Vec<Part> = Vec::new();
        for part in &self.0 {
            let text = match part {
                Part::Literal(text) => text,
                Part::Place(Document::Params, pointer) => params.get(pointer)?,
                Part::Place(Document::Result, _) => {
                    parts.push(part.clone());
                    continue;
                }
            };
            match parts.last_mut() {
                Some(Part::Literal(before)) => push_within(before, text),
                _ => {
                    let mut literal = String::new();
                    push_within(&mut literal, text);
                    parts.push(Part::Literal(literal));
                }
            }
        }
        Some(Template(parts))
    }

    /// The tag that it gives whatever params and result say; none where it looks into either.
    pub fn text(&self) -> Option<&str> {
        if let [Part::Literal(text)] = &self.0[..] { Some(text) } else { None }
    }

    fn places(&self) -> impl Iterator<Item = (Document, &Pointer)> {
        self.0.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Place(document, pointer) => Some((*document, pointer)),
        })
    }
}

/// Appends what of `text` a tag has room for, and a character more, so that the tag is refused.
fn push_within(literal: &mut String, text: &str) {
    for c in text.chars() {
        if literal.len() > maxima::TAG_BYTES {
            break;
        }
        literal.push(c);
    }
}

impl Part {
    /// A literal as it is, a place as an object with its pointer.
    fn to_json(&self) -> Value {
        match self {
            Part::Literal(text) => Value::from(text.as_str()),
            Part::Place(_, pointer) => json!({ "result": pointer.as_str() }),
        }
    }

    fn from_json(json: &Value) -> Option<Part> {
        match json {
            Value::String(text) => Some(Part::Literal(text.clone())),
            Value::Object(place) if place.len() == 1 => {
                let pointer = Pointer::parse(place.get("result")?.as_str()?.as_bytes()).ok()?;
                Some(Part::Place(Document::Result, pointer))
            }
            _ => None,
        }
    }

    /// Reads what stands between braces.
    fn place(place: &str) -> Result<Self, String> {
        let shown = || quoted(place.as_bytes());
        let (document, pointer) = [Document::Params, Document::Result]
            .into_iter()
            .find_map(|document| Some((document, place.strip_prefix(document.name())?)))
            .ok_or_else(|| format!("the place {} begins with neither params nor result", shown()))?;
        let pointer = Pointer::parse(pointer.as_bytes())
            .map_err(|why| format!("the place {} is none, since its pointer {why}", shown()))?;
        Ok(Part::Place(document, pointer))
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Literal(text) => f.write_str(text),
            Part::Place(document, pointer) => write!(f, "{{{}{pointer}}}", document.name()),
        })
    }
}

/// Whether any of the templates looks into the params.
pub fn needs_params(templates: &[Template]) -> bool {
    templates.iter().flat_map(Template::places).any(|(document, _)| document == Document::Params)
}

/// Appends to `out` the tag of each template, in their order. `params` and `result` are any bytes; a template with
/// a place at which they have no string, number or boolean gives no tag, and neither does one that comes to nothing.
///
/// A tag that is longer than any may be is cut one byte above [`maxima::TAG_BYTES`], so that it is refused.
pub fn tags(templates: &[Template], params: Option<&[u8]>, result: &[u8], out: &mut Vec<Vec<u8>>) {
    if templates.is_empty() {
        return;
    }
    let params = Values::read(templates, Document::Params, params.unwrap_or_default());
    let result = Values::read(templates, Document::Result, result);
    for template in templates {
        let tag = expand(template, |document, pointer| match document {
            Document::Params => params.get(pointer),
            Document::Result => result.get(pointer),
        });
        out.extend(tag.filter(|tag| !tag.is_empty()));
    }
}

/// What all places of one document hold, found in one pass.
struct Values<'t> {
    /// Where in `found` the value of each pointer is.
    places: HashMap<&'t str, usize>,
    found: Vec<Found>,
}

impl<'t> Values<'t> {
    fn read(templates: &'t [Template], document: Document, json: &[u8]) -> Self {
        let mut places = HashMap::new();
        let mut pointers = Vec::new();
        for (_, pointer) in templates.iter().flat_map(Template::places).filter(|(of, _)| *of == document) {
            places.entry(pointer.as_str()).or_insert_with(|| {
                pointers.push(pointer);
                pointers.len().saturating_sub(1)
            });
        }
        let found = if pointers.is_empty() { Vec::new() } else { find_all(&pointers, json) };
        Values { places, found }
    }

    fn get(&self, pointer: &Pointer) -> Option<&str> {
        let place = *self.places.get(pointer.as_str())?;
        self.found.get(place)?.scalar().map(|scalar| scalar.text())
    }
}

/// What is left of templates once the params are known: those that look into the params, with what these say in
/// their places. A template for which they say nothing is left out, as it gives no tag.
pub fn bind(templates: &[Template], params: &[u8]) -> Vec<Template> {
    let values = Values::read(templates, Document::Params, params);
    let looks_there =
        |template: &&Template| template.places().any(|(document, _)| document == Document::Params);
    templates.iter().filter(looks_there).filter_map(|template| template.bound(&values)).collect()
}

/// Templates of which [`bind`] has filled the places, as JSON: of each its text, or where it still looks into the
/// result a list of its literals and places.
pub fn to_json(bound: &[Template]) -> String {
    let text = |template: &Template| match &template.0[..] {
        [Part::Literal(text)] => Value::from(text.as_str()),
        parts => parts.iter().map(Part::to_json).collect(),
    };
    Value::Array(bound.iter().map(text).collect()).to_string()
}

/// How many literals and places bound templates have together at most: more than those of rules come to.
const MAX_PARTS: usize = 8192;

/// Reads what [`to_json`] gives; none where it is anything else.
pub fn from_json(json: &str) -> Option<Vec<Template>> {
    let Value::Array(templates) = serde_json::from_str(json).ok()? else { return None };
    if templates.len() > maxima::TAGS {
        return None;
    }
    let read = |template| match template {
        Value::String(text) => Some(Template(vec![Part::Literal(text)])),
        Value::Array(parts) => parts.iter().map(Part::from_json).collect::<Option<_>>().map(Template),
        _ => None,
    };
    let read = templates.into_iter().map(read).collect::<Option<Vec<Template>>>()?;
    let parts: usize = read.iter().map(|template| template.0.len()).sum();
    (parts <= MAX_PARTS).then_some(read)
}

fn expand<'v>(template: &Template, value: impl Fn(Document, &Pointer) -> Option<&'v str>) -> Option<Vec<u8>> {
    const LONGEST: usize = maxima::TAG_BYTES.saturating_add(1);
    let mut tag = Vec::new();
    for part in &template.0 {
        let text = match part {
            Part::Literal(text) => text,
            Part::Place(document, pointer) => value(*document, pointer)?,
        };
        let room = LONGEST.saturating_sub(tag.len());
        tag.extend_from_slice(text.as_bytes().get(..room).unwrap_or(text.as_bytes()));
    }
    Some(tag)
}

/// Reads a list of templates; the error says what is wrong.
pub fn parse(text: &str) -> Result<Vec<Template>, String> {
    parts::list(text, Template::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str, params: Option<&str>, result: &str) -> Vec<String> {
        let mut out = Vec::new();
        let templates = parse(text).expect(text);
        tags(&templates, params.map(str::as_bytes), result.as_bytes(), &mut out);
        out.into_iter().map(|tag| String::from_utf8(tag).expect("UTF-8")).collect()
    }

    #[test]
    fn places_take_what_params_and_result_say() {
        let params = r#"{"id":"v1","n":{"x":1.50,"y":true},"a/b":["p","q"]}"#;
        let result = r#"{"scene":{"id":7},"big":9007199254740993}"#;
        for (template, expected) in [
            ("plain", "plain"),
            ("video:{params/id}", "video:v1"),
            ("{params/id}", "v1"),
            ("{params/n/x}/{params/n/y}", "1.5/true"),
            ("{params/a~1b/1}", "q"),
            ("scene:{result/scene/id}:{params/id}", "scene:7:v1"),
            ("{result/big}", "9007199254740993"),
        ] {
            assert_eq!(expanded(template, Some(params), result), [expected], "{template}");
        }
        assert_eq!(expanded("{params}-{result}", Some("1.0"), r#""r""#), ["1-r"], "a whole that is a scalar");
        assert_eq!(
            expanded("b {params/id} a b", Some(params), result),
            ["b", "v1", "a", "b"],
            "in their order"
        );
    }

    #[test]
    fn a_template_without_its_value_adds_none() {
        let params = r#"{"null":null,"object":{},"array":[],"empty":""}"#;
        for template in [
            "x{params/y}",
            "x{params/null}",
            "{params/object}",
            "{params/array}",
            "{params}",
            "{params/empty}",
        ] {
            assert_eq!(expanded(template, Some(params), "{}"), [""; 0], "{template}");
        }
        assert_eq!(expanded("x{params/empty}", Some(params), "{}"), ["x"]);
        assert_eq!(expanded("{params/a} {result/b} c", None, "not JSON"), ["c"]);
    }

    #[test]
    fn who_needs_the_params() {
        let needs = |text| needs_params(&parse(text).expect(text));
        assert!(!needs("a params {result/params}"));
        assert!(needs("a b{params}"));
        assert!(!needs_params(&[]));
    }

    #[test]
    fn a_tag_never_grows_far_beyond_what_is_accepted() {
        let long = format!("\"{}\"", "x".repeat(1 << 20));
        let tag = expanded(&"{result}".repeat(400), None, &long).remove(0);
        assert_eq!(tag.len(), maxima::TAG_BYTES + 1);
        assert_eq!(
            expanded("{result}", None, &format!("\"{}\"", "x".repeat(maxima::TAG_BYTES)))[0].len(),
            maxima::TAG_BYTES
        );
    }

    #[test]
    fn what_params_say_is_bound_and_the_rest_stays_open() {
        let templates =
            parse("v:{params/id} plain {params/id}{params/n}:{result/x}:{params/none} {result/x} {params/id}-{result/x}")
                .expect("templates");
        let bound = bind(&templates, br#"{"id":"a{b}\"c","n":7}"#);
        let json = to_json(&bound);
        assert_eq!(json, r#"["v:a{b}\"c",["a{b}\"c-",{"result":"/x"}]]"#);
        assert_eq!(from_json(&json), Some(bound.clone()));
        let mut drawn = Vec::new();
        tags(&bound, None, br#"{"x":true}"#, &mut drawn);
        assert_eq!(drawn, [&b"v:a{b}\"c"[..], b"a{b}\"c-true"]);
        assert_eq!(bound.iter().map(Template::text).collect::<Vec<_>>(), [Some("v:a{b}\"c"), None]);
    }

    #[test]
    fn a_long_value_is_bound_as_one_that_is_refused() {
        let long = format!("\"{}\"", "é".repeat(100_000));
        let bound = bind(&parse("v:{params}").expect("a template"), long.as_bytes());
        let [Template(parts)] = &bound[..] else { panic!("{bound:?}") };
        let [Part::Literal(text)] = &parts[..] else { panic!("{parts:?}") };
        assert!((maxima::TAG_BYTES + 1..maxima::TAG_BYTES + 4).contains(&text.len()));
    }

    #[test]
    fn nothing_else_is_read_as_bound_templates() {
        for json in ["", "{}", "[1]", r#"[[{"params":"/x"}]]"#, r#"[[{"result":"x"}]]"#, r#"["a"]x"#] {
            assert_eq!(from_json(json), None, "{json}");
        }
    }
}
