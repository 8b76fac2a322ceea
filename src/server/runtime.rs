//! The state of this process: what lives beside the keyspace and is never stored.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::roster::Roster;
use crate::core::fingerprint::{Fingerprinter, HashKind};
use crate::core::limits::Limits;
use crate::core::namespace::Era;
use crate::core::origin::{Origin, Origins};
use crate::core::refusal::Refusal;
use crate::core::state::Address;
use crate::protocol::entry_arguments::EntryArguments;

/// All of it. The server calls the module from its main thread only (freeing values excepted, which touches
/// nothing here), so cells do.
#[derive(Default)]
pub struct Runtime {
    fingerprinter: RefCell<Fingerprinter>,
    origins: RefCell<Origins>,
    era: Cell<Era>,
    pub limits: Cell<Limits>,
    pub apply_from_clients: Cell<bool>,
    /// Whether core evicts any key by how it is used: `allkeys-lru`, `allkeys-lfu`.
    pub eviction_by_use: Cell<bool>,
    /// Whether core evicts any key at random.
    pub eviction_at_random: Cell<bool>,
    pub roster: RefCell<Roster>,
}

thread_local! {
    static RUNTIME: Runtime = Runtime::default();
}

/// Runs `body` with the state of this process.
pub fn with<T>(body: impl FnOnce(&Runtime) -> T) -> T {
    RUNTIME.with(body)
}

impl Runtime {
    /// The address that a client's arguments name.
    pub fn resolve<'a>(&self, entry: &EntryArguments<'a>) -> Result<Address<'a>, Refusal> {
        entry.resolve(&mut self.fingerprinter.borrow_mut(), HashKind::Sha256)
    }

    /// The shared handle of an origin.
    pub fn share(&self, origin: Origin) -> Arc<Origin> {
        self.origins.borrow_mut().share(origin)
    }

    /// Counts promotions and demotions.
    pub fn era(&self) -> Era {
        self.era.get()
    }

    /// The role of this server changed.
    pub fn begin_era(&self) {
        self.era.set(Era(self.era.get().0.wrapping_add(1)));
    }
}
