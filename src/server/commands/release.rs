//! `CACHE.RESULT RELEASE`

use super::super::waiting;
use super::{Call, Handler};
use crate::core::refusal::Refusal;
use crate::core::stats::Counter;
use crate::protocol::reply::Reply;
use crate::protocol::result::release::{COMMAND, parse};
use crate::protocol::table::Command;

pub struct Release;

impl Handler for Release {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (namespace, token) = parse(call.arguments)?;
        let leased = call.leased(namespace, &token)?;
        let found = call.look_at(leased.place.address)?;
        let reply = leased.reply_of_no_use(&found).unwrap_or_else(|| {
            waiting::end(&leased.place, &token, call.now);
            found.row().count(Counter::LeasesReleased);
            Reply::OK
        });
        call.reply(&reply);
        Ok(())
    }
}
