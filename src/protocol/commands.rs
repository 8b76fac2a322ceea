//! All commands, in the order in which documentation lists them.

use super::table::Command;
use super::{apply, clock, help, invalidate, plan, policy, resetstats, result, stats, warm};

/// Every command and subcommand; containers exist by being named in them.
pub static COMMANDS: [Command; 32] = [
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
    plan::COMMAND,
    invalidate::plan::COMMAND,
    invalidate::plan::DOTTED,
    invalidate::tag::COMMAND,
    invalidate::operation::COMMAND,
    invalidate::namespace::COMMAND,
    help::command(invalidate::CONTAINER),
    warm::COMMAND,
    policy::set::COMMAND,
    policy::get::COMMAND,
    policy::del::COMMAND,
    policy::list::COMMAND,
    policy::explain::COMMAND,
    help::command(policy::CONTAINER),
    clock::COMMAND,
    stats::COMMAND,
    resetstats::COMMAND,
    apply::COMMAND,
];

/// A container and its line of documentation.
pub type Container = (&'static str, &'static str);

/// The containers.
pub const CONTAINERS: [Container; 3] = [
    (result::CONTAINER, "Results of expensive jobs, one entry at a time."),
    (invalidate::CONTAINER, "Many entries at once: of a plan, a tag, operations, a namespace."),
    (policy::CONTAINER, "Rules that live in the server: how long results stay, and how params are hashed."),
];
