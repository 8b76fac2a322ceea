//! `CACHE.RESULT GET`

use super::{Call, Handler};
use crate::core::refusal::Refusal;
use crate::core::state::OpenState;
use crate::core::stats::{Lookup, Served};
use crate::protocol::reply::Reply;
use crate::protocol::result::get::{COMMAND, Request};
use crate::protocol::table::Command;

pub struct Get;

impl Handler for Get {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let request = Request::parse(call.arguments, &call.limits)?;
        let found = call.look(&request.entry)?;
        let state = found.open();
        match state.served(request.stale) {
            Some(stored) => {
                found.answered(match state {
                    OpenState::Stale(_) => Lookup::Stale(Served::of(stored)),
                    _ => Lookup::Hit(Served::of(stored)),
                });
                call.reply(&Reply::bulk(stored.result));
            }
            None => {
                found.answered(match state {
                    OpenState::Negative(_) => Lookup::Negative,
                    _ => Lookup::Miss(found.reason(call.context, None)),
                });
                call.reply(&Reply::Nil);
            }
        }
        Ok(())
    }
}
