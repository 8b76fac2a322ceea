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
pub struct Going {
    name: OwnedString,
    cause: Cause,
    /// What is to be recorded, where that is anything.
    removed: Option<Removed>,
}

impl Going {
    /// What goes at an address, for `cause` unless it is over already; none where nothing that belongs there is.
    pub fn of(
        context: Context<'_>,
        address: &Address<'_>,
        namespace: Option<&Namespace>,
        cause: Cause,
        now: Instant,
    ) -> Option<Self> {
        let name = OwnedString::new(address.key().as_bytes());
        let key = EntryKey::open(context, name.borrow(), Mode::Sample).ok()?;
        let stored = key.get()?.stored()?;
        let cause = cause.of(address, namespace, stored, now)?;
        let removed = Removed::of(address, namespace, stored, cause, None, now);
        drop(key);
        Some(Going { name, cause, removed })
    }

    /// What is to be recorded of it, where whoever asks removes it.
    pub fn into_removed(self) -> Option<Removed> {
        self.removed
    }

    /// Removes it, here, on replicas and in files, in one transaction with its record. Whether it could: nothing is
    /// removed whose record the server refused.
    pub fn carry_out(self, context: Context<'_>, recorder: Option<&Recorder<'_>>) -> bool {
        let Going { name, cause, removed } = self;
        let name = name.borrow();
        if let (Some(recorder), Some(removed)) = (recorder, &removed)
            && !recorder.record(removed)
        {
            return false;
        }
        let Ok(mut key) = EntryKey::open(context, name, Mode::Write) else { return false };
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
