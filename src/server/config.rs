//! Configuration: `CONFIG SET cache.*` and `redis.conf`.

use std::ffi::{CStr, CString};

use libc::{c_char, c_int, c_longlong, c_void};
use redis_module::raw;

use super::api::api;
use super::api::context::Context;
use super::guard::guarded;
use super::runtime::{self, Runtime};
use super::{sweep, waiting};
use crate::core::limits::{Limits, maxima};

/// A number among the limits.
struct Number {
    /// Without the module's `cache.`.
    name: &'static CStr,
    /// Whether it is given in bytes, and so may be spelled `1mb`.
    is_memory: bool,
    min: u64,
    max: u64,
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

const NUMBERS: [Number; 11] = [
    Number {
        name: c"params-max-bytes",
        is_memory: true,
        min: 1 << 10,
        max: maxima::PARAMS_BYTES as u64,
        get: |limits| limits.params_max_bytes as u64,
        set: |limits, bytes| limits.params_max_bytes = bytes as usize,
    },
    Number {
        name: c"result-max-bytes",
        is_memory: true,
        min: 1 << 10,
        max: maxima::RESULT_BYTES as u64,
        get: |limits| limits.result_max_bytes as u64,
        set: |limits, bytes| limits.result_max_bytes = bytes as usize,
    },
    Number {
        name: c"tags-max",
        is_memory: false,
        min: 0,
        max: maxima::TAGS as u64,
        get: |limits| limits.tags_max as u64,
        set: |limits, tags| limits.tags_max = tags as usize,
    },
    Number {
        name: c"tag-max-bytes",
        is_memory: true,
        min: 1,
        max: maxima::TAG_BYTES as u64,
        get: |limits| limits.tag_max_bytes as u64,
        set: |limits, bytes| limits.tag_max_bytes = bytes as usize,
    },
    Number {
        name: c"progress-max-bytes",
        is_memory: true,
        min: 1,
        max: maxima::PROGRESS_BYTES as u64,
        get: |limits| limits.progress_max_bytes as u64,
        set: |limits, bytes| limits.progress_max_bytes = bytes as usize,
    },
    Number {
        name: c"waiters-max",
        is_memory: false,
        min: 0,
        max: maxima::WAITERS as u64,
        get: |limits| limits.waiters_max as u64,
        set: |limits, waiters| limits.waiters_max = waiters as usize,
    },
    Number {
        name: c"leases-max",
        is_memory: false,
        min: 0,
        max: maxima::LEASES as u64,
        get: |limits| limits.leases_max as u64,
        set: |limits, leases| limits.leases_max = leases as usize,
    },
    Number {
        name: c"plan-max-jobs",
        is_memory: false,
        min: 1,
        max: maxima::PLAN_JOBS as u64,
        get: |limits| limits.plan_max_jobs as u64,
        set: |limits, jobs| limits.plan_max_jobs = jobs as usize,
    },
    Number {
        name: c"plan-reply-max-bytes",
        is_memory: true,
        min: 1 << 10,
        max: maxima::RESULT_BYTES as u64,
        get: |limits| limits.plan_reply_max_bytes as u64,
        set: |limits, bytes| limits.plan_reply_max_bytes = bytes as usize,
    },
    Number {
        name: c"stats-rows-max",
        is_memory: false,
        min: 0,
        max: maxima::STATS_ROWS as u64,
        get: |limits| limits.stats_rows_max as u64,
        set: |limits, rows| limits.stats_rows_max = rows as usize,
    },
    Number {
        name: c"ttl-max-seconds",
        is_memory: false,
        min: 1,
        max: maxima::TTL_SECONDS,
        get: |limits| limits.ttl_max_ms / 1000,
        set: |limits, seconds| limits.ttl_max_ms = seconds.saturating_mul(1000),
    },
];

/// Something that is on or off.
struct Switch {
    /// Without the module's `cache.`.
    name: &'static CStr,
    default: bool,
    get: fn(&Runtime) -> bool,
    set: fn(&Runtime, bool),
}

const SWITCHES: [Switch; 4] = [
    Switch {
        name: c"enabled",
        default: true,
        get: |runtime| !runtime.disabled.get(),
        set: |runtime, on| {
            runtime.disabled.set(!on);
            waiting::reconsider();
        },
    },
    Switch {
        name: c"sweep",
        default: true,
        get: |runtime| !runtime.sweep_disabled.get(),
        set: |runtime, on| {
            runtime.sweep_disabled.set(!on);
            sweep::resume();
        },
    },
    Switch { name: c"memo", default: true, get: Runtime::has_memo, set: Runtime::set_memo },
    Switch {
        name: c"apply-from-clients",
        default: false,
        get: |runtime| runtime.apply_from_clients.get(),
        set: |runtime, on| runtime.apply_from_clients.set(on),
    },
];

/// Registers all of it with the server, and takes what `redis.conf` says.
pub fn register(context: Context<'_>) -> Result<(), String> {
    let defaults = Limits::default();
    for number in &NUMBERS {
        let flags =
            if number.is_memory { raw::REDISMODULE_CONFIG_MEMORY } else { raw::REDISMODULE_CONFIG_DEFAULT };
        let signed = |value: u64| c_longlong::try_from(value).unwrap_or(c_longlong::MAX);
        // SAFETY: the server copies the name; the callbacks are good for ever and take no private data.
        let status = unsafe {
            api!(RedisModule_RegisterNumericConfig(
                context.as_ptr(),
                number.name.as_ptr(),
                signed((number.get)(&defaults)),
                flags,
                signed(number.min),
                signed(number.max),
                Some(get_number),
                Some(set_number),
                None,
                std::ptr::null_mut(),
            ))
        };
        context.accepted(status, "a configuration")?;
    }
    for switch in &SWITCHES {
        // SAFETY: as above.
        let status = unsafe {
            api!(RedisModule_RegisterBoolConfig(
                context.as_ptr(),
                switch.name.as_ptr(),
                c_int::from(switch.default),
                raw::REDISMODULE_CONFIG_DEFAULT,
                Some(get_switch),
                Some(set_switch),
                None,
                std::ptr::null_mut(),
            ))
        };
        context.accepted(status, "a configuration")?;
    }
    // SAFETY: the context is alive; this calls the setters above.
    context.accepted(unsafe { api!(RedisModule_LoadConfigs(context.as_ptr())) }, "the configuration")
}

/// The name that the server passes: since 8.0 in full, before without the prefix.
///
/// # Safety
///
/// `name` must be a C string that stays for `'a`.
unsafe fn bare_name<'a>(name: *const c_char) -> &'a [u8] {
    // SAFETY: the caller's promise.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    name.strip_prefix(b"cache.").unwrap_or(name)
}

/// # Safety
///
/// `name` must be a C string.
unsafe fn number(name: *const c_char) -> Option<&'static Number> {
    // SAFETY: the caller's promise.
    let name = unsafe { bare_name(name) };
    NUMBERS.iter().find(|number| number.name.to_bytes() == name)
}

/// # Safety
///
/// `name` must be a C string.
unsafe fn switch(name: *const c_char) -> Option<&'static Switch> {
    // SAFETY: the caller's promise.
    let name = unsafe { bare_name(name) };
    SWITCHES.iter().find(|switch| switch.name.to_bytes() == name)
}

unsafe extern "C" fn get_number(name: *const c_char, _private: *mut c_void) -> c_longlong {
    guarded(0, || {
        // SAFETY: the server passes the name of a configuration.
        let number = unsafe { number(name) };
        let limits = runtime::with(|runtime| runtime.limits.get());
        number.map_or(0, |number| c_longlong::try_from((number.get)(&limits)).unwrap_or(c_longlong::MAX))
    })
}

unsafe extern "C" fn set_number(
    name: *const c_char,
    value: c_longlong,
    _private: *mut c_void,
    error: *mut *mut raw::RedisModuleString,
) -> c_int {
    guarded(raw::REDISMODULE_ERR as c_int, || {
        // SAFETY: the server passes the name of a configuration.
        let number = unsafe { number(name) };
        match (number, u64::try_from(value)) {
            (Some(number), Ok(value)) => {
                runtime::with(|runtime| {
                    let mut limits = runtime.limits.get();
                    let rows_max = limits.stats_rows_max;
                    (number.set)(&mut limits, value);
                    runtime.limits.set(limits);
                    if limits.stats_rows_max != rows_max {
                        // What was not told apart so far may be from now on.
                        runtime.forget_rows();
                    }
                });
                raw::REDISMODULE_OK as c_int
            }
            _ => {
                refuse(error, &format!("{value} is not accepted"));
                raw::REDISMODULE_ERR as c_int
            }
        }
    })
}

/// Tells the server why; it frees the text.
fn refuse(error: *mut *mut raw::RedisModuleString, why: &str) {
    let why = CString::new(why).unwrap_or_default();
    // SAFETY: the server passes a place for one string, which becomes its own.
    unsafe {
        *error = api!(RedisModule_CreateString(std::ptr::null_mut(), why.as_ptr(), why.as_bytes().len()));
    }
}

unsafe extern "C" fn get_switch(name: *const c_char, _private: *mut c_void) -> c_int {
    guarded(0, || {
        // SAFETY: the server passes the name of a configuration.
        let switch = unsafe { switch(name) };
        switch.map_or(0, |switch| c_int::from(runtime::with(switch.get)))
    })
}

unsafe extern "C" fn set_switch(
    name: *const c_char,
    value: c_int,
    _private: *mut c_void,
    _error: *mut *mut raw::RedisModuleString,
) -> c_int {
    guarded(raw::REDISMODULE_ERR as c_int, || {
        // SAFETY: the server passes the name of a configuration.
        let Some(switch) = (unsafe { switch(name) }) else { return raw::REDISMODULE_ERR as c_int };
        runtime::with(|runtime| (switch.set)(runtime, value != 0));
        raw::REDISMODULE_OK as c_int
    })
}
