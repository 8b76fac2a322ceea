//! `HELP` of a container: lines of help, as core's containers give them.

use super::commands::COMMANDS;
use super::reply::Reply;
use super::table::{Command, Flag};

/// The table entry of a container's HELP.
pub const fn command(container: &'static str) -> Command {
    Command {
        container: Some(container),
        name: "HELP",
        summary: "Returns lines of help about the subcommands.",
        complexity: "O(1)",
        since: "0.1.0",
        flags: &[Flag::AllowLoading, Flag::AllowStale],
        tips: &[],
        key: None,
        arguments: &[],
        reply: "An array of lines.",
        details: &[],
        examples: &[],
    }
}

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
