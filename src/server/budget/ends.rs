//! Entries whose time is over, that the server does not let vanish by itself: their removal is recorded.

use super::super::api::context::Context;
use super::super::api::key::Mode;
use super::super::api::string::{BorrowedString, OwnedString};
use super::super::keyspace::{EntryKey, FoundNamespace};
use super::going::Going;
use super::{BUDGETS, POSTPONED_MS, REST_MS, Recorder, complain, of};
use crate::core::budget::deadlines::Ended;
use crate::core::budget::removal::Cause;
use crate::core::instant::Instant;

/// Removes some that have come to their end; when to go on, none where nothing is left.
pub fn slice(context: Context<'_>, is_over: impl Fn() -> bool) -> Option<u64> {
    let now = context.now();
    let next = || BUDGETS.with(|budgets| budgets.deadlines.borrow_mut().next_ended(now));
    while let Some(ended) = next() {
        if remove(context, &ended, now).is_none() {
            let again_at = now.plus(POSTPONED_MS);
            BUDGETS.with(|budgets| {
                let Ended { database, origin, fingerprint } = ended;
                budgets.deadlines.borrow_mut().insert(again_at, database, fingerprint, origin);
            });
        }
        if is_over() {
            return Some(REST_MS);
        }
    }
    None
}

/// Removes an entry, unless it is not there any more or lives on; none where it could not be recorded.
fn remove(context: Context<'_>, ended: &Ended, now: Instant) -> Option<()> {
    let Ended { database, origin, fingerprint } = ended;
    let address = origin.address(*fingerprint);
    let (namespace, name) = (address.namespace, OwnedString::new(address.key().as_bytes()));
    if !context.select(*database) || !has_ended(context, name.borrow(), now) {
        return Some(());
    }
    let records = of(namespace.as_str()).and_then(|budget| budget.removals);
    let recorder = match records.map(|records| Recorder::open(context, namespace, records)).transpose() {
        Ok(recorder) => recorder,
        Err(refusal) => {
            complain(now, || format!("entries that have expired are kept: {refusal}"));
            return None;
        }
    };
    let key = OwnedString::new(namespace.as_str().as_bytes());
    let found = FoundNamespace::look(context, key.borrow(), Mode::ReadUncounted).ok();
    let found = found.as_ref().and_then(FoundNamespace::get);
    if found.is_none() && context.is_moving_slots() {
        // It may be on its way, and the entry and the stream with it.
        return None;
    }
    let Some(going) = Going::of(context, (&address, name), found, Cause::Expired, now) else {
        return Some(());
    };
    going.carry_out(context, recorder.as_ref()).then_some(())
}

/// Whether the time of what is there is over.
fn has_ended(context: Context<'_>, name: BorrowedString<'_>, now: Instant) -> bool {
    let key = EntryKey::open(context, name, Mode::Sample).ok();
    let stored = key.as_ref().and_then(|key| key.get()?.stored());
    stored.and_then(|stored| stored.entry.ends_at()).is_some_and(|ends_at| ends_at <= now)
}
