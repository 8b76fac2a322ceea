//! What `CACHE.STATS` answers.

use std::collections::{BTreeMap, HashMap};

use redis::{FromRedisValue, Value};

/// The figures of the server, a namespace or an operation, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures(HashMap<String, String>);

/// What a server said at one moment.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    pub all: Figures,
    /// By namespace: its figures, and those of its operations.
    pub namespaces: BTreeMap<String, (Figures, BTreeMap<String, Figures>)>,
    /// There are more of them than are looked at.
    pub has_more: bool,
}

impl Figures {
    /// The pairs of a reply, and the operations that a namespace's has.
    pub fn read(reply: &Value) -> (Figures, Vec<String>) {
        let pairs = HashMap::<String, Value>::from_redis_value_ref(reply).unwrap_or_default();
        let mut operations = Vec::new();
        let mut figures = HashMap::new();
        for (name, value) in pairs {
            if name == "operations" {
                operations = Vec::<String>::from_redis_value_ref(&value).unwrap_or_default();
            } else if let Ok(Some(text)) = Option::<String>::from_redis_value_ref(&value) {
                figures.insert(name, text);
            }
        }
        (Figures(figures), operations)
    }

    /// A figure as a number; none where it is not known.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.parse().ok()
    }

    /// A count, or 0.
    pub fn count(&self, name: &str) -> f64 {
        self.number(name).unwrap_or(0.0)
    }

    pub fn word(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Figures {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Figures(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}
