//! `CACHE.RESULT FETCH`

use std::rc::Rc;

use super::super::keyspace::{self, Found};
use super::super::waiting::{self, clients, next_ticket, with_leases};
use super::{Call, Handler};
use crate::core::fetch::{Ask, Fetched, Offer, Status, signed};
use crate::core::lease::flight::{Grant, Waiter};
use crate::core::lease::table::Desk;
use crate::core::lease::{Place, Ticket};
use crate::core::policy::templates::Template;
use crate::core::refusal::{Code, Refusal};
use crate::core::state::{OpenState, Opened, Stored};
use crate::core::stats::{Lookup, Reason, Served};
use crate::core::token::{Kind, Token};
use crate::protocol::entry_arguments::EntryArguments;
use crate::protocol::reply::Reply;
use crate::protocol::result::fetch::{COMMAND, Request, reply, value};
use crate::protocol::table::Command;

pub struct Fetch;

impl Handler for Fetch {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        if call.is_answered_at_once(|found| serve(call, found, Ask::default())) {
            return Ok(());
        }
        let Request { entry, ask, length_ms, block_ms, holder } =
            Request::parse(call.arguments, &call.limits)?;
        let Some(found) = call.look_unless(&entry, |found| serve(call, found, ask))? else { return Ok(()) };
        if serve(call, &found, ask) {
            return Ok(());
        }
        let fetch = Fetching { call, entry, found: &found, ask, length_ms, holder };
        match fetch.prepare()? {
            Prepared::Compute(tags) => fetch.compute_or_wait(tags, block_ms),
            prepared => fetch.answer(prepared),
        }
        Ok(())
    }
}

/// Answers what is asked for most often and leaves nothing to decide, where it is that.
#[inline]
fn serve(call: &Call<'_>, found: &Found<'_>, ask: Ask) -> bool {
    let answer = |stored: &Stored<'_>, result: &[u8], _| {
        found.answered(Lookup::Hit(Served::of(stored)));
        call.context.reply_found(c"HIT", result, signed(stored.entry.version));
    };
    is_plain(found, ask) && found.served(false, answer).is_some()
}

/// Whether a hit is all that there is to be said of it.
fn is_plain(found: &Found<'_>, ask: Ask) -> bool {
    ask == Ask::default() && found.policy.refresh_percent == 0
}

/// What only a primary does.
pub fn read_only() -> Refusal {
    Refusal::new(
        Code::ReadOnly,
        "this server is a replica: leases are the primary's, only HIT and STALE are served here",
    )
}

/// A lookup of one entry that may lease it.
pub struct Fetching<'f, 'a> {
    pub call: &'f Call<'a>,
    pub entry: EntryArguments<'a>,
    pub found: &'f Found<'a>,
    pub ask: Ask,
    pub length_ms: Option<u64>,
    pub holder: Option<&'f [u8]>,
}

/// What comes of it, before anything is leased.
pub enum Prepared<'f> {
    Value {
        status: Status,
        stored: Opened<'f>,
        due: bool,
    },
    Failed {
        message: &'f [u8],
        version: u64,
    },
    /// The cache is switched off here.
    Bypass,
    /// Somebody has to compute. With what the rules draw from the params, for the token.
    Compute(Box<[Template]>),
}

impl<'f> Fetching<'f, '_> {
    /// What is answered most often, and leaves nothing to decide.
    #[inline]
    pub fn plain_hit(&self) -> Option<Opened<'f>> {
        match self.found.open() {
            OpenState::Fresh(stored) if is_plain(self.found, self.ask) => Some(stored),
            _ => None,
        }
    }

    /// Looks at what is there; all that can be refused is refused here.
    pub fn prepare(&self) -> Result<Prepared<'f>, Refusal> {
        let is_replica = || self.call.context.is_replica();
        match self.ask.offer(&self.found.open(), &self.found.policy, self.call.now) {
            Offer::Hit { stored, due } => Ok(Prepared::Value { status: Status::Hit, stored, due }),
            Offer::Stale { stored, due } => Ok(Prepared::Value { status: Status::Stale, stored, due }),
            _ if is_replica() => Err(read_only()),
            Offer::Failed { message, version } => Ok(Prepared::Failed { message, version }),
            Offer::Nothing if self.found.bypassed => Ok(Prepared::Bypass),
            Offer::Nothing => self.call.bound_tags(&self.entry, &self.found.policy).map(Prepared::Compute),
        }
    }

    /// Bytes of what the answer brings: the result or message, the progress of another's lease, what a token says of tags.
    pub fn bytes(&self, prepared: &Prepared<'_>) -> usize {
        match prepared {
            Prepared::Value { stored, due: false, .. } => stored.result.len(),
            Prepared::Value { stored, due: true, .. } => {
                let tags = self.call.bound_tags(&self.entry, &self.found.policy).unwrap_or_default();
                stored.result.len().saturating_add(Token::tag_bytes(&tags))
            }
            Prepared::Failed { message, .. } => message.len(),
            Prepared::Bypass => 0,
            Prepared::Compute(tags) => {
                let progress = with_leases(|leases| leases.progress(&self.place(), self.call.now));
                progress.map_or(0, |progress| progress.text.len()).saturating_add(Token::tag_bytes(tags))
            }
        }
    }

    /// Replies; whoever has to compute and finds another at it is told so.
    pub fn answer(&self, prepared: Prepared<'_>) {
        match prepared {
            Prepared::Value { status, stored, due } => {
                let served = Served::of(&stored);
                self.found.answered(match status {
                    Status::Stale => Lookup::Stale(served),
                    _ => Lookup::Hit(served),
                });
                let token = if due { self.refresh() } else { None };
                self.call.context.reply_parts(&value(status, &stored, token.as_deref()));
            }
            Prepared::Failed { message, version } => {
                self.found.answered(Lookup::Negative);
                let parts =
                    [Reply::Status(c"FAILED"), Reply::bulk(message), Reply::Nil, Reply::number(version)];
                self.call.context.reply_parts(&parts);
            }
            Prepared::Bypass => self.bypass(),
            Prepared::Compute(tags) => self.compute_or_wait(tags, None),
        }
    }

    fn place(&self) -> Place<'_> {
        Place { database: self.call.context.database(), address: self.found.address }
    }

    fn desk(&self) -> Desk {
        with_leases(|leases| leases.desk(&self.place(), self.holder, self.call.now))
    }

    /// A value is due: where nobody refreshes it yet, this caller is asked to.
    fn refresh(&self) -> Option<Rc<str>> {
        if self.call.context.is_replica() {
            return None;
        }
        let tags = self.call.bound_tags(&self.entry, &self.found.policy).ok()?;
        match self.desk() {
            Desk::Free => self.grant(tags),
            Desk::Mine(token) => Some(token),
            Desk::Busy => None,
        }
    }

    /// Nothing is there: this caller computes, waits, or is told that another computes.
    fn compute_or_wait(&self, tags: Box<[Template]>, block_ms: Option<u64>) {
        let token = match self.desk() {
            Desk::Free => self.grant(tags),
            Desk::Mine(token) => Some(token),
            Desk::Busy if self.wait(tags, block_ms) => return,
            Desk::Busy => None,
        };
        let (fetched, lookup) = match token {
            Some(token) => (Fetched::lease(token), Lookup::Lease(self.reason())),
            None => (keyspace::busy(self.call.context, &self.place(), self.call.now), Lookup::Busy),
        };
        self.found.answered(lookup);
        self.call.context.reply_parts(&reply(&fetched));
    }

    /// Why this caller cannot use what is there.
    fn reason(&self) -> Reason {
        self.found.reason(self.call.context, self.ask.reject)
    }

    /// The cache is switched off here: everybody computes.
    fn bypass(&self) {
        self.found.answered(Lookup::Lease(self.reason()));
        let id = with_leases(|leases| leases.next_grant());
        let token = Token::new(Kind::Bypass, &self.found.address, self.found.since(), id, Box::default());
        self.call.context.reply_parts(&reply(&Fetched::lease(token.to_string().into())));
    }

    /// None where there are too many leases already.
    fn grant(&self, tags: Box<[Template]>) -> Option<Rc<str>> {
        if with_leases(|leases| leases.len()) >= self.call.limits.leases_max {
            return None;
        }
        let grant = Grant {
            since: self.found.since(),
            tags,
            holder: self.holder.map(Box::from),
            length_ms: self.length_ms.unwrap_or(self.found.policy.lease_ms),
        };
        let token = with_leases(|leases| leases.grant(&self.place(), grant, self.call.now));
        // Progress of a lease that lapsed just now is gone.
        waiting::changed(&self.place());
        token
    }

    /// Whether the client waits from now on.
    fn wait(&self, tags: Box<[Template]>, block_ms: Option<u64>) -> bool {
        let Some(block_ms) = block_ms.filter(|_| !self.call.context.denies_blocking()) else { return false };
        let ticket = next_ticket();
        let holder = self.holder.map(Box::from);
        let waiter = Waiter { ask: self.ask, holder, length_ms: self.length_ms, tags };
        let max = self.call.limits.waiters_max;
        with_leases(|leases| leases.wait(&self.place(), ticket, waiter, max)) && self.block(block_ms, ticket)
    }

    fn block(&self, block_ms: u64, ticket: Ticket) -> bool {
        let waits =
            clients::Waits { row: Rc::clone(self.found.row()), reason: self.reason(), since: self.call.now };
        let namespace = self.found.address.namespace;
        let blocked = clients::block(self.call.context, namespace, block_ms, ticket, Some(waits));
        if !blocked {
            with_leases(|leases| leases.leave(ticket));
        }
        blocked
    }
}
