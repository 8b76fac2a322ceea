//! The stream of a namespace that records what went from it, in one transaction with its going.

use super::super::api::context::Context;
use super::super::api::key::{Key, Mode};
use super::super::api::log;
use super::super::api::string::OwnedString;
use crate::core::budget::removal::Removed;
use crate::core::name::{NamespaceName, removals_key};
use crate::core::refusal::{Code, Refusal, quoted};

/// Writes to the stream of a namespace.
pub struct Recorder<'c> {
    context: Context<'c>,
    key: OwnedString,
    /// How many records are kept.
    records: u64,
}

impl<'c> Recorder<'c> {
    /// # Errors
    ///
    /// `WRONGTYPE` where the key holds anything but a stream, `ERR` where it is not to be had while its slot moves.
    pub fn open(context: Context<'c>, namespace: NamespaceName<'_>, records: u64) -> Result<Self, Refusal> {
        let key = OwnedString::new(removals_key(namespace).as_bytes());
        let stream = Key::open(context, key.borrow(), Mode::ReadUncounted);
        if !stream.is_stream_or_nothing() {
            let name = quoted(key.borrow().bytes());
            let message = format!(
                "key {name} holds another kind of value: a stream or nothing is accepted, for the record of what is \
                 removed (REMOVALS); nothing was changed"
            );
            return Err(Refusal::new(Code::WrongType, message));
        }
        let is_absent = stream.is_absent();
        drop(stream);
        if is_absent && context.is_cluster() && !context.reaches(key.borrow()) {
            let name = quoted(key.borrow().bytes());
            let message = format!(
                "key {name} is on its way to another node, and so nothing can be recorded of what is removed \
                 (REMOVALS): try again when its slot has moved; nothing was changed"
            );
            return Err(Refusal::new(Code::Err, message));
        }
        Ok(Recorder { context, key, records })
    }

    /// Adds records of what is gone already.
    pub fn record_all(&self, removed: &[Removed]) {
        let refused = removed.iter().filter(|removed| !self.record(removed)).count();
        if refused > 0 {
            let name = quoted(self.key.borrow().bytes());
            log::warning(&format!("the server refused {refused} records of what was removed, in {name}"));
        }
    }

    /// Adds a record; whether the server took it.
    pub fn record(&self, removed: &Removed) -> bool {
        let records = self.records.to_string();
        let fields = removed.fields();
        let head = [self.key.borrow().bytes(), b"MAXLEN", b"=", records.as_bytes(), b"*"];
        let fields = fields.iter().flat_map(|(name, value)| [name.as_bytes(), value]);
        let words: Vec<OwnedString> = head.into_iter().chain(fields).map(OwnedString::new).collect();
        self.context.write(c"XADD", &words).is_some()
    }
}
