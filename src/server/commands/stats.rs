//! `CACHE.STATS`

use super::super::counting;
use super::{Call, Handler};
use crate::core::refusal::Refusal;
use crate::core::stats::table::Subject;
use crate::protocol::stats::{COMMAND, parse, reply};
use crate::protocol::table::Command;

pub struct Stats;

impl Handler for Stats {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let subject = parse(call.arguments)?;
        let reply = counting::beside(call.context, subject, |statistics, figures, beside| {
            let operations = match subject {
                Subject::Namespace(name) => Some(statistics.operations(name).map(str::to_owned).collect()),
                Subject::All | Subject::Operation(..) => None,
            };
            reply(figures, beside, operations)
        });
        call.reply(&reply);
        Ok(())
    }
}
