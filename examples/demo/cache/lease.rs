//! Single flight: of all who want a result that is not there, one is given the lease and computes it. The others wait,
//! or do something else meanwhile.

use std::error::Error;
use std::io;
use std::time::Duration;

use redis::cmd;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Cache, FRESH_S, Facts};
use crate::digest::digest;

/// How long a lease lasts unless it is renewed. So long do the others wait at most for somebody who vanished.
const LEASE: Duration = Duration::from_secs(3);

/// How long a failure is remembered. Those who follow a result between two commands would not hear of it otherwise.
const FAILED: Duration = Duration::from_secs(10);

/// The exclusive right to compute one result. Whoever has it computes, and renews it while it takes.
pub struct Lease {
    token: String,
}

/// The answer to somebody who wants a result and could compute it.
pub enum Fetched<T> {
    /// Here it is.
    Ready(T),
    /// It is not there, and it is on us to compute it.
    Leased(Lease),
    /// Another is computing it.
    Busy,
}

/// Whether a lease is still good.
#[derive(PartialEq, Eq)]
pub enum Standing {
    Good,
    /// It was overtaken: what we compute is not wanted any more, and would not be stored.
    Fenced,
}

/// What FETCH answers: status, value, token, version.
type Reply = (String, Option<String>, Option<String>, i64);

impl Lease {
    /// A name for what is computed under this lease, which no other computation shares.
    pub fn name(&self) -> io::Result<String> {
        let digest = digest(self.token.as_bytes())?;
        Ok(digest.trim_start_matches("sha256:").chars().take(16).collect())
    }
}

impl Cache {
    /// The result of `operation` with `params` if it is there and `is_usable`; else the lease on it, or, while another
    /// has that, what comes of it within `patience`.
    ///
    /// `holder` is who asks: should the same ask again, having lost the reply, it is given its own lease again.
    pub fn fetch<T: DeserializeOwned>(
        &mut self,
        operation: &str,
        params: &impl Serialize,
        holder: &str,
        patience: Option<Duration>,
        is_usable: impl Fn(&T) -> bool,
    ) -> Result<Fetched<T>, Box<dyn Error>> {
        let mut fetch = cmd("CACHE.RESULT");
        fetch
            .arg("FETCH")
            .arg(self.namespace)
            .arg(operation)
            .arg(serde_json::to_string(params)?)
            .arg(("LEASE", millis(LEASE)?))
            .arg(("HOLDER", holder));
        if let Some(patience) = patience {
            fetch.arg(("BLOCK", millis(patience)?));
        }
        let mut rejected: Option<i64> = None;
        loop {
            let mut fetch = fetch.clone();
            if let Some(version) = rejected {
                fetch.arg(("REJECT", version));
            }
            let (status, value, token, version): Reply = fetch.query(&mut self.connection)?;
            // A token may come with a result that is still good, and asks us to renew it before it ends.
            if let Some(token) = token {
                return Ok(Fetched::Leased(Lease { token }));
            }
            match (status.as_str(), value) {
                ("HIT" | "STALE", Some(text)) => {
                    let result = serde_json::from_str(&text)?;
                    if is_usable(&result) {
                        return Ok(Fetched::Ready(result));
                    }
                    // The very version that we found unusable counts as absent from now on; another would not.
                    rejected = Some(version);
                }
                ("BUSY", _) => return Ok(Fetched::Busy),
                ("FAILED", message) => return Err(message.unwrap_or_default().into()),
                (other, _) => return Err(format!("CACHE.RESULT FETCH answers {other}").into()),
            }
        }
    }

    /// Keeps the lease for its length from now on.
    pub fn renew(&mut self, lease: &Lease) -> Result<Standing, Box<dyn Error>> {
        self.standing(cmd("CACHE.RESULT").arg("RENEW").arg(self.namespace).arg(&lease.token))
    }

    /// Keeps the lease likewise, and tells all who follow the result how far it is.
    pub fn renew_with(
        &mut self,
        lease: &Lease,
        progress: &impl Serialize,
    ) -> Result<Standing, Box<dyn Error>> {
        let progress = serde_json::to_string(progress)?;
        self.standing(
            cmd("CACHE.RESULT")
                .arg("RENEW")
                .arg(self.namespace)
                .arg(&lease.token)
                .arg(("PROGRESS", progress)),
        )
    }

    /// Keeps the lease likewise, and has room made for the file of `weight` bytes that is about to be written: of what the
    /// namespace holds, that which was used least goes until it fits.
    pub fn reserve(&mut self, lease: &Lease, weight: u64) -> Result<Standing, Box<dyn Error>> {
        self.standing(
            cmd("CACHE.RESULT").arg("RENEW").arg(self.namespace).arg(&lease.token).arg(("WEIGHT", weight)),
        )
    }

    /// Gives the result to all who wait for it, and stores it for all who will ask. The server knows how long it took.
    pub fn fill(
        &mut self,
        lease: Lease,
        result: &impl Serialize,
        facts: &Facts,
    ) -> Result<Standing, Box<dyn Error>> {
        self.standing(
            cmd("CACHE.RESULT")
                .arg("FILL")
                .arg(self.namespace)
                .arg(lease.token)
                .arg(serde_json::to_string(result)?)
                .arg(("EX", FRESH_S))
                .arg(("TAGS", 1, &facts.tag))
                .arg(("WEIGHT", facts.weight)),
        )
    }

    /// Tells all who wait or follow that there will be no result, and why. Whoever asks a little later hears it too.
    pub fn fail(&mut self, lease: Lease, message: &str) -> Result<Standing, Box<dyn Error>> {
        self.standing(
            cmd("CACHE.RESULT")
                .arg("FAIL")
                .arg(self.namespace)
                .arg(lease.token)
                .arg(message)
                .arg(("PX", millis(FAILED)?)),
        )
    }

    fn standing(&mut self, command: &redis::Cmd) -> Result<Standing, Box<dyn Error>> {
        match command.query::<String>(&mut self.connection)?.as_str() {
            "OK" => Ok(Standing::Good),
            "FENCED" => Ok(Standing::Fenced),
            other => Err(format!("a lease's command answers {other}").into()),
        }
    }
}

/// A duration as the commands take it.
pub(super) fn millis(duration: Duration) -> Result<u64, Box<dyn Error>> {
    Ok(u64::try_from(duration.as_millis())?)
}
