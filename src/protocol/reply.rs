//! Replies as values, rendered for RESP2 or RESP3 by the server layer.

use std::borrow::Cow;

/// One reply, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply<'a> {
    /// A simple string: OK and the statuses.
    Status(&'static str),
    /// A bulk string, possibly straight from an entry's buffer.
    Bulk(Cow<'a, [u8]>),
    Integer(i64),
    Nil,
    Array(Vec<Reply<'a>>),
    /// Flat pairs in RESP2, a map in RESP3.
    Map(Vec<(&'static str, Reply<'a>)>),
}

impl<'a> Reply<'a> {
    pub const OK: Reply<'static> = Reply::Status("OK");

    /// The write was overtaken: it has not happened.
    pub const FENCED: Reply<'static> = Reply::Status("FENCED");

    /// A bulk string that borrows.
    pub fn bulk(bytes: &'a [u8]) -> Self {
        Reply::Bulk(Cow::Borrowed(bytes))
    }

    /// A bulk string that owns.
    pub fn text(text: impl Into<String>) -> Self {
        Reply::Bulk(Cow::Owned(text.into().into_bytes()))
    }

    /// An unsigned number; all that the product counts stay far below 2^63.
    pub fn number(number: u64) -> Self {
        Reply::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// The reply made of a value, or nil.
    pub fn or_nil<T>(value: Option<T>, reply: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Reply::Nil, reply)
    }
}
