//! Which rule says what of a name.

use std::collections::BTreeMap;

use super::Policy;
use super::field::Field;
use super::rules::{Rule, Rules};
use super::value::Value;
use crate::core::budget::Budget;

/// The name of some operation.
const ANY_OPERATION: &str = "any";

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
    /// What holds for the entries of an operation in a namespace.
    pub fn resolve(&self, namespace: &str, operation: &str) -> Policy {
        let mut policy = Policy::default();
        for (field, (_, value)) in self.winners(namespace, operation) {
            policy.take(field, value);
        }
        policy
    }

    /// What holds for a namespace as a whole.
    pub fn budget(&self, namespace: &str) -> Budget {
        let mut budget = Budget::default();
        // Only rules for all operations say anything of it, so that any operation will do.
        for (field, (_, value)) in self.winners(namespace, ANY_OPERATION) {
            match (field, value) {
                (Field::MaxBytes, Value::Budget(bytes)) => budget.max_bytes = Some(*bytes),
                (Field::MaxWeight, Value::Budget(bytes)) => budget.max_weight = Some(*bytes),
                (Field::Evict, Value::Evict(evict)) => budget.evict = *evict,
                (Field::Removals, Value::Removals(records)) => budget.removals = *records,
                _ => {}
            }
        }
        budget
    }

    /// Whether any namespace may have a budget, or records what goes.
    pub fn has_budgets(&self) -> bool {
        self.iter().any(|rule| rule.fields().any(|(field, _)| field.is_budget()))
    }

    /// What [`resolve`](Self::resolve) goes by, field by field in their order, each with the rule that it comes from.
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
        for rule in self.iter().filter(|rule| rule.matches(namespace, operation)) {
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

#[cfg(test)]
mod tests {
    use super::super::rules::tests::{made, rules};
    use super::*;
    use crate::core::fingerprint::HashKind;
    use proptest::prelude::*;

    #[test]
    fn the_more_specific_wins_field_by_field() {
        let rules = made(&[
            (("demo", "list"), &[(Field::Ttl, "1m")]),
            (
                ("*", "*"),
                &[(Field::Ttl, "2m"), (Field::Grace, "1s"), (Field::Hash, "blake3"), (Field::Lease, "5s")],
            ),
            (("demo", "*"), &[(Field::Grace, "2s"), (Field::Jitter, "5")]),
            (("*", "list"), &[(Field::Grace, "3s")]),
            (("other", "*"), &[(Field::Bypass, "yes")]),
        ]);
        let policy = rules.resolve("demo", "list");
        let expected = Policy {
            ttl_ms: 60_000,
            grace_ms: 3000,
            jitter_percent: 5,
            lease_ms: 5000,
            hash: HashKind::Blake3,
            ..Policy::default()
        };
        assert_eq!(policy, expected, "of two with four literal bytes the later one");
        assert_eq!(rules.resolve("x", "y").ttl_ms, 120_000);
        assert_eq!(Rules::default().resolve("x", "y"), Policy::default());
    }

    #[test]
    fn each_field_is_explained() {
        let rules = made(&[
            (("*", "*"), &[(Field::Ttl, "2m"), (Field::Lease, "5s")]),
            (("demo", "*"), &[(Field::Ttl, "60s")]),
        ]);
        let explained: Vec<String> = rules
            .explain("demo", "list")
            .map(|Explained { field, value, rule }| {
                let from = rule.map(|rule| format!(" {} {}", rule.namespace, rule.operation));
                format!("{} {}{}", field.name(), value.as_deref().unwrap_or("-"), from.unwrap_or_default())
            })
            .collect();
        let expected = [
            "TTL 1m demo *",
            "GRACE 0",
            "NEGATIVE 0",
            "JITTER 0",
            "LEASE 5s * *",
            "RETRY 1s",
            "REFRESH 0",
            "TTLFROM -",
            "EXPIRESFROM -",
            "TAGS -",
            "IGNORE -",
            "HASH sha256",
            "COMPRESS off",
            "MAXBYTES -",
            "MAXWEIGHT -",
            "EVICT lru",
            "REMOVALS off",
            "TARGET 80",
            "BYPASS no",
        ];
        assert_eq!(explained, expected);
    }

    /// The plain way: all that match, the least specific first, each overriding those before it.
    fn model(
        rules: &Rules,
        namespace: &str,
        operation: &str,
    ) -> Vec<(Field, Option<String>, Option<String>)> {
        let mut matching: Vec<&Rule> =
            rules.iter().filter(|rule| rule.matches(namespace, operation)).collect();
        matching.sort_by_key(|rule| rule.namespace.literal_bytes() + rule.operation.literal_bytes());
        Field::ALL
            .into_iter()
            .map(|field| {
                let mut row = (field, field.default_text().map(str::to_owned), None);
                for rule in &matching {
                    for (_, value) in rule.fields().filter(|(other, _)| *other == field) {
                        row.1 = Some(value.to_string());
                        row.2 = Some(format!("{} {}", rule.namespace, rule.operation));
                    }
                }
                row
            })
            .collect()
    }

    /// Names of the bytes that those patterns have.
    const NAME: &str = "[ab]{1,4}";

    proptest! {
        #[test]
        fn resolution_agrees_with_a_plain_model(rules in rules(), namespace in NAME, operation in NAME) {
            let expected = model(&rules, &namespace, &operation);
            let explained: Vec<_> = rules
                .explain(&namespace, &operation)
                .map(|Explained { field, value, rule }| {
                    (field, value, rule.map(|rule| format!("{} {}", rule.namespace, rule.operation)))
                })
                .collect();
            prop_assert_eq!(&explained, &expected);
            let mut policy = Policy::default();
            for (field, text, _) in expected {
                if let Some(text) = text {
                    policy.take(field, &Value::parse(field, text.as_bytes()).expect("a good value"));
                }
            }
            prop_assert_eq!(rules.resolve(&namespace, &operation), policy);
        }
    }
}
