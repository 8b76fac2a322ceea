//! Clients that wait.

use std::ptr::{self, NonNull};

use libc::{c_int, c_void};
use redis_module::raw;

use super::api;
use super::context::Context;
use super::string::BorrowedString;

/// A client that waits, until the server gives back what it was blocked with.
#[derive(Debug, Clone, Copy)]
pub struct BlockedClient(NonNull<raw::RedisModuleBlockedClient>);

/// What the server calls for a client that waits.
#[derive(Clone, Copy)]
pub struct Callbacks {
    /// The key may be ready; anything but OK goes on waiting.
    pub ready: Command,
    /// The wait is over, by the clock, by CLIENT UNBLOCK, or by [`BlockedClient::wake`].
    pub over: Command,
    /// The client is no longer blocked, however that came; called exactly once.
    pub end: unsafe extern "C" fn(*mut raw::RedisModuleCtx, *mut c_void),
}

/// A callback with a command's arguments.
pub type Command =
    unsafe extern "C" fn(*mut raw::RedisModuleCtx, *mut *mut raw::RedisModuleString, c_int) -> c_int;

impl BlockedClient {
    /// Blocks the client of a command on a key, as BLPOP does: a moved slot, a new role, CLIENT KILL and CLIENT UNBLOCK
    /// end it. `number` is not 0, and comes back to the callbacks; `timeout_ms` 0 is without limit. Never where the
    /// context denies blocking.
    pub fn block(
        context: Context<'_>,
        key: BorrowedString<'_>,
        timeout_ms: u64,
        number: u64,
        callbacks: Callbacks,
    ) -> Option<Self> {
        let timeout = i64::try_from(timeout_ms).unwrap_or(i64::MAX);
        let private = ptr::without_provenance_mut(usize::try_from(number).ok()?);
        let mut keys = [key.as_ptr()];
        // SAFETY: context and key are alive, the server keeps its own reference to the key; the callbacks are good
        // for ever, and nobody takes the number for a pointer.
        let blocked = unsafe {
            api!(RedisModule_BlockClientOnKeys(
                context.as_ptr(),
                Some(callbacks.ready),
                Some(callbacks.over),
                Some(callbacks.end),
                timeout,
                keys.as_mut_ptr(),
                1,
                private
            ))
        };
        NonNull::new(blocked).map(BlockedClient)
    }

    /// Has the client's wait end: `over` is called, at once on 7.0, and soon on later servers.
    ///
    /// # Safety
    ///
    /// `end` must not have been called for it.
    pub unsafe fn wake(self) {
        // SAFETY: the server keeps it until it has called `end`.
        unsafe { api!(RedisModule_UnblockClient(self.0.as_ptr(), ptr::null_mut())) };
    }
}

/// The number that a client was blocked with, in one of its callbacks.
pub fn number(context: Context<'_>) -> u64 {
    // SAFETY: the context is alive.
    of_private(unsafe { api!(RedisModule_GetBlockedClientPrivateData(context.as_ptr())) })
}

/// The number that the server passes to `end`.
pub fn of_private(private: *mut c_void) -> u64 {
    private.addr() as u64
}
