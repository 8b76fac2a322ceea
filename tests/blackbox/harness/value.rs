//! Replies as values, read from RESP2 or RESP3.

use std::fmt;
use std::io::{self, BufRead, Read};

/// One reply. RESP3's verbatim strings read as `Bulk`, its big numbers as `Simple`.
#[derive(Clone, PartialEq)]
pub enum Value {
    Nil,
    Simple(String),
    Error(String),
    Integer(i64),
    Double(f64),
    Boolean(bool),
    Bulk(Vec<u8>),
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Set(Vec<Value>),
    Push(Vec<Value>),
}

/// The reply `OK`.
pub fn ok() -> Value {
    Value::Simple("OK".into())
}

/// The reply to a write that was overtaken.
pub fn fenced() -> Value {
    Value::Simple("FENCED".into())
}

/// The reply that says "nothing".
pub fn nil() -> Value {
    Value::Nil
}

impl From<&str> for Value {
    /// A bulk string.
    fn from(text: &str) -> Self {
        Value::Bulk(text.as_bytes().to_vec())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Integer(number)
    }
}

impl Value {
    /// The bytes of a bulk string; panics at anything else.
    #[track_caller]
    pub fn bulk(&self) -> &[u8] {
        match self {
            Value::Bulk(bytes) => bytes,
            other => panic!("expected a bulk string, got {other:?}"),
        }
    }

    /// The text of a bulk or simple string; panics at anything else.
    #[track_caller]
    pub fn text(&self) -> String {
        match self {
            Value::Simple(text) => text.clone(),
            other => String::from_utf8_lossy(other.bulk()).into_owned(),
        }
    }

    /// The number of an integer reply; panics at anything else.
    #[track_caller]
    pub fn int(&self) -> i64 {
        match self {
            Value::Integer(number) => *number,
            other => panic!("expected an integer, got {other:?}"),
        }
    }

    /// The text of an error; panics at anything else.
    #[track_caller]
    pub fn error(&self) -> &str {
        match self {
            Value::Error(text) => text,
            other => panic!("expected an error, got {other:?}"),
        }
    }

    /// The error's first word; panics where the reply is none.
    #[track_caller]
    pub fn error_word(&self) -> &str {
        self.error().split(' ').next().unwrap_or_default()
    }

    /// Whether this is an error reply.
    pub fn is_error(&self) -> bool {
        matches!(self, Value::Error(_))
    }

    /// The members of an array, set or push; panics at anything else.
    #[track_caller]
    pub fn array(&self) -> &[Value] {
        match self {
            Value::Array(members) | Value::Set(members) | Value::Push(members) => members,
            other => panic!("expected an array, got {other:?}"),
        }
    }

    /// The pairs of a map, or of a flat array of pairs as RESP2 gives; panics at anything else.
    #[track_caller]
    pub fn pairs(&self) -> Vec<(String, Value)> {
        match self {
            Value::Map(pairs) => pairs.iter().map(|(name, value)| (name.text(), value.clone())).collect(),
            flat => flat.array().chunks(2).map(|pair| (pair[0].text(), pair[1].clone())).collect(),
        }
    }

    /// The value beside `name` in a map or a flat list of pairs; panics where there is none.
    #[track_caller]
    pub fn field(&self, name: &str) -> Value {
        let pairs = self.pairs();
        let found = pairs.into_iter().find(|(field, _)| field == name);
        found.unwrap_or_else(|| panic!("no field {name:?} in {self:?}")).1
    }

    /// Reads one value.
    ///
    /// # Errors
    /// Those of `reader`, the time-out among them, and `InvalidData` where the bytes are no RESP.
    pub fn read(reader: &mut impl BufRead) -> io::Result<Value> {
        let line = read_line(reader)?;
        let (kind, rest) = (line.chars().next().unwrap_or('\0'), line.get(1..).unwrap_or_default());
        let number = || rest.parse::<i64>().map_err(|_| malformed(&line));
        Ok(match kind {
            '+' | '(' => Value::Simple(rest.to_owned()),
            '-' => Value::Error(rest.to_owned()),
            ':' => Value::Integer(number()?),
            ',' => Value::Double(rest.parse().map_err(|_| malformed(&line))?),
            '#' => Value::Boolean(rest == "t"),
            '_' => Value::Nil,
            '$' | '*' if rest == "-1" => Value::Nil,
            '$' => Value::Bulk(read_bulk(reader, number()?)?),
            '=' => Value::Bulk(read_bulk(reader, number()?)?.split_off(4)),
            '*' => Value::Array(read_members(reader, number()?)?),
            '~' => Value::Set(read_members(reader, number()?)?),
            '>' => Value::Push(read_members(reader, number()?)?),
            '%' => Value::Map(
                (0..number()?)
                    .map(|_| Ok((Value::read(reader)?, Value::read(reader)?)))
                    .collect::<io::Result<_>>()?,
            ),
            _ => return Err(malformed(&line)),
        })
    }
}

fn malformed(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not RESP: {line:?}"))
}

/// One line without its CRLF.
fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line)? == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
    }
    let line = line.strip_suffix(b"\r\n").ok_or_else(|| malformed(&String::from_utf8_lossy(&line)))?;
    Ok(String::from_utf8_lossy(line).into_owned())
}

/// `length` bytes and the CRLF behind them, which must be there.
fn read_bulk(reader: &mut impl Read, length: i64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(length).map_err(|_| malformed("a negative length"))?;
    let mut bytes = vec![0; length + 2];
    reader.read_exact(&mut bytes)?;
    if bytes.split_off(length) != b"\r\n" {
        return Err(malformed("a bulk string without its CRLF"));
    }
    Ok(bytes)
}

fn read_members(reader: &mut impl BufRead, count: i64) -> io::Result<Vec<Value>> {
    (0..count).map(|_| Value::read(reader)).collect()
}

/// Short enough to be read in a failed assertion, whatever the reply.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 300;
        match self {
            Value::Nil => write!(f, "nil"),
            Value::Simple(text) => write!(f, "+{text}"),
            Value::Error(text) => write!(f, "-{text}"),
            Value::Integer(number) => write!(f, "{number}"),
            Value::Double(number) => write!(f, "{number}"),
            Value::Boolean(truth) => write!(f, "{truth}"),
            Value::Bulk(bytes) if bytes.len() > SHOWN => {
                write!(f, "\"{}...\" ({} bytes)", bytes[..SHOWN].escape_ascii(), bytes.len())
            }
            Value::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Value::Array(members) => f.debug_list().entries(members).finish(),
            Value::Set(members) => f.debug_set().entries(members).finish(),
            Value::Push(members) => write!(f, "push {members:?}"),
            Value::Map(pairs) => f.debug_map().entries(pairs.iter().map(|(k, v)| (k, v))).finish(),
        }
    }
}
