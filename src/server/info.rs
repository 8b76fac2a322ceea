//! The section `cache` of INFO.

use std::ffi::CString;

use libc::{c_int, c_ulonglong};
use redis_module::raw;

use super::api::api;
use super::api::context::Context;
use super::api::timer::detached;
use super::counting;
use super::guard::guarded;
use crate::core::stats::figures::Figure;
use crate::core::stats::table::Subject;

/// Registers the section with the server.
pub fn register(context: Context<'_>) -> Result<(), String> {
    // SAFETY: the callback is good for ever.
    let status = unsafe { api!(RedisModule_RegisterInfoFunc(context.as_ptr(), Some(on_info))) };
    context.accepted(status, "a section of INFO")
}

/// All figures of this server that are known. The server puts `cache_` before the names.
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
        let Some(context) = detached() else { return };
        let named = counting::beside(context, Subject::All, |_, figures, beside| figures.named(beside));
        named.into_iter().for_each(|(name, figure)| add(info, name, figure));
    });
}

fn add(info: *mut raw::RedisModuleInfoCtx, name: &str, figure: Figure) {
    let (Ok(name), Ok(text)) = (CString::new(name), CString::new(figure.text().unwrap_or_default())) else {
        return;
    };
    // SAFETY: the context is good while INFO is made; what is passed is copied.
    unsafe {
        match figure {
            Figure::Count(count) | Figure::Known(Some(count)) => {
                api!(RedisModule_InfoAddFieldULongLong(info, name.as_ptr(), c_ulonglong::from(count)));
            }
            _ if text.is_empty() => {}
            _ => {
                api!(RedisModule_InfoAddFieldCString(info, name.as_ptr(), text.as_ptr()));
            }
        }
    }
}
