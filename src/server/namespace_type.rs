//! The data type of namespaces: the callbacks of `cache-nsp`.

use std::cell::{Cell, UnsafeCell};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{c_int, c_void};
use redis_module::raw;
use sha2::{Digest as _, Sha256};

use super::api::api;
use super::api::context::Context;
use super::api::io::{Digest, Io};
use super::api::key::{NO_METHODS, ValueType};
use super::api::string::BorrowedString;
use super::guard::guarded;
use super::{budget, compression, counting, near, rules, runtime, sweep, waiting};
use crate::core::namespace::Namespace;
use crate::core::origin::Incarnation;
use crate::protocol::apply::Effect;

pub static NAMESPACE_TYPE: ValueType = ValueType::unregistered();

/// What `TYPE` shows.
const NAME: &std::ffi::CStr = c"cache-nsp";

/// A namespace in memory. The server has one handle of it, and whoever else holds it another.
pub struct StoredNamespace {
    namespace: UnsafeCell<Namespace>,
    /// The database in which the roster has it; none where it does not know it yet.
    met_in: Cell<Option<i32>>,
    /// Whether the server has let go of it.
    gone: AtomicBool,
}

impl StoredNamespace {
    pub fn new(namespace: Namespace) -> Self {
        let namespace = UnsafeCell::new(namespace);
        StoredNamespace { namespace, met_in: Cell::new(None), gone: AtomicBool::new(false) }
    }

    /// Gives it to the server, which frees it through the callback below.
    pub fn into_value(self) -> NonNull<c_void> {
        // It stays on the main thread but for its end, and so do those who hold it.
        #[allow(clippy::arc_with_non_send_sync)]
        let shared = Arc::into_raw(Arc::new(self));
        NonNull::new(shared.cast_mut().cast()).expect("of an Arc")
    }

    /// # Safety
    ///
    /// `value` must be of [`NAMESPACE_TYPE`], and stay unchanged as long as it is borrowed.
    pub unsafe fn from_value(value: &NonNull<c_void>) -> &StoredNamespace {
        // SAFETY: the caller's promise.
        unsafe { value.cast::<StoredNamespace>().as_ref() }
    }

    pub fn namespace(&self) -> &Namespace {
        // SAFETY: nobody changes it as long as it is borrowed: see `from_value`.
        unsafe { &*self.namespace.get() }
    }

    /// Changes it.
    ///
    /// # Safety
    ///
    /// Nobody may borrow what [`namespace`](Self::namespace) gives meanwhile.
    pub unsafe fn change<T>(&self, change: impl FnOnce(&mut Namespace) -> T) -> T {
        // SAFETY: the caller's promise.
        change(unsafe { &mut *self.namespace.get() })
    }

    /// Enters it into the roster where that does not know it.
    pub fn meet(&self, database: i32, name: &[u8]) {
        if self.met_in.replace(Some(database)) != Some(database) {
            runtime::with(|runtime| runtime.roster.borrow_mut().add(database, name));
        }
    }

    /// Another handle of a value, which keeps it readable whatever becomes of its key.
    ///
    /// # Safety
    ///
    /// `value` must be a live value of [`NAMESPACE_TYPE`].
    pub unsafe fn hold(value: NonNull<c_void>) -> HeldNamespace {
        // SAFETY: made by `into_value`, and alive.
        unsafe {
            let value = value.cast::<StoredNamespace>().as_ptr().cast_const();
            Arc::increment_strong_count(value);
            HeldNamespace(Arc::from_raw(value))
        }
    }
}

/// A namespace that stays readable, whatever becomes of its key.
pub struct HeldNamespace(Arc<StoredNamespace>);

impl HeldNamespace {
    /// The namespace as the server has it; none where that has let go of it.
    #[inline]
    pub fn get(&self) -> Option<NonNull<c_void>> {
        let is_gone = self.0.gone.load(Ordering::Acquire);
        if is_gone { None } else { NonNull::new(Arc::as_ptr(&self.0).cast_mut().cast()) }
    }
}

/// Registers the type with the server.
pub fn register(context: Context<'_>) -> Result<(), String> {
    let mut methods = raw::RedisModuleTypeMethods {
        rdb_load: Some(rdb_load),
        rdb_save: Some(rdb_save),
        aof_rewrite: Some(aof_rewrite),
        mem_usage: Some(mem_usage),
        digest: Some(digest),
        free: Some(free),
        aux_load: Some(rules::load),
        aux_save: Some(rules::save),
        aux_save_triggers: rules::TRIGGERS,
        free_effort: Some(free_effort),
        unlink2: Some(unlink),
        copy: Some(copy),
        ..NO_METHODS
    };
    NAMESPACE_TYPE.register(context, NAME, &mut methods)
}

/// Borrows the value that the server passes to a callback.
///
/// # Safety
///
/// `value` must be null or a live value of [`NAMESPACE_TYPE`] that nobody changes for `'a`.
unsafe fn namespace<'a>(value: *const c_void) -> Option<&'a Namespace> {
    // SAFETY: the caller's promise.
    unsafe { value.cast::<StoredNamespace>().as_ref() }.map(StoredNamespace::namespace)
}

unsafe extern "C" fn rdb_save(io: *mut raw::RedisModuleIO, value: *mut c_void) {
    guarded((), || {
        // SAFETY: the server passes an open stream and a live value.
        let (io, namespace) = unsafe { (Io::new(io), namespace(value)) };
        if let Some(namespace) = namespace {
            io.save(&namespace.encode());
        }
    });
}

unsafe extern "C" fn rdb_load(io: *mut raw::RedisModuleIO, encoding_version: c_int) -> *mut c_void {
    guarded(ptr::null_mut(), || {
        // SAFETY: the server passes an open stream.
        let io = unsafe { Io::new(io) };
        let readable = encoding_version == c_int::from(crate::core::origin::ENCODING_VERSION);
        let loaded = io.load().filter(|_| readable).and_then(|bytes| Namespace::decode(bytes.bytes()));
        loaded.map_or(ptr::null_mut(), |namespace| {
            let stored = StoredNamespace::new(namespace);
            if let (Some(name), Some(database)) = (io.key_name(), io.database()) {
                stored.meet(database, name.bytes());
            }
            stored.into_value().as_ptr()
        })
    })
}

unsafe extern "C" fn aof_rewrite(
    io: *mut raw::RedisModuleIO,
    key: *mut raw::RedisModuleString,
    value: *mut c_void,
) {
    guarded((), || {
        // SAFETY: the server passes an open stream, and a key and a value that outlive the call.
        let (io, key, namespace) = unsafe { (Io::new(io), BorrowedString::new(key), namespace(value)) };
        if let (Some(key), Some(namespace)) = (key, namespace) {
            rules::emit_once(io);
            super::keyspace::emit(io, key.bytes(), &Effect::Namespace(namespace.clone()));
        }
    });
}

/// May run on another thread: a namespace owns all that it holds.
unsafe extern "C" fn free(value: *mut c_void) {
    guarded((), || {
        let Some(value) = NonNull::new(value.cast::<StoredNamespace>()) else { return };
        // SAFETY: the server gives back what `into_value` gave it.
        let shared = unsafe { Arc::from_raw(value.as_ptr().cast_const()) };
        shared.gone.store(true, Ordering::Release);
    });
}

/// In allocations, roughly: whether freeing is worth another thread.
unsafe extern "C" fn free_effort(_key: *mut raw::RedisModuleString, value: *const c_void) -> usize {
    guarded(1, || {
        // SAFETY: the server passes a live value.
        let namespace = unsafe { namespace(value) };
        namespace.map_or(1, |namespace| {
            namespace.epochs().len().saturating_add(namespace.dictionaries().len()).saturating_add(1)
        })
    })
}

/// The key loses its name (DEL, RENAME, MOVE). The value may live on under another, in which the roster shall know it;
/// under this one it shall not, or a namespace that is dropped and made again would grow it each time.
unsafe extern "C" fn unlink(context: *mut raw::RedisModuleKeyOptCtx, value: *const c_void) {
    guarded((), || {
        // SAFETY: the server passes a live value, and a context that knows the name and the database of its key.
        let (key, database, stored) = unsafe {
            (
                BorrowedString::new(api!(RedisModule_GetKeyNameFromOptCtx(context))),
                api!(RedisModule_GetDbIdFromOptCtx(context)),
                value.cast::<StoredNamespace>().as_ref(),
            )
        };
        if let (Some(key), Some(stored)) = (key, stored) {
            stored.met_in.set(None);
            near::namespace_unlinked(database, key.bytes());
            runtime::with(|runtime| runtime.roster.borrow_mut().remove(database, key.bytes()));
            waiting::drop_namespace(database, key.bytes());
            counting::namespace_unlinked(key.bytes());
            if let Ok(name) = std::str::from_utf8(key.bytes()) {
                compression::forget(Some(database), Some(name));
            }
            budget::namespace_unlinked(database, key.bytes());
            sweep::ask(database);
        }
    });
}

/// Another life under another name: nothing of the original is alive in it. The incarnation is drawn from what
/// is the same on every replica, since COPY is replicated as it was called; and the original counts its copies,
/// or a second one would be drawn like the first and revive what was stored under that.
unsafe extern "C" fn copy(
    from: *mut raw::RedisModuleString,
    to: *mut raw::RedisModuleString,
    value: *const c_void,
) -> *mut c_void {
    guarded(ptr::null_mut(), || {
        // SAFETY: the server passes two keys and a live value. It is ours to change (`into_value` gave it away as
        // mutable), and nobody else borrows it while COPY runs.
        let (from, to, stored) = unsafe {
            let stored = value.cast::<StoredNamespace>().as_ref();
            (BorrowedString::new(from), BorrowedString::new(to), stored)
        };
        let (Some(from), Some(to), Some(stored)) = (from, to, stored) else { return ptr::null_mut() };
        let mut hash = Sha256::new();
        for part in [&stored.namespace().encode()[..], from.bytes(), b"\0", to.bytes()] {
            hash.update(part);
        }
        let drawn = hash.finalize().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        // SAFETY: nobody borrows it now.
        let copied = unsafe { stored.change(|namespace| namespace.copied(Incarnation(drawn))) };
        StoredNamespace::new(copied).into_value().as_ptr()
    })
}

unsafe extern "C" fn mem_usage(value: *const c_void) -> usize {
    guarded(0, || {
        // SAFETY: the server passes a live value.
        unsafe { namespace(value) }
            .map_or(0, |namespace| namespace.heap_bytes().saturating_add(size_of::<StoredNamespace>()))
    })
}

unsafe extern "C" fn digest(digest: *mut raw::RedisModuleDigest, value: *mut c_void) {
    guarded((), || {
        // SAFETY: the server passes an open digest and a live value.
        let (digest, namespace) = unsafe { (Digest::new(digest), namespace(value)) };
        if let Some(namespace) = namespace {
            digest.add_in_order(&[&namespace.encode()]);
        }
    });
}
