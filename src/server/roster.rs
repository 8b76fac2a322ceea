//! The namespaces that this server knows, used now and then so that eviction by core takes entries instead.
//!
//! An evicted namespace takes all its entries along. `volatile-*` policies never choose one, since namespaces have
//! no TTL. Under `allkeys-lru` and `allkeys-lfu` every lookup uses its namespace, and this timer uses the idle ones.

use std::collections::VecDeque;
use std::ptr;

use libc::c_void;
use redis_module::raw;

use super::api::api;
use super::api::context::Context;
use super::api::key::{Content, Key, Mode};
use super::api::string::OwnedString;
use super::guard::guarded;
use super::namespace_type::{NAMESPACE_TYPE, StoredNamespace};
use super::runtime;

/// How often a slice of the roster is used, in milliseconds.
const TICK_MS: i64 = 100;

/// In how many ticks all of it is, where it is no longer than that many slices.
const TICKS: usize = 100;

/// How many namespaces a tick uses at most: a fraction of a millisecond.
const SLICE: usize = 200;

/// Where a namespace was met: database and name.
type Place = (i32, Box<[u8]>);

/// Each namespace that was met, the one that was used longest ago first.
#[derive(Debug, Default)]
pub struct Roster(VecDeque<Place>);

impl Roster {
    pub fn add(&mut self, database: i32, name: &[u8]) {
        self.0.push_back((database, name.into()));
    }

    /// How many namespaces it knows; a few of them may be gone.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes those whose turn it is.
    fn take_slice(&mut self) -> Vec<Place> {
        let slice = self.0.len().div_ceil(TICKS).min(SLICE);
        self.0.drain(..slice).collect()
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
        if runtime::with(|runtime| runtime.eviction_by_use.get()) {
            for (database, name) in runtime::with(|runtime| runtime.roster.borrow_mut().take_slice()) {
                if is_there_and_used(context, database, &name) {
                    runtime::with(|runtime| runtime.roster.borrow_mut().0.push_back((database, name)));
                }
            }
        }
        start(context);
    });
}

/// Uses the namespace; whether it still stands where it was met.
fn is_there_and_used(context: Context<'_>, database: i32, name: &[u8]) -> bool {
    if !context.select(database) {
        return false;
    }
    let name = OwnedString::new(name);
    let key = Key::open(context, name.borrow(), Mode::Read);
    match key.content(&NAMESPACE_TYPE) {
        // SAFETY: a live value of the namespace type.
        Content::Value(value) if unsafe { StoredNamespace::from_value(&value) }.was_met_in(database) => {
            key.mark_used();
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_roster_takes_all_its_ticks_and_a_long_one_is_cut() {
        let mut roster = Roster::default();
        assert!(roster.take_slice().is_empty());
        (0..150).for_each(|n| roster.add(n, b"n"));
        assert_eq!(roster.take_slice(), [(0, b"n"[..].into()), (1, b"n"[..].into())]);
        (0..100_000).for_each(|n| roster.add(n, b"n"));
        assert_eq!(roster.take_slice().len(), SLICE);
    }
}
