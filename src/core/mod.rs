//! What a result cache is, without a server: pure functions over values.

pub mod canonical;
pub mod fingerprint;
pub mod refusal;
