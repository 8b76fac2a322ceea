//! `CACHE.WARM`

use std::collections::HashSet;
use std::rc::Rc;

use super::super::api::string::OwnedString;
use super::super::keyspace::{Change, Declined, Found, Made, Next, Shared, store};
use super::super::runtime::{self, Resolved};
use super::{Call, Handler};
use crate::core::compression::Frame;
use crate::core::entry::{Entry, Tags};
use crate::core::fingerprint::Fingerprint;
use crate::core::limits::MAX_INTEGER;
use crate::core::name::OperationName;
use crate::core::refusal::Refusal;
use crate::core::set::{Condition, Write, decide};
use crate::core::stamp::Stamp;
use crate::core::stats::{self, Counter};
use crate::protocol::apply::Cause;
use crate::protocol::reply::Reply;
use crate::protocol::table::Command;
use crate::protocol::warm::{COMMAND, Request, Row, Words, of_row};

pub struct Warm;

impl Handler for Warm {
    const COMMAND: Command = COMMAND;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let mut tag_block = Vec::new();
        let words = Words::read(call.arguments)?;
        let request = Request::parse(&words, &call.limits, &mut tag_block)?;
        let mut warming = Warming {
            call,
            shared: call.share_namespace()?,
            since: request.since,
            next: None,
            is_remembered: request.rows() <= REMEMBERED_ROWS,
            stored: HashSet::new(),
            changes: Vec::with_capacity(request.rows()),
            counts: Vec::new(),
            count: 0,
        };
        for (index, row) in (0..).map_while(|index| Some((index, request.row(index, &call.limits)?))) {
            row.and_then(|row| warming.decide(&row)).map_err(|refusal| of_row(index, refusal))?;
        }
        let Warming { changes, counts, count, .. } = warming;
        if !changes.is_empty() {
            store(call.context, call.namespace()?, Cause::Warm, changes)?;
        }
        counts.iter().for_each(Count::enter);
        let (stored, skipped) = (count, request.rows().saturating_sub(count));
        call.reply(&Reply::Array([stored, skipped].map(|rows| Reply::number(rows as u64)).into()));
        Ok(())
    }
}

/// Of how many rows at most spellings are remembered: more would push out what others ask for.
const REMEMBERED_ROWS: usize = 1 << 14;

/// Something to be counted so many times, or a computation that took so long.
struct Count {
    row: Rc<stats::Row>,
    counter: Counter,
    times: u64,
    took_ms: Option<u64>,
}

impl Count {
    fn enter(&self) {
        self.row.add(self.counter, self.times);
        self.took_ms.into_iter().for_each(|ms| self.row.computed(ms));
    }
}

/// What has been decided so far; nothing is stored before all is.
struct Warming<'c, 'a> {
    call: &'c Call<'a>,
    shared: Shared<'a>,
    since: Option<Stamp>,
    /// What the next mutation gets.
    next: Option<Next>,
    is_remembered: bool,
    /// What an earlier row stores: NX leaves it alone.
    stored: HashSet<(OperationName<'a>, Fingerprint)>,
    changes: Vec<Change>,
    /// What is to be counted.
    counts: Vec<Count>,
    /// How many rows are stored.
    count: usize,
}

impl<'a> Warming<'_, 'a> {
    fn decide(&mut self, row: &Row<'a>) -> Result<(), Refusal> {
        let Resolved { fingerprint, policy } = runtime::with(|runtime| match self.is_remembered {
            true => runtime.resolve(&row.entry),
            false => runtime.work_out(&row.entry),
        })?;
        let address = row.entry.address(fingerprint);
        let key = OwnedString::new(address.key().as_bytes());
        let at = (address, key.borrow());
        let found = Found::look_at(self.call.context, self.shared, at, policy, self.call.now)?;
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
        let name = (row.entry.operation, fingerprint);
        if row.write.condition == Some(Condition::Absent) && self.stored.contains(&name) {
            return Ok(());
        }
        let decision = decide(&write, &subject, &found.state(), next.version, &terms, &mut joined_tags)?;
        let entry = match found.admitted(&decision, self.since.as_ref()) {
            Ok(entry) => entry,
            Err(declined) => {
                if let Declined::Fenced = declined {
                    self.count(found.row(), Counter::Fenced, None);
                }
                return Ok(());
            }
        };
        let counter = if entry.is_some() { Counter::Sets } else { Counter::Invalidations };
        self.count(found.row(), counter, write.took_ms.filter(|_| entry.is_some()));
        if next.version >= MAX_INTEGER {
            return Err(Refusal::syntax(
                "the clock of this namespace has come to its end; delete its key to start anew",
            ));
        }
        self.next = Some(Next { version: next.version.saturating_add(1), ..next });
        let change = match entry {
            None => Change::Other(Box::new(found.invalidation(next, None))),
            Some(entry) => {
                self.count = self.count.saturating_add(1);
                if row.write.condition.is_some() {
                    self.stored.insert(name);
                }
                let frame = found.compressed(entry, next.incarnation);
                let body = frame.as_ref().map_or(entry.body, Frame::body);
                let made = Made::new(key, &found.address, next, &Entry { body, ..*entry });
                Change::Store(made.ok_or_else(|| Refusal::syntax("the entry is longer than any can be"))?)
            }
        };
        self.changes.push(change);
        Ok(())
    }

    /// To be counted once all are stored: together with the last, where that is the same.
    fn count(&mut self, row: &Rc<stats::Row>, counter: Counter, took_ms: Option<u64>) {
        match self.counts.last_mut() {
            Some(last) if Rc::ptr_eq(&last.row, row) && last.counter == counter && took_ms.is_none() => {
                last.times = last.times.saturating_add(1);
            }
            _ => self.counts.push(Count { row: Rc::clone(row), counter, times: 1, took_ms }),
        }
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
