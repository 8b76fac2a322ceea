//! `CACHE.RESULT HELP`: lines of help, as core's containers give them.

use super::super::commands::COMMANDS;
use super::super::reply::Reply;
use super::super::table::{Command, Flag};
use super::CONTAINER;

pub const COMMAND: Command = Command {
    container: Some(CONTAINER),
    name: "HELP",
    summary: "Returns lines of help about the subcommands.",
    complexity: "O(1)",
    since: "0.1.0",
    flags: &[Flag::AllowLoading, Flag::AllowStale],
    key: None,
    arguments: &[],
    reply: "An array of lines.",
    details: &[],
    examples: &[],
};

/// The lines for one container, made from the table.
pub fn lines(container: &str) -> Reply<'static> {
    let title = format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    let subcommands =
        COMMANDS.iter().filter(|command| command.container == Some(container)).flat_map(|command| {
            let usage = format!("{} {}", command.name, command.usage());
            [usage.trim_end().to_owned(), format!("    {}", command.summary)]
        });
    Reply::Array(std::iter::once(title).chain(subcommands).map(Reply::text).collect())
}
