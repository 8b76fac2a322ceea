//! The pages under `docs/commands/`, made from the command table: one for each command, an index, and the table
//! itself as JSON.

use std::fmt::Write as _;

use serde_json::json;

use super::commands::{COMMANDS, CONTAINERS};
use super::table::{Argument, Command, Kind};

/// One file: its name and what is in it.
pub type Page = (String, String);

/// Every file of `docs/commands/`.
pub fn pages() -> Vec<Page> {
    let mut pages = vec![("README.md".to_owned(), index()), ("commands.json".to_owned(), table_as_json())];
    pages.extend(COMMANDS.iter().map(|command| (file_name(command), page(command))));
    pages
}

const MADE: &str =
    "<!-- Made from the command table in src/protocol by `make docs`: change it there. -->\n\n";

fn file_name(command: &Command) -> String {
    format!("{}.md", command.full_name().to_lowercase().replace(' ', "-"))
}

fn index() -> String {
    let mut text = format!("{MADE}# Commands\n");
    for (container, summary) in CONTAINERS {
        list(&mut text, container, summary, Some(container));
    }
    list(&mut text, "Others", "Commands of their own.", None);
    text
}

fn list(text: &mut String, title: &str, summary: &str, container: Option<&str>) {
    text.push_str(&format!("\n## {title}\n\n{summary}\n\n| command | what it does |\n| --- | --- |\n"));
    for command in COMMANDS.iter().filter(|command| command.container == container) {
        let (name, file) = (command.full_name(), file_name(command));
        text.push_str(&format!("| [`{name}`]({file}) | {} |\n", command.summary));
    }
}

fn table_as_json() -> String {
    let table = json!({ "containers": CONTAINERS, "commands": COMMANDS });
    let mut text = serde_json::to_string_pretty(&table).unwrap_or_default();
    text.push('\n');
    text
}

fn page(command: &Command) -> String {
    let mut text = format!("{MADE}# {}\n\n{}\n\n", command.full_name(), command.summary);
    let usage = format!("{} {}", command.full_name(), command.usage());
    text.push_str(&format!("```\n{}\n```\n\n", usage.trim_end()));
    let flags: Vec<&str> = command.flags.iter().map(|flag| flag.word()).collect();
    let categories: Vec<String> =
        command.categories().iter().map(|category| format!("@{category}")).collect();
    text.push_str(&format!(
        "Since {}. {}. Flags: {}. ACL categories (Redis 7.2 and later): {}.\n\n",
        command.since,
        command.complexity,
        flags.join(", "),
        categories.join(" ")
    ));
    if !command.arguments.is_empty() {
        text.push_str("## Arguments\n\n| argument | meaning |\n| --- | --- |\n");
        command.arguments.iter().for_each(|argument| row(&mut text, argument));
        text.push('\n');
    }
    text.push_str(&format!("## Reply\n\n{}\n", command.reply));
    for detail in command.details {
        text.push_str(&format!("\n{detail}\n"));
    }
    if !command.examples.is_empty() {
        text.push_str("\n## Example\n\n```\n");
        for (line, reply) in command.examples {
            text.push_str(&format!("127.0.0.1:6379> {line}\n{reply}\n"));
        }
        text.push_str("```\n");
    }
    text
}

fn row(text: &mut String, argument: &Argument) {
    if let Kind::OneOf(alternatives) = argument.kind {
        alternatives.iter().for_each(|alternative| row(text, alternative));
        return;
    }
    let usage = argument.words();
    let bounds = match argument.kind {
        Kind::Integer { min, max, unit } => format!("; {unit}, {min} to {max}"),
        _ => String::new(),
    };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "| `{usage}` | {}{bounds} |", argument.summary);
}
