//! The section `cache` of INFO.

use std::ffi::CStr;

use libc::{c_int, c_ulonglong};
use redis_module::raw;

use super::api::api;
use super::api::context::Context;
use super::api::timer::detached;
use super::guard::guarded;
use super::sweep;

/// Registers the section with the server.
pub fn register(context: Context<'_>) -> Result<(), String> {
    // SAFETY: the callback is good for ever.
    let status = unsafe { api!(RedisModule_RegisterInfoFunc(context.as_ptr(), Some(on_info))) };
    context.accepted(status, "a section of INFO")
}

/// The server puts `cache_` before the names.
unsafe extern "C" fn on_info(info: *mut raw::RedisModuleInfoCtx, for_crash_report: c_int) {
    // A server that is about to die is asked for nothing.
    if for_crash_report != 0 {
        return;
    }
    guarded((), || {
        // SAFETY: the context of the server's own is good until this returns.
        if unsafe { api!(RedisModule_InfoAddSection(info, c"".as_ptr())) } as isize != raw::REDISMODULE_OK {
            return;
        }
        let pending = detached().map_or(0, sweep::pending);
        let fields: [(&CStr, u64); 2] = [(c"swept", sweep::swept()), (c"sweep_pending", pending)];
        for (name, value) in fields {
            // SAFETY: as above; the name is copied.
            unsafe { api!(RedisModule_InfoAddFieldULongLong(info, name.as_ptr(), c_ulonglong::from(value))) };
        }
    });
}
