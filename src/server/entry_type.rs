//! The data type of entries: the callbacks of `cache-ent`.

use std::ptr::{self, NonNull};

use libc::{c_int, c_void};
use redis_module::raw;

use super::api::api;
use super::api::context::Context;
use super::api::io::{Digest, Io};
use super::api::key::{NO_METHODS, ValueType};
use super::api::string::BorrowedString;
use super::guard::guarded;
use super::stored_entry::StoredEntry;
use super::waiting::with_followers;
use super::{budget, counting, near, runtime, waiting};
use crate::core::entry::Entry;
use crate::core::origin::Origin;
use crate::protocol::apply::{Effect, Placed};

pub static ENTRY_TYPE: ValueType = ValueType::unregistered();

/// What `TYPE` shows.
const NAME: &std::ffi::CStr = c"cache-ent";

/// Registers the type with the server.
pub fn register(context: Context<'_>) -> Result<(), String> {
    let mut methods = raw::RedisModuleTypeMethods {
        rdb_load: Some(rdb_load),
        rdb_save: Some(rdb_save),
        aof_rewrite: Some(aof_rewrite),
        mem_usage: Some(mem_usage),
        digest: Some(digest),
        free: Some(free),
        free_effort: Some(free_effort),
        unlink2: Some(unlink),
        copy: Some(copy),
        defrag: Some(defrag),
        ..NO_METHODS
    };
    ENTRY_TYPE.register(context, NAME, &mut methods)
}

/// Borrows the value that the server passes to a callback.
///
/// # Safety
///
/// `value` must be a live value of [`ENTRY_TYPE`].
unsafe fn entry(value: &*const c_void) -> Option<&StoredEntry> {
    // SAFETY: a non-null pointer and an optional StoredEntry are the same bytes; alive by the caller's promise.
    unsafe { (*ptr::from_ref(value).cast::<Option<StoredEntry>>()).as_ref() }
}

/// The stored form in RDB files and DUMP payloads: the origin, then the record.
unsafe extern "C" fn rdb_save(io: *mut raw::RedisModuleIO, value: *mut c_void) {
    guarded((), || {
        // SAFETY: the server passes an open stream.
        let (io, value) = (unsafe { Io::new(io) }, value.cast_const());
        // SAFETY: and a live value.
        if let Some(entry) = unsafe { entry(&value) } {
            io.save(&entry.origin().encode());
            io.save(entry.record());
        }
    });
}

unsafe extern "C" fn rdb_load(io: *mut raw::RedisModuleIO, encoding_version: c_int) -> *mut c_void {
    guarded(ptr::null_mut(), || {
        // SAFETY: the server passes an open stream.
        let io = unsafe { Io::new(io) };
        load(io, encoding_version).map_or(ptr::null_mut(), |entry| entry.into_value().as_ptr())
    })
}

fn load(io: Io, encoding_version: c_int) -> Option<StoredEntry> {
    if encoding_version != c_int::from(crate::core::origin::ENCODING_VERSION) {
        return None;
    }
    let origin = Origin::decode(io.load()?.bytes())?;
    let record = io.load()?;
    Entry::decode_untrusted(record.bytes())?;
    StoredEntry::checked(runtime::with(|runtime| runtime.share(&origin)), record.bytes())
}

/// Writes the entry as it is, under whatever key it is met; the server writes the expiry of the key itself.
unsafe extern "C" fn aof_rewrite(
    io: *mut raw::RedisModuleIO,
    key: *mut raw::RedisModuleString,
    value: *mut c_void,
) {
    guarded((), || {
        let value = value.cast_const();
        // SAFETY: the server passes an open stream, and a key and a value that outlive the call.
        let (io, key, entry) = unsafe { (Io::new(io), BorrowedString::new(key), entry(&value)) };
        if let (Some(key), Some(entry)) = (key, entry) {
            let effect = Effect::Entry(Placed {
                key: key.bytes().into(),
                origin: entry.share_origin(),
                record: entry.record().into(),
                // The file has the expiry of the key, where there is one, behind this.
                kept: false,
            });
            super::keyspace::emit(io, entry.origin().namespace().as_bytes(), &effect);
        }
    });
}

/// May run on another thread: see [`StoredEntry`]'s drop.
unsafe extern "C" fn free(value: *mut c_void) {
    guarded((), || {
        // SAFETY: the server gives back what `into_value` gave it.
        drop(NonNull::new(value).map(|value| unsafe { StoredEntry::reclaim(value) }));
    });
}

/// One allocation, whatever its size.
unsafe extern "C" fn free_effort(_key: *mut raw::RedisModuleString, _value: *const c_void) -> usize {
    1
}

/// The key loses its value (DEL, expiry, eviction, RENAME): whoever follows the entry looks again.
unsafe extern "C" fn unlink(context: *mut raw::RedisModuleKeyOptCtx, value: *const c_void) {
    guarded((), || {
        // SAFETY: the server passes a live value.
        let Some(entry) = (unsafe { entry(&value) }) else { return };
        if entry.is_held() {
            // SAFETY: the server passes a context that knows the database of its key.
            near::unlinked(entry, unsafe { api!(RedisModule_GetDbIdFromOptCtx(context)) });
        }
        let stored = entry.stored();
        if let Some(stored) = &stored {
            counting::entry_unlinked(entry.share_origin(), &stored.entry, entry.bytes_taken());
        }
        let is_awaited = budget::awaits_ends() && stored.is_some_and(|stored| stored.entry.weight.is_some());
        if !is_awaited && with_followers(|followers| followers.is_empty()) {
            return;
        }
        // SAFETY: the server passes a context that knows the name and the database of its key.
        let (key, database) = unsafe {
            (
                BorrowedString::new(api!(RedisModule_GetKeyNameFromOptCtx(context))),
                api!(RedisModule_GetDbIdFromOptCtx(context)),
            )
        };
        if let (Some(key), Some(stored)) = (key, stored) {
            budget::unlinked(database, key.bytes(), entry.share_origin(), &stored.entry);
            if !with_followers(|followers| followers.is_empty()) {
                waiting::changed_key(database, key.bytes());
            }
        }
    });
}

/// A copy carries the name of its original, and so is absent wherever it lands under another.
unsafe extern "C" fn copy(
    _from: *mut raw::RedisModuleString,
    _to: *mut raw::RedisModuleString,
    value: *const c_void,
) -> *mut c_void {
    guarded(ptr::null_mut(), || {
        // SAFETY: the server passes a live value.
        unsafe { entry(&value) }
            .and_then(|entry| StoredEntry::checked(entry.share_origin(), entry.record()))
            .map_or(ptr::null_mut(), |copy| copy.into_value().as_ptr())
    })
}

unsafe extern "C" fn mem_usage(value: *const c_void) -> usize {
    // SAFETY: the server passes a live value.
    guarded(0, || unsafe { entry(&value) }.map_or(0, StoredEntry::bytes_taken))
}

unsafe extern "C" fn digest(digest: *mut raw::RedisModuleDigest, value: *mut c_void) {
    guarded((), || {
        let value = value.cast_const();
        // SAFETY: the server passes an open digest and a live value.
        let (digest, entry) = unsafe { (Digest::new(digest), entry(&value)) };
        if let Some(entry) = entry {
            digest.add_in_order(&[&entry.origin().encode(), entry.record()]);
        }
    });
}

unsafe extern "C" fn defrag(
    context: *mut raw::RedisModuleDefragCtx,
    _key: *mut raw::RedisModuleString,
    value: *mut *mut c_void,
) -> c_int {
    guarded(0, || {
        // SAFETY: the server passes a live value. A block is one allocation without pointers into itself, so moving its bytes
        // moves it; but who holds it knows where it is.
        unsafe {
            if entry(&(*value).cast_const()).is_none_or(StoredEntry::is_held) {
                return 0;
            }
            let moved = api!(RedisModule_DefragAlloc(context, *value));
            if !moved.is_null() {
                *value = moved;
            }
        }
        0
    })
}
