//! `CACHE.RESULT NEXT`

use super::super::keyspace::changes;
use super::super::waiting::{clients, next_ticket, wake, with_followers};
use super::{Call, Handler};
use crate::core::follow::{Followed, Follower};
use crate::core::refusal::Refusal;
use crate::protocol::reply::Reply;
use crate::protocol::result::next::{COMMAND, Request, Seen};
use crate::protocol::table::Command;

pub struct Next;

impl Handler for Next {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let request = Request::parse(call.arguments, &call.limits)?;
        let follower = follower(call, &request)?;
        let changes = changes(call.context, &follower, call.limits.plan_reply_max_bytes, call.now);
        if !changes.replies.is_empty() {
            call.reply(&Reply::Array(changes.replies));
            return Ok(());
        }
        let Some(block_ms) = request.block_ms.filter(|_| !call.context.denies_blocking()) else {
            call.reply(&Reply::Nil);
            return Ok(());
        };
        let ticket = next_ticket();
        if clients::block(call.context, request.namespace, block_ms, ticket, None) {
            with_followers(|followers| followers.add(ticket, follower, changes.gone_at));
            wake::arm();
        } else {
            call.reply(&Reply::Nil);
        }
        Ok(())
    }
}

/// What the client follows, each entry looked at once so that a key of another type is refused.
fn follower(call: &Call<'_>, request: &Request<'_>) -> Result<Follower, Refusal> {
    let mut namespace = "";
    let mut follows = Vec::with_capacity(request.seen.len());
    for Seen { entry, version } in &request.seen {
        let found = call.look(entry)?;
        namespace = entry.namespace.as_str();
        follows.push(Followed {
            operation: entry.operation.as_str().into(),
            fingerprint: found.address.fingerprint,
            key: found.address.key().as_bytes().into(),
            version: *version,
        });
    }
    Ok(Follower { database: call.context.database(), namespace: namespace.into(), follows: follows.into() })
}
