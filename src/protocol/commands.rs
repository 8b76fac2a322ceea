//! All commands, in the order in which documentation lists them.

use super::result;
use super::table::Command;

/// Every command and subcommand; containers exist by being named in them.
pub static COMMANDS: [Command; 8] = [
    result::get::COMMAND,
    result::set::COMMAND,
    result::invalidate::COMMAND,
    result::exists::COMMAND,
    result::info::COMMAND,
    result::key::COMMAND,
    result::help::COMMAND,
    super::apply::COMMAND,
];

/// The containers, each with its line of documentation.
pub static CONTAINERS: [(&str, &str); 1] =
    [("CACHE.RESULT", "Results of expensive jobs, one entry at a time.")];
