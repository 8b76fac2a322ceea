//! `CACHE.RESULT FILL`

use std::rc::Rc;

use super::super::keyspace::{Declined, mutate};
use super::super::waiting::{self, with_leases};
use super::{Call, Handler, count_write};
use crate::core::fetch::Fetched;
use crate::core::lifetime::Terms;
use crate::core::refusal::{Code, Refusal};
use crate::core::set::{Source, Subject, Write, decide};
use crate::core::stats::Counter;
use crate::core::token::Kind;
use crate::protocol::apply::Cause;
use crate::protocol::reply::Reply;
use crate::protocol::result::fill::{COMMAND, Request};
use crate::protocol::table::Command;

pub struct Fill;

impl Handler for Fill {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (mut tag_block, mut joined_tags) = (Vec::new(), Vec::new());
        let Request { namespace, token, write } =
            Request::parse(call.arguments, &call.limits, &mut tag_block)?;
        let leased = call.leased(namespace, &token)?;
        let found = call.look_at(leased.place.address)?;
        if token.kind == Kind::Bypass || found.bypassed {
            leased.end_if_held();
            call.reply(&Reply::OK);
            return Ok(());
        }
        let (took_ms, weight) = with_leases(|leases| leases.spent(&leased.place, token.id, call.now)).unzip();
        let write =
            Write { took_ms: write.took_ms.or(took_ms), weight: write.weight.or(weight.flatten()), ..write };
        let subject = Subject { fingerprint: &token.fingerprint, source: Source::Bound(&token.tags) };
        let terms = Terms { policy: &found.policy, limits: &call.limits, now: call.now };
        let (state, next) = (found.state(), found.next(call.context)?);
        let decision = decide(&write, &subject, &state, next.version, &terms, &mut joined_tags)?;
        if found.ground().has_overtaken_token(&token, leased.standing, decision.tags()) {
            leased.end_if_held();
            call.decline(found.row(), Declined::Fenced);
            return Ok(());
        }
        let effect = match found.effect_of(&decision, Cause::Fill, None, next) {
            Ok(effect) => effect,
            Err(declined) => {
                call.decline(found.row(), declined);
                return Ok(());
            }
        };
        let row = Rc::clone(found.row());
        drop(found);
        if call.context.is_full(call.namespace()?) {
            let refusal = Refusal::new(Code::Oom, OUT_OF_MEMORY);
            // With its word, by which it is told from a failure of whoever computed.
            let failed = || Fetched::failed(refusal.to_string().as_bytes(), 0);
            with_leases(|leases| leases.answer_all(&leased.place, failed));
            waiting::end(&leased.place, &token, call.now);
            return Err(refusal);
        }
        mutate(call.context, call.namespace()?, &effect)?;
        count_write(&row, Counter::Fills, &effect, write.took_ms);
        call.reply(&Reply::OK);
        Ok(())
    }
}

const OUT_OF_MEMORY: &str = "the result is not stored, since used memory is over 'maxmemory'";
