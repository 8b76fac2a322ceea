//! Replies that cannot be known beforehand: they hold a token, a version or a figure of the server's.

use std::error::Error;

/// What the server answered to one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A line: a status, an error, or a kind of reply that nothing here asks for. Its first byte says which.
    Line(String),
    Integer(i64),
    Bulk(Option<Vec<u8>>),
    Array(Option<Vec<Reply>>),
}

/// The four parts of what `CACHE.RESULT FETCH` answers.
pub struct Fetched {
    pub status: String,
    pub value: Option<Vec<u8>>,
    pub token: Option<String>,
    pub version: i64,
}

impl Reply {
    /// Takes one reply off the front of `bytes`. `None` if not all of it is there: then ask again with more.
    pub fn take(bytes: &mut &[u8]) -> Option<Reply> {
        let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(&bytes[..end]).ok()?;
        *bytes = &bytes[end + 2..];
        Some(match line.split_at_checked(1)? {
            (":", number) => Reply::Integer(number.parse().ok()?),
            ("$", "-1") => Reply::Bulk(None),
            ("$", length) => {
                let (content, rest) = bytes.split_at_checked(length.parse().ok()?)?;
                *bytes = rest.get(2..)?;
                Reply::Bulk(Some(content.to_vec()))
            }
            ("*", "-1") => Reply::Array(None),
            ("*", length) => {
                let length: usize = length.parse().ok()?;
                Reply::Array(Some((0..length).map(|_| Reply::take(bytes)).collect::<Option<_>>()?))
            }
            _ => Reply::Line(line.to_owned()),
        })
    }

    /// The reply of a `FETCH`; an error if it is anything else.
    pub fn fetched(self) -> Result<Fetched, Box<dyn Error>> {
        match self {
            Reply::Array(Some(parts)) => match <[Reply; 4]>::try_from(parts) {
                Ok(
                    [Reply::Line(status), Reply::Bulk(value), Reply::Bulk(token), Reply::Integer(version)],
                ) => {
                    let token = token.map(String::from_utf8).transpose()?;
                    Ok(Fetched { status: status[1..].to_owned(), value, token, version })
                }
                other => Err(format!("no reply of FETCH: {other:?}").into()),
            },
            other => Err(format!("no reply of FETCH: {other:?}").into()),
        }
    }

    /// The last string in it, however deep.
    fn last_bulk(&self) -> Option<&[u8]> {
        match self {
            Reply::Bulk(content) => content.as_deref(),
            Reply::Array(parts) => parts.as_ref()?.iter().rev().find_map(Reply::last_bulk),
            Reply::Line(_) | Reply::Integer(_) => None,
        }
    }

    /// An error unless this is the last string in it, however deep.
    pub fn must_end_with(&self, value: &str) -> Result<(), Box<dyn Error>> {
        match self.last_bulk() {
            Some(last) if last == value.as_bytes() => Ok(()),
            _ => Err(format!("the server answered {self:?}, expected the value").into()),
        }
    }

    /// Whether it is this status.
    pub fn is(&self, status: &str) -> bool {
        matches!(self, Reply::Line(line) if line.strip_prefix('+') == Some(status))
    }

    /// An error unless it is this status.
    pub fn must_be(self, status: &str) -> Result<(), Box<dyn Error>> {
        if self.is(status) {
            Ok(())
        } else {
            Err(format!("the server answered {self:?}, expected {status}").into())
        }
    }
}

impl Fetched {
    /// The token of a lease that was granted; an error if something else was answered.
    pub fn lease(self) -> Result<String, Box<dyn Error>> {
        match self.token {
            Some(token) if self.status == "LEASE" => Ok(token),
            _ => Err(format!("FETCH answered {}, expected LEASE", self.status).into()),
        }
    }

    /// An error unless it is a hit with this value.
    pub fn must_hit(&self, value: &str) -> Result<(), Box<dyn Error>> {
        match &self.value {
            Some(found) if self.status == "HIT" && found == value.as_bytes() => Ok(()),
            _ => Err(format!("FETCH answered {}, expected HIT with the value", self.status).into()),
        }
    }
}
