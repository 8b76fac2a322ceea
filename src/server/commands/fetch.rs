//! `CACHE.RESULT FETCH`

use std::rc::Rc;

use super::super::keyspace::{self, Found};
use super::super::waiting::{clients, next_ticket, wake, with_leases};
use super::{Call, Handler};
use crate::core::fetch::{Fetched, Offer, Status};
use crate::core::lease::flight::{Grant, Waiter};
use crate::core::lease::table::Desk;
use crate::core::lease::{Place, Ticket};
use crate::core::policy::templates::Template;
use crate::core::refusal::{Code, Refusal};
use crate::core::state::Stored;
use crate::core::token::{Kind, Token};
use crate::protocol::result::fetch::{COMMAND, Request, reply, value};
use crate::protocol::table::Command;

pub struct Fetch;

impl Handler for Fetch {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let request = Request::parse(call.arguments, &call.limits)?;
        let found = call.look(&request.entry)?;
        let fetch = Fetching { call, request: &request, found: &found };
        let offer = request.ask.offer(&found.visible(), &found.policy, call.now);
        match offer {
            Offer::Hit { stored, due } => fetch.serve(Status::Hit, &stored, due),
            Offer::Stale { stored, due } => fetch.serve(Status::Stale, &stored, due),
            _ if call.context.is_replica() => return Err(read_only()),
            Offer::Failed { message, version } => call.reply(&reply(&Fetched::failed(message, version))),
            Offer::Nothing if found.bypassed => fetch.bypass(),
            Offer::Nothing => return fetch.compute(),
        }
        Ok(())
    }
}

/// What only a primary does.
pub fn read_only() -> Refusal {
    Refusal::new(
        Code::ReadOnly,
        "this server is a replica: leases are the primary's, only HIT and STALE are served here",
    )
}

struct Fetching<'c, 'a> {
    call: &'c Call<'a>,
    request: &'c Request<'a>,
    found: &'c Found<'a>,
}

impl Fetching<'_, '_> {
    fn place(&self) -> Place<'_> {
        Place { database: self.call.context.database(), address: self.found.address }
    }

    /// Serves what is there. Where it is due, and nobody refreshes it yet, this caller is asked to.
    fn serve(&self, status: Status, stored: &Stored<'_>, due: bool) {
        self.found.count_hit();
        let token = if due && !self.call.context.is_replica() { self.refresh() } else { None };
        self.call.reply(&value(status, stored, token.as_deref()));
    }

    fn refresh(&self) -> Option<Rc<str>> {
        let tags = self.tags().ok()?;
        match self.desk() {
            Desk::Free => self.grant(tags),
            Desk::Mine(token) => Some(token),
            Desk::Busy => None,
        }
    }

    /// Nothing is there: this caller computes, waits, or is told that another computes.
    fn compute(&self) -> Result<(), Refusal> {
        let tags = self.tags()?;
        let token = match self.desk() {
            Desk::Free => self.grant(tags),
            Desk::Mine(token) => Some(token),
            Desk::Busy if self.wait(tags) => return Ok(()),
            Desk::Busy => None,
        };
        let fetched = match token {
            Some(token) => Fetched::lease(token),
            None => keyspace::busy(self.call.context, &self.place(), self.call.now),
        };
        self.call.reply(&reply(&fetched));
        Ok(())
    }

    /// The cache is switched off here: everybody computes.
    fn bypass(&self) {
        let id = with_leases(|leases| leases.next_grant());
        let token = Token::new(Kind::Bypass, &self.found.address, self.found.since(), id, Box::default());
        self.call.reply(&reply(&Fetched::lease(token.to_string().into())));
    }

    fn desk(&self) -> Desk {
        with_leases(|leases| leases.desk(&self.place(), self.request.holder, self.call.now))
    }

    /// What the rules draw from the params, for the token.
    fn tags(&self) -> Result<Box<[Template]>, Refusal> {
        self.call.bound_tags(&self.request.entry, &self.found.policy)
    }

    fn grant(&self, tags: Box<[Template]>) -> Option<Rc<str>> {
        let grant = Grant {
            since: self.found.since(),
            tags,
            holder: self.request.holder.map(Box::from),
            length_ms: self.request.length_ms.unwrap_or(self.found.policy.lease_ms),
        };
        let token = with_leases(|leases| leases.grant(&self.place(), grant, self.call.now));
        wake::arm();
        token
    }

    /// Whether the client waits from now on.
    fn wait(&self, tags: Box<[Template]>) -> bool {
        let Some(block_ms) = self.request.block_ms.filter(|_| !self.call.context.denies_blocking()) else {
            return false;
        };
        let ticket = next_ticket();
        let Request { ask, length_ms, holder, .. } = *self.request;
        let waiter = Waiter { ask, holder: holder.map(Box::from), length_ms, tags };
        let max = self.call.limits.waiters_max;
        with_leases(|leases| leases.wait(&self.place(), ticket, waiter, max)) && self.block(block_ms, ticket)
    }

    fn block(&self, block_ms: u64, ticket: Ticket) -> bool {
        let blocked = self
            .call
            .namespace()
            .is_ok_and(|namespace| clients::block(self.call.context, namespace, block_ms, ticket));
        if !blocked {
            with_leases(|leases| leases.leave(ticket));
        }
        blocked
    }
}
