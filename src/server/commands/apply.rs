//! `CACHE.APPLY`

use super::super::api::context::Source;
use super::super::keyspace::carry_out;
use super::super::{budget, runtime};
use super::{Call, Handler};
use crate::core::refusal::{Code, Refusal};
use crate::protocol::apply::{COMMAND, Effect};
use crate::protocol::reply::Reply;
use crate::protocol::table::Command;

pub struct Apply;

impl Handler for Apply {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let allowed = call.context.source() == Source::Replication
            || runtime::with(|runtime| runtime.apply_from_clients.get());
        if !allowed {
            return Err(Refusal::new(
                Code::NoPerm,
                "CACHE.APPLY serves replication and append-only files: only with cache.apply-from-clients set to \
                 yes is it accepted from a client",
            ));
        }
        let effect = Effect::parse(call.arguments.get(1..).unwrap_or_default())?;
        carry_out(call.context, call.namespace()?, &effect)?;
        if call.context.source() == Source::Client {
            budget::survey(call.context.database());
        }
        call.context.replicate_verbatim();
        call.reply(&Reply::OK);
        Ok(())
    }
}
