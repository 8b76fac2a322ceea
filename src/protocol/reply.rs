//! Replies as values, rendered for RESP2 or RESP3 by the server layer.

use std::borrow::Cow;
use std::ffi::CStr;

/// One reply, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply<'a> {
    /// A simple string: OK and the statuses.
    Status(&'static CStr),
    /// A bulk string, possibly straight from an entry's buffer.
    Bulk(Cow<'a, [u8]>),
    Integer(i64),
    Nil,
    Array(Vec<Reply<'a>>),
    /// Flat pairs in RESP2, a map in RESP3.
    Map(Vec<(&'static str, Reply<'a>)>),
}

impl<'a> Reply<'a> {
    pub const OK: Reply<'static> = Reply::Status(c"OK");

    /// The write was overtaken: it has not happened.
    pub const FENCED: Reply<'static> = Reply::Status(c"FENCED");

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

    /// The same with bytes of its own.
    pub fn into_owned(self) -> Reply<'static> {
        match self {
            Reply::Status(status) => Reply::Status(status),
            Reply::Bulk(bytes) => Reply::Bulk(Cow::Owned(bytes.into_owned())),
            Reply::Integer(integer) => Reply::Integer(integer),
            Reply::Nil => Reply::Nil,
            Reply::Array(replies) => Reply::Array(replies.into_iter().map(Reply::into_owned).collect()),
            Reply::Map(pairs) => {
                Reply::Map(pairs.into_iter().map(|(name, reply)| (name, reply.into_owned())).collect())
            }
        }
    }

    /// Bytes of the bulk strings in it.
    pub fn bytes(&self) -> usize {
        match self {
            Reply::Bulk(bytes) => bytes.len(),
            Reply::Array(replies) => replies.iter().map(Reply::bytes).sum(),
            Reply::Map(pairs) => pairs.iter().map(|(_, reply)| reply.bytes()).sum(),
            Reply::Status(_) | Reply::Integer(_) | Reply::Nil => 0,
        }
    }

    /// The reply made of a value, or nil.
    pub fn or_nil<T>(value: Option<T>, reply: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Reply::Nil, reply)
    }
}
