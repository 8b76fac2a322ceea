//! Keys of the keyspace, and the module's two types of value at them.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::c_void;
use redis_module::raw;

use super::context::Context;
use super::string::BorrowedString;
use super::{api, is_ok};
use crate::core::instant::Instant;

/// The callbacks of a data type that has none yet, in the layout of Redis 7.0.
pub const NO_METHODS: raw::RedisModuleTypeMethods = raw::RedisModuleTypeMethods {
    version: 4,
    rdb_load: None,
    rdb_save: None,
    aof_rewrite: None,
    mem_usage: None,
    digest: None,
    free: None,
    aux_load: None,
    aux_save: None,
    aux_save_triggers: 0,
    free_effort: None,
    unlink: None,
    copy: None,
    defrag: None,
    mem_usage2: None,
    free_effort2: None,
    unlink2: None,
    copy2: None,
    aux_save2: None,
};

/// A data type of ours: what the server gave us for it at load.
pub struct ValueType(AtomicPtr<raw::RedisModuleType>);

impl ValueType {
    pub const fn unregistered() -> Self {
        ValueType(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// Registers the type; done once, at load.
    pub fn register(
        &self,
        context: Context<'_>,
        name: &std::ffi::CStr,
        methods: &mut raw::RedisModuleTypeMethods,
    ) -> Result<(), String> {
        let version = libc::c_int::from(crate::core::origin::ENCODING_VERSION);
        // SAFETY: the server copies name and methods.
        let registered =
            unsafe { api!(RedisModule_CreateDataType(context.as_ptr(), name.as_ptr(), version, methods)) };
        self.0.store(registered, Ordering::Relaxed);
        if registered.is_null() { Err(format!("the server refused the data type {name:?}")) } else { Ok(()) }
    }

    pub fn as_ptr(&self) -> *mut raw::RedisModuleType {
        self.0.load(Ordering::Relaxed)
    }
}

/// How a key is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Read,
    /// Reads without a hit or a miss in the server's statistics, where it can (7.2).
    ReadUncounted,
    /// Reads without using it, as far as eviction by core goes.
    Sample,
    Write,
}

/// What stands at a key.
pub enum Content {
    Nothing,
    /// A value of the type that was asked for.
    Value(NonNull<c_void>),
    /// A value of another type.
    Other,
}

/// What the server says of a key that does not vanish.
const NO_EXPIRY: raw::mstime_t = -1;

/// An open key, closed when dropped.
///
/// Closing does not signal a modification (the module asks for that at load): whoever changes something says so.
pub struct Key<'a> {
    /// None where there is nothing at a key opened for reading.
    key: Option<NonNull<raw::RedisModuleKey>>,
    alive: PhantomData<&'a raw::RedisModuleKey>,
}

impl<'a> Key<'a> {
    pub fn open(context: Context<'a>, name: BorrowedString<'_>, mode: Mode) -> Self {
        let mode = match mode {
            Mode::Read => raw::REDISMODULE_READ,
            // Older servers do not know the flag, and look at no bit but those that they know.
            Mode::ReadUncounted => raw::REDISMODULE_READ | raw::REDISMODULE_OPEN_KEY_NOSTATS,
            Mode::Sample => {
                raw::REDISMODULE_READ | raw::REDISMODULE_OPEN_KEY_NOSTATS | raw::REDISMODULE_OPEN_KEY_NOTOUCH
            }
            Mode::Write => raw::REDISMODULE_READ | raw::REDISMODULE_WRITE,
        };
        // SAFETY: context and name are alive; the server keeps its own reference to the name.
        let key = unsafe { api!(RedisModule_OpenKey(context.as_ptr(), name.as_ptr(), mode.cast_signed())) };
        Key { key: NonNull::new(key.cast()), alive: PhantomData }
    }

    pub fn content(&self, value_type: &ValueType) -> Content {
        let Some(key) = self.key else { return Content::Nothing };
        let key = key.as_ptr();
        // SAFETY: the key is open. The type of what is no module's value is null, and ours is not.
        unsafe {
            if api!(RedisModule_ModuleTypeGetType(key)) == value_type.as_ptr() {
                let value = api!(RedisModule_ModuleTypeGetValue(key));
                return NonNull::new(value).map_or(Content::Nothing, Content::Value);
            }
            match api!(RedisModule_KeyType(key)) as isize {
                raw::REDISMODULE_KEYTYPE_EMPTY => Content::Nothing,
                _ => Content::Other,
            }
        }
    }

    /// The server's handle; none where there is nothing at a key opened for reading.
    pub fn as_ptr(&self) -> Option<NonNull<raw::RedisModuleKey>> {
        self.key
    }

    /// Whether a stream is there, or nothing.
    pub fn is_stream_or_nothing(&self) -> bool {
        let Some(key) = self.key else { return true };
        // SAFETY: the key is open.
        let key_type = unsafe { api!(RedisModule_KeyType(key.as_ptr())) } as isize;
        [raw::REDISMODULE_KEYTYPE_EMPTY, raw::REDISMODULE_KEYTYPE_STREAM].contains(&key_type)
    }

    /// Whether nothing is there, where the key was opened for reading.
    pub fn is_absent(&self) -> bool {
        self.key.is_none()
    }

    /// Whether the server lets the key vanish at some instant.
    pub fn expires(&self) -> bool {
        self.expiry().is_some()
    }

    /// When the server lets the key vanish; none is never.
    pub fn expiry(&self) -> Option<Instant> {
        // SAFETY: the key is open.
        let ms = unsafe { api!(RedisModule_GetAbsExpire(self.key?.as_ptr())) };
        (ms != NO_EXPIRY).then(|| Instant::from_unix_ms(u64::try_from(ms).unwrap_or(0)))
    }

    /// Puts a value there, in place of whatever is there; any expiry goes.
    ///
    /// # Safety
    ///
    /// `value` must be one of `value_type`'s, and is the server's from now on.
    pub unsafe fn set_value(&mut self, value_type: &ValueType, value: NonNull<c_void>) {
        let Some(key) = self.key else { return };
        // SAFETY: the key is open for writing, or the server refuses; the rest is the caller's promise.
        unsafe { api!(RedisModule_ModuleTypeSetValue(key.as_ptr(), value_type.as_ptr(), value.as_ptr())) };
    }

    /// Puts a value in the place of another of the same type, which is given back; any expiry stays. None where the
    /// server refuses, and nothing changes.
    ///
    /// # Safety
    ///
    /// `value` must be one of `value_type`'s, and is the server's from now on.
    pub unsafe fn replace_value(
        &mut self,
        value_type: &ValueType,
        value: NonNull<c_void>,
    ) -> Option<NonNull<c_void>> {
        let key = self.key?;
        let mut old = std::ptr::null_mut();
        // SAFETY: the key is open for writing, or the server refuses; the rest is the caller's promise.
        let status = unsafe {
            api!(RedisModule_ModuleTypeReplaceValue(
                key.as_ptr(),
                value_type.as_ptr(),
                value.as_ptr(),
                &mut old
            ))
        };
        if is_ok(status) { NonNull::new(old) } else { None }
    }

    /// Lets the key vanish at an instant.
    pub fn set_expiry(&mut self, instant: Instant) {
        let Some(key) = self.key else { return };
        let ms = i64::try_from(instant.unix_ms()).unwrap_or(i64::MAX);
        // SAFETY: the key is open for writing, or the server refuses.
        unsafe { api!(RedisModule_SetAbsExpire(key.as_ptr(), ms)) };
    }

    /// Tells eviction that the key is in use, as strongly as its policy knows.
    pub fn mark_used(&self) {
        let Some(key) = self.key else { return };
        // SAFETY: the key is open. Of the two the server takes the one that its policy goes by.
        unsafe {
            api!(RedisModule_SetLRU(key.as_ptr(), 0));
            api!(RedisModule_SetLFU(key.as_ptr(), libc::c_longlong::from(u8::MAX)));
        }
    }

    /// Removes the key; whether it was there.
    pub fn delete(&mut self) -> bool {
        // SAFETY: the key is open for writing, or the server refuses.
        self.key.is_some_and(|key| is_ok(unsafe { api!(RedisModule_DeleteKey(key.as_ptr())) }))
    }
}

impl Drop for Key<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            // SAFETY: opened once, closed once.
            unsafe { api!(RedisModule_CloseKey(key.as_ptr())) }
        }
    }
}
