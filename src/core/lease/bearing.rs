//! Which leases bear a tag, as far as that is known before there is a result.

use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::RangeInclusive;

use super::super::policy::templates::Template;
use super::OwnedPlace;
use super::index::FlightId;

/// Flights by the hashes of what was drawn for their leases: with their database and namespace, since tags of many
/// namespaces are alike. A tree, as everything that may be large.
#[derive(Debug, Default)]
pub struct Bearing {
    flights: BTreeSet<(u64, FlightId)>,
    hasher: RandomState,
}

impl Bearing {
    /// A lease was granted at a place.
    pub fn insert(&mut self, place: &OwnedPlace, tags: &[Template], id: FlightId) {
        for tag in tags.iter().filter_map(Template::text) {
            let hash = self.hash(place.database, &place.namespace, tag.as_bytes());
            self.flights.insert((hash, id));
        }
    }

    /// It is over.
    pub fn remove(&mut self, place: &OwnedPlace, tags: &[Template], id: FlightId) {
        for tag in tags.iter().filter_map(Template::text) {
            let hash = self.hash(place.database, &place.namespace, tag.as_bytes());
            self.flights.remove(&(hash, id));
        }
    }

    /// Those whose lease bears one of the tags; and, once in a great while, another.
    pub fn with(&self, database: i32, namespace: &str, tags: &HashSet<&[u8]>) -> BTreeSet<FlightId> {
        let of = |tag: &&[u8]| {
            let hash = self.hash(database, namespace, tag);
            let all: RangeInclusive<(u64, FlightId)> = (hash, FlightId::MIN)..=(hash, FlightId::MAX);
            self.flights.range(all).map(|(_, id)| *id)
        };
        tags.iter().flat_map(of).collect()
    }

    fn hash(&self, database: i32, namespace: &str, tag: &[u8]) -> u64 {
        self.hasher.hash_one((database, namespace, tag))
    }

    /// How many tags are borne.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.flights.len()
    }
}
