//! Processes that do not outlive us.

use std::ffi::OsStr;
use std::process::Command;

/// A command for `program` whose process the kernel kills as soon as the thread that started it ends, be it killed
/// itself. (setpriv makes way for the program, so the process id is the program's own.)
pub fn that_dies_with_us(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}
