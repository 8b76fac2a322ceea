//! The stream of removals of a namespace, read as one of a consumer group: each record goes to one of them, and stays
//! theirs until they say that they are done with it.

use std::collections::HashMap;
use std::time::Duration;

use redis::{Connection, ErrorKind, RedisResult, Value, cmd};

/// The group that all janitors are in.
const GROUP: &str = "janitors";

/// How many records are taken at once.
const BATCH: usize = 100;

/// What the module wrote of an entry that it removed.
#[derive(Debug)]
pub struct Record {
    /// Its place in the stream.
    id: String,
    pub operation: String,
    pub fingerprint: String,
    /// `expired`, `evicted`, `invalidated` or `replaced`.
    pub cause: String,
    pub result: Vec<u8>,
}

/// Records as the server has them: ids with names and values.
type Rows = Vec<(String, HashMap<String, Vec<u8>>)>;

/// The stream, as one of those who read it sees it.
pub struct Removals {
    connection: Connection,
    stream: String,
    name: String,
}

impl Removals {
    /// Joins the group of `namespace` as `name`. Who is first finds all that is recorded already.
    pub fn open(port: u16, namespace: &str, name: &str) -> RedisResult<Removals> {
        let mut connection = redis::Client::open(("127.0.0.1", port))?.get_connection()?;
        // A namespace that has a hash tag of its own, as in `a{b}`, stands without these braces.
        let stream = format!("result:{{{namespace}}}:removals");
        let mut create = cmd("XGROUP");
        create.arg("CREATE").arg(&stream).arg(GROUP).arg(0).arg("MKSTREAM");
        match create.exec(&mut connection) {
            Err(e) if e.code() == Some("BUSYGROUP") => {}
            other => other?,
        }
        Ok(Removals { connection, stream, name: name.into() })
    }

    /// Takes records over that somebody was given, and has not been done with for `idle`.
    pub fn abandoned(&mut self, idle: Duration) -> RedisResult<Vec<Record>> {
        let mut from = String::from("0-0");
        loop {
            let mut claim = cmd("XAUTOCLAIM");
            claim.arg(&self.stream).arg(GROUP).arg(&self.name).arg(millis(idle));
            // The third are those that were trimmed away meanwhile. The server forgets them now.
            let (next, rows, _trimmed): (String, Rows, Value) =
                claim.arg(&from).arg(("COUNT", BATCH)).query(&mut self.connection)?;
            if !rows.is_empty() || next == "0-0" {
                return rows.into_iter().map(Record::read).collect();
            }
            from = next;
        }
    }

    /// Takes records that nobody was given yet, and waits `patience` for one.
    pub fn next(&mut self, patience: Duration) -> RedisResult<Vec<Record>> {
        let mut read = cmd("XREADGROUP");
        read.arg(("GROUP", GROUP, &self.name)).arg(("COUNT", BATCH)).arg(("BLOCK", millis(patience)));
        let streams: Option<Vec<(String, Rows)>> =
            read.arg(("STREAMS", &self.stream, ">")).query(&mut self.connection)?;
        streams.into_iter().flatten().flat_map(|(_, rows)| rows).map(Record::read).collect()
    }

    /// The record is done with: nobody is given it again.
    pub fn done(&mut self, record: &Record) -> RedisResult<()> {
        cmd("XACK").arg(&self.stream).arg(GROUP).arg(&record.id).exec(&mut self.connection)
    }
}

impl Record {
    fn read((id, mut fields): (String, HashMap<String, Vec<u8>>)) -> RedisResult<Record> {
        let mut take = |name: &str| -> RedisResult<Vec<u8>> {
            let lacks = || (ErrorKind::Parse, "a record of removals lacks a field", name.to_owned());
            fields.remove(name).ok_or_else(|| lacks().into())
        };
        // Names are UTF-8; results are any bytes.
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Record {
            id,
            operation: text(take("operation")?),
            fingerprint: text(take("fingerprint")?),
            cause: text(take("cause")?),
            result: take("result")?,
        })
    }
}

/// A duration as the commands take it; none is too long for anybody to wait for.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
