//! Budgets: how much a namespace may store, who goes first over that, and who is told of what went.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`claim`] | what of an entry decides whether it goes |
//! | [`roll`] | the entries of a namespace, to be sampled |
//! | [`removal`] | what is recorded of an entry that goes |
//! | [`deadlines`] | when entries end that the server does not let vanish by itself |

pub mod claim;
pub mod deadlines;
mod random;
pub mod removal;
pub mod roll;

use super::name::NamespaceName;
use super::refusal::{Code, Refusal};
use super::stats::gauges::Load;

/// Who goes first over budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Evict {
    /// What was not asked for the longest.
    #[default]
    Lru,
    /// What was stored first.
    Fifo,
    /// What takes most of the budget that is exceeded.
    Largest,
}

/// What the rules say of a namespace as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// Of memory for entries, in bytes, as in [`Load::stored_bytes`].
    pub max_bytes: Option<u64>,
    /// Of what entries stand for elsewhere, in bytes.
    pub max_weight: Option<u64>,
    pub evict: Evict,
    /// How many removals of entries with a weight are kept on record, where any is.
    pub removals: Option<u64>,
}

/// One of the two budgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Bytes,
    Weight,
}

impl Budget {
    /// Whether nothing is bounded, and nothing recorded.
    pub fn is_none(&self) -> bool {
        !self.is_limited() && self.removals.is_none()
    }

    /// Whether anything is bounded.
    pub fn is_limited(&self) -> bool {
        self.max_bytes.is_some() || self.max_weight.is_some()
    }

    /// The budgets that are exceeded. What is reserved may use up the one though nobody is left who could go for it: the
    /// other one is kept all the same.
    pub fn exceeded(&self, load: &Load) -> impl Iterator<Item = Measure> + use<> {
        let is_over = |max: Option<u64>, amount: u64| max.is_some_and(|max| amount > max);
        let weight = is_over(self.max_weight, load.weight).then_some(Measure::Weight);
        let bytes = is_over(self.max_bytes, load.stored_bytes).then_some(Measure::Bytes);
        weight.into_iter().chain(bytes)
    }

    /// Whether one entry alone may be stored, or so much reserved.
    ///
    /// # Errors
    ///
    /// `TOOBIG` where it is more than the whole budget.
    pub fn check(&self, namespace: NamespaceName<'_>, stored_bytes: u64, weight: u64) -> Result<(), Refusal> {
        let of = [
            ("a WEIGHT of", weight, "MAXWEIGHT", self.max_weight),
            ("an entry that takes", stored_bytes, "MAXBYTES", self.max_bytes),
        ];
        for (what, amount, field, max) in of {
            if let Some(max) = max.filter(|max| amount > *max) {
                let namespace = namespace.as_str();
                return Err(Refusal::new(
                    Code::TooBig,
                    format!(
                        "{what} {amount} bytes is more than the whole budget of namespace '{namespace}': at most \
                         {max} bytes are accepted ({field})"
                    ),
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weight_is_looked_at_first_and_a_budget_may_be_used_up() {
        let budget = Budget { max_bytes: Some(10), max_weight: Some(5), ..Budget::default() };
        let exceeded = |stored_bytes, weight| -> Vec<Measure> {
            budget.exceeded(&Load { stored_bytes, weight, ..Load::default() }).collect()
        };
        let expected: [Vec<Measure>; 4] =
            [vec![], vec![Measure::Bytes], vec![Measure::Weight], vec![Measure::Weight, Measure::Bytes]];
        assert_eq!([exceeded(10, 5), exceeded(11, 5), exceeded(10, 6), exceeded(11, 6)], expected);
        assert!(Budget::default().is_none());
        assert!(!Budget { removals: Some(1), ..Budget::default() }.is_none());
    }

    #[test]
    fn what_is_more_than_the_whole_budget_is_refused() {
        let budget = Budget { max_bytes: Some(10), max_weight: Some(5), ..Budget::default() };
        let name = NamespaceName::parse(b"n").expect("a namespace");
        assert!(budget.check(name, 10, 5).is_ok());
        for (bytes, weight, field) in [(11, 5, "MAXBYTES"), (10, 6, "MAXWEIGHT")] {
            let refusal = budget.check(name, bytes, weight).expect_err("too much");
            assert_eq!(refusal.code, Code::TooBig);
            assert!(refusal.message.contains(field) && refusal.message.contains("'n'"), "{refusal}");
        }
    }
}
