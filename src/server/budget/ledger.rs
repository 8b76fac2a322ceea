//! What a command stores and removes in a namespace with a budget, and what follows from that.

use std::cell::RefCell;
use std::sync::Arc;

use super::super::api::context::Context;
use super::super::api::string::BorrowedString;
use super::super::compression;
use super::super::stored_entry::StoredEntry;
use super::eviction::Watched;
use super::{BUDGETS, Recorder, enter, of, survey};
use crate::core::budget::Budget;
use crate::core::budget::claim::Claim;
use crate::core::budget::removal::{Cause, Removed};
use crate::core::budget::roll::Member;
use crate::core::entry::Entry;
use crate::core::instant::Instant;
use crate::core::name::{EntryKey, NamespaceName};
use crate::core::namespace::Namespace;
use crate::core::origin::Origin;
use crate::core::refusal::Refusal;
use crate::core::state::Address;
use crate::core::stats::gauges::{Gauges, Load};

/// Open while a command changes a namespace; [`settle`](Self::settle) does what follows.
pub struct Ledger<'c> {
    context: Context<'c>,
    name: NamespaceName<'c>,
    key: BorrowedString<'c>,
    budget: Budget,
    now: Instant,
    /// Where removals are recorded.
    recorder: Option<Recorder<'c>>,
    changes: RefCell<Changes>,
}

#[derive(Default)]
struct Changes {
    removed: Vec<Removed>,
    /// The version of the entry that was stored last, unless it is more than the whole budget: a failure is remembered
    /// however long its message, but does not stay then.
    last: Option<u64>,
    /// What the namespace comes to, once anything was stored under a budget.
    life: Option<Arc<Gauges>>,
    /// What it came to before.
    before: Load,
    is_untidy: bool,
}

/// What stood where an entry is stored.
pub struct Before {
    /// What that came to.
    load: Load,
    /// As what it is in the roll already, where it is: its member there counts as missing once another life of the
    /// namespace has begun.
    entered: Option<Arc<Origin>>,
}

impl<'c> Ledger<'c> {
    /// None where no rule bounds or records anything there.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` where removals are to be recorded in a key that holds no stream: nothing is removed unrecorded.
    pub fn open(context: Context<'c>, namespace: BorrowedString<'c>) -> Result<Option<Self>, Refusal> {
        let Ok(name) = NamespaceName::parse(namespace.bytes()) else { return Ok(None) };
        let Some(budget) = of(name.as_str()) else { return Ok(None) };
        let recorder = budget.removals.map(|records| Recorder::open(context, name, records)).transpose()?;
        let changes = RefCell::default();
        Ok(Some(Ledger { context, name, key: namespace, budget, now: context.now(), recorder, changes }))
    }

    /// Whether an entry may be stored at all.
    ///
    /// # Errors
    ///
    /// `TOOBIG` where it is more than the whole budget.
    pub fn check(&self, stored_bytes: usize, entry: &Entry<'_>) -> Result<(), Refusal> {
        self.budget.check(self.name, stored_bytes as u64, entry.weight.unwrap_or(0))
    }

    /// An entry is about to be stored in place of another, if there is one.
    pub fn replaces(
        &self,
        namespace: Option<&Namespace>,
        key: &[u8],
        before: Option<&StoredEntry>,
        left: &Entry<'_>,
    ) -> Before {
        self.goes(namespace, key, before, Cause::Replaced, Some(left));
        let has_weight = |weight: Option<u64>| weight.is_some_and(|weight| weight > 0);
        let is_like = |before: &&StoredEntry| {
            let before = before.stored();
            before.is_some_and(|before| has_weight(before.entry.weight) == has_weight(left.weight))
        };
        let is_known = self.budget.is_limited() && !survey::is_pending(self.context.database());
        let entered = before.filter(|before| is_known && is_like(before)).map(StoredEntry::share_origin);
        let load = before.and_then(StoredEntry::claim).map_or_else(Load::default, |claim| load_of(&claim));
        Before { load, entered }
    }

    /// It was.
    pub fn stored(&self, key: &[u8], entry: &StoredEntry, before: Before) {
        entry.mark_used(self.now);
        let (Some(fingerprint), Some(stored)) = (EntryKey::fingerprint(key), entry.stored()) else { return };
        let (database, origin) = (self.context.database(), entry.share_origin());
        if self.recorder.is_some()
            && let Some(ends_at) = stored.entry.weight.and_then(|_| stored.entry.ends_at())
        {
            let origin = Arc::clone(&origin);
            BUDGETS.with(|budgets| {
                budgets.deadlines.borrow_mut().insert(ends_at, database, fingerprint, origin);
            });
        }
        if !self.budget.is_limited() {
            return;
        }
        let changes = &mut *self.changes.borrow_mut();
        let is_admitted = self.check(StoredEntry::bytes_of(entry.record().len()), &stored.entry).is_ok();
        changes.last = is_admitted.then_some(stored.entry.version);
        let claim = entry.claim_of(&stored.entry);
        if changes.life.is_none() {
            let life = origin.life_gauges().unwrap_or_default();
            changes.before = life.load().minus(load_of(&claim)).plus(before.load);
            changes.life = Some(life);
        }
        if before.entered.is_none_or(|entered| entered != origin) {
            let entries = changes.life.as_ref().map_or(0, |life| life.load().entries);
            let member = Member { origin, fingerprint, claim };
            changes.is_untidy |= enter(database, self.name.as_str(), member, entries);
        }
    }

    /// An entry is about to be removed, since it was invalidated.
    pub fn removes(&self, namespace: Option<&Namespace>, key: &[u8], before: Option<&StoredEntry>) {
        self.goes(namespace, key, before, Cause::Invalidated, None);
    }

    fn goes(
        &self,
        namespace: Option<&Namespace>,
        key: &[u8],
        before: Option<&StoredEntry>,
        cause: Cause,
        left: Option<&Entry<'_>>,
    ) {
        let Some(stored) = before.and_then(StoredEntry::stored) else { return };
        if self.recorder.is_none() || stored.entry.weight.is_none() {
            return;
        }
        if let Some(address) = Address::of_key(self.name, key) {
            let left = left.filter(|left| !left.negative);
            let left = left.and_then(|left| compression::open(&left.body, namespace));
            let removed = Removed::of(&address, namespace, stored, cause, left.as_deref(), self.now);
            self.changes.borrow_mut().removed.extend(removed);
        }
    }

    /// Records what was removed, and evicts what is over budget. All keys are closed by now.
    pub fn settle(self) {
        let Changes { removed, last, life, is_untidy, before } = self.changes.into_inner();
        if let Some(recorder) = &self.recorder {
            recorder.record_all(&removed);
        }
        let Some(life) = life else { return };
        let watched = Watched {
            context: self.context,
            database: self.context.database(),
            name: self.name,
            key: self.key,
            budget: &self.budget,
            now: self.now,
            spared: last,
            life,
        };
        watched.after_write(is_untidy, before);
    }
}

/// What an entry comes to, as far as budgets go.
fn load_of(claim: &Claim) -> Load {
    Load { weight: claim.weight, stored_bytes: claim.stored_bytes, ..Load::default() }
}
