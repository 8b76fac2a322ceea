//! What black-box tests stand on: real servers, raw RESP, digests, replication streams, waiting.
//!
//! Nothing here links the module's crate. Every test starts the servers it needs, each in a directory and
//! on a port of its own, so that tests run in parallel and leave nothing behind.
//!
//! ```text
//! let server = Server::start();                       // with the module, in memory only
//! let mut client = server.client();
//! assert_eq!(cache!(client, "SET", "ns", "add", "{}", "3"), ok());
//! ```

mod argument;
mod client;
mod digests;
mod entry;
mod fetched;
mod fingerprint;
mod launch;
mod module_file;
mod ports;
mod random;
mod replication_stream;
mod rules;
mod server;
mod value;
mod waiter;
mod waiting;

pub use argument::Argument;
pub use client::Client;
pub use digests::{assert_same_digests, digests};
pub use entry::Entry;
pub use fetched::Fetched;
pub use fingerprint::{blake3_fingerprint_of, fingerprint_of};
pub use launch::{AofBase, Launch, is_snapshot};
pub use module_file::path as module_path;
pub use ports::next as free_port;
pub use random::Random;
pub use replication_stream::ReplicationStream;
pub use rules::{explained, rules};
pub use server::Server;
pub use value::{Value, fenced, nil, ok};
pub use waiter::Waiter;
pub use waiting::{now_ms, wait_for_aof_rewrite, wait_for_replica_in_sync, wait_until};
