//! Which processors the two processes run on.
//!
//! Left to the kernel, a run lands in one of several steady states, by how it happens to wake the two sides: with some
//! virtual machines a plain GET then costs the server half as much again in one run as in the next. So they are pinned.

use std::error::Error;
use std::fs;
use std::process::{self, Command, Stdio};

/// How client and server are placed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Both on one processor: no wake-up crosses processors, so that the commands' own cost shows clearest.
    Together,
    /// Each on its own, the usual case of a server; the cost of waking each other is part of every figure.
    Apart,
}

impl Placement {
    /// Pins this process and the server.
    pub fn apply(self, server: u32) -> Result<(), Box<dyn Error>> {
        let (first, last) = allowed_processors()?;
        pin(process::id(), &last)?;
        pin(server, if self == Placement::Together { &last } else { &first })?;
        Ok(())
    }

    /// For the legend.
    pub fn words(self) -> &'static str {
        match self {
            Placement::Together => "client and server pinned to one processor (--apart gives each its own)",
            Placement::Apart => "client and server pinned to a processor each",
        }
    }
}

/// Pins this process, where there is no server.
pub fn pin_alone() -> Result<(), Box<dyn Error>> {
    pin(process::id(), &allowed_processors()?.1)
}

/// The first and the last processor that this process may run on.
fn allowed_processors() -> Result<(String, String), Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or("0").trim();
    let mut numbers = list.split([',', '-']);
    let first = numbers.next().unwrap_or("0");
    Ok((first.to_owned(), numbers.next_back().unwrap_or(first).to_owned()))
}

/// Pins all threads of a process.
fn pin(process: u32, processor: &str) -> Result<(), Box<dyn Error>> {
    let mut taskset = Command::new("taskset");
    taskset.args(["--all-tasks", "--cpu-list", "--pid", processor, &process.to_string()]);
    run(taskset, "taskset")
}

/// Makes sure that this process, and those that it starts from now on, may open so many files. The connections of a
/// server are files too.
pub fn allow_files(count: usize) -> Result<(), Box<dyn Error>> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap_or("");
    let soft: usize =
        line.split_whitespace().next().and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
    if soft >= count {
        return Ok(());
    }
    let mut prlimit = Command::new("prlimit");
    // A trailing colon leaves the hard limit as it is.
    prlimit.args(["--pid", &process::id().to_string(), &format!("--nofile={count}:")]);
    run(prlimit, "prlimit")
        .map_err(|e| format!("{count} open files are more than `ulimit -Hn` allows ({e})").into())
}

/// Runs one of the kernel's tools, without what it says.
fn run(mut tool: Command, name: &str) -> Result<(), Box<dyn Error>> {
    match tool.stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name}: {status}").into()),
        Err(e) => Err(format!("{name} cannot be started ({e}): is util-linux installed?").into()),
    }
}
