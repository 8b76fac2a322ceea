//! The rules in files: how `CACHE.POLICY` survives.
//!
//! An RDB file, a full resync and the RDB preamble of an append-only file carry the rules as auxiliary data, always
//! written, ahead of the keys. An append-only file that is rewritten without preamble has no place for such data: there
//! the first namespace that is written has the rules written before it, as the commands that would set them.

use std::cell::Cell;

use libc::c_int;
use redis_module::raw;

use super::api::context::Context;
use super::api::io::Io;
use super::api::log;
use super::guard::guarded;
use super::runtime;
use crate::core::policy::rules::Rules;

/// When the server calls [`save`]: before the keys.
pub const TRIGGERS: c_int = raw::REDISMODULE_AUX_BEFORE_RDB as c_int;

/// Writes the rules ahead of the keys.
pub unsafe extern "C" fn save(io: *mut raw::RedisModuleIO, _when: c_int) {
    guarded((), || {
        // SAFETY: the server passes an open stream.
        unsafe { Io::new(io) }.save(&runtime::with(|runtime| runtime.rules().encode()));
    });
}

/// Reads what [`save`] wrote.
pub unsafe extern "C" fn load(io: *mut raw::RedisModuleIO, encoding_version: c_int, _when: c_int) -> c_int {
    guarded(raw::REDISMODULE_ERR as c_int, || {
        let readable = encoding_version == c_int::from(crate::core::origin::ENCODING_VERSION);
        // SAFETY: the server passes an open stream.
        let loaded = unsafe { Io::new(io) }.load().filter(|_| readable);
        match loaded.and_then(|bytes| Rules::decode(bytes.bytes())) {
            Some(loaded) => {
                runtime::with(|runtime| runtime.change_rules(|rules| rules.replace(loaded)));
                raw::REDISMODULE_OK as c_int
            }
            None => raw::REDISMODULE_ERR as c_int,
        }
    })
}

/// How far the rewrite of an append-only file is that this process is busy with, mostly a child of the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rewrite {
    None,
    /// No namespace was written yet.
    Begun,
    /// The rules stand in the file.
    HasRules,
}

thread_local! {
    static REWRITE: Cell<Rewrite> = const { Cell::new(Rewrite::None) };
}

/// An append-only file is about to be rewritten.
pub fn begin_rewrite() {
    REWRITE.set(Rewrite::Begun);
}

/// Nothing came of it.
pub fn abandon_rewrite() {
    REWRITE.set(Rewrite::None);
}

/// Writes the rules into an append-only file that is being rewritten without preamble, the first time it is called.
pub fn emit_once(io: Io) {
    if REWRITE.replace(Rewrite::HasRules) == Rewrite::HasRules {
        return;
    }
    runtime::with(|runtime| {
        for rule in runtime.rules().iter() {
            let values: Vec<String> = rule
                .fields()
                .flat_map(|(field, value)| [field.name().to_owned(), value.to_string()])
                .collect();
            let patterns = [rule.namespace.as_str().as_bytes(), rule.operation.as_str().as_bytes()];
            let words: Vec<&[u8]> = patterns.into_iter().chain(values.iter().map(String::as_bytes)).collect();
            io.emit(c"CACHE.POLICY", b"SET", &words);
        }
    });
}

/// Something was written to disk. Says so where that was an append-only file and the rules are not in it: only
/// at the end is it known that there was no namespace, since those that this server has met may be gone.
pub fn end_rewrite(context: Context<'_>) {
    let has_none = REWRITE.replace(Rewrite::None) == Rewrite::Begun;
    let rules = runtime::with(|runtime| runtime.rules().len());
    if has_none && rules > 0 && context.config("aof-use-rdb-preamble").as_deref() == Some("no") {
        log::warning(
            "the append-only file was rewritten without RDB preamble and there is no namespace: the rules of \
             CACHE.POLICY are not in it. Set aof-use-rdb-preamble to yes, or set the rules again after a restart",
        );
    }
}
