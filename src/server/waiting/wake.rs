//! Telling those who wait: from a timer, a slice at a time, so that no other client notices.

use std::time::Duration;

use libc::c_void;
use redis_module::raw;

use super::super::api::context::Context;
use super::super::api::string::OwnedString;
use super::super::api::timer::Timer;
use super::super::guard::guarded;
use super::super::keyspace::Found;
use super::super::{counting, keyspace, runtime};
use super::{WAITING, changed, clients, with_followers, with_leases};
use crate::core::instant::Instant;
use crate::core::lease::index::FlightId;
use crate::core::lease::settle::Scene;
use crate::core::lease::{OwnedPlace, Ticket};
use crate::core::state::{OpenState, Why};
use crate::core::stats::Counter;
use crate::core::token::Token;
use crate::protocol::reply::Reply;

/// The longest that a slice takes; what it starts last may take longer.
const SLICE: Duration = Duration::from_micros(500);

/// How many clients a slice tells: each is a write to a socket after it, which takes the server longer than the telling.
const SLICE_CLIENTS: usize = 128;

/// How many bytes a slice tells them.
const SLICE_BYTES: usize = 4 << 20;

/// A timer that should have fired so long ago waits for a wall clock that stepped back, as does one that is further ahead
/// than any deadline; in milliseconds.
const LATE_MS: u64 = 100;

/// How many dropped leases are taken apart before anything else is looked at.
const SLICE_DROPPED: usize = 64;

/// Sets the timer for what is to be done next: at once where somebody is to be told, else when the next deadline is.
pub fn arm() {
    if with_leases(|leases| leases.is_idle()) && with_followers(|followers| followers.is_idle()) {
        return;
    }
    let now = Context::time_of_day();
    let in_ms = with_leases(|leases| match leases.is_quiet() {
        true => leases.due_in_ms(now),
        false => Some(0),
    });
    let also = with_followers(|followers| match followers.is_quiet() {
        true => followers.due_in_ms(now),
        false => Some(0),
    });
    let Some(in_ms) = in_ms.into_iter().chain(also).min() else { return };
    let at = now.plus(in_ms);
    WAITING.with(|waiting| {
        let set = waiting.timer.get();
        // One that fires earlier sets it anew.
        if set.is_some_and(|(_, earlier)| earlier <= at) {
            return;
        }
        if let Some((timer, _)) = set {
            timer.stop();
        }
        waiting.timer.set(Timer::start(in_ms, on_timer).map(|timer| (timer, at)));
    });
}

unsafe extern "C" fn on_timer(context: *mut raw::RedisModuleCtx, _data: *mut c_void) {
    guarded((), || {
        WAITING.with(|waiting| waiting.timer.set(None));
        // SAFETY: the server passes a context that is good until this returns.
        if let Some(context) = unsafe { Context::new(context) } {
            work(context);
        }
    });
    // Also where that failed: what is left must not wait for ever.
    guarded((), arm);
}

/// The server's own tick. Its timers go by the wall clock: where that steps back they are late, and this is not.
pub fn on_tick(context: Context<'_>) {
    with_leases(|leases| leases.call_postponed());
    let now = Context::time_of_day();
    let timer = WAITING.with(|waiting| waiting.timer.get());
    if timer.is_some_and(|(_, at)| now.since(at) < LATE_MS && at.since(now) < LATE_MS) {
        return;
    }
    let is_due = |in_ms: Option<u64>| in_ms == Some(0);
    let due = with_leases(|leases| !leases.is_quiet() || is_due(leases.due_in_ms(now)))
        || with_followers(|followers| !followers.is_quiet() || is_due(followers.due_in_ms(now)));
    if due {
        work(context);
        arm();
    }
}

/// Does a slice of what is to be done.
fn work(context: Context<'_>) {
    let begun = std::time::Instant::now();
    let now = Context::time_of_day();
    let (mut clients, mut bytes) = (0usize, 0usize);
    while clients < SLICE_CLIENTS && bytes < SLICE_BYTES && begun.elapsed() < SLICE {
        let took_apart = with_leases(|leases| leases.take_apart(SLICE_DROPPED));
        let lapse = with_leases(|leases| leases.lapse(now));
        let called = with_leases(|leases| leases.next_called());
        let answered = with_leases(|leases| leases.next_answered());
        let touched = with_followers(|followers| followers.next_touched(now));
        if !took_apart && lapse.is_none() && called.is_none() && answered.is_none() && touched.is_none() {
            return;
        }
        if let Some(OwnedPlace { namespace, operation, .. }) =
            lapse.as_ref().filter(|lapse| lapse.was_held).map(|lapse| &lapse.place)
        {
            counting::row(namespace, operation).count(Counter::LeasesLapsed);
        }
        if let Some(place) =
            lapse.filter(|lapse| lapse.had_progress).as_ref().and_then(|lapse| lapse.place.place())
        {
            changed(&place);
        }
        if let Some((id, place)) = called {
            settle(context, id, &place, now);
        }
        if let Some((ticket, size)) = answered {
            clients::wake(ticket);
            clients = clients.saturating_add(1);
            bytes = bytes.saturating_add(size);
        }
        if let Some(ticket) = touched {
            clients = clients.saturating_add(1);
            bytes = bytes.saturating_add(look_for(context, ticket, now));
        }
    }
}

/// Decides who of those who wait for an entry is next.
fn settle(context: Context<'_>, id: FlightId, place: &OwnedPlace, now: Instant) {
    let Some(place) = place.place() else { return };
    context.select(place.database);
    let name = OwnedString::new(place.address.namespace.as_str().as_bytes());
    let policy = runtime::with(|runtime| runtime.policy_at(&place.address));
    match Found::look(context, name.borrow(), (place.address, std::rc::Rc::clone(&policy)), now) {
        Ok(found) => {
            let (bypassed, since) = (found.bypassed, found.since());
            // A namespace that is on its way to another node takes its waiters along, who are told MOVED.
            if since.clock == 0 && context.is_moving_slots() {
                with_leases(|leases| leases.postpone(id));
                return;
            }
            let scene = Scene { state: &found.open(), policy: &policy, bypassed, since };
            with_leases(|leases| leases.settle(id, &scene, now));
        }
        // Something else stands at one of the keys. Whoever gets the lease will be told so.
        Err(_) => {
            let since = Token::before_namespace(place.address.namespace);
            let state = OpenState::Absent(Why::Unknown);
            let scene = Scene { state: &state, policy: &policy, bypassed: false, since };
            with_leases(|leases| leases.settle(id, &scene, now));
        }
    }
}

/// Tells a client what it follows, where something has changed; returns how many bytes that is.
fn look_for(context: Context<'_>, ticket: Ticket, now: Instant) -> usize {
    let Some(follower) = with_followers(|followers| followers.get(ticket).cloned()) else { return 0 };
    context.select(follower.database);
    let max_bytes = runtime::with(|runtime| runtime.limits.get().plan_reply_max_bytes);
    let seen = keyspace::changes(context, &follower, max_bytes, now);
    if seen.replies.is_empty() {
        with_followers(|followers| followers.expect(ticket, seen.gone_at));
        return 0;
    }
    with_followers(|followers| followers.remove(ticket));
    clients::tell(ticket, Reply::Array(seen.replies));
    seen.bytes
}
