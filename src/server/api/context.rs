//! The context of a command: its clock, its client, its replies.

use std::marker::PhantomData;
use std::ptr::NonNull;

use redis_module::raw;

use super::string::{BorrowedString, OwnedString};
use super::{NEWER, api, is_ok};
use crate::core::instant::Instant;
use crate::protocol::reply::Reply;

/// A context that the server handed to a callback, good until that returns.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    context: NonNull<raw::RedisModuleCtx>,
    alive: PhantomData<&'a raw::RedisModuleCtx>,
}

/// Where a command comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// An ordinary client, or a script.
    Client,
    /// The primary's link, or an append-only file that is being loaded.
    Replication,
}

impl<'a> Context<'a> {
    /// # Safety
    ///
    /// `context` must be null or the context of a callback that runs for all of `'a`.
    pub unsafe fn new(context: *mut raw::RedisModuleCtx) -> Option<Self> {
        NonNull::new(context).map(|context| Context { context, alive: PhantomData })
    }

    pub fn as_ptr(self) -> *mut raw::RedisModuleCtx {
        self.context.as_ptr()
    }

    /// The time, to be read once a command. In a script or transaction it stands still as the server's does, except
    /// on 7.0, which tells modules the time of day only.
    pub fn now(self) -> Instant {
        Self::time_of_day()
    }

    /// The same, where there is no command.
    pub fn time_of_day() -> Instant {
        let ms = match NEWER.cached_microseconds {
            // SAFETY: takes nothing.
            Some(cached_microseconds) => unsafe { cached_microseconds() / 1000 },
            // SAFETY: takes nothing.
            None => unsafe { api!(RedisModule_Milliseconds()) },
        };
        Instant::from_unix_ms(u64::try_from(ms).unwrap_or(0))
    }

    /// The Unix microseconds of this very moment, also where the server's time stands still: a script may make,
    /// delete and make again a namespace, and the numbers of the two lives must differ.
    pub fn unix_us(self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    /// The number of the database that the client has selected.
    pub fn database(self) -> i32 {
        // SAFETY: the context is alive.
        unsafe { api!(RedisModule_GetSelectedDb(self.as_ptr())) }
    }

    /// Selects a database; whether there is one of that number.
    pub fn select(self, database: i32) -> bool {
        // SAFETY: the context is alive.
        is_ok(unsafe { api!(RedisModule_SelectDb(self.as_ptr(), database)) })
    }

    fn has_flag(self, flag: u32) -> bool {
        // SAFETY: the context is alive.
        let flags = unsafe { api!(RedisModule_GetContextFlags(self.as_ptr())) };
        flags.cast_unsigned() & flag != 0
    }

    pub fn is_cluster(self) -> bool {
        self.has_flag(raw::REDISMODULE_CTX_FLAGS_CLUSTER)
    }

    pub fn is_replica(self) -> bool {
        self.has_flag(raw::REDISMODULE_CTX_FLAGS_SLAVE)
    }

    /// Whether a file is being loaded, of which part is still to come.
    pub fn is_loading(self) -> bool {
        self.has_flag(raw::REDISMODULE_CTX_FLAGS_LOADING)
    }

    /// Whether the client must not wait: in a transaction, in a script.
    pub fn denies_blocking(self) -> bool {
        self.has_flag(raw::REDISMODULE_CTX_FLAGS_DENY_BLOCKING)
    }

    /// Whether core would refuse a write for the memory that it takes. `key` is one of the command's.
    ///
    /// The flag alone is not enough: it stands while eviction is still under way, when core lets writes pass. So core is
    /// asked with a write of its own that never changes anything.
    pub fn is_full(self, key: BorrowedString<'_>) -> bool {
        if !self.has_flag(raw::REDISMODULE_CTX_FLAGS_OOM) {
            return false;
        }
        // SAFETY: "Mscc" takes a string of the server's and two C strings, and respects deny-oom: then there is no reply.
        unsafe {
            let reply = api!(RedisModule_Call(
                self.as_ptr(),
                c"SETRANGE".as_ptr(),
                c"Mscc".as_ptr(),
                key.as_ptr(),
                c"0".as_ptr(),
                c"".as_ptr()
            ));
            if reply.is_null() {
                return true;
            }
            api!(RedisModule_FreeCallReply(reply));
            false
        }
    }

    /// Whether nothing may be replicated just now: while a failover is prepared, writes would be lost, and core ends the
    /// server for them.
    pub fn avoids_replica_traffic(self) -> bool {
        // SAFETY: takes nothing.
        (unsafe { api!(RedisModule_AvoidReplicaTraffic()) }) != 0
    }

    /// How many keys the database has.
    pub fn keys(self) -> u64 {
        // SAFETY: the context is alive.
        unsafe { api!(RedisModule_DbSize(self.as_ptr())) }
    }

    /// Removes keys, here, on replicas and in files; how many there were, none where core refused.
    pub fn unlink(self, keys: &[OwnedString]) -> Option<u64> {
        self.write(c"UNLINK", keys)
    }

    /// Whether commands of ours may use a key. In a cluster they may not where its slot is moving, and it is not here
    /// (any more): the server would send a client elsewhere.
    pub fn reaches(self, key: BorrowedString<'_>) -> bool {
        // SAFETY: "s" takes a string, alive as long as the key is borrowed; the reply is freed once.
        unsafe {
            let reply =
                api!(RedisModule_Call(self.as_ptr(), c"EXISTS".as_ptr(), c"s".as_ptr(), key.as_ptr()));
            if reply.is_null() {
                return false;
            }
            let kind = api!(RedisModule_CallReplyType(reply)) as isize;
            api!(RedisModule_FreeCallReply(reply));
            kind != raw::REDISMODULE_REPLY_ERROR
        }
    }

    /// Calls a command that writes, here, on replicas and in files; none where it was refused, else its reply where that is
    /// a number, or 0.
    pub fn write(self, command: &std::ffi::CStr, words: &[OwnedString]) -> Option<u64> {
        let mut pointers: Vec<_> = words.iter().map(|word| word.borrow().as_ptr()).collect();
        // SAFETY: "!v" takes a vector of strings and its length; the reply is freed once.
        unsafe {
            let reply = api!(RedisModule_Call(
                self.as_ptr(),
                command.as_ptr(),
                c"!v".as_ptr(),
                pointers.as_mut_ptr(),
                pointers.len()
            ));
            if reply.is_null() {
                return None;
            }
            let number = match api!(RedisModule_CallReplyType(reply)) as isize {
                raw::REDISMODULE_REPLY_ERROR => None,
                raw::REDISMODULE_REPLY_INTEGER => Some(api!(RedisModule_CallReplyInteger(reply))),
                _ => Some(0),
            };
            api!(RedisModule_FreeCallReply(reply));
            number.map(|number| u64::try_from(number).unwrap_or(0))
        }
    }

    /// Whether this node of a cluster is giving slots away, or taking some in. False outside a cluster.
    pub fn is_moving_slots(self) -> bool {
        if !self.is_cluster() {
            return false;
        }
        // SAFETY: "c" takes a C string; the reply is freed once, after the last use of its bytes.
        unsafe {
            let reply =
                api!(RedisModule_Call(self.as_ptr(), c"CLUSTER".as_ptr(), c"c".as_ptr(), c"NODES".as_ptr()));
            if reply.is_null() {
                return true;
            }
            let mut length = 0;
            let bytes = api!(RedisModule_CallReplyStringPtr(reply, &raw mut length));
            let text: &[u8] =
                if bytes.is_null() { b"" } else { std::slice::from_raw_parts(bytes.cast(), length) };
            // Of this node alone the slots that move are listed, in brackets.
            let mine =
                text.split(|&byte| byte == b'\n').find(|line| line.windows(6).any(|word| word == b"myself"));
            let moving = mine.is_some_and(|line| line.windows(2).any(|word| word == b" ["));
            api!(RedisModule_FreeCallReply(reply));
            moving
        }
    }

    pub fn source(self) -> Source {
        // SAFETY: the context is alive.
        let client = unsafe { api!(RedisModule_GetClientId(self.as_ptr())) };
        let loading_a_file = client == u64::MAX;
        if loading_a_file || self.has_flag(raw::REDISMODULE_CTX_FLAGS_REPLICATED) {
            Source::Replication
        } else {
            Source::Client
        }
    }

    /// Tells WATCH and client-side caches that a key has changed.
    pub fn signal_modified(self, key: BorrowedString<'_>) {
        // SAFETY: context and key are alive.
        unsafe { api!(RedisModule_SignalModifiedKey(self.as_ptr(), key.as_ptr())) };
    }

    /// Tells those who subscribed to events of modules.
    pub fn notify(self, event: &std::ffi::CStr, key: BorrowedString<'_>) {
        self.notify_of(raw::REDISMODULE_NOTIFY_MODULE, event, key);
    }

    /// Tells of a stream that got longer, as core does.
    pub fn notify_added(self, key: BorrowedString<'_>) {
        self.notify_of(raw::REDISMODULE_NOTIFY_STREAM, c"xadd", key);
    }

    /// Tells of a key that was evicted, as core does.
    pub fn notify_evicted(self, key: BorrowedString<'_>) {
        self.notify_of(raw::REDISMODULE_NOTIFY_EVICTED, c"evicted", key);
    }

    /// Tells of a key that has expired, as core does.
    pub fn notify_expired(self, key: BorrowedString<'_>) {
        self.notify_of(raw::REDISMODULE_NOTIFY_EXPIRED, c"expired", key);
    }

    fn notify_of(self, kind: libc::c_int, event: &std::ffi::CStr, key: BorrowedString<'_>) {
        // SAFETY: context, event and key are alive.
        unsafe { api!(RedisModule_NotifyKeyspaceEvent(self.as_ptr(), kind, event.as_ptr(), key.as_ptr())) };
    }

    /// The cluster slot of a key.
    pub fn slot_of(self, key: BorrowedString<'_>) -> i64 {
        // SAFETY: "cs" takes a C string and a string of the server's; the reply is freed once.
        unsafe {
            let reply = api!(RedisModule_Call(
                self.as_ptr(),
                c"CLUSTER".as_ptr(),
                c"cs".as_ptr(),
                c"KEYSLOT".as_ptr(),
                key.as_ptr()
            ));
            let slot = api!(RedisModule_CallReplyInteger(reply));
            api!(RedisModule_FreeCallReply(reply));
            slot
        }
    }

    /// Whether anything that is replicated goes anywhere: to an append-only file, to replicas, or into the backlog for one
    /// that comes back. True also where that is not known, as in a cluster, whose slots may be on their way elsewhere.
    ///
    /// To ask takes a few microseconds.
    pub fn is_heard(self) -> bool {
        let heard = raw::REDISMODULE_CTX_FLAGS_AOF | raw::REDISMODULE_CTX_FLAGS_CLUSTER;
        let said = |field| self.info_field(c"replication", field);
        self.has_flag(heard)
            || [c"connected_slaves", c"repl_backlog_active"]
                .iter()
                .any(|field| said(field).as_deref() != Some("0"))
    }

    /// Sends a command to replicas and the append-only file.
    pub fn replicate(self, command: &std::ffi::CStr, words: &[&[u8]]) {
        let words: Vec<OwnedString> = words.iter().map(|word| OwnedString::new(word)).collect();
        let mut pointers: Vec<_> = words.iter().map(|word| word.borrow().as_ptr()).collect();
        // SAFETY: "v" takes a vector of strings and its length; the server takes its own references.
        unsafe {
            api!(RedisModule_Replicate(
                self.as_ptr(),
                command.as_ptr(),
                c"v".as_ptr(),
                pointers.as_mut_ptr(),
                pointers.len()
            ))
        };
    }

    /// Sends on the very command that is running.
    pub fn replicate_verbatim(self) {
        // SAFETY: the context is alive.
        unsafe { api!(RedisModule_ReplicateVerbatim(self.as_ptr())) };
    }

    /// Answers with an error: its word, then its sentence, on one line.
    pub fn reply_error(self, text: &str) {
        let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        let line: String = printable.take(MAX_ERROR_CHARS).collect();
        let Ok(line) = std::ffi::CString::new(line) else { return };
        // SAFETY: the server copies the text.
        unsafe { api!(RedisModule_ReplyWithError(self.as_ptr(), line.as_ptr())) };
    }

    /// Begins an answer of so many replies.
    pub fn reply_array(self, count: usize) {
        // SAFETY: the context is alive.
        unsafe { api!(RedisModule_ReplyWithArray(self.as_ptr(), length(count))) };
    }

    /// Answers with a status, a bulk string, nil and a number, as `reply_parts` would: what FETCH answers most often, and
    /// shall cost little more than one bulk string does.
    pub fn reply_found(self, status: &std::ffi::CStr, bytes: &[u8], number: i64) {
        let context = self.as_ptr();
        // SAFETY: context and buffers are alive; the server copies what it is given.
        unsafe {
            api!(RedisModule_ReplyWithArray(context, 4));
            api!(RedisModule_ReplyWithSimpleString(context, status.as_ptr()));
            api!(RedisModule_ReplyWithStringBuffer(context, bytes.as_ptr().cast(), bytes.len()));
            api!(RedisModule_ReplyWithNull(context));
            api!(RedisModule_ReplyWithLongLong(context, number));
        }
    }

    /// Answers with an array of these.
    pub fn reply_parts(self, parts: &[Reply<'_>]) {
        self.reply_array(parts.len());
        parts.iter().for_each(|part| self.reply(part));
    }

    /// A bulk string.
    #[inline]
    pub fn reply_bytes(self, bytes: &[u8]) {
        // SAFETY: context and buffer are alive; the server copies what it is given.
        unsafe { api!(RedisModule_ReplyWithStringBuffer(self.as_ptr(), bytes.as_ptr().cast(), bytes.len())) };
    }

    /// Answers with a reply, in the client's protocol.
    pub fn reply(self, reply: &Reply<'_>) {
        let context = self.as_ptr();
        // SAFETY: context and buffers are alive; the server copies what it is given.
        unsafe {
            match reply {
                Reply::Bulk(bytes) => self.reply_bytes(bytes),
                Reply::Status(status) => {
                    api!(RedisModule_ReplyWithSimpleString(context, status.as_ptr()));
                }
                Reply::Integer(integer) => {
                    api!(RedisModule_ReplyWithLongLong(context, *integer));
                }
                Reply::Nil => {
                    api!(RedisModule_ReplyWithNull(context));
                }
                Reply::Array(replies) => self.reply_parts(replies),
                Reply::Map(pairs) => {
                    api!(RedisModule_ReplyWithMap(context, length(pairs.len())));
                    for (name, reply) in pairs {
                        self.reply(&Reply::bulk(name.as_bytes()));
                        self.reply(reply);
                    }
                }
            }
        }
    }

    /// One field of `INFO`, as text.
    pub fn info_field(self, section: &std::ffi::CStr, field: &std::ffi::CStr) -> Option<String> {
        // SAFETY: the context is alive; the data is freed once, after the last use of what it owns.
        unsafe {
            let data = api!(RedisModule_GetServerInfo(self.as_ptr(), section.as_ptr()));
            let value = api!(RedisModule_ServerInfoGetFieldC(data, field.as_ptr()));
            let text =
                (!value.is_null()).then(|| std::ffi::CStr::from_ptr(value).to_string_lossy().into_owned());
            api!(RedisModule_FreeServerInfo(self.as_ptr(), data));
            text
        }
    }

    /// What `CONFIG GET` says.
    pub fn config(self, name: &str) -> Option<String> {
        let name = OwnedString::new(name.as_bytes());
        // SAFETY: "cs" takes a C string and a string of the server's; the reply, with its elements, is freed once,
        // after the last use of their bytes.
        unsafe {
            let reply = api!(RedisModule_Call(
                self.as_ptr(),
                c"CONFIG".as_ptr(),
                c"cs".as_ptr(),
                c"GET".as_ptr(),
                name.borrow().as_ptr()
            ));
            let value = api!(RedisModule_CallReplyArrayElement(reply, 1));
            let mut length = 0;
            let bytes = api!(RedisModule_CallReplyStringPtr(value, &raw mut length));
            let text = (!bytes.is_null()).then(|| {
                String::from_utf8_lossy(std::slice::from_raw_parts(bytes.cast(), length)).into_owned()
            });
            api!(RedisModule_FreeCallReply(reply));
            text
        }
    }

    /// Has broken files reported to us instead of ending the server, and leaves it to us to say which keys
    /// were modified.
    pub fn ask_for_io_errors_and_explicit_signals(self) {
        let options =
            raw::REDISMODULE_OPTIONS_HANDLE_IO_ERRORS | raw::REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED;
        // SAFETY: the context is alive.
        unsafe { api!(RedisModule_SetModuleOptions(self.as_ptr(), options.cast_signed())) };
    }

    /// Whether a registration of the API went well.
    pub fn accepted(self, status: libc::c_int, what: &str) -> Result<(), String> {
        if is_ok(status) { Ok(()) } else { Err(format!("the server refused {what}")) }
    }
}

/// Bits that nobody can guess.
pub fn random_u64() -> u64 {
    let mut bytes = [0u8; 8];
    // SAFETY: the server fills exactly the bytes it is given.
    unsafe { api!(RedisModule_GetRandomBytes(bytes.as_mut_ptr(), bytes.len())) };
    u64::from_le_bytes(bytes)
}

/// Longer than any sentence of ours; what it quotes is cut before.
const MAX_ERROR_CHARS: usize = 1024;

fn length(length: usize) -> libc::c_long {
    libc::c_long::try_from(length).unwrap_or(libc::c_long::MAX)
}
