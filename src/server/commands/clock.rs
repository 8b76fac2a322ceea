//! `CACHE.CLOCK`

use super::super::keyspace::{Clock, mutate};
use super::{Call, Handler};
use crate::core::refusal::Refusal;
use crate::core::stamp::Stamp;
use crate::protocol::apply::Effect;
use crate::protocol::clock::{COMMAND, parse};
use crate::protocol::reply::Reply;
use crate::protocol::table::Command;

pub struct ReadClock;

impl Handler for ReadClock {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let name = parse(call.arguments)?;
        let Clock { incarnation, clock, made } = Clock::read(call.context, call.namespace()?)?;
        if let Some(made) = made {
            mutate(call.context, call.namespace()?, &Effect::Namespace(made))?;
        }
        call.reply(&Reply::text(Stamp::new(name, incarnation, clock).to_string()));
        Ok(())
    }
}
