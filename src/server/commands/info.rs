//! `CACHE.RESULT INFO`

use super::{Call, Handler};
use crate::core::refusal::Refusal;
use crate::protocol::result::info::{COMMAND, parse, reply};
use crate::protocol::table::Command;

pub struct Info;

impl Handler for Info {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let entry = parse(call.arguments, &call.limits)?;
        let address = call.resolve(&entry)?;
        let found = call.look(&entry)?;
        call.reply(&reply(&address, &found.state(), call.now));
        Ok(())
    }
}
