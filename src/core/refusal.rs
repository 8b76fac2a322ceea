//! Refusals: the errors of the command contract.
//!
//! A refusal is one upper-case word that programs can match, then a sentence for people that names
//! the offending value and what is accepted. A refused command has changed nothing.

use std::fmt;

/// The first word of an error reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Syntax, arity, a number out of range.
    Err,
    /// The key holds a value of another type.
    WrongType,
    /// Params that are not acceptable JSON, or a malformed `fp:` fingerprint.
    BadParams,
    /// A namespace or operation name outside the accepted alphabet or length.
    BadName,
    /// A plan that is none.
    BadPlan,
    /// A rule's pattern, field or value that is not acceptable.
    BadPolicy,
    /// A token or stamp that is malformed, or another namespace's.
    BadToken,
    /// An argument over one of the configured limits.
    TooBig,
    /// The command is not for this client.
    NoPerm,
    /// Memory is full, and nothing may be evicted.
    Oom,
    /// This server is a replica.
    ReadOnly,
    /// What is needed may be at another node of a cluster, while a slot moves.
    TryAgain,
}

impl Code {
    /// The word as it stands on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Code::Err => "ERR",
            Code::WrongType => "WRONGTYPE",
            Code::BadParams => "BADPARAMS",
            Code::BadName => "BADNAME",
            Code::BadPlan => "BADPLAN",
            Code::BadPolicy => "BADPOLICY",
            Code::BadToken => "BADTOKEN",
            Code::TooBig => "TOOBIG",
            Code::NoPerm => "NOPERM",
            Code::Oom => "OOM",
            Code::ReadOnly => "READONLY",
            Code::TryAgain => "TRYAGAIN",
        }
    }
}

/// An error reply: its word and its sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub message: String,
}

impl Refusal {
    /// A refusal with the given word and sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Refusal { code, message: message.into() }
    }

    /// `ERR`: syntax, arity, a number out of range.
    pub fn syntax(message: impl Into<String>) -> Self {
        Self::new(Code::Err, message)
    }
}

/// The error reply's text, word first, without the leading `-`.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code.word(), self.message)
    }
}

impl std::error::Error for Refusal {}

/// Shows a client's argument inside an error sentence: quoted, printable, and never longer than 64
/// characters, so that hostile bytes neither break the protocol nor flood the log.
pub fn quoted(argument: &[u8]) -> String {
    const SHOWN: usize = 64;
    let mut text = String::with_capacity(SHOWN.min(argument.len()).saturating_add(8));
    text.push('\'');
    for (shown, c) in argument
        .utf8_chunks()
        .flat_map(|c| c.valid().chars().chain((!c.invalid().is_empty()).then_some('?')))
        .enumerate()
    {
        if shown == SHOWN {
            text.push_str("...");
            break;
        }
        match c {
            '\'' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => text.push('?'),
            c => text.push(c),
        }
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_argument_cannot_break_the_protocol_or_flood_the_log() {
        assert_eq!(quoted(b"plain"), "'plain'");
        assert_eq!(quoted(b"a\r\nb"), "'a??b'");
        assert_eq!(quoted(b"it's"), "'it\\'s'");
        assert_eq!(quoted(b"\xff\xfe"), "'??'");
        assert_eq!(quoted(&[b'x'; 100]), format!("'{}...'", "x".repeat(64)));
    }
}
