//! `CACHE.PLAN`

use super::super::keyspace::Found;
use super::super::plans::told_of_job;
use super::super::runtime;
use super::fetch::{Fetching, Prepared};
use super::{Call, Handler};
use crate::core::fetch::{Ask, signed};
use crate::core::refusal::Refusal;
use crate::core::stats::{Lookup, Served};
use crate::protocol::plan::{COMMAND, Request};
use crate::protocol::table::Command;

pub struct Plan;

impl Handler for Plan {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let Request { namespace, text, length_ms, holder } = Request::parse(call.arguments, &call.limits)?;
        let resolved = runtime::with(|runtime| runtime.resolve_plan(namespace, text))?;
        let plan = resolved.of(namespace, text)?;
        let shared = call.share_namespace()?;
        let mut found: Vec<Found<'_>> = Vec::with_capacity(plan.len());
        for (index, job) in plan.jobs().enumerate() {
            found.push(call.look_for(shared, &job).map_err(|refusal| told_of_job(index, refusal))?);
        }
        let fetches = plan.jobs().zip(&found).map(|(job, found)| Fetching {
            call,
            entry: job.entry,
            found,
            ask: Ask::default(),
            length_ms,
            holder,
        });
        // Nothing is leased before nothing can be refused any more.
        let mut answers: Vec<Answer<'_, '_>> = Vec::with_capacity(plan.len());
        let mut bytes = 0usize;
        for (index, fetch) in fetches.enumerate() {
            let answer = Answer::of(fetch).map_err(|refusal| told_of_job(index, refusal))?;
            // Before the next is opened: it may be compressed, and is held until all are told.
            bytes = bytes.saturating_add(answer.bytes());
            call.limits.check_plan_reply(bytes)?;
            answers.push(answer);
        }
        call.context.reply_array(answers.len());
        answers.into_iter().for_each(|answer| answer.give(call));
        Ok(())
    }
}

/// What a job is answered.
enum Answer<'f, 'p> {
    /// What most are, and no larger than that needs.
    Hit {
        found: &'f Found<'p>,
        result: &'f [u8],
        version: u64,
        served: Served,
    },
    Else(Box<(Fetching<'f, 'p>, Prepared<'f>)>),
}

impl<'f, 'p> Answer<'f, 'p> {
    fn of(fetch: Fetching<'f, 'p>) -> Result<Self, Refusal> {
        if let Some(stored) = fetch.plain_hit() {
            let (result, version, served) = (stored.result, stored.entry.version, Served::of(&stored));
            return Ok(Answer::Hit { found: fetch.found, result, version, served });
        }
        let prepared = fetch.prepare()?;
        Ok(Answer::Else(Box::new((fetch, prepared))))
    }

    /// Bytes of what it brings.
    fn bytes(&self) -> usize {
        match self {
            Answer::Hit { result, .. } => result.len(),
            Answer::Else(fetch) => fetch.0.bytes(&fetch.1),
        }
    }

    fn give(self, call: &Call<'_>) {
        match self {
            Answer::Hit { found, result, version, served } => {
                found.answered(Lookup::Hit(served));
                call.context.reply_found(c"HIT", result, signed(version));
            }
            Answer::Else(fetch) => {
                let (fetch, prepared) = *fetch;
                fetch.answer(prepared);
            }
        }
    }
}
