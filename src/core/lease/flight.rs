//! One entry that is being computed, or waited for.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use super::super::fetch::Ask;
use super::super::policy::templates::Template;
use super::super::stamp::Stamp;
use super::super::token::{GrantId, Kind, Token};
use super::{OwnedPlace, Ticket};

/// What a grant says, beside its number and its deadline.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The namespace's clock at the grant.
    pub since: Stamp,
    /// What the rules drew from the params.
    pub tags: Box<[Template]>,
    /// Who holds it, where the caller said so.
    pub holder: Option<Box<[u8]>>,
    pub length_ms: u64,
}

/// The right to compute an entry.
#[derive(Debug)]
pub struct Lease {
    pub id: GrantId,
    pub grant: Grant,
    /// In steady milliseconds, as the deadline.
    pub granted: u64,
    pub deadline: u64,
    pub hold: Hold,
    pub progress: Option<Progress>,
    /// Bytes that the holder is about to write elsewhere.
    pub weight: Option<u64>,
}

/// How a lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Nobody else may compute.
    Held,
    /// Its deadline is over; it can be taken up again until another overtakes it.
    Lapsed,
    /// Its token is good for nothing any more.
    Ended,
}

/// How far a computation has come, as its holder says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Below zero, so that it is no entry's version; never used twice.
    pub version: i64,
    /// JSON.
    pub text: Rc<[u8]>,
}

impl Lease {
    /// Whether it is held at this steady time, whether or not its lapse was noticed.
    pub fn is_held(&self, steady: u64) -> bool {
        self.hold == Hold::Held && steady < self.deadline
    }

    /// Whether a token of its number says what was granted.
    pub fn says(&self, token: &Token) -> bool {
        // What was drawn is not kept once it lapsed: the token has it.
        self.grant.since == token.since && (self.hold != Hold::Held || self.grant.tags == token.tags)
    }

    /// Its token, always the same.
    pub fn token(&self, place: &OwnedPlace) -> Option<Token> {
        let address = place.place()?.address;
        let Grant { since, tags, .. } = &self.grant;
        Some(Token::new(Kind::Lease, &address, *since, self.id, tags.clone()))
    }
}

/// A client that waits for an entry, with all that is needed to decide for it.
#[derive(Debug, Clone)]
pub struct Waiter {
    pub ask: Ask,
    pub holder: Option<Box<[u8]>>,
    /// What its own lease would be; none is as the rules say.
    pub length_ms: Option<u64>,
    /// What the rules drew from its params when it began to wait.
    pub tags: Box<[Template]>,
}

impl Waiter {
    /// Whether another may be answered differently in the same situation.
    fn is_particular(&self) -> bool {
        self.ask != Ask::default() || self.holder.is_some()
    }
}

/// The lease and the waiters of one entry.
#[derive(Debug)]
pub struct Flight {
    pub place: OwnedPlace,
    pub lease: Option<Lease>,
    waiters: BTreeMap<Ticket, Waiter>,
    /// How many of them are particular.
    particular: usize,
    /// Whether it stands among those whose waiters are to be looked at.
    pub called: bool,
}

impl Flight {
    pub fn new(place: OwnedPlace) -> Self {
        Flight { place, lease: None, waiters: BTreeMap::new(), particular: 0, called: false }
    }

    /// The lease, where it is held.
    pub fn held(&self, steady: u64) -> Option<&Lease> {
        self.lease.as_ref().filter(|lease| lease.is_held(steady))
    }

    /// Whether what is computed bears one of these tags, as far as is known.
    pub fn bears(&self, tags: &HashSet<&[u8]>) -> bool {
        let drawn = self.lease.iter().flat_map(|lease| &lease.grant.tags);
        let mut known = drawn.filter_map(Template::text);
        known.any(|tag| tags.contains(tag.as_bytes()))
    }

    pub fn waiting(&self) -> usize {
        self.waiters.len()
    }

    pub fn add(&mut self, ticket: Ticket, waiter: Waiter) {
        self.particular = self.particular.saturating_add(usize::from(waiter.is_particular()));
        self.waiters.insert(ticket, waiter);
    }

    pub fn remove(&mut self, ticket: Ticket) -> Option<Waiter> {
        let waiter = self.waiters.remove(&ticket)?;
        self.particular = self.particular.saturating_sub(usize::from(waiter.is_particular()));
        Some(waiter)
    }

    /// All of them, in the order of their arrival.
    pub fn take_waiters(&mut self) -> Vec<Ticket> {
        self.particular = 0;
        std::mem::take(&mut self.waiters).into_keys().collect()
    }

    /// The first that came after `after`; none is the very first.
    pub fn next_waiter(&self, after: Option<Ticket>) -> Option<(Ticket, &Waiter)> {
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        self.waiters
            .range((from, std::ops::Bound::Unbounded))
            .next()
            .map(|(&ticket, waiter)| (ticket, waiter))
    }

    /// Whether all who wait would be answered alike.
    pub fn is_uniform(&self) -> bool {
        self.particular == 0
    }

    /// Who waits under this ticket.
    pub fn waiter(&self, ticket: Ticket) -> Option<&Waiter> {
        self.waiters.get(&ticket)
    }

    /// Whether there is nothing to remember of it.
    pub fn is_over(&self) -> bool {
        self.lease.is_none() && self.waiters.is_empty()
    }
}
