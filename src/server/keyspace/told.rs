//! What an effect means to those who wait for the entry.

use super::super::api::context::Context;
use super::super::api::key::Mode;
use super::super::api::string::BorrowedString;
use super::super::compression;
use super::super::sweep;
use super::super::waiting::{self, with_leases};
use super::keys::FoundNamespace;
use crate::core::fetch::{Fetched, Status};
use crate::core::lease::Place;
use crate::core::name::NamespaceName;
use crate::core::state::Address;
use crate::protocol::apply::{Effect, Placed};

/// An effect was carried out. A write ends the lease and answers all who wait; an invalidation revokes the lease, and
/// one of them is next.
pub fn of(context: Context<'_>, namespace: BorrowedString<'_>, effect: &Effect<'_>) {
    let database = context.database();
    match effect {
        Effect::Set(_, placed) => {
            if let Some(place) = place(database, namespace, &placed.key) {
                let result = opened(context, namespace, placed);
                with_leases(|leases| leases.answer_all(&place, || fetched(placed, result.as_deref())));
            }
            waiting::changed_key(database, &placed.key);
        }
        Effect::Invalidate { key, .. } => {
            if let Some(place) = place(database, namespace, key) {
                with_leases(|leases| leases.revoke(&place));
            }
            waiting::changed_key(database, key);
        }
        Effect::Remove { keys, .. } => {
            for key in keys {
                if let Some(place) = place(database, namespace, key) {
                    with_leases(|leases| leases.revoke(&place));
                }
                waiting::changed_key(database, key);
            }
        }
        Effect::Scope { scope, .. } => {
            waiting::revoke(database, namespace.bytes(), scope);
            sweep::ask(database);
        }
        Effect::Many(effects) => effects.iter().for_each(|effect| of(context, namespace, effect)),
        Effect::Compress(_) | Effect::Dictionary { .. } => {}
        Effect::Entry(placed) => waiting::changed_key(database, &placed.key),
        // Where it took another's place, that has told already.
        Effect::Namespace(_) => waiting::changed_namespace(database, namespace.bytes()),
    }
}

/// Where that is; none where nobody waits for anything, and nothing is leased.
fn place<'a>(database: i32, namespace: BorrowedString<'a>, key: &'a [u8]) -> Option<Place<'a>> {
    if with_leases(|leases| leases.is_empty()) {
        return None;
    }
    let address = Address::of_key(NamespaceName::parse(namespace.bytes()).ok()?, key)?;
    Some(Place { database, address })
}

/// The result of what was written, which whoever waits must not get compressed; none where that is as it was given.
fn opened(context: Context<'_>, namespace: BorrowedString<'_>, placed: &Placed<'_>) -> Option<Vec<u8>> {
    let entry = placed.entry().filter(|entry| entry.body.as_raw().is_none())?;
    let namespace = FoundNamespace::look(context, namespace, Mode::ReadUncounted).ok()?;
    compression::open(&entry.body, namespace.get())
}

/// What was written, for those who waited for it.
fn fetched(placed: &Placed<'_>, opened: Option<&[u8]>) -> Fetched {
    let now = Context::time_of_day();
    let Some(entry) = placed.entry() else { return Fetched::failed(GONE, 0) };
    let failure = entry.failure.filter(|failure| now < failure.until);
    match (failure, entry.body.as_raw().or(opened)) {
        _ if entry.negative => Fetched::failed(entry.message(), entry.version),
        (Some(failure), _) => Fetched::failed(failure.message, entry.version),
        (None, Some(result)) => Fetched::value_of(Status::Hit, &entry, result),
        (None, None) => Fetched::failed(GONE, 0),
    }
}

/// What those are told who waited for what cannot be read. It does not happen.
const GONE: &[u8] = b"the result is gone";
