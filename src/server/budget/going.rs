//! One entry that the module removes by itself.

use super::super::api::context::Context;
use super::super::api::key::Mode;
use super::super::api::string::OwnedString;
use super::super::counting;
use super::super::keyspace::EntryKey;
use super::Recorder;
use crate::core::budget::removal::{Cause, Removed};
use crate::core::instant::Instant;
use crate::core::namespace::Namespace;
use crate::core::state::Address;
use crate::core::stats::departed;

/// An entry that goes, and why.
pub struct Going<'c> {
    name: OwnedString,
    /// Open for it.
    key: EntryKey<'c>,
    cause: Cause,
    /// What is to be recorded, where that is anything.
    removed: Option<Removed>,
}

impl<'c> Going<'c> {
    /// What goes at an address, whose key that is, for `cause` unless it is over already; none where nothing that belongs there is.
    pub fn of(
        context: Context<'c>,
        (address, name): (&Address<'_>, OwnedString),
        namespace: Option<&Namespace>,
        cause: Cause,
        now: Instant,
    ) -> Option<Self> {
        let key = EntryKey::open(context, name.borrow(), Mode::Write).ok()?;
        let stored = key.get()?.stored()?;
        let cause = cause.of(address, namespace, stored, now)?;
        let removed = Removed::of(address, namespace, stored, cause, None, now);
        Some(Going { name, key, cause, removed })
    }

    /// Removes it, here, on replicas and in files, in one transaction with its record. Whether it could: nothing is
    /// removed whose record the server refused.
    pub fn carry_out(self, context: Context<'c>, recorder: Option<&Recorder<'_>>) -> bool {
        let Going { name, mut key, cause, removed } = self;
        let name = name.borrow();
        if let (Some(recorder), Some(removed)) = (recorder, &removed) {
            // Whoever is notified of the record may do as they like.
            drop(key);
            if !recorder.record(removed) {
                return false;
            }
            let Ok(again) = EntryKey::open(context, name, Mode::Write) else { return false };
            key = again;
        }
        key.remove();
        drop(key);
        context.replicate(c"UNLINK", &[name.bytes()]);
        context.signal_modified(name);
        match cause {
            Cause::Evicted => context.notify_evicted(name),
            Cause::Expired => context.notify_expired(name),
            Cause::Invalidated | Cause::Replaced => {
                counting::departed(context.database(), name.bytes(), departed::Cause::Invalidated);
            }
        }
        true
    }
}
