//! Finding what pointers lead to: one pass over the text, and no tree of it.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::{Pointer, Token};
use crate::core::canonical::Canonicalizer;

/// A string, number or boolean of a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    String(String),
    /// In its canonical spelling: `1` and `1.0` are one number, and large integers keep their digits.
    Number(String),
    Bool(bool),
}

impl Scalar {
    /// As tags and rules spell it: strings without quotes or escapes, `true` and `false`.
    pub fn text(&self) -> &str {
        match self {
            Scalar::String(text) | Scalar::Number(text) => text,
            Scalar::Bool(true) => "true",
            Scalar::Bool(false) => "false",
        }
    }
}

/// What a pointer leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing is there, or the text is not JSON.
    Missing,
    Null,
    Scalar(Scalar),
    /// An array, an object, or a number or string without a canonical form.
    Other,
}

impl Found {
    pub fn scalar(&self) -> Option<&Scalar> {
        match self {
            Found::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Judges one value, given as it is spelled.
    fn of(value: &str) -> Self {
        let scalar = match value.as_bytes().first() {
            Some(b'n') => return Found::Null,
            Some(b't') => Some(Scalar::Bool(true)),
            Some(b'f') => Some(Scalar::Bool(false)),
            Some(b'"') => serde_json::from_str(value).ok().map(Scalar::String),
            Some(b'-' | b'0'..=b'9') => {
                let mut number = Vec::new();
                let canonical = Canonicalizer::new().append(value.as_bytes(), &mut number);
                canonical.ok().and_then(|()| String::from_utf8(number).ok()).map(Scalar::Number)
            }
            _ => None,
        };
        scalar.map_or(Found::Other, Found::Scalar)
    }
}

/// What each of the pointers leads to in `json`, in their order: all `Missing` where that is no JSON text, or where
/// the way to one of them goes deeper than serde_json follows (128 levels).
///
/// Nothing is read where there are no pointers. Of members with the same name the last counts. Memory is taken for what is found, not for what is passed by.
pub fn find_all(pointers: &[&Pointer], json: &[u8]) -> Vec<Found> {
    if pointers.is_empty() {
        return Vec::new();
    }
    let mut found = vec![Found::Missing; pointers.len()];
    let wanted =
        pointers.iter().enumerate().map(|(slot, pointer)| Wanted { slot, rest: pointer.tokens() }).collect();
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let read = Search { wanted, found: &mut found }.deserialize(&mut deserializer);
    if read.and_then(|()| deserializer.end()).is_err() {
        found.fill(Found::Missing);
    }
    found
}

/// A pointer on whose way the search is: where to put what it leads to, and the steps that remain.
#[derive(Clone, Copy)]
struct Wanted<'p> {
    slot: usize,
    rest: &'p [Token],
}

impl<'p> Wanted<'p> {
    /// The same after the next step, where that is the right one.
    fn step(&self, is_right: impl Fn(&Token) -> bool) -> Option<Self> {
        let (token, rest) = self.rest.split_first()?;
        is_right(token).then_some(Wanted { slot: self.slot, rest })
    }
}

/// Reads one value, on the way to those `wanted`.
struct Search<'s, 'p> {
    wanted: Vec<Wanted<'p>>,
    found: &'s mut [Found],
}

impl Search<'_, '_> {
    fn forget(&mut self) {
        for wanted in &self.wanted {
            if let Some(found) = self.found.get_mut(wanted.slot) {
                *found = Found::Missing;
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Search<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.wanted.is_empty() {
            return IgnoredAny::deserialize(deserializer).map(drop);
        }
        let (here, beyond): (Vec<_>, Vec<_>) =
            self.wanted.into_iter().partition(|wanted| wanted.rest.is_empty());
        let further = Search { wanted: beyond, found: self.found };
        if here.is_empty() {
            return deserializer.deserialize_any(further);
        }
        let value = <&RawValue>::deserialize(deserializer)?.get();
        for wanted in here {
            if let Some(found) = further.found.get_mut(wanted.slot) {
                *found = Found::of(value);
            }
        }
        if further.wanted.is_empty() {
            return Ok(());
        }
        // A pointer to this value and one into it: the second takes another look.
        further.deserialize(&mut serde_json::Deserializer::from_str(value)).map_err(D::Error::custom)
    }
}

/// Goes into an array or object; whatever else stands there has nothing inside.
impl<'de> Visitor<'de> for Search<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(wanted) = members.next_key_seed(Name(&self.wanted))? {
            let mut search = Search { wanted, found: &mut *self.found };
            // An earlier member of this name does not count.
            search.forget();
            members.next_value_seed(search)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        for index in 0.. {
            let wanted =
                self.wanted.iter().filter_map(|wanted| wanted.step(|token| token.index == Some(index)));
            let search = Search { wanted: wanted.collect(), found: &mut *self.found };
            if elements.next_element_seed(search)?.is_none() {
                break;
            }
        }
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

/// Reads a member's name: which of those wanted go on there.
struct Name<'s, 'p>(&'s [Wanted<'p>]);

impl<'de, 'p> DeserializeSeed<'de> for Name<'_, 'p> {
    type Value = Vec<Wanted<'p>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'p> Visitor<'_> for Name<'_, 'p> {
    type Value = Vec<Wanted<'p>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().filter_map(|wanted| wanted.step(|token| *token.name == *name)).collect())
    }
}
