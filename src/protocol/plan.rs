//! `CACHE.PLAN ns plan [LEASE ms] [HOLDER id]`

use super::entry_arguments::{NAMESPACE, too_few};
use super::lease_arguments::{HOLDER, LEASE, holder, length_ms};
use super::options::Options;
use super::table::{Argument, Command, Flag, KeyUse, Kind};
use crate::core::limits::Limits;
use crate::core::name::NamespaceName;
use crate::core::refusal::Refusal;

/// As the table names it.
pub const PLAN: Argument = Argument {
    name: "plan",
    kind: Kind::Text,
    token: None,
    optional: false,
    summary: "{\"jobs\":[{\"operation\":...,\"params\":...}, ...]} or the bare array; id and dependsOn make a graph of it",
};

pub const COMMAND: Command = Command {
    container: None,
    name: "CACHE.PLAN",
    summary: "Looks up all jobs of a plan, and leases what is missing, in one step.",
    complexity: "O(N) with N the bytes of the plan",
    since: "0.1.0",
    flags: &[Flag::Readonly],
    tips: &[],
    key: Some(KeyUse::Access),
    arguments: &[NAMESPACE, PLAN, LEASE, HOLDER],
    reply: "For each job, in order, the four parts `status value token version` of [FETCH](cache.result-fetch.md).",
    details: &[
        "It is a FETCH of each job, in their order, of which none waits and between which nothing happens. A job that is \
         there twice is leased once: the second time it is BUSY, or with HOLDER the same token again.",
        "A plan of more jobs than `cache.plan-max-jobs`, with over a million dependencies, or with a longer reply than `cache.plan-reply-max-bytes`, is refused \
         before anything is leased. On a replica it is READONLY unless all are HIT or STALE.",
    ],
    examples: &[],
};

/// What a client asks.
#[derive(Debug)]
pub struct Request<'a> {
    pub namespace: NamespaceName<'a>,
    /// The plan, not read yet.
    pub text: &'a [u8],
    pub length_ms: Option<u64>,
    pub holder: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// Reads the arguments after the command's name, the plan's text excepted.
    pub fn parse(arguments: &'a [&'a [u8]], limits: &Limits) -> Result<Self, Refusal> {
        let (&[namespace, text], rest) = arguments.split_first_chunk::<2>().ok_or_else(too_few)?;
        let namespace = NamespaceName::parse(namespace)?;
        let options = Options::parse(&COMMAND, rest)?;
        let (length_ms, holder) = (length_ms(&options, limits)?, holder(&options)?);
        Ok(Request { namespace, text, length_ms, holder })
    }
}
