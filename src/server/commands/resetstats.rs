//! `CACHE.RESETSTATS`

use super::super::{counting, runtime};
use super::{Call, Handler};
use crate::core::refusal::Refusal;
use crate::protocol::reply::Reply;
use crate::protocol::resetstats::{COMMAND, parse};
use crate::protocol::table::Command;

pub struct ResetStats;

impl Handler for ResetStats {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        match parse(call.arguments)? {
            Some(namespace) => {
                counting::with(|statistics| statistics.reset_namespace(namespace.as_str(), call.now));
            }
            None => counting::with(|statistics| statistics.reset(call.now)),
        }
        runtime::with(runtime::Runtime::forget_rows);
        call.reply(&Reply::OK);
        Ok(())
    }
}
