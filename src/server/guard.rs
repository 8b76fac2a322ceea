//! Panics stop at the callback they happen in: unwinding into the server would end it.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

use super::api::log;

/// Runs a callback's body; a panic in it gives `fallback` instead.
///
/// What a panic may leave half done is our own state only, and that is built so that each step leaves it
/// valid, so going on is safe; the log line asks for a report.
pub fn guarded<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(fallback)
}

/// Logs panics in one line, without a backtrace: some servers bring a `free` of their own, and what libc
/// allocates for a backtrace must not end there.
pub fn install_panic_hook() {
    set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, |place| format!(" at {}:{}", place.file(), place.line()));
        let message = panic
            .payload()
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.payload().downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        log::warning(&format!("a defect in the module was contained, please report it: {message}{place}"));
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_stops_here() {
        assert_eq!(guarded(7, || 8), 8);
        assert_eq!(guarded(7, || panic!("on purpose")), 7);
    }
}
