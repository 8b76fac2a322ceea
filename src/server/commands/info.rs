//! `CACHE.RESULT INFO`

use super::{Call, Handler};
use crate::core::refusal::Refusal;
use crate::core::state::{State, Why};
use crate::protocol::entry_arguments::EntryArguments;
use crate::protocol::result::info::{COMMAND, reply};
use crate::protocol::table::Command;

pub struct Info;

impl Handler for Info {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let entry = EntryArguments::alone(&Self::COMMAND, call.arguments, &call.limits)?;
        let found = call.look(&entry)?;
        let state = match found.state() {
            State::Absent(_) if found.bypassed => State::Absent(Why::Disabled),
            state => state,
        };
        call.reply(&reply(&found.address, &state, call.now));
        Ok(())
    }
}
