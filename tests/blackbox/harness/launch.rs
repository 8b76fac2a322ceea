//! How a server is to be started.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Server, module_file};

/// What the base of an append-only file is written as (`aof-use-rdb-preamble`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AofBase {
    /// A snapshot: `rdb_save` writes it.
    Rdb,
    /// Commands: `aof_rewrite` writes them.
    Commands,
}

/// Whether a file is a snapshot: that of Redis, or of Valkey, which has a name of its own since 9.
pub fn is_snapshot(file: &[u8]) -> bool {
    [&b"REDIS"[..], b"VALKEY"].iter().any(|name| file.starts_with(name))
}

impl AofBase {
    /// Both, for tests that must hold for each.
    pub const BOTH: [AofBase; 2] = [AofBase::Rdb, AofBase::Commands];

    /// The value of `aof-use-rdb-preamble`.
    fn preamble(self) -> &'static str {
        match self {
            AofBase::Rdb => "yes",
            AofBase::Commands => "no",
        }
    }
}

/// A server that is yet to be started: the lines of its configuration.
pub struct Launch {
    pub(super) lines: Vec<String>,
    with_module: bool,
}

/// How many directories this process has made.
static DIRECTORIES: AtomicU32 = AtomicU32::new(0);

impl Launch {
    /// A server that keeps everything in memory, lets tests use DEBUG, and feeds replicas at once.
    pub fn new() -> Launch {
        let lines = [
            "bind 127.0.0.1",
            "daemonize no",
            "save \"\"",
            "enable-debug-command yes",
            "repl-diskless-sync-delay 0",
            // A crash is reported at once: testing the memory takes long, and now and then hangs.
            "crash-memcheck-enabled no",
        ];
        Launch { lines: lines.map(str::to_owned).to_vec(), with_module: true }
    }

    /// Adds a line of `redis.conf`; the later one wins.
    pub fn line(mut self, line: impl Into<String>) -> Launch {
        self.lines.push(line.into());
        self
    }

    /// Leaves the module out: a plain server.
    pub fn without_module(mut self) -> Launch {
        self.with_module = false;
        self
    }

    /// Appends every write to a file and syncs it before the reply, so that a kill loses nothing.
    pub fn append_only(self, base: AofBase) -> Launch {
        self.line("appendonly yes")
            .line("appendfsync always")
            .line(format!("aof-use-rdb-preamble {}", base.preamble()))
    }

    /// Follows another server, or another replica.
    pub fn replica_of(self, primary: &Server) -> Launch {
        self.line(format!("replicaof 127.0.0.1 {}", primary.port()))
    }

    /// Runs in cluster mode; slots are the test's to give.
    pub fn cluster(self) -> Launch {
        self.line("cluster-enabled yes").line("cluster-node-timeout 2000")
    }

    /// Starts the server and waits until it answers; panics with its log where it does not.
    #[track_caller]
    pub fn start(mut self) -> Server {
        if self.with_module {
            // First, so that the lines that configure the module find it.
            self.lines.insert(0, format!("loadmodule {}", module_file::path().display()));
        }
        let nth = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("result-cache-test-{}-{nth}", process::id()));
        fs::create_dir_all(&dir).expect("the temporary directory is writable");
        self.lines.push(format!("dir {}", dir.display()));
        fs::write(config_file(&dir), self.lines.join("\n") + "\n").expect("the configuration is written");
        Server::launched_in(dir)
    }
}

/// Where the configuration of the server in `dir` lies.
pub(super) fn config_file(dir: &std::path::Path) -> PathBuf {
    dir.join("redis.conf")
}

/// The program to run and its first arguments. Where util-linux's `setpriv` exists the server dies with the
/// thread that started it, even if that is killed and cleans nothing up.
pub(super) fn program() -> (OsString, Vec<OsString>) {
    let server = env::var_os("REDIS_SERVER").unwrap_or_else(|| "redis-server".into());
    let search = env::var_os("PATH").unwrap_or_default();
    if env::split_paths(&search).any(|folder| folder.join("setpriv").is_file()) {
        ("setpriv".into(), vec!["--pdeathsig".into(), "KILL".into(), server])
    } else {
        (server, vec![])
    }
}
