//! `CACHE.PLAN`

use super::fetch::Fetching;
use super::{Call, Handler};
use crate::core::fetch::Ask;
use crate::core::plan::{Job, of_job};
use crate::core::refusal::{Code, Refusal};
use crate::protocol::entry_arguments::EntryArguments;
use crate::protocol::plan::{COMMAND, Request};
use crate::protocol::table::Command;

pub struct Plan;

impl Handler for Plan {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let Request { plan, length_ms, holder, .. } = Request::parse(call.arguments, &call.limits)?;
        let entries = entries(call, &plan.jobs)?;
        let found = entries
            .iter()
            .enumerate()
            .map(|(index, entry)| call.look(entry).map_err(|refusal| told_of_job(index, refusal)));
        let found = found.collect::<Result<Vec<_>, _>>()?;
        let fetches = entries.iter().zip(&found).map(|(entry, found)| Fetching {
            call,
            entry,
            found,
            ask: Ask::default(),
            length_ms,
            holder,
        });
        let fetches: Vec<Fetching<'_, '_>> = fetches.collect();
        // Nothing is leased before nothing can be refused any more.
        let prepared = fetches
            .iter()
            .enumerate()
            .map(|(index, fetch)| fetch.prepare().map_err(|refusal| told_of_job(index, refusal)));
        let prepared = prepared.collect::<Result<Vec<_>, _>>()?;
        let bytes = fetches.iter().zip(&prepared).map(|(fetch, prepared)| fetch.bytes(prepared));
        call.limits.check_plan_reply(bytes.sum())?;
        call.context.reply_array(prepared.len());
        fetches.iter().zip(prepared).for_each(|(fetch, prepared)| fetch.answer(prepared));
        Ok(())
    }
}

/// The entries of jobs.
pub fn entries<'e>(call: &Call<'e>, jobs: &'e [Job<'e>]) -> Result<Vec<EntryArguments<'e>>, Refusal> {
    let namespace = call.arguments.first().copied().unwrap_or_default();
    let entry = |(index, job): (usize, &'e Job<'e>)| {
        let operation = job.operation().map_err(|refusal| of_job(index, &refusal))?;
        let words = [namespace, operation.as_str().as_bytes(), job.params().as_bytes()];
        EntryArguments::of(words, &call.limits).map_err(|refusal| told_of_job(index, refusal))
    };
    jobs.iter().enumerate().map(entry).collect()
}

/// What is wrong with a job; what has nothing to do with the plan stays what it is.
pub fn told_of_job(index: usize, refusal: Refusal) -> Refusal {
    match refusal.code {
        Code::BadParams | Code::BadName => of_job(index, &refusal),
        _ => refusal,
    }
}
