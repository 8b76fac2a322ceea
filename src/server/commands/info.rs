//! `CACHE.RESULT INFO`

use super::super::counting;
use super::super::keyspace::Found;
use super::super::waiting::with_leases;
use super::{Call, Handler};
use crate::core::lease::Place;
use crate::core::refusal::Refusal;
use crate::core::state::{State, Why};
use crate::protocol::entry_arguments::EntryArguments;
use crate::protocol::result::info::{COMMAND, InFlight, reply};
use crate::protocol::table::Command;

pub struct Info;

impl Handler for Info {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let entry = EntryArguments::alone(&Self::COMMAND, call.arguments, &call.limits)?;
        let found = call.look(&entry)?;
        let state = match found.state() {
            State::Absent(_) if found.bypassed => State::Absent(Why::Disabled),
            state => counting::explained(call.context, &found.address, state),
        };
        let in_flight = in_flight(call, &found);
        call.reply(&reply(&found.address, &state, &in_flight, found.why_invalidated(), call.now));
        Ok(())
    }
}

/// The lease of the entry, where one is held.
fn in_flight(call: &Call<'_>, found: &Found<'_>) -> InFlight {
    let place = Place { database: call.context.database(), address: found.address };
    with_leases(|leases| {
        let Some(lease) = leases.held(&place, call.now) else { return InFlight::default() };
        let (holder, deadline) = (lease.grant.holder.clone(), lease.deadline);
        let progress = lease.progress.as_ref().map(|progress| progress.text.clone());
        let weight = lease.weight;
        InFlight { holder, deadline: Some(leases.ends_at(deadline, call.now)), progress, weight }
    })
}
