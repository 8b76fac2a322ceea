//! The examples of the command table and the questions of docs/incidents.md, typed into redis-cli. What other pages show is
//! tested in pages.

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
