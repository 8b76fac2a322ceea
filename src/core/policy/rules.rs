//! All rules, and which of them says what of a name.

use std::collections::BTreeMap;

use super::Policy;
use super::field::Field;
use super::glob::Pattern;
use super::stored;
use super::value::Value;
use crate::core::refusal::{Code, Refusal};

/// The most rules there may be.
pub const MAX_RULES: usize = 10_000;

/// What holds for the entries whose names match two patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub namespace: Pattern,
    pub operation: Pattern,
    /// At least one.
    fields: BTreeMap<Field, Value>,
}

impl Rule {
    /// What it says, in the order of the fields.
    pub fn fields(&self) -> impl Iterator<Item = (Field, &Value)> {
        self.fields.iter().map(|(field, value)| (*field, value))
    }

    /// How specific it is: the more of a name both patterns say, the more it counts.
    fn literal_bytes(&self) -> usize {
        self.namespace.literal_bytes().saturating_add(self.operation.literal_bytes())
    }

    fn is_for(&self, namespace: &[u8], operation: &[u8]) -> bool {
        self.namespace.as_str().as_bytes() == namespace && self.operation.as_str().as_bytes() == operation
    }

    fn matches(&self, namespace: &str, operation: &str) -> bool {
        self.operation.matches(operation.as_bytes()) && self.namespace.matches(namespace.as_bytes())
    }
}

/// The rules, in the order in which they were made. No two have the same patterns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules(Vec<Rule>);

/// Of one field: its value, and where that is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained<'r> {
    pub field: Field,
    /// None where there is no default.
    pub value: Option<String>,
    /// None where no rule says it.
    pub rule: Option<&'r Rule>,
}

impl Rules {
    /// Says something of the names that match; what the rule of these patterns says otherwise it keeps.
    ///
    /// # Errors
    ///
    /// `BADPOLICY`, and nothing changes: for a field given twice, a budget in a rule that is not for operation
    /// `*`, or a rule too many.
    pub fn set(
        &mut self,
        namespace: Pattern,
        operation: Pattern,
        values: Vec<(Field, Value)>,
    ) -> Result<(), Refusal> {
        let fields = check(&operation, values)?;
        let rules = self.0.len();
        match self.get_mut(namespace.as_str().as_bytes(), operation.as_str().as_bytes()) {
            Some(rule) => rule.fields.extend(fields),
            None if rules < MAX_RULES => self.0.push(Rule { namespace, operation, fields }),
            None => {
                return Err(refused(format!(
                    "a rule for '{namespace}' '{operation}' would be one too many: at most {MAX_RULES} rules are accepted"
                )));
            }
        }
        Ok(())
    }

    /// Takes back what the rule of these patterns says of `fields`, or all of it where none is named. A rule that
    /// says nothing any more is gone. Whether anything changed.
    pub fn delete(&mut self, namespace: &[u8], operation: &[u8], fields: &[Field]) -> bool {
        let Some(rule) = self.get_mut(namespace, operation) else { return false };
        let before = rule.fields.len();
        rule.fields.retain(|field, _| !fields.is_empty() && !fields.contains(field));
        let after = rule.fields.len();
        if after == 0 {
            self.0.retain(|rule| !rule.fields.is_empty());
        }
        after < before
    }

    /// The rule of exactly these patterns.
    pub fn get(&self, namespace: &[u8], operation: &[u8]) -> Option<&Rule> {
        self.0.iter().find(|rule| rule.is_for(namespace, operation))
    }

    fn get_mut(&mut self, namespace: &[u8], operation: &[u8]) -> Option<&mut Rule> {
        self.0.iter_mut().find(|rule| rule.is_for(namespace, operation))
    }

    /// All of them, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The stored form, see [`super::stored`].
    pub fn encode(&self) -> Vec<u8> {
        stored::encode(self)
    }

    /// Reads [`encode`](Self::encode)'s bytes; `None` where they are anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        stored::decode(bytes)
    }

    /// What holds for the entries of an operation in a namespace.
    pub fn resolve(&self, namespace: &str, operation: &str) -> Policy {
        let mut policy = Policy::default();
        for (field, (_, value)) in self.winners(namespace, operation) {
            policy.take(field, value);
        }
        policy
    }

    /// The same, field by field in their order, each with the rule that it comes from.
    pub fn explain(&self, namespace: &str, operation: &str) -> impl Iterator<Item = Explained<'_>> {
        let winners = self.winners(namespace, operation);
        Field::ALL.into_iter().map(move |field| match winners.get(&field) {
            Some((rule, value)) => Explained { field, value: Some(value.to_string()), rule: Some(rule) },
            None => Explained { field, value: field.default_text().map(str::to_owned), rule: None },
        })
    }

    /// For each field that any matching rule has: the most specific rule that has it, among equals the
    /// one that was made last.
    fn winners(&self, namespace: &str, operation: &str) -> BTreeMap<Field, (&Rule, &Value)> {
        let mut winners: BTreeMap<Field, (&Rule, &Value)> = BTreeMap::new();
        for rule in self.0.iter().filter(|rule| rule.matches(namespace, operation)) {
            for (field, value) in rule.fields() {
                let winner = winners.entry(field).or_insert((rule, value));
                if rule.literal_bytes() >= winner.0.literal_bytes() {
                    *winner = (rule, value);
                }
            }
        }
        winners
    }
}

/// Whether a rule for these operations may say this.
fn check(operation: &Pattern, values: Vec<(Field, Value)>) -> Result<BTreeMap<Field, Value>, Refusal> {
    let mut fields = BTreeMap::new();
    for (field, value) in values {
        let name = field.name();
        if field.is_budget() && operation.as_str() != "*" {
            return Err(refused(format!(
                "{name} '{value}' is not accepted in a rule for operation '{operation}': only for operation '*' is it"
            )));
        }
        if fields.insert(field, value).is_some() {
            return Err(refused(format!("{name} is given twice: once is accepted")));
        }
    }
    if fields.is_empty() {
        return Err(refused("a rule without any field is not accepted: at least one is".to_owned()));
    }
    Ok(fields)
}

fn refused(message: String) -> Refusal {
    Refusal::new(Code::BadPolicy, message)
}
