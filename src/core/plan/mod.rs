//! Plans: many jobs in one JSON text, and which of them depends on which.

mod graph;
pub mod memo;
mod read;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::canonical::BadJson;
use super::json::Reader;
use super::limits::Limits;
use super::refusal::{Code, Refusal, quoted};
use graph::Graph;
use read::Draft;

/// A plan: `{"jobs":[{"operation":"...","params":...}, ...]}`, or the bare array. Other members are ignored.
///
/// It holds places in its text, and no part of it, so that it can be kept without one; whoever asks for more has the text.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    pub jobs: Vec<Job>,
    /// The operations of its jobs, each once and a name of one.
    pub operations: Vec<Box<str>>,
    graph: Graph,
}

/// One job of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// Which of the plan's operations.
    pub operation: u32,
    /// One text, which is JSON where it has a canonical form.
    pub params: Span,
    id: Option<Span>,
}

/// A part of a plan's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

/// What a job is called in its plan.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Id<'a> {
    Number(i64),
    Text(Cow<'a, str>),
}

impl Plan {
    /// Reads a plan. Params are not looked into.
    ///
    /// # Errors
    ///
    /// `BADPLAN` for what is no plan: not JSON, without operation or params, with an id that is there twice or unknown, or
    /// with jobs that depend on themselves. `TOOBIG` for more jobs, or more bytes, than the limits allow.
    pub fn parse(text: &[u8], limits: &Limits) -> Result<Self, Refusal> {
        limits.check_plan(text)?;
        let mut draft = Draft::default();
        draft.read(text)?;
        draft.finish(limits)
    }

    /// The indexes of the job with this id and of all that depend on it, in the order of the plan.
    ///
    /// # Errors
    ///
    /// `BADPLAN` where no job is called so.
    pub fn from(&self, text: &[u8], id: &[u8]) -> Result<Vec<usize>, Refusal> {
        let is_called_so = |job: &Job| job.id.is_some_and(|span| Id::is_spelled(span.of(text), id));
        let first = self.jobs.iter().position(is_called_so);
        let first = first.ok_or_else(|| bad_plan(&format!("has no job with the id {}", quoted(id))))?;
        Ok(self.graph.reached_from(first))
    }

    /// Bytes of memory beyond the value itself.
    pub fn heap_bytes(&self) -> usize {
        let names = self.operations.iter().map(|name| name.len().saturating_add(size_of::<Box<str>>()));
        let jobs = self.jobs.capacity().saturating_mul(size_of::<Job>());
        jobs.saturating_add(names.sum()).saturating_add(self.graph.heap_bytes())
    }
}

impl Span {
    /// That of a part which ends at `end`.
    fn behind(part: &str, end: usize) -> Self {
        Span { start: end.saturating_sub(part.len()) as u32, end: end as u32 }
    }

    /// The part of that very text.
    pub fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    fn bytes(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }
}

impl<'a> Id<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, BadJson> {
        match reader.peek() {
            Some(b'"') => reader.string().map(Id::Text),
            Some(b'-' | b'0'..=b'9') => reader.integer().map(Id::Number),
            _ => Err(reader.unexpected("a string or an integer as id")),
        }
    }

    /// Whether JSON spells an id that a client calls so.
    fn is_spelled(json: &'a [u8], id: &[u8]) -> bool {
        let read = Reader::new(json).and_then(|mut reader| Id::read(&mut reader));
        read.is_ok_and(|read| match read {
            Id::Number(number) => number.to_string().as_bytes() == id,
            Id::Text(text) => text.as_bytes() == id,
        })
    }
}

fn bad_plan(why: &str) -> Refusal {
    let accepted = "{\"jobs\":[{\"operation\":...,\"params\":...}, ...]} or the bare array is accepted, with id and dependsOn";
    Refusal::new(Code::BadPlan, format!("the plan {why}: {accepted}"))
}

/// What is wrong with one job of a plan.
pub fn of_job(index: usize, refusal: &Refusal) -> Refusal {
    Refusal::new(Code::BadPlan, format!("job {index}: {}", refusal.message))
}
