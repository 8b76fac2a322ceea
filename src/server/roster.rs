//! The namespaces that this server knows, used now and then so that eviction by core takes entries instead.
//!
//! An evicted namespace takes all its entries along. `volatile-*` policies never choose one, since namespaces have
//! no TTL. Under `allkeys-lru` and `allkeys-lfu` every lookup uses its namespace, and this timer uses the idle ones.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::ptr;

use libc::c_void;
use redis_module::raw;

use super::api::api;
use super::api::context::Context;
use super::api::key::{Content, Key, Mode};
use super::api::string::OwnedString;
use super::guard::guarded;
use super::namespace_type::NAMESPACE_TYPE;
use super::runtime::{self, Runtime};

/// How often a slice of the roster is used, in milliseconds.
const TICK_MS: i64 = 100;

/// In how many ticks all of it is, where it is no longer than that many slices: a second, the resolution of LRU.
const TICKS: usize = 10;

/// How many namespaces a tick uses at most: about a millisecond's work, a hundredth of the time.
const SLICE: usize = 2000;

/// Where a namespace was met: database and name.
type Place = (i32, Box<[u8]>);

/// Each namespace that was met, and has not been deleted since.
#[derive(Debug, Default)]
pub struct Roster {
    places: BTreeSet<Place>,
    /// The one that was used last, behind which the next turn begins; none at the front.
    last: Option<Place>,
}

impl Roster {
    pub fn add(&mut self, database: i32, name: &[u8]) {
        self.places.insert((database, name.into()));
    }

    /// The databases that have any.
    pub fn databases(&self) -> BTreeSet<i32> {
        self.places.iter().map(|(database, _)| *database).collect()
    }

    /// Whether a namespace was met there.
    pub fn knows(&self, database: i32, name: &[u8]) -> bool {
        self.places.contains(&(database, name.into()))
    }

    /// The databases in which a namespace was met. So many steps as there are databases with any.
    pub fn databases_of(&self, name: &[u8]) -> Vec<i32> {
        let mut databases = Vec::new();
        let mut from = (i32::MIN, Box::default());
        while let Some((database, _)) = self.places.range(from..).next() {
            if self.places.contains(&(*database, name.into())) {
                databases.push(*database);
            }
            from = (database.saturating_add(1), Box::default());
        }
        databases
    }

    pub fn remove(&mut self, database: i32, name: &[u8]) {
        self.places.remove(&(database, name.into()));
    }

    /// A database was flushed; none is all of them.
    pub fn flush(&mut self, database: Option<i32>) {
        self.places.retain(|&(place, _)| database.is_some_and(|flushed| flushed != place));
    }

    /// Two databases changed places.
    pub fn swap(&mut self, one: i32, other: i32) {
        let places = std::mem::take(&mut self.places);
        self.places = places
            .into_iter()
            .map(|(database, name)| match database {
                _ if database == one => (other, name),
                _ if database == other => (one, name),
                _ => (database, name),
            })
            .collect();
        self.last = None;
    }

    /// Those whose turn it is.
    fn next_slice(&mut self) -> Vec<Place> {
        let slice = self.places.len().div_ceil(TICKS).min(SLICE);
        let behind = self.last.take().map_or(Bound::Unbounded, Bound::Excluded);
        let places: Vec<Place> = self.places.range((behind, Bound::Unbounded)).take(slice).cloned().collect();
        if places.len() == slice {
            self.last = places.last().cloned();
        }
        places
    }
}

/// Starts the timer.
pub fn start(context: Context<'_>) {
    // SAFETY: the callback is good for ever and takes no data.
    unsafe { api!(RedisModule_CreateTimer(context.as_ptr(), TICK_MS, Some(on_tick), ptr::null_mut())) };
}

unsafe extern "C" fn on_tick(context: *mut raw::RedisModuleCtx, _data: *mut c_void) {
    guarded((), || {
        // SAFETY: the server passes a context that is good until this returns.
        let Some(context) = (unsafe { Context::new(context) }) else { return };
        runtime::with(Runtime::sweep_origins);
        if runtime::with(|runtime| runtime.eviction_by_use.get()) {
            for (database, name) in runtime::with(|runtime| runtime.roster.borrow_mut().next_slice()) {
                if !is_there_and_used(context, database, &name) {
                    runtime::with(|runtime| runtime.roster.borrow_mut().remove(database, &name));
                }
            }
        }
        start(context);
    });
}

/// Uses the namespace; whether it is there.
fn is_there_and_used(context: Context<'_>, database: i32, name: &[u8]) -> bool {
    if !context.select(database) {
        return false;
    }
    let name = OwnedString::new(name);
    let key = Key::open(context, name.borrow(), Mode::ReadUncounted);
    let is_there = matches!(key.content(&NAMESPACE_TYPE), Content::Value(_));
    if is_there {
        key.mark_used();
    }
    is_there
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(roster: &mut Roster) -> Vec<i32> {
        roster.next_slice().into_iter().map(|(database, _)| database).collect()
    }

    #[test]
    fn a_short_roster_takes_all_its_ticks_and_a_long_one_is_cut() {
        let mut roster = Roster::default();
        assert!(roster.next_slice().is_empty());
        (0..15).for_each(|n| roster.add(n, b"n"));
        assert_eq!(turn(&mut roster), [0, 1]);
        (0..100_000).for_each(|n| roster.add(n, b"n"));
        assert_eq!(turn(&mut roster).len(), SLICE);
    }

    #[test]
    fn each_namespace_has_its_turn_once_a_round() {
        let mut roster = Roster::default();
        (0..35).for_each(|n| roster.add(n, b"n"));
        let first: Vec<i32> = (0..TICKS).flat_map(|_| turn(&mut roster)).collect();
        assert_eq!(first[..35], (0..35).collect::<Vec<_>>());
        // One that is met again is known already, and one that goes is missed by nobody.
        roster.add(7, b"n");
        roster.remove(8, b"n");
        roster.last = None;
        let second: Vec<i32> = (0..TICKS).flat_map(|_| turn(&mut roster)).collect();
        assert_eq!(second[..10], [0, 1, 2, 3, 4, 5, 6, 7, 9, 10]);
    }

    #[test]
    fn databases_are_flushed_and_swapped() {
        let mut roster = Roster::default();
        [(0, b"a"), (0, b"b"), (1, b"a"), (2, b"c")].into_iter().for_each(|(n, name)| roster.add(n, name));
        assert_eq!((roster.databases_of(b"a"), roster.databases_of(b"x")), (vec![0, 1], vec![]));
        roster.swap(0, 1);
        let places = |roster: &Roster| -> Vec<(i32, String)> {
            let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
            roster.places.iter().map(|(n, name)| (*n, text(name))).collect()
        };
        let place = |n, name: &str| (n, name.to_owned());
        assert_eq!(places(&roster), [place(0, "a"), place(1, "a"), place(1, "b"), place(2, "c")]);
        roster.flush(Some(1));
        assert_eq!(places(&roster), [place(0, "a"), place(2, "c")]);
        roster.flush(None);
        assert!(places(&roster).is_empty());
    }
}
