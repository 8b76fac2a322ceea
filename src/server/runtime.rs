//! The state of this process: what lives beside the keyspace and is never stored with it.

use std::cell::{Cell, Ref, RefCell};
use std::collections::HashMap;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use super::api::context::random_u64;
use super::near::Whereabouts;
use super::plans::ResolvedPlan;
use super::roster::Roster;
use super::{budget, counting, waiting};
use crate::core::compression::Press;
use crate::core::compression::training::Sampler;
use crate::core::epochs::Scope;
use crate::core::fingerprint::{Fingerprint, Fingerprinter};
use crate::core::limits::Limits;
use crate::core::memo::{Memo, Secret, Spelled};
use crate::core::name::{NamespaceName, OperationName};
use crate::core::namespace::Era;
use crate::core::origin::table::Origins;
use crate::core::origin::{Incarnation, Origin};
use crate::core::plan::memo::PlanMemo;
use crate::core::policy::Policy;
use crate::core::policy::rules::Rules;
use crate::core::refusal::Refusal;
use crate::core::state::Address;
use crate::core::stats::gauges::{Gauges, Load};
use crate::core::stats::table::Subject;
use crate::core::stats::{Counter, Row};
use crate::protocol::entry_arguments::EntryArguments;

/// All of it. The server calls the module from its main thread only (freeing values excepted, which touches
/// nothing here), so cells do.
#[derive(Default)]
pub struct Runtime {
    fingerprinter: RefCell<Fingerprinter>,
    /// None where it is switched off.
    memo: RefCell<Option<Memo<Resolved>>>,
    /// None where that is.
    plans: RefCell<Option<PlanMemo<Rc<ResolvedPlan>>>>,
    origins: RefCell<Origins>,
    era: Cell<Era>,
    rules: RefCell<Rules>,
    policies: RefCell<Policies>,
    pub limits: Cell<Limits>,
    /// `cache.enabled no`: every policy bypasses.
    pub disabled: Cell<bool>,
    /// `cache.sweep no`: what is dead stays in memory.
    pub sweep_disabled: Cell<bool>,
    pub apply_from_clients: Cell<bool>,
    /// Whether core evicts any key by how it is used: `allkeys-lru`, `allkeys-lfu`.
    pub eviction_by_use: Cell<bool>,
    /// Whether core evicts any key at random.
    pub eviction_at_random: Cell<bool>,
    pub roster: RefCell<Roster>,
    pub press: RefCell<Press>,
    /// Of what is stored here, to make dictionaries from.
    pub sampler: RefCell<Sampler>,
}

/// What namespace, operation and params lead to, under the rules in force.
#[derive(Clone)]
pub struct Resolved {
    pub fingerprint: Fingerprint,
    pub policy: Rc<Account>,
}

/// What holds for an operation of a namespace, and where it is counted.
pub struct Account {
    policy: Rc<Policy>,
    pub row: Rc<Row>,
    /// The namespace's, in the database that was looked into last.
    whereabouts: Cell<Option<(i32, Whereabouts)>>,
}

impl Account {
    /// Where the namespace is, which is that of this account.
    #[inline]
    pub fn whereabouts(&self, database: i32, namespace: &[u8]) -> Whereabouts {
        match self.whereabouts.get() {
            Some((known, whereabouts)) if known == database => whereabouts,
            _ => {
                let whereabouts = Whereabouts::of(database, namespace);
                self.whereabouts.set(Some((database, whereabouts)));
                whereabouts
            }
        }
    }
}

impl Deref for Account {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.policy
    }
}

thread_local! {
    static RUNTIME: Runtime = Runtime::default();
}

/// Runs `body` with the state of this process.
pub fn with<T>(body: impl FnOnce(&Runtime) -> T) -> T {
    RUNTIME.with(body)
}

impl Runtime {
    /// What a client's arguments lead to; a refusal is worked out anew each time.
    pub fn resolve(&self, entry: &EntryArguments<'_>) -> Result<Resolved, Refusal> {
        let spelled = self.memo.borrow_mut().as_mut().zip(entry.json()).map(|(memo, json)| {
            let [namespace, operation] = entry.names();
            memo.spelling([namespace, operation, json])
        });
        self.resolve_spelled(entry, spelled.unwrap_or(Spelled::Unasked))
    }

    /// The same where it is known already how it is spelled.
    pub fn resolve_spelled(&self, entry: &EntryArguments<'_>, spelled: Spelled) -> Result<Resolved, Refusal> {
        let mut memo = self.memo.borrow_mut();
        let (Some(memo), Some(json)) = (memo.as_mut(), entry.json()) else { return self.work_out(entry) };
        let (spelling, known) = match spelled {
            Spelled::Unasked => return self.work_out(entry),
            Spelled::As(spelling) => (spelling, memo.find(spelling)),
            Spelled::New(spelling) => (spelling, None),
        };
        if let Some(resolved) = known {
            resolved.policy.row.count(Counter::MemoHits);
            return Ok(resolved.clone());
        }
        let resolved = self.work_out(entry)?;
        memo.remember(spelling, json, || resolved.clone());
        Ok(resolved)
    }

    /// What words that nobody has read yet led to, where that is remembered. It is for their reader to count; and to compare
    /// the names, for which these may be taken that none could have.
    ///
    /// `body` may reply, but not call the server for anything else.
    #[inline]
    pub fn recall<T>(&self, words: [&[u8]; 3], body: impl FnOnce(&Resolved) -> T) -> Result<T, Spelled> {
        let mut memo = self.memo.borrow_mut();
        let Some(memo) = memo.as_mut() else { return Err(Spelled::Unasked) };
        let spelled = memo.spelling(words);
        let Spelled::As(spelling) = spelled else { return Err(spelled) };
        memo.find(spelling).map(body).ok_or(Spelled::New(spelling))
    }

    /// The same for arguments that are hardly met again: none of it is remembered.
    pub fn work_out(&self, entry: &EntryArguments<'_>) -> Result<Resolved, Refusal> {
        let policy = self.policy(entry.namespace, entry.operation);
        let fingerprint = entry.fingerprint(&mut self.fingerprinter.borrow_mut(), &policy)?;
        Ok(Resolved { fingerprint, policy })
    }

    /// Whether spellings are remembered (`cache.memo`).
    pub fn has_memo(&self) -> bool {
        self.memo.borrow().is_some()
    }

    /// Begins to remember spellings and plans, with secrets of their own, or forgets them all.
    pub fn set_memo(&self, on: bool) {
        let secret = || Secret(std::array::from_fn(|_| random_u64()));
        *self.memo.borrow_mut() = on.then(|| Memo::new(secret()));
        *self.plans.borrow_mut() = on.then(|| PlanMemo::new(secret()));
    }

    /// Runs `body` with the memo of plans, where there is one.
    pub fn with_plans<T>(&self, body: impl FnOnce(&mut PlanMemo<Rc<ResolvedPlan>>) -> T) -> Option<T> {
        self.plans.borrow_mut().as_mut().map(body)
    }

    /// Canonical params for what a policy draws from them; none where the client named the entry by `fp:`.
    pub fn canonical_params(&self, entry: &EntryArguments<'_>) -> Result<Option<Vec<u8>>, Refusal> {
        entry.canonical(&mut self.fingerprinter.borrow_mut())
    }

    /// The origin of an entry that is about to be written.
    pub fn origin(&self, address: &Address<'_>, incarnation: Incarnation) -> Arc<Origin> {
        let Address { namespace, operation, .. } = *address;
        let last = self.origins.borrow().last(namespace, incarnation, operation);
        last.unwrap_or_else(|| Arc::new(Origin::new(namespace, incarnation, operation)))
    }

    /// The shared handle of the origin of an entry that is about to be written.
    pub fn share_origin(&self, address: &Address<'_>, incarnation: Incarnation) -> Arc<Origin> {
        let Address { namespace, operation, .. } = *address;
        let last = self.origins.borrow().last(namespace, incarnation, operation);
        last.unwrap_or_else(|| self.share(&Origin::new(namespace, incarnation, operation)))
    }

    /// The shared handle of an origin.
    pub fn share(&self, origin: &Origin) -> Arc<Origin> {
        self.origins.borrow_mut().share(origin)
    }

    /// So much of a namespace was invalidated at once: what is stored of it does not count any more.
    pub fn invalidate_origins(&self, namespace: &str, incarnation: Incarnation, scope: &Scope<'_>) {
        self.origins.borrow_mut().invalidate(namespace, incarnation, scope);
    }

    /// What the entries come to of all, of a namespace, of an operation.
    pub fn load_of(&self, subject: Subject<'_>) -> Load {
        let origins = self.origins.borrow();
        match subject {
            Subject::All => origins.load(),
            Subject::Namespace(namespace) => origins.load_of(namespace, None),
            Subject::Operation(namespace, operation) => origins.load_of(namespace, Some(operation)),
        }
    }

    /// What the living entries of one life of a namespace come to; none where there is none.
    pub fn life_gauges(&self, namespace: &str, incarnation: Incarnation) -> Option<Arc<Gauges>> {
        self.origins.borrow().life_gauges(namespace, incarnation)
    }

    /// Lets a part of the origins go that nobody uses any more.
    pub fn sweep_origins(&self) {
        self.origins.borrow_mut().sweep(ORIGINS_A_TICK);
    }

    /// Counts promotions and demotions.
    pub fn era(&self) -> Era {
        self.era.get()
    }

    /// The role of this server changed.
    pub fn begin_era(&self) {
        self.era.set(Era(self.era.get().0.wrapping_add(1)));
    }

    /// The rules in force.
    pub fn rules(&self) -> Ref<'_, Rules> {
        self.rules.borrow()
    }

    /// The same at the address of an entry.
    pub fn policy_at(&self, address: &Address<'_>) -> Rc<Account> {
        self.policy(address.namespace, address.operation)
    }

    /// Changes the rules; every policy is then resolved anew, and so are every spelling and every plan.
    pub fn change_rules<T>(&self, change: impl FnOnce(&mut Rules) -> T) -> T {
        self.forget_rows();
        let before = self.rules.borrow().budget_revision();
        let changed = change(&mut self.rules.borrow_mut());
        waiting::reconsider();
        if self.rules.borrow().budget_revision() != before {
            budget::reconsider();
        }
        changed
    }

    /// What holds for an operation in a namespace. Resolved once, and again when rules change, so that a lookup
    /// costs the same however many rules there are.
    pub fn policy(&self, namespace: NamespaceName<'_>, operation: OperationName<'_>) -> Rc<Account> {
        self.policies.borrow_mut().of(namespace, operation, &self.rules.borrow())
    }

    /// Statistics begin anew: whatever remembers a row must find it again.
    pub fn forget_rows(&self) {
        *self.policies.borrow_mut() = Policies::default();
        if let Some(memo) = self.memo.borrow_mut().as_mut() {
            memo.clear();
        }
        self.with_plans(PlanMemo::clear);
    }
}

/// How many origins a tick of the timer looks at: a fraction of a millisecond.
const ORIGINS_A_TICK: usize = 2000;

/// How many resolved policies a generation holds; two are kept.
const MAX_RESOLVED: usize = 10_000;

/// Resolved policies by namespace and operation.
///
/// They come in two generations, so that names which are asked for once push out nothing that is in use: when the
/// present one is full it becomes the past one, from which what is asked for again is taken over.
#[derive(Default)]
struct Policies {
    /// What holds without any rule.
    default: Rc<Policy>,
    /// The one that was asked for last.
    last: Option<(Box<str>, Box<str>, Rc<Account>)>,
    present: Generation,
    past: Generation,
}

#[derive(Default)]
struct Generation {
    resolved: HashMap<Box<str>, HashMap<Box<str>, Rc<Account>>>,
    count: usize,
}

impl Generation {
    fn get(&self, namespace: &str, operation: &str) -> Option<&Rc<Account>> {
        self.resolved.get(namespace)?.get(operation)
    }
}

impl Policies {
    fn of(
        &mut self,
        namespace: NamespaceName<'_>,
        operation: OperationName<'_>,
        rules: &Rules,
    ) -> Rc<Account> {
        let names = (namespace.as_str(), operation.as_str());
        if let Some((namespace, operation, account)) = &self.last
            && (&**namespace, &**operation) == names
        {
            return Rc::clone(account);
        }
        let account = match self.present.get(names.0, names.1) {
            Some(account) => Rc::clone(account),
            None => self.resolve(namespace, operation, rules),
        };
        self.last = Some((names.0.into(), names.1.into(), Rc::clone(&account)));
        account
    }

    fn resolve(
        &mut self,
        namespace: NamespaceName<'_>,
        operation: OperationName<'_>,
        rules: &Rules,
    ) -> Rc<Account> {
        let (of, name) = (namespace.as_str(), operation.as_str());
        let account = self.past.get(of, name).map(Rc::clone).unwrap_or_else(|| {
            let policy =
                if rules.is_empty() { Rc::clone(&self.default) } else { Rc::new(rules.resolve(of, name)) };
            let row = counting::row(of, name);
            row.set_target(policy.target_percent);
            Rc::new(Account { policy, row, whereabouts: Cell::new(None) })
        });
        // To find it again would save nothing, and there are many such names.
        if rules.is_empty() && !counting::is_told_apart(of, name) {
            return account;
        }
        if self.present.count >= MAX_RESOLVED {
            self.past = std::mem::take(&mut self.present);
        }
        let operations = self.present.resolved.entry(of.into()).or_default();
        operations.insert(name.into(), Rc::clone(&account));
        self.present.count = self.present.count.saturating_add(1);
        account
    }
}
