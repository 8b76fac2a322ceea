//! Many entries that are removed at once: each key is opened once, looked at, and removed when all have been.

use super::super::api::context::Context;
use super::super::api::key::Mode;
use super::super::api::string::BorrowedString;
use super::super::budget::Ledger;
use super::super::stored_entry::StoredEntry;
use super::keys::EntryKey;
use crate::core::namespace::Namespace;
use crate::core::refusal::Refusal;

/// The keys of entries that are about to be removed, open for writing. No key may be among them twice.
pub struct Removal<'a> {
    context: Context<'a>,
    keys: Vec<(EntryKey<'a>, BorrowedString<'a>)>,
}

impl<'a> Removal<'a> {
    /// Of so many entries, none of which is opened yet.
    pub fn of(context: Context<'a>, entries: usize) -> Self {
        Removal { context, keys: Vec::with_capacity(entries) }
    }

    /// Opens one more; returns what is there. `WRONGTYPE` where that is another kind of value.
    pub fn open(&mut self, name: BorrowedString<'a>) -> Result<Option<&StoredEntry>, Refusal> {
        self.keys.push((EntryKey::open(self.context, name, Mode::Write)?, name));
        Ok(self.keys.last().and_then(|(key, _)| key.get()))
    }

    /// Removes all that are there; returns the names of all, in order.
    pub fn carry_out(
        self,
        ledger: Option<&Ledger<'_>>,
        namespace: Option<&Namespace>,
    ) -> Vec<BorrowedString<'a>> {
        let remove = |(mut key, name): (EntryKey<'a>, BorrowedString<'a>)| {
            if key.get().is_some() {
                ledger.iter().for_each(|ledger| ledger.removes(namespace, name.bytes(), key.get()));
                key.remove();
                self.context.signal_modified(name);
            }
            name
        };
        self.keys.into_iter().map(remove).collect()
    }
}
