//! Effects: what is done to the keyspace, here and on every replica.

use std::borrow::Cow;

use super::super::api::context::{Context, Source};
use super::super::api::io::Io;
use super::super::api::key::Mode;
use super::super::api::string::{BorrowedString, OwnedString};
use super::super::budget::Ledger;
use super::super::stored_entry::StoredEntry;
use super::super::{runtime, waiting};
use super::found::Next;
use super::keys::{EntryKey, NamespaceKey};
use super::removal::Removal;
use super::{events, told};
use crate::core::body::Body;
use crate::core::entry::{Entry, Mark};
use crate::core::name::NamespaceName;
use crate::core::namespace::{Era, Namespace};
use crate::core::origin::Incarnation;
use crate::core::refusal::{Refusal, quoted};
use crate::core::state::Address;
use crate::protocol::apply::{Cause, Effect, Placed};

/// Carries out an effect that was decided here, and tells the replicas and the append-only file.
pub fn mutate(
    context: Context<'_>,
    namespace: BorrowedString<'_>,
    effect: &Effect<'_>,
) -> Result<(), Refusal> {
    let ledger = if effect.is_of_entries() { Ledger::open(context, namespace)? } else { None };
    if let Some(ledger) = &ledger {
        check(ledger, effect)?;
    }
    let era = Some(runtime::with(|runtime| runtime.era()));
    carry_out_in(Place { context, name: namespace, era, ledger: ledger.as_ref() }, effect)?;
    replicate(context, namespace, effect);
    ledger.into_iter().for_each(Ledger::settle);
    Ok(())
}

/// Whether a budget admits what an effect stores. That a refresh failed is kept beside what is there anyway.
fn check(ledger: &Ledger<'_>, effect: &Effect<'_>) -> Result<(), Refusal> {
    match effect {
        Effect::Set(Cause::Set | Cause::Fill | Cause::Merge | Cause::Warm, placed) => {
            let bytes = StoredEntry::bytes_of(placed.record.len());
            placed.entry().map_or(Ok(()), |entry| ledger.check(bytes, &entry))
        }
        _ => Ok(()),
    }
}

/// Stores the result of an entry in another form, where that very entry still stands, and tells as [`mutate`] does. Its
/// version alone does not tell: a write that was refused has used up none, and the next one got the same.
pub fn recode(
    context: Context<'_>,
    address: &Address<'_>,
    (incarnation, version): (Incarnation, u64),
    (result, body): (&[u8], &Body<'_>),
) {
    let (key, name) = (address.key(), OwnedString::new(address.namespace.as_str().as_bytes()));
    let placed = || {
        let entry =
            EntryKey::open(context, OwnedString::new(key.as_bytes()).borrow(), Mode::ReadUncounted).ok()?;
        let entry = entry.get()?;
        let stored = entry
            .stored()
            .filter(|stored| (stored.origin.incarnation(), stored.entry.version) == (incarnation, version))?;
        let is_compressible = !stored.entry.negative && stored.entry.weight.is_none();
        if !is_compressible || stored.entry.body.as_raw() != Some(result) {
            return None;
        }
        let mut record = Vec::new();
        Entry { body: *body, ..stored.entry }.encode(&mut record);
        let key = key.as_bytes().into();
        // It keeps the expiry of its key, or goes on without.
        Some(Placed { key, origin: entry.share_origin(), record: record.into(), kept: false })
    };
    if let Some(placed) = placed() {
        // Nothing of it can be refused: it was found where it belongs.
        let _ = mutate(context, name.borrow(), &Effect::Compress(placed));
    }
}

/// Removes entries that were opened for it, and tells as [`mutate`] does. `marks` are theirs, in their order; there is at
/// least one.
pub fn remove(
    context: Context<'_>,
    namespace: BorrowedString<'_>,
    removal: Removal<'_>,
    next: Next,
    marks: &[Mark],
) -> Result<(), Refusal> {
    let era = Some(runtime::with(|runtime| runtime.era()));
    let ledger = Ledger::open(context, namespace)?;
    let mut key = NamespaceKey::open(context, namespace, Mode::Write)?;
    let names = removal.carry_out(ledger.as_ref(), key.get());
    key.removed(next, marks, era);
    finish(context, namespace, key);
    names.iter().for_each(|name| events::removed(context, *name));
    let effect = || {
        let Next { incarnation, version } = next;
        Effect::Remove { incarnation, version, keys: names.iter().map(|name| name.bytes().into()).collect() }
    };
    // Mostly nobody waits for any of them.
    if !waiting::is_idle() {
        told::of(context, namespace, &effect());
    }
    if context.is_heard() {
        send(context, namespace, &effect());
    } else {
        count_change(context);
    }
    ledger.into_iter().for_each(Ledger::settle);
    Ok(())
}

/// Tells the replicas and the append-only file.
fn replicate(context: Context<'_>, namespace: BorrowedString<'_>, effect: &Effect<'_>) {
    // To put many effects into words takes as long as to carry them out.
    if matches!(effect, Effect::Many(_)) && !context.is_heard() {
        count_change(context);
    } else {
        send(context, namespace, effect);
    }
}

fn send(context: Context<'_>, namespace: BorrowedString<'_>, effect: &Effect<'_>) {
    send_words(context, namespace, &effect.words());
}

/// The same for an effect that was put into words.
pub(super) fn send_words(context: Context<'_>, namespace: BorrowedString<'_>, words: &[Cow<'_, [u8]>]) {
    let words: Vec<&[u8]> =
        std::iter::once(namespace.bytes()).chain(words.iter().map(|word| &word[..])).collect();
    context.replicate(c"CACHE.APPLY", &words);
}

/// Something has changed that nobody is told of; the server counts it towards its next snapshot.
pub(super) fn count_change(context: Context<'_>) {
    context.replicate_verbatim();
}

/// Writes an effect to an append-only file that is being rewritten.
pub fn emit(io: Io, namespace: &[u8], effect: &Effect<'_>) {
    let words = effect.words();
    let words: Vec<&[u8]> = words.iter().map(|word| &word[..]).collect();
    io.emit(c"CACHE.APPLY", namespace, &words);
}

/// Carries out another server's effect: first everything that can be refused, then everything that changes.
pub fn carry_out(context: Context<'_>, name: BorrowedString<'_>, effect: &Effect<'_>) -> Result<(), Refusal> {
    carry_out_in(Place { context, name, era: None, ledger: None }, effect)
}

fn carry_out_in(place: Place<'_>, effect: &Effect<'_>) -> Result<(), Refusal> {
    let Place { context, name, .. } = place;
    let mut namespace = match effect {
        Effect::Entry(_) | Effect::Compress(_) => None,
        _ => Some(NamespaceKey::open(context, name, Mode::Write)?),
    };
    let effects = if let Effect::Many(effects) = effect { effects } else { std::slice::from_ref(effect) };
    let mut done = 0usize;
    let outcome = effects.iter().try_for_each(|effect| {
        place.change(namespace.as_mut(), effect)?;
        done = done.saturating_add(1);
        Ok(())
    });
    if let Some(namespace) = namespace {
        finish(context, name, namespace);
    }
    // The namespace is closed by now: whoever is notified may do as they like.
    for effect in effects.iter().take(done) {
        events::notify(context, name, effect);
        told::of(context, name, effect);
    }
    outcome
}

/// Closes a namespace that was changed, and says so.
pub(super) fn finish(context: Context<'_>, name: BorrowedString<'_>, namespace: NamespaceKey<'_>) {
    if let Some(stored) = namespace.stored() {
        stored.meet(context.database(), name.bytes());
    }
    context.signal_modified(name);
}

/// Where effects are carried out.
#[derive(Clone, Copy)]
pub(super) struct Place<'c> {
    pub context: Context<'c>,
    /// The namespace.
    pub name: BorrowedString<'c>,
    /// None where the effect is another server's.
    pub era: Option<Era>,
    /// Where what is stored and removed is noted; none where nobody asks for it.
    pub ledger: Option<&'c Ledger<'c>>,
}

impl Place<'_> {
    pub fn change(
        self,
        namespace: Option<&mut NamespaceKey<'_>>,
        effect: &Effect<'_>,
    ) -> Result<(), Refusal> {
        let Place { name, era, .. } = self;
        match (effect, namespace) {
            (Effect::Namespace(state), Some(namespace)) => namespace.replace(state.clone().made(era)),
            (Effect::Entry(placed), _) => self.put(None, placed, Expiry::Later)?,
            (Effect::Compress(placed), _) => self.recode(placed)?,
            (Effect::Set(_, placed), Some(namespace)) => {
                let (version, mark) =
                    placed.entry().map_or((0, Mark(0)), |entry| (entry.version, entry.mark));
                check_order(namespace, placed.origin.incarnation(), version)?;
                check_apart(name, &placed.key)?;
                self.put(namespace.get(), placed, Expiry::Now)?;
                namespace.change(placed.origin.incarnation(), version, |namespace| {
                    namespace.wrote(mark, version, era);
                });
            }
            (Effect::Invalidate { key, incarnation, version, mark, left }, Some(namespace)) => {
                check_order(namespace, *incarnation, *version)?;
                check_apart(name, key)?;
                match left {
                    Some(left) => self.put(namespace.get(), left, Expiry::Now)?,
                    None => self.remove(namespace.get(), key)?,
                }
                namespace
                    .change(*incarnation, *version, |namespace| namespace.invalidated(*mark, *version, era));
            }
            (Effect::Remove { incarnation, version, keys }, Some(namespace)) => {
                check_order(namespace, *incarnation, *version)?;
                let marks = marks(name, keys)?;
                keys.iter().try_for_each(|key| self.remove(namespace.get(), key))?;
                namespace.removed(Next { incarnation: *incarnation, version: *version }, &marks, era);
            }
            (Effect::Scope { incarnation, version, scope }, Some(namespace)) => {
                check_order(namespace, *incarnation, *version)?;
                namespace.change(*incarnation, *version, |namespace| {
                    namespace.invalidated_scope(scope, *version, era);
                });
                if let Ok(name) = std::str::from_utf8(name.bytes()) {
                    runtime::with(|runtime| runtime.invalidate_origins(name, *incarnation, scope));
                }
            }
            (Effect::Dictionary { incarnation, dictionary, dropped }, Some(namespace)) => {
                namespace.install(*incarnation, dictionary, dropped)?;
            }
            (Effect::Many(_), _) | (_, None) => {}
        }
        Ok(())
    }

    fn put(self, namespace: Option<&Namespace>, placed: &Placed<'_>, expiry: Expiry) -> Result<(), Refusal> {
        self.check_place(placed.origin.namespace().as_bytes(), &placed.key)?;
        let name = OwnedString::new(&placed.key);
        let mut key = EntryKey::open(self.context, name.borrow(), Mode::Write)?;
        let before = self
            .ledger
            .zip(placed.entry())
            .map(|(ledger, left)| (ledger, ledger.replaces(namespace, &placed.key, key.get(), &left)));
        key.put(placed, self.era.is_some());
        if let (Some((ledger, before)), Some(stored)) = (before, key.get()) {
            ledger.stored(&placed.key, stored, before);
        }
        if expiry == Expiry::Now
            && let Some(vanishes_at) = placed.vanishes_at()
        {
            key.0.key.set_expiry(vanishes_at);
        }
        self.context.signal_modified(name.borrow());
        Ok(())
    }

    /// Nobody is told: what the entry says stays the same.
    fn recode(self, placed: &Placed<'_>) -> Result<(), Refusal> {
        self.check_place(placed.origin.namespace().as_bytes(), &placed.key)?;
        let name = OwnedString::new(&placed.key);
        EntryKey::open(self.context, name.borrow(), Mode::Write)?.recode(
            self.context.database(),
            placed,
            self.era.is_some(),
        );
        Ok(())
    }

    fn remove(self, namespace: Option<&Namespace>, key: &[u8]) -> Result<(), Refusal> {
        self.check_place(self.name.bytes(), key)?;
        let name = OwnedString::new(key);
        let mut key = EntryKey::open(self.context, name.borrow(), Mode::Write)?;
        if key.get().is_some() {
            self.ledger.iter().for_each(|ledger| ledger.removes(namespace, name.borrow().bytes(), key.get()));
            key.remove();
            self.context.signal_modified(name.borrow());
        }
        Ok(())
    }

    /// Whether an entry of `owner` may be changed at `key`. Only what an ordinary client sends (an append-only file that
    /// is piped in) can fail this.
    fn check_place(self, owner: &[u8], key: &[u8]) -> Result<(), Refusal> {
        let Place { context, name, era, .. } = self;
        if owner != name.bytes() {
            return Err(no_place(name, key));
        }
        let is_foreign = era.is_none() && context.is_cluster() && context.source() == Source::Client;
        if is_foreign && context.slot_of(name) != context.slot_of(OwnedString::new(key).borrow()) {
            let (key, namespace) = (quoted(key), quoted(name.bytes()));
            return Err(Refusal::syntax(format!("key {key} is not in the slot of namespace {namespace}")));
        }
        Ok(())
    }
}

/// Within one life of a namespace its clock only ever moves forward.
fn check_order(namespace: &NamespaceKey<'_>, incarnation: Incarnation, version: u64) -> Result<(), Refusal> {
    match namespace.get() {
        Some(namespace) if namespace.incarnation() == incarnation && !namespace.admits(version) => {
            let clock = namespace.clock();
            Err(Refusal::syntax(format!(
                "version {version} is not after {clock}, the clock of its namespace"
            )))
        }
        _ => Ok(()),
    }
}

/// While a namespace is open its key is nobody else's. Only an ordinary client's effect can fail this; a stored
/// entry may well be at its namespace's key, where RENAME has put it, and a file brings it back there.
fn check_apart(namespace: BorrowedString<'_>, key: &[u8]) -> Result<(), Refusal> {
    if key == namespace.bytes() { Err(no_place(namespace, key)) } else { Ok(()) }
}

/// The marks of entries, by their keys. Only an ordinary client's effect can fail this.
fn marks(namespace: BorrowedString<'_>, keys: &[Cow<'_, [u8]>]) -> Result<Vec<Mark>, Refusal> {
    let name = NamespaceName::parse(namespace.bytes())?;
    let mark = |key: &Cow<'_, [u8]>| {
        let address = Address::of_key(name, key).filter(|_| key[..] != *namespace.bytes());
        address.map(|address| address.mark()).ok_or_else(|| no_place(namespace, key))
    };
    keys.iter().map(mark).collect()
}

fn no_place(namespace: BorrowedString<'_>, key: &[u8]) -> Refusal {
    let (key, namespace) = (quoted(key), quoted(namespace.bytes()));
    Refusal::syntax(format!("key {key} is no place for an entry of namespace {namespace}"))
}

/// Who sets the expiry of a key.
#[derive(PartialEq, Eq)]
enum Expiry {
    Now,
    /// The file that is being loaded does so next.
    Later,
}
