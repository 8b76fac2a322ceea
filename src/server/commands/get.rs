//! `CACHE.RESULT GET`

use super::super::keyspace::Found;
use super::{Call, Handler};
use crate::core::refusal::Refusal;
use crate::core::state::{State, Stored, Verdict};
use crate::core::stats::{Lookup, Served};
use crate::protocol::reply::Reply;
use crate::protocol::result::get::{COMMAND, Request};
use crate::protocol::table::Command;

pub struct Get;

impl Handler for Get {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        if call.is_answered_at_once(|found| serve(call, found, false)) {
            return Ok(());
        }
        let request = Request::parse(call.arguments, &call.limits)?;
        let is_served = |found: &Found<'_>| serve(call, found, request.stale);
        if let Some(found) = call.look_unless(&request.entry, is_served)?
            && !is_served(&found)
        {
            found.answered(match found.visible() {
                State::Negative(_) => Lookup::Negative,
                _ => Lookup::Miss(found.reason(call.context, None)),
            });
            call.reply(&Reply::Nil);
        }
        Ok(())
    }
}

/// Replies with the result, where there is one that is served.
#[inline]
fn serve(call: &Call<'_>, found: &Found<'_>, stale: bool) -> bool {
    let answer = |stored: &Stored<'_>, result: &[u8], verdict| {
        let served = Served::of(stored);
        found.answered(if verdict == Verdict::Stale { Lookup::Stale(served) } else { Lookup::Hit(served) });
        call.context.reply_bytes(result);
    };
    found.served(stale, answer).is_some()
}
