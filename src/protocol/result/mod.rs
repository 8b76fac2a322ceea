//! `CACHE.RESULT`: one entry at a time. A file for each subcommand: its table entry, its request, its parser.

pub mod exists;
pub mod fail;
pub mod fetch;
pub mod fill;
pub mod get;
pub mod info;
pub mod invalidate;
pub mod key;
pub mod merge;
pub mod next;
pub mod release;
pub mod renew;
pub mod set;

/// The container of all of them.
pub const CONTAINER: &str = "CACHE.RESULT";
