//! Shell blocks, which are for the reader's machine: not carried out, but looked through.

use std::fs;
use std::process::Command;

use super::block::{Block, blocks};
use super::{Page, root};

/// What is wrong with the `sh` blocks of a page, in words; and with lines of `make` in any block.
pub(super) fn mistakes(page: &Page) -> Vec<String> {
    let blocks = blocks(&page.text);
    let made = blocks.iter().flat_map(|block| &block.lines).filter_map(|line| line.strip_prefix("$ make "));
    let unknown = made.filter(|line| !is_target(line)).map(|line| format!("no target: make {line}"));
    let wrong = blocks.iter().filter(|block| block.kind == "sh").flat_map(wrong_in);
    unknown.chain(wrong).map(|mistake| format!("{}: {mistake}", page.path.display())).collect()
}

fn wrong_in(block: &Block<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let parsed =
        Command::new("bash").args(["-n", "-c", &block.lines.join("\n")]).output().expect("bash runs");
    if !parsed.status.success() {
        wrong.push(format!("line {}: {}", block.first_line, String::from_utf8_lossy(&parsed.stderr)));
    }
    for line in &block.lines {
        let command = line.split(" #").next().unwrap_or_default().trim();
        if command.strip_prefix("make ").is_some_and(|targets| !is_target(targets)) {
            wrong.push(format!("no such target: {command}"));
        }
        let missing =
            command.split_whitespace().filter(|word| is_file_of_ours(word) && !root().join(word).exists());
        wrong.extend(missing.map(|word| format!("no such file: {word}")));
    }
    wrong
}

/// Whether the first word of what make is given is a target of the Makefile.
fn is_target(line: &str) -> bool {
    let makefile = fs::read_to_string(root().join("Makefile")).expect("the Makefile is there");
    let target = line.split_whitespace().next().unwrap_or_default();
    makefile.lines().any(|line| line.strip_prefix(target).is_some_and(|rest| rest.starts_with(':')))
}

/// Whether a word can only be a path in this repository, and none of what is built.
fn is_file_of_ours(word: &str) -> bool {
    let top = word.split('/').next().unwrap_or_default();
    let in_folder = word.contains('/')
        && !top.is_empty()
        && top != "target"
        && top.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_');
    in_folder || word == "redis.conf.example"
}
