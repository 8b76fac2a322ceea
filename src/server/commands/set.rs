//! `CACHE.RESULT SET`

use super::super::keyspace::mutate;
use super::super::runtime;
use super::{Call, Handler};
use crate::core::refusal::Refusal;
use crate::core::set::{Decision, decide};
use crate::protocol::apply::Effect;
use crate::protocol::reply::Reply;
use crate::protocol::result::set::{COMMAND, Request};
use crate::protocol::table::Command;

pub struct Set;

impl Handler for Set {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let mut tag_block = Vec::new();
        let request = Request::parse(call.arguments, &call.limits, &mut tag_block)?;
        let found = call.look(&request.entry)?;
        let next = found.next(call.context)?;
        let rules = (&runtime::with(|runtime| runtime.defaults), &call.limits);
        let effect =
            match decide(&request.write, found.mark(), &found.state(), next.version, rules, call.now)? {
                Decision::Forbidden => {
                    call.reply(&Reply::Nil);
                    return Ok(());
                }
                Decision::Store(entry) => Effect::Set(found.place(next.incarnation, &entry)),
                Decision::Remove => found.invalidation(next, None),
            };
        drop(found);
        mutate(call.context, call.namespace()?, &effect)?;
        call.reply(&Reply::OK);
        Ok(())
    }
}
