//! Budgets of namespaces: what is over them goes, and whoever deletes what it stood for is told.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`ledger`] | what a command stores and removes, and what follows from that |
//! | [`eviction`] | who goes where a budget is exceeded |
//! | [`going`] | one entry that goes |
//! | [`removals`] | the stream that records what went |
//! | [`ends`] | entries whose time is over, that the server does not let vanish by itself |
//! | [`survey`] | looking through what is stored, after a load, a promotion or a change of the rules |
//!
//! A command leaves its namespace within its budget. What follows from anything else (other rules, a reservation, an entry
//! that ends) is done by a timer, on a primary only, in slices, and never while nothing may be replicated.

mod ends;
mod eviction;
mod going;
mod ledger;
mod removals;
mod survey;

pub use going::Going;
pub use ledger::Ledger;
pub use removals::Recorder;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use libc::c_void;
use redis_module::raw;

use super::api::context::{Context, random_u64};
use super::api::log;
use super::api::timer::Timer;
use super::guard::guarded;
use super::runtime;
use crate::core::budget::Budget;
use crate::core::budget::deadlines::Deadlines;
use crate::core::budget::roll::{Member, Roll};
use crate::core::entry::Entry;
use crate::core::instant::Instant;
use crate::core::name::NamespaceName;
use crate::core::origin::Origin;
use crate::core::state::Address;

/// Used by the main thread only; no borrow is held across a call into the server.
#[derive(Default)]
struct Budgets {
    /// Whether any rule says anything of this.
    in_force: Cell<bool>,
    /// What the rules say of the namespaces that were asked for.
    known: RefCell<HashMap<Box<str>, Budget>>,
    /// The one that was asked for last.
    last: RefCell<Option<(Box<str>, Budget)>>,
    /// The rolls of the namespaces with a budget, by database and name.
    rolls: RefCell<HashMap<i32, HashMap<Box<str>, Roll>>>,
    deadlines: RefCell<Deadlines>,
    /// Namespaces that may be over their budget for another reason than a write.
    due: RefCell<BTreeSet<(i32, Box<str>)>>,
    timer_is_set: Cell<bool>,
    /// Before this nobody is told again that something cannot be removed.
    silent_until: Cell<Option<Instant>>,
}

thread_local! {
    static BUDGETS: Budgets = Budgets::default();
}

/// How many namespaces are known at most.
const MAX_KNOWN: usize = 10_000;

/// The longest that a slice takes; what it starts last may take longer.
const SLICE: Duration = Duration::from_micros(500);

/// How long to rest between two slices, in milliseconds, and where nothing may be done just now.
const REST_MS: u64 = 5;
const POSTPONED_MS: u64 = 250;

/// How long to be silent after a complaint, in milliseconds.
const SILENT_MS: u64 = 10_000;

/// What the rules say of a namespace, where that is anything.
pub fn of(namespace: &str) -> Option<Budget> {
    BUDGETS.with(|budgets| {
        if !budgets.in_force.get() {
            return None;
        }
        let last = budgets.last.borrow().as_ref().filter(|last| *last.0 == *namespace).map(|last| last.1);
        let budget = last.unwrap_or_else(|| {
            let budget = budgets.look_up(namespace);
            *budgets.last.borrow_mut() = Some((namespace.into(), budget));
            budget
        });
        (!budget.is_none()).then_some(budget)
    })
}

impl Budgets {
    fn look_up(&self, namespace: &str) -> Budget {
        let mut known = self.known.borrow_mut();
        if let Some(budget) = known.get(namespace) {
            return *budget;
        }
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        let budget = runtime::with(|runtime| runtime.rules().budget(namespace));
        known.insert(namespace.into(), budget);
        budget
    }
}

/// Whether an entry of a namespace that ends is kept until the module removes it.
pub fn keeps(namespace: NamespaceName<'_>, entry: &Entry<'_>) -> bool {
    entry.weight.is_some()
        && entry.ends_at().is_some()
        && of(namespace.as_str()).is_some_and(|budget| budget.removals.is_some())
}

/// What the rules say of budgets was changed.
pub fn reconsider() {
    let has_budgets = runtime::with(|runtime| runtime.rules().has_budgets());
    BUDGETS.with(|budgets| {
        budgets.in_force.set(has_budgets);
        budgets.known.borrow_mut().clear();
        *budgets.last.borrow_mut() = None;
    });
    begin_anew();
}

/// Everything may be different from what was known: another role, other data, other rules.
pub fn begin_anew() {
    forget(None);
    survey::forget();
    for database in runtime::with(|runtime| runtime.roster.borrow().databases()) {
        survey::ask(database);
    }
    arm(0);
}

/// The same, where nothing says anything of budgets unless some rule does.
pub fn resume() {
    if BUDGETS.with(|budgets| budgets.in_force.get()) {
        begin_anew();
    }
}

/// A database was emptied; none is all of them.
pub fn forget(database: Option<i32>) {
    let known = BUDGETS.with(|budgets| {
        let mut rolls = budgets.rolls.borrow_mut();
        let rolls: Vec<_> = match database {
            None => std::mem::take(&mut *rolls).into_values().collect(),
            Some(database) => rolls.remove(&database).into_iter().collect(),
        };
        (rolls, budgets.deadlines.borrow_mut().take(database))
    });
    if known.0.is_empty() && known.1.is_empty() {
        return;
    }
    // To free what is known of a million entries takes longer than anybody should wait. Where there is no thread to be
    // had, it is done here.
    let freeing = std::thread::Builder::new().name("cache-free".to_owned());
    drop(freeing.spawn(move || drop(known)));
}

/// Two databases changed places.
pub fn swap(one: i32, other: i32) {
    for database in [one, other] {
        forget(Some(database));
        survey(database);
    }
}

/// A namespace loses its key: nothing of it has to go for a budget any more. Where it comes back, that is surveyed.
pub fn namespace_unlinked(database: i32, name: &[u8]) {
    let Ok(name) = std::str::from_utf8(name) else { return };
    let roll = BUDGETS.with(|budgets| budgets.rolls.borrow_mut().get_mut(&database)?.remove(name));
    drop(roll);
}

/// Whether any entry is waited for to end.
pub fn awaits_ends() -> bool {
    BUDGETS.with(|budgets| !budgets.deadlines.borrow().is_empty())
}

/// An entry loses its key: it need not be waited for any more.
pub fn unlinked(database: i32, key: &[u8], origin: Arc<Origin>, entry: &Entry<'_>) {
    let Some(ends_at) = entry.weight.and_then(|_| entry.ends_at()) else { return };
    BUDGETS.with(|budgets| {
        let namespace = NamespaceName::parse(origin.namespace().as_bytes()).ok();
        let address = namespace.and_then(|namespace| Address::of_key(namespace, key));
        if let Some(fingerprint) = address.map(|address| address.fingerprint) {
            budgets.deadlines.borrow_mut().remove(ends_at, database, fingerprint, origin);
        }
    });
}

/// A namespace may be over its budget, for another reason than a write: it is looked at as soon as can be.
pub fn ask(database: i32, namespace: &str) {
    if of(namespace).is_some_and(|budget| budget.is_limited()) {
        BUDGETS.with(|budgets| budgets.due.borrow_mut().insert((database, namespace.into())));
        arm(0);
    }
}

/// Entries came into a database that no command stored.
pub fn survey(database: i32) {
    if BUDGETS.with(|budgets| budgets.in_force.get()) {
        survey::ask(database);
    }
}

/// Whether a namespace is about to be brought within its budget anyway, in slices: it need not be at once.
fn is_due(database: i32, namespace: &str) -> bool {
    let is_due = |budgets: &Budgets| {
        let due = budgets.due.borrow();
        !due.is_empty() && due.contains(&(database, namespace.into()))
    };
    survey::is_pending(database) || BUDGETS.with(is_due)
}

/// Enters an entry into the roll of its namespace; whether that should be tidied, if there are so many entries.
fn enter(database: i32, namespace: &str, member: Member, entries: u64) -> bool {
    BUDGETS.with(|budgets| {
        let mut rolls = budgets.rolls.borrow_mut();
        let rolls = rolls.entry(database).or_default();
        if let Some(roll) = rolls.get_mut(namespace) {
            roll.enter(member);
            return roll.is_untidy(entries);
        }
        rolls.entry(namespace.into()).or_insert_with(|| Roll::new(random_u64())).enter(member);
        false
    })
}

/// Says in the log that something cannot be removed: now and then, since it is tried again many times a second, and for
/// each entry.
fn complain(now: Instant, message: impl FnOnce() -> String) {
    BUDGETS.with(|budgets| {
        if budgets.silent_until.get().is_none_or(|until| until <= now) {
            budgets.silent_until.set(Some(now.plus(SILENT_MS)));
            log::warning(&message());
        }
    });
}

/// Runs `body` with the roll of a namespace, which nobody else finds meanwhile: the server may be called.
fn with_roll<T>(database: i32, namespace: &str, body: impl FnOnce(&mut Roll) -> T) -> Option<T> {
    let taken = BUDGETS.with(|budgets| budgets.rolls.borrow_mut().get_mut(&database)?.remove(namespace));
    let mut roll = taken?;
    let outcome = body(&mut roll);
    BUDGETS.with(|budgets| {
        let mut rolls = budgets.rolls.borrow_mut();
        let Some(rolls) = rolls.get_mut(&database) else { return };
        // Whoever was called may have stored something there.
        if let Some(meanwhile) = rolls.remove(namespace) {
            roll.absorb(meanwhile);
        }
        if !roll.is_empty() {
            rolls.insert(namespace.into(), roll);
        }
    });
    Some(outcome)
}

/// The server's own tick: looks for entries whose time is over.
pub fn on_tick(context: Context<'_>) {
    let is_due = BUDGETS
        .with(|budgets| budgets.deadlines.borrow().is_due(context.now()) || !budgets.due.borrow().is_empty());
    if is_due {
        arm(0);
    }
}

fn arm(in_ms: u64) {
    BUDGETS.with(|budgets| {
        if !budgets.timer_is_set.get() {
            budgets.timer_is_set.set(Timer::start(in_ms, on_timer).is_some());
        }
    });
}

unsafe extern "C" fn on_timer(context: *mut raw::RedisModuleCtx, _data: *mut c_void) {
    let rest_ms = guarded(Some(POSTPONED_MS), || {
        BUDGETS.with(|budgets| budgets.timer_is_set.set(false));
        // SAFETY: the server passes a context that is good until this returns.
        let context = unsafe { Context::new(context) }?;
        if context.is_replica() {
            // A replica removes what its primary says. Whatever ends this begins anew.
            return None;
        }
        if context.avoids_replica_traffic() || context.is_loading() {
            return Some(POSTPONED_MS);
        }
        slice(context)
    });
    if let Some(rest_ms) = rest_ms {
        guarded((), || arm(rest_ms));
    }
}

/// Does some of what is to be done; how long to rest then, none where nothing is left.
fn slice(context: Context<'_>) -> Option<u64> {
    let begun = std::time::Instant::now();
    let is_over = || begun.elapsed() >= SLICE;
    let more =
        [ends::slice(context, is_over), eviction::slice(context, is_over), survey::slice(context, is_over)];
    more.into_iter().flatten().min()
}
