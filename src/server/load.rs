//! `RedisModule_OnLoad`: the first that runs, and all that is registered.

use libc::c_int;
use redis_module::raw;

use super::api::context::Context;
use super::api::{log, missing, timer};
use super::{config, counting, entry_type, events, guard, info, namespace_type, registration, roster};

/// As `MODULE LIST` shows it, in core's way: major * 10000 + minor * 100 + patch.
const VERSION: c_int = 100;

/// Called by the server at `loadmodule`.
///
/// # Safety
///
/// Only the server calls it, once, with its context and `count` arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RedisModule_OnLoad(
    context: *mut raw::RedisModuleCtx,
    _arguments: *mut *mut raw::RedisModuleString,
    count: c_int,
) -> c_int {
    // SAFETY: the first call, before anything allocates; the name is a C string.
    let imported = unsafe {
        raw::Export_RedisModule_Init(context, c"cache".as_ptr(), VERSION, raw::REDISMODULE_APIVER_1 as c_int)
    };
    if imported as isize != raw::REDISMODULE_OK {
        return raw::REDISMODULE_ERR as c_int;
    }
    guard::install_panic_hook();
    guard::guarded(raw::REDISMODULE_ERR as c_int, || {
        // SAFETY: the server passes a context that is good until this returns.
        let Some(context) = (unsafe { Context::new(context) }) else { return raw::REDISMODULE_ERR as c_int };
        match register(context, count) {
            Ok(()) => raw::REDISMODULE_OK as c_int,
            Err(why) => {
                log::warning(&format!("not loaded: {why}"));
                raw::REDISMODULE_ERR as c_int
            }
        }
    })
}

fn register(context: Context<'_>, arguments: c_int) -> Result<(), String> {
    if let Some(name) = missing() {
        return Err(format!("this server lacks {name}: Redis 7.0 or later is needed, or Valkey"));
    }
    if arguments > 0 {
        return Err("loadmodule takes no arguments for it: use cache.* lines in redis.conf".to_owned());
    }
    context.ask_for_io_errors_and_explicit_signals();
    entry_type::register(context)?;
    namespace_type::register(context)?;
    registration::register(context)?;
    config::register(context)?;
    info::register(context)?;
    timer::prepare(context);
    events::subscribe(context)?;
    roster::start(context);
    counting::start();
    Ok(())
}
