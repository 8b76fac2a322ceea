//! Black-box tests of the module: they speak RESP to real servers and link nothing of the crate.
//!
//! One binary, one file for each concern. The command contract is what they hold the module to.

mod harness;

mod access;
mod apply;
mod configuration;
mod expiry;
mod hostile_arguments;
mod hostile_dumps;
mod info;
mod introspection;
mod invalidate;
mod load;
mod memo;
mod memory;
mod model;
mod names;
mod namespace;
mod params;
mod persistence;
mod refusals;
mod replication;
mod round_trips;
mod the_harness;
mod watching;
