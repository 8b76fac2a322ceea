//! `CACHE.RESULT MERGE`

use std::rc::Rc;

use super::super::keyspace::mutate;
use super::{Call, Handler, count_write};
use crate::core::merge::{Buffers, Decision, decide};
use crate::core::refusal::Refusal;
use crate::core::stats::Counter;
use crate::protocol::apply::Cause;
use crate::protocol::reply::Reply;
use crate::protocol::result::merge::{COMMAND, Request};
use crate::protocol::table::Command;

pub struct Merge;

impl Handler for Merge {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let [mut tag_block, mut result, mut kept_tags, mut tags] = [const { Vec::new() }; 4];
        let Request { entry, merge, since } = Request::parse(call.arguments, &call.limits, &mut tag_block)?;
        let found = call.look(&entry)?;
        if found.bypassed {
            call.reply(&Reply::Nil);
            return Ok(());
        }
        let params = call.params_for_rules(&entry, &found.policy)?;
        let (subject, terms) = call.subject_and_terms(&found, params.as_deref());
        let (state, next) = (found.open(), found.next(call.context)?);
        let buffers = Buffers { result: &mut result, kept_tags: &mut kept_tags, tags: &mut tags };
        let decision = match decide(&merge, &subject, &state, next.version, &terms, buffers)? {
            Decision::Nothing => {
                call.reply(&Reply::Nil);
                return Ok(());
            }
            Decision::Set(decision) => decision,
        };
        let effect = match found.effect_of(&decision, Cause::Merge, since.as_ref(), next) {
            Ok(effect) => effect,
            Err(declined) => {
                call.decline(found.row(), declined);
                return Ok(());
            }
        };
        let row = Rc::clone(found.row());
        drop(found);
        mutate(call.context, call.namespace()?, &effect)?;
        count_write(&row, Counter::Sets, &effect, merge.write.took_ms);
        call.reply(&Reply::number(next.version));
        Ok(())
    }
}
