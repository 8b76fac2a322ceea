//! Keys that hold a namespace, an entry, or nothing.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use libc::c_void;

use super::super::api::context::Context;
use super::super::api::key::{Content, Key, Mode, ValueType};
use super::super::api::string::BorrowedString;
use super::super::entry_type::ENTRY_TYPE;
use super::super::namespace_type::{HeldNamespace, NAMESPACE_TYPE, StoredNamespace};
use super::super::stored_entry::StoredEntry;
use super::super::{near, runtime};
use super::found::Next;
use crate::core::compression::dictionary::Dictionary;
use crate::core::entry::Mark;
use crate::core::instant::Instant;
use crate::core::namespace::{Era, Namespace};
use crate::core::origin::{Incarnation, Origin};
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

/// A value of one of our types, or nothing, at a key that was opened for reading and is closed again.
///
/// A value stays where it is until somebody removes or replaces it. While these are held, nobody does: whoever changes
/// something lets go of what it has found before, and to open another key lets none vanish but that one, where its time
/// is over. The same key may be opened twice meanwhile, but only by a command, during which time stands still.
#[derive(Clone, Copy)]
struct Standing<'a> {
    value: Option<NonNull<c_void>>,
    found: PhantomData<&'a c_void>,
}

impl<'a> Standing<'a> {
    fn of(key: TypedKey<'a>) -> Self {
        Standing { value: key.value, found: PhantomData }
    }
}

/// The namespace that was found at a key.
#[derive(Clone, Copy)]
pub struct FoundNamespace<'a>(Standing<'a>);

impl<'a> FoundNamespace<'a> {
    pub fn look(context: Context<'a>, name: BorrowedString<'_>, mode: Mode) -> Result<Self, Refusal> {
        NamespaceKey::open(context, name, mode).map(|key| FoundNamespace(Standing::of(key.0)))
    }

    pub fn stored(&self) -> Option<&StoredNamespace> {
        // SAFETY: a value of the namespace type, alive and unchanged as long as it is held: see `Standing`.
        self.0.value.as_ref().map(|value| unsafe { StoredNamespace::from_value(value) })
    }

    pub fn get(&self) -> Option<&Namespace> {
        self.stored().map(StoredNamespace::namespace)
    }

    /// One that was not looked up now.
    ///
    /// # Safety
    ///
    /// `value` must be of [`NAMESPACE_TYPE`], and stand at its key.
    pub unsafe fn near(value: NonNull<c_void>) -> Self {
        FoundNamespace(Standing { value: Some(value), found: PhantomData })
    }

    /// A handle of its own; none where there is no namespace.
    pub fn hold(&self) -> Option<HeldNamespace> {
        // SAFETY: alive: see `Standing`.
        self.0.value.map(|value| unsafe { StoredNamespace::hold(value) })
    }
}

/// The entry that was found at a key.
#[derive(Clone, Copy)]
pub struct FoundEntry<'a>(Standing<'a>);

impl<'a> FoundEntry<'a> {
    #[inline]
    pub fn look(context: Context<'a>, name: BorrowedString<'_>) -> Result<Self, Refusal> {
        EntryKey::open(context, name, Mode::Read).map(|key| FoundEntry(Standing::of(key.0)))
    }

    /// One that was not looked up now.
    ///
    /// # Safety
    ///
    /// `value` must be of [`ENTRY_TYPE`], and stand at its key.
    pub unsafe fn near(value: NonNull<c_void>) -> Self {
        FoundEntry(Standing { value: Some(value), found: PhantomData })
    }

    /// Its origin, which stays as long as it does.
    #[inline]
    pub fn origin(&self) -> Option<&'a Origin> {
        // SAFETY: a value of the entry type, alive for 'a: see `Standing`.
        self.0.value.map(|value| unsafe { StoredEntry::origin_of(value) })
    }

    #[inline]
    pub fn get(&self) -> Option<&StoredEntry> {
        // SAFETY: a value of the entry type, alive and unchanged (but for its count of hits) as long as it is held: see
        // `Standing`.
        self.0.value.as_ref().map(|value| unsafe { StoredEntry::from_value(value) })
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
        self.stored().map(StoredNamespace::namespace)
    }

    /// Whether core lets it vanish at some instant: nothing of ours does that.
    pub fn expires(&self) -> bool {
        self.0.key.expires()
    }

    /// Changes the namespace, which is made anew where it is absent or of another life.
    pub fn change(&mut self, incarnation: Incarnation, version: u64, change: impl FnOnce(&mut Namespace)) {
        match self.0.value {
            Some(value) if self.get().is_some_and(|namespace| namespace.incarnation() == incarnation) => {
                // SAFETY: as in `stored`; `change` is pure and calls nobody.
                unsafe { StoredNamespace::from_value(&value).change(change) };
            }
            _ => {
                let mut namespace = Namespace::starting_at(incarnation, version);
                change(&mut namespace);
                self.replace(namespace);
            }
        }
    }

    /// Records that entries with these marks, at least one, were invalidated: the first of them by `next`.
    pub fn removed(&mut self, next: Next, marks: &[Mark], era: Option<Era>) {
        let last = next.version.saturating_add(marks.len().saturating_sub(1) as u64);
        self.change(next.incarnation, last, |namespace| {
            for (version, mark) in (next.version..).zip(marks) {
                namespace.invalidated(*mark, version, era);
            }
        });
    }

    /// Gives the namespace a dictionary; nothing happens where there is none, or it is of another life.
    pub fn install(
        &mut self,
        incarnation: Incarnation,
        dictionary: &Arc<Dictionary>,
        dropped: &[u32],
    ) -> Result<(), Refusal> {
        let Some(namespace) = self.get().filter(|namespace| namespace.incarnation() == incarnation) else {
            return Ok(());
        };
        if !namespace.dictionaries().admits(dictionary, dropped) {
            let number = dictionary.number();
            return Err(Refusal::syntax(format!(
                "dictionary {number} is not after those of its namespace, or is one too many"
            )));
        }
        let clock = namespace.clock();
        self.change(incarnation, clock, |namespace| namespace.install(Arc::clone(dictionary), dropped));
        Ok(())
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

    /// Puts an entry there; `is_trusted` where its record was made here.
    pub fn put(&mut self, placed: &Placed<'_>, is_trusted: bool) {
        let origin = runtime::with(|runtime| runtime.share(&placed.origin));
        let make = if is_trusted { StoredEntry::new } else { StoredEntry::checked };
        if let Some(entry) = make(origin, &placed.record) {
            self.set(entry);
        }
    }

    /// Puts the same entry there in another stored form, where that very one stands and is not compressed yet.
    pub fn recode(&mut self, database: i32, placed: &Placed<'_>, is_trusted: bool) {
        let Some(old) = self.get().filter(|old| old.is_raw_form_of(placed)) else { return };
        let make = if is_trusted { StoredEntry::new } else { StoredEntry::checked };
        let Some(entry) = make(old.share_origin(), &placed.record) else { return };
        entry.take_over(old);
        near::unlinked(old, database);
        let value = entry.into_value();
        // SAFETY: a value of that type, given away. What was there is given back, or the new one is not taken; either was
        // given by `into_value`, and is ours again.
        unsafe {
            let replaced = self.0.key.replace_value(&ENTRY_TYPE, value);
            drop(StoredEntry::reclaim(replaced.unwrap_or(value)));
            self.0.value = replaced.map_or(self.0.value, |_| Some(value));
        }
    }

    /// Puts an entry there that ends at an instant, if at any.
    pub fn put_stored(&mut self, entry: StoredEntry, ends_at: Option<Instant>) {
        self.set(entry);
        if let Some(ends_at) = ends_at {
            self.0.key.set_expiry(ends_at);
        }
    }

    fn set(&mut self, entry: StoredEntry) {
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
