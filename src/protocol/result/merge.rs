//! `CACHE.RESULT MERGE ns operation params patch [UPSERT] [IFVERSION] [INCR]... [APPEND]... [SET's options but NX, XX]`

use super::super::entry_arguments::{EntryArguments, NAMESPACE, OPERATION, PARAMS, too_few};
use super::super::options::Options;
use super::super::table::{Argument, Command, Flag, KeyUse, Kind};
use super::super::write_options::{EXPIRY, GRACE, SINCE, TAGS, TOOK, WEIGHT, since, write};
use super::CONTAINER;
use crate::core::canonical::{Canonicalizer, MAX_DEPTH};
use crate::core::limits::{Limits, MAX_INTEGER};
use crate::core::merge::{Change, Merge, Number};
use crate::core::pointer::Pointer;
use crate::core::refusal::{Code, Refusal, quoted};
use crate::core::stamp::Stamp;

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "MERGE",
    summary: "Changes parts of a result that is JSON.",
    complexity: "O(N) with N the bytes of params, patch and result",
    since: "0.1.0",
    flags: &[Flag::Write, Flag::DenyOom],
    tips: &[],
    key: Some(KeyUse::AccessUpdate),
    arguments: &[
        NAMESPACE,
        OPERATION,
        PARAMS,
        Argument {
            name: "patch",
            kind: Kind::Text,
            token: None,
            optional: false,
            summary: "a JSON merge patch (RFC 7396): members to set, null for those to remove; {} changes no object",
        },
        Argument {
            name: "upsert",
            kind: Kind::Flag,
            token: Some("UPSERT"),
            optional: true,
            summary: "begin with {} where there is nothing fresh",
        },
        Argument {
            name: "version",
            kind: Kind::Integer { min: 0, max: MAX_INTEGER, unit: "versions" },
            token: Some("IFVERSION"),
            optional: true,
            summary: "only where this is the entry's version; an absent entry has version 0",
        },
        Argument {
            name: "increment",
            kind: Kind::Repeated(&["pointer", "n"]),
            token: Some("INCR"),
            optional: true,
            summary: "add n to the number at a JSON Pointer; an absent member counts as 0",
        },
        Argument {
            name: "append",
            kind: Kind::Repeated(&["pointer", "json"]),
            token: Some("APPEND"),
            optional: true,
            summary: "add an element to the array at a JSON Pointer; an absent member counts as []",
        },
        EXPIRY,
        GRACE,
        TAGS,
        TOOK,
        WEIGHT,
        SINCE,
    ],
    reply: "The new version as an integer; nil where there is nothing fresh to merge into, or where IFVERSION names \
            another version; FENCED where SINCE forbids.",
    details: &[
        "First the patch is merged, then come the increments, then the appends, each in the order given, at most 64 of \
         both. All happens or nothing: a pointer that leads nowhere, or to what is no number or no array, is an error. \
         Values that are not changed keep their spelling, large integers all their digits.",
        "The TTL starts anew as for SET, by the rules unless an option says otherwise (KEEPTTL keeps the old end). \
         Tags, TOOK and WEIGHT are kept unless given; tags that rules draw from the result are drawn anew.",
        "The version in the reply makes optimistic updates: give it to IFVERSION of the next MERGE. \
         `UPSERT IFVERSION 0` only creates.",
    ],
    examples: &[
        (r#"CACHE.RESULT SET demo upload '{"file":"a.mp4"}' '{"status":"running","tries":1}'"#, "OK"),
        (r#"CACHE.RESULT MERGE demo upload '{"file":"b.mp4"}' '{"status":"running"}'"#, "(nil)"),
        (r#"CACHE.RESULT GET demo upload '{"file":"a.mp4"}'"#, r#""{\"status\":\"running\",\"tries\":1}""#),
    ],
};

/// INCR and APPEND together, in one command.
const MAX_CHANGES: usize = 64;

/// What a client asks.
#[derive(Debug)]
pub struct Request<'a> {
    pub entry: EntryArguments<'a>,
    pub merge: Merge<'a>,
    pub since: Option<Stamp>,
}

impl<'a> Request<'a> {
    /// Reads the arguments after the command's name; tags are written into `tag_block`.
    pub fn parse(
        arguments: &'a [&'a [u8]],
        limits: &Limits,
        tag_block: &'a mut Vec<u8>,
    ) -> Result<Self, Refusal> {
        let (entry, rest) = EntryArguments::parse(arguments, limits)?;
        let (patch, rest) = rest.split_first().ok_or_else(too_few)?;
        let options = Options::parse(&COMMAND, rest)?;
        let since = since(&options, entry.namespace)?;
        let change = change(patch, &options, limits)?;
        let write = write(&options, limits, tag_block)?;
        let merge = Merge {
            change,
            upsert: options.flag("UPSERT"),
            if_version: options.number("IFVERSION"),
            tags: options.counted("TAGS").map(|_| write.tags),
            write,
        };
        Ok(Request { entry, merge, since })
    }
}

fn change<'a>(patch: &'a [u8], options: &Options<'a>, limits: &Limits) -> Result<Change<'a>, Refusal> {
    let given = options.each("INCR").chain(options.each("APPEND")).count();
    if given > MAX_CHANGES {
        let message =
            format!("INCR and APPEND are given {given} times: at most {MAX_CHANGES} times are accepted");
        return Err(Refusal::new(Code::TooBig, message));
    }
    let increments = options.each("INCR").map(|words| {
        let [at, n] = words else { return Err(too_few()) };
        let number = Number::parse(n).ok_or_else(|| {
            Refusal::syntax(format!("INCR {} is not accepted: a JSON number within 64 bits is", quoted(n)))
        })?;
        Ok((pointer("INCR", at)?, number))
    });
    let appends = options.each("APPEND").map(|words| {
        let [at, value] = words else { return Err(too_few()) };
        Ok((pointer("APPEND", at)?, json("the value of APPEND", value, limits)?))
    });
    Ok(Change {
        increments: increments.collect::<Result<_, Refusal>>()?,
        appends: appends.collect::<Result<_, Refusal>>()?,
        patch: json("the patch", patch, limits)?,
    })
}

fn pointer(option: &str, text: &[u8]) -> Result<Pointer, Refusal> {
    let shown = quoted(text);
    let pointer = Pointer::parse(text).map_err(|why| {
        Refusal::syntax(format!(
            "the pointer {shown} of {option} {why}: a JSON Pointer (RFC 6901) is accepted"
        ))
    })?;
    // Each step opens a level of the result, and all that is in it is looked through.
    if pointer.steps() > MAX_DEPTH {
        let message = format!(
            "the pointer {shown} of {option} has {} steps: at most {MAX_DEPTH} are accepted",
            pointer.steps()
        );
        return Err(Refusal::syntax(message));
    }
    Ok(pointer)
}

/// A JSON text that is as strict as params must be, which also bounds its depth.
fn json<'a>(what: &str, text: &'a [u8], limits: &Limits) -> Result<&'a str, Refusal> {
    limits.check_result(text)?;
    let checked = Canonicalizer::new().append(text, &mut Vec::new());
    checked.map_err(|fault| Refusal::syntax(format!("{what} is not accepted: {fault}")))?;
    let text = std::str::from_utf8(text).map_err(|_| Refusal::syntax(format!("{what} is not UTF-8")))?;
    Ok(text.trim_matches([' ', '\t', '\n', '\r']))
}
