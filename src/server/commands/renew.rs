//! `CACHE.RESULT RENEW`

use super::super::budget;
use super::super::waiting::{self, wake, with_leases};
use super::{Call, Handler};
use crate::core::lease::table::Renewal;
use crate::core::refusal::Refusal;
use crate::core::stats::Counter;
use crate::protocol::reply::Reply;
use crate::protocol::result::renew::{COMMAND, Request};
use crate::protocol::table::Command;

pub struct Renew;

impl Handler for Renew {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let Request { namespace, token, length_ms, progress, weight } =
            Request::parse(call.arguments, &call.limits)?;
        let leased = call.leased(namespace, &token)?;
        let found = call.look_at(leased.place.address)?;
        if let Some(reply) = leased.reply_of_no_use(&found) {
            call.reply(&reply);
            return Ok(());
        }
        if let Some(budget) = budget::of(namespace.as_str()) {
            budget.check(namespace, 0, weight.unwrap_or(0))?;
        }
        let shows = progress.is_some();
        let renewal = Renewal {
            length_ms,
            default_ms: found.policy.lease_ms,
            progress: progress.map(Into::into),
            weight,
        };
        with_leases(|leases| leases.renew(&leased.place, &token, renewal, call.now));
        if shows {
            waiting::changed(&leased.place);
        }
        if weight.is_some() {
            // What has to go for it does so in a moment: this command writes nothing.
            budget::ask(call.context.database(), namespace.as_str());
        }
        wake::arm();
        found.row().count(Counter::LeasesRenewed);
        call.reply(&Reply::OK);
        Ok(())
    }
}
