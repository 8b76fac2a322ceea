//! `CACHE.RESULT FETCH ns operation params [LEASE ms] [BLOCK ms] [NOSTALE] [HOLDER id] [REJECT version]`

use super::super::entry_arguments::{EntryArguments, NAMESPACE, OPERATION, PARAMS};
use super::super::lease_arguments::{BLOCK, HOLDER, LEASE, holder, length_ms};
use super::super::options::Options;
use super::super::reply::Reply;
use super::super::table::{Argument, Command, Flag, KeyUse, Kind};
use super::CONTAINER;
use crate::core::fetch::{Ask, Fetched, Status, signed};
use crate::core::limits::{Limits, MAX_INTEGER};
use crate::core::refusal::Refusal;
use crate::core::state::Opened;

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "FETCH",
    summary: "Returns a result, or leases its computation to one caller and lets the others wait for it.",
    complexity: "O(N) with N the bytes of params",
    since: "0.1.0",
    flags: &[Flag::Readonly, Flag::Blocking],
    tips: &[],
    key: Some(KeyUse::Access),
    arguments: &[
        NAMESPACE,
        OPERATION,
        PARAMS,
        LEASE,
        BLOCK,
        Argument {
            name: "nostale",
            kind: Kind::Flag,
            token: Some("NOSTALE"),
            optional: true,
            summary: "wait or compute instead of taking an entry in its grace",
        },
        HOLDER,
        Argument {
            name: "version",
            kind: Kind::Integer { min: 0, max: MAX_INTEGER, unit: "versions" },
            token: Some("REJECT"),
            optional: true,
            summary: "count the entry of this version as absent: the caller found it unusable",
        },
    ],
    reply: "Always four parts, `status value token version`:\n\n\
            | status | value | token | means |\n\
            | --- | --- | --- | --- |\n\
            | `HIT` | result | nil, or a token where an early refresh is due | fresh |\n\
            | `STALE` | result | token or nil | within its grace; the one caller with the token is asked to compute it anew, all others just use it |\n\
            | `LEASE` | nil | token | nothing usable: this caller computes, then calls FILL |\n\
            | `BUSY` | progress or nil | nil | another computes (no BLOCK, it ran out, or too many wait), or too much is leased already (`cache.leases-max`) |\n\
            | `FAILED` | message | nil | a failure that is remembered, or that ended the wait |\n\n\
            The version is that of the value; for BUSY that of the newest progress, else of what is there and not served, as NEXT \
            takes it; 0 where there is nothing.",
    details: &[
        "A lease is the right to compute an entry, until its deadline: LEASE milliseconds from now, or as the rule LEASE \
         says (30 s). Its token is given back with FILL, RENEW, RELEASE or FAIL; it is a text without secrets, good after a \
         restart or a failover, and may hold what rules draw from the params (TAGS).",
        "With BLOCK a caller waits where another computes, and is woken by the server: by FILL, SET or MERGE with the \
         value, by FAIL with its message, and where the lease is released, lapses or is invalidated, the one that has waited \
         longest gets a new lease. One that times out is told `BUSY`; 0 waits without limit. In a transaction or a script \
         nothing blocks.",
        "HOLDER makes a retry safe: the same id gets the token of the lease that it holds again, with the deadline that it \
         has. REJECT is for a caller who finds that what the entry stands for is gone; it binds that caller only. Reject the version \
         that you got: a failure beside a value gives that a new one.",
        "On a replica only HIT and STALE are answered, without tokens; anything else is READONLY.",
    ],
    examples: &[],
};

/// What a client asks.
#[derive(Debug)]
pub struct Request<'a> {
    pub entry: EntryArguments<'a>,
    pub ask: Ask,
    pub length_ms: Option<u64>,
    /// None: the caller does not wait. 0: without limit.
    pub block_ms: Option<u64>,
    pub holder: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// Reads the arguments after the command's name.
    pub fn parse(arguments: &'a [&'a [u8]], limits: &Limits) -> Result<Self, Refusal> {
        let (entry, rest) = EntryArguments::parse(arguments, limits)?;
        if rest.is_empty() {
            // What is asked most often shall cost as little as GET.
            return Ok(Request { entry, ask: Ask::default(), length_ms: None, block_ms: None, holder: None });
        }
        let options = Options::parse(&COMMAND, rest)?;
        let ask = Ask { nostale: options.flag("NOSTALE"), reject: options.number("REJECT") };
        let (length_ms, holder) = (length_ms(&options, limits)?, holder(&options)?);
        Ok(Request { entry, ask, length_ms, block_ms: options.number("BLOCK"), holder })
    }
}

/// The four parts of the reply, from what outlived its decision.
pub fn reply(fetched: &Fetched) -> [Reply<'_>; 4] {
    let bytes = |bytes| Reply::or_nil(bytes, Reply::bulk);
    let token = fetched.token.as_deref().map(str::as_bytes);
    [status(fetched.status), bytes(fetched.value.as_deref()), bytes(token), Reply::Integer(fetched.version)]
}

/// The four parts of the reply with what is there, straight from the entry.
pub fn value<'a>(of: Status, stored: &Opened<'a>, token: Option<&'a str>) -> [Reply<'a>; 4] {
    let version = signed(stored.entry.version);
    let token = Reply::or_nil(token, |token| Reply::bulk(token.as_bytes()));
    [status(of), Reply::bulk(stored.result), token, Reply::Integer(version)]
}

fn status(status: Status) -> Reply<'static> {
    Reply::Status(match status {
        Status::Hit => c"HIT",
        Status::Stale => c"STALE",
        Status::Lease => c"LEASE",
        Status::Busy => c"BUSY",
        Status::Failed => c"FAILED",
    })
}
