//! Black-box tests of the module: they speak RESP to real servers and link nothing of the crate.
//!
//! One binary, one file for each concern. The command contract is what they hold the module to.

mod harness;

mod expiry;
mod info;
mod invalidate;
mod names;
mod namespace;
mod params;
mod round_trips;
mod the_harness;
mod watching;
