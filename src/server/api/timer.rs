//! Timers, and the context that they can be set from anywhere.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::c_void;
use redis_module::raw;

use super::api;
use super::context::Context;

/// A context of the module's own, for what happens where the server passes none. Made once, at load.
static DETACHED: AtomicPtr<raw::RedisModuleCtx> = AtomicPtr::new(ptr::null_mut());

/// Makes the context that timers are set with.
pub fn prepare(context: Context<'_>) {
    // SAFETY: the context is alive. What is made is kept for ever.
    let detached = unsafe { api!(RedisModule_GetDetachedThreadSafeContext(context.as_ptr())) };
    DETACHED.store(detached, Ordering::Relaxed);
}

/// That context, to be used by the main thread where the server passes none.
pub fn detached<'a>() -> Option<Context<'a>> {
    // SAFETY: kept for ever.
    unsafe { Context::new(DETACHED.load(Ordering::Relaxed)) }
}

/// What a timer calls.
pub type Callback = unsafe extern "C" fn(*mut raw::RedisModuleCtx, *mut c_void);

/// A timer that has not fired yet.
#[derive(Debug, Clone, Copy)]
pub struct Timer(raw::RedisModuleTimerID);

impl Timer {
    /// Calls back once, in so many milliseconds; 0 is as soon as the commands that are ready have run. None before
    /// [`prepare`].
    pub fn start(in_ms: u64, callback: Callback) -> Option<Self> {
        let detached = DETACHED.load(Ordering::Relaxed);
        let period = i64::try_from(in_ms).unwrap_or(i64::MAX).min(MAX_PERIOD_MS);
        // SAFETY: the context is kept for ever, the main thread uses it, and the callback is good for ever.
        (!detached.is_null())
            .then(|| unsafe {
                api!(RedisModule_CreateTimer(detached, period, Some(callback), ptr::null_mut()))
            })
            .map(Timer)
    }

    /// It will not call back. Harmless where it has.
    pub fn stop(self) {
        let detached = DETACHED.load(Ordering::Relaxed);
        // SAFETY: as above; the server looks whether it knows the timer.
        unsafe { api!(RedisModule_StopTimer(detached, self.0, ptr::null_mut())) };
    }
}

/// The server counts in microseconds from the Unix epoch, in 64 bits; a day is as good as for ever, since whoever set
/// the timer looks again then.
const MAX_PERIOD_MS: i64 = 86_400_000;
