//! A client that has nothing to do with the crowd: it sends PING after PING, and notes how long each took.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::client::Client;
use crate::processes::now_ns;

/// PINGs that are being sent by a thread of their own.
pub struct Pings {
    enough: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<Ping>, String>>,
}

/// When it was sent, and when it was answered.
#[derive(Clone, Copy)]
pub struct Ping {
    sent_ns: u64,
    answered_ns: u64,
}

impl Pings {
    /// Begins to send them.
    pub fn start(port: u16) -> Result<Pings, Box<dyn Error>> {
        let enough = Arc::new(AtomicBool::new(false));
        let mut client = Client::connect_small(port)?;
        let asked_to_end = Arc::clone(&enough);
        let thread = thread::spawn(move || {
            let mut pings = Vec::new();
            while !asked_to_end.load(Ordering::Relaxed) {
                let sent_ns = now_ns();
                client.ask(&["PING"]).and_then(|reply| reply.must_be("PONG")).map_err(|e| e.to_string())?;
                pings.push(Ping { sent_ns, answered_ns: now_ns() });
            }
            Ok(pings)
        });
        Ok(Pings { enough, thread })
    }

    /// Ends it: all that were sent.
    pub fn stop(self) -> Result<Vec<Ping>, Box<dyn Error>> {
        self.enough.store(true, Ordering::Relaxed);
        Ok(self.thread.join().map_err(|_| "the thread of the PINGs panicked")??)
    }
}

impl Ping {
    /// How long the slowest took of those that were under way at some time between the two instants, in milliseconds.
    pub fn slowest_ms(pings: &[Ping], from_ns: u64, to_ns: u64) -> f64 {
        Ping::slowest_but_ms(pings, from_ns, to_ns, 0.0)
    }

    /// The same, where this share of them may be slower.
    pub fn slowest_but_ms(pings: &[Ping], from_ns: u64, to_ns: u64, share: f64) -> f64 {
        let meanwhile = pings.iter().filter(|ping| ping.sent_ns <= to_ns && ping.answered_ns >= from_ns);
        let mut took: Vec<u64> =
            meanwhile.map(|ping| ping.answered_ns.saturating_sub(ping.sent_ns)).collect();
        took.sort_unstable_by(|one, other| other.cmp(one));
        let slower = (took.len() as f64 * share) as usize;
        took.get(slower).copied().unwrap_or_default() as f64 / 1e6
    }
}
