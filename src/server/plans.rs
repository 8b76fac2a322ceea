//! Plans, and what their jobs lead to under the rules in force.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashSet;
use std::rc::Rc;

use super::api::string::OwnedString;
use super::runtime::{Account, Runtime};
use crate::core::fingerprint::Fingerprint;
use crate::core::limits::Limits;
use crate::core::name::{NamespaceName, OperationName};
use crate::core::plan::{Job, Plan, of_job};
use crate::core::policy::Policy;
use crate::core::refusal::{Code, Refusal};
use crate::core::state::Address;
use crate::protocol::entry_arguments::EntryArguments;

/// A plan of which everything is worked out that does not depend on what is stored.
pub struct ResolvedPlan {
    plan: Plan,
    /// What holds for each of its operations.
    policies: Vec<Rc<Account>>,
    /// Of each job, the entry.
    entries: Vec<(Fingerprint, OwnedString)>,
    /// Those in force when it was read: under others it may be refused.
    limits: Limits,
    firsts: OnceCell<Vec<usize>>,
}

/// A plan with all that it is made of.
pub struct Planned<'p> {
    resolved: &'p ResolvedPlan,
    namespace: NamespaceName<'p>,
    operations: Vec<OperationName<'p>>,
    text: &'p [u8],
}

/// One job of it.
pub struct PlannedJob<'p> {
    /// As the plan spells it.
    pub entry: EntryArguments<'p>,
    pub address: Address<'p>,
    pub policy: &'p Rc<Account>,
    /// The key of the entry.
    pub key: &'p OwnedString,
}

impl Runtime {
    /// What a plan leads to; a refusal is worked out anew each time.
    pub fn resolve_plan(
        &self,
        namespace: NamespaceName<'_>,
        text: &[u8],
    ) -> Result<Rc<ResolvedPlan>, Refusal> {
        let limits = self.limits.get();
        let spelling = self.with_plans(|plans| plans.spelling(namespace, text)).flatten();
        let known =
            spelling.and_then(|spelling| self.with_plans(|plans| plans.find(spelling).map(Rc::clone)));
        if let Some(plan) = known.flatten().filter(|plan| plan.limits == limits) {
            return Ok(plan);
        }
        let plan = Rc::new(self.work_out_plan(namespace, text, limits)?);
        if let Some(spelling) = spelling {
            self.with_plans(|plans| plans.remember(spelling, plan.bytes(), Rc::clone(&plan)));
        }
        Ok(plan)
    }

    fn work_out_plan(
        &self,
        namespace: NamespaceName<'_>,
        text: &[u8],
        limits: Limits,
    ) -> Result<ResolvedPlan, Refusal> {
        let plan = Plan::parse(text, &limits)?;
        let operations = operations(&plan)?;
        let policies = operations.iter().map(|operation| self.policy(namespace, *operation)).collect();
        let mut entries = Vec::with_capacity(plan.jobs.len());
        for (index, job) in plan.jobs.iter().enumerate() {
            let Some(operation) = operations.get(job.operation as usize) else { continue };
            let entry = EntryArguments::of_json(namespace, *operation, job.params.of(text));
            let resolved = self.resolve(&entry).map_err(|refusal| told_of_job(index, refusal))?;
            let key = OwnedString::new(entry.address(resolved.fingerprint).key().as_bytes());
            entries.push((resolved.fingerprint, key));
        }
        Ok(ResolvedPlan { plan, policies, entries, limits, firsts: OnceCell::new() })
    }
}

impl ResolvedPlan {
    /// With what it was made of.
    pub fn of<'p>(&'p self, namespace: NamespaceName<'p>, text: &'p [u8]) -> Result<Planned<'p>, Refusal> {
        Ok(Planned { resolved: self, namespace, operations: operations(&self.plan)?, text })
    }

    /// The jobs that are the first of their entry.
    fn firsts(&self) -> &[usize] {
        self.firsts.get_or_init(|| {
            let mut seen = HashSet::with_capacity(self.entries.len());
            let jobs = self.plan.jobs.iter().zip(&self.entries).enumerate();
            let is_first = |(index, (job, (fingerprint, _))): (usize, (&Job, &(Fingerprint, _)))| {
                seen.insert((job.operation, *fingerprint)).then_some(index)
            };
            jobs.filter_map(is_first).collect()
        })
    }

    /// Bytes of memory, roughly.
    fn bytes(&self) -> usize {
        /// What a string of the server's takes beyond its bytes.
        const AROUND: usize = 32;
        // Rules make a policy for each operation, which may be kept for this plan alone.
        const ACCOUNT: usize = size_of::<Account>() + size_of::<Policy>() + size_of::<[usize; 5]>();
        const ENTRY: usize = size_of::<(Fingerprint, OwnedString)>() + size_of::<usize>() + AROUND;
        let keys = self.entries.iter().map(|(_, key)| key.borrow().bytes().len().saturating_add(ENTRY));
        let accounts = self.policies.len().saturating_mul(ACCOUNT);
        self.plan.heap_bytes().saturating_add(keys.sum()).saturating_add(accounts)
    }
}

impl<'p> Planned<'p> {
    pub fn len(&self) -> usize {
        self.resolved.entries.len()
    }

    /// All jobs, in order.
    pub fn jobs(&self) -> impl Iterator<Item = PlannedJob<'p>> {
        (0..self.len()).filter_map(|index| self.job(index))
    }

    /// The indexes of all jobs, or with an id of that one and all that depend on it: those that are the first of their
    /// entry.
    ///
    /// # Errors
    ///
    /// `BADPLAN` where no job has that id.
    pub fn distinct(&self, from: Option<&[u8]>) -> Result<Cow<'p, [usize]>, Refusal> {
        let Some(id) = from else { return Ok(Cow::Borrowed(self.resolved.firsts())) };
        let mut seen = HashSet::new();
        let mut jobs = self.resolved.plan.from(self.text, id)?;
        jobs.retain(|&index| self.job(index).is_some_and(|job| seen.insert(job.address)));
        Ok(Cow::Owned(jobs))
    }

    /// The jobs of these indexes, with them.
    pub fn pick(&self, indexes: &[usize]) -> impl Iterator<Item = (usize, PlannedJob<'p>)> {
        indexes.iter().filter_map(|&index| Some((index, self.job(index)?)))
    }

    fn job(&self, index: usize) -> Option<PlannedJob<'p>> {
        let job = self.resolved.plan.jobs.get(index)?;
        let (fingerprint, key) = self.resolved.entries.get(index)?;
        let policy = self.resolved.policies.get(job.operation as usize)?;
        let operation = *self.operations.get(job.operation as usize)?;
        let entry = EntryArguments::of_json(self.namespace, operation, job.params.of(self.text));
        Some(PlannedJob { address: entry.address(*fingerprint), entry, policy, key })
    }
}

fn operations(plan: &Plan) -> Result<Vec<OperationName<'_>>, Refusal> {
    plan.operations.iter().map(|name| OperationName::parse(name.as_bytes())).collect()
}

/// What is wrong with a job; what has nothing to do with the plan stays what it is.
pub fn told_of_job(index: usize, refusal: Refusal) -> Refusal {
    match refusal.code {
        Code::BadParams | Code::BadName => of_job(index, &refusal),
        _ => refusal,
    }
}
