//! `CACHE.RESULT HELP`

use super::{Call, Handler};
use crate::core::refusal::Refusal;
use crate::protocol::result::CONTAINER;
use crate::protocol::result::help::{COMMAND, lines};
use crate::protocol::table::Command;

pub struct Help;

impl Handler for Help {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        call.reply(&lines(CONTAINER));
        Ok(())
    }
}
