//! The words of the contract: the command table, one parser for each command, replies as values.
//!
//! A client's bytes become a typed request here, or a refusal that names what was wrong with them.

pub mod apply;
pub mod clock;
pub mod commands;
pub mod docs;
pub mod entry_arguments;
pub mod help;
pub mod invalidate;
pub mod lease_arguments;
pub mod options;
pub mod plan;
pub mod policy;
pub mod reply;
pub mod resetstats;
pub mod result;
pub mod stats;
pub mod table;
pub mod warm;
mod warm_json;
pub mod write_options;
