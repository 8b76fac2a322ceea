//! Arguments of the commands that deal with leases: tokens, lengths, names of holders.

use super::entry_arguments::too_few;
use super::options::Options;
use super::table::{Argument, Kind};
use crate::core::canonical::Canonicalizer;
use crate::core::limits::{Limits, MAX_INTEGER, maxima};
use crate::core::name::NamespaceName;
use crate::core::refusal::{Code, Refusal, quoted};
use crate::core::token::Token;

const MAX_DURATION_MS: u64 = maxima::TTL_SECONDS * 1000;

pub const TOKEN: Argument = Argument {
    name: "token",
    kind: Kind::Text,
    token: None,
    optional: false,
    summary: "what FETCH answered",
};

pub const LEASE: Argument = Argument {
    name: "milliseconds",
    kind: Kind::Integer { min: 1, max: MAX_DURATION_MS, unit: "milliseconds" },
    token: Some("LEASE"),
    optional: true,
    summary: "how long the lease lasts",
};

pub const BLOCK: Argument = Argument {
    name: "milliseconds",
    kind: Kind::Integer { min: 0, max: MAX_INTEGER, unit: "milliseconds" },
    token: Some("BLOCK"),
    optional: true,
    summary: "how long to wait; 0 is without limit",
};

pub const HOLDER: Argument = Argument {
    name: "id",
    kind: Kind::Text,
    token: Some("HOLDER"),
    optional: true,
    summary: "who asks: a repeated call by the holder of the lease gets its token again",
};

/// Takes namespace and token from the front of a command's arguments; returns what remains.
pub fn parse<'a>(arguments: &'a [&'a [u8]]) -> Result<(NamespaceName<'a>, Token, &'a [&'a [u8]]), Refusal> {
    let ([namespace, token], rest) = arguments.split_first_chunk::<2>().ok_or_else(too_few)?;
    let namespace = NamespaceName::parse(namespace)?;
    Ok((namespace, Token::parse(token, namespace)?, rest))
}

/// The length that LEASE says.
pub fn length_ms(options: &Options<'_>, limits: &Limits) -> Result<Option<u64>, Refusal> {
    let length_ms = options.number("LEASE");
    if let Some(length_ms) = length_ms {
        limits.check_duration(&format!("LEASE {length_ms}"), length_ms)?;
    }
    Ok(length_ms)
}

/// The name that HOLDER says.
pub fn holder<'a>(options: &Options<'a>) -> Result<Option<&'a [u8]>, Refusal> {
    let Some(holder) = options.word("HOLDER") else { return Ok(None) };
    if (1..=maxima::HOLDER_BYTES).contains(&holder.len()) {
        return Ok(Some(holder));
    }
    let (shown, max) = (quoted(holder), maxima::HOLDER_BYTES);
    let message = format!("HOLDER {shown} has {} bytes: 1 to {max} are accepted", holder.len());
    Err(if holder.is_empty() { Refusal::syntax(message) } else { Refusal::new(Code::TooBig, message) })
}

/// The JSON text that PROGRESS says.
pub fn progress<'a>(options: &Options<'a>, limits: &Limits) -> Result<Option<&'a [u8]>, Refusal> {
    let Some(text) = options.word("PROGRESS") else { return Ok(None) };
    limits.check_progress("PROGRESS", text)?;
    let checked = Canonicalizer::new().append(text, &mut Vec::new());
    checked
        .map_err(|fault| Refusal::syntax(format!("PROGRESS {} is not accepted: {fault}", quoted(text))))?;
    Ok(Some(text))
}
