//! TAGS: templates of tags that every entry gets, with places for what params and result say.

use std::fmt;

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

    fn places(&self) -> impl Iterator<Item = (Document, &Pointer)> {
        self.0.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Place(document, pointer) => Some((*document, pointer)),
        })
    }
}

impl Part {
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
    /// Each once.
    pointers: Vec<&'t Pointer>,
    found: Vec<Found>,
}

impl<'t> Values<'t> {
    fn read(templates: &'t [Template], document: Document, json: &[u8]) -> Self {
        let mut pointers = Vec::new();
        for (_, pointer) in templates.iter().flat_map(Template::places).filter(|(of, _)| *of == document) {
            if !pointers.contains(&pointer) {
                pointers.push(pointer);
            }
        }
        let found = find_all(&pointers, json);
        Values { pointers, found }
    }

    fn get(&self, pointer: &Pointer) -> Option<&str> {
        let place = self.pointers.iter().position(|other| *other == pointer)?;
        self.found.get(place)?.scalar().map(|scalar| scalar.text())
    }
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
}
