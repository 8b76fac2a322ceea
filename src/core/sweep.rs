//! The sweep: what is to be looked through for dead entries, and how fast.

use std::collections::BTreeSet;

/// Databases in which something died that is still in memory.
#[derive(Debug, Default)]
pub struct Sweep {
    pending: BTreeSet<i32>,
    /// The one that is being looked through.
    current: Option<i32>,
    /// Something more died there since its turn began.
    again: bool,
}

impl Sweep {
    /// Something died in a database.
    pub fn ask(&mut self, database: i32) {
        if self.current == Some(database) {
            self.again = true;
        } else {
            self.pending.insert(database);
        }
    }

    /// The database whose turn it is.
    pub fn turn(&mut self) -> Option<i32> {
        if self.current.is_none() {
            self.current = self.pending.pop_first();
            self.again = false;
        }
        self.current
    }

    /// All of it was looked through.
    pub fn finish(&mut self) {
        if let Some(database) = self.current.take().filter(|_| self.again) {
            self.pending.insert(database);
        }
    }

    /// Two databases changed places; what of them was looked through already is looked through again.
    pub fn swap(&mut self, one: i32, other: i32) {
        let places = [(one, other), (other, one)];
        let [asked, also] = places.map(|(from, to)| self.is_pending(from).then_some(to));
        for (database, _) in places {
            self.pending.remove(&database);
            if self.current == Some(database) {
                self.current = None;
            }
        }
        self.pending.extend(asked.into_iter().chain(also));
    }

    /// Whether anything is left to be looked through in a database.
    pub fn is_pending(&self, database: i32) -> bool {
        self.current == Some(database) || self.pending.contains(&database)
    }

    /// All that is left to be looked through.
    pub fn databases(&self) -> impl Iterator<Item = i32> {
        self.current.into_iter().chain(self.pending.iter().copied())
    }
}

/// How long to rest after a slice that worked so long and found so many dead among those that it looked at: it takes at
/// most a hundredth of the time where little is dead, and a tenth where a tenth is or more. In microseconds.
pub fn rest_us(worked_us: u64, looked_at: usize, dead: usize) -> u64 {
    let is_much = dead > 0 && dead.saturating_mul(10) >= looked_at;
    worked_us.saturating_mul(if is_much { 9 } else { 99 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_has_its_turn_and_another_where_more_died() {
        let mut sweep = Sweep::default();
        assert_eq!(sweep.turn(), None);
        [3, 1].into_iter().for_each(|database| sweep.ask(database));
        assert_eq!(sweep.turn(), Some(1));
        sweep.ask(1);
        assert_eq!(sweep.turn(), Some(1));
        sweep.finish();
        assert_eq!(sweep.turn(), Some(1), "for what died meanwhile");
        sweep.finish();
        assert_eq!(sweep.turn(), Some(3));
        sweep.finish();
        assert_eq!((sweep.turn(), sweep.databases().count()), (None, 0));
    }

    #[test]
    fn databases_that_change_places_are_looked_through_where_they_are() {
        let mut sweep = Sweep::default();
        sweep.ask(0);
        sweep.turn();
        sweep.swap(0, 5);
        assert_eq!(sweep.databases().collect::<Vec<_>>(), [5]);
        sweep.ask(0);
        sweep.swap(0, 5);
        assert_eq!(sweep.databases().collect::<Vec<_>>(), [0, 5]);
    }

    #[test]
    fn it_works_more_where_more_is_dead() {
        assert_eq!(rest_us(1000, 100, 0), 99_000);
        assert_eq!(rest_us(1000, 100, 9), 99_000);
        assert_eq!(rest_us(1000, 100, 10), 9000);
        assert_eq!(rest_us(1000, 0, 0), 99_000);
    }
}
