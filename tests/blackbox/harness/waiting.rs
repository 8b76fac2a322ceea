//! Waiting for conditions, never for time.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Client, Server};

/// After this a condition counts as never coming true.
const PATIENCE: Duration = Duration::from_secs(10);
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Looks until `condition` holds; panics with `what` after ten seconds.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain until {what}");
        thread::sleep(BETWEEN_LOOKS);
    }
}

/// Unix milliseconds, by the clock that the server reads too.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    i64::try_from(since.as_millis()).expect("milliseconds fit")
}

/// Waits until `replica` (of `primary`, or of another replica of it) has everything that `primary` has
/// written so far: its link is up, and its offset has reached the primary's of now.
#[track_caller]
pub fn wait_for_replica_in_sync(primary: &Server, replica: &Server) {
    let (mut there, mut here) = (primary.client(), replica.client());
    let goal = offset(&mut there, "master_repl_offset");
    wait_until("the replica is in sync", || {
        here.info("replication", "master_link_status").as_deref() == Some("up")
            // Asked anew each time: a primary takes a new id when its first replica comes.
            && here.info("replication", "master_replid") == there.info("replication", "master_replid")
            && offset(&mut here, "slave_repl_offset") >= goal
    });
}

fn offset(client: &mut Client, field: &str) -> i64 {
    client.info("replication", field).and_then(|number| number.parse().ok()).unwrap_or(-1)
}

/// Rewrites the append-only file and waits until that has succeeded.
#[track_caller]
pub fn wait_for_aof_rewrite(server: &Server) {
    let mut client = server.client();
    wait_until("no rewrite is under way", || !rewriting(&mut client));
    let before = server.aof_base();
    client.must(&["BGREWRITEAOF"]);
    wait_until("the append-only file is rewritten", || {
        !rewriting(&mut client) && server.aof_base() != before
    });
    assert_eq!(client.info("persistence", "aof_last_bgrewrite_status").as_deref(), Some("ok"));
}

fn rewriting(client: &mut Client) -> bool {
    ["aof_rewrite_in_progress", "aof_rewrite_scheduled"]
        .iter()
        .any(|field| client.info("persistence", field).as_deref() != Some("0"))
}
