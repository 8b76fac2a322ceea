//! Ports for the servers of one test process.

use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the range from which the kernel takes the ports of outgoing connections, so that a server can be
/// started again on the port it had; and so low that the cluster bus (port + 10,000) stays below it too.
const FIRST: u32 = 12_000;
const COUNT: u32 = 10_000;

/// How many ports this process has handed out.
static TAKEN: AtomicU32 = AtomicU32::new(0);

/// A port that nothing listened on a moment ago, never handed out twice by this process until all were.
/// Another process may still be quicker: starting a server on it can fail.
pub fn next() -> u16 {
    // Each process begins elsewhere, so that two of them rarely try the same port.
    let start = process::id().wrapping_mul(997);
    loop {
        let turn = start.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + turn % COUNT).expect("the range lies below 65,536");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
