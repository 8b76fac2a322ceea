//! `CACHE.RESULT NEXT ns [BLOCK ms] AFTER operation params version [operation params version ...]`

use super::super::entry_arguments::{EntryArguments, NAMESPACE, too_few};
use super::super::lease_arguments::BLOCK;
use super::super::options::Options;
use super::super::reply::Reply;
use super::super::table::{Argument, Command, Flag, KeyUse, Kind};
use super::CONTAINER;
use crate::core::follow::Sight;
use crate::core::limits::{Limits, MAX_INTEGER, maxima};
use crate::core::name::NamespaceName;
use crate::core::refusal::{Code, Refusal, quoted};

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "NEXT",
    summary: "Waits until one of several entries changes: in place of polling.",
    complexity: "O(N) with N the bytes of all params",
    since: "0.1.0",
    flags: &[Flag::Readonly, Flag::Blocking],
    tips: &[],
    key: Some(KeyUse::Access),
    arguments: &[
        NAMESPACE,
        BLOCK,
        Argument {
            name: "after",
            kind: Kind::Repeated(&["operation", "params", "version"]),
            token: Some("AFTER"),
            optional: false,
            summary: "each entry, and the version of it that was seen; 0 is nothing",
        },
    ],
    reply: "nil where nothing differs, or nothing changed until BLOCK was over; else for each entry that differs from the \
            version given `[index, status, value, version]`. The index counts the entries of this call from 0.\n\n\
            | status | value | means |\n\
            | --- | --- | --- |\n\
            | `HIT` | result | a fresh entry |\n\
            | `STALE` | result | one in its grace |\n\
            | `FAILED` | message | a failure that is remembered |\n\
            | `BUSY` | progress | the newest progress of a lease in flight; its version is below 0 |\n\
            | `GONE` | nil | what was seen is no more; version 0 |",
    details: &[
        "Ask with version 0 first, and then always with the version of the last answer: no change is missed for long, and \
         none is reported twice, though of several in a row only the last may be seen. Versions do not grow in a way that \
         means anything: compare them for being equal only.",
        "It tells what stands, not what happened: a lease shows once its holder told progress (RENEW), a failure while it is \
         remembered (PX or NEGATIVE). An entry that becomes stale has not changed.",
        "Every change wakes it, by whomever, and so does the end of an entry; on replicas too. At most 1000 entries are \
         followed by one call. In a transaction or a script nothing blocks.",
    ],
    examples: &[],
};

/// An entry of a call, and what the client has seen of it.
#[derive(Debug)]
pub struct Seen<'a> {
    pub entry: EntryArguments<'a>,
    pub version: i64,
}

/// What a client asks.
#[derive(Debug)]
pub struct Request<'a> {
    pub namespace: NamespaceName<'a>,
    /// None: the caller does not wait. 0: without limit.
    pub block_ms: Option<u64>,
    pub seen: Vec<Seen<'a>>,
}

impl<'a> Request<'a> {
    /// Reads the arguments after the command's name.
    pub fn parse(arguments: &'a [&'a [u8]], limits: &Limits) -> Result<Self, Refusal> {
        let (namespace, words) = arguments.split_first().ok_or_else(too_few)?;
        let (options, after) = Options::parse_until(&COMMAND, words, &["AFTER"])?;
        let (triples, rest) = after.get(1..).unwrap_or_default().as_chunks::<3>();
        if triples.is_empty() || !rest.is_empty() {
            let message = "AFTER takes an operation, params and a version for each entry";
            return Err(Refusal::syntax(message));
        }
        if triples.len() > maxima::FOLLOWED {
            let (given, max) = (triples.len(), maxima::FOLLOWED);
            let message = format!("{given} entries are too many to follow: at most {max} are accepted");
            return Err(Refusal::new(Code::TooBig, message));
        }
        let seen = triples.iter().map(|[operation, params, version]| {
            let entry = EntryArguments::of([namespace, operation, params], limits)?;
            Ok(Seen { entry, version: parse_version(version)? })
        });
        let namespace = NamespaceName::parse(namespace)?;
        Ok(Request {
            namespace,
            block_ms: options.number("BLOCK"),
            seen: seen.collect::<Result<_, Refusal>>()?,
        })
    }
}

/// A version as NEXT and FETCH answer it: a whole number, below zero for progress.
fn parse_version(word: &[u8]) -> Result<i64, Refusal> {
    std::str::from_utf8(word)
        .ok()
        .and_then(|text| text.parse::<i64>().ok().filter(|number| number.to_string() == text))
        .filter(|number| number.unsigned_abs() <= MAX_INTEGER)
        .ok_or_else(|| {
            let shown = quoted(word);
            Refusal::syntax(format!("version {shown} is not accepted: what NEXT or FETCH answered is, or 0"))
        })
}

/// An entry that differs, for the reply.
pub fn change<'a>(index: usize, sight: Sight<'a>, version: i64) -> Reply<'a> {
    let (status, value) = match sight {
        Sight::Hit(result) => (c"HIT", Reply::bulk(result)),
        Sight::Stale(result) => (c"STALE", Reply::bulk(result)),
        Sight::Failed(message) => (c"FAILED", Reply::bulk(message)),
        Sight::Busy(progress) => (c"BUSY", Reply::Bulk(progress.to_vec().into())),
        Sight::Gone => (c"GONE", Reply::Nil),
    };
    Reply::Array(vec![Reply::number(index as u64), Reply::Status(status), value, Reply::Integer(version)])
}
