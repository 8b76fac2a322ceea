//! `CACHE.RESULT GET`

use super::{Call, Handler};
use crate::core::refusal::Refusal;
use crate::protocol::reply::Reply;
use crate::protocol::result::get::{COMMAND, Request};
use crate::protocol::table::Command;

pub struct Get;

impl Handler for Get {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let request = Request::parse(call.arguments, &call.limits)?;
        let found = call.look(&request.entry)?;
        match found.visible().served(request.stale) {
            Some(stored) => {
                found.count_hit();
                call.reply(&Reply::bulk(stored.entry.result));
            }
            None => call.reply(&Reply::Nil),
        }
        Ok(())
    }
}
