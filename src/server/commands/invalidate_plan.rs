//! `CACHE.INVALIDATE PLAN`, and the same as `CACHE.INVALIDATE.PLAN`

use super::super::keyspace::{self, Found, Next, Removal, Shared, mutate};
use super::super::plans::{Planned, PlannedJob, told_of_job};
use super::super::runtime;
use super::{Call, Handler};
use crate::core::invalidate::{Decision, decide};
use crate::core::limits::MAX_INTEGER;
use crate::core::refusal::Refusal;
use crate::core::stats::Counter;
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
        let jobs = plan.distinct(from)?;
        let was_there = if soft { soften(call, &plan, &jobs)? } else { remove(call, &plan, &jobs)? };
        plan.pick(&jobs).for_each(|(_, job)| job.policy.row.count(Counter::Invalidations));
        call.reply(&Reply::number(was_there as u64));
        Ok(())
    }
}

/// Removes the entries of these jobs; returns how many were there.
fn remove(call: &Call<'_>, plan: &Planned<'_>, jobs: &[usize]) -> Result<usize, Refusal> {
    let shared = call.share_namespace()?;
    let mut removal = Removal::of(call.context, jobs.len());
    let mut marks = Vec::with_capacity(jobs.len());
    let mut was_there = 0usize;
    for (index, PlannedJob { address, key, .. }) in plan.pick(jobs) {
        let entry = removal.open(key.borrow()).map_err(|refusal| told_of_job(index, refusal))?;
        let is_there = shared.state(&address, entry, call.now).present().is_some();
        was_there = was_there.saturating_add(usize::from(is_there));
        marks.push(address.mark());
    }
    if jobs.is_empty() {
        return Ok(0);
    }
    let next = next(call, shared, jobs.len())?;
    keyspace::remove(call.context, call.namespace()?, removal, next, &marks)?;
    Ok(was_there)
}

/// Leaves the entries of these jobs as stale ones; returns how many were there.
fn soften(call: &Call<'_>, plan: &Planned<'_>, jobs: &[usize]) -> Result<usize, Refusal> {
    let shared = call.share_namespace()?;
    let mut found: Vec<Found<'_>> = Vec::with_capacity(jobs.len());
    for (index, job) in plan.pick(jobs) {
        found.push(call.look_for(shared, &job).map_err(|refusal| told_of_job(index, refusal))?);
    }
    if found.is_empty() {
        return Ok(0);
    }
    let next = next(call, shared, found.len())?;
    let was_there = found.iter().filter(|found| found.state().present().is_some()).count();
    let versions = (next.version..).map(|version| Next { version, ..next });
    let effects = found.iter().zip(versions).map(|(found, next)| softened(call, found, next)).collect();
    drop(found);
    mutate(call.context, call.namespace()?, &Effect::Many(effects))?;
    Ok(was_there)
}

/// The number of the first of so many mutations.
fn next(call: &Call<'_>, shared: Shared<'_>, mutations: usize) -> Result<Next, Refusal> {
    let next = shared.next(call.context)?;
    if next.version.saturating_add(mutations as u64) <= MAX_INTEGER {
        return Ok(next);
    }
    Err(Refusal::syntax("the clock of this namespace has come to its end; delete its key to start anew"))
}

/// What SOFT does to one entry.
fn softened(call: &Call<'_>, found: &Found<'_>, next: Next) -> Effect<'static> {
    let left = match decide(true, None, &found.state(), next.version, call.now) {
        Decision::Soften(entry) => Some(found.place(next.incarnation, &entry)),
        Decision::Differs | Decision::Remove { .. } => None,
    };
    found.invalidation(next, left)
}
