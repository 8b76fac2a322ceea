//! Looking through what is stored: for rolls and deadlines that are not known, and expiries that do not fit the rules.

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::Arc;

use libc::c_void;

use super::super::api::context::Context;
use super::super::api::key::{Key, Mode};
use super::super::api::scan::Cursor;
use super::super::api::string::{BorrowedString, OwnedString};
use super::super::entry_type::ENTRY_TYPE;
use super::super::stored_entry::StoredEntry;
use super::{BUDGETS, REST_MS, arm, ask as ask_for, enter, of};
use crate::core::budget::claim::Claim;
use crate::core::budget::roll::Member;
use crate::core::entry::Mark;
use crate::core::instant::Instant;
use crate::core::name::NamespaceName;
use crate::core::origin::Origin;
use crate::core::state::Address;
use crate::core::sweep::Sweep;

/// Used by the main thread only; no borrow is held across a call into the server.
#[derive(Default)]
struct Survey {
    /// Where is to be looked.
    places: RefCell<Sweep>,
    cursor: RefCell<Option<Cursor>>,
    /// Whether anything is left to be looked at in any.
    is_pending: Cell<bool>,
}

thread_local! {
    static SURVEY: Survey = Survey::default();
}

/// What of an entry is entered.
struct Met {
    origin: Arc<Origin>,
    mark: Mark,
    claim: Claim,
    has_weight: bool,
    ends_at: Option<Instant>,
}

/// A database is to be looked through.
pub fn ask(database: i32) {
    SURVEY.with(|survey| {
        survey.places.borrow_mut().ask(database);
        survey.is_pending.set(true);
    });
    arm(0);
}

/// Nothing that was looked at counts any more.
pub fn forget() {
    SURVEY.with(|survey| {
        *survey.places.borrow_mut() = Sweep::default();
        drop(survey.cursor.borrow_mut().take());
        survey.is_pending.set(false);
    });
}

/// Whether what is stored in a database may not be known yet.
pub fn is_pending(database: i32) -> bool {
    SURVEY.with(|survey| survey.is_pending.get() && survey.places.borrow().is_pending(database))
}

/// Looks at some entries; when to go on, none where nothing is left.
pub fn slice(context: Context<'_>, is_over: impl Fn() -> bool) -> Option<u64> {
    let Some(database) = SURVEY.with(|survey| survey.places.borrow_mut().turn()) else {
        SURVEY.with(|survey| survey.is_pending.set(false));
        return None;
    };
    let taken = SURVEY.with(|survey| survey.cursor.borrow_mut().take());
    let mut cursor = taken.or_else(Cursor::new)?;
    let mut more = context.select(database);
    while more && !is_over() {
        let (_, is_more) = cursor.step(context, &ENTRY_TYPE, met, |name, met: Option<Met>| {
            if let Some(met) = met {
                take(context, database, name.borrow(), &met);
            }
        });
        more = is_more;
    }
    if more {
        SURVEY.with(|survey| *survey.cursor.borrow_mut() = Some(cursor));
        return Some(REST_MS);
    }
    SURVEY.with(|survey| survey.places.borrow_mut().finish());
    let names: Vec<Box<str>> = BUDGETS.with(|budgets| {
        let rolls = budgets.rolls.borrow();
        rolls.get(&database).into_iter().flat_map(|rolls| rolls.keys().cloned()).collect()
    });
    names.iter().for_each(|name| ask_for(database, name));
    Some(1)
}

/// What is needed of an entry; the server is not called here.
fn met(_name: BorrowedString<'_>, value: &NonNull<c_void>) -> Option<Met> {
    // SAFETY: a live value of the entry type, for as long as the key is open.
    let entry = unsafe { StoredEntry::from_value(value) };
    // Where nothing bounds or records anything, only an entry with a weight may have to be given its expiry back.
    let stored = entry.stored()?;
    let (has_weight, ends_at) = (stored.entry.weight.is_some(), stored.entry.ends_at());
    (has_weight || of(stored.origin.namespace()).is_some()).then_some(())?;
    let (origin, mark) = (entry.share_origin(), stored.entry.mark);
    Some(Met { origin, mark, claim: entry.claim()?, has_weight, ends_at })
}

fn take(context: Context<'_>, database: i32, name: BorrowedString<'_>, met: &Met) {
    let namespace = NamespaceName::parse(met.origin.namespace().as_bytes());
    let address = namespace.ok().and_then(|namespace| Address::of_key(namespace, name.bytes()));
    // What stands at another name than its own has been put there by hand.
    let is_at_home = |address: &Address<'_>| {
        address.mark() == met.mark && address.operation.as_str() == met.origin.operation()
    };
    let Some(address) = address.filter(is_at_home) else { return };
    let budget = of(met.origin.namespace());
    if budget.is_some_and(|budget| budget.is_limited()) {
        let member =
            Member { origin: Arc::clone(&met.origin), fingerprint: address.fingerprint, claim: met.claim };
        enter(database, met.origin.namespace(), member, u64::MAX);
    }
    let Some(ends_at) = met.ends_at.filter(|_| met.has_weight) else { return };
    let is_kept = budget.is_some_and(|budget| budget.removals.is_some());
    let vanishes = Key::open(context, name, Mode::Sample).expires();
    if is_kept {
        if vanishes {
            context.write(c"PERSIST", &[OwnedString::new(name.bytes())]);
        }
        BUDGETS.with(|budgets| {
            let mut deadlines = budgets.deadlines.borrow_mut();
            deadlines.insert(ends_at, database, address.fingerprint, Arc::clone(&met.origin));
        });
    } else if !vanishes {
        let at = ends_at.unix_ms().to_string();
        context.write(c"PEXPIREAT", &[name.bytes(), at.as_bytes()].map(OwnedString::new));
    }
}
