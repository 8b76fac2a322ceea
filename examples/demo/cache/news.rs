//! Following results that others compute: one command that waits for news of them all, in place of asking again and again.

use std::error::Error;
use std::time::Duration;

use redis::cmd;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Cache, lease::millis};

/// A result that is followed, and the last that was heard of it.
pub struct Followed {
    operation: String,
    params: String,
    version: i64,
}

/// What is new about a result; `P` is what those who compute tell of their progress.
pub enum News<T, P> {
    /// It is there.
    Ready(T),
    /// Somebody computes it, and is so far.
    Progress(P),
    /// It is not there, or not any more, and nobody is known to compute it.
    Gone,
    /// It could not be computed.
    Failed(String),
}

/// News of several results, each with its index among them.
pub type Latest<T, P> = Vec<(usize, News<T, P>)>;

/// One element of the reply: index, status, value, version.
type Row = (usize, String, Option<String>, i64);

impl Followed {
    /// A result of which nothing was heard yet.
    pub fn new(operation: &str, params: &impl Serialize) -> Result<Followed, Box<dyn Error>> {
        Ok(Followed { operation: operation.into(), params: serde_json::to_string(params)?, version: 0 })
    }
}

impl Cache {
    /// What is new about any of `followed`: at once if something is, else as soon as something is;
    /// nothing if that takes longer than `patience`.
    pub fn news<T: DeserializeOwned, P: DeserializeOwned>(
        &mut self,
        followed: &mut [Followed],
        patience: Duration,
    ) -> Result<Latest<T, P>, Box<dyn Error>> {
        let mut next = cmd("CACHE.RESULT");
        next.arg("NEXT").arg(self.namespace).arg(("BLOCK", millis(patience)?)).arg("AFTER");
        for one in followed.iter() {
            next.arg((&one.operation, &one.params, one.version));
        }
        let rows: Option<Vec<Row>> = next.query(&mut self.connection)?;
        let mut heard = Vec::new();
        for (index, status, value, version) in rows.unwrap_or_default() {
            followed.get_mut(index).ok_or("CACHE.RESULT NEXT tells of what was not asked")?.version = version;
            let value = value.unwrap_or_default();
            let news = match status.as_str() {
                "HIT" | "STALE" => News::Ready(serde_json::from_str(&value)?),
                "BUSY" => News::Progress(serde_json::from_str(&value)?),
                "GONE" => News::Gone,
                "FAILED" => News::Failed(value),
                other => return Err(format!("CACHE.RESULT NEXT answers {other}").into()),
            };
            heard.push((index, news));
        }
        Ok(heard)
    }
}
