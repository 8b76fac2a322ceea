//! Flights by address: by database, namespace and operation, each a level, so that all of a kind are found at once.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::super::fingerprint::Fingerprint;
use super::{OwnedPlace, Place};

/// The number of a flight. Never used twice.
pub type FlightId = u64;

/// A tree, since it may be large, and a table that grows would make somebody wait.
type Fingerprints = BTreeMap<Fingerprint, FlightId>;
pub type Operations = HashMap<Rc<str>, Fingerprints>;
pub type Namespaces = HashMap<Rc<str>, Operations>;

/// Where each flight is.
#[derive(Debug, Default)]
pub struct Index {
    databases: HashMap<i32, Namespaces>,
}

impl Index {
    pub fn find(&self, place: &Place<'_>) -> Option<FlightId> {
        let address = &place.address;
        let operations = self.databases.get(&place.database)?.get(address.namespace.as_str())?;
        operations.get(address.operation.as_str())?.get(&address.fingerprint).copied()
    }

    /// Enters a flight; returns its place, whose names are shared with the others there.
    pub fn insert(&mut self, place: &Place<'_>, id: FlightId) -> OwnedPlace {
        let Place { database, address } = *place;
        let (namespace, operations) =
            shared(self.databases.entry(database).or_default(), address.namespace.as_str());
        let (operation, fingerprints) = shared(operations, address.operation.as_str());
        fingerprints.insert(address.fingerprint, id);
        OwnedPlace { database, namespace, operation, fingerprint: address.fingerprint }
    }

    /// Takes a flight out, and the levels that it leaves empty.
    pub fn remove(&mut self, place: &OwnedPlace) {
        let Some(namespaces) = self.databases.get_mut(&place.database) else { return };
        let Some(operations) = namespaces.get_mut(&place.namespace) else { return };
        let Some(fingerprints) = operations.get_mut(&place.operation) else { return };
        fingerprints.remove(&place.fingerprint);
        if fingerprints.is_empty() {
            operations.remove(&place.operation);
        }
        if operations.is_empty() {
            namespaces.remove(&place.namespace);
        }
        if namespaces.is_empty() {
            self.databases.remove(&place.database);
        }
    }

    /// All flights of a namespace, but for operations that are not wanted.
    pub fn of_namespace(
        &self,
        database: i32,
        namespace: &str,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Vec<FlightId> {
        let operations = self.databases.get(&database).and_then(|namespaces| namespaces.get(namespace));
        let wanted = operations.into_iter().flatten().filter(|(operation, _)| is_wanted(operation));
        wanted.flat_map(|(_, flights)| flights.values()).copied().collect()
    }

    /// Enters a flight again at its place.
    pub fn restore(&mut self, place: &OwnedPlace, id: FlightId) {
        let operations = self.databases.entry(place.database).or_default();
        let fingerprints = operations.entry(Rc::clone(&place.namespace)).or_default();
        let fingerprints = fingerprints.entry(Rc::clone(&place.operation)).or_default();
        fingerprints.insert(place.fingerprint, id);
    }

    /// Takes a namespace out whole.
    pub fn take_namespace(&mut self, database: i32, namespace: &str) -> Option<Operations> {
        let namespaces = self.databases.get_mut(&database)?;
        let taken = namespaces.remove(namespace);
        if namespaces.is_empty() {
            self.databases.remove(&database);
        }
        taken
    }

    /// Takes a database out whole; none is all of them.
    pub fn take_database(&mut self, database: Option<i32>) -> Vec<Namespaces> {
        match database {
            Some(database) => self.databases.remove(&database).into_iter().collect(),
            None => std::mem::take(&mut self.databases).into_values().collect(),
        }
    }
}

/// The level under a name, made where it is absent, and the name as the level above holds it.
fn shared<'l, T: Default>(level: &'l mut HashMap<Rc<str>, T>, name: &str) -> (Rc<str>, &'l mut T) {
    let name = level.get_key_value(name).map_or_else(|| name.into(), |(name, _)| Rc::clone(name));
    (Rc::clone(&name), level.entry(name).or_default())
}
