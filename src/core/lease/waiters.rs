//! Those who wait: for whom, until when, and what they are told.

use std::rc::Rc;

use super::super::fetch::{Ask, Fetched};
use super::answers::Answer;
use super::flight::Waiter;
use super::index::FlightId;
use super::table::Leases;
use super::{OwnedPlace, Place, Ticket};

impl Leases {
    /// Has a flight's waiters looked at.
    pub(super) fn call(&mut self, id: FlightId) {
        if let Some(flight) = self.flights.get_mut(&id)
            && flight.waiting() > 0
            && !std::mem::replace(&mut flight.called, true)
        {
            self.called.push_back(id);
        }
    }

    /// The next flight whose waiters are to be looked at.
    pub fn next_called(&mut self) -> Option<(FlightId, OwnedPlace)> {
        while let Some(id) = self.called.pop_front() {
            if let Some(flight) = self.flights.get_mut(&id) {
                flight.called = false;
                let place = flight.place.clone();
                // One that was dropped is called when it is taken apart.
                if self.is_found(id, &place) {
                    return Some((id, place));
                }
            }
        }
        None
    }

    /// Has a flight's waiters looked at some time later.
    pub fn postpone(&mut self, id: FlightId) {
        self.postponed.push(id);
    }

    /// It is later.
    pub fn call_postponed(&mut self) {
        std::mem::take(&mut self.postponed).into_iter().for_each(|id| self.call(id));
    }

    /// Lets a client wait for an entry; false where `max` wait already.
    pub fn wait(&mut self, place: &Place<'_>, ticket: Ticket, waiter: Waiter, max: usize) -> bool {
        let id = self.find_or_make(place);
        let Some(flight) = self.flights.get_mut(&id).filter(|flight| flight.waiting() < max) else {
            self.tidy(id);
            return false;
        };
        flight.add(ticket, waiter);
        self.waiters.insert(ticket, id);
        true
    }

    /// Where a client waits that has no answer yet.
    pub fn waits_at(&self, ticket: Ticket) -> Option<&OwnedPlace> {
        self.flights.get(self.waiters.get(&ticket)?).map(|flight| &flight.place)
    }

    /// For what it waits.
    pub fn waits_for(&self, ticket: Ticket) -> Option<Ask> {
        self.flights.get(self.waiters.get(&ticket)?)?.waiter(ticket).map(|waiter| waiter.ask)
    }

    /// A client waits no longer: it timed out, was told something by core, or vanished. A lease that came with an
    /// answer which it did not take passes on.
    pub fn leave(&mut self, ticket: Ticket) {
        let Some(id) = self.waiters.remove(&ticket) else { return };
        if let Some(flight) = self.flights.get_mut(&id) {
            flight.remove(ticket);
            self.tidy(id);
        } else if let Some(Answer { lease: Some((id, grant)), .. }) = self.answers.take(id) {
            let lease = self.flights.get_mut(&id).and_then(|flight| flight.lease.as_mut());
            if lease.is_some_and(|lease| lease.id == grant) {
                self.end_in(id);
            }
        }
    }

    /// A client takes its answer; none where it has none yet.
    pub fn take_answer(&mut self, ticket: Ticket) -> Option<Rc<Fetched>> {
        let id = *self.waiters.get(&ticket)?;
        let answer = self.answers.take(id)?;
        self.waiters.remove(&ticket);
        Some(answer.fetched)
    }

    /// The next client that is to be told to take its answer, and of how many bytes that is.
    pub fn next_answered(&mut self) -> Option<(Ticket, usize)> {
        loop {
            let (ticket, bytes) = self.answers.next_untold()?;
            if self.waiters.contains_key(&ticket) {
                return Some((ticket, bytes));
            }
        }
    }

    /// One waiter is answered.
    pub(super) fn answer(&mut self, id: FlightId, ticket: Ticket, answer: Answer) {
        let Some(flight) = self.flights.get_mut(&id) else { return };
        if flight.remove(ticket).is_some() {
            let batch = self.next_id();
            self.waiters.insert(ticket, batch);
            self.answers.add(batch, answer, vec![ticket]);
        }
    }

    pub(super) fn call_again(&mut self, id: FlightId) {
        self.call(id);
    }

    /// What the entry is was decided: its lease is over, and all who wait are answered. Costs the same however many
    /// they are; the answer is made only where there are any.
    pub fn answer_all(&mut self, place: &Place<'_>, fetched: impl FnOnce() -> Fetched) {
        let Some(id) = self.index.find(place) else { return };
        self.unlease(id);
        if let Some(flight) = self.flights.get_mut(&id) {
            let waiters = flight.take_waiters();
            if !waiters.is_empty() {
                let answer = Answer { fetched: Rc::new(fetched()), lease: None };
                // The flight goes, and its number is that of the batch, so that no waiter has to be moved.
                self.answers.add(id, answer, waiters);
            }
        }
        self.tidy(id);
    }

    /// What holds for entries has changed: all who wait are to be looked at.
    pub fn call_all(&mut self) {
        let flights: Vec<FlightId> = self.flights.keys().copied().collect();
        flights.into_iter().for_each(|id| self.call(id));
    }
}
