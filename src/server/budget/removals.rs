//! The stream of a namespace that records what went from it, in one transaction with its going.

use super::super::api::context::Context;
use super::super::api::key::{Key, Mode};
use super::super::api::log;
use super::super::api::stream::{self, Appended};
use super::super::api::string::OwnedString;
use crate::core::budget::removal::Removed;
use crate::core::name::{NamespaceName, removals_key};
use crate::core::refusal::{Code, Refusal, quoted};

/// A stream is trimmed when it is a tenth too long, or so many records: to find the first that is still there of a node
/// takes the server longer than all else.
const MOST_SLACK: u64 = 100;

/// Writes to the stream of a namespace.
pub struct Recorder<'c> {
    context: Context<'c>,
    key: OwnedString,
    /// How many records are kept at least.
    records: u64,
}

impl<'c> Recorder<'c> {
    /// # Errors
    ///
    /// `WRONGTYPE` where the key holds anything but a stream, `TRYAGAIN` where it may be elsewhere while its slot moves.
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
            return Err(Refusal::new(Code::TryAgain, message));
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

    /// Adds a record, here, on replicas and in files; whether the server took it.
    pub fn record(&self, removed: &Removed) -> bool {
        let (context, key) = (self.context, self.key.borrow());
        let fields = removed.fields();
        let words: Vec<&[u8]> = fields.iter().flat_map(|(name, value)| [name.as_bytes(), value]).collect();
        let strings: Vec<OwnedString> = words.iter().map(|word| OwnedString::new(word)).collect();
        let slack = (self.records / 10).min(MOST_SLACK);
        let Some(Appended { id, is_trimmed }) = stream::append(context, key, &strings, (self.records, slack))
        else {
            return false;
        };
        let records = self.records.to_string();
        let trim = [&b"MAXLEN"[..], b"=", records.as_bytes()];
        let trim = if is_trimmed { &trim[..] } else { &[] };
        context.replicate(c"XADD", &[&[key.bytes()], trim, &[id.as_bytes()], &words[..]].concat());
        context.signal_modified(key);
        context.notify_added(key);
        true
    }
}
