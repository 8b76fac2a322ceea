//! Who goes where a budget is exceeded.

use super::super::api::context::Context;
use super::super::api::key::Mode;
use super::super::api::log;
use super::super::api::string::OwnedString;
use super::super::keyspace::{EntryKey, FoundNamespace};
use super::super::runtime;
use super::super::waiting::with_leases;
use super::going::Going;
use super::{BUDGETS, POSTPONED_MS, REST_MS, Recorder, of, with_roll};
use crate::core::budget::claim::Used;
use crate::core::budget::removal::Cause;
use crate::core::budget::roll::{CANDIDATES, Look, Member, Roll, Wanted};
use crate::core::budget::{Budget, Measure};
use crate::core::entry::{Freshness, Mark};
use crate::core::instant::Instant;
use crate::core::name::{NamespaceName, OperationName};
use crate::core::namespace::Namespace;
use crate::core::refusal::Refusal;
use crate::core::state::Address;
use crate::core::stats::gauges::Load;

/// A namespace whose budget is looked after.
struct Watched<'a, 'c> {
    context: Context<'c>,
    database: i32,
    name: NamespaceName<'a>,
    budget: &'a Budget,
    now: Instant,
    /// The version of the entry that was only just stored, and does not go for it.
    spared: Option<u64>,
}

/// Why evicting came to its end.
#[derive(PartialEq, Eq)]
enum End {
    /// The namespace is within its budget, or nobody is left who could go.
    Done,
    /// It was time to stop.
    Over,
}

/// Brings a namespace back within its budget, after an entry was stored: however many have to go.
pub fn after_write(context: Context<'_>, name: NamespaceName<'_>, budget: &Budget, last: &Member) {
    let (database, load) = (context.database(), last.origin.load_of_life());
    let spared = Some(last.claim.version);
    let watched = Watched { context, database, name, budget, now: context.now(), spared };
    let is_untidy = BUDGETS.with(|budgets| {
        let rolls = budgets.rolls.borrow();
        let roll = rolls.get(&database).and_then(|rolls| rolls.get(name.as_str()));
        roll.is_some_and(|roll| roll.is_untidy(load.entries))
    });
    if is_untidy {
        watched.tidy();
    }
    // Whatever is refused now is tried again later.
    if watched.exceeded(&load).is_some() && watched.enforce(|| false).is_err() {
        super::ask(database, name.as_str());
    }
}

/// Looks at namespaces that may be over their budget; when to go on, none where nothing is left.
pub fn slice(context: Context<'_>, is_over: impl Fn() -> bool + Copy) -> Option<u64> {
    while let Some((database, name)) = BUDGETS.with(|budgets| budgets.due.borrow_mut().pop_first()) {
        let (Some(budget), Ok(namespace)) = (of(&name), NamespaceName::parse(name.as_bytes())) else {
            continue;
        };
        if !context.select(database) {
            continue;
        }
        let now = context.now();
        let watched = Watched { context, database, name: namespace, budget: &budget, now, spared: None };
        let rest_ms = match watched.enforce(is_over) {
            Ok(End::Done) => continue,
            Ok(End::Over) => REST_MS,
            Err(refusal) => {
                log::warning(&format!("namespace '{name}' stays over its budget: {refusal}"));
                POSTPONED_MS
            }
        };
        BUDGETS.with(|budgets| budgets.due.borrow_mut().insert((database, name)));
        return Some(rest_ms);
    }
    None
}

impl Watched<'_, '_> {
    /// The budget that is exceeded, by what is stored and what is reserved.
    fn exceeded(&self, load: &Load) -> Option<Measure> {
        let reserved = match self.budget.max_weight {
            Some(_) => with_leases(|leases| leases.reserved(self.database, self.name.as_str())),
            None => 0,
        };
        self.budget.exceeded(&Load { weight: load.weight.saturating_add(reserved), ..*load })
    }

    /// Lets entries go, until it is time to stop.
    fn enforce(&self, is_over: impl Fn() -> bool) -> Result<End, Refusal> {
        let records = self.budget.removals;
        let recorder = records.map(|records| Recorder::open(self.context, self.name, records)).transpose()?;
        let key = OwnedString::new(self.name.as_str().as_bytes());
        let end = with_roll(self.database, self.name.as_str(), |roll| {
            loop {
                let found = FoundNamespace::look(self.context, key.borrow(), Mode::ReadUncounted)?;
                let Some(namespace) = found.get() else { return Ok(End::Done) };
                let life = (self.name.as_str(), namespace.incarnation());
                let load = runtime::with(|runtime| runtime.load_of_life(life.0, life.1));
                let Some(measure) = self.exceeded(&load) else { return Ok(End::Done) };
                if is_over() {
                    return Ok(End::Over);
                }
                let Some(going) = self.choose(roll, namespace, measure) else { return Ok(End::Done) };
                if !going.carry_out(self.context, recorder.as_ref()) {
                    return Ok(End::Done);
                }
            }
        });
        end.unwrap_or(Ok(End::Done))
    }

    fn choose(&self, roll: &mut Roll, namespace: &Namespace, measure: Measure) -> Option<Going> {
        let evict = self.budget.evict;
        let wanted = Wanted { evict, measure, candidates: CANDIDATES, now: Used::at(self.now) };
        let member = roll.choose(&wanted, |member| self.look(namespace, member))?;
        let address = self.address(&member)?;
        Going::of(self.context, &address, Some(namespace), Cause::Evicted, self.now)
    }

    fn address<'m>(&self, member: &'m Member) -> Option<Address<'m>>
    where
        Self: 'm,
    {
        let operation = OperationName::parse(member.origin.operation().as_bytes()).ok()?;
        let namespace = NamespaceName::parse(member.origin.namespace().as_bytes()).ok()?;
        Some(Address { namespace, operation, fingerprint: member.fingerprint })
    }

    /// What a member turns out to be.
    fn look(&self, namespace: &Namespace, member: &Member) -> Look {
        let Some(address) = self.address(member) else { return Look::Missing };
        let name = OwnedString::new(address.key().as_bytes());
        let Ok(key) = EntryKey::open(self.context, name.borrow(), Mode::Sample) else { return Look::Missing };
        let Some(entry) = key.get() else { return Look::Missing };
        let (Some(stored), Some(claim)) = (entry.stored(), entry.claim()) else { return Look::Missing };
        let is_at_home = stored.origin == &*member.origin
            && stored.entry.mark == Mark::from(&member.fingerprint)
            && namespace.incarnation() == stored.origin.incarnation();
        if !is_at_home {
            return Look::Missing;
        }
        let is_over = stored.entry.freshness(self.now) == Freshness::Gone;
        if is_over || !namespace.is_alive(stored.origin, &stored.entry) {
            Look::Dead
        } else if self.spared == Some(claim.version) {
            Look::Spared
        } else {
            Look::Living(claim)
        }
    }

    /// Takes out of the roll what is there twice, or not any more.
    fn tidy(&self) {
        let key = OwnedString::new(self.name.as_str().as_bytes());
        with_roll(self.database, self.name.as_str(), |roll| {
            if let Ok(found) = FoundNamespace::look(self.context, key.borrow(), Mode::ReadUncounted)
                && let Some(namespace) = found.get()
            {
                roll.tidy(|member| self.look(namespace, member));
            }
        });
    }
}
