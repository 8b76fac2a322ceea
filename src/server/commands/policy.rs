//! `CACHE.POLICY`: rules are this process's, so its handlers only parse, do and reply.

use super::super::runtime;
use super::{Call, Handler};
use crate::core::refusal::Refusal;
use crate::protocol::policy::{del, explain, get, list, set};
use crate::protocol::reply::Reply;
use crate::protocol::table::Command;

pub struct Set;
pub struct Get;
pub struct Del;
pub struct List;
pub struct Explain;

impl Handler for Set {
    const COMMAND: Command = set::COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let set::Request { patterns, values } = set::Request::parse(call.arguments)?;
        runtime::with(|runtime| {
            runtime.change_rules(|rules| rules.set(patterns.namespace, patterns.operation, values))
        })?;
        call.context.replicate_verbatim();
        call.reply(&Reply::OK);
        Ok(())
    }
}

impl Handler for Del {
    const COMMAND: Command = del::COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let request = del::Request::parse(call.arguments)?;
        let (namespace, operation) = request.patterns.as_bytes();
        let deleted = runtime::with(|runtime| {
            runtime.change_rules(|rules| rules.delete(namespace, operation, &request.fields))
        });
        if deleted {
            call.context.replicate_verbatim();
        }
        call.reply(&Reply::Integer(i64::from(deleted)));
        Ok(())
    }
}

impl Handler for Get {
    const COMMAND: Command = get::COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let patterns = get::parse(call.arguments)?;
        let (namespace, operation) = patterns.as_bytes();
        let reply = runtime::with(|runtime| get::reply(runtime.rules().get(namespace, operation)));
        call.reply(&reply);
        Ok(())
    }
}

impl Handler for List {
    const COMMAND: Command = list::COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        call.reply(&runtime::with(|runtime| list::reply(&runtime.rules())));
        Ok(())
    }
}

impl Handler for Explain {
    const COMMAND: Command = explain::COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (namespace, operation) = explain::parse(call.arguments)?;
        call.reply(&runtime::with(|runtime| explain::reply(&runtime.rules(), namespace, operation)));
        Ok(())
    }
}
