//! One value that many clients wait for, and the ways in which they can.

use std::error::Error;
use std::time::Duration;

use crate::client::Client;
use crate::jobs::{Job, OPERATION};
use crate::processes::now_ns;
use crate::reply::Reply;
use crate::workloads::NAMESPACE;

/// How long a client waits at most, in milliseconds: longer than any round takes.
const WAIT_MS: &str = "60000";

/// The length of params, in bytes.
const PARAMS_BYTES: usize = 150;

/// A way to have one value computed for all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `CACHE.RESULT FETCH ... BLOCK` and `FILL`.
    Fetch,
    /// All block in `XREAD`, and are woken by one `XADD`.
    Stream,
    /// `SET NX` of a lock, and `GET` every 50 ms.
    Poll,
}

/// One value to be computed, and all that clients must know of it.
pub struct Load {
    pub way: Way,
    pub job: Job,
    number: usize,
    /// How long computing takes.
    pub takes: Duration,
}

impl Way {
    const ALL: [Way; 3] = [Way::Fetch, Way::Stream, Way::Poll];

    /// How the tables, and an order, call it.
    pub fn name(self) -> &'static str {
        match self {
            Way::Fetch => "CACHE.RESULT FETCH, FILL",
            Way::Stream => "XREAD BLOCK, XADD",
            Way::Poll => "SET NX, GET every 50 ms",
        }
    }
}

impl Load {
    /// The job of this number, in one of the ways.
    pub fn new(way: Way, number: usize, takes: Duration) -> Load {
        Load { way, job: Job::new(number, PARAMS_BYTES), number, takes }
    }

    /// What [`Load::to_order`] wrote.
    pub fn from_order(order: &str) -> Result<Load, Box<dyn Error>> {
        let words: Vec<&str> = order.splitn(3, ' ').collect();
        let [number, takes_ms, name] = words[..] else { return Err(format!("no order: {order}").into()) };
        let way = Way::ALL.into_iter().find(|way| way.name() == name).ok_or("there is no such way")?;
        Ok(Load::new(way, number.parse()?, Duration::from_millis(takes_ms.parse()?)))
    }

    /// As one process tells another.
    pub fn to_order(&self) -> String {
        format!("{} {} {}", self.number, self.takes.as_millis(), self.way.name())
    }

    /// Asks for the value, which makes the client wait until it is there.
    pub fn ask(&self, client: &mut Client) -> Result<(), Box<dyn Error>> {
        match self.way {
            Way::Fetch => {
                let fetch =
                    ["CACHE.RESULT", "FETCH", NAMESPACE, OPERATION, &self.job.params, "BLOCK", WAIT_MS];
                client.send(&fetch)
            }
            Way::Stream => client.send(&["XREAD", "BLOCK", WAIT_MS, "STREAMS", &self.stream(), "$"]),
            Way::Poll => client.send(&["GET", &self.job.plain_key]),
        }
    }

    /// Takes the value, which is there by now.
    pub fn take(&self, client: &mut Client) -> Result<(), Box<dyn Error>> {
        let reply = client.receive()?;
        match self.way {
            Way::Fetch => reply.fetched()?.must_hit(&self.job.result),
            Way::Stream | Way::Poll => reply.must_end_with(&self.job.result),
        }
    }

    /// Sends the value, and returns when that was. The reply is for [`Load::confirm`].
    pub fn publish(&self, client: &mut Client, token: &str) -> Result<u64, Box<dyn Error>> {
        let published_ns = now_ns();
        match self.way {
            Way::Fetch => client.send(&["CACHE.RESULT", "FILL", NAMESPACE, token, &self.job.result])?,
            Way::Stream => client.send(&["XADD", &self.stream(), "*", "value", &self.job.result])?,
            Way::Poll => client.send(&["SET", &self.job.plain_key, &self.job.result, "EX", "3600"])?,
        }
        Ok(published_ns)
    }

    /// Takes the reply to that.
    pub fn confirm(&self, client: &mut Client) -> Result<(), Box<dyn Error>> {
        let reply = client.receive()?;
        match (self.way, &reply) {
            (Way::Stream, Reply::Bulk(Some(_))) => Ok(()),
            _ => reply.must_be("OK"),
        }
    }

    /// The stream that the value comes by, where it comes by one.
    fn stream(&self) -> String {
        format!("stream:{}", self.number)
    }
}
