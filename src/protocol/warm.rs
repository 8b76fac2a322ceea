//! `CACHE.WARM ns [NX] [SINCE] [EX | PX | ...] [GRACE] [TAGS] ENTRIES operation params result [...]`, or `JSON array`

use std::borrow::Cow;

use super::entry_arguments::{EntryArguments, NAMESPACE, too_few};
use super::options::Options;
use super::table::{Argument, Command, Flag, KeyUse, Kind};
use super::warm_json::{self, JsonRow};
use super::write_options::{EXPIRY, GRACE, SINCE, TAGS, since, write};
use crate::core::limits::Limits;
use crate::core::name::NamespaceName;
use crate::core::refusal::{Code, Refusal};
use crate::core::set::{Condition, Expiry, Write};
use crate::core::stamp::Stamp;

pub const COMMAND: Command = Command {
    container: None,
    name: "CACHE.WARM",
    summary: "Stores many results in one step, or none of them.",
    complexity: "O(N) with N the bytes of all rows",
    since: "0.1.0",
    flags: &[Flag::Write, Flag::DenyOom],
    tips: &[],
    key: Some(KeyUse::Update),
    arguments: &[
        NAMESPACE,
        Argument {
            name: "nx",
            kind: Kind::Flag,
            token: Some("NX"),
            optional: true,
            summary: "only where there is nothing fresh",
        },
        SINCE,
        EXPIRY,
        GRACE,
        TAGS,
        Argument {
            name: "rows",
            kind: Kind::OneOf(&[
                Argument {
                    name: "entries",
                    kind: Kind::Repeated(&["operation", "params", "result"]),
                    token: Some("ENTRIES"),
                    optional: false,
                    summary: "the rows, one after the other",
                },
                Argument {
                    name: "array",
                    kind: Kind::Text,
                    token: Some("JSON"),
                    optional: false,
                    summary: "the rows as a JSON array of objects",
                },
            ]),
            token: None,
            optional: false,
            summary: "what is stored",
        },
    ],
    reply: "Two integers: how many rows were stored, and how many were skipped: because of NX, because SINCE forbids them, or \
            because their end is past already.",
    details: &[
        "It is a SET of each row, in their order, at most 100,000 of them. Everything is checked before anything is stored: one \
         bad row refuses all, and the error names its index, counted from 0. Of the same entry the later row wins, with NX the \
         first. Whoever waits for an entry is given its value, as by SET. KEEPTTL keeps what was there before \
         the command.",
        "The rows of JSON are objects with `operation`, `params` and `result`, which is stored as its JSON text, and if need be \
         `ttl_ms`, `grace_ms`, `tags`, `took_ms` and `weight`; they go before the options, and tags join them.",
        "Take a stamp with `CACHE.CLOCK` before you read what you warm with, and give it to SINCE: rows that were invalidated \
         in between are skipped.",
    ],
    examples: &[
        (
            r#"CACHE.WARM demo EX 60 ENTRIES add '{"a":1,"b":2}' 3 add '{"a":2,"b":2}' 4"#,
            "1) (integer) 2\n2) (integer) 0",
        ),
        (
            r#"CACHE.WARM demo NX JSON '[{"operation":"add","params":{"b":2,"a":1},"result":5},{"operation":"add","params":{"a":3,"b":2},"result":5,"ttl_ms":60000}]'"#,
            "1) (integer) 1\n2) (integer) 1",
        ),
        (r#"CACHE.RESULT GET demo add '{"a":3,"b":2}'"#, r#""5""#),
    ],
};

/// The most rows of a call.
const MAX_ROWS: usize = 100_000;

/// What a client asks to be stored at one entry.
#[derive(Debug)]
pub struct Row<'a> {
    pub entry: EntryArguments<'a>,
    pub write: Write<'a>,
    /// Tags of its own, which join those of the options.
    pub tags: &'a [Cow<'a, str>],
}

/// The words of a call, taken apart.
#[derive(Debug)]
pub struct Words<'a> {
    namespace: &'a [u8],
    options: Options<'a>,
    rows: Rows<'a>,
}

#[derive(Debug)]
enum Rows<'a> {
    Entries(&'a [[&'a [u8]; 3]]),
    Json(Vec<JsonRow<'a>>),
}

/// What a client asks.
#[derive(Debug)]
pub struct Request<'a> {
    namespace: NamespaceName<'a>,
    rows: &'a Rows<'a>,
    /// What the options say of all rows.
    write: Write<'a>,
    pub since: Option<Stamp>,
}

impl<'a> Words<'a> {
    /// Takes the arguments after the command's name apart.
    pub fn read(arguments: &'a [&'a [u8]]) -> Result<Self, Refusal> {
        let (namespace, words) = arguments.split_first().ok_or_else(too_few)?;
        let (options, rows) = Options::parse_until(&COMMAND, words, &["ENTRIES", "JSON"])?;
        let rows = match rows {
            [form, array] if form.eq_ignore_ascii_case(b"JSON") => Rows::Json(json_rows(array)?),
            [form, words @ ..] if form.eq_ignore_ascii_case(b"ENTRIES") => Rows::Entries(triples(words)?),
            _ => return Err(Refusal::syntax("ENTRIES and rows, or JSON and an array, are needed")),
        };
        Ok(Words { namespace, options, rows })
    }
}

impl<'a> Request<'a> {
    /// Reads the options of a call; their tags are written into `tag_block`.
    pub fn parse(words: &'a Words<'a>, limits: &Limits, tag_block: &'a mut Vec<u8>) -> Result<Self, Refusal> {
        let Words { namespace, options, rows } = words;
        let namespace = NamespaceName::parse(namespace)?;
        let since = since(options, namespace)?;
        let condition = options.flag("NX").then_some(Condition::Absent);
        let write = Write { condition, ..write(options, limits, tag_block)? };
        Ok(Request { namespace, rows, write, since })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        match self.rows {
            Rows::Entries(triples) => triples.len(),
            Rows::Json(rows) => rows.len(),
        }
    }

    /// Reads the row of an index; none behind the last. They are many, and each is needed once.
    pub fn row(&self, index: usize, limits: &Limits) -> Option<Result<Row<'a>, Refusal>> {
        Some(match self.rows {
            Rows::Entries(triples) => self.row_of(triples.get(index)?, limits),
            Rows::Json(rows) => self.row_of_json(rows.get(index)?, limits),
        })
    }

    fn row_of(
        &self,
        &[operation, params, result]: &[&'a [u8]; 3],
        limits: &Limits,
    ) -> Result<Row<'a>, Refusal> {
        limits.check_result(result)?;
        let entry = EntryArguments::within(self.namespace, [operation, params], limits)?;
        Ok(Row { entry, write: Write { result, ..self.write }, tags: &[] })
    }

    fn row_of_json(&self, row: &'a JsonRow<'a>, limits: &Limits) -> Result<Row<'a>, Refusal> {
        let result = row.result.as_bytes();
        limits.check_result(result)?;
        row.check(limits)?;
        let words = [row.operation.as_bytes(), row.params.as_bytes()];
        let entry = EntryArguments::within(self.namespace, words, limits)?;
        let write = Write {
            result,
            expiry: row.ttl_ms.map_or(self.write.expiry, Expiry::After),
            grace_ms: row.grace_ms.or(self.write.grace_ms),
            took_ms: row.took_ms,
            weight: row.weight,
            ..self.write
        };
        Ok(Row { entry, write, tags: &row.tags })
    }
}

/// The words of ENTRIES, row by row.
fn triples<'a>(words: &'a [&'a [u8]]) -> Result<&'a [[&'a [u8]; 3]], Refusal> {
    let (triples, rest) = words.as_chunks::<3>();
    if triples.is_empty() || !rest.is_empty() {
        return Err(Refusal::syntax("ENTRIES takes an operation, params and a result for each row"));
    }
    check_count(triples.len())?;
    Ok(triples)
}

/// The rows of JSON.
fn json_rows(array: &[u8]) -> Result<Vec<JsonRow<'_>>, Refusal> {
    let (rows, count) = warm_json::rows(array, MAX_ROWS)?;
    check_count(count).map(|()| rows)
}

fn check_count(rows: usize) -> Result<(), Refusal> {
    if rows <= MAX_ROWS {
        return Ok(());
    }
    Err(Refusal::new(Code::TooBig, format!("{rows} rows are too many: at most {MAX_ROWS} are accepted")))
}

/// What is wrong with one row.
pub fn of_row(index: usize, refusal: Refusal) -> Refusal {
    Refusal { message: format!("row {index}: {}", refusal.message), ..refusal }
}
