//! Leases that go all at once: with their namespace, their database.
//!
//! They are not found any more from that moment, and so their tokens are good for nothing. To take them apart costs as
//! much as there are, and is done bit by bit.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::OwnedPlace;
use super::index::{FlightId, Namespaces, Operations};
use super::table::Leases;

/// The flights of what was dropped.
pub struct Dropped(Box<dyn Iterator<Item = FlightId>>);

impl Dropped {
    fn namespace(operations: Operations) -> Self {
        Dropped(Box::new(operations.into_values().flat_map(BTreeMap::into_values)))
    }

    fn database(namespaces: Namespaces) -> Self {
        let operations = namespaces.into_values().flat_map(HashMap::into_values);
        Dropped(Box::new(operations.flat_map(BTreeMap::into_values)))
    }
}

impl fmt::Debug for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dropped")
    }
}

impl Leases {
    /// A namespace went: so do its leases; of those who wait one for each entry is next.
    pub fn drop_namespace(&mut self, database: i32, namespace: &str) {
        let waited = self.waited_for(|place| place.database == database && *place.namespace == *namespace);
        let taken = self.index.take_namespace(database, namespace);
        self.dropped.extend(taken.map(Dropped::namespace));
        waited.into_iter().for_each(|(id, place)| self.keep(id, &place));
    }

    /// A database was emptied or exchanged, likewise; none is all of them.
    pub fn drop_database(&mut self, database: Option<i32>) {
        let waited = self.waited_for(|place| database.is_none_or(|database| place.database == database));
        let taken = self.index.take_database(database);
        self.dropped.extend(taken.into_iter().map(Dropped::database));
        waited.into_iter().for_each(|(id, place)| self.keep(id, &place));
    }

    /// The flights in some places for which somebody waits.
    fn waited_for(&self, is_there: impl Fn(&OwnedPlace) -> bool) -> BTreeMap<FlightId, OwnedPlace> {
        let place = |id: &FlightId| {
            let flight = self.flights.get(id).filter(|flight| is_there(&flight.place))?;
            self.is_found(*id, &flight.place).then(|| (*id, flight.place.clone()))
        };
        self.waiters.values().filter_map(place).collect()
    }

    /// Of a flight that was dropped only the lease goes: those who wait for it wait on.
    fn keep(&mut self, id: FlightId, place: &OwnedPlace) {
        self.unlease(id);
        self.index.restore(place, id);
        self.call(id);
    }

    /// Takes apart some of what was dropped, at most so many entries; whether there was any.
    pub fn take_apart(&mut self, slice: usize) -> bool {
        let was_any = !self.dropped.is_empty();
        for _ in 0..slice {
            let Some(dropped) = self.dropped.front_mut() else { break };
            match dropped.0.next() {
                Some(id) => self.forget(id),
                None => drop(self.dropped.pop_front()),
            }
        }
        was_any
    }

    fn forget(&mut self, id: FlightId) {
        let Some(flight) = self.flights.get(&id) else { return };
        // Whoever waited kept it.
        let place = flight.place.clone();
        if !self.is_found(id, &place) {
            self.unlease(id);
            self.flights.remove(&id);
        }
    }
}
