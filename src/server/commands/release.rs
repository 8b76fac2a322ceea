//! `CACHE.RESULT RELEASE`

use super::super::waiting;
use super::{Call, Handler};
use crate::core::refusal::Refusal;
use crate::core::token::Kind;
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
        if token.kind == Kind::Bypass || found.bypassed {
            leased.end_if_held();
            call.reply(&Reply::OK);
        } else if leased.is_overtaken(&found) {
            leased.end_if_held();
            call.reply(&Reply::FENCED);
        } else {
            waiting::end(&leased.place, &token, call.now);
            call.reply(&Reply::OK);
        }
        Ok(())
    }
}
