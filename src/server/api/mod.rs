//! Thin, safe wrappers over the module API, no more of it than is used.
//!
//! The API is a set of function pointers that the server fills in at load. Those that every supported server
//! has (Redis 7.0 and later, Valkey) are listed in [`missing`] and checked once; a call of another must
//! look whether it is there.

use lazy_static::lazy_static;
use redis_module::raw;

pub mod blocking;
pub mod context;
pub mod io;
pub mod key;
pub mod log;
pub mod scan;
pub mod stream;
pub mod string;
pub mod timer;

/// Calls a function of the module API. An absent one is a contained panic, not a crash; [`missing`] makes
/// sure that it cannot happen for those it lists.
macro_rules! api {
    ($name:ident($($argument:expr),* $(,)?)) => {{
        let function = redis_module::raw::$name;
        match function {
            Some(function) => function($($argument),*),
            None => panic!(concat!("this server lacks ", stringify!($name))),
        }
    }};
}
pub(crate) use api;

/// The first function that the module needs and this server lacks.
pub fn missing() -> Option<&'static str> {
    macro_rules! first_missing {
        ($($name:ident)*) => {{
            // SAFETY: the pointers are set once, by the import that came before.
            $(if unsafe { redis_module::raw::$name }.is_none() { return Some(stringify!($name)); })*
            None
        }};
    }
    first_missing! {
        RedisModule_CreateSubcommand RedisModule_SetCommandInfo RedisModule_SetAbsExpire
        RedisModule_RegisterNumericConfig RedisModule_LoadConfigs RedisModule_GetDbIdFromIO
        RedisModule_SubscribeToServerEvent RedisModule_EmitAOF RedisModule_SignalModifiedKey
        RedisModule_BlockClientOnKeys RedisModule_GetDetachedThreadSafeContext
        RedisModule_Scan RedisModule_AvoidReplicaTraffic
        RedisModule_StreamAdd RedisModule_StreamTrimByLength
        RedisModule_ReplyWithMap RedisModule_DefragAlloc RedisModule_GetKeyNameFromOptCtx
    }
}

/// What a function of the API returns where it did what was asked.
pub fn is_ok(status: libc::c_int) -> bool {
    status as isize == redis_module::raw::REDISMODULE_OK
}

/// Functions that only newer servers have.
pub struct Newer {
    /// Redis 7.2.
    pub cached_microseconds: Option<unsafe extern "C" fn() -> raw::ustime_t>,
    /// Redis 7.2.
    pub set_command_acl_categories:
        Option<unsafe extern "C" fn(*mut raw::RedisModuleCommand, *const libc::c_char) -> libc::c_int>,
}

lazy_static! {
    /// Looked up once, at the first use after the import.
    pub static ref NEWER: Newer = Newer {
        // SAFETY: set once, by the import, which came before anything that asks.
        cached_microseconds: unsafe { raw::RedisModule_CachedMicroseconds },
        // SAFETY: as above.
        set_command_acl_categories: unsafe { raw::RedisModule_SetCommandACLCategories },
    };
}
