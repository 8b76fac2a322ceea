//! `CACHE.RESULT GET`

use super::super::keyspace::Found;
use super::{Call, Handler};
use crate::core::refusal::Refusal;
use crate::core::state::{OpenState, State};
use crate::core::stats::{Lookup, Served};
use crate::protocol::reply::Reply;
use crate::protocol::result::get::{COMMAND, Request};
use crate::protocol::table::Command;

pub struct Get;

impl Handler for Get {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
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
    let state = found.open();
    let Some(stored) = state.served(stale) else { return false };
    found.answered(match state {
        OpenState::Stale(_) => Lookup::Stale(Served::of(stored)),
        _ => Lookup::Hit(Served::of(stored)),
    });
    call.reply(&Reply::bulk(stored.result));
    true
}
