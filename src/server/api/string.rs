//! The server's strings.

use std::marker::PhantomData;
use std::ptr::NonNull;

use redis_module::raw;

use super::api;

/// A string of the server's that somebody keeps alive for `'a`: an argument, a key name.
#[derive(Clone, Copy)]
pub struct BorrowedString<'a> {
    string: NonNull<raw::RedisModuleString>,
    alive: PhantomData<&'a raw::RedisModuleString>,
}

impl<'a> BorrowedString<'a> {
    /// # Safety
    ///
    /// `string` must be null or a string that stays alive and unchanged for `'a`.
    pub unsafe fn new(string: *const raw::RedisModuleString) -> Option<Self> {
        NonNull::new(string.cast_mut()).map(|string| BorrowedString { string, alive: PhantomData })
    }

    pub fn bytes(self) -> &'a [u8] {
        let mut length = 0;
        // SAFETY: the string is alive for 'a (see `new`), and so are its bytes, which nobody changes.
        unsafe {
            let bytes = api!(RedisModule_StringPtrLen(self.string.as_ptr(), &raw mut length));
            std::slice::from_raw_parts(bytes.cast(), length)
        }
    }

    pub fn as_ptr(self) -> *mut raw::RedisModuleString {
        self.string.as_ptr()
    }
}

/// A string of ours, released when dropped.
pub struct OwnedString(NonNull<raw::RedisModuleString>);

impl OwnedString {
    pub fn new(bytes: &[u8]) -> Self {
        // SAFETY: the server copies the bytes. Without a context the string is ours to free.
        let string = unsafe {
            api!(RedisModule_CreateString(std::ptr::null_mut(), bytes.as_ptr().cast(), bytes.len()))
        };
        OwnedString(NonNull::new(string).expect("the server aborts where memory runs out"))
    }

    pub fn borrow(&self) -> BorrowedString<'_> {
        BorrowedString { string: self.0, alive: PhantomData }
    }
}

/// Another handle of the same string: the server counts them.
impl Clone for OwnedString {
    fn clone(&self) -> Self {
        // SAFETY: the string is alive. Without a context the new reference is ours to free.
        unsafe { api!(RedisModule_RetainString(std::ptr::null_mut(), self.0.as_ptr())) }
        OwnedString(self.0)
    }
}

impl Drop for OwnedString {
    fn drop(&mut self) {
        // SAFETY: made without a context, freed once.
        unsafe { api!(RedisModule_FreeString(std::ptr::null_mut(), self.0.as_ptr())) }
    }
}
