//! All leases and waiters of a process.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::Rc;

use super::super::epochs::Scope;
use super::super::fetch::Fetched;
use super::super::instant::Instant;
use super::super::token::{GrantId, Token};
use super::answers::{Answer, Answers};
use super::flight::{Flight, Grant, Hold, Lease, Progress, Waiter};
use super::index::{FlightId, Index};
use super::steady::Steady;
use super::{OwnedPlace, Place, Ticket};

/// How many leases are remembered that nobody holds: lapsed ones, which can be taken up again, and ended ones, which
/// fence what came before them.
const REMEMBERED: usize = 16_384;

/// Who computes an entry, as a caller finds it.
#[derive(Debug)]
pub enum Desk {
    /// Nobody.
    Free,
    /// The caller itself, by this token.
    Mine(Rc<str>),
    /// Somebody else, or one of those who wait is about to.
    Busy,
}

/// What a token is, as far as this process knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It holds the lease.
    Held,
    /// Its lease lapsed, and nobody has overtaken it.
    Lapsed,
    /// It is good for nothing.
    Overtaken,
    /// Another process granted it, or it was forgotten: the namespace decides.
    Unknown,
}

/// What a holder says when it goes on.
#[derive(Debug)]
pub struct Renewal {
    /// From now; none is as long as it was granted for.
    pub length_ms: Option<u64>,
    /// Where this process did not grant it.
    pub default_ms: u64,
    pub progress: Option<Rc<[u8]>>,
    pub weight: Option<u64>,
}

/// A lease that came to its deadline.
#[derive(Debug)]
pub struct Lapse {
    pub place: OwnedPlace,
    /// Whether it showed progress, which is gone now.
    pub had_progress: bool,
}

/// The table.
#[derive(Debug)]
pub struct Leases {
    /// Random bits of this process.
    server: u64,
    /// The number of the last grant.
    granted: u64,
    /// Of grants up to this number some may have been forgotten.
    floor: u64,
    /// The version of the newest progress.
    progress: i64,
    steady: Steady,
    pub(super) flights: HashMap<FlightId, Flight>,
    index: Index,
    /// The last number of a flight or batch.
    last_id: u64,
    deadlines: BTreeSet<(u64, FlightId)>,
    /// Leases that nobody holds, the oldest first; some may be held again by now.
    remembered: VecDeque<(FlightId, GrantId)>,
    /// Flights whose waiters are to be looked at.
    called: VecDeque<FlightId>,
    /// In which flight, or batch of answers, each waiter is.
    waiters: HashMap<Ticket, u64>,
    answers: Answers,
}

impl Leases {
    /// A table of a process with these random bits.
    pub fn new(server: u64, random: u64) -> Self {
        Leases {
            server,
            granted: 0,
            floor: 0,
            // Numbers of two processes hardly meet, so that a client may go on with those of another.
            progress: -i64::try_from(random >> 12).unwrap_or(0),
            steady: Steady::default(),
            flights: HashMap::new(),
            index: Index::default(),
            last_id: 0,
            deadlines: BTreeSet::new(),
            remembered: VecDeque::new(),
            called: VecDeque::new(),
            waiters: HashMap::new(),
            answers: Answers::default(),
        }
    }

    /// Whether nothing is leased, and nobody waits.
    pub fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    /// Whether there is nothing to do, now or at any deadline.
    pub fn is_idle(&self) -> bool {
        self.is_quiet() && self.deadlines.is_empty()
    }

    /// The steady time.
    pub(super) fn steady(&mut self, now: Instant) -> u64 {
        self.steady.at(now)
    }

    fn next_id(&mut self) -> u64 {
        self.last_id = self.last_id.saturating_add(1);
        self.last_id
    }

    fn find(&self, place: &Place<'_>) -> Option<(FlightId, &Flight)> {
        let id = self.index.find(place)?;
        self.flights.get(&id).map(|flight| (id, flight))
    }

    fn find_or_make(&mut self, place: &Place<'_>) -> FlightId {
        if let Some(id) = self.index.find(place) {
            return id;
        }
        let id = self.next_id();
        let place = self.index.insert(place, id);
        self.flights.insert(id, Flight::new(place));
        id
    }

    /// Forgets a flight that is over.
    fn tidy(&mut self, id: FlightId) {
        if self.flights.get(&id).is_some_and(Flight::is_over)
            && let Some(flight) = self.flights.remove(&id)
        {
            self.index.remove(&flight.place);
        }
    }

    /// Takes a flight's lease away.
    fn unlease(&mut self, id: FlightId) -> Option<Lease> {
        let lease = self.flights.get_mut(&id)?.lease.take()?;
        self.deadlines.remove(&(lease.deadline, id));
        Some(lease)
    }

    fn lease_to(&mut self, id: FlightId, lease: Lease) {
        self.unlease(id);
        if lease.hold == Hold::Held {
            self.deadlines.insert((lease.deadline, id));
        } else {
            self.remember(id, lease.id);
        }
        if let Some(flight) = self.flights.get_mut(&id) {
            flight.lease = Some(lease);
        }
    }

    /// Remembers a lease that nobody holds, and forgets the oldest.
    fn remember(&mut self, id: FlightId, grant: GrantId) {
        self.remembered.push_back((id, grant));
        while self.remembered.len() > REMEMBERED {
            let Some((id, grant)) = self.remembered.pop_front() else { return };
            let lease = self.flights.get(&id).and_then(|flight| flight.lease.as_ref());
            let Some(lease) = lease.filter(|lease| lease.id == grant && lease.hold != Hold::Held) else {
                continue;
            };
            if lease.hold == Hold::Lapsed && grant.server == self.server {
                self.floor = self.floor.max(grant.number);
            }
            self.unlease(id);
            self.tidy(id);
        }
    }

    /// Has a flight's waiters looked at.
    fn call(&mut self, id: FlightId) {
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
                return Some((id, flight.place.clone()));
            }
        }
        None
    }

    /// A number for a grant; larger than all before.
    pub fn next_grant(&mut self) -> GrantId {
        self.granted = self.granted.saturating_add(1);
        GrantId { server: self.server, number: self.granted }
    }

    /// Who computes an entry. Those who wait already go before the caller.
    pub fn desk(&mut self, place: &Place<'_>, holder: Option<&[u8]>, now: Instant) -> Desk {
        let steady = self.steady(now);
        let Some((_, flight)) = self.find(place) else { return Desk::Free };
        match flight.held(steady) {
            Some(lease) if holder.is_some() && lease.grant.holder.as_deref() == holder => {
                let token = lease.token(&flight.place).map(|token| token.to_string().into());
                token.map_or(Desk::Busy, Desk::Mine)
            }
            Some(_) => Desk::Busy,
            None if flight.waiting() > 0 => Desk::Busy,
            None => Desk::Free,
        }
    }

    /// Leases an entry, whoever had the lease before; the token is the holder's.
    pub fn grant(&mut self, place: &Place<'_>, grant: Grant, now: Instant) -> Option<Rc<str>> {
        let id = self.find_or_make(place);
        self.grant_in(id, grant, now).map(|(token, _)| token)
    }

    pub(super) fn grant_in(
        &mut self,
        id: FlightId,
        grant: Grant,
        now: Instant,
    ) -> Option<(Rc<str>, GrantId)> {
        let granted = self.steady(now);
        let number = self.next_grant();
        let deadline = granted.saturating_add(grant.length_ms);
        let lease =
            Lease { id: number, grant, granted, deadline, hold: Hold::Held, progress: None, weight: None };
        let token = lease.token(&self.flights.get(&id)?.place)?;
        self.lease_to(id, lease);
        Some((token.to_string().into(), number))
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
                self.revoke_in(id);
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

    /// Whether nobody has to be told, and no waiters have to be looked at.
    pub fn is_quiet(&self) -> bool {
        self.answers.is_told() && self.called.is_empty()
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

    /// How a token stands.
    pub fn standing(&mut self, place: &Place<'_>, id: GrantId, now: Instant) -> Standing {
        let steady = self.steady(now);
        let is_known = id.server == self.server && id.number > self.floor;
        let unknown = if is_known { Standing::Overtaken } else { Standing::Unknown };
        let Some(lease) = self.find(place).and_then(|(_, flight)| flight.lease.as_ref()) else {
            return unknown;
        };
        match lease.hold {
            Hold::Ended if lease.id == id => Standing::Overtaken,
            _ if lease.id == id && lease.is_held(steady) => Standing::Held,
            _ if lease.id == id => Standing::Lapsed,
            _ if lease.is_held(steady) || lease.id.server == self.server => Standing::Overtaken,
            _ if lease.id.server == id.server && lease.id.number > id.number => Standing::Overtaken,
            _ => unknown,
        }
    }

    /// The lease of an entry, where it is held.
    pub fn held(&mut self, place: &Place<'_>, now: Instant) -> Option<&Lease> {
        let steady = self.steady(now);
        self.find(place).and_then(|(_, flight)| flight.held(steady))
    }

    /// When a lease ends, by the wall clock.
    pub fn ends_at(&mut self, deadline: u64, now: Instant) -> Instant {
        let steady = self.steady(now);
        now.plus(deadline.saturating_sub(steady))
    }

    /// The newest progress of a lease that is held.
    pub fn progress(&mut self, place: &Place<'_>, now: Instant) -> Option<Progress> {
        self.held(place, now)?.progress.clone()
    }

    /// For how long a token has been granted, in milliseconds, and what weight it reserved; none where this process
    /// has forgotten, or never knew.
    pub fn spent(&mut self, place: &Place<'_>, id: GrantId, now: Instant) -> Option<(u64, Option<u64>)> {
        let steady = self.steady(now);
        let lease = self.find(place)?.1.lease.as_ref().filter(|lease| lease.id == id)?;
        (id.server == self.server).then(|| (steady.saturating_sub(lease.granted), lease.weight))
    }

    /// A token that is good goes on, or takes its lease up again. Returns whether progress was shown.
    pub fn renew(&mut self, place: &Place<'_>, token: &Token, renewal: Renewal, now: Instant) {
        let steady = self.steady(now);
        let id = self.find_or_make(place);
        let held = self.unlease(id).filter(|lease| lease.id == token.id);
        let mut lease = held.unwrap_or_else(|| Lease {
            id: token.id,
            grant: Grant {
                since: token.since,
                tags: token.tags.clone(),
                holder: None,
                length_ms: renewal.length_ms.unwrap_or(renewal.default_ms),
            },
            granted: steady,
            deadline: steady,
            hold: Hold::Held,
            progress: None,
            weight: None,
        });
        lease.hold = Hold::Held;
        lease.deadline = steady.saturating_add(renewal.length_ms.unwrap_or(lease.grant.length_ms));
        lease.weight = renewal.weight.or(lease.weight);
        if let Some(text) = renewal.progress {
            self.progress = self.progress.saturating_sub(1);
            lease.progress = Some(Progress { version: self.progress, text });
        }
        self.lease_to(id, lease);
    }

    /// A token ends, and whoever waits is next.
    pub fn end(&mut self, place: &Place<'_>, token: &Token, now: Instant) {
        let steady = self.steady(now);
        let id = self.find_or_make(place);
        self.unlease(id);
        let grant = Grant { since: token.since, tags: Box::default(), holder: None, length_ms: 0 };
        let ended = Lease {
            id: token.id,
            grant,
            granted: steady,
            deadline: steady,
            hold: Hold::Ended,
            progress: None,
            weight: None,
        };
        self.lease_to(id, ended);
        self.call(id);
    }

    /// The entry was invalidated: its lease is over, and whoever waits is next.
    pub fn revoke(&mut self, place: &Place<'_>) {
        if let Some(id) = self.index.find(place) {
            self.revoke_in(id);
        }
    }

    fn revoke_in(&mut self, id: FlightId) {
        self.unlease(id);
        self.call(id);
        self.tidy(id);
    }

    /// A namespace went: so do its leases; of those who wait one for each entry is next.
    pub fn drop_namespace(&mut self, database: i32, namespace: &str) {
        self.index.of_namespace(database, namespace).into_iter().for_each(|id| self.revoke_in(id));
    }

    /// So much of a namespace was invalidated at once: of its leases those go that are known to be concerned. Tags
    /// that a result brings are known when it comes.
    pub fn revoke_scope(&mut self, database: i32, namespace: &str, scope: &Scope<'_>) {
        let mut flights = self.index.of_namespace(database, namespace);
        flights.retain(|id| self.flights.get(id).is_some_and(|flight| flight.is_in(scope)));
        flights.into_iter().for_each(|id| self.revoke_in(id));
    }

    /// A database was emptied or exchanged, likewise; none is all of them.
    pub fn drop_database(&mut self, database: Option<i32>) {
        let flights = match database {
            Some(database) => self.index.of_database(database),
            None => self.flights.keys().copied().collect(),
        };
        flights.into_iter().for_each(|id| self.revoke_in(id));
    }

    /// What holds for entries has changed: all who wait are to be looked at.
    pub fn call_all(&mut self) {
        let flights: Vec<FlightId> = self.flights.keys().copied().collect();
        flights.into_iter().for_each(|id| self.call(id));
    }

    /// The role of this server changed: all is forgotten. Whoever waits is told by core; tokens become those of a
    /// stranger.
    pub fn clear(&mut self) {
        let Leases { server, granted, progress, last_id, .. } = *self;
        let steady = std::mem::take(&mut self.steady);
        *self = Leases { granted, floor: granted, progress, last_id, steady, ..Self::new(server, 0) };
    }

    /// The next lease that came to its deadline, if there is one; O(log n).
    pub fn lapse(&mut self, now: Instant) -> Option<Lapse> {
        let steady = self.steady(now);
        let &(deadline, id) = self.deadlines.first().filter(|(deadline, _)| *deadline <= steady)?;
        self.deadlines.remove(&(deadline, id));
        let flight = self.flights.get_mut(&id)?;
        let place = flight.place.clone();
        let lease = flight.lease.as_mut()?;
        lease.hold = Hold::Lapsed;
        let (grant, had_progress) = (lease.id, lease.progress.take().is_some());
        self.call(id);
        self.remember(id, grant);
        Some(Lapse { place, had_progress })
    }

    /// How long until the next deadline, in milliseconds; none where there is none.
    pub fn due_in_ms(&mut self, now: Instant) -> Option<u64> {
        let steady = self.steady(now);
        self.deadlines.first().map(|(deadline, _)| deadline.saturating_sub(steady))
    }
}
