//! A JSON text that is opened only where it is changed: the rest stays the text that it was.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::number::Number;
use crate::core::canonical::strings;
use crate::core::pointer::{Pointer, Token};
use crate::core::refusal::{Refusal, quoted};

/// A value of the document.
#[derive(Debug)]
pub enum Document<'a> {
    /// A whole value as it is spelled, without white space around it.
    Text(&'a str),
    /// A value that was spelled here: a sum, or an array with more elements.
    Made(String),
    /// Members in their order, no name twice.
    Object(Vec<Member<'a>>),
    Array(Vec<Document<'a>>),
}

/// A member of an object: its name and its value.
type Member<'a> = (String, Document<'a>);

const NULL: Document<'static> = Document::Text("null");

impl<'a> Document<'a> {
    /// Reads a JSON text; none where it is not one. No recursion, however deep it is nested.
    pub fn parse(json: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(json).ok()?;
        let value: &'a RawValue = serde_json::from_str(text).ok()?;
        Some(Document::Text(value.get()))
    }

    /// Opens an object, so that its members can be changed; none where it is not one.
    fn open_object(&mut self) -> Result<Option<&mut Vec<Member<'a>>>, Refusal> {
        let opened = match self {
            Document::Text(text) => members(text)?,
            Document::Made(text) => members(text)?
                .map(|members| members.into_iter().map(|(name, value)| (name, value.into_made())).collect()),
            _ => None,
        };
        if let Some(members) = opened {
            *self = Document::Object(members);
        }
        match self {
            Document::Object(members) => Ok(Some(members)),
            _ => Ok(None),
        }
    }

    /// Opens an array, likewise.
    fn open_array(&mut self) -> Option<&mut Vec<Document<'a>>> {
        let opened = match self {
            Document::Text(text) => elements(text),
            Document::Made(text) => {
                elements(text).map(|elements| elements.into_iter().map(Document::into_made).collect())
            }
            _ => None,
        };
        if let Some(elements) = opened {
            *self = Document::Array(elements);
        }
        match self {
            Document::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The same, of text that it owns.
    fn into_made(self) -> Document<'static> {
        Document::Made(self.into_text())
    }

    /// Applies a merge patch (RFC 7396, section 2). As deep a recursion as the patch, whose depth is bounded.
    pub fn patch(&mut self, patch: &'a str) -> Result<(), Refusal> {
        let Some(changes) = members(patch)? else {
            *self = Document::Text(patch);
            return Ok(());
        };
        if changes.is_empty() && matches!(self, Document::Text(text) if text.starts_with('{')) {
            return Ok(());
        }
        if self.open_object()?.is_none() {
            *self = Document::Object(Vec::new());
        }
        let Some(object) = self.open_object()? else { return Ok(()) };
        let mut places = Places::of(object, changes.len());
        let mut removed = HashSet::new();
        for (name, value) in changes {
            let Document::Text(value) = value else { continue };
            let place = places.find(object, &name);
            if value == "null" {
                removed.extend(place);
                continue;
            }
            let place = place.unwrap_or_else(|| places.add(object, name));
            if let Some((_, member)) = object.get_mut(place) {
                member.patch(value)?;
            }
        }
        if !removed.is_empty() {
            keep(object, |at| !removed.contains(&at));
        }
        Ok(())
    }

    /// Adds to the number at a pointer; an absent member counts as 0.
    pub fn increment(&mut self, pointer: &Pointer, number: &Number) -> Result<(), Refusal> {
        let place = self.place(pointer)?;
        let current = match &place {
            Place::Absent(_) => Some(Number::Whole(0)),
            Place::There(value) => value.as_number(),
        };
        let current =
            current.ok_or_else(|| refused(pointer, "does not lead to a number that INCR can add to"))?;
        let sum =
            current.plus(*number).ok_or_else(|| refused(pointer, "leads to a number that would overflow"))?;
        *place.make() = Document::Made(sum.spelled());
        Ok(())
    }

    /// Adds an element to the array at a pointer; an absent member counts as an empty one.
    pub fn append(&mut self, pointer: &Pointer, value: &'a str) -> Result<(), Refusal> {
        let array = match self.place(pointer)? {
            Place::There(value) => value,
            Place::Absent(absent) => {
                let made = absent.make();
                *made = Document::Text("[]");
                made
            }
        };
        array.push(value).ok_or_else(|| refused(pointer, "does not lead to an array"))
    }

    /// Adds an element to an array, which as long as it is text stays text; none where it is no array.
    fn push(&mut self, value: &'a str) -> Option<()> {
        if let Document::Text(text) = self
            && text.starts_with('[')
        {
            *self = Document::Made((*text).to_owned());
        }
        match self {
            Document::Made(text) if text.starts_with('[') => {
                text.pop();
                text.truncate(text.trim_end().len());
                if text.len() > 1 {
                    text.push(',');
                }
                text.push_str(value);
                text.push(']');
                Some(())
            }
            Document::Array(elements) => {
                elements.push(Document::Text(value));
                Some(())
            }
            _ => None,
        }
    }

    /// Where a pointer leads: to a value, or to a member that its object lacks.
    fn place<'d>(&'d mut self, pointer: &Pointer) -> Result<Place<'d, 'a>, Refusal> {
        let nowhere = || refused(pointer, "leads nowhere");
        let Some((last, parents)) = pointer.tokens().split_last() else { return Ok(Place::There(self)) };
        let mut parent = self;
        for token in parents {
            parent = parent.child(token)?.ok_or_else(nowhere)?;
        }
        if parent.open_object()?.is_none() {
            return parent.child(last)?.map(Place::There).ok_or_else(nowhere);
        }
        let object = parent.open_object()?.ok_or_else(nowhere)?;
        match object.iter().position(|(name, _)| **name == *last.name) {
            Some(at) => object.get_mut(at).map(|(_, value)| Place::There(value)).ok_or_else(nowhere),
            None => Ok(Place::Absent(Absent { object, name: last.name.to_string() })),
        }
    }

    /// The member or element that a step leads to.
    fn child(&mut self, token: &Token) -> Result<Option<&mut Document<'a>>, Refusal> {
        if self.open_object()?.is_some() {
            let found = self
                .open_object()?
                .and_then(|object| object.iter_mut().find(|(name, _)| **name == *token.name));
            return Ok(found.map(|(_, value)| value));
        }
        Ok(token.index.and_then(|index| self.open_array()?.get_mut(index)))
    }

    fn as_number(&self) -> Option<Number> {
        match self {
            Document::Text(text) => Number::parse(text.as_bytes()),
            Document::Made(text) => Number::parse(text.as_bytes()),
            Document::Object(_) | Document::Array(_) => None,
        }
    }

    /// The text again. As deep a recursion as what was opened, which a patch or a pointer bounds.
    pub fn into_text(self) -> String {
        let mut text = Vec::new();
        self.write(&mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    fn write(&self, text: &mut Vec<u8>) {
        match self {
            Document::Text(spelled) => text.extend_from_slice(spelled.as_bytes()),
            Document::Made(spelled) => text.extend_from_slice(spelled.as_bytes()),
            Document::Object(members) => {
                text.push(b'{');
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        text.push(b',');
                    }
                    strings::append(name, text);
                    text.push(b':');
                    value.write(text);
                }
                text.push(b'}');
            }
            Document::Array(elements) => {
                text.push(b'[');
                for (at, value) in elements.iter().enumerate() {
                    if at > 0 {
                        text.push(b',');
                    }
                    value.write(text);
                }
                text.push(b']');
            }
        }
    }
}

/// Where a pointer leads.
enum Place<'d, 'a> {
    There(&'d mut Document<'a>),
    Absent(Absent<'d, 'a>),
}

/// A member that its object lacks.
struct Absent<'d, 'a> {
    object: &'d mut Vec<Member<'a>>,
    name: String,
}

impl<'d, 'a> Place<'d, 'a> {
    /// The value, made as null where it is absent.
    fn make(self) -> &'d mut Document<'a> {
        match self {
            Place::There(value) => value,
            Place::Absent(absent) => absent.make(),
        }
    }
}

impl<'d, 'a> Absent<'d, 'a> {
    fn make(self) -> &'d mut Document<'a> {
        self.object.push((self.name, NULL));
        let last = self.object.len().saturating_sub(1);
        #[expect(clippy::indexing_slicing, reason = "pushed right here")]
        &mut self.object[last].1
    }
}

fn refused(pointer: &Pointer, why: &str) -> Refusal {
    Refusal::syntax(format!("pointer {} {why}", quoted(pointer.as_str().as_bytes())))
}

/// The places of an object's members by their names: looked up in a table where there is much to look up.
struct Places(Option<HashMap<String, usize>>);

/// Up to so many members are looked for one by one.
const FEW: usize = 16;

impl Places {
    fn of(object: &[Member<'_>], lookups: usize) -> Self {
        let table = || object.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
        Places((lookups > FEW).then(table))
    }

    fn find(&self, object: &[Member<'_>], name: &str) -> Option<usize> {
        match &self.0 {
            Some(table) => table.get(name).copied(),
            None => object.iter().position(|(member, _)| member == name),
        }
    }

    /// Adds a member, null for now; its place.
    fn add<'a>(&mut self, object: &mut Vec<Member<'a>>, name: String) -> usize {
        let place = object.len();
        if let Some(table) = &mut self.0 {
            table.insert(name.clone(), place);
        }
        object.push((name, NULL));
        place
    }
}

/// The members of an object in their order, of those of one name the last; none where it is no object.
///
/// # Errors
///
/// A name with an escape that is no character (a lone surrogate) is JSON, but no text that can be kept.
fn members(text: &str) -> Result<Option<Vec<Member<'_>>>, Refusal> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = Vec<Member<'de>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members: Vec<Member<'de>> = Vec::new();
            while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                members.push((name, Document::Text(value.get())));
            }
            Ok(members)
        }
    }

    if !text.starts_with('{') {
        return Ok(None);
    }
    let read = serde_json::Deserializer::from_str(text).deserialize_map(Members);
    let mut members = read.map_err(|_| {
        Refusal::syntax("the result that is there has a member name that is no text: MERGE cannot keep it")
    })?;
    keep_last_of_each_name(&mut members);
    Ok(Some(members))
}

/// The elements of an array; none where it is not one.
fn elements(text: &str) -> Option<Vec<Document<'_>>> {
    let elements: Vec<&RawValue> = text.starts_with('[').then(|| serde_json::from_str(text).ok())??;
    Some(elements.into_iter().map(|value| Document::Text(value.get())).collect())
}

/// Of members of one name every reader of JSON that we know takes the last.
fn keep_last_of_each_name(members: &mut Vec<Member<'_>>) {
    let last: HashMap<&str, usize> =
        members.iter().enumerate().map(|(at, (name, _))| (name.as_str(), at)).collect();
    if last.len() < members.len() {
        let last: HashSet<usize> = last.into_values().collect();
        keep(members, |at| last.contains(&at));
    }
}

/// Keeps the members at the places that are wanted.
fn keep(members: &mut Vec<Member<'_>>, wanted: impl Fn(usize) -> bool) {
    let mut places = 0usize..;
    members.retain(|_| places.next().is_some_and(&wanted));
}
