//! Frees the memory of entries that an invalidation, or the end of their namespace, has made absent.
//!
//! It looks through a database in slices, only after something died there, only on a primary, and never while nothing may
//! be replicated. What it finds it removes with UNLINK, which replicas and files are told as it is.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::Arc;

use libc::c_void;
use redis_module::raw;

use super::api::context::Context;
use super::api::key::Mode;
use super::api::scan::Cursor;
use super::api::string::{BorrowedString, OwnedString};
use super::api::timer::Timer;
use super::budget::{self, Going, Recorder};
use super::entry_type::ENTRY_TYPE;
use super::guard::guarded;
use super::keyspace::FoundNamespace;
use super::stored_entry::StoredEntry;
use super::{counting, keyspace, runtime};
use crate::core::body::Body;
use crate::core::budget::removal::Cause::Invalidated;
use crate::core::entry::Entry;
use crate::core::name::NamespaceName;
use crate::core::origin::Origin;
use crate::core::state::Address;
use crate::core::stats::Counter;
use crate::core::stats::departed::Cause;
use crate::core::sweep::{Sweep, rest_us};

/// The longest that a slice looks, in microseconds; what it has found is then removed.
const SLICE_US: u64 = 500;

/// How many entries a slice removes at most: about half a millisecond's work.
const SLICE_DEAD: usize = 256;

/// How long to wait where nothing may be replicated just now, or slots are moving, in milliseconds.
const POSTPONED_MS: u64 = 250;

/// The state of the sweep. Used by the main thread only; no borrow is held across a call into the server.
struct Sweeping {
    sweep: RefCell<Sweep>,
    cursor: RefCell<Option<Cursor>>,
    /// Keys that were looked at, and are still there, since the turn of the current database began.
    kept: Cell<u64>,
    timer_is_set: Cell<bool>,
}

thread_local! {
    static SWEEPING: Sweeping = Sweeping {
        sweep: RefCell::default(),
        cursor: RefCell::default(),
        kept: Cell::new(0),
        timer_is_set: Cell::new(false),
    };
}

/// Something died in a database.
pub fn ask(database: i32) {
    SWEEPING.with(|sweeping| sweeping.sweep.borrow_mut().ask(database));
    arm(1);
}

/// Two databases changed places.
pub fn swap(one: i32, other: i32) {
    SWEEPING.with(|sweeping| {
        sweeping.sweep.borrow_mut().swap(one, other);
        let cursor = sweeping.cursor.borrow_mut().take();
        drop(cursor);
        sweeping.kept.set(0);
    });
}

/// Keys that are still to be looked at, roughly.
pub fn pending(context: Context<'_>) -> u64 {
    let (databases, kept) = SWEEPING
        .with(|sweeping| (sweeping.sweep.borrow().databases().collect::<Vec<_>>(), sweeping.kept.get()));
    let keys =
        databases.into_iter().map(|database| if context.select(database) { context.keys() } else { 0 });
    keys.sum::<u64>().saturating_sub(kept)
}

/// Goes on where there is something to do: after a change of role, too.
pub fn resume() {
    let asked = SWEEPING.with(|sweeping| sweeping.sweep.borrow().databases().next().is_some());
    if asked {
        arm(1);
    }
}

fn arm(in_ms: u64) {
    SWEEPING.with(|sweeping| {
        if !sweeping.timer_is_set.get() {
            sweeping.timer_is_set.set(Timer::start(in_ms, on_timer).is_some());
        }
    });
}

unsafe extern "C" fn on_timer(context: *mut raw::RedisModuleCtx, _data: *mut c_void) {
    let rest_ms = guarded(Some(POSTPONED_MS), || {
        SWEEPING.with(|sweeping| sweeping.timer_is_set.set(false));
        // SAFETY: the server passes a context that is good until this returns.
        let context = unsafe { Context::new(context) }?;
        if context.is_replica() || runtime::with(|runtime| runtime.sweep_disabled.get()) {
            // A replica frees what its primary says. Whatever ends this resumes the sweep.
            return None;
        }
        if context.avoids_replica_traffic() {
            return Some(POSTPONED_MS);
        }
        slice(context)
    });
    if let Some(rest_ms) = rest_ms {
        guarded((), || arm(rest_ms));
    }
}

/// An entry that was met.
struct Met {
    origin: Arc<Origin>,
    /// Its record, but for the result.
    head: Vec<u8>,
}

/// Looks at some keys, and removes what is dead; how long to rest then, in milliseconds, none where nothing is left.
fn slice(context: Context<'_>) -> Option<u64> {
    let begun = std::time::Instant::now();
    let worked_us = || u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    let database = SWEEPING.with(|sweeping| sweeping.sweep.borrow_mut().turn())?;
    let taken = SWEEPING.with(|sweeping| sweeping.cursor.borrow_mut().take());
    let mut cursor = match taken {
        Some(cursor) => cursor,
        None => {
            SWEEPING.with(|sweeping| sweeping.kept.set(0));
            Cursor::new()?
        }
    };
    context.select(database);
    let mut dead = Dead::new();
    let (mut found, mut orphans, mut looked_at, mut more) = (0usize, false, 0usize, true);
    while more && found < SLICE_DEAD && worked_us() < SLICE_US {
        let (keys, is_more) = cursor.step(context, &ENTRY_TYPE, met, |name, met: Option<Met>| {
            let Some(met) = met else { return };
            let fate = fate(context, name.borrow(), &met);
            orphans |= fate == Fate::Orphan;
            if fate != Fate::Unknown {
                dead.entry((met.origin.namespace().into(), fate)).or_default().push(name);
                found = found.saturating_add(1);
            }
        });
        looked_at = looked_at.saturating_add(keys);
        more = is_more;
    }
    if orphans && context.is_moving_slots() {
        // Their namespace may be on its way. The same keys are met again: this turn begins anew.
        SWEEPING.with(|sweeping| sweeping.kept.set(0));
        return Some(POSTPONED_MS);
    }
    let (removed, refused) = remove(context, &dead);
    let kept = (looked_at as u64).saturating_sub(removed);
    SWEEPING.with(|sweeping| {
        sweeping.kept.set(sweeping.kept.get().saturating_add(kept));
        if refused {
            sweeping.sweep.borrow_mut().ask(database);
        }
        if more {
            *sweeping.cursor.borrow_mut() = Some(cursor);
        } else {
            sweeping.sweep.borrow_mut().finish();
            sweeping.kept.set(0);
        }
    });
    let rest_ms = rest_us(worked_us(), looked_at, found).div_ceil(1000);
    Some(if refused { rest_ms.max(POSTPONED_MS) } else { rest_ms })
}

/// The keys of dead entries, by their namespaces and why they are dead.
type Dead = BTreeMap<(Box<str>, Fate), Vec<OwnedString>>;

/// What is needed to judge an entry; the server is not called here.
fn met(_name: BorrowedString<'_>, value: &NonNull<c_void>) -> Option<Met> {
    // SAFETY: a live value of the entry type, for as long as the key is open.
    let stored = unsafe { StoredEntry::from_value(value) };
    let mut head = Vec::new();
    Entry { body: Body::EMPTY, ..stored.stored()?.entry }.encode(&mut head);
    Some(Met { origin: stored.share_origin(), head })
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// Alive, or at another name than its own, where it may have been put on purpose.
    Unknown,
    /// An invalidation has overtaken it.
    Dead,
    /// Its namespace is gone, or another of that name has begun.
    Orphan,
}

fn fate(context: Context<'_>, name: BorrowedString<'_>, met: &Met) -> Fate {
    let namespace = NamespaceName::parse(met.origin.namespace().as_bytes());
    let (Ok(namespace), Some(entry)) = (namespace, Entry::decode(&met.head)) else { return Fate::Unknown };
    let is_at_home = Address::of_key(namespace, name.bytes()).is_some_and(|address| {
        address.mark() == entry.mark && address.operation.as_str() == met.origin.operation()
    });
    match keyspace::is_alive(context, &met.origin, &entry) {
        _ if !is_at_home => Fate::Unknown,
        Some(true) => Fate::Unknown,
        Some(false) => Fate::Dead,
        None => Fate::Orphan,
    }
}

/// Removes them, with calls for each namespace: in a cluster the keys of a call must be of one slot. How many were there,
/// and whether any call was refused, as where the cluster is down.
fn remove(context: Context<'_>, dead: &Dead) -> (u64, bool) {
    let (mut count, mut refused) = (0u64, false);
    for ((namespace, fate), keys) in dead {
        match take(context, namespace, keys) {
            Some(removed) => {
                count = count.saturating_add(removed);
                let cause = cause(context, namespace, *fate);
                keys.iter().for_each(|key| count_swept(context, namespace, key.borrow(), cause));
            }
            None => refused = true,
        }
    }
    (count, refused)
}

/// Removes the dead entries of a namespace, in one transaction with the record of those for which that is due; how many
/// were there, none where anything of it was refused.
fn take(context: Context<'_>, namespace: &str, keys: &[OwnedString]) -> Option<u64> {
    let records = budget::of(namespace).and_then(|budget| budget.removals);
    let Some((records, name)) = records.zip(NamespaceName::parse(namespace.as_bytes()).ok()) else {
        return context.unlink(keys);
    };
    let recorder = Recorder::open(context, name, records).ok()?;
    let namespace = OwnedString::new(namespace.as_bytes());
    let mut removed = 0u64;
    for key in keys {
        // Whoever was told of the last one may have done as they like.
        let found = FoundNamespace::look(context, namespace.borrow(), Mode::ReadUncounted).ok();
        let found = found.as_ref().and_then(FoundNamespace::get);
        let address = Address::of_key(name, key.borrow().bytes());
        let now = context.now();
        let going =
            address.and_then(|address| Going::of(context, (&address, key.clone()), found, Invalidated, now));
        let Some(going) = going else { continue };
        if !going.carry_out(context, Some(&recorder)) {
            return None;
        }
        removed = removed.saturating_add(1);
    }
    Some(removed)
}

/// Why entries of that fate are missed: those whose namespace is gone, for what became of it.
fn cause(context: Context<'_>, namespace: &str, fate: Fate) -> Cause {
    let of_namespace = || counting::cause(context.database(), namespace.as_bytes());
    (fate == Fate::Orphan).then(of_namespace).flatten().unwrap_or(Cause::Invalidated)
}

/// A dead entry was removed, and whoever misses it shall know why.
fn count_swept(context: Context<'_>, namespace: &str, key: BorrowedString<'_>, cause: Cause) {
    counting::departed(context.database(), key.bytes(), cause);
    let name = NamespaceName::parse(namespace.as_bytes());
    if let Some(address) = name.ok().and_then(|name| Address::of_key(name, key.bytes())) {
        counting::row(namespace, address.operation.as_str()).count(Counter::Swept);
    }
}
