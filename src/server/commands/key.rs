//! `CACHE.RESULT KEY`

use super::super::runtime;
use super::{Call, Handler};
use crate::core::refusal::Refusal;
use crate::protocol::entry_arguments::EntryArguments;
use crate::protocol::reply::Reply;
use crate::protocol::result::key::COMMAND;
use crate::protocol::table::Command;

pub struct Key;

impl Handler for Key {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let entry = EntryArguments::alone(&Self::COMMAND, call.arguments, &call.limits)?;
        let resolved = runtime::with(|runtime| runtime.resolve(&entry))?;
        call.reply(&Reply::bulk(entry.address(resolved.fingerprint).key().as_bytes()));
        Ok(())
    }
}
