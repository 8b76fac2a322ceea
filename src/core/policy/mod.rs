//! Policies: what the rules say of the entries of one operation in one namespace.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`field`], [`value`] | what a rule can say, read and shown |
//! | [`glob`] | to which names a rule applies |
//! | [`rules`], [`resolution`] | all rules, and which of them wins |
//! | [`ttl_from`], [`expires_from`], [`templates`] | what depends on the result |
//! | [`cut`] | params without what makes no difference |

pub mod cut;
pub mod expires_from;
pub mod field;
pub mod glob;
mod parts;
pub mod resolution;
pub mod rules;
mod stored;
pub mod templates;
pub mod ttl_from;
mod units;
pub mod value;

use std::rc::Rc;

use super::fingerprint::HashKind;
use super::pointer::Pointer;
use expires_from::ExpiresFrom;
use field::Field;
use templates::Template;
use ttl_from::TtlFrom;
use value::Value;

/// What holds for the entries of one operation in one namespace. Small, since what is large in it is shared with
/// the rules: of every field in force the value of the
/// rule that wins, or the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// At least 1.
    pub ttl_ms: u64,
    pub grace_ms: u64,
    /// How long a failure is remembered; 0 is not at all.
    pub negative_ms: u64,
    /// At most 100.
    pub jitter_percent: u8,
    /// How long a lease lasts, at least 1.
    pub lease_ms: u64,
    /// How long after a failed refresh nobody is asked for another.
    pub retry_ms: u64,
    /// Of the TTL, from when before its end one caller is asked to refresh; at most 100.
    pub refresh_percent: u8,
    pub ttl_from: Option<Rc<TtlFrom>>,
    pub expires_from: Option<Rc<ExpiresFrom>>,
    pub tags: Rc<[Template]>,
    pub ignore: Rc<[Pointer]>,
    pub hash: HashKind,
    /// Results of so many bytes or more are compressed.
    pub compress_from: Option<u64>,
    /// The hit rate under which health is degraded.
    pub target_percent: u8,
    pub bypass: bool,
}

/// What holds without any rule.
impl Default for Policy {
    fn default() -> Self {
        Policy {
            ttl_ms: 3_600_000,
            grace_ms: 0,
            negative_ms: 0,
            jitter_percent: 0,
            lease_ms: 30_000,
            retry_ms: 1000,
            refresh_percent: 0,
            ttl_from: None,
            expires_from: None,
            tags: Rc::default(),
            ignore: Rc::default(),
            hash: HashKind::Sha256,
            compress_from: None,
            target_percent: 80,
            bypass: false,
        }
    }
}

impl Policy {
    /// Takes the value of a field that is in force.
    fn take(&mut self, field: Field, value: &Value) {
        match (field, value.clone()) {
            (Field::Ttl, Value::Duration(ttl_ms)) => self.ttl_ms = ttl_ms,
            (Field::Grace, Value::Duration(grace_ms)) => self.grace_ms = grace_ms,
            (Field::Negative, Value::Duration(negative_ms)) => self.negative_ms = negative_ms,
            (Field::Lease, Value::Duration(lease_ms)) => self.lease_ms = lease_ms,
            (Field::Retry, Value::Duration(retry_ms)) => self.retry_ms = retry_ms,
            (Field::Refresh, Value::Percent(percent)) => self.refresh_percent = percent,
            (Field::Jitter, Value::Percent(percent)) => self.jitter_percent = percent,
            (Field::TtlFrom, Value::TtlFrom(ttl_from)) => self.ttl_from = Some(ttl_from),
            (Field::ExpiresFrom, Value::ExpiresFrom(expires_from)) => self.expires_from = Some(expires_from),
            (Field::Tags, Value::Tags(tags)) => self.tags = tags,
            (Field::Ignore, Value::Ignore(ignore)) => self.ignore = ignore,
            (Field::Hash, Value::Hash(hash)) => self.hash = hash,
            (Field::Compress, Value::Compress(from)) => self.compress_from = from,
            (Field::Target, Value::Percent(percent)) => self.target_percent = percent,
            (Field::Bypass, Value::Bypass(bypass)) => self.bypass = bypass,
            _ => {}
        }
    }
}
