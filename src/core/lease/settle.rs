//! Who of those who wait for an entry is next.

use std::rc::Rc;

use super::super::entry::Entry;
use super::super::fetch::{Fetched, Offer, Status, signed};
use super::super::instant::Instant;
use super::super::policy::Policy;
use super::super::stamp::Stamp;
use super::super::state::{OpenState, Opened};
use super::super::token::{GrantId, Kind, Token};
use super::Ticket;
use super::answers::Answer;
use super::flight::{Grant, Waiter};
use super::index::FlightId;
use super::table::Leases;

/// How many waiters are answered at a time.
const SLICE: usize = 128;

/// What stands at the entry that they wait for.
#[derive(Debug)]
pub struct Scene<'s> {
    pub state: &'s OpenState<'s>,
    pub policy: &'s Policy,
    /// Whether the cache is switched off there.
    pub bypassed: bool,
    /// The clock of the namespace.
    pub since: Stamp,
}

impl Leases {
    /// Answers those whose wait is over as things stand, in the order in which they came: one gets the lease where
    /// nobody holds it, others what they accept. Where that is many, the rest follows when the flight is called again.
    pub fn settle(&mut self, id: FlightId, scene: &Scene<'_>, now: Instant) {
        let mut settling = Settling { leases: self, id, scene, now, value: None };
        let mut last = None;
        let mut answered = 0usize;
        while let Some((ticket, waiter)) = settling.next(last) {
            match settling.decide(&waiter) {
                Some(answer) => {
                    settling.leases.answer(id, ticket, answer);
                    answered = answered.saturating_add(1);
                }
                None if settling.leases.flights.get(&id).is_none_or(|flight| flight.is_uniform()) => return,
                None => {}
            }
            last = Some(ticket);
            if answered >= SLICE {
                self.call_again(id);
                return;
            }
        }
    }
}

/// A lease that passes on where the waiter who got it has vanished.
type NewLease = (FlightId, GrantId);

struct Settling<'l, 's> {
    leases: &'l mut Leases,
    id: FlightId,
    scene: &'l Scene<'s>,
    now: Instant,
    /// The value that the last of them was given, shared by the next.
    value: Option<(Status, Rc<[u8]>)>,
}

impl Settling<'_, '_> {
    fn next(&self, last: Option<Ticket>) -> Option<(Ticket, Waiter)> {
        let flight = self.leases.flights.get(&self.id)?;
        flight.next_waiter(last).map(|(ticket, waiter)| (ticket, waiter.clone()))
    }

    /// What a waiter is told; none where it goes on waiting.
    fn decide(&mut self, waiter: &Waiter) -> Option<Answer> {
        if self.scene.bypassed {
            return self.bypass(waiter);
        }
        match waiter.ask.offer(self.scene.state, self.scene.policy, self.now) {
            Offer::Hit { stored, due } => Some(self.value(Status::Hit, &stored, due, waiter)),
            Offer::Stale { stored, due } => Some(self.value(Status::Stale, &stored, due, waiter)),
            Offer::Failed { message, version } => Some(alone(Fetched::failed(message, version))),
            Offer::Nothing => {
                let (token, lease) = self.lease(waiter)?;
                Some(Answer { lease, ..alone(Fetched::lease(token)) })
            }
        }
    }

    fn bypass(&mut self, waiter: &Waiter) -> Option<Answer> {
        let number = self.leases.next_grant();
        let place = &self.leases.flights.get(&self.id)?.place;
        let address = place.place()?.address;
        let token = Token::new(Kind::Bypass, &address, self.scene.since, number, waiter.tags.clone());
        Some(alone(Fetched::lease(token.to_string().into())))
    }

    fn value(&mut self, status: Status, stored: &Opened<'_>, due: bool, waiter: &Waiter) -> Answer {
        let value = match &self.value {
            Some((of, value)) if *of == status => Rc::clone(value),
            _ => Rc::from(stored.result),
        };
        self.value = Some((status, Rc::clone(&value)));
        let (token, lease) = due.then(|| self.lease(waiter)).flatten().unzip();
        let version = signed(stored.entry.version);
        let Entry { took_ms, weight, .. } = stored.entry;
        let fetched = Fetched { status, value: Some(value), token, version, took_ms, weight };
        Answer { lease: lease.flatten(), ..alone(fetched) }
    }

    /// The waiter's own lease, or a new one where nobody holds any; its number too where it is new.
    #[allow(clippy::type_complexity)]
    fn lease(&mut self, waiter: &Waiter) -> Option<(Rc<str>, Option<NewLease>)> {
        let steady = self.leases.steady(self.now);
        let flight = self.leases.flights.get(&self.id)?;
        if let Some(held) = flight.held(steady) {
            let own = waiter.holder.is_some() && held.grant.holder == waiter.holder;
            return own
                .then(|| held.token(&flight.place))
                .flatten()
                .map(|token| (token.to_string().into(), None));
        }
        let grant = Grant {
            since: self.scene.since,
            tags: waiter.tags.clone(),
            holder: waiter.holder.clone(),
            length_ms: waiter.length_ms.unwrap_or(self.scene.policy.lease_ms),
        };
        let (token, number) = self.leases.grant_in(self.id, grant, self.now)?;
        Some((token, Some((self.id, number))))
    }
}

fn alone(fetched: Fetched) -> Answer {
    Answer { fetched: Rc::new(fetched), lease: None }
}
