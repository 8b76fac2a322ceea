//! Leases and waiters: who computes an entry, and who waits for it.
//!
//! All of it is this process's memory, and pure: the time comes in, and nobody is woken here. What a command decides
//! about an entry changes its [`Flight`](flight::Flight) at once; who is to be told what stands in [`answers`] until the server has
//! told them, a slice at a time.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`flight`] | one entry: its lease, its waiters |
//! | [`table`] | all of them, by address, by deadline |
//! | [`mod@waiters`] | those who wait |
//! | [`dropped`] | what goes all at once |
//! | [`scope`] | what goes since it was invalidated |
//! | [`settle`] | who of those who wait is next |
//! | [`answers`] | waiters that are answered, and not told yet |
//! | [`reserved`] | how much of a budget they keep free |
//! | [`steady`] | a time that never steps back |

pub mod answers;
mod bearing;
mod dropped;
pub mod flight;
pub mod index;
mod reserved;
#[cfg(test)]
mod schedules;
mod scope;
pub mod settle;
pub mod steady;
pub mod table;
#[cfg(test)]
mod tests;
mod waiters;

use std::rc::Rc;

use super::fingerprint::Fingerprint;
use super::name::{NamespaceName, OperationName};
use super::state::Address;

/// One client that waits. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// An entry in one of the databases of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    pub database: i32,
    pub address: Address<'a>,
}

/// A place that owns its names, which it shares with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedPlace {
    pub database: i32,
    pub namespace: Rc<str>,
    pub operation: Rc<str>,
    pub fingerprint: Fingerprint,
}

impl OwnedPlace {
    /// Whether it is in a namespace of a database.
    pub fn is_of(&self, database: i32, namespace: &str) -> bool {
        self.database == database && *self.namespace == *namespace
    }

    /// The place; always there, since only names were stored.
    pub fn place(&self) -> Option<Place<'_>> {
        let namespace = NamespaceName::parse(self.namespace.as_bytes()).ok()?;
        let operation = OperationName::parse(self.operation.as_bytes()).ok()?;
        let address = Address { namespace, operation, fingerprint: self.fingerprint };
        Some(Place { database: self.database, address })
    }
}
