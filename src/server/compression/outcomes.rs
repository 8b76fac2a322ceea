//! What becomes of what the thread has done: in slices, from a timer, and only on a primary.

use libc::c_void;
use redis_module::raw;

use super::super::api::context::Context;
use super::super::api::string::{BorrowedString, OwnedString};
use super::super::api::timer::Timer;
use super::super::guard::guarded;
use super::super::keyspace;
use super::USES;
use super::worker::{self, Asked, Done};
use crate::core::compression::Frame;
use crate::core::compression::dictionary::Dictionary;
use crate::core::compression::training::OwnedSubject;
use crate::core::name::{NamespaceName, OperationName};
use crate::core::origin::Incarnation;
use crate::core::state::Address;
use crate::protocol::apply::Effect;

/// The longest that a slice takes up outcomes, in microseconds.
const SLICE_US: u128 = 500;

/// How long to wait where nothing may be replicated just now, in milliseconds.
const POSTPONED_MS: u64 = 250;

thread_local! {
    static TIMER_IS_SET: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// The server's tick: what was done meanwhile is used soon.
pub fn on_tick() {
    if worker::has_done() {
        arm(0);
    }
}

fn arm(in_ms: u64) {
    TIMER_IS_SET.with(|is_set| {
        if !is_set.get() {
            is_set.set(Timer::start(in_ms, on_timer).is_some());
        }
    });
}

unsafe extern "C" fn on_timer(context: *mut raw::RedisModuleCtx, _data: *mut c_void) {
    guarded((), || {
        TIMER_IS_SET.with(|is_set| is_set.set(false));
        // SAFETY: the server passes a context that is good until this returns.
        let Some(context) = (unsafe { Context::new(context) }) else { return };
        if !context.is_replica() && context.avoids_replica_traffic() {
            arm(POSTPONED_MS);
            return;
        }
        let begun = std::time::Instant::now();
        while let Some(done) = worker::take() {
            // What a replica stores is the primary's to say.
            if !context.is_replica() {
                take_up(context, done);
            }
            if begun.elapsed().as_micros() >= SLICE_US {
                arm(1);
                return;
            }
        }
    });
}

fn take_up(context: Context<'_>, done: Done) {
    match done {
        Done::Compressed(asked, Some(frame)) => replace(context, &asked, &frame),
        Done::Learnt(subject, Some(bytes)) => install(context, &subject, &bytes),
        Done::Compressed(_, None) | Done::Learnt(_, None) => {}
    }
}

/// Puts the compressed result in the place of the raw one, where that very entry still stands.
fn replace(context: Context<'_>, asked: &Asked, frame: &Frame) {
    let Asked { database, fingerprint, incarnation, version, .. } = *asked;
    let namespace = NamespaceName::parse(asked.namespace.as_bytes());
    let operation = OperationName::parse(asked.operation.as_bytes());
    if let (Ok(namespace), Ok(operation)) = (namespace, operation)
        && context.select(database)
    {
        let address = Address { namespace, operation, fingerprint };
        keyspace::recode(context, &address, (incarnation, version), (&asked.result, &frame.body()));
    }
}

/// Gives a namespace a new dictionary, where it still is the one that this was learnt in, and has room for it.
fn install(context: Context<'_>, subject: &OwnedSubject, bytes: &[u8]) {
    let OwnedSubject { database, incarnation, .. } = *subject;
    if !context.select(database) {
        return;
    }
    let name = OwnedString::new(subject.namespace.as_bytes());
    if let Some(effect) = installation(context, name.borrow(), incarnation, &subject.operation, bytes) {
        // Nothing of it can be refused: that was looked at right now.
        let _ = keyspace::mutate(context, name.borrow(), &effect);
    }
}

fn installation(
    context: Context<'_>,
    name: BorrowedString<'_>,
    incarnation: Incarnation,
    operation: &str,
    bytes: &[u8],
) -> Option<Effect<'static>> {
    let found = keyspace::Shared::open(context, name).ok()?;
    let namespace = found.get().filter(|namespace| namespace.incarnation() == incarnation)?;
    let dictionaries = namespace.dictionaries();
    let name = OperationName::parse(operation.as_bytes()).ok()?;
    let dictionary = Dictionary::new(dictionaries.next_number()?, name, bytes)?;
    let dropped = dictionaries.superseded(operation, |number| USES.has(incarnation, number));
    let is_admitted = dictionaries.admits(&dictionary, &dropped);
    is_admitted.then(|| Effect::Dictionary { incarnation, dictionary: dictionary.into(), dropped })
}
