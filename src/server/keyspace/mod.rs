//! Namespaces and entries in the keyspace: opened to be judged, changed by effects.
//!
//! Whatever a command decides becomes one [`Effect`](crate::protocol::apply::Effect), which this server carries out and
//! sends to its replicas; they carry out the same. So what [`carry_out`] does is all that ever happens to the keyspace.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`keys`] | a key of one of our two types |
//! | [`found`] | what a command meets |
//! | [`effects`] | what is done, and sent on |
//! | [`storing`], [`removal`] | many entries stored or removed at once |
//! | [`events`] | who subscribed to it |
//! | [`told`] | who waits for it |
//! | [`sights`] | what those see who wait |

mod effects;
mod events;
mod found;
mod keys;
mod removal;
mod sights;
mod storing;
mod told;

pub use effects::{carry_out, emit, mutate, recode, remove};
pub use found::{Clock, Declined, Found, Next, Shared, is_alive};
pub use keys::{EntryKey, FoundEntry, FoundNamespace, NamespaceKey};
pub use removal::Removal;
pub use sights::{at_last, busy, changes};
pub use storing::{Change, Made, store};
