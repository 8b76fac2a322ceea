//! The server's log. Only hashes and names ever go there, never params or results.

use std::ffi::CString;
use std::ptr;

use redis_module::raw;

/// Something that whoever runs the server should look at.
pub fn warning(message: &str) {
    write(c"warning", message);
}

fn write(level: &std::ffi::CStr, message: &str) {
    let Ok(message) = CString::new(message) else { return };
    // SAFETY: set once, by the import.
    if let Some(log) = unsafe { raw::RedisModule_Log } {
        // SAFETY: a context is optional here; the format takes exactly the one string that follows.
        unsafe { log(ptr::null_mut(), level.as_ptr(), c"<cache> %s".as_ptr(), message.as_ptr()) }
    }
}
