//! Fencing: whether what a token or a stamp brings was overtaken since.

use super::entry::Tags;
use super::lease::table::Standing;
use super::namespace::Namespace;
use super::stamp::Stamp;
use super::state::{Address, Stored};
use super::token::Token;

/// Where a write would go, as it is now.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    pub address: Address<'a>,
    pub namespace: Option<&'a Namespace>,
    /// What is at the entry's key.
    pub stored: Option<Stored<'a>>,
}

impl Ground<'_> {
    /// Whether a write that began at `since`, and brings these tags, may be stale by now: whether the entry was written
    /// since, as far as that still stands, or something that concerns it was invalidated.
    pub fn has_overtaken(&self, since: &Stamp, tags: Tags<'_>) -> bool {
        let Some(namespace) = self.namespace else { return true };
        let (mark, operation) = (self.address.mark(), self.address.operation.as_str());
        self.was_written(namespace, since) || namespace.has_overtaken(since, mark, operation, tags)
    }

    fn has_overtaken_at_once(&self, namespace: &Namespace, since: &Stamp, tags: Tags<'_>) -> bool {
        let operation = self.address.operation.as_str();
        self.was_written(namespace, since) || namespace.has_overtaken_at_once(since, operation, tags)
    }

    /// Whether the entry was written since, as far as that still stands.
    fn was_written(&self, namespace: &Namespace, since: &Stamp) -> bool {
        self.stored.is_some_and(|Stored { origin, entry, .. }| {
            origin.incarnation() == namespace.incarnation()
                && entry.mark == self.address.mark()
                && entry.version > since.clock
        })
    }

    /// Whether what a token brings was overtaken, where it stands so with the leases.
    pub fn has_overtaken_token(&self, token: &Token, standing: Standing, tags: Tags<'_>) -> bool {
        match (standing, self.namespace) {
            (Standing::Overtaken, _) => true,
            // Whatever concerned this very entry has taken the lease from the table.
            (Standing::Held | Standing::Lapsed, Some(namespace)) if !token.is_before_namespace() => {
                self.has_overtaken_at_once(namespace, &token.since, tags)
            }
            _ if !token.is_before_namespace() => self.has_overtaken(&token.since, tags),
            // Granted before there was a namespace: only who granted it knows that none came and went since.
            (Standing::Unknown, _) => true,
            (_, None) => false,
            // All of this life lies behind the grant.
            (_, Some(namespace)) => {
                let beginning = Stamp::new(self.address.namespace, namespace.incarnation(), 0);
                self.has_overtaken_at_once(namespace, &beginning, tags)
            }
        }
    }
}
