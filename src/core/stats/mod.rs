//! Statistics: what the cache did for whom, in numbers that add up.
//!
//! A [`Row`] counts for one operation of one namespace. Every lookup is counted once, when it is answered, as one
//! [`Lookup`]; so the kinds of answers always add up to the lookups, which are not counted by themselves. Rows are
//! found in [`Statistics`] and read as [`Figures`], which are sums of rows. How much is stored is not counted here
//! but weighed ([`gauges`]), and why something went is remembered for when it is missed ([`departed`]).

pub mod counter;
pub mod departed;
pub mod figures;
pub mod gauges;
pub mod level;
pub mod lookup;
pub mod row;
mod spans;
pub mod table;
mod windows;

pub use counter::Counter;
pub use figures::{Figures, Health};
pub use lookup::{Lookup, Reason, Served};
pub use row::Row;
pub use table::Statistics;
