//! `CACHE.RESULT INFO ns operation params`

use std::rc::Rc;

use super::super::entry_arguments::{NAMESPACE, OPERATION, PARAMS};
use super::super::reply::Reply;
use super::super::table::{Command, Flag, KeyUse};
use super::CONTAINER;
use crate::core::body::{Body, Compression};
use crate::core::entry::HEAD_BYTES;
use crate::core::instant::Instant;
use crate::core::state::{Address, State, Why};

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "INFO",
    summary: "Shows all that is known about one entry but its result.",
    complexity: "O(N) with N the bytes of params",
    since: "0.1.0",
    flags: &[Flag::Readonly],
    tips: &[],
    key: Some(KeyUse::Access),
    arguments: &[NAMESPACE, OPERATION, PARAMS],
    reply: "Flat pairs (RESP3: a map), always the same names in the same order: `state why key fingerprint version \
            created_ms age_ms fresh_for_ms expires_in_ms bytes stored_bytes encoding tags took_ms weight hits holder \
            deadline_ms progress`. Numbers are integers; what does not apply is nil.",
    details: &[
        "`state` is `fresh`, `stale`, `negative` (a remembered failure) or `absent`; for an absent entry `why` says why as far as it is known. `version` \
         is 0 for an absent entry. `created_ms` is an instant (Unix milliseconds); `age_ms`, `fresh_for_ms` and \
         `expires_in_ms` are durations, the last two nil for an entry that persists. `bytes` is the size of the result, \
         `stored_bytes` the memory that entry and metadata take (the key's is the server's), `encoding` how: `raw`, `zstd`, or `zstd:` and the \
         number of its dictionary. `hits` counts how often this server served the entry. \
         `deadline_ms` is an instant too, until when the entry is leased; `holder` and `progress` are what its holder said of \
         them, and `weight` what it reserved where the entry has none.",
    ],
    examples: &[],
};

/// The lease of an entry, for INFO.
#[derive(Debug, Default)]
pub struct InFlight {
    pub holder: Option<Box<[u8]>>,
    pub deadline: Option<Instant>,
    pub progress: Option<Rc<[u8]>>,
    pub weight: Option<u64>,
}

/// How the result is stored: `raw`, `zstd`, or `zstd:` and the number of its dictionary.
fn encoding(body: &Body<'_>) -> String {
    match body.compression() {
        None => "raw".to_owned(),
        Some(Compression { dictionary: 0, .. }) => "zstd".to_owned(),
        Some(Compression { dictionary, .. }) => format!("zstd:{dictionary}"),
    }
}

/// The pairs for what was found at an address.
pub fn reply<'a>(
    address: &Address<'_>,
    state: &State<'a>,
    in_flight: &'a InFlight,
    why_invalidated: Option<String>,
    now: Instant,
) -> Reply<'a> {
    let stored = state.present();
    let entry = stored.map(|stored| &stored.entry);
    let (name, why) = match state {
        State::Fresh(_) => ("fresh", None),
        State::Stale(_) => ("stale", None),
        State::Negative(_) => ("negative", None),
        State::Absent(why) => ("absent", why.text()),
    };
    let why = match (state, why_invalidated) {
        (State::Absent(Why::Invalidated), Some(why)) => Reply::text(why),
        _ => Reply::or_nil(why, |why| Reply::bulk(why.as_bytes())),
    };
    let until =
        |instant: Option<Instant>| Reply::or_nil(instant, |instant| Reply::number(instant.since(now)));
    let number = Reply::number;
    Reply::Map(vec![
        ("state", Reply::bulk(name.as_bytes())),
        ("why", why),
        ("key", Reply::Bulk(address.key().as_bytes().to_vec().into())),
        ("fingerprint", Reply::text(address.fingerprint.to_string())),
        ("version", number(state.version())),
        ("created_ms", Reply::or_nil(entry, |entry| number(entry.created.unix_ms()))),
        ("age_ms", Reply::or_nil(entry, |entry| number(now.since(entry.created)))),
        ("fresh_for_ms", until(entry.and_then(|entry| entry.fresh_until()))),
        ("expires_in_ms", until(entry.and_then(|entry| entry.ends_at()))),
        ("bytes", Reply::or_nil(entry, |entry| number(entry.body.length() as u64))),
        (
            "stored_bytes",
            Reply::or_nil(entry, |entry| number(entry.encoded_len().saturating_add(HEAD_BYTES) as u64)),
        ),
        ("encoding", Reply::or_nil(entry, |entry| Reply::text(encoding(&entry.body)))),
        ("tags", Reply::or_nil(entry, |entry| Reply::Array(entry.tags.iter().map(Reply::bulk).collect()))),
        ("took_ms", Reply::or_nil(entry.and_then(|entry| entry.took_ms), number)),
        ("weight", Reply::or_nil(entry.and_then(|entry| entry.weight).or(in_flight.weight), number)),
        ("hits", Reply::or_nil(stored, |stored| number(stored.hits))),
        ("holder", Reply::or_nil(in_flight.holder.as_deref(), Reply::bulk)),
        ("deadline_ms", Reply::or_nil(in_flight.deadline, |deadline| number(deadline.unix_ms()))),
        ("progress", Reply::or_nil(in_flight.progress.as_deref(), Reply::bulk)),
    ])
}
