//! Finding what pointers lead to: one pass over the text, and no tree of it.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::{Found, Pointer, Token};

/// What each of the pointers leads to in `json`, in their order: all `Missing` where that is no JSON text, or where
/// the way to one of them goes deeper than serde_json follows (128 levels).
///
/// Nothing is read where there are no pointers. Of members with the same name the last counts. Memory is taken for
/// what is found, not for what is passed by.
pub fn find_all(pointers: &[&Pointer], json: &[u8]) -> Vec<Found> {
    if pointers.is_empty() {
        return Vec::new();
    }
    let mut wanted: Vec<Wanted<'_>> = pointers
        .iter()
        .enumerate()
        .map(|(slot, pointer)| Wanted { tokens: pointer.tokens(), slot })
        .collect();
    wanted.sort_unstable_by(|a, b| a.names().cmp(b.names()));
    let mut found = vec![Found::Missing; pointers.len()];
    // Of what is passed by, nobody else looks whether it is text.
    let Ok(json) = std::str::from_utf8(json) else { return found };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let read = Search { wanted: &wanted, depth: 0, found: &mut found }.deserialize(&mut deserializer);
    if read.and_then(|()| deserializer.end()).is_err() {
        found.fill(Found::Missing);
    }
    found
}

/// A pointer, and where to put what it leads to.
#[derive(Clone, Copy)]
struct Wanted<'p> {
    tokens: &'p [Token],
    slot: usize,
}

impl<'p> Wanted<'p> {
    fn names(&self) -> impl Iterator<Item = &'p str> {
        self.tokens.iter().map(|token| &*token.name)
    }

    /// The name of the step from this depth on; before all others where there is none.
    fn name(&self, depth: usize) -> Option<&'p str> {
        self.tokens.get(depth).map(|token| &*token.name)
    }
}

/// Reads one value, on the way to those `wanted`: pointers of which the first `depth` steps are alike and
/// led here, in the order of the names of their steps, so that those with another step in common stand together.
struct Search<'s, 'p> {
    wanted: &'s [Wanted<'p>],
    depth: usize,
    found: &'s mut [Found],
}

impl<'s, 'p> Search<'s, 'p> {
    /// Those that end here, and those that lead on.
    fn split(&self) -> (&'s [Wanted<'p>], &'s [Wanted<'p>]) {
        let here = self.wanted.partition_point(|wanted| wanted.name(self.depth).is_none());
        self.wanted.split_at_checked(here).unwrap_or_default()
    }

    /// Puts the same for all that are wanted.
    fn put(&mut self, wanted: &[Wanted<'_>], value: &Found) {
        for wanted in wanted {
            if let Some(found) = self.found.get_mut(wanted.slot) {
                found.clone_from(value);
            }
        }
    }

    /// One step further, on the way to some of those wanted here.
    fn step(&mut self, wanted: &'s [Wanted<'p>]) -> Search<'_, 'p> {
        Search { wanted, depth: self.depth.saturating_add(1), found: &mut *self.found }
    }

    /// The elements of an array that are wanted, in their order.
    fn elements(&self) -> Vec<(usize, &'s [Wanted<'p>])> {
        let depth = self.depth;
        let mut elements: Vec<_> = self
            .wanted
            .chunk_by(|a, b| a.name(depth) == b.name(depth))
            .filter_map(|wanted| Some((wanted.first()?.tokens.get(depth)?.index?, wanted)))
            .collect();
        elements.sort_unstable_by_key(|(index, _)| *index);
        elements
    }
}

impl<'de> DeserializeSeed<'de> for Search<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        let (here, beyond) = self.split();
        match (here, beyond) {
            ([], []) => IgnoredAny::deserialize(deserializer).map(drop),
            ([], _) => deserializer.deserialize_any(self),
            _ => {
                let value = <&RawValue>::deserialize(deserializer)?.get();
                self.put(here, &Found::of(value));
                if beyond.is_empty() {
                    return Ok(());
                }
                // A pointer to this value and one into it: the second takes another look.
                let further = Search { wanted: beyond, ..self };
                further.deserialize(&mut serde_json::Deserializer::from_str(value)).map_err(D::Error::custom)
            }
        }
    }
}

/// Goes into an array or object; whatever else stands there has nothing inside.
impl<'de> Visitor<'de> for Search<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some(wanted) = members.next_key_seed(Name { wanted: self.wanted, depth: self.depth })? {
            // An earlier member of this name does not count.
            self.put(wanted, &Found::Missing);
            members.next_value_seed(self.step(wanted))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        let mut passed = 0usize;
        for (index, wanted) in self.elements() {
            while passed < index {
                if elements.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(());
                }
                passed = passed.saturating_add(1);
            }
            if elements.next_element_seed(self.step(wanted))?.is_none() {
                return Ok(());
            }
            passed = passed.saturating_add(1);
        }
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

/// Reads a member's name: which of those wanted have it next.
struct Name<'s, 'p> {
    wanted: &'s [Wanted<'p>],
    depth: usize,
}

impl<'de, 's, 'p> DeserializeSeed<'de> for Name<'s, 'p> {
    type Value = &'s [Wanted<'p>];

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'s, 'p> Visitor<'_> for Name<'s, 'p> {
    type Value = &'s [Wanted<'p>];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let before = self.wanted.partition_point(|wanted| wanted.name(self.depth) < Some(name));
        let from = self.wanted.get(before..).unwrap_or_default();
        let count = from.partition_point(|wanted| wanted.name(self.depth) == Some(name));
        Ok(from.get(..count).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scalar;
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn pointer(text: &str) -> Pointer {
        Pointer::parse(text.as_bytes()).expect(text)
    }

    fn find(text: &str, json: &str) -> Found {
        find_all(&[&pointer(text)], json.as_bytes()).remove(0)
    }

    fn number(text: &str) -> Found {
        Found::Scalar(Scalar::Number(text.to_owned()))
    }

    fn string(text: &str) -> Found {
        Found::Scalar(Scalar::String(text.to_owned()))
    }

    /// RFC 6901, 5.
    #[test]
    fn the_examples_of_the_rfc() {
        let document = r#"{
            "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6,
            " ": 7, "m~n": 8
        }"#;
        let examples = [
            ("", Found::Other),
            ("/foo", Found::Other),
            ("/foo/0", string("bar")),
            ("/", number("0")),
            ("/a~1b", number("1")),
            ("/c%d", number("2")),
            ("/e^f", number("3")),
            ("/g|h", number("4")),
            ("/i\\j", number("5")),
            ("/k\"l", number("6")),
            ("/ ", number("7")),
            ("/m~0n", number("8")),
        ];
        for (text, expected) in &examples {
            assert_eq!(find(text, document), *expected, "{text}");
        }
        let pointers = examples.each_ref().map(|(text, _)| pointer(text));
        let all = find_all(&pointers.each_ref(), document.as_bytes());
        assert_eq!(all, examples.map(|(_, expected)| expected), "all in one pass");
    }

    #[test]
    fn what_is_there() {
        let document = r#"{"n":null,"t":true,"f":false,"s":"a\u00e9\n","a":[[1,2],{"b":3}],"o":{},"e":[]}"#;
        for (text, expected) in [
            ("/n", Found::Null),
            ("/t", Found::Scalar(Scalar::Bool(true))),
            ("/f", Found::Scalar(Scalar::Bool(false))),
            ("/s", string("aé\n")),
            ("/a", Found::Other),
            ("/o", Found::Other),
            ("/a/0/1", number("2")),
            ("/a/1/b", number("3")),
            ("/x", Found::Missing),
            ("/n/x", Found::Missing),
            ("/s/0", Found::Missing),
            ("/a/2", Found::Missing),
            ("/a/-", Found::Missing),
            ("/a/00", Found::Missing),
            ("/a/b", Found::Missing),
            ("/a/1/0", Found::Missing),
            ("/a/18446744073709551616", Found::Missing),
            ("/e/0", Found::Missing),
        ] {
            assert_eq!(find(text, document), expected, "{text}");
        }
        assert_eq!(Scalar::Bool(true).text(), "true");
        assert_eq!(Scalar::Bool(false).text(), "false");
    }

    #[test]
    fn numbers_have_one_spelling_and_keep_their_digits() {
        for (spelled, expected) in [
            ("1", "1"),
            ("1.0", "1"),
            ("10e-1", "1"),
            ("-0", "0"),
            ("9007199254740993", "9007199254740993"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("1.50", "1.5"),
            ("1E30", "1e+30"),
        ] {
            assert_eq!(find("/v", &format!(r#"{{"v": {spelled} }}"#)), number(expected), "{spelled}");
        }
        assert_eq!(find("/v", r#"{"v":1e999}"#), Found::Other);
        assert_eq!(find("/v", r#"{"v":"\ud800"}"#), Found::Other);
    }

    #[test]
    fn the_last_of_members_with_the_same_name_counts() {
        assert_eq!(find("/a", r#"{"a":1,"a":2}"#), number("2"));
        assert_eq!(find("/a/b", r#"{"a":{"b":1},"a":{"b":2}}"#), number("2"));
        assert_eq!(find("/a/b", r#"{"a":{"b":1},"a":{"c":2}}"#), Found::Missing);
        assert_eq!(find("/a/b", r#"{"a":{"b":1},"a":3}"#), Found::Missing);
        assert_eq!(find("/a", r#"{"\u0061":1,"a":2}"#), number("2"));
    }

    #[test]
    fn what_is_no_json_holds_nothing() {
        for bad in
            ["", "x", "{", r#"{"a":1"#, r#"{"a":1}x"#, r#"{"a":1} {}"#, r#"{"a":1,}"#, r#"{"b":nul,"a":1}"#]
        {
            assert_eq!(find("/a", bad), Found::Missing, "{bad}");
            assert_eq!(pointer("/a").find(bad.as_bytes()), None);
        }
        assert_eq!(find_all(&[&pointer("/a")], b"{\"a\":\"\xff\"}"), [Found::Missing]);
    }

    #[test]
    fn depth_stops_nothing_but_the_way_into_it() {
        let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let beside = format!(r#"{{"deep":{},"a":2}}"#, deep(100_000));
        assert_eq!(find("/a", &beside), number("2"));
        assert_eq!(find(&"/0".repeat(127), &deep(127)), number("1"));
        assert_eq!(find(&"/0".repeat(2000), &deep(100_000)), Found::Missing);
    }

    #[test]
    fn pointers_may_lead_into_each_other_and_to_the_same() {
        let texts = ["/a", "/a/b", "/a/b/0", "/a/b/1", "/a/b/1", "", "/a/c"];
        let pointers = texts.map(pointer);
        let found = find_all(&pointers.each_ref(), br#"{"a":{"b":["x",7],"c":true}}"#);
        let seven = number("7");
        let expected = [
            Found::Other,
            Found::Other,
            string("x"),
            seven.clone(),
            seven,
            Found::Other,
            Found::Scalar(Scalar::Bool(true)),
        ];
        assert_eq!(found, expected);
        assert_eq!(find("", "12"), number("12"));
    }

    /// Documents of few names, so that pointers often lead somewhere.
    fn documents() -> impl Strategy<Value = Value> {
        let name = || proptest::sample::select(vec!["a", "b", "0", "1", "", "~", "/", "\"", "é"]);
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

    fn pointers() -> impl Strategy<Value = Vec<Pointer>> {
        let token =
            proptest::sample::select(vec!["/a", "/b", "/0", "/1", "/", "/~0", "/~1", "/\"", "/é", "/-"]);
        let text = proptest::collection::vec(token, 0..5).prop_map(|tokens| pointer(&tokens.concat()));
        proptest::collection::vec(text, 0..9)
    }

    /// The same by a tree.
    fn model(document: &Value, pointer: &Pointer) -> Found {
        match document.pointer(pointer.as_str()) {
            None => Found::Missing,
            Some(Value::Null) => Found::Null,
            Some(Value::Bool(value)) => Found::Scalar(Scalar::Bool(*value)),
            Some(Value::Number(value)) => number(&value.to_string()),
            Some(Value::String(value)) => string(value),
            Some(Value::Array(_) | Value::Object(_)) => Found::Other,
        }
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_a_tree_holds(
            document in documents(), pointers in pointers(), pretty in any::<bool>(),
        ) {
            let json = if pretty { format!("{document:#}") } else { document.to_string() };
            let found = find_all(&pointers.iter().collect::<Vec<_>>(), json.as_bytes());
            let expected: Vec<_> = pointers.iter().map(|pointer| model(&document, pointer)).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn no_bytes_make_a_search_panic(json in "[\\[\\]{}\",:0-9a\\\\]{0,30}", pointers in pointers()) {
            let found = find_all(&pointers.iter().collect::<Vec<_>>(), json.as_bytes());
            prop_assert_eq!(found.len(), pointers.len());
        }
    }
}
