//! All rules: made, changed and taken back.

use std::collections::BTreeMap;

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
    pub fn literal_bytes(&self) -> usize {
        self.namespace.literal_bytes().saturating_add(self.operation.literal_bytes())
    }

    fn is_for(&self, namespace: &[u8], operation: &[u8]) -> bool {
        self.namespace.as_str().as_bytes() == namespace && self.operation.as_str().as_bytes() == operation
    }

    /// Whether it says anything of the entries of this operation in this namespace.
    pub fn matches(&self, namespace: &str, operation: &str) -> bool {
        self.operation.matches(operation.as_bytes()) && self.namespace.matches(namespace.as_bytes())
    }
}

/// The rules, in the order in which they were made. No two have the same patterns.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    list: Vec<Rule>,
    /// How often what they say of budgets may have changed.
    budget_revision: u64,
}

/// What they say counts, not how they came to say it.
impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl Eq for Rules {}

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
        self.note(fields.keys().copied());
        let rules = self.list.len();
        match self.get_mut(namespace.as_str().as_bytes(), operation.as_str().as_bytes()) {
            Some(rule) => rule.fields.extend(fields),
            None if rules < MAX_RULES => self.list.push(Rule { namespace, operation, fields }),
            None => {
                return Err(refused(format!(
                    "a rule for '{namespace}' '{operation}' would be one too many: at most {MAX_RULES} rules are \
                     accepted"
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
        let had = rule.fields.clone();
        rule.fields.retain(|field, _| !fields.is_empty() && !fields.contains(field));
        let after = rule.fields.len();
        self.note(had.into_keys().filter(|field| fields.is_empty() || fields.contains(field)));
        if after == 0 {
            self.list.retain(|rule| !rule.fields.is_empty());
        }
        after < before
    }

    /// The rule of exactly these patterns.
    pub fn get(&self, namespace: &[u8], operation: &[u8]) -> Option<&Rule> {
        self.list.iter().find(|rule| rule.is_for(namespace, operation))
    }

    fn get_mut(&mut self, namespace: &[u8], operation: &[u8]) -> Option<&mut Rule> {
        self.list.iter_mut().find(|rule| rule.is_for(namespace, operation))
    }

    /// All of them, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.list.iter()
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn clear(&mut self) {
        self.replace(Rules::default());
    }

    /// Takes over what a file says.
    pub fn replace(&mut self, other: Rules) {
        self.list = other.list;
        self.budget_revision = self.budget_revision.saturating_add(1);
    }

    /// Differs from what it was where what the rules say of budgets may do so.
    pub fn budget_revision(&self) -> u64 {
        self.budget_revision
    }

    /// These fields are said, or not said any more.
    fn note(&mut self, mut fields: impl Iterator<Item = Field>) {
        if fields.any(Field::is_budget) {
            self.budget_revision = self.budget_revision.saturating_add(1);
        }
    }

    /// The stored form: a version, then every rule with its texts as they are shown.
    pub fn encode(&self) -> Vec<u8> {
        stored::encode(self)
    }

    /// Reads [`encode`](Self::encode)'s bytes; `None` where they are anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        stored::decode(bytes)
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

#[cfg(test)]
pub(super) mod tests {
    use super::super::value::tests::settings;
    use super::*;
    use proptest::prelude::*;

    fn set(
        rules: &mut Rules,
        (namespace, operation): (&str, &str),
        values: &[(Field, &str)],
    ) -> Result<(), Refusal> {
        let values =
            values.iter().map(|(field, text)| (*field, Value::parse(*field, text.as_bytes()).expect(text)));
        rules.set(
            Pattern::of_namespaces(namespace.as_bytes()).expect(namespace),
            Pattern::of_operations(operation.as_bytes()).expect(operation),
            values.collect(),
        )
    }

    /// Both patterns of a rule, and what it says, as texts.
    type Texts<'a> = ((&'a str, &'a str), &'a [(Field, &'a str)]);

    pub(in crate::core::policy) fn made(all: &[Texts<'_>]) -> Rules {
        let mut rules = Rules::default();
        for (patterns, values) in all {
            set(&mut rules, *patterns, values).expect("a good rule");
        }
        rules
    }

    fn listed(rules: &Rules) -> Vec<String> {
        rules
            .iter()
            .map(|rule| {
                let fields: String =
                    rule.fields().map(|(field, value)| format!(" {}={value}", field.name())).collect();
                format!("{} {}{fields}", rule.namespace, rule.operation)
            })
            .collect()
    }

    #[test]
    fn set_changes_the_named_fields_only() {
        let mut rules = made(&[
            (("a*", "*"), &[(Field::Grace, "5s"), (Field::Ttl, "1m")]),
            (("b", "o"), &[(Field::Ttl, "2m")]),
            (("a*", "*"), &[(Field::Ttl, "3m"), (Field::MaxBytes, "1gb")]),
        ]);
        assert_eq!(listed(&rules), ["a* * TTL=3m GRACE=5s MAXBYTES=1gb", "b o TTL=2m"]);
        assert_eq!(rules.get(b"b", b"o").map(|rule| rule.fields().count()), Some(1));
        assert_eq!(rules.get(b"b", b"*"), None);
        rules.clear();
        assert!(rules.is_empty());
    }

    #[test]
    fn delete_takes_fields_or_all() {
        let mut rules = made(&[
            (("a", "o"), &[(Field::Grace, "5s"), (Field::Ttl, "1m"), (Field::Jitter, "5")]),
            (("b", "o"), &[(Field::Ttl, "2m")]),
        ]);
        assert!(!rules.delete(b"a", b"p", &[]));
        assert!(!rules.delete(b"a", b"o", &[Field::Hash]));
        assert!(rules.delete(b"a", b"o", &[Field::Hash, Field::Ttl]));
        assert_eq!(listed(&rules), ["a o GRACE=5s JITTER=5", "b o TTL=2m"]);
        assert!(rules.delete(b"b", b"o", &[Field::Ttl]));
        assert_eq!(listed(&rules), ["a o GRACE=5s JITTER=5"], "without fields it is gone");
        assert!(rules.delete(b"a", b"o", &[]));
        assert!(rules.is_empty());
        assert!(!rules.delete(b"a", b"o", &[]));
    }

    #[test]
    fn what_is_refused_changes_nothing() {
        let mut rules = made(&[(("a", "o"), &[(Field::Ttl, "1m")])]);
        let before = rules.clone();
        for (values, why) in [
            (&[][..], "a rule without any field"),
            (&[(Field::Grace, "1s"), (Field::Grace, "2s")], "GRACE is given twice"),
            (
                &[(Field::Grace, "1s"), (Field::MaxBytes, "1gb")],
                "MAXBYTES '1gb' is not accepted in a rule for operation 'o'",
            ),
            (&[(Field::MaxWeight, "1")], "MAXWEIGHT '1'"),
            (&[(Field::Evict, "lru")], "EVICT 'lru'"),
            (&[(Field::Removals, "off")], "REMOVALS 'off'"),
        ] {
            let refusal = set(&mut rules, ("a", "o"), values).expect_err(why);
            assert_eq!(refusal.code, Code::BadPolicy);
            assert!(refusal.message.starts_with(why), "{refusal}");
            assert_eq!(rules, before);
        }
        for not_all in ["**", "?", "o*"] {
            assert!(set(&mut rules, ("a", not_all), &[(Field::Evict, "lru")]).is_err(), "{not_all}");
        }
    }

    #[test]
    fn there_are_only_so_many() {
        let mut rules = Rules::default();
        for n in 0..MAX_RULES {
            set(&mut rules, (&format!("n{n}"), "*"), &[(Field::Ttl, "1m")]).expect("not too many yet");
        }
        let refusal = set(&mut rules, ("x", "*"), &[(Field::Ttl, "1m")]).expect_err("one too many");
        assert!(
            refusal.to_string().starts_with("BADPOLICY a rule for 'x' '*' would be one too many"),
            "{refusal}"
        );
        assert_eq!(rules.len(), MAX_RULES);
        set(&mut rules, ("n7", "*"), &[(Field::Grace, "1m")]).expect("no new rule");
        assert_eq!(Rules::decode(&rules.encode()), Some(rules));
    }

    /// Patterns of few bytes, so that they often match.
    const PATTERN: &str = "[ab*?]{1,4}|\\[ab\\]\\*|\\[\\^a\\]b?";

    pub(in crate::core::policy) fn rules() -> impl Strategy<Value = Rules> {
        let rule = (
            PATTERN,
            prop_oneof![PATTERN, Just("*".to_owned())],
            proptest::collection::vec(settings(), 1..5),
        );
        proptest::collection::vec(rule, 0..12).prop_map(|all| {
            let mut rules = Rules::default();
            for (namespace, operation, values) in &all {
                let values: BTreeMap<Field, &str> =
                    values.iter().map(|(field, text)| (*field, &text[..])).collect();
                let values: Vec<_> = values.into_iter().collect();
                // Misplaced budgets are refused, the rest is kept.
                let _ = set(&mut rules, (namespace, operation), &values);
            }
            rules
        })
    }
}
