//! The handlers, one file each: parse, look, decide, apply, reply.

mod apply;
mod clock;
mod exists;
mod fail;
mod fetch;
mod fill;
mod get;
mod help;
mod info;
mod invalidate;
mod invalidate_plan;
mod invalidate_scope;
mod key;
mod leased;
mod merge;
mod next;
mod plan;
mod policy;
mod release;
mod renew;
mod resetstats;
mod set;
mod stats;
mod warm;

use std::cell::Cell;
use std::rc::Rc;

use libc::c_int;
use redis_module::raw;

use super::api::context::Context;
use super::api::string::BorrowedString;
use super::guard::guarded;
use super::keyspace::{Declined, Found, Shared};
use super::plans::PlannedJob;
use super::runtime::Resolved;
use super::{counting, runtime};
use crate::core::instant::Instant;
use crate::core::lifetime::Terms;
use crate::core::limits::Limits;
use crate::core::memo::Spelled;
use crate::core::policy::Policy;
use crate::core::policy::templates::{self, Template, needs_params};
use crate::core::refusal::Refusal;
use crate::core::set::{Source, Subject, drawn, params_needed};
use crate::core::state::Address;
use crate::core::stats::{Counter, Row};
use crate::core::token::Token;
use crate::protocol::apply::Effect;
use crate::protocol::commands::COMMANDS;
use crate::protocol::entry_arguments::{EntryArguments, OPERATION};
use crate::protocol::reply::Reply;
use crate::protocol::table::Command;

/// A command as the server calls it.
pub type Callback =
    unsafe extern "C" fn(*mut raw::RedisModuleCtx, *mut *mut raw::RedisModuleString, c_int) -> c_int;

/// A command's handler.
trait Handler {
    const COMMAND: Command;

    /// Does it and replies; a refusal is replied for it.
    fn run(call: &Call<'_>) -> Result<(), Refusal>;
}

/// One call of a command.
struct Call<'a> {
    context: Context<'a>,
    /// The words after the command's name.
    arguments: &'a [&'a [u8]],
    /// The first of them as the server has it: the key.
    key: Option<BorrowedString<'a>>,
    /// Read once.
    now: Instant,
    limits: Limits,
    /// How the first three are spelled, where that was worked out already.
    spelled: Cell<Option<Spelled>>,
}

impl<'a> Call<'a> {
    fn reply(&self, reply: &Reply<'_>) {
        self.context.reply(reply);
    }

    /// Answers a write that has no effect, and counts it.
    fn decline(&self, row: &Row, declined: Declined) {
        if let Declined::Fenced = declined {
            row.count(Counter::Fenced);
        }
        self.reply(&declined.reply());
    }

    /// The namespace's key.
    fn namespace(&self) -> Result<BorrowedString<'a>, Refusal> {
        self.key.ok_or_else(crate::protocol::entry_arguments::too_few)
    }

    /// Canonical params where the rules draw tags from them.
    fn params_for_rules(
        &self,
        entry: &EntryArguments<'_>,
        policy: &Policy,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        match needs_params(&policy.tags) {
            true => runtime::with(|runtime| runtime.canonical_params(entry)),
            false => Ok(None),
        }
    }

    /// What a command that stores is about, and what binds it.
    fn subject_and_terms<'f>(
        &'f self,
        found: &'f Found<'_>,
        params: Option<&'f [u8]>,
    ) -> (Subject<'f>, Terms<'f>) {
        let source = params.map_or(Source::Unknown, Source::Params);
        let subject = Subject { fingerprint: &found.address.fingerprint, source };
        (subject, Terms { policy: &found.policy, limits: &self.limits, now: self.now })
    }

    /// What the rules draw from the params, for a token. Refused where it is known already that a result with these
    /// tags would be.
    fn bound_tags(&self, entry: &EntryArguments<'_>, policy: &Policy) -> Result<Box<[Template]>, Refusal> {
        if !needs_params(&policy.tags) {
            return Ok(Box::default());
        }
        let params = self.params_for_rules(entry, policy)?.ok_or_else(params_needed)?;
        let bound = templates::bind(&policy.tags, &params);
        Token::check_tags(&bound)?;
        self.limits.check_tags_once(&drawn(&[], &Source::Bound(&bound), b"")?)?;
        Ok(bound.into())
    }

    /// What stands at the address that a token names.
    fn look_at(&self, address: Address<'a>) -> Result<Found<'a>, Refusal> {
        let policy = runtime::with(|runtime| runtime.policy_at(&address));
        Found::look(self.context, self.namespace()?, (address, policy), self.now)
    }

    /// The namespace, opened for many of its entries.
    fn share_namespace(&self) -> Result<Shared<'a>, Refusal> {
        Shared::open(self.context, self.namespace()?)
    }

    /// What stands at the entry of a job, in a namespace.
    fn look_for<'p>(&self, namespace: Shared<'p>, job: &PlannedJob<'p>) -> Result<Found<'p>, Refusal>
    where
        'a: 'p,
    {
        let of = (&job.address.fingerprint, job.policy);
        let near = Found::near(self.context, job.entry.names(), of, self.now);
        if let Some(found) = near.filter(|found| found.state().present().is_some()) {
            return Ok(found);
        }
        let at = (job.address, job.key.borrow());
        Found::look_at(self.context, namespace, at, Rc::clone(job.policy), self.now)
    }

    /// What stands at the address that a client names.
    fn look(&self, entry: &EntryArguments<'a>) -> Result<Found<'a>, Refusal> {
        let Resolved { fingerprint, policy } = runtime::with(|runtime| runtime.resolve(entry))?;
        Found::look(self.context, self.namespace()?, (entry.address(fingerprint), policy), self.now)
    }

    /// The same, unless what is near is answered by `answer` already, which says so: then none.
    fn look_unless(
        &self,
        entry: &EntryArguments<'a>,
        answer: impl FnOnce(&Found<'a>) -> bool,
    ) -> Result<Option<Found<'a>>, Refusal> {
        let resolved = runtime::with(|runtime| match self.spelled.get() {
            Some(spelled) => runtime.resolve_spelled(entry, spelled),
            None => runtime.resolve(entry),
        })?;
        let Resolved { fingerprint, policy } = resolved;
        let near = Found::near(self.context, entry.names(), (&fingerprint, &policy), self.now);
        if near.is_some_and(|found| answer(&found)) {
            return Ok(None);
        }
        let at = (entry.address(fingerprint), policy);
        Found::look(self.context, self.namespace()?, at, self.now).map(Some)
    }

    /// Whether namespace, operation and params, and nothing else, were spelled so before and name what is near, and `answer`
    /// has answered it: then nothing was to be read.
    #[inline]
    fn is_answered_at_once(&self, answer: impl FnOnce(&Found<'a>) -> bool) -> bool {
        let &[namespace, operation, params] = self.arguments else { return false };
        // A limit may have been lowered since: whoever reads them says so.
        if self.limits.check_params(params).is_err() {
            return false;
        }
        let is_answered = |Resolved { fingerprint, policy }: &Resolved| {
            let near = Found::near(self.context, [namespace, operation], (fingerprint, policy), self.now);
            let is_answered = near.is_some_and(|found| answer(&found));
            if is_answered {
                policy.row.count(Counter::MemoHits);
            }
            is_answered
        };
        let recalled = runtime::with(|runtime| runtime.recall([namespace, operation, params], is_answered));
        recalled.unwrap_or_else(|spelled| {
            self.spelled.set(Some(spelled));
            false
        })
    }
}

/// Counts a write that was carried out, as what it was asked for; `took_ms` where somebody computed for it.
fn count_write(row: &Row, counter: Counter, effect: &Effect<'_>, took_ms: Option<u64>) {
    if let Effect::Set(..) = effect {
        row.count(counter);
        took_ms.into_iter().for_each(|ms| row.computed(ms));
    } else {
        // It would have been past already.
        row.count(Counter::Invalidations);
    }
}

/// The callback of every command, with its handler.
pub fn handlers() -> [(Command, Callback); COMMANDS.len()] {
    fn of<H: Handler>() -> (Command, Callback) {
        (H::COMMAND, on_command::<H>)
    }
    [
        of::<get::Get>(),
        of::<fetch::Fetch>(),
        of::<fill::Fill>(),
        of::<renew::Renew>(),
        of::<release::Release>(),
        of::<fail::Fail>(),
        of::<set::Set>(),
        of::<merge::Merge>(),
        of::<next::Next>(),
        of::<invalidate::Invalidate>(),
        of::<exists::Exists>(),
        of::<info::Info>(),
        of::<key::Key>(),
        of::<help::Help<0>>(),
        of::<plan::Plan>(),
        of::<invalidate_plan::InvalidatePlan<false>>(),
        of::<invalidate_plan::InvalidatePlan<true>>(),
        of::<invalidate_scope::Tag>(),
        of::<invalidate_scope::Operation>(),
        of::<invalidate_scope::Namespace>(),
        of::<help::Help<1>>(),
        of::<warm::Warm>(),
        of::<policy::Set>(),
        of::<policy::Get>(),
        of::<policy::Del>(),
        of::<policy::List>(),
        of::<policy::Explain>(),
        of::<help::Help<2>>(),
        of::<clock::ReadClock>(),
        of::<stats::Stats>(),
        of::<resetstats::ResetStats>(),
        of::<apply::Apply>(),
    ]
}

/// How many words a call may have before they are gathered on the heap.
const FEW_WORDS: usize = 8;

unsafe extern "C" fn on_command<H: Handler>(
    context: *mut raw::RedisModuleCtx,
    words: *mut *mut raw::RedisModuleString,
    count: c_int,
) -> c_int {
    // SAFETY: the server passes a context that is good until this returns.
    let Some(context) = (unsafe { Context::new(context) }) else { return raw::REDISMODULE_ERR as c_int };
    let replied = guarded(false, || {
        let count = usize::try_from(count).unwrap_or(0);
        // SAFETY: the server passes that many words, all alive until this returns.
        let words: &[*mut raw::RedisModuleString] = unsafe { std::slice::from_raw_parts(words, count) };
        let words = words.get(H::COMMAND.name_words()..).unwrap_or_default();
        run::<H>(context, words);
        true
    });
    if !replied {
        context.reply_error("ERR the module failed at this command; the server's log says where");
    }
    raw::REDISMODULE_OK as c_int
}

fn run<H: Handler>(context: Context<'_>, words: &[*mut raw::RedisModuleString]) {
    // SAFETY: the words are alive until the command returns, and so is what is borrowed here.
    let string = |&word: &*mut raw::RedisModuleString| unsafe { BorrowedString::new(word) };
    let bytes = |word| string(word).map_or(&b""[..], BorrowedString::bytes);
    let mut few: [&[u8]; FEW_WORDS] = [b""; FEW_WORDS];
    let many: Vec<&[u8]>;
    let arguments: &[&[u8]] = if let Some(few) = few.get_mut(..words.len()) {
        few.iter_mut().zip(words).for_each(|(argument, word)| *argument = bytes(word));
        few
    } else {
        many = words.iter().map(bytes).collect();
        &many
    };
    let limits = runtime::with(|runtime| runtime.limits.get());
    let key = words.first().and_then(string);
    let call = Call { context, arguments, key, now: context.now(), limits, spelled: Cell::new(None) };
    if let Err(refusal) = H::run(&call) {
        counting::refused(arguments.get(..names(&H::COMMAND)).unwrap_or(arguments));
        context.reply_error(&refusal.to_string());
    }
}

/// How many words of a command say where its errors are counted: namespace and operation, the namespace alone, or none.
fn names(command: &Command) -> usize {
    let has_operation = command.arguments.get(1).is_some_and(|second| second.name == OPERATION.name);
    command.key.map_or(0, |_| if has_operation { 2 } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_the_table_has_its_handler() {
        assert_eq!(handlers().map(|(command, _)| command), COMMANDS);
    }
}
