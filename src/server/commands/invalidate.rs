//! `CACHE.RESULT INVALIDATE`

use std::rc::Rc;

use super::super::keyspace::mutate;
use super::{Call, Handler};
use crate::core::invalidate::{Decision, decide};
use crate::core::refusal::Refusal;
use crate::core::stats::Counter;
use crate::protocol::reply::Reply;
use crate::protocol::result::invalidate::{COMMAND, Request};
use crate::protocol::table::Command;

pub struct Invalidate;

impl Handler for Invalidate {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let request = Request::parse(call.arguments, &call.limits)?;
        let found = call.look(&request.entry)?;
        let next = found.next(call.context)?;
        let (was_there, effect) =
            match decide(request.soft, request.if_version, &found.state(), next.version, call.now) {
                Decision::Differs => {
                    call.reply(&Reply::Integer(0));
                    return Ok(());
                }
                Decision::Remove { was_there } => (was_there, found.invalidation(next, None)),
                Decision::Soften(entry) => {
                    (true, found.invalidation(next, Some(found.place(next.incarnation, &entry))))
                }
            };
        let row = Rc::clone(found.row());
        drop(found);
        mutate(call.context, call.namespace()?, &effect)?;
        row.count(Counter::Invalidations);
        call.reply(&Reply::Integer(i64::from(was_there)));
        Ok(())
    }
}
