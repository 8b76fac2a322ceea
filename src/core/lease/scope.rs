//! Leases that go because so much of their namespace was invalidated at once.

use std::collections::{BTreeMap, HashSet};

use super::super::epochs::Scope;
use super::super::limits::maxima;
use super::super::policy::glob::Pattern;
use super::flight::Flight;
use super::table::Leases;

impl Leases {
    /// Of a namespace's leases those go that are known to be concerned. Tags that a result brings are known when it comes.
    pub fn revoke_scope(&mut self, database: i32, namespace: &str, scope: &Scope<'_>) {
        let concerned = match scope {
            Scope::All => return self.drop_namespace(database, namespace),
            Scope::Operations(patterns) => {
                let operations = Operations::of(patterns);
                self.index.of_namespace(database, namespace, |operation| operations.contain(operation))
            }
            Scope::Tags(tags) => {
                let tags: HashSet<&[u8]> = tags.iter().copied().collect();
                let mut flights = self.bearing.with(database, namespace, &tags);
                let is_concerned =
                    |flight: &Flight| flight.place.is_of(database, namespace) && flight.bears(&tags);
                flights.retain(|id| self.flights.get(id).is_some_and(|flight| is_concerned(flight)));
                // Those that were dropped wait to be taken apart.
                flights.retain(|id| {
                    self.flights.get(id).is_some_and(|flight| self.is_found(*id, &flight.place))
                });
                flights.into_iter().collect()
            }
        };
        concerned.into_iter().for_each(|id| self.revoke_in(id));
    }
}

/// The operations of one invalidation, found quickly however many patterns it gives.
struct Operations<'s> {
    names: HashSet<&'s [u8]>,
    globs: BTreeMap<&'s str, &'s Pattern>,
}

impl<'s> Operations<'s> {
    fn of(patterns: &'s [Pattern]) -> Self {
        let (exact, globs): (Vec<_>, Vec<_>) = patterns.iter().partition(|pattern| pattern.is_name());
        let names = exact.into_iter().map(|pattern| pattern.as_str().as_bytes()).collect();
        Operations { names, globs: globs.into_iter().map(|pattern| (pattern.as_str(), pattern)).collect() }
    }

    fn contain(&self, operation: &str) -> bool {
        let name = operation.as_bytes();
        // More globs than are kept have been folded: a result of any operation would be refused.
        self.globs.len() > maxima::PATTERNS
            || self.names.contains(name)
            || self.globs.values().any(|pattern| pattern.matches(name))
    }
}
