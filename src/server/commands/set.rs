//! `CACHE.RESULT SET`

use super::super::keyspace::mutate;
use super::{Call, Handler};
use crate::core::lifetime::Terms;
use crate::core::policy::Policy;
use crate::core::refusal::Refusal;
use crate::core::set::{Decision, Subject, decide};
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
        let subject = Subject { fingerprint: found.fingerprint(), params: None };
        let terms = Terms { policy: &Policy::default(), limits: &call.limits, now: call.now };
        let (state, mut joined_tags) = (found.state(), Vec::new());
        let effect = match decide(&request.write, &subject, &state, next.version, &terms, &mut joined_tags)? {
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
