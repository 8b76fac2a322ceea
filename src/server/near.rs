//! What is near at hand: entries that were served lately, found without opening their keys.
//!
//! To open a key costs core more than the rest of a hit costs us: it hashes the name twice, and looks into two tables that
//! are seldom in the processor's caches. So for entries that are asked for again and again it is remembered where they
//! are, with their namespaces.
//!
//! That is sound since a value which is remembered is held: the server may let go of it at any time and on any thread, it
//! stays readable, and says so. And it is right since whatever takes a value from its key tells us before the next command
//! runs: the unlink callback of its type (DEL, expiry, eviction, overwriting, RENAME, MOVE), or an event of the server's
//! (flush, SWAPDB, loading). Where neither came, the server frees the value in the end, and then it is not found here either.
//! What has ended by its own instants is left to core, which deletes it. A key that core shall let vanish sooner is not near:
//! until it is deleted, core alone knows that it is over.
//!
//! Core counts no `keyspace_hits` for what is found here, and notes no use. So where it evicts by the time of the last use,
//! an entry is found here only in a half of a second in which its key was opened before: core's own clock of uses goes by seconds
//! and is late by a tenth, so that one in use is never two of them behind.
//! Where it evicts by how often keys are used, nothing is.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, RandomState};
use std::ptr::NonNull;

use libc::c_void;

use super::api::context::Context;
use super::api::key::Mode;
use super::api::string::OwnedString;
use super::keyspace::{EntryKey, FoundEntry, FoundNamespace, NamespaceKey};
use super::namespace_type::HeldNamespace;
use super::stored_entry::{HeldEntry, StoredEntry};
use crate::core::budget::claim::Used;
use crate::core::entry::Mark;
use crate::core::fingerprint::Fingerprint;
use crate::core::instant::Instant;
use crate::core::name::{self, MAX_NAME_BYTES, NamespaceName};
use crate::core::places::{Places, WAYS};
use crate::core::state::Address;

/// How many entries are remembered at most.
const ENTRIES: usize = 1 << 18;

/// How many namespaces.
const NAMESPACES: usize = 1 << 8;

/// Used by the main thread only; no borrow is held across a call into the server.
struct Near {
    secret: RandomState,
    entries: RefCell<Places<u64, NearEntry>>,
    namespaces: RefCell<Places<u64, HeldNamespace>>,
    uses: Cell<Uses>,
}

/// An entry, and what of its fingerprint its mark does not say.
///
/// A mark alone would not do: clients may name entries by fingerprints of their choice, and two params with one mark are found
/// in some 2^32 attempts.
struct NearEntry {
    held: HeldEntry,
    rest: Rest,
}

/// The bytes of a fingerprint behind its mark.
type Rest = [u8; 24];

fn rest(fingerprint: &Fingerprint) -> Rest {
    fingerprint.as_bytes().last_chunk().copied().unwrap_or_default()
}

/// What core wants to know of uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Uses {
    /// Nothing: it evicts nothing, or by something else.
    #[default]
    Nothing,
    /// When the last one was (LRU).
    Last,
    /// Each (LFU).
    Each,
}

thread_local! {
    static NEAR: Near = Near {
        secret: RandomState::new(),
        entries: RefCell::new(Places::new(ENTRIES / WAYS)),
        namespaces: RefCell::new(Places::new(NAMESPACES / WAYS)),
        uses: Cell::default(),
    };
}

/// A namespace in a database, hashed under a secret.
#[derive(Debug, Clone, Copy)]
pub struct Whereabouts(u64);

impl Whereabouts {
    pub fn of(database: i32, namespace: &[u8]) -> Self {
        Whereabouts(NEAR.with(|near| near.secret.hash_one((database, namespace))))
    }

    /// Of an entry there. The rest of its fingerprint is compared, and its names are by whoever finds it.
    fn key(self, mark: Mark) -> u64 {
        self.0 ^ mark.0
    }
}

/// How core evicts has changed.
pub fn set_uses(uses: Uses) {
    NEAR.with(|near| near.uses.set(uses));
}

/// What stands there, with its namespace, where both are near.
#[inline]
pub fn find<'a>(
    whereabouts: Whereabouts,
    fingerprint: &Fingerprint,
    now: Instant,
) -> Option<(FoundNamespace<'a>, FoundEntry<'a>)> {
    let (namespace, entry) = find_values(whereabouts, fingerprint, now)?;
    // SAFETY: they are of these types, and stand at their keys: see above.
    Some(unsafe { (FoundNamespace::near(namespace), FoundEntry::near(entry)) })
}

fn find_values(
    whereabouts: Whereabouts,
    fingerprint: &Fingerprint,
    now: Instant,
) -> Option<(NonNull<c_void>, NonNull<c_void>)> {
    NEAR.with(|near| {
        let entries = near.entries.borrow();
        let entry = entries.find(whereabouts.key(Mark::from(fingerprint)))?;
        let held = entry.held.get().filter(|_| entry.rest == rest(fingerprint))?;
        let namespace = near.namespaces.borrow().find(whereabouts.0)?.get()?;
        let is_noted = match near.uses.get() {
            Uses::Nothing => true,
            Uses::Last => {
                // SAFETY: of this type, and alive, since it is held.
                let entry = unsafe { StoredEntry::from_value(&held) };
                entry.used().is_within_half_second_of(Used::at(now))
            }
            Uses::Each => false,
        };
        is_noted.then_some((namespace, held))
    })
}

/// An entry was served that was not found here.
pub fn served(
    context: Context<'_>,
    whereabouts: Whereabouts,
    address: &Address<'_>,
    namespace: &FoundNamespace<'_>,
    entry: &StoredEntry,
) {
    if NEAR.with(|near| near.uses.get()) == Uses::Each {
        return;
    }
    // One that is near already may have lost its namespace: that was renamed and came back, or had no room.
    if entry.is_held() || keep(context, whereabouts, address, entry) {
        keep_namespace(context, whereabouts, address.namespace, namespace);
    }
}

/// Whether that entry is near from now on.
fn keep(context: Context<'_>, whereabouts: Whereabouts, address: &Address<'_>, entry: &StoredEntry) -> bool {
    let key = whereabouts.key(address.mark());
    if !NEAR.with(|near| near.entries.borrow_mut().admits(key)) || !is_as_it_says(context, address, entry) {
        return false;
    }
    let Some(held) = entry.hold() else { return false };
    let kept = NearEntry { held, rest: rest(&address.fingerprint) };
    let replaced = NEAR.with(|near| {
        let mut entries = near.entries.borrow_mut();
        (entries.forget(key, |_| true), entries.put(key, kept))
    });
    drop(replaced);
    true
}

/// The namespace of an entry that is near is so as well, where there is room, and core lets it live for ever.
fn keep_namespace(
    context: Context<'_>,
    whereabouts: Whereabouts,
    name: NamespaceName<'_>,
    namespace: &FoundNamespace<'_>,
) {
    let key = whereabouts.0;
    let is_wanted = |near: &Near| {
        let mut namespaces = near.namespaces.borrow_mut();
        let is_known = namespaces.find(key).is_some_and(|held| held.get().is_some());
        if !is_known {
            drop(namespaces.forget(key, |_| true));
        }
        !is_known && namespaces.admits(key)
    };
    if !NEAR.with(is_wanted) || !lasts(context, name, namespace) {
        return;
    }
    let Some(held) = namespace.hold() else { return };
    drop(NEAR.with(|near| near.namespaces.borrow_mut().put(key, held)));
}

/// Whether that very namespace stands at the key, which core does not let vanish.
fn lasts(context: Context<'_>, name: NamespaceName<'_>, namespace: &FoundNamespace<'_>) -> bool {
    let name = OwnedString::new(name.as_str().as_bytes());
    let Ok(key) = NamespaceKey::open(context, name.borrow(), Mode::Sample) else { return false };
    let is_same = key.stored().zip(namespace.stored()).is_some_and(|(one, other)| std::ptr::eq(one, other));
    is_same && !key.expires()
}

/// Whether that very entry stands at the key, and core lets it live as long as it says itself.
fn is_as_it_says(context: Context<'_>, address: &Address<'_>, entry: &StoredEntry) -> bool {
    let name = OwnedString::new(address.key().as_bytes());
    let Ok(key) = EntryKey::open(context, name.borrow(), Mode::Sample) else { return false };
    let is_same = key.get().is_some_and(|found| found.is(entry));
    let ends_at = entry.stored().and_then(|stored| stored.entry.ends_at());
    let outlives = |expiry: Instant| ends_at.is_some_and(|ends_at| expiry >= ends_at);
    is_same && key.0.key.expiry().is_none_or(outlives)
}

/// An entry that is held loses its key.
pub fn unlinked(entry: &StoredEntry, database: i32) {
    let Some(stored) = entry.stored() else { return };
    let key = Whereabouts::of(database, stored.origin.namespace().as_bytes()).key(stored.entry.mark);
    drop(NEAR.with(|near| near.entries.borrow_mut().forget(key, |near| near.held.is(entry))));
}

/// A namespace loses its key.
pub fn namespace_unlinked(database: i32, name: &[u8]) {
    let key = Whereabouts::of(database, name).0;
    drop(NEAR.with(|near| near.namespaces.borrow_mut().forget(key, |_| true)));
}

/// Somebody gave a key another expiry: where it may be that of an entry or a namespace, it is not known any more how long
/// that lives.
pub fn expiry_changed(database: i32, key: &[u8]) {
    if key.len() <= MAX_NAME_BYTES {
        namespace_unlinked(database, key);
    }
    for address in addresses(key) {
        let key = Whereabouts::of(database, address.namespace.as_str().as_bytes()).key(address.mark());
        drop(NEAR.with(|near| near.entries.borrow_mut().forget(key, |_| true)));
    }
}

/// Of which entries a key may be that: where the name of a namespace ends that has a hash tag of its own, nothing says.
fn addresses(key: &[u8]) -> impl Iterator<Item = Address<'_>> {
    let is_of_entry = name::EntryKey::fingerprint(key).is_some();
    let inner = key.strip_prefix(b"result:").filter(|_| is_of_entry).unwrap_or_default();
    let in_braces = inner.strip_prefix(b"{").and_then(|rest| rest.split(|byte| *byte == b'}').next());
    let ends = inner.iter().take(MAX_NAME_BYTES + 1).enumerate().filter(|(_, byte)| **byte == b':');
    let names = in_braces.into_iter().chain(ends.filter_map(|(end, _)| inner.get(..end)));
    names.filter_map(move |name| Address::of_key(NamespaceName::parse(name).ok()?, key))
}

/// What stood where is not known any more.
pub fn clear() {
    NEAR.with(|near| {
        near.entries.borrow_mut().clear();
        near.namespaces.borrow_mut().clear();
    });
}
