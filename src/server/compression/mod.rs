//! Results made smaller as they are stored, and opened as they are read.
//!
//! What takes a fraction of a millisecond is done while the client waits, the rest by a thread.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`worker`] | the thread, what it is asked and what it has done |
//! | [`outcomes`] | what becomes of that |

mod outcomes;
mod worker;

pub use outcomes::on_tick;

use super::api::context::Context;
use super::runtime;
use crate::core::body::Body;
use crate::core::compression::{Frame, INLINE_BYTES, is_wanted};
use crate::core::entry::Entry;
use crate::core::namespace::Namespace;
use crate::core::origin::Incarnation;
use crate::core::policy::Policy;
use crate::core::state::Address;
use worker::{Asked, Job};

/// An entry that is about to be stored on this server, the primary.
pub struct Fresh<'e> {
    pub context: Context<'e>,
    pub address: &'e Address<'e>,
    pub policy: &'e Policy,
    pub incarnation: Incarnation,
    pub entry: &'e Entry<'e>,
}

impl Fresh<'_> {
    /// Its result compressed, where the policy wants that and it pays; the long ones are left to the thread.
    pub fn compressed(&self) -> Option<Frame> {
        let result = self.entry.body.as_raw()?;
        if self.entry.negative || !is_wanted(result.len(), self.policy.compress_from) {
            return None;
        }
        if result.len() > INLINE_BYTES {
            worker::ask(|| self.asked(result));
            return None;
        }
        runtime::with(|runtime| runtime.press.borrow_mut().compress(result, None))
    }

    fn asked(&self, result: &[u8]) -> Job {
        Job::Compress(Asked {
            database: self.context.database(),
            namespace: self.address.namespace.as_str().into(),
            operation: self.address.operation.as_str().into(),
            fingerprint: self.address.fingerprint,
            incarnation: self.incarnation,
            version: self.entry.version,
            result: result.into(),
        })
    }
}

/// The result of a body, of an entry in this namespace; none where it is damaged.
pub fn open(body: &Body<'_>, _namespace: Option<&Namespace>) -> Option<Vec<u8>> {
    match body.as_raw() {
        Some(result) => Some(result.into()),
        None => runtime::with(|runtime| runtime.press.borrow_mut().open(body, None)),
    }
}
