//! What the server tells us of itself.

use std::ffi::CStr;

use libc::{c_char, c_int, c_void};
use redis_module::raw;

use super::api::context::Context;
use super::api::string::BorrowedString;
use super::api::{api, log};
use super::guard::guarded;
use super::near::Uses;
use super::{budget, compression, counting, near, rules, runtime, sweep, waiting};
use crate::core::policy::rules::Rules;

/// Subscribes to what changes here with the server: its role, its configuration, its data.
pub fn subscribe(context: Context<'_>) -> Result<(), String> {
    let events: [(u64, EventCallback); 7] = [
        (raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED, on_role_change),
        (raw::REDISMODULE_EVENT_CONFIG, on_config_change),
        (raw::REDISMODULE_EVENT_LOADING, on_loading),
        (raw::REDISMODULE_EVENT_PERSISTENCE, on_persistence),
        (raw::REDISMODULE_EVENT_FLUSHDB, on_flush),
        (raw::REDISMODULE_EVENT_SWAPDB, on_swap),
        (raw::REDISMODULE_EVENT_CRON_LOOP, on_cron),
    ];
    for (id, callback) in events {
        let event = raw::RedisModuleEvent { id, dataver: 1 };
        // SAFETY: the callbacks are good for ever.
        let status =
            unsafe { api!(RedisModule_SubscribeToServerEvent(context.as_ptr(), event, Some(callback))) };
        context.accepted(status, "a subscription to server events")?;
    }
    // SAFETY: the callback is good for ever.
    let status = unsafe {
        api!(RedisModule_SubscribeToKeyspaceEvents(
            context.as_ptr(),
            REMOVALS_AND_RETURNS,
            Some(on_key_event)
        ))
    };
    context.accepted(status, "a subscription to keyspace events")?;
    note_eviction(context);
    Ok(())
}

/// What we hear of keys: what is deleted, expires, is evicted or comes back.
const REMOVALS_AND_RETURNS: c_int =
    raw::REDISMODULE_NOTIFY_GENERIC | raw::REDISMODULE_NOTIFY_EXPIRED | raw::REDISMODULE_NOTIFY_EVICTED;

/// Why a key is gone is remembered. RENAME, RESTORE, MOVE and COPY may bring an entry back, or a namespace: whoever follows it looks again.
unsafe extern "C" fn on_key_event(
    context: *mut raw::RedisModuleCtx,
    _kind: c_int,
    event: *const c_char,
    key: *mut raw::RedisModuleString,
) -> c_int {
    guarded((), || {
        // SAFETY: the server passes a context, a key and the name of an event, good until this returns.
        let (context, key, event) =
            unsafe { (Context::new(context), BorrowedString::new(key), CStr::from_ptr(event)) };
        let (Some(context), Some(key)) = (context, key) else { return };
        counting::removed(context, event.to_bytes(), key.bytes());
        if event == c"expire" || event == c"persist" {
            near::expiry_changed(context.database(), key.bytes());
        }
        if event == c"restore" || event == c"move_to" || event == c"copy_to" || event == c"rename_to" {
            budget::survey(context.database());
        }
        if event == c"restore" && context.is_cluster() && is_ours(context, key) {
            // What moved here may be dead already, or be so by what moves with it. Outside a cluster it is not known when
            // all of a namespace has arrived, and its entries must not be taken for orphans until then.
            sweep::ask(context.database());
        }
        if !waiting::with_followers(|followers| followers.is_empty()) {
            waiting::changed_key(context.database(), key.bytes());
            waiting::changed_namespace(context.database(), key.bytes());
        }
    });
    raw::REDISMODULE_OK as c_int
}

/// Whether that is the key of an entry or a namespace, as far as its name and the roster tell.
fn is_ours(context: Context<'_>, key: BorrowedString<'_>) -> bool {
    let is_namespace =
        || runtime::with(|runtime| runtime.roster.borrow().knows(context.database(), key.bytes()));
    key.bytes().starts_with(b"result:") || is_namespace()
}

type EventCallback = unsafe extern "C" fn(*mut raw::RedisModuleCtx, raw::RedisModuleEvent, u64, *mut c_void);

/// A promoted server's clocks leap, so that no number of the old primary's is used again. Leases are the old primary's.
unsafe extern "C" fn on_role_change(
    _context: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    _subevent: u64,
    _data: *mut c_void,
) {
    guarded((), || {
        runtime::with(runtime::Runtime::begin_era);
        near::clear();
        waiting::forget_leases();
        compression::forget(None, None);
        sweep::resume();
        budget::resume();
    });
}

unsafe extern "C" fn on_config_change(
    context: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    _subevent: u64,
    _data: *mut c_void,
) {
    guarded((), || {
        // SAFETY: the server passes a context that is good until this returns.
        if let Some(context) = unsafe { Context::new(context) } {
            note_eviction(context);
        }
    });
}

/// What is loaded brings its own rules, or has none; and it may bring what is dead already.
unsafe extern "C" fn on_loading(
    _context: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    subevent: u64,
    _data: *mut c_void,
) {
    let starts = [
        raw::REDISMODULE_SUBEVENT_LOADING_RDB_START,
        raw::REDISMODULE_SUBEVENT_LOADING_AOF_START,
        raw::REDISMODULE_SUBEVENT_LOADING_REPL_START,
    ];
    guarded((), || {
        near::clear();
        if starts.contains(&subevent) {
            runtime::with(|runtime| runtime.change_rules(Rules::clear));
        }
        if subevent == raw::REDISMODULE_SUBEVENT_LOADING_ENDED {
            let databases = runtime::with(|runtime| runtime.roster.borrow().databases());
            databases.into_iter().for_each(sweep::ask);
            budget::resume();
        }
    });
}

unsafe extern "C" fn on_persistence(
    context: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    subevent: u64,
    _data: *mut c_void,
) {
    guarded((), || {
        // SAFETY: the server passes a context that is good until this returns.
        let context = unsafe { Context::new(context) };
        match (subevent, context) {
            (
                raw::REDISMODULE_SUBEVENT_PERSISTENCE_AOF_START
                | raw::REDISMODULE_SUBEVENT_PERSISTENCE_SYNC_AOF_START,
                _,
            ) => rules::begin_rewrite(),
            (raw::REDISMODULE_SUBEVENT_PERSISTENCE_ENDED, Some(context)) => rules::end_rewrite(context),
            (raw::REDISMODULE_SUBEVENT_PERSISTENCE_FAILED, _) => rules::abandon_rewrite(),
            _ => {}
        }
    });
}

/// FLUSHDB, FLUSHALL, or the emptying before a load: nobody tells of the single keys.
unsafe extern "C" fn on_flush(
    _context: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    subevent: u64,
    data: *mut c_void,
) {
    guarded((), || {
        // SAFETY: of this event the data is a RedisModuleFlushInfo, good until this returns.
        let flushed = unsafe { data.cast::<raw::RedisModuleFlushInfo>().as_ref() };
        if let Some(flushed) = flushed
            && subevent == raw::REDISMODULE_SUBEVENT_FLUSHDB_END
        {
            let database = (flushed.dbnum >= 0).then_some(flushed.dbnum);
            near::clear();
            runtime::with(|runtime| runtime.roster.borrow_mut().flush(database));
            compression::forget(database, None);
            waiting::drop_database(database);
            budget::forget(database);
            counting::forget_departed();
        }
    });
}

unsafe extern "C" fn on_swap(
    _context: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    _subevent: u64,
    data: *mut c_void,
) {
    guarded((), || {
        // SAFETY: of this event the data is a RedisModuleSwapDbInfo, good until this returns.
        if let Some(swapped) = unsafe { data.cast::<raw::RedisModuleSwapDbInfo>().as_ref() } {
            let (one, other) = (swapped.dbnum_first, swapped.dbnum_second);
            near::clear();
            runtime::with(|runtime| runtime.roster.borrow_mut().swap(one, other));
            sweep::swap(one, other);
            [one, other].into_iter().for_each(|database| compression::forget(Some(database), None));
            budget::swap(one, other);
            counting::forget_departed();
            [one, other].into_iter().for_each(|database| waiting::drop_database(Some(database)));
        }
    });
}

/// The server's own tick, by default ten times a second.
unsafe extern "C" fn on_cron(
    context: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    _subevent: u64,
    _data: *mut c_void,
) {
    guarded((), || {
        // SAFETY: the server passes a context that is good until this returns.
        if let Some(context) = unsafe { Context::new(context) } {
            waiting::wake::on_tick(context);
            counting::on_tick(context);
            budget::on_tick(context);
            compression::on_tick();
        }
    });
}

/// Takes note of how core evicts, and logs it where that would take namespaces, whose entries then are all absent.
/// A policy that looks at use spares them, since they are used; one that draws at random does not.
fn note_eviction(context: Context<'_>) {
    let policy = context.info_field(c"memory", c"maxmemory_policy").unwrap_or_default();
    let at_random = policy == "allkeys-random";
    near::set_uses(match policy {
        _ if policy.ends_with("-lru") => Uses::Last,
        _ if policy.ends_with("-lfu") => Uses::Each,
        _ => Uses::Nothing,
    });
    let was_at_random = runtime::with(|runtime| {
        runtime.eviction_by_use.set(policy.starts_with("allkeys-") && !at_random);
        runtime.eviction_at_random.replace(at_random)
    });
    if at_random && !was_at_random {
        log::warning(
            "maxmemory-policy allkeys-random evicts namespaces as readily as entries, and with a namespace all its \
             entries; volatile-lru or volatile-lfu evicts entries only",
        );
    }
}
