//! Canonical params.
