//! Documents as values, and as texts in any of their spellings.

use std::collections::BTreeMap;

use proptest::prelude::*;

/// A JSON document, apart from how it is spelled.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    Null,
    Bool(bool),
    /// A double; never an integer literal beyond ±(2^53-1), which is no double to us.
    Number(f64),
    String(String),
    Array(Vec<Document>),
    Object(BTreeMap<String, Document>),
}

impl Document {
    /// Any document, of a few dozen values.
    pub fn any() -> impl Strategy<Value = Document> {
        let leaf = prop_oneof![
            Just(Document::Null),
            any::<bool>().prop_map(Document::Bool),
            any_number().prop_map(Document::Number),
            any_string().prop_map(Document::String),
        ];
        leaf.prop_recursive(5, 48, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Document::Array),
                prop::collection::btree_map(any_string(), inner, 0..8).prop_map(Document::Object),
            ]
        })
    }

    /// A document so small that another one like it is often the same, or nearly.
    pub fn tiny() -> impl Strategy<Value = Document> {
        let name = prop::sample::select(vec!["", "a", "b", "\n", "1"]).prop_map(String::from);
        let leaf = prop_oneof![
            Just(Document::Null),
            prop::sample::select(vec![0.0, 1.0, -1.0, 1e21, 0.1]).prop_map(Document::Number),
            name.clone().prop_map(Document::String),
        ];
        leaf.prop_recursive(3, 6, 2, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Document::Array),
                prop::collection::btree_map(name.clone(), inner, 0..3).prop_map(Document::Object),
            ]
        })
    }

    /// What the oracle takes.
    pub fn to_value(&self) -> serde_json::Value {
        match self {
            Document::Null => serde_json::Value::Null,
            Document::Bool(value) => (*value).into(),
            Document::Number(value) => (*value).into(),
            Document::String(value) => value.as_str().into(),
            Document::Array(elements) => elements.iter().map(Document::to_value).collect(),
            Document::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), value.to_value())).collect()
            }
        }
    }
}

/// Doubles of every size, whole numbers, and decimals as people write them.
fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |value| value.is_finite()),
        (-9_007_199_254_740_991i64..=9_007_199_254_740_991).prop_map(|value| value as f64),
        (-1000i64..1000).prop_map(|value| value as f64),
        (any::<i32>(), -12..30).prop_map(|(digits, power)| format!("{digits}e{power}").parse().unwrap()),
    ]
}

/// Strings with every kind of character that is spelled or ordered in a way of its own.
fn any_string() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => prop::char::range('a', 'e'),
        2 => any::<char>(),
        1 => prop::char::range('\0', '\u{1f}'),
        1 => prop::sample::select(vec!['"', '\\', '/', ' ', '\u{7f}', '\u{ffff}', '\u{e000}', '\u{10000}']),
    ];
    prop::collection::vec(character, 0..14).prop_map(String::from_iter)
}

/// Writes documents, and draws from a supply of choices how. Once that is used up it spells plainly, so
/// that a failing case shrinks towards the plain spelling.
pub struct Speller {
    choices: std::vec::IntoIter<u8>,
    text: String,
}

impl Speller {
    /// A supply of choices.
    pub fn choices() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 0..300)
    }

    /// The document in the spelling that the choices make.
    pub fn spell(document: &Document, choices: Vec<u8>) -> String {
        let mut speller = Speller { choices: choices.into_iter(), text: String::new() };
        speller.space();
        speller.value(document);
        speller.space();
        speller.text
    }

    /// A number below `count`; 0 is the plain choice.
    fn choose(&mut self, count: usize) -> usize {
        usize::from(self.choices.next().unwrap_or(0)) % count
    }

    fn space(&mut self) {
        let spaces = ["", "", "", " ", "\n", "\r\n\t", "    "];
        let choice = self.choose(spaces.len());
        self.text.push_str(spaces[choice]);
    }

    fn value(&mut self, document: &Document) {
        match document {
            Document::Null => self.text.push_str("null"),
            Document::Bool(value) => self.text.push_str(&value.to_string()),
            Document::Number(value) => self.number(*value),
            Document::String(value) => self.string(value),
            Document::Array(elements) => self.array(elements),
            Document::Object(members) => self.object(members),
        }
    }

    fn array(&mut self, elements: &[Document]) {
        self.text.push('[');
        for (i, element) in elements.iter().enumerate() {
            self.comma(i);
            self.value(element);
            self.space();
        }
        self.close(']');
    }

    fn object(&mut self, members: &BTreeMap<String, Document>) {
        let mut members: Vec<_> = members.iter().collect();
        self.text.push('{');
        for i in 0..members.len() {
            let chosen = i + self.choose(members.len() - i);
            members.swap(i, chosen);
            self.comma(i);
            self.string(members[i].0);
            self.space();
            self.text.push(':');
            self.space();
            self.value(members[i].1);
            self.space();
        }
        self.close('}');
    }

    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.text.push(',');
        }
        self.space();
    }

    fn close(&mut self, bracket: char) {
        self.space();
        self.text.push(bracket);
    }

    fn string(&mut self, value: &str) {
        self.text.push('"');
        for character in value.chars() {
            self.character(character);
        }
        self.text.push('"');
    }

    fn character(&mut self, character: char) {
        let short = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '/' => "\\/",
            '\u{8}' => "\\b",
            '\t' => "\\t",
            '\n' => "\\n",
            '\u{c}' => "\\f",
            '\r' => "\\r",
            _ => "",
        };
        let needs_escape = matches!(character, '"' | '\\' | '\0'..='\u{1f}');
        match self.choose(8) {
            1 if !short.is_empty() => self.text.push_str(short),
            2 => character
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| self.text += &format!("\\u{unit:04x}")),
            3 => character
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| self.text += &format!("\\u{unit:04X}")),
            _ if !needs_escape => self.text.push(character),
            _ if !short.is_empty() => self.text.push_str(short),
            _ => self.text += &format!("\\u{:04x}", u32::from(character)),
        }
    }

    fn number(&mut self, value: f64) {
        let mut plain = value.to_string();
        let is_integer = !plain.contains('.');
        if is_integer && value.abs() > 9_007_199_254_740_991.0 {
            // Without a fraction it would be an integer literal, which keeps its digits.
            plain += ".0";
        }
        let exponential = format!("{value:e}");
        let (digits, power) = exponential.split_once('e').unwrap();
        let power: i32 = power.parse().unwrap();
        let spelling = match self.choose(8) {
            1 => exponential,
            2 => format!("{value:E}"),
            3 => format!("{digits}E{power:+}"),
            4 if digits.contains('.') => format!("{digits}000e{power:04}"),
            4 => format!("{digits}.000e{power:04}"),
            5 => format!("{plain}e0"),
            6 if plain.contains('.') => format!("{plain}00000000000000000000"),
            6 => format!("{plain}.0"),
            7 if !plain.contains('.') && value != 0.0 => format!("{plain}0e-1"),
            _ => plain,
        };
        self.text.push_str(&spelling);
    }
}
