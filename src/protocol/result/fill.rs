//! `CACHE.RESULT FILL ns token result [EX | PX | EXAT | PXAT | KEEPTTL | PERSIST] [GRACE] [TAGS] [TOOK] [WEIGHT]`

use super::super::entry_arguments::{NAMESPACE, too_few};
use super::super::lease_arguments::{self, TOKEN};
use super::super::options::Options;
use super::super::table::{Argument, Command, Flag, KeyUse, Kind};
use super::super::write_options::{EXPIRY, GRACE, TAGS, TOOK, WEIGHT, write};
use super::CONTAINER;
use crate::core::limits::Limits;
use crate::core::name::NamespaceName;
use crate::core::refusal::Refusal;
use crate::core::set::Write;
use crate::core::token::Token;

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "FILL",
    summary: "Stores the result of a leased computation, and gives it to all who wait for it.",
    complexity: "O(N) with N the bytes of the result",
    since: "0.1.0",
    flags: &[Flag::Write],
    tips: &[],
    key: Some(KeyUse::Update),
    arguments: &[
        NAMESPACE,
        TOKEN,
        Argument { name: "result", kind: Kind::Bytes, token: None, optional: false, summary: "any bytes" },
        EXPIRY,
        GRACE,
        TAGS,
        TOOK,
        WEIGHT,
    ],
    reply: "OK, or FENCED: then nothing is stored, and the next of those who wait gets the lease.",
    details: &[
        "FENCED says that since the grant the entry, its operation, one of its tags or the whole namespace was \
         invalidated, or that a SET, a MERGE or another lease overtook this one: the result may be stale. A lease that only \
         lapsed may still be filled.",
        "The options are those of [SET](cache.result-set.md). Without TOOK it is the time since the grant; without WEIGHT \
         what RENEW reserved.",
        "Where memory is full and nothing can be evicted, FILL answers OOM, its lease ends, and all who wait are told \
         FAILED with a message that begins with `OOM`: none of them could do better. Any other error (a result that is too \
         large, or past already) changes nothing: the lease goes on, and those who wait wait on, until it lapses or FAIL \
         ends it.",
    ],
    examples: &[],
};

/// What a client asks.
#[derive(Debug)]
pub struct Request<'a> {
    pub namespace: NamespaceName<'a>,
    pub token: Token,
    pub write: Write<'a>,
}

impl<'a> Request<'a> {
    /// Reads the arguments after the command's name; the entry's tags are written into `tag_block`.
    pub fn parse(
        arguments: &'a [&'a [u8]],
        limits: &Limits,
        tag_block: &'a mut Vec<u8>,
    ) -> Result<Self, Refusal> {
        let (namespace, token, rest) = lease_arguments::parse(arguments)?;
        let (result, rest) = rest.split_first().ok_or_else(too_few)?;
        let options = Options::parse(&COMMAND, rest)?;
        limits.check_result(result)?;
        let write = Write { result, ..write(&options, limits, tag_block)? };
        Ok(Request { namespace, token, write })
    }
}
