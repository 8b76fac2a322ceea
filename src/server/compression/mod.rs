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

/// How many entries use which dictionary, in this process.
pub static USES: Uses = Uses::new();

use std::sync::Arc;

use super::api::context::{Context, random_u64};
use super::runtime;
use crate::core::body::{Body, Compression};
use crate::core::compression::dictionary::Dictionary;
use crate::core::compression::training::Subject;
use crate::core::compression::uses::Uses;
use crate::core::compression::{Frame, INLINE_BYTES, Press, is_wanted};
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
    /// None where it is made with this write.
    pub namespace: Option<&'e Namespace>,
    pub entry: &'e Entry<'e>,
}

impl Fresh<'_> {
    /// Its result compressed, where the policy wants that and it pays; the long ones are left to the thread. Never where
    /// it has a weight: the record of its removal brings the result, and may be due when the dictionary is gone.
    pub fn compressed(&self) -> Option<Frame> {
        let result = self.entry.body.as_raw()?;
        if self.entry.negative
            || self.entry.weight.is_some()
            || !is_wanted(result.len(), self.policy.compress_from)
        {
            return None;
        }
        if result.len() > INLINE_BYTES {
            worker::ask(|| self.asked(result));
            return None;
        }
        let dictionary = self.dictionary();
        // A namespace that is only just made may come to nothing, and the next try would be another life of it.
        if self.namespace.is_some() {
            self.sample(result, dictionary);
        }
        runtime::with(|runtime| runtime.press.borrow_mut().compress(result, dictionary))
    }

    /// Of another life of the namespace there is none.
    fn dictionary(&self) -> Option<&Arc<Dictionary>> {
        let namespace = self.namespace.filter(|namespace| namespace.incarnation() == self.incarnation)?;
        namespace.dictionaries().newest(self.address.operation.as_str())
    }

    /// Shows it to the sampler, and has the thread learn from what that has gathered.
    fn sample(&self, result: &[u8], present: Option<&Arc<Dictionary>>) {
        let subject = Subject {
            database: self.context.database(),
            namespace: self.address.namespace.as_str(),
            incarnation: self.incarnation,
            operation: self.address.operation.as_str(),
        };
        let lesson = runtime::with(|runtime| {
            runtime.sampler.borrow_mut().see(subject, present.is_some(), result, random_u64)
        });
        if let Some(lesson) = lesson {
            worker::ask(|| Job::Learn(lesson, present.cloned()));
        }
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

/// A namespace is gone, or all of a database, or all: so is what was sampled of it.
pub fn forget(database: Option<i32>, namespace: Option<&str>) {
    runtime::with(|runtime| {
        runtime.sampler.borrow_mut().forget(database, namespace);
        if namespace.is_none() {
            *runtime.press.borrow_mut() = Press::default();
        }
    });
}

/// The result of a body, of an entry in this namespace; none where it is damaged.
pub fn open(body: &Body<'_>, namespace: Option<&Namespace>) -> Option<Vec<u8>> {
    let Some(Compression { dictionary: number, .. }) = body.compression() else {
        return body.as_raw().map(Vec::from);
    };
    let dictionary = namespace.and_then(|namespace| namespace.dictionaries().get(number));
    runtime::with(|runtime| runtime.press.borrow_mut().open(body, dictionary))
}
