//! The state of this process: what lives beside the keyspace and is never stored with it.

use std::cell::{Cell, Ref, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::roster::Roster;
use crate::core::fingerprint::Fingerprinter;
use crate::core::limits::Limits;
use crate::core::name::{NamespaceName, OperationName};
use crate::core::namespace::Era;
use crate::core::origin::{Origin, Origins};
use crate::core::policy::Policy;
use crate::core::policy::rules::Rules;
use crate::core::refusal::Refusal;
use crate::core::state::Address;
use crate::protocol::entry_arguments::EntryArguments;

/// All of it. The server calls the module from its main thread only (freeing values excepted, which touches
/// nothing here), so cells do.
#[derive(Default)]
pub struct Runtime {
    fingerprinter: RefCell<Fingerprinter>,
    origins: RefCell<Origins>,
    era: Cell<Era>,
    rules: RefCell<Rules>,
    policies: RefCell<Policies>,
    pub limits: Cell<Limits>,
    /// `cache.enabled no`: every policy bypasses.
    pub disabled: Cell<bool>,
    pub apply_from_clients: Cell<bool>,
    /// Whether core evicts any key by how it is used: `allkeys-lru`, `allkeys-lfu`.
    pub eviction_by_use: Cell<bool>,
    /// Whether core evicts any key at random.
    pub eviction_at_random: Cell<bool>,
    pub roster: RefCell<Roster>,
}

thread_local! {
    static RUNTIME: Runtime = Runtime::default();
}

/// Runs `body` with the state of this process.
pub fn with<T>(body: impl FnOnce(&Runtime) -> T) -> T {
    RUNTIME.with(body)
}

impl Runtime {
    /// The address that a client's arguments name, under a policy.
    pub fn resolve<'a>(&self, entry: &EntryArguments<'a>, policy: &Policy) -> Result<Address<'a>, Refusal> {
        entry.resolve(&mut self.fingerprinter.borrow_mut(), policy)
    }

    /// Canonical params for what a policy draws from them; none where the client named the entry by `fp:`.
    pub fn canonical_params(&self, entry: &EntryArguments<'_>) -> Result<Option<Vec<u8>>, Refusal> {
        entry.canonical(&mut self.fingerprinter.borrow_mut())
    }

    /// The shared handle of an origin.
    pub fn share(&self, origin: Origin) -> Arc<Origin> {
        self.origins.borrow_mut().share(origin)
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

    /// Changes the rules; every policy is then resolved anew.
    pub fn change_rules<T>(&self, change: impl FnOnce(&mut Rules) -> T) -> T {
        *self.policies.borrow_mut() = Policies::default();
        change(&mut self.rules.borrow_mut())
    }

    /// What holds for an operation in a namespace. Resolved once, and again when rules change, so that a lookup
    /// costs the same however many rules there are.
    pub fn policy(&self, namespace: NamespaceName<'_>, operation: OperationName<'_>) -> Rc<Policy> {
        let rules = self.rules.borrow();
        let mut policies = self.policies.borrow_mut();
        if rules.is_empty() {
            return Rc::clone(&policies.default);
        }
        policies.of(namespace.as_str(), operation.as_str(), &rules)
    }
}

/// How many resolved policies are kept; beyond, all are resolved anew.
const MAX_RESOLVED: usize = 10_000;

/// Resolved policies by namespace and operation.
#[derive(Default)]
struct Policies {
    default: Rc<Policy>,
    resolved: HashMap<Box<str>, HashMap<Box<str>, Rc<Policy>>>,
    count: usize,
}

impl Policies {
    fn of(&mut self, namespace: &str, operation: &str, rules: &Rules) -> Rc<Policy> {
        if let Some(policy) = self.resolved.get(namespace).and_then(|operations| operations.get(operation)) {
            return Rc::clone(policy);
        }
        if self.count >= MAX_RESOLVED {
            self.resolved.clear();
            self.count = 0;
        }
        let policy = Rc::new(rules.resolve(namespace, operation));
        self.resolved.entry(namespace.into()).or_default().insert(operation.into(), Rc::clone(&policy));
        self.count = self.count.saturating_add(1);
        policy
    }
}
