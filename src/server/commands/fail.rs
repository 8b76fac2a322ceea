//! `CACHE.RESULT FAIL`

use std::rc::Rc;

use super::super::keyspace::mutate;
use super::super::waiting::{self, with_leases};
use super::{Call, Handler};
use crate::core::fail::decide;
use crate::core::fetch::Fetched;
use crate::core::lifetime::Terms;
use crate::core::refusal::Refusal;
use crate::core::set::{Source, Subject};
use crate::core::stats::Counter;
use crate::protocol::apply::{Cause, Effect};
use crate::protocol::reply::Reply;
use crate::protocol::result::fail::{COMMAND, Request};
use crate::protocol::table::Command;

pub struct Fail;

impl Handler for Fail {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let Request { namespace, token, message, remember_ms } =
            Request::parse(call.arguments, &call.limits)?;
        let leased = call.leased(namespace, &token)?;
        let found = call.look_at(leased.place.address)?;
        if let Some(reply) = leased.reply_of_no_use(&found) {
            call.reply(&reply);
            return Ok(());
        }
        let subject = Subject { fingerprint: &token.fingerprint, source: Source::Bound(&token.tags) };
        let terms = Terms { policy: &found.policy, limits: &call.limits, now: call.now };
        let (state, next) = (found.state(), found.next(call.context)?);
        let mut tag_block = Vec::new();
        let entry = decide(message, remember_ms, &subject, &state, next.version, &terms, &mut tag_block)?;
        let effect = entry.map(|entry| Effect::Set(Cause::Fail, found.place(next.incarnation, &entry)));
        let row = Rc::clone(found.row());
        drop(found);
        match effect {
            // All who wait are told by what is stored.
            Some(effect) => mutate(call.context, call.namespace()?, &effect)?,
            None => {
                with_leases(|leases| leases.answer_all(&leased.place, || Fetched::failed(message, 0)));
                waiting::end(&leased.place, &token, call.now);
            }
        }
        row.count(Counter::LeasesFailed);
        call.reply(&Reply::OK);
        Ok(())
    }
}
