//! Statistics: what the cache did for whom, in numbers that add up.
//!
//! A [`Row`] counts for one operation of one namespace. Every lookup is counted once, when it is answered, as one
//! [`Lookup`]; so the kinds of answers always add up to the lookups, which are not counted by themselves. Rows are
//! found in [`Statistics`] and read as [`Figures`], which are sums of rows. How much is stored is not counted here
//! but weighed ([`gauges`]).

pub mod departed;
pub mod figures;
pub mod gauges;
pub mod row;
mod spans;
pub mod table;
mod windows;

pub use figures::{Figures, Health};
pub use row::{Counter, Lookup, Reason, Row, Served};
pub use table::Statistics;
