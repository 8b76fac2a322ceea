//! Which processors the two processes run on.
//!
//! Left to the kernel, a run lands in one of several steady states, by how it happens to wake the two sides: with some
//! virtual machines a plain GET then costs the server half as much again in one run as in the next. So they are pinned.

use std::error::Error;
use std::process::{self, Command, Stdio};
use std::{fs, io};

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

/// The first and the last processor that this process may run on.
fn allowed_processors() -> Result<(String, String), Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or("0").trim();
    let mut numbers = list.split([',', '-']);
    let first = numbers.next().unwrap_or("0");
    Ok((first.to_owned(), numbers.next_back().unwrap_or(first).to_owned()))
}

/// Pins all threads of a process.
fn pin(process: u32, processor: &str) -> io::Result<()> {
    let mut taskset = Command::new("taskset");
    taskset
        .args(["--all-tasks", "--cpu-list", "--pid", processor, &process.to_string()])
        .stdout(Stdio::null());
    match taskset.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(io::Error::other(format!("taskset: {status}"))),
        Err(e) => Err(io::Error::other(format!("taskset cannot be started ({e}): is util-linux installed?"))),
    }
}
