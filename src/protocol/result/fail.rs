//! `CACHE.RESULT FAIL ns token message [PX ms]`

use super::super::entry_arguments::{NAMESPACE, too_few};
use super::super::lease_arguments::{self, TOKEN};
use super::super::options::Options;
use super::super::table::{Argument, Command, Flag, KeyUse, Kind};
use super::CONTAINER;
use crate::core::limits::{Limits, maxima};
use crate::core::name::NamespaceName;
use crate::core::refusal::Refusal;
use crate::core::token::Token;

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "FAIL",
    summary: "Tells that a leased computation failed; all who wait are told.",
    complexity: "O(N) with N the bytes of the message",
    since: "0.1.0",
    flags: &[Flag::Write, Flag::Fast],
    tips: &[],
    key: Some(KeyUse::Update),
    arguments: &[
        NAMESPACE,
        TOKEN,
        Argument {
            name: "message",
            kind: Kind::Bytes,
            token: None,
            optional: false,
            summary: "why, for those who ask",
        },
        Argument {
            name: "milliseconds",
            kind: Kind::Integer { min: 0, max: maxima::TTL_SECONDS * 1000, unit: "milliseconds" },
            token: Some("PX"),
            optional: true,
            summary: "how long the failure is remembered; 0 is not at all",
        },
    ],
    reply: "OK, or FENCED where the lease was lost already. Either way the token is good for nothing any more.",
    details: &[
        "A failure is remembered for PX milliseconds, else as the rule NEGATIVE says (not at all): meanwhile FETCH answers \
         FAILED with this message, and nobody computes. It is stored as a negative entry, which GET and EXISTS do not find, \
         and goes like any other: by INVALIDATE, or by a SET.",
        "Where a value is there, stale or about to be, it stays, with the failure beside it: FETCH serves it without asking \
         anybody to refresh it, until the longer of that time and the rule RETRY (1 s) is over; with NOSTALE it answers \
         FAILED.",
    ],
    examples: &[],
};

/// What a client asks.
#[derive(Debug)]
pub struct Request<'a> {
    pub namespace: NamespaceName<'a>,
    pub token: Token,
    pub message: &'a [u8],
    /// None: as the rules say.
    pub remember_ms: Option<u64>,
}

impl<'a> Request<'a> {
    /// Reads the arguments after the command's name.
    pub fn parse(arguments: &'a [&'a [u8]], limits: &Limits) -> Result<Self, Refusal> {
        let (namespace, token, rest) = lease_arguments::parse(arguments)?;
        let (message, rest) = rest.split_first().ok_or_else(too_few)?;
        let options = Options::parse(&COMMAND, rest)?;
        limits.check_progress("the message", message)?;
        let remember_ms = options.number("PX");
        if let Some(remember_ms) = remember_ms {
            limits.check_duration(&format!("PX {remember_ms}"), remember_ms)?;
        }
        Ok(Request { namespace, token, message, remember_ms })
    }
}
