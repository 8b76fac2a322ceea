//! `CACHE.RESULT EXISTS`

use super::{Call, Handler};
use crate::core::refusal::Refusal;
use crate::protocol::entry_arguments::EntryArguments;
use crate::protocol::reply::Reply;
use crate::protocol::result::exists::COMMAND;
use crate::protocol::table::Command;

pub struct Exists;

impl Handler for Exists {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let found = call.look(&EntryArguments::alone(&Self::COMMAND, call.arguments, &call.limits)?)?;
        call.reply(&Reply::Integer(i64::from(found.visible().served(false).is_some())));
        Ok(())
    }
}
