//! Params without what makes no difference (IGNORE).

use crate::core::canonical::strings;
use crate::core::pointer::{Pointer, Token};

/// Appends `canonical`, a canonical JSON text, to `out` without the members and elements that the pointers lead
/// to. What remains is canonical again.
///
/// All pointers are into the text as it is given: `/0 /1` takes the first two elements. One that leads nowhere
/// takes nothing, and neither does the one to the whole text. Nothing recurses.
pub fn cut(canonical: &[u8], pointers: &[Pointer], out: &mut Vec<u8>) {
    let start = out.len();
    let ways = pointers.iter().map(Pointer::tokens).filter(|tokens| !tokens.is_empty()).collect();
    let mut cutter = Cutter { rest: canonical, ways, open: Vec::new(), out };
    if cutter.run().is_none() {
        // It was not canonical, which is no reason to lose it.
        out.truncate(start);
        out.extend_from_slice(canonical);
    }
}

struct Cutter<'a> {
    /// What is not read yet.
    rest: &'a [u8],
    /// For each pointer that leads into the container that is read, the steps that remain from there, never none;
    /// below those of its parents.
    ways: Vec<&'a [Token]>,
    /// The containers that are read, the innermost last.
    open: Vec<Open>,
    out: &'a mut Vec<u8>,
}

/// A container into which pointers lead.
struct Open {
    bracket: u8,
    /// Where its ways begin.
    ways: usize,
    /// How many children were read.
    read: usize,
    /// Whether no child was written yet.
    is_empty: bool,
}

impl<'a> Cutter<'a> {
    /// Reads the whole text; `None` where it is not canonical.
    fn run(&mut self) -> Option<()> {
        self.value(0)?;
        while let Some(container) = self.open.last() {
            match self.rest.split_first()? {
                (&end, rest) if end == container.bracket => {
                    self.out.push(end);
                    self.rest = rest;
                    self.ways.truncate(container.ways);
                    self.open.pop();
                }
                _ => self.child()?,
            }
        }
        self.rest.is_empty().then_some(())
    }

    /// Reads one value, into which the ways from `ways` on lead.
    fn value(&mut self, ways: usize) -> Option<()> {
        let bracket = match self.rest.first()? {
            b'{' if ways < self.ways.len() => b'}',
            b'[' if ways < self.ways.len() => b']',
            _ => {
                self.ways.truncate(ways);
                let value = self.take(end_of_value(self.rest)?)?;
                self.out.extend_from_slice(value);
                return Some(());
            }
        };
        let opening = self.take(1)?;
        self.out.extend_from_slice(opening);
        self.open.push(Open { bracket, ways, read: 0, is_empty: true });
        Some(())
    }

    /// Reads one member or element of the innermost container, and writes it unless a pointer leads to it.
    fn child(&mut self) -> Option<()> {
        let container = self.open.last_mut()?;
        let (index, is_member) = (container.read, container.bracket == b'}');
        let (first_way, ways) = (container.ways, self.ways.len());
        container.read = index.saturating_add(1);
        if index > 0 {
            self.take_only(b",")?;
        }
        let name = if is_member { self.take(end_of_string(self.rest)?)? } else { b"" };
        let mut is_cut = false;
        for way in first_way..ways {
            let (token, beyond) = self.ways.get(way)?.split_first()?;
            let leads_here = if is_member { *token.spelled == *name } else { token.index == Some(index) };
            match beyond {
                _ if !leads_here => {}
                [] => is_cut = true,
                _ => self.ways.push(beyond),
            }
        }
        let colon = if is_member { self.take_only(b":")? } else { b"" };
        if is_cut {
            self.ways.truncate(ways);
            self.take(end_of_value(self.rest)?)?;
            return Some(());
        }
        let container = self.open.last_mut()?;
        if !std::mem::take(&mut container.is_empty) {
            self.out.push(b',');
        }
        self.out.extend_from_slice(name);
        self.out.extend_from_slice(colon);
        self.value(ways)
    }

    /// Takes what must come next.
    fn take_only(&mut self, expected: &[u8]) -> Option<&'a [u8]> {
        self.take(expected.len()).filter(|taken| *taken == expected)
    }

    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(taken)
    }
}

/// How long the value is that `text` begins with; never 0, so that reading always goes on.
fn end_of_value(text: &[u8]) -> Option<usize> {
    let is_end = |byte: &u8| matches!(byte, b',' | b']' | b'}');
    match text.first()? {
        b'"' => end_of_string(text),
        b'{' | b'[' => end_of_container(text),
        first if is_end(first) => None,
        _ => Some(text.iter().position(is_end).unwrap_or(text.len())),
    }
}

fn end_of_container(text: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = 0usize;
    loop {
        match text.get(at)? {
            b'"' => {
                at = at.saturating_add(end_of_string(text.get(at..)?)?);
                continue;
            }
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at = at.saturating_add(1);
        if depth == 0 {
            return Some(at);
        }
    }
}

/// How long the string is that `text` begins with, quotes included.
fn end_of_string(text: &[u8]) -> Option<usize> {
    let mut at = 1usize;
    loop {
        at = strings::end_of_plain_run(text, at);
        match text.get(at)? {
            b'"' => return Some(at.saturating_add(1)),
            b'\\' => at = at.saturating_add(2),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::canonical::Canonicalizer;
    use proptest::prelude::*;
    use serde_json::Value;

    fn cut_out(json: &str, pointers: &[&str]) -> String {
        let pointers: Vec<Pointer> =
            pointers.iter().map(|text| Pointer::parse(text.as_bytes()).expect(text)).collect();
        let mut out = b"before".to_vec();
        cut(json.as_bytes(), &pointers, &mut out);
        String::from_utf8(out.split_off(6)).expect("UTF-8")
    }

    #[test]
    fn members_and_elements_go() {
        let json = r#"{"a":{"b":1,"c":[1,2,3]},"d":"x,}]\"","e":[[],{}]}"#;
        for (pointers, expected) in [
            (&[][..], json),
            (&["/a"], r#"{"d":"x,}]\"","e":[[],{}]}"#),
            (&["/d"], r#"{"a":{"b":1,"c":[1,2,3]},"e":[[],{}]}"#),
            (&["/e"], r#"{"a":{"b":1,"c":[1,2,3]},"d":"x,}]\""}"#),
            (&["/a", "/d", "/e"], "{}"),
            (&["/a/b"], r#"{"a":{"c":[1,2,3]},"d":"x,}]\"","e":[[],{}]}"#),
            (&["/a/b", "/a/c"], r#"{"a":{},"d":"x,}]\"","e":[[],{}]}"#),
            (&["/a/c/0", "/a/c/1"], r#"{"a":{"b":1,"c":[3]},"d":"x,}]\"","e":[[],{}]}"#),
            (&["/a/c/0", "/a/c/0", "/a"], r#"{"d":"x,}]\"","e":[[],{}]}"#),
            (&["/a", "/a/c"], r#"{"d":"x,}]\"","e":[[],{}]}"#),
            (&["/e/0", "/e/1"], r#"{"a":{"b":1,"c":[1,2,3]},"d":"x,}]\"","e":[]}"#),
            (&["", "/x", "/a/x", "/a/b/x", "/a/c/3", "/a/c/-", "/a/c/00", "/d/0", "/e/0/0"], json),
        ] {
            assert_eq!(cut_out(json, pointers), expected, "{pointers:?}");
        }
    }

    #[test]
    fn names_are_compared_without_their_escapes() {
        let json = r#"{"\u0001":1,"\"":2,"/":3,"\\":4,"~":5,"é":6}"#;
        assert_eq!(cut_out(json, &["/\u{1}", "/\"", "/~1", "/\\", "/~0"]), r#"{"é":6}"#);
    }

    #[test]
    fn whatever_has_no_inside_stays() {
        for json in ["1", "null", "\"a\"", "[]", "{}", "[1,2]"] {
            assert_eq!(cut_out(json, &["", "/a"]), json);
        }
        assert_eq!(cut_out("[1,2]", &["/0", "/1"]), "[]");
    }

    #[test]
    fn depth_does_no_harm() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(cut_out(&deep, &["/1"]), deep);
        let way = "/0".repeat(2000);
        assert_eq!(cut_out(&deep, &[&way]).len(), 4000);
    }

    #[test]
    fn what_is_not_canonical_is_not_lost() {
        for text in [
            "",
            "{",
            "{\"a\"",
            "{\"a\":",
            "[1",
            "[1,2",
            "{\"a\":1}x",
            "{\"a",
            "{a:1}",
            "[[]",
            "[1 2]",
            "[1,]",
            "[,1]",
        ] {
            assert_eq!(cut_out(text, &["/a", "/0/0"]), text);
        }
    }

    /// Documents of few names, so that pointers often lead somewhere.
    fn documents() -> impl Strategy<Value = Value> {
        let name = || proptest::sample::select(vec!["a", "b", "0", "1", "", "~", "/", "\"\u{1}", "é", "😀"]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            name().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map(name().prop_map(str::to_owned), inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn pointers() -> impl Strategy<Value = Vec<String>> {
        let token = proptest::sample::select(vec![
            "/a", "/b", "/0", "/1", "/2", "/", "/~0", "/~1", "/\"\u{1}", "/é", "/😀",
        ]);
        let text = proptest::collection::vec(token, 1..5).prop_map(|tokens| tokens.concat());
        proptest::collection::vec(text, 0..9)
    }

    fn canonical(value: &Value) -> String {
        let mut out = Vec::new();
        Canonicalizer::new().append(value.to_string().as_bytes(), &mut out).expect("JSON");
        String::from_utf8(out).expect("UTF-8")
    }

    /// The same by a tree: marks what the pointers lead to in the whole document, and then takes it out.
    fn model(value: &Value, at: &str, pointers: &[String]) -> Value {
        let keeps = |at: &String| !pointers.contains(at);
        match value {
            Value::Array(elements) => elements
                .iter()
                .enumerate()
                .map(|(index, element)| (format!("{at}/{index}"), element))
                .filter(|(at, _)| keeps(at))
                .map(|(at, element)| model(element, &at, pointers))
                .collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, member)| {
                    (format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), name, member)
                })
                .filter(|(at, ..)| keeps(at))
                .map(|(at, name, member)| (name.clone(), model(member, &at, pointers)))
                .collect(),
            other => other.clone(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]
        #[test]
        fn what_remains_is_what_a_tree_would_keep(document in documents(), texts in pointers()) {
            let pointers: Vec<&str> = texts.iter().map(String::as_str).collect();
            prop_assert_eq!(cut_out(&canonical(&document), &pointers), canonical(&model(&document, "", &texts)));
        }

        #[test]
        fn no_bytes_make_cutting_panic(text in "[\\[\\]{}\",:0-9a\\\\]{0,30}", texts in pointers()) {
            let pointers: Vec<&str> = texts.iter().map(String::as_str).collect();
            prop_assert!(cut_out(&text, &pointers).len() <= text.len());
        }
    }
}
