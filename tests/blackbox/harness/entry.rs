//! Short questions about one entry.

use super::{Argument, Client};
use crate::cache;

/// An entry as a client names it.
pub struct Entry<'a> {
    pub ns: &'a str,
    pub operation: &'a str,
    pub params: &'a str,
}

impl<'a> Entry<'a> {
    /// The entry of an operation called `op`.
    pub fn of(ns: &'a str, params: &'a str) -> Entry<'a> {
        Entry { ns, operation: "op", params }
    }

    /// Sends a subcommand about the entry, with more arguments behind its name.
    #[track_caller]
    pub fn call(&self, client: &mut Client, subcommand: &str, more: &[impl Argument]) -> super::Value {
        let mut command = crate::args!["CACHE.RESULT", subcommand, self.ns, self.operation, self.params];
        command.extend(more.iter().map(Argument::wire_bytes));
        client.call(&command)
    }

    /// One field of the entry's INFO.
    #[track_caller]
    pub fn info(&self, client: &mut Client, field: &str) -> super::Value {
        cache!(client, "INFO", self.ns, self.operation, self.params).field(field)
    }

    /// `fresh`, `stale` or `absent`.
    #[track_caller]
    pub fn state(&self, client: &mut Client) -> String {
        self.info(client, "state").text()
    }

    /// The clock of the namespace at the entry's write.
    #[track_caller]
    pub fn version(&self, client: &mut Client) -> i64 {
        self.info(client, "version").int()
    }

    /// The key at which it is stored.
    #[track_caller]
    pub fn key(&self, client: &mut Client) -> String {
        cache!(client, "KEY", self.ns, self.operation, self.params).text()
    }

    /// The Redis expiry of that key: Unix milliseconds, -1 for none, -2 where there is no such key.
    #[track_caller]
    pub fn expiry(&self, client: &mut Client) -> i64 {
        let key = self.key(client);
        client.must(&["PEXPIRETIME", &key]).int()
    }
}
