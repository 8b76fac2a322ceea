//! Black-box tests of the module: they speak RESP to real servers and link nothing of the crate.
//!
//! One binary, one file for each concern. The command contract is what they hold the module to.

mod harness;

mod access;
mod apply;
mod configuration;
mod examples;
mod expiry;
mod hostile_arguments;
mod hostile_dumps;
mod info;
mod introspection;
mod invalidate;
mod lease_events;
mod lease_failures;
mod lease_fencing;
mod lease_fetch;
mod lease_model;
mod lease_scopes;
mod lease_survival;
mod lease_tokens;
mod lease_waiting;
mod load;
mod memo;
mod memory;
mod merge;
mod model;
mod names;
mod namespace;
mod next;
mod params;
mod persistence;
mod policy_access;
mod policy_bypass;
mod policy_commands;
mod policy_expiresfrom;
mod policy_hashing;
mod policy_hostile;
mod policy_lifetimes;
mod policy_persistence;
mod policy_ready_sets;
mod policy_refusals;
mod policy_replication;
mod policy_tags;
mod refusals;
mod replication;
mod round_trips;
mod since;
mod the_harness;
mod watching;
