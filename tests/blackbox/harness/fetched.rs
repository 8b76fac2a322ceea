//! What FETCH answers, and short ways to ask for it.

use super::{Client, Entry, Value, nil};
use crate::cache;

/// The four parts of FETCH's reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetched {
    pub status: String,
    /// The result, the progress, the message of a failure, or nil.
    pub value: Value,
    pub token: Option<String>,
    pub version: i64,
}

impl Fetched {
    /// Reads the reply; panics where it has not exactly the shape that the contract gives it.
    #[track_caller]
    pub fn of(reply: &Value) -> Fetched {
        let Value::Array(parts) = reply else { panic!("expected the four parts of FETCH, got {reply:?}") };
        let [Value::Simple(status), value, token, Value::Integer(version)] = parts.as_slice() else {
            panic!("expected [status, value, token, version], got {reply:?}")
        };
        let status = status.clone();
        match status.as_str() {
            "HIT" | "STALE" | "FAILED" => assert!(matches!(value, Value::Bulk(_)), "{reply:?}"),
            "LEASE" => assert_eq!(*value, nil(), "{reply:?}"),
            "BUSY" => assert!(matches!(value, Value::Bulk(_) | Value::Nil), "{reply:?}"),
            _ => panic!("FETCH knows no status like that: {reply:?}"),
        }
        let token = (*token != nil()).then(|| token.text());
        assert!(status != "LEASE" || token.is_some(), "a lease without a token: {reply:?}");
        let may_bear_a_token = ["LEASE", "STALE", "HIT"].contains(&status.as_str());
        assert!(may_bear_a_token || token.is_none(), "{status} gives no token: {reply:?}");
        Fetched { status, value: value.clone(), token, version: *version }
    }

    /// The token; panics where there is none.
    #[track_caller]
    pub fn token(&self) -> String {
        self.token.clone().unwrap_or_else(|| panic!("no token in {self:?}"))
    }

    /// The status and the value as one text, `HIT r`; the status alone where the value is nil.
    pub fn told(&self) -> String {
        match &self.value {
            Value::Nil => self.status.clone(),
            value => format!("{} {}", self.status, value.text()),
        }
    }
}

impl Entry<'_> {
    /// FETCH with these options, as they are typed: `"LEASE 50 NOSTALE"`.
    #[track_caller]
    pub fn fetch(&self, client: &mut Client, options: &str) -> Fetched {
        let words: Vec<&str> = options.split_whitespace().collect();
        Fetched::of(&self.call(client, "FETCH", &words))
    }

    /// The token of the lease that a FETCH with these options must be granted.
    #[track_caller]
    pub fn lease(&self, client: &mut Client, options: &str) -> String {
        let fetched = self.fetch(client, options);
        assert_eq!(fetched.status, "LEASE", "{fetched:?}");
        fetched.token()
    }

    /// The words of a FETCH with these options, for [`super::Waiter::start`].
    pub fn fetching(&self, options: &str) -> Vec<Vec<u8>> {
        let mut words = crate::args!["CACHE.RESULT", "FETCH", self.ns, self.operation, self.params];
        words.extend(options.split_whitespace().map(|word| word.as_bytes().to_vec()));
        words
    }

    /// Lets the lease of this token, the entry's present one, lapse, and waits until it has.
    #[track_caller]
    pub fn lapse(&self, client: &mut Client, token: &str) {
        assert_eq!(cache!(client, "RENEW", self.ns, token, "LEASE", 1), super::ok());
        super::wait_until("the lease has lapsed", || self.info(client, "deadline_ms") == nil());
    }
}
