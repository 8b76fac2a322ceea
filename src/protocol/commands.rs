//! All commands, in the order in which documentation lists them.

use super::table::Command;
use super::{apply, clock, help, policy, result};

/// Every command and subcommand; containers exist by being named in them.
pub static COMMANDS: [Command; 22] = [
    result::get::COMMAND,
    result::fetch::COMMAND,
    result::fill::COMMAND,
    result::renew::COMMAND,
    result::release::COMMAND,
    result::fail::COMMAND,
    result::set::COMMAND,
    result::merge::COMMAND,
    result::next::COMMAND,
    result::invalidate::COMMAND,
    result::exists::COMMAND,
    result::info::COMMAND,
    result::key::COMMAND,
    help::command(result::CONTAINER),
    policy::set::COMMAND,
    policy::get::COMMAND,
    policy::del::COMMAND,
    policy::list::COMMAND,
    policy::explain::COMMAND,
    help::command(policy::CONTAINER),
    clock::COMMAND,
    apply::COMMAND,
];

/// A container and its line of documentation.
pub type Container = (&'static str, &'static str);

/// The containers.
pub const CONTAINERS: [Container; 2] = [
    (result::CONTAINER, "Results of expensive jobs, one entry at a time."),
    (policy::CONTAINER, "Rules that live in the server: how long results stay, and how params are hashed."),
];
