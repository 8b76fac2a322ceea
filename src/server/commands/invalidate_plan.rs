//! `CACHE.INVALIDATE PLAN`, and the same as `CACHE.INVALIDATE.PLAN`

use super::super::keyspace::{Found, Next, mutate};
use super::super::plans::told_of_job;
use super::super::runtime;
use super::{Call, Handler};
use crate::core::invalidate::{Decision, decide};
use crate::core::limits::MAX_INTEGER;
use crate::core::refusal::Refusal;
use crate::protocol::apply::Effect;
use crate::protocol::invalidate::plan::{COMMAND, DOTTED, Request};
use crate::protocol::reply::Reply;
use crate::protocol::table::Command;

/// One of its two spellings.
pub struct InvalidatePlan<const IS_DOTTED: bool>;

impl<const IS_DOTTED: bool> Handler for InvalidatePlan<IS_DOTTED> {
    const COMMAND: Command = if IS_DOTTED { DOTTED } else { COMMAND };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let Request { namespace, text, from, soft } = Request::parse(call.arguments)?;
        let resolved = runtime::with(|runtime| runtime.resolve_plan(namespace, text))?;
        let plan = resolved.of(namespace, text)?;
        let shared = call.share_namespace()?;
        let indexes = plan.distinct(from)?;
        let mut found: Vec<Found<'_>> = Vec::with_capacity(indexes.len());
        for (index, job) in indexes.iter().filter_map(|&index| Some((index, plan.job(index)?))) {
            found.push(call.look_for(shared, &job).map_err(|refusal| told_of_job(index, refusal))?);
        }
        let Some(first) = found.first() else {
            call.reply(&Reply::Integer(0));
            return Ok(());
        };
        let next = first.next(call.context)?;
        if next.version.saturating_add(found.len() as u64) > MAX_INTEGER {
            return Err(Refusal::syntax(
                "the clock of this namespace has come to its end; delete its key to start anew",
            ));
        }
        let was_there = found.iter().filter(|found| found.state().present().is_some()).count();
        let effect = if soft {
            let versions = (next.version..).map(|version| Next { version, ..next });
            Effect::Many(found.iter().zip(versions).map(|(found, next)| soften(call, found, next)).collect())
        } else {
            let keys = found.iter().map(|found| found.address.key().as_bytes().to_vec().into()).collect();
            Effect::Remove { incarnation: next.incarnation, version: next.version, keys }
        };
        drop(found);
        mutate(call.context, call.namespace()?, &effect)?;
        call.reply(&Reply::number(was_there as u64));
        Ok(())
    }
}

/// What SOFT does to one entry.
fn soften(call: &Call<'_>, found: &Found<'_>, next: Next) -> Effect<'static> {
    let left = match decide(true, None, &found.state(), next.version, call.now) {
        Decision::Soften(entry) => Some(found.place(next.incarnation, &entry)),
        Decision::Differs | Decision::Remove { .. } => None,
    };
    found.invalidation(next, left)
}
