//! Who goes where a budget is exceeded.

use std::sync::Arc;

use super::super::api::context::Context;
use super::super::api::key::Mode;
use super::super::api::string::{BorrowedString, OwnedString};
use super::super::keyspace::{EntryKey, FoundNamespace};
use super::super::runtime;
use super::super::waiting::with_leases;
use super::going::Going;
use super::{BUDGETS, POSTPONED_MS, REST_MS, Recorder, complain, of, with_roll};
use crate::core::budget::claim::Used;
use crate::core::budget::removal::Cause;
use crate::core::budget::roll::{CANDIDATES, Look, Member, Roll, Wanted};
use crate::core::budget::{Budget, Measure};
use crate::core::entry::Freshness;
use crate::core::instant::Instant;
use crate::core::name::NamespaceName;
use crate::core::namespace::Namespace;
use crate::core::refusal::Refusal;
use crate::core::state::Address;
use crate::core::stats::gauges::{Gauges, Load};

/// A namespace whose budget is looked after.
pub struct Watched<'a, 'c> {
    pub context: Context<'c>,
    pub database: i32,
    pub name: NamespaceName<'a>,
    /// Its key, which is the same.
    pub key: BorrowedString<'a>,
    pub budget: &'a Budget,
    pub now: Instant,
    /// The version of the entry that was only just stored, and does not go for it.
    pub spared: Option<u64>,
    /// What the living entries come to.
    pub life: Arc<Gauges>,
}

/// Why evicting came to its end.
#[derive(PartialEq, Eq)]
enum End {
    /// The namespace is within its budget, or nobody is left who could go.
    Done,
    /// It was time to stop.
    Over,
    /// The server refused a removal or its record, as while a slot moves.
    Refused,
}

/// Looks at namespaces that may be over their budget; when to go on, none where nothing is left.
pub fn slice(context: Context<'_>, is_over: impl Fn() -> bool + Copy) -> Option<u64> {
    // They must not keep the others waiting.
    let mut postponed = Vec::new();
    let rest_ms = enforce_due(context, is_over, &mut postponed);
    let rest_ms = rest_ms.or_else(|| (!postponed.is_empty()).then_some(POSTPONED_MS));
    BUDGETS.with(|budgets| budgets.due.borrow_mut().extend(postponed));
    rest_ms
}

/// Takes up one after another, until it is time to stop; those that nothing may be removed from are `postponed`.
fn enforce_due(
    context: Context<'_>,
    is_over: impl Fn() -> bool + Copy,
    postponed: &mut Vec<(i32, Box<str>)>,
) -> Option<u64> {
    while let Some((database, name)) = BUDGETS.with(|budgets| budgets.due.borrow_mut().pop_first()) {
        let (Some(budget), Ok(namespace)) = (of(&name), NamespaceName::parse(name.as_bytes())) else {
            continue;
        };
        if !context.select(database) {
            continue;
        }
        let now = context.now();
        let key = OwnedString::new(name.as_bytes());
        let Some(life) = life(context, namespace, key.borrow()) else { continue };
        let key = key.borrow();
        let watched =
            Watched { context, database, name: namespace, key, budget: &budget, now, spared: None, life };
        match watched.tidy_up(is_over).map_or_else(|| watched.enforce(is_over), Ok) {
            Ok(End::Done) => {}
            Ok(End::Over) => {
                BUDGETS.with(|budgets| budgets.due.borrow_mut().insert((database, name)));
                return Some(REST_MS);
            }
            Ok(End::Refused) => postponed.push((database, name)),
            Err(refusal) => {
                complain(now, || format!("namespace '{name}' stays over its budget: {refusal}"));
                postponed.push((database, name));
            }
        }
    }
    None
}

/// What the living entries of a namespace come to; none where there is none.
fn life(context: Context<'_>, name: NamespaceName<'_>, key: BorrowedString<'_>) -> Option<Arc<Gauges>> {
    let found = FoundNamespace::look(context, key, Mode::ReadUncounted).ok()?;
    let incarnation = found.get()?.incarnation();
    runtime::with(|runtime| runtime.life_gauges(name.as_str(), incarnation))
}

impl<'c> Watched<'_, 'c> {
    /// Brings the namespace back within its budget, after something was stored: however many have to go. `before` is what
    /// it came to before that.
    pub fn after_write(&self, is_untidy: bool, before: Load) {
        if is_untidy {
            self.tidy();
        }
        if self.exceeded().next().is_none() {
            return;
        }
        // Where there is more to be done than this write has brought about, it makes room for itself, and no more.
        let is_due = super::is_due(self.database, self.name.as_str());
        let is_within = |now: Load| now.weight <= before.weight && now.stored_bytes <= before.stored_bytes;
        let outcome = self.enforce(|| is_due && is_within(self.life.load()));
        // Whatever is refused now is tried again later.
        if !matches!(outcome, Ok(End::Done)) {
            super::ask(self.database, self.name.as_str());
        }
    }

    /// The budgets that are exceeded, by what is stored and what is reserved.
    fn exceeded(&self) -> impl Iterator<Item = Measure> + use<> {
        let load = self.life.load();
        let reserved = match self.budget.max_weight {
            Some(_) => with_leases(|leases| leases.reserved(self.database, self.name.as_str())),
            None => 0,
        };
        self.budget.exceeded(&Load { weight: load.weight.saturating_add(reserved), ..load })
    }

    /// Lets entries go, until it is time to stop.
    fn enforce(&self, is_over: impl Fn() -> bool) -> Result<End, Refusal> {
        let records = self.budget.removals;
        let recorder = records.map(|records| Recorder::open(self.context, self.name, records)).transpose()?;
        let end = with_roll(self.database, self.name.as_str(), |roll| {
            while self.exceeded().next().is_some() {
                if is_over() {
                    return Ok(End::Over);
                }
                let found = FoundNamespace::look(self.context, self.key, Mode::ReadUncounted)?;
                let Some(namespace) = found.get() else { break };
                let going = self.exceeded().find_map(|measure| self.choose(roll, namespace, measure));
                let Some((member, going)) = going else { break };
                if !going.carry_out(self.context, recorder.as_ref()) {
                    roll.enter(member);
                    return Ok(End::Refused);
                }
            }
            Ok(End::Done)
        });
        end.unwrap_or(Ok(End::Done))
    }

    fn choose(
        &self,
        roll: &mut Roll,
        namespace: &Namespace,
        measure: Measure,
    ) -> Option<(Member, Going<'c>)> {
        let evict = self.budget.evict;
        let wanted = Wanted { evict, measure, candidates: CANDIDATES, now: Used::at(self.now) };
        let mut name = None;
        let member = roll.choose(&wanted, |member| {
            let address = member.origin.address(member.fingerprint);
            let met = name.insert(OwnedString::new(address.key().as_bytes()));
            self.look(namespace, &address, member, met.borrow())
        })?;
        // The one that was looked at last is the one that was chosen.
        let at = (&member.origin.address(member.fingerprint), name?);
        let going = Going::of(self.context, at, Some(namespace), Cause::Evicted, self.now)?;
        Some((member, going))
    }

    /// What a member turns out to be.
    fn look(
        &self,
        namespace: &Namespace,
        address: &Address<'_>,
        member: &Member,
        name: BorrowedString<'_>,
    ) -> Look {
        let Ok(key) = EntryKey::open(self.context, name, Mode::Sample) else { return Look::Missing };
        let Some((entry, stored)) = key.get().and_then(|entry| Some((entry, entry.stored()?))) else {
            return Look::Missing;
        };
        let is_at_home = stored.entry.mark == address.mark()
            && namespace.incarnation() == stored.origin.incarnation()
            && (std::ptr::eq(stored.origin, &*member.origin) || *stored.origin == *member.origin);
        if !is_at_home {
            return Look::Missing;
        }
        let is_over = stored.entry.freshness(self.now) == Freshness::Gone;
        if is_over || !namespace.is_alive(stored.origin, &stored.entry) {
            Look::Dead
        } else if self.spared == Some(stored.entry.version) {
            Look::Spared
        } else {
            Look::Living(entry.claim_of(&stored.entry))
        }
    }

    /// Tidies the roll as long as that is due: a survey enters all that it meets, and a namespace that is not written to
    /// has nobody else to do it. None once it is done.
    fn tidy_up(&self, is_over: impl Fn() -> bool) -> Option<End> {
        let is_untidy =
            || with_roll(self.database, self.name.as_str(), |roll| roll.is_untidy(self.life.load().entries));
        while is_untidy() == Some(true) {
            if is_over() {
                return Some(End::Over);
            }
            self.tidy();
        }
        None
    }

    /// Takes out of the roll what is there twice, or not any more.
    fn tidy(&self) {
        with_roll(self.database, self.name.as_str(), |roll| {
            if let Ok(found) = FoundNamespace::look(self.context, self.key, Mode::ReadUncounted)
                && let Some(namespace) = found.get()
            {
                roll.tidy(|member| {
                    let address = member.origin.address(member.fingerprint);
                    let name = OwnedString::new(address.key().as_bytes());
                    self.look(namespace, &address, member, name.borrow())
                });
            }
        });
    }
}
