//! `CACHE.RESULT SET`

use std::rc::Rc;

use super::super::keyspace::mutate;
use super::{Call, Handler, count_write};
use crate::core::refusal::Refusal;
use crate::core::set::decide;
use crate::core::stats::Counter;
use crate::protocol::apply::Cause;
use crate::protocol::reply::Reply;
use crate::protocol::result::set::{COMMAND, Request};
use crate::protocol::table::Command;

pub struct Set;

impl Handler for Set {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (mut tag_block, mut joined_tags) = (Vec::new(), Vec::new());
        let request = Request::parse(call.arguments, &call.limits, &mut tag_block)?;
        let found = call.look(&request.entry)?;
        if found.bypassed {
            call.reply(&Reply::OK);
            return Ok(());
        }
        let params = call.params_for_rules(&request.entry, &found.policy)?;
        let (subject, terms) = call.subject_and_terms(&found, params.as_deref());
        let (state, next) = (found.state(), found.next(call.context)?);
        let decision = decide(&request.write, &subject, &state, next.version, &terms, &mut joined_tags)?;
        let effect = match found.effect_of(&decision, Cause::Set, request.since.as_ref(), next) {
            Ok(effect) => effect,
            Err(declined) => {
                call.decline(found.row(), declined);
                return Ok(());
            }
        };
        let row = Rc::clone(found.row());
        drop(found);
        mutate(call.context, call.namespace()?, &effect)?;
        count_write(&row, Counter::Sets, &effect, request.write.took_ms);
        call.reply(&Reply::OK);
        Ok(())
    }
}
