//! What documentation shows is what happens: the examples of the command table and the tours of the pages, typed into
//! redis-cli.

use std::process::Command;

use redis_result_cache::protocol::commands::COMMANDS;

use crate::harness::Server;

/// What redis-cli shows for a line, as in a terminal.
#[track_caller]
fn typed(server: &Server, line: &str) -> String {
    // Patterns are not the names of files.
    let script = format!("set -f; redis-cli --no-raw -p {} {line}", server.port());
    let output = Command::new("sh").args(["-c", &script]).output().expect("sh runs");
    assert!(output.stderr.is_empty(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

#[test]
fn the_examples_of_the_command_table_are_true() {
    for command in COMMANDS.iter().filter(|command| !command.examples.is_empty()) {
        let server = Server::start();
        for (line, reply) in command.examples {
            assert_eq!(typed(&server, line), *reply, "{line}");
        }
    }
}

#[test]
fn what_to_ask_when_something_is_wrong_is_answered() {
    let page = include_str!("../../docs/incidents.md");
    let server = Server::start();
    let mut asked = 0;
    for row in page.lines().filter(|line| line.starts_with('|')) {
        let column = row.split('|').nth(2).unwrap_or_default();
        for span in column.split('`').skip(1).step_by(2) {
            let line = span.strip_prefix("redis-cli ").unwrap_or(span);
            // Those that go on for ever, or are no whole command.
            let is_whole = ["CACHE.", "CONFIG", "MODULE", "INFO ", "SLOWLOG", "CLIENT"]
                .iter()
                .any(|word| line.starts_with(word) && line.contains(' '));
            if is_whole && !line.ends_with("PLAN") {
                let told = typed(&server, line);
                assert!(!told.starts_with("(error)"), "{line}: {told}");
                asked += 1;
            }
        }
    }
    assert!(asked > 15, "only {asked} commands were found");
}

/// The lines after `> ` in the blocks of a page, each with what is shown below it.
fn tour(page: &str) -> Vec<(String, String)> {
    let mut steps: Vec<(String, String)> = Vec::new();
    for block in page.split("```").skip(1).step_by(2) {
        let mut is_reply = false;
        for line in block.lines() {
            if let Some(typed) = line.strip_prefix("> ") {
                steps.push((typed.to_owned(), String::new()));
                is_reply = true;
            } else if line.is_empty() {
                is_reply = false;
            } else if let Some((_, shown)) = steps.last_mut().filter(|_| is_reply) {
                shown.push_str(line);
                shown.push('\n');
            }
        }
    }
    steps
}

/// Types what a page shows, and demands that redis-cli shows what the page does.
#[track_caller]
fn walk(page: &str) {
    let server = Server::start();
    let steps = tour(page);
    assert!(steps.len() > 5, "only {} steps were found", steps.len());
    for (line, shown) in steps {
        let (told, shown) = (unversioned(&typed(&server, &line)), unversioned(&shown));
        if shown.contains("...\n") {
            // Only some of the pairs are shown, and times differ.
            let lines = shown.lines().filter(|line| *line != "..." && !line.contains("(integer) 599"));
            lines.for_each(|shown| assert!(told.contains(shown.trim()), "{line}: {shown} is not in\n{told}"));
        } else {
            assert_eq!(told, shown.trim_end(), "{line}");
        }
    }
}

/// The text with each number that can only be a version, of 16 digits, made the same.
fn unversioned(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace).map(|word| {
        let digits = word.trim_end();
        let is_version = digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_version { word.replace(digits, "<version>") } else { word.to_owned() }
    });
    words.collect()
}

#[test]
fn the_tour_of_the_readme_is_true() {
    walk(include_str!("../../README.md"));
}

#[test]
fn the_tour_of_the_page_on_policies_is_true() {
    walk(include_str!("../../docs/policies.md"));
}

#[test]
fn the_tour_of_the_page_on_budgets_is_true() {
    walk(include_str!("../../docs/budgets.md"));
}
