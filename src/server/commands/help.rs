//! `HELP` of each container.

use super::{Call, Handler};
use crate::core::refusal::Refusal;
use crate::protocol::commands::CONTAINERS;
use crate::protocol::help::{command, lines};
use crate::protocol::table::Command;

/// The HELP of the container at this place of the table.
pub struct Help<const PLACE: usize>;

impl<const PLACE: usize> Handler for Help<PLACE> {
    const COMMAND: Command = command(CONTAINERS[PLACE].0);

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        call.reply(&lines(CONTAINERS[PLACE].0));
        Ok(())
    }
}
