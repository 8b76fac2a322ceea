//! What those see who wait.

use super::super::api::context::Context;
use super::super::api::string::OwnedString;
use super::super::runtime;
use super::super::waiting::with_leases;
use super::found::Found;
use crate::core::fetch::{Ask, Fetched, Offer, Status};
use crate::core::follow::{Followed, Follower, Sight, sight};
use crate::core::instant::Instant;
use crate::core::lease::Place;
use crate::core::name::{NamespaceName, OperationName};
use crate::core::state::{Address, OpenState, Why};
use crate::protocol::reply::Reply;
use crate::protocol::result::next::change;

/// What has changed for a client who follows entries.
#[derive(Default)]
pub struct Changes {
    /// Of each entry that differs from what was seen.
    pub replies: Vec<Reply<'static>>,
    /// Bytes of them, roughly.
    pub bytes: usize,
    /// When the first of the entries is gone.
    pub gone_at: Option<Instant>,
}

/// BUSY, with the progress of whoever computes.
pub fn busy(context: Context<'_>, place: &Place<'_>, now: Instant) -> Fetched {
    see(context, place, now, |sight, version, _| {
        let value = if let Sight::Busy(progress) = sight { Some(progress) } else { None };
        Fetched { value, ..Fetched::nothing(Status::Busy, version) }
    })
}

/// What a client is told whose wait is over: a value that is there by now, however it came, else BUSY.
pub fn at_last(context: Context<'_>, place: &Place<'_>, ask: Ask, now: Instant) -> Fetched {
    context.select(place.database);
    let name = OwnedString::new(place.address.namespace.as_str().as_bytes());
    let policy = runtime::with(|runtime| runtime.policy_at(&place.address));
    let found = Found::look(context, name.borrow(), (place.address, policy), now);
    let state = found.as_ref().map_or(OpenState::Absent(Why::Unknown), Found::open);
    let offer = found.as_ref().map(|found| ask.offer(&state, &found.policy, now));
    match offer {
        Ok(Offer::Hit { stored, .. }) => Fetched::value(Status::Hit, &stored),
        Ok(Offer::Stale { stored, .. }) => Fetched::value(Status::Stale, &stored),
        Ok(Offer::Failed { message, version }) => Fetched::failed(message, version),
        Ok(Offer::Nothing) | Err(_) => busy(context, place, now),
    }
}

/// What has changed of the entries that a client follows, until that comes to `max_bytes`: what is left out still differs
/// when the client asks again.
pub fn changes(context: Context<'_>, follower: &Follower, max_bytes: usize, now: Instant) -> Changes {
    let mut changes = Changes::default();
    for (index, followed) in follower.follows.iter().enumerate() {
        let Some(place) = place(follower, followed) else { continue };
        if changes.bytes >= max_bytes {
            break;
        }
        see(context, &place, now, |sight, version, gone_at| {
            changes.gone_at = changes.gone_at.into_iter().chain(gone_at).min();
            if version != followed.version {
                let reply = change(index, sight, version).into_owned();
                changes.bytes = changes.bytes.saturating_add(reply.bytes());
                changes.replies.push(reply);
            }
        });
    }
    changes
}

fn place<'a>(follower: &'a Follower, followed: &'a Followed) -> Option<Place<'a>> {
    let namespace = NamespaceName::parse(follower.namespace.as_bytes()).ok()?;
    let operation = OperationName::parse(followed.operation.as_bytes()).ok()?;
    let address = Address { namespace, operation, fingerprint: followed.fingerprint };
    Some(Place { database: follower.database, address })
}

/// What there is to see at a place, its version, and when it is gone. Where something else stands at its keys, there
/// is nothing.
fn see<T>(
    context: Context<'_>,
    place: &Place<'_>,
    now: Instant,
    body: impl FnOnce(Sight<'_>, i64, Option<Instant>) -> T,
) -> T {
    context.select(place.database);
    let name = OwnedString::new(place.address.namespace.as_str().as_bytes());
    let policy = runtime::with(|runtime| runtime.policy_at(&place.address));
    let found = Found::look(context, name.borrow(), (place.address, policy), now);
    let state = found.as_ref().map_or(OpenState::Absent(Why::Unknown), Found::open);
    let progress = with_leases(|leases| leases.progress(place, now));
    let gone_at = state.present().and_then(|stored| match state {
        OpenState::Negative(_) => stored.entry.ends_at(),
        _ => stored.entry.gone_at(),
    });
    let (sight, version) = sight(&state, progress);
    body(sight, version, gone_at)
}
