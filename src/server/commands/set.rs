//! `CACHE.RESULT SET`

use super::super::keyspace::mutate;
use super::super::runtime;
use super::{Call, Handler};
use crate::core::lifetime::Terms;
use crate::core::policy::templates::needs_params;
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
        let (mut tag_block, mut joined_tags) = (Vec::new(), Vec::new());
        let request = Request::parse(call.arguments, &call.limits, &mut tag_block)?;
        let found = call.look(&request.entry)?;
        if found.bypassed {
            call.reply(&Reply::OK);
            return Ok(());
        }
        let params = match needs_params(&found.policy.tags) {
            true => runtime::with(|runtime| runtime.canonical_params(&request.entry))?,
            false => None,
        };
        let subject = Subject { fingerprint: &found.address.fingerprint, params: params.as_deref() };
        let terms = Terms { policy: &found.policy, limits: &call.limits, now: call.now };
        let (state, next) = (found.state(), found.next(call.context)?);
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
