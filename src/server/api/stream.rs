//! Streams, written without going through commands: in a cluster those are refused for a key that is not there yet while
//! its slot moves.

use std::ptr;

use redis_module::raw;

use super::context::Context;
use super::key::{Key, Mode};
use super::string::{BorrowedString, OwnedString};
use super::{api, is_ok};

/// What became of an entry that was added.
pub struct Appended {
    pub id: String,
    /// Whether the stream was trimmed then.
    pub is_trimmed: bool,
}

/// Adds an entry of these names and values, and trims the stream to `most` entries once it has `slack` more; none where the
/// server refused. Readers that wait are woken; nobody else is told, neither replicas nor files.
pub fn append(
    context: Context<'_>,
    name: BorrowedString<'_>,
    words: &[OwnedString],
    (most, slack): (u64, u64),
) -> Option<Appended> {
    let key = Key::open(context, name, Mode::Write);
    let key = key.as_ptr()?;
    let mut pointers: Vec<_> = words.iter().map(|word| word.borrow().as_ptr()).collect();
    let mut id = raw::RedisModuleStreamID { ms: 0, seq: 0 };
    let fields = i64::try_from(words.len() / 2).ok()?;
    // SAFETY: the key is open for writing until this returns; the server takes as many names and values as there are, and
    // keeps none of the strings.
    unsafe {
        let flags = raw::REDISMODULE_STREAM_ADD_AUTOID.cast_signed();
        let added = api!(RedisModule_StreamAdd(
            key.as_ptr(),
            flags,
            ptr::from_mut(&mut id),
            pointers.as_mut_ptr(),
            fields
        ));
        if !is_ok(added) {
            return None;
        }
        let is_trimmed = api!(RedisModule_ValueLength(key.as_ptr())) as u64 > most.saturating_add(slack);
        if is_trimmed {
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            api!(RedisModule_StreamTrimByLength(key.as_ptr(), 0, most));
        }
        Some(Appended { id: format!("{}-{}", id.ms, id.seq), is_trimmed })
    }
}
