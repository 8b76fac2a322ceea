//! Files: RDB payloads, append-only files, digests.

use std::ffi::CStr;
use std::ptr::NonNull;

use redis_module::raw;

use super::api;
use super::string::BorrowedString;

/// A stream of an RDB file, a DUMP payload, or an append-only file that is being written.
#[derive(Clone, Copy)]
pub struct Io(*mut raw::RedisModuleIO);

impl Io {
    /// # Safety
    ///
    /// `io` must be the argument of a data type's callback that is running.
    pub unsafe fn new(io: *mut raw::RedisModuleIO) -> Self {
        Io(io)
    }

    pub fn save(self, bytes: &[u8]) {
        // SAFETY: the stream is open; the server copies the bytes.
        unsafe { api!(RedisModule_SaveStringBuffer(self.0, bytes.as_ptr().cast(), bytes.len())) };
    }

    /// The next string; none where the file ends or is broken.
    pub fn load(self) -> Option<LoadedBytes> {
        let mut length = 0;
        // SAFETY: the stream is open. What is returned is ours to free.
        let bytes = unsafe { api!(RedisModule_LoadStringBuffer(self.0, &raw mut length)) };
        let loaded = NonNull::new(bytes.cast::<u8>()).map(|bytes| LoadedBytes { bytes, length });
        // SAFETY: as above.
        let broken = unsafe { api!(RedisModule_IsIOError(self.0)) } != 0;
        loaded.filter(|_| !broken)
    }

    /// The name of the key that is being loaded, where the server knows it.
    pub fn key_name<'a>(self) -> Option<BorrowedString<'a>> {
        // SAFETY: the stream is open, and its key name outlives the callback that asks.
        unsafe { BorrowedString::new(api!(RedisModule_GetKeyNameFromIO(self.0))) }
    }

    /// The number of the database that is being loaded, where the server knows it.
    pub fn database(self) -> Option<i32> {
        // SAFETY: the stream is open.
        let database = unsafe { api!(RedisModule_GetDbIdFromIO(self.0)) };
        (database >= 0).then_some(database)
    }

    /// Writes `command key word ...` to an append-only file.
    pub fn emit(self, command: &CStr, key: &[u8], words: &[&[u8]]) {
        let all: Vec<super::string::OwnedString> =
            std::iter::once(&key).chain(words).map(|word| super::string::OwnedString::new(word)).collect();
        let mut pointers: Vec<_> = all.iter().map(|word| word.borrow().as_ptr()).collect();
        // SAFETY: "v" takes a vector of strings and its length; they live until the call returns.
        unsafe {
            api!(RedisModule_EmitAOF(
                self.0,
                command.as_ptr(),
                c"v".as_ptr(),
                pointers.as_mut_ptr(),
                pointers.len()
            ))
        };
    }
}

/// Bytes that the server loaded for us.
pub struct LoadedBytes {
    bytes: NonNull<u8>,
    length: usize,
}

impl LoadedBytes {
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the server filled that many bytes, and nobody else has them.
        unsafe { std::slice::from_raw_parts(self.bytes.as_ptr(), self.length) }
    }
}

impl Drop for LoadedBytes {
    fn drop(&mut self) {
        // SAFETY: the server allocated them for us; freed once.
        unsafe { api!(RedisModule_Free(self.bytes.as_ptr().cast())) }
    }
}

/// The digest by which replicas are compared: `DEBUG DIGEST-VALUE`.
pub struct Digest(*mut raw::RedisModuleDigest);

impl Digest {
    /// # Safety
    ///
    /// `digest` must be the argument of a digest callback that is running.
    pub unsafe fn new(digest: *mut raw::RedisModuleDigest) -> Self {
        Digest(digest)
    }

    /// Adds strings whose order matters.
    pub fn add_in_order(&self, parts: &[&[u8]]) {
        for part in parts {
            // SAFETY: the digest is open; the server reads the bytes (it only declares them mutable).
            unsafe {
                api!(RedisModule_DigestAddStringBuffer(self.0, part.as_ptr().cast(), part.len()));
            }
        }
        // SAFETY: as above.
        unsafe { api!(RedisModule_DigestEndSequence(self.0)) }
    }
}
