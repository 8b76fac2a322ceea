//! The weight that leases reserve for what their holders are about to write elsewhere.

use std::collections::HashMap;
use std::rc::Rc;

use super::OwnedPlace;
use super::flight::{Hold, Lease};

/// Sums by database and namespace, of leases that are held.
#[derive(Debug, Default)]
pub struct Reserved(HashMap<i32, HashMap<Rc<str>, u64>>);

impl Reserved {
    pub fn insert(&mut self, place: &OwnedPlace, lease: &Lease) {
        if let Some(weight) = weight(lease) {
            let sum =
                self.0.entry(place.database).or_default().entry(Rc::clone(&place.namespace)).or_default();
            *sum = sum.saturating_add(weight);
        }
    }

    /// Takes out what was put in of a lease that is still the same.
    pub fn remove(&mut self, place: &OwnedPlace, lease: &Lease) {
        let (Some(weight), Some(sums)) = (weight(lease), self.0.get_mut(&place.database)) else { return };
        if let Some(sum) = sums.get_mut(&place.namespace) {
            *sum = sum.saturating_sub(weight);
            if *sum == 0 {
                sums.remove(&place.namespace);
            }
        }
    }

    pub fn of(&self, database: i32, namespace: &str) -> u64 {
        self.0.get(&database).and_then(|sums| sums.get(namespace)).copied().unwrap_or(0)
    }
}

fn weight(lease: &Lease) -> Option<u64> {
    lease.weight.filter(|weight| *weight > 0 && lease.hold == Hold::Held)
}
