//! Looking through a database a little at a time.

use std::ptr::NonNull;

use libc::c_void;
use redis_module::raw;

use super::api;
use super::context::Context;
use super::key::ValueType;
use super::string::{BorrowedString, OwnedString};

/// How far a database was looked through; as SCAN, it meets everything that is there all the time.
pub struct Cursor(NonNull<raw::RedisModuleScanCursor>);

/// What a step has met.
struct Met<'v, T> {
    value_type: &'v ValueType,
    keys: usize,
    take: &'v mut dyn FnMut(BorrowedString<'_>, &NonNull<c_void>) -> T,
    taken: Vec<(OwnedString, T)>,
}

impl Cursor {
    pub fn new() -> Option<Self> {
        // SAFETY: takes nothing; freed once, when dropped.
        NonNull::new(unsafe { api!(RedisModule_ScanCursorCreate()) }).map(Cursor)
    }

    /// Looks at the next few keys: calls `take` for each value of the type, which must not call the server, and gives what
    /// that made of them to `found`. Returns how many keys there were, and whether there are more.
    pub fn step<T>(
        &mut self,
        context: Context<'_>,
        value_type: &ValueType,
        mut take: impl FnMut(BorrowedString<'_>, &NonNull<c_void>) -> T,
        mut found: impl FnMut(OwnedString, T),
    ) -> (usize, bool) {
        let mut met = Met { value_type, keys: 0, take: &mut take, taken: Vec::new() };
        let data = (&raw mut met).cast::<c_void>();
        // SAFETY: the context and the cursor are alive, and so is what the callback is given until this returns.
        let more =
            unsafe { api!(RedisModule_Scan(context.as_ptr(), self.0.as_ptr(), Some(on_key::<T>), data)) };
        let keys = met.keys;
        met.taken.into_iter().for_each(|(name, taken)| found(name, taken));
        (keys, more != 0)
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        // SAFETY: made once, freed once.
        unsafe { api!(RedisModule_ScanCursorDestroy(self.0.as_ptr())) }
    }
}

unsafe extern "C" fn on_key<T>(
    _context: *mut raw::RedisModuleCtx,
    name: *mut raw::RedisModuleString,
    key: *mut raw::RedisModuleKey,
    data: *mut c_void,
) {
    super::super::guard::guarded((), || {
        // SAFETY: `step` passes it, and waits. The server passes a name and an open key (none where it is to be opened
        // first, which no supported server asks), all good until this returns.
        let (met, name) = unsafe { (data.cast::<Met<'_, T>>().as_mut(), BorrowedString::new(name)) };
        let (Some(met), Some(name), false) = (met, name, key.is_null()) else { return };
        met.keys = met.keys.saturating_add(1);
        // SAFETY: the key is open.
        let value = unsafe {
            match api!(RedisModule_ModuleTypeGetType(key)) == met.value_type.as_ptr() {
                true => NonNull::new(api!(RedisModule_ModuleTypeGetValue(key))),
                false => None,
            }
        };
        if let Some(value) = value {
            let taken = (met.take)(name, &value);
            met.taken.push((OwnedString::new(name.bytes()), taken));
        }
    });
}
