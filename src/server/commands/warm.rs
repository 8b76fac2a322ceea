//! `CACHE.WARM`

use std::collections::HashSet;

use super::super::keyspace::{Next, Shared, mutate};
use super::{Call, Handler};
use crate::core::entry::Tags;
use crate::core::fingerprint::Fingerprint;
use crate::core::limits::MAX_INTEGER;
use crate::core::name::OperationName;
use crate::core::refusal::Refusal;
use crate::core::set::{Condition, Decision, Write, decide};
use crate::core::stamp::Stamp;
use crate::protocol::apply::{Cause, Effect};
use crate::protocol::reply::Reply;
use crate::protocol::table::Command;
use crate::protocol::warm::{COMMAND, Request, Row, Words, of_row};

pub struct Warm;

impl Handler for Warm {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let mut tag_block = Vec::new();
        let words = Words::read(call.arguments)?;
        let Request { rows, since } = Request::parse(&words, &call.limits, &mut tag_block)?;
        let namespace = call.share_namespace()?;
        let mut warming = Warming {
            call,
            namespace,
            since,
            next: None,
            stored: HashSet::new(),
            effects: Vec::new(),
            count: 0,
        };
        for (index, row) in rows.iter().enumerate() {
            warming.decide(row).map_err(|refusal| of_row(index, refusal))?;
        }
        let (stored, skipped) = (warming.count, rows.len().saturating_sub(warming.count));
        let Warming { effects, .. } = warming;
        if !effects.is_empty() {
            mutate(call.context, call.namespace()?, &Effect::Many(effects))?;
        }
        call.reply(&Reply::Array([stored, skipped].map(|rows| Reply::number(rows as u64)).into()));
        Ok(())
    }
}

/// What has been decided so far; nothing is stored before all is.
struct Warming<'c, 'a> {
    call: &'c Call<'a>,
    namespace: Shared<'a>,
    since: Option<Stamp>,
    /// What the next mutation gets.
    next: Option<Next>,
    /// What an earlier row stores: NX leaves it alone.
    stored: HashSet<(OperationName<'a>, Fingerprint)>,
    effects: Vec<Effect<'static>>,
    /// How many rows are stored.
    count: usize,
}

impl<'a> Warming<'_, 'a> {
    fn decide(&mut self, row: &Row<'a>) -> Result<(), Refusal> {
        let found = self.call.look_beside(self.namespace, &row.entry)?;
        if found.bypassed {
            return Ok(());
        }
        let next = match self.next {
            Some(next) => next,
            None => found.next(self.call.context)?,
        };
        let (mut own_tags, mut joined_tags) = (Vec::new(), Vec::new());
        let write = self.with_tags(row, &mut own_tags)?;
        let params = self.call.params_for_rules(&row.entry, &found.policy)?;
        let (subject, terms) = self.call.subject_and_terms(&found, params.as_deref());
        let name = (row.entry.operation, found.address.fingerprint);
        if row.write.condition == Some(Condition::Absent) && self.stored.contains(&name) {
            return Ok(());
        }
        let decision = decide(&write, &subject, &found.state(), next.version, &terms, &mut joined_tags)?;
        let Ok(effect) = found.effect_of(&decision, Cause::Warm, self.since.as_ref(), next) else {
            return Ok(());
        };
        if next.version >= MAX_INTEGER {
            return Err(Refusal::syntax(
                "the clock of this namespace has come to its end; delete its key to start anew",
            ));
        }
        self.next = Some(Next { version: next.version.saturating_add(1), ..next });
        if matches!(decision, Decision::Store(_)) {
            self.count = self.count.saturating_add(1);
            if row.write.condition.is_some() {
                self.stored.insert(name);
            }
        }
        self.effects.push(effect);
        Ok(())
    }

    /// What a row writes, its own tags joined to those of the options.
    fn with_tags<'w>(&self, row: &Row<'w>, block: &'w mut Vec<u8>) -> Result<Write<'w>, Refusal> {
        if row.tags.is_empty() {
            return Ok(row.write);
        }
        let own = row.tags.iter().map(|tag| tag.as_bytes());
        let tags: Vec<&[u8]> = row.write.tags.iter().chain(own).collect();
        self.call.limits.check_tags(&tags)?;
        Ok(Write { tags: Tags::from_list(&tags, block), ..row.write })
    }
}
