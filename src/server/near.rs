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
//! What has ended by its own instants is left to core, which deletes it.
//!
//! Core counts no `keyspace_hits` for what is found here, and notes no use. So where it evicts by the time of the last use,
//! an entry is found here only in a second in which its key was opened before; that is as fine as core's own clock of uses.
//! Where it evicts by how often keys are used, nothing is.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, RandomState};
use std::ptr::NonNull;

use libc::c_void;

use super::api::context::Context;
use super::api::key::Mode;
use super::api::string::OwnedString;
use super::entry_type::{HeldEntry, StoredEntry};
use super::keyspace::{EntryKey, FoundEntry, FoundNamespace};
use super::namespace_type::HeldNamespace;
use crate::core::budget::claim::Used;
use crate::core::entry::Mark;
use crate::core::instant::Instant;
use crate::core::name::NamespaceName;
use crate::core::places::{Places, WAYS};
use crate::core::state::Address;

/// How many entries are remembered at most.
const ENTRIES: usize = 1 << 18;

/// How many namespaces.
const NAMESPACES: usize = 1 << 8;

/// Used by the main thread only; no borrow is held across a call into the server.
struct Near {
    secret: RandomState,
    entries: RefCell<Places<u64, HeldEntry>>,
    namespaces: RefCell<Places<u64, HeldNamespace>>,
    uses: Cell<Uses>,
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

    /// Of an entry there. Its address is compared by whoever finds it.
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
    mark: Mark,
    now: Instant,
) -> Option<(FoundNamespace<'a>, FoundEntry<'a>)> {
    let (namespace, entry) = find_values(whereabouts, mark, now)?;
    // SAFETY: they are of these types, and stand at their keys: see above.
    Some(unsafe { (FoundNamespace::near(namespace), FoundEntry::near(entry)) })
}

fn find_values(
    whereabouts: Whereabouts,
    mark: Mark,
    now: Instant,
) -> Option<(NonNull<c_void>, NonNull<c_void>)> {
    NEAR.with(|near| {
        let held = near.entries.borrow().find(whereabouts.key(mark))?.get()?;
        let namespace = near.namespaces.borrow().find(whereabouts.0)?.get()?;
        let is_noted = match near.uses.get() {
            Uses::Nothing => true,
            // SAFETY: of this type, and alive, since it is held.
            Uses::Last => unsafe { StoredEntry::from_value(&held) }.used().is_within_second_of(Used::at(now)),
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
    let key = whereabouts.key(address.mark());
    let admits = |near: &Near| {
        near.uses.get() != Uses::Each && !entry.is_held() && near.entries.borrow_mut().admits(key)
    };
    if !NEAR.with(admits) || !is_as_it_says(context, address, entry) {
        return;
    }
    let Some(held) = entry.hold() else { return };
    let replaced = NEAR.with(|near| {
        let mut namespaces = near.namespaces.borrow_mut();
        let is_known = namespaces.find(whereabouts.0).is_some_and(|held| held.get().is_some());
        if !is_known && let Some(held) = namespace.hold() {
            namespaces.forget(whereabouts.0, |_| true);
            if namespaces.admits(whereabouts.0) {
                namespaces.put(whereabouts.0, held);
            }
        }
        let mut entries = near.entries.borrow_mut();
        (entries.forget(key, |_| true), entries.put(key, held))
    });
    drop(replaced);
}

/// Whether that very entry stands at the key, and core lets it live as long as it says itself.
fn is_as_it_says(context: Context<'_>, address: &Address<'_>, entry: &StoredEntry) -> bool {
    let name = OwnedString::new(address.key().as_bytes());
    let Ok(key) = EntryKey::open(context, name.borrow(), Mode::Sample) else { return false };
    let is_same = key.get().is_some_and(|found| found.is(entry));
    let ends_at = entry.stored().and_then(|stored| stored.entry.ends_at());
    let outlives = match (key.0.key.expiry(), ends_at) {
        (None, _) => true,
        (Some(expiry), Some(ends_at)) => expiry >= ends_at,
        (Some(_), None) => false,
    };
    is_same && outlives
}

/// An entry that is held loses its key.
pub fn unlinked(entry: &StoredEntry, database: i32) {
    let Some(stored) = entry.stored() else { return };
    let key = Whereabouts::of(database, stored.origin.namespace().as_bytes()).key(stored.entry.mark);
    drop(NEAR.with(|near| near.entries.borrow_mut().forget(key, |held| held.is(entry))));
}

/// A namespace loses its key.
pub fn namespace_unlinked(database: i32, name: &[u8]) {
    let key = Whereabouts::of(database, name).0;
    drop(NEAR.with(|near| near.namespaces.borrow_mut().forget(key, |_| true)));
}

/// Somebody gave a key another expiry: where it may be that of an entry, it is not known any more how long that lives.
pub fn expiry_changed(database: i32, key: &[u8]) {
    let inner = key.strip_prefix(b"result:").unwrap_or_default();
    let name = match inner.strip_prefix(b"{").map(|rest| rest.split(|byte| *byte == b'}').next()) {
        Some(name) => name.unwrap_or_default(),
        // A namespace with a hash tag of its own: where its name ends, nothing says.
        None if inner.contains(&b'{') => return clear(),
        None => return,
    };
    let address = NamespaceName::parse(name).ok().and_then(|name| Address::of_key(name, key));
    if let Some(address) = address {
        let key = Whereabouts::of(database, name).key(address.mark());
        drop(NEAR.with(|near| near.entries.borrow_mut().forget(key, |_| true)));
    }
}

/// What stood where is not known any more.
pub fn clear() {
    let held = NEAR.with(|near| {
        let empty = (Places::new(ENTRIES / WAYS), Places::new(NAMESPACES / WAYS));
        (near.entries.replace(empty.0), near.namespaces.replace(empty.1))
    });
    drop(held);
}
