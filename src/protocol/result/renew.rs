//! `CACHE.RESULT RENEW ns token [LEASE ms] [PROGRESS json] [WEIGHT bytes]`

use super::super::entry_arguments::NAMESPACE;
use super::super::lease_arguments::{self, LEASE, TOKEN, length_ms, progress};
use super::super::options::Options;
use super::super::table::{Argument, Command, Flag, KeyUse, Kind};
use super::super::write_options::WEIGHT;
use super::CONTAINER;
use crate::core::limits::Limits;
use crate::core::name::NamespaceName;
use crate::core::refusal::Refusal;
use crate::core::token::Token;

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "RENEW",
    summary: "Goes on with a lease, and tells how far it has come.",
    complexity: "O(log N) with N the leases in flight",
    since: "0.1.0",
    flags: &[Flag::Readonly, Flag::Fast],
    tips: &[],
    key: Some(KeyUse::Access),
    arguments: &[
        NAMESPACE,
        TOKEN,
        LEASE,
        Argument {
            name: "json",
            kind: Kind::Text,
            token: Some("PROGRESS"),
            optional: true,
            summary: "how far the computation has come: any JSON",
        },
        WEIGHT,
    ],
    reply: "OK, or FENCED: the lease is lost, and its result will not be stored.",
    details: &[
        "The lease lasts LEASE milliseconds from now, or as long as it was granted for. One that lapsed is taken up again, \
         as long as no other lease and no write has overtaken it.",
        "Progress is shown to those who ask: FETCH with `BUSY`, NEXT, and INFO. WEIGHT reserves what the holder is about to \
         write elsewhere; FILL takes it over where it says no other. Both stay until they are renewed with others.",
    ],
    examples: &[],
};

/// What a client asks.
#[derive(Debug)]
pub struct Request<'a> {
    pub namespace: NamespaceName<'a>,
    pub token: Token,
    pub length_ms: Option<u64>,
    pub progress: Option<&'a [u8]>,
    pub weight: Option<u64>,
}

impl<'a> Request<'a> {
    /// Reads the arguments after the command's name.
    pub fn parse(arguments: &'a [&'a [u8]], limits: &Limits) -> Result<Self, Refusal> {
        let (namespace, token, rest) = lease_arguments::parse(arguments)?;
        let options = Options::parse(&COMMAND, rest)?;
        let (length_ms, progress) = (length_ms(&options, limits)?, progress(&options, limits)?);
        Ok(Request { namespace, token, length_ms, progress, weight: options.number("WEIGHT") })
    }
}
