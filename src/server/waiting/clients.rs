//! The clients that wait: blocked, told, let go.

use std::collections::HashMap;
use std::rc::Rc;

use libc::{c_int, c_void};
use redis_module::raw;

use super::super::api::blocking::{self, BlockedClient, Callbacks};
use super::super::api::context::Context;
use super::super::api::string::OwnedString;
use super::super::guard::guarded;
use super::super::keyspace;
use super::{wake, with_clients, with_followers, with_leases};
use crate::core::fetch::{Fetched, Status};
use crate::core::instant::Instant;
use crate::core::lease::Ticket;
use crate::core::name::NamespaceName;
use crate::core::stats::{Lookup, Reason, Row};
use crate::protocol::reply::Reply;
use crate::protocol::result::fetch;

/// Who waits, until the server has said that they wait no longer.
#[derive(Default)]
pub struct Clients {
    blocked: HashMap<Ticket, Blocked>,
    /// What those are told who waited for a change.
    told: HashMap<Ticket, Reply<'static>>,
}

/// A client that waits.
struct Blocked {
    client: BlockedClient,
    /// None where it follows entries, or was answered.
    waits: Option<Waits>,
}

/// A lookup that is still to be answered.
pub struct Waits {
    /// Where it is counted.
    pub row: Rc<Row>,
    /// Why nothing was there when it began.
    pub reason: Reason,
    pub since: Instant,
}

impl Waits {
    /// It was answered.
    fn answered(&self, fetched: &Fetched, now: Instant) {
        let lookup = match fetched.status {
            Status::Hit => Lookup::Coalesced(fetched.served()),
            Status::Stale => Lookup::Stale(fetched.served()),
            Status::Lease => Lookup::Lease(self.reason),
            Status::Busy => Lookup::Busy,
            Status::Failed => Lookup::Negative,
        };
        self.row.answered(lookup, now);
        self.row.waited(Some(now.since(self.since)));
    }

    /// It never will be.
    fn abandoned(&self, now: Instant) {
        self.row.answered(Lookup::Abandoned, now);
        self.row.waited(None);
    }
}

/// Blocks the client of a command, for whom `ticket` stands in the tables. False where the server did not.
pub fn block(
    context: Context<'_>,
    namespace: NamespaceName<'_>,
    timeout_ms: u64,
    ticket: Ticket,
    waits: Option<Waits>,
) -> bool {
    let key = OwnedString::new(namespace.waiting_key().as_bytes());
    let callbacks = Callbacks { ready: on_ready, over: on_over, end: on_end };
    let client = BlockedClient::block(context, key.borrow(), timeout_ms, ticket.0, callbacks);
    if let Some(client) = client {
        waits.iter().for_each(|waits| waits.row.began_to_wait());
        with_clients(|clients| clients.blocked.insert(ticket, Blocked { client, waits }));
    }
    client.is_some()
}

/// Tells a client to take its answer.
pub fn wake(ticket: Ticket) {
    if let Some(client) = with_clients(|clients| clients.blocked.get(&ticket).map(|blocked| blocked.client)) {
        // SAFETY: it is here until `on_end` was called. No borrow is held: on 7.0 the server calls back at once.
        unsafe { client.wake() };
    }
}

/// Tells a client who waited for a change.
pub fn tell(ticket: Ticket, reply: Reply<'static>) {
    with_clients(|clients| clients.told.insert(ticket, reply));
    wake(ticket);
}

/// Somebody wrote at the key that is there to wait at; that ends nobody's wait.
unsafe extern "C" fn on_ready(
    _context: *mut raw::RedisModuleCtx,
    _words: *mut *mut raw::RedisModuleString,
    _count: c_int,
) -> c_int {
    raw::REDISMODULE_ERR as c_int
}

/// The wait is over: with an answer, or because its time is.
unsafe extern "C" fn on_over(
    context: *mut raw::RedisModuleCtx,
    _words: *mut *mut raw::RedisModuleString,
    _count: c_int,
) -> c_int {
    // SAFETY: the server passes a context that is good until this returns.
    let Some(context) = (unsafe { Context::new(context) }) else { return raw::REDISMODULE_ERR as c_int };
    let replied = guarded(false, || {
        reply(context, Ticket(blocking::number(context)));
        true
    });
    if !replied {
        context.reply_error("ERR the module failed at this command; the server's log says where");
    }
    raw::REDISMODULE_OK as c_int
}

fn reply(context: Context<'_>, ticket: Ticket) {
    if let Some(fetched) = with_leases(|leases| leases.take_answer(ticket)) {
        return answer(context, ticket, &fetched);
    }
    if let Some(told) = with_clients(|clients| clients.told.remove(&ticket)) {
        return context.reply(&told);
    }
    let (place, ask) = with_leases(|leases| (leases.waits_at(ticket).cloned(), leases.waits_for(ticket)));
    match place.as_ref().and_then(|place| place.place()) {
        Some(place) => {
            let last = keyspace::at_last(context, &place, ask.unwrap_or_default(), context.now());
            answer(context, ticket, &last);
        }
        // It followed entries, and none has changed.
        None => context.reply(&Reply::Nil),
    }
}

/// Answers a lookup, and counts it.
fn answer(context: Context<'_>, ticket: Ticket, fetched: &Fetched) {
    if let Some(waits) = with_clients(|clients| clients.blocked.get_mut(&ticket)?.waits.take()) {
        waits.answered(fetched, context.now());
    }
    context.reply_parts(&fetch::reply(fetched));
}

/// The client is no longer blocked. Whatever it was given and did not take passes on.
unsafe extern "C" fn on_end(_context: *mut raw::RedisModuleCtx, private: *mut c_void) {
    guarded((), || {
        let ticket = Ticket(blocking::of_private(private));
        let blocked = with_clients(|clients| {
            clients.told.remove(&ticket);
            clients.blocked.remove(&ticket)
        });
        if let Some(waits) = blocked.and_then(|blocked| blocked.waits) {
            waits.abandoned(Context::time_of_day());
        }
        with_leases(|leases| leases.leave(ticket));
        with_followers(|followers| followers.remove(ticket));
        wake::arm();
    });
}
