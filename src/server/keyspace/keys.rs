//! Keys that hold a namespace, an entry, or nothing.

use std::ptr::NonNull;

use libc::c_void;

use super::super::api::context::Context;
use super::super::api::key::{Content, Key, Mode, ValueType};
use super::super::api::string::BorrowedString;
use super::super::entry_type::{ENTRY_TYPE, StoredEntry};
use super::super::namespace_type::{NAMESPACE_TYPE, StoredNamespace};
use super::super::runtime;
use crate::core::namespace::Namespace;
use crate::core::origin::Incarnation;
use crate::core::refusal::{Code, Refusal, quoted};
use crate::protocol::apply::Placed;

/// A key that holds a value of one of our types, or nothing.
pub struct TypedKey<'a> {
    pub key: Key<'a>,
    value: Option<NonNull<c_void>>,
}

impl<'a> TypedKey<'a> {
    #[inline]
    pub fn open(
        context: Context<'a>,
        name: BorrowedString<'_>,
        mode: Mode,
        value_type: &ValueType,
        what: &str,
    ) -> Result<Self, Refusal> {
        let key = Key::open(context, name, mode);
        let value = match key.content(value_type) {
            Content::Nothing => None,
            Content::Value(value) => Some(value),
            Content::Other => return Err(wrong_type(name, what)),
        };
        Ok(TypedKey { key, value })
    }
}

#[cold]
fn wrong_type(name: BorrowedString<'_>, what: &str) -> Refusal {
    let name = quoted(name.bytes());
    let message = format!("key {name} holds another kind of value: {what} or nothing is accepted");
    Refusal::new(Code::WrongType, message)
}

/// The key of a namespace.
pub struct NamespaceKey<'a>(TypedKey<'a>);

impl<'a> NamespaceKey<'a> {
    pub fn open(context: Context<'a>, name: BorrowedString<'_>, mode: Mode) -> Result<Self, Refusal> {
        TypedKey::open(context, name, mode, &NAMESPACE_TYPE, "a namespace").map(NamespaceKey)
    }

    pub fn stored(&self) -> Option<&StoredNamespace> {
        // SAFETY: a live value of the namespace type. Whoever changes it does so through `change`, and holds
        // the key exclusively meanwhile.
        self.0.value.as_ref().map(|value| unsafe { StoredNamespace::from_value(value) })
    }

    pub fn get(&self) -> Option<&Namespace> {
        self.stored().map(|stored| &stored.namespace)
    }

    /// Changes the namespace, which is made anew where it is absent or of another life.
    pub fn change(&mut self, incarnation: Incarnation, version: u64, change: impl FnOnce(&mut Namespace)) {
        match self.0.value {
            Some(value) if self.get().is_some_and(|namespace| namespace.incarnation() == incarnation) => {
                // SAFETY: as in `stored`; `change` is pure and calls nobody.
                change(unsafe { &mut (*value.cast::<StoredNamespace>().as_ptr()).namespace });
            }
            _ => {
                let mut namespace = Namespace::starting_at(incarnation, version);
                change(&mut namespace);
                self.replace(namespace);
            }
        }
    }

    pub fn replace(&mut self, namespace: Namespace) {
        let value = StoredNamespace::new(namespace).into_value();
        // SAFETY: a value of that type, given away.
        unsafe { self.0.key.set_value(&NAMESPACE_TYPE, value) };
        self.0.value = Some(value);
    }
}

/// The key of an entry.
pub struct EntryKey<'a>(pub TypedKey<'a>);

impl<'a> EntryKey<'a> {
    pub fn open(context: Context<'a>, name: BorrowedString<'_>, mode: Mode) -> Result<Self, Refusal> {
        TypedKey::open(context, name, mode, &ENTRY_TYPE, "an entry").map(EntryKey)
    }

    pub fn get(&self) -> Option<&StoredEntry> {
        // SAFETY: a live value of the entry type, which is never changed but for its count of hits.
        self.0.value.as_ref().map(|value| unsafe { StoredEntry::from_value(value) })
    }

    pub fn put(&mut self, placed: &Placed<'_>) {
        let origin = runtime::with(|runtime| runtime.share(&placed.origin));
        let Some(entry) = StoredEntry::new(origin, &placed.record) else { return };
        let value = entry.into_value();
        // SAFETY: a value of that type, given away.
        unsafe { self.0.key.set_value(&ENTRY_TYPE, value) };
        self.0.value = Some(value);
    }

    pub fn remove(&mut self) {
        self.0.key.delete();
        self.0.value = None;
    }
}
