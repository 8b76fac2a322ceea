//! Waiters that are answered, and not told yet: the server tells them a slice at a time.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use super::super::fetch::Fetched;
use super::super::token::GrantId;
use super::Ticket;
use super::index::FlightId;

/// What a waiter is told.
#[derive(Debug, Clone)]
pub struct Answer {
    pub fetched: Rc<Fetched>,
    /// The lease that comes with it, which passes on where the waiter has vanished.
    pub lease: Option<(FlightId, GrantId)>,
}

/// Some waiters that all have the same answer.
#[derive(Debug)]
struct Batch {
    answer: Answer,
    /// In the order in which they came; some may have vanished.
    untold: VecDeque<Ticket>,
    /// How many have neither taken the answer nor vanished.
    left: usize,
}

/// All answers that somebody has yet to take.
#[derive(Debug, Default)]
pub struct Answers {
    batches: HashMap<u64, Batch>,
    /// Those with waiters that were not told, in order.
    queue: VecDeque<u64>,
}

impl Answers {
    /// Gives an answer to waiters; `batch` is a number never used before.
    pub fn add(&mut self, batch: u64, answer: Answer, tickets: Vec<Ticket>) {
        if !tickets.is_empty() {
            let left = tickets.len();
            self.batches.insert(batch, Batch { answer, untold: tickets.into(), left });
            self.queue.push_back(batch);
        }
    }

    /// The next waiter to be told, and how many bytes it will be. It may have vanished.
    pub fn next_untold(&mut self) -> Option<(Ticket, usize)> {
        while let Some(number) = self.queue.front() {
            if let Some(batch) = self.batches.get_mut(number)
                && let Some(ticket) = batch.untold.pop_front()
            {
                return Some((ticket, batch.answer.fetched.bytes()));
            }
            self.queue.pop_front();
        }
        None
    }

    /// Whether nobody has to be told anything.
    pub fn is_told(&self) -> bool {
        self.queue.is_empty()
    }

    /// One waiter of a batch takes its answer, or vanishes.
    pub fn take(&mut self, number: u64) -> Option<Answer> {
        let batch = self.batches.get_mut(&number)?;
        let answer = batch.answer.clone();
        batch.left = batch.left.saturating_sub(1);
        if batch.left == 0 {
            self.batches.remove(&number);
        }
        Some(answer)
    }
}
