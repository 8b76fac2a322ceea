//! Keyspace notifications: what the module does, for those who subscribed to it.
//!
//! They are told where an effect is carried out, and so on replicas too. See `docs/notifications.md`.

use std::ffi::CStr;

use super::super::api::context::Context;
use super::super::api::string::{BorrowedString, OwnedString};
use crate::core::epochs::Scope;
use crate::protocol::apply::{Cause, Effect};

/// Tells of an effect that was carried out on a namespace.
pub fn notify(context: Context<'_>, namespace: BorrowedString<'_>, effect: &Effect<'_>) {
    match effect {
        Effect::Set(cause, placed) => written(context, *cause, OwnedString::new(&placed.key).borrow()),
        Effect::Invalidate { key, .. } => removed(context, OwnedString::new(key).borrow()),
        Effect::Remove { keys, .. } => {
            keys.iter().for_each(|key| removed(context, OwnedString::new(key).borrow()));
        }
        Effect::Scope { scope, .. } => {
            let event = match scope {
                Scope::Tags(_) => c"cache:invalidate-tag",
                Scope::Operations(_) => c"cache:invalidate-operation",
                Scope::All => c"cache:invalidate-namespace",
            };
            context.notify(event, namespace);
        }
        Effect::Entry(_)
        | Effect::Compress(_)
        | Effect::Dictionary { .. }
        | Effect::Namespace(_)
        | Effect::Many(_) => {}
    }
}

/// Tells that an entry was written.
pub fn written(context: Context<'_>, cause: Cause, key: BorrowedString<'_>) {
    context.notify(event_of(cause), key);
}

/// Tells that an entry was invalidated.
pub fn removed(context: Context<'_>, key: BorrowedString<'_>) {
    context.notify(c"cache:invalidate", key);
}

fn event_of(cause: Cause) -> &'static CStr {
    match cause {
        Cause::Set => c"cache:set",
        Cause::Fill => c"cache:fill",
        Cause::Fail => c"cache:fail",
        Cause::Merge => c"cache:merge",
        Cause::Warm => c"cache:warm",
    }
}
