//! A result cache inside Redis.
//!
//! One crate, one shared library, three layers; bytes come in at one side and leave at the other:
//!
//! ```text
//! client bytes -> server (FFI) -> protocol (parse) -> core (decide) -> server (apply, reply) -> client bytes
//! ```
//!
//! * [`core`] is what a result cache *is*: canonical JSON, fingerprints, names, entries, policies, the namespace clock.
//!   It knows no Redis, no clock and no statics; time, configuration and random bytes are arguments.
//! * [`protocol`] is the command table, one parser for each command, and replies as values.
//! * `server` is the only code that knows Redis, and the only one with `unsafe`.

pub mod core;
pub mod protocol;
#[cfg(feature = "server")]
#[allow(unsafe_code)]
mod server;
