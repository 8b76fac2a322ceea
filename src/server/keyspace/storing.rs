//! Many entries that are stored at once, each made in the block of memory in which it will stay.

use super::super::api::context::Context;
use super::super::api::key::Mode;
use super::super::api::string::{BorrowedString, OwnedString};
use super::super::budget::{self, Ledger};
use super::super::stored_entry::StoredEntry;
use super::super::{runtime, waiting};
use super::effects::{Place, count_change, finish, send_words};
use super::keys::{EntryKey, NamespaceKey};
use super::{Next, events, told};
use crate::core::entry::{Entry, Mark};
use crate::core::instant::Instant;
use crate::core::namespace::Era;
use crate::core::refusal::Refusal;
use crate::core::state::Address;
use crate::protocol::apply::{Cause, Effect, Placed, many};

/// What is to be done at one of many entries, decided and not done yet.
pub enum Change {
    Store(Made),
    /// Anything else.
    Other(Box<Effect<'static>>),
}

/// An entry that was made, and its key.
pub struct Made {
    name: OwnedString,
    /// None once it is stored.
    entry: Option<StoredEntry>,
    next: Next,
    mark: Mark,
    ends_at: Option<Instant>,
    /// Whether it stays when that comes, until the module removes it.
    kept: bool,
}

impl Made {
    /// None where it is longer than any entry can be.
    pub fn new(name: OwnedString, address: &Address<'_>, next: Next, entry: &Entry<'_>) -> Option<Self> {
        let origin = runtime::with(|runtime| runtime.share_origin(address, next.incarnation));
        let made = StoredEntry::made(origin, entry)?;
        let kept = budget::keeps(address.namespace, entry);
        Some(Made { name, entry: Some(made), next, mark: entry.mark, ends_at: entry.ends_at(), kept })
    }

    /// Stores it, and counts that.
    fn put(
        &mut self,
        context: Context<'_>,
        namespace: &mut NamespaceKey<'_>,
        era: Option<Era>,
        ledger: Option<&Ledger<'_>>,
    ) -> Result<(), Refusal> {
        let Some(entry) = self.entry.take() else { return Ok(()) };
        let name = self.name.borrow();
        let mut key = EntryKey::open(context, name, Mode::Write)?;
        let before = ledger.zip(entry.stored()).map(|(ledger, left)| {
            (ledger, ledger.replaces(namespace.get(), name.bytes(), key.get(), &left.entry))
        });
        key.put_stored(entry, self.ends_at.filter(|_| !self.kept));
        if let (Some((ledger, before)), Some(stored)) = (before, key.get()) {
            ledger.stored(name.bytes(), stored, before);
        }
        context.signal_modified(name);
        let Next { incarnation, version } = self.next;
        namespace.change(incarnation, version, |namespace| namespace.wrote(self.mark, version, era));
        Ok(())
    }

    /// The same as an effect; none once it is stored.
    fn effect(&self, cause: Cause) -> Option<Effect<'_>> {
        let entry = self.entry.as_ref()?;
        let (key, record) = (self.name.borrow().bytes().into(), entry.record().into());
        Some(Effect::Set(cause, Placed { key, origin: entry.share_origin(), record, kept: self.kept }))
    }
}

impl Change {
    /// Whether a budget admits what it stores.
    fn check(&self, ledger: &Ledger<'_>) -> Result<(), Refusal> {
        let Change::Store(Made { entry: Some(entry), .. }) = self else { return Ok(()) };
        let bytes = StoredEntry::bytes_of(entry.record().len());
        entry.stored().map_or(Ok(()), |stored| ledger.check(bytes, &stored.entry))
    }

    fn effect(&self, cause: Cause) -> Option<Effect<'_>> {
        match self {
            Change::Store(made) => made.effect(cause),
            Change::Other(effect) => Some((**effect).clone()),
        }
    }
}

/// Carries out changes of which none can be refused any more, in their order, and tells as
/// [`mutate`](super::mutate) does. They are carried out whole before anybody is called back.
pub fn store(
    context: Context<'_>,
    name: BorrowedString<'_>,
    cause: Cause,
    mut changes: Vec<Change>,
) -> Result<(), Refusal> {
    let ledger = Ledger::open(context, name)?;
    if let Some(ledger) = &ledger {
        changes.iter().try_for_each(|change| change.check(ledger))?;
    }
    // What is stored is the server's: whoever is to read it does so before.
    let words = context.is_heard().then(|| many(|| changes.iter().filter_map(|change| change.effect(cause))));
    if !waiting::is_idle() {
        let effects = changes.iter().filter_map(|change| change.effect(cause));
        effects.for_each(|effect| told::of(context, name, &effect));
    }
    let era = Some(runtime::with(|runtime| runtime.era()));
    let mut namespace = NamespaceKey::open(context, name, Mode::Write)?;
    for change in &mut changes {
        match change {
            Change::Store(made) => made.put(context, &mut namespace, era, ledger.as_ref())?,
            Change::Other(effect) => {
                let place = Place { context, name, era, ledger: ledger.as_ref() };
                place.change(Some(&mut namespace), effect)?;
            }
        }
    }
    finish(context, name, namespace);
    for change in &changes {
        match change {
            Change::Store(made) => events::written(context, cause, made.name.borrow()),
            Change::Other(effect) => events::notify(context, name, effect),
        }
    }
    match words {
        Some(words) => send_words(context, name, &words),
        None => count_change(context),
    }
    ledger.into_iter().for_each(Ledger::settle);
    Ok(())
}
