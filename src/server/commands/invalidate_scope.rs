//! `CACHE.INVALIDATE TAG`, `OPERATION`, `NAMESPACE`

use super::super::counting;
use super::super::keyspace::{Clock, mutate};
use super::{Call, Handler};
use crate::core::epochs::Scope;
use crate::core::refusal::Refusal;
use crate::core::stats::Counter;
use crate::protocol::apply::Effect;
use crate::protocol::invalidate::{namespace, operation, tag};
use crate::protocol::reply::Reply;
use crate::protocol::table::Command;

pub struct Tag;

impl Handler for Tag {
    const COMMAND: Command = tag::COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        invalidate(call, tag::parse(call.arguments, &call.limits)?)
    }
}

pub struct Operation;

impl Handler for Operation {
    const COMMAND: Command = operation::COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        invalidate(call, operation::parse(call.arguments)?)
    }
}

pub struct Namespace;

impl Handler for Namespace {
    const COMMAND: Command = namespace::COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        invalidate(call, namespace::parse(call.arguments)?)
    }
}

fn invalidate(call: &Call<'_>, scope: Scope<'_>) -> Result<(), Refusal> {
    let next = Clock::next(call.context, call.namespace()?)?;
    let invalidations = scope.len();
    let effect = Effect::Scope { incarnation: next.incarnation, version: next.version, scope };
    mutate(call.context, call.namespace()?, &effect)?;
    if let Some(Ok(name)) = call.arguments.first().map(|name| std::str::from_utf8(name)) {
        counting::whole(name).add(Counter::Invalidations, invalidations as u64);
    }
    call.reply(&Reply::number(next.version));
    Ok(())
}
