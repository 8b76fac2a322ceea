//! What a result cache is, without a server: pure functions over values.
//!
//! Time, configuration and random bytes come in as arguments; there is no clock, no I/O and no state here.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`canonical`], [`fingerprint`] | one spelling for equal params, one name for equal work |
//! | [`memo`], [`places`], [`json`] | what comes again and need not be read or looked for, and reading what has a known shape |
//! | [`name`], [`state`], [`stamp`] | names, keys, what is found at them, and since when |
//! | [`entry`], [`body`], [`origin`], [`namespace`], [`epochs`], [`recent`], [`codec`] | what is stored, and as which bytes |
//! | [`mod@compression`] | how it is made smaller |
//! | [`policy`], [`mod@pointer`] | what the rules say of it, and what they look at |
//! | [`set`], [`merge`], [`invalidate`], [`lifetime`] | what the commands decide |
//! | [`fetch`], [`fail`], [`lease`], [`token`], [`fence`] | who computes, who waits, and whose result counts |
//! | [`plan`] | many jobs at once |
//! | [`mod@sweep`] | what is to be freed, and how fast |
//! | [`follow`] | who waits for a change |
//! | [`stats`] | what all of it came to |
//! | [`instant`], [`limits`], [`refusal`] | the words they share |

pub mod body;
pub mod budget;
pub mod canonical;
pub mod codec;
pub mod compression;
pub mod entry;
pub mod epochs;
pub mod fail;
pub mod fence;
pub mod fetch;
pub mod fingerprint;
pub mod follow;
pub mod instant;
pub mod invalidate;
pub mod json;
pub mod lease;
pub mod lifetime;
pub mod limits;
pub mod memo;
pub mod merge;
pub mod name;
pub mod namespace;
pub mod origin;
pub mod places;
pub mod plan;
pub mod pointer;
pub mod policy;
pub mod recent;
pub mod refusal;
pub mod set;
pub mod stamp;
pub mod state;
pub mod stats;
pub mod sweep;
pub mod token;
