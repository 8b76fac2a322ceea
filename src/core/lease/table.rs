//! All leases and waiters of a process.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::rc::Rc;

use super::super::instant::Instant;
use super::super::token::{GrantId, Token};
use super::answers::Answers;
use super::bearing::Bearing;
use super::dropped::Dropped;
use super::flight::{Flight, Grant, Hold, Lease, Progress};
use super::index::{FlightId, Index};
use super::reserved::Reserved;
use super::steady::Steady;
use super::{OwnedPlace, Place, Ticket};

/// How many leases are remembered that nobody holds, of either kind: lapsed ones, which can be taken up again, and ended
/// ones, which fence what other processes granted before them.
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
    /// Whether it was held until now; else it had been dropped before.
    pub was_held: bool,
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
    pub(super) flights: BTreeMap<FlightId, Box<Flight>>,
    pub(super) index: Index,
    pub(super) bearing: Bearing,
    reserved: Reserved,
    /// The last number of a flight or batch.
    last_id: u64,
    deadlines: BTreeSet<(u64, FlightId)>,
    /// Leases that lapsed, the oldest first; some may be held again by now.
    lapsed: VecDeque<(FlightId, GrantId)>,
    /// Leases whose token ended, likewise.
    ended: VecDeque<(FlightId, GrantId)>,
    /// Flights whose waiters are to be looked at.
    pub(super) called: VecDeque<FlightId>,
    /// Those for whom it is too early.
    pub(super) postponed: Vec<FlightId>,
    /// What was dropped, and is taken apart bit by bit.
    pub(super) dropped: VecDeque<Dropped>,
    /// In which flight, or batch of answers, each waiter is.
    pub(super) waiters: HashMap<Ticket, u64>,
    pub(super) answers: Answers,
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
            flights: BTreeMap::new(),
            index: Index::default(),
            bearing: Bearing::default(),
            reserved: Reserved::default(),
            last_id: 0,
            deadlines: BTreeSet::new(),
            lapsed: VecDeque::new(),
            ended: VecDeque::new(),
            called: VecDeque::new(),
            postponed: Vec::new(),
            dropped: VecDeque::new(),
            waiters: HashMap::new(),
            answers: Answers::default(),
        }
    }

    /// How many entries are leased, waited for, or remembered to have been.
    pub fn len(&self) -> usize {
        self.flights.len()
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

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id = self.last_id.saturating_add(1);
        self.last_id
    }

    pub(super) fn find(&self, place: &Place<'_>) -> Option<(FlightId, &Flight)> {
        let id = self.index.find(place)?;
        self.flights.get(&id).map(|flight| (id, &**flight))
    }

    pub(super) fn find_or_make(&mut self, place: &Place<'_>) -> FlightId {
        if let Some(id) = self.index.find(place) {
            return id;
        }
        let id = self.next_id();
        let place = self.index.insert(place, id);
        self.flights.insert(id, Box::new(Flight::new(place)));
        id
    }

    /// Forgets a flight that is over.
    pub(super) fn tidy(&mut self, id: FlightId) {
        if self.flights.get(&id).is_some_and(|flight| flight.is_over())
            && let Some(flight) = self.flights.remove(&id)
            && self.is_found(id, &flight.place)
        {
            self.index.remove(&flight.place);
        }
    }

    /// Whether a flight is found at its place: not where that was dropped.
    pub(super) fn is_found(&self, id: FlightId, place: &OwnedPlace) -> bool {
        place.place().is_some_and(|place| self.index.find(&place) == Some(id))
    }

    /// Takes a flight's lease away.
    pub(super) fn unlease(&mut self, id: FlightId) -> Option<Lease> {
        let flight = self.flights.get_mut(&id)?;
        let lease = flight.lease.take()?;
        self.bearing.remove(&flight.place, &lease.grant.tags, id);
        self.reserved.remove(&flight.place, &lease);
        self.deadlines.remove(&(lease.deadline, id));
        Some(lease)
    }

    pub(super) fn lease_to(&mut self, id: FlightId, lease: Lease) {
        self.unlease(id);
        if lease.hold == Hold::Held {
            self.deadlines.insert((lease.deadline, id));
        } else {
            self.remember(id, lease.id, lease.hold);
        }
        if let Some(flight) = self.flights.get_mut(&id) {
            self.bearing.insert(&flight.place, &lease.grant.tags, id);
            self.reserved.insert(&flight.place, &lease);
            flight.lease = Some(lease);
        }
    }

    /// Remembers a lease that nobody holds, and forgets the oldest of its kind.
    fn remember(&mut self, id: FlightId, grant: GrantId, hold: Hold) {
        let queue = if hold == Hold::Lapsed { &mut self.lapsed } else { &mut self.ended };
        queue.push_back((id, grant));
        let Some((id, grant)) = (queue.len() > REMEMBERED).then(|| queue.pop_front()).flatten() else {
            return;
        };
        let lease = self.flights.get(&id).and_then(|flight| flight.lease.as_ref());
        if lease.is_some_and(|lease| lease.id == grant && lease.hold == hold) {
            if hold == Hold::Lapsed && grant.server == self.server {
                self.floor = self.floor.max(grant.number);
            }
            self.unlease(id);
            self.tidy(id);
        }
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

    /// Whether nobody has to be told, and no waiters have to be looked at.
    pub fn is_quiet(&self) -> bool {
        self.answers.is_told() && self.called.is_empty() && self.dropped.is_empty()
    }

    /// How a token stands. One that says anything else than was granted is good for nothing.
    pub fn standing(&mut self, place: &Place<'_>, token: &Token, now: Instant) -> Standing {
        let steady = self.steady(now);
        let id = token.id;
        let is_known = id.server == self.server && id.number > self.floor;
        let unknown = if is_known { Standing::Overtaken } else { Standing::Unknown };
        let Some(lease) = self.find(place).and_then(|(_, flight)| flight.lease.as_ref()) else {
            return unknown;
        };
        match lease.hold {
            Hold::Ended if lease.id == id => Standing::Overtaken,
            _ if lease.id == id && !lease.says(token) => Standing::Overtaken,
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

    /// What weight the leases of a namespace reserve that are held.
    pub fn reserved(&self, database: i32, namespace: &str) -> u64 {
        self.reserved.of(database, namespace)
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
        lease.grant.tags = token.tags.clone();
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

    /// Ends the lease of a flight, which goes on fencing what came before it; whoever waits is next.
    pub(super) fn end_in(&mut self, id: FlightId) {
        if let Some(lease) = self.unlease(id) {
            self.lease_to(id, Lease { hold: Hold::Ended, progress: None, ..lease });
        }
        self.call(id);
    }

    /// The entry was invalidated: its lease is over, and whoever waits is next.
    pub fn revoke(&mut self, place: &Place<'_>) {
        if let Some(id) = self.index.find(place) {
            self.revoke_in(id);
        }
    }

    pub(super) fn revoke_in(&mut self, id: FlightId) {
        self.unlease(id);
        self.call(id);
        self.tidy(id);
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
        let place = self.flights.get(&id)?.place.clone();
        if !self.is_found(id, &place) {
            // It was dropped, and its lease with it.
            self.unlease(id);
            return Some(Lapse { place, was_held: false, had_progress: false });
        }
        let lease = self.flights.get_mut(&id)?.lease.as_mut()?;
        self.reserved.remove(&place, lease);
        lease.hold = Hold::Lapsed;
        // Its token has what was drawn for it, and nobody asks for its holder any more.
        self.bearing.remove(&place, &std::mem::take(&mut lease.grant.tags), id);
        lease.grant.holder = None;
        let (grant, had_progress) = (lease.id, lease.progress.take().is_some());
        self.call(id);
        self.remember(id, grant, Hold::Lapsed);
        Some(Lapse { place, was_held: true, had_progress })
    }

    /// How long until the next deadline, in milliseconds; none where there is none. Timers are set by the time of day, while
    /// a command goes by the time at its beginning.
    pub fn due_in_ms(&self, now: Instant) -> Option<u64> {
        let steady = self.steady.would_be(now);
        self.deadlines.first().map(|(deadline, _)| deadline.saturating_sub(steady))
    }
}
