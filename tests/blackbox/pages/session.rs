//! A page's session: all of its steps, by one shell that knows a server.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::Page;
use super::block::{Step, To};
use super::shown::{is_told, is_told_somewhere};
use crate::harness::Server;

/// Stands alone in a line before what a step tells.
const MARK: &str = "--- step ---";

/// redis-cli as the page has it: at the page's server, and formatting what goes to the terminal, but not what goes into a pipe
/// or a variable. The terminal of this session is the file $TERMINAL.
const REDIS_CLI: &str = r#"#!/bin/sh
if [ /proc/self/fd/1 -ef "$TERMINAL" ]; then set -- --no-raw "$@"; fi
exec "$REDIS_CLI" -p "$PORT" "$@"
"#;

/// What differs between a page and what happens, in words: one text for each step.
#[track_caller]
pub(super) fn differences(page: &Page, steps: &[Step]) -> Vec<String> {
    if steps.is_empty() {
        return vec![];
    }
    let server = Server::start();
    let told = carry_out(&server, steps);
    assert_eq!(told.len(), steps.len(), "{}: the session broke off: {told:?}", page.path.display());
    let pairs = steps.iter().zip(told).filter(|(step, told)| !agrees(step, told));
    let differs = |(step, told): (&Step, Vec<String>)| {
        let (path, number) = (page.path.display(), step.line_number);
        format!(
            "{path}:{number}: {}\n--- shown\n{}\n--- told\n{}\n",
            step.line,
            step.shown.join("\n"),
            told.join("\n")
        )
    };
    pairs.map(differs).collect()
}

fn agrees(step: &Step, told: &[String]) -> bool {
    if step.beside_others {
        is_told_somewhere(&step.shown, told)
    } else if step.shown.is_empty() {
        !told.iter().any(|line| line.contains("(error)") || line.contains("not found"))
    } else {
        is_told(&step.shown, told)
    }
}

/// What each step tells.
#[track_caller]
fn carry_out(server: &Server, steps: &[Step]) -> Vec<Vec<String>> {
    let programs = server.dir().join("programs");
    fs::create_dir(&programs).expect("the server's folder is writable");
    let redis_cli = programs.join("redis-cli");
    fs::write(&redis_cli, REDIS_CLI).expect("the folder is writable");
    fs::set_permissions(&redis_cli, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    let terminal = server.dir().join("terminal");
    let output = File::create(&terminal).expect("the folder is writable");
    let errors = output.try_clone().expect("a file can be opened twice");
    Command::new("timeout")
        .args(["60", "bash", "-c", &script(&programs, steps)])
        .env("TERMINAL", &terminal)
        .env("PORT", server.port().to_string())
        .current_dir(server.dir())
        .stdout(output)
        .stderr(errors)
        .status()
        .expect("timeout and bash are there");
    let told = fs::read(&terminal).expect("the terminal is a file");
    let told = String::from_utf8_lossy(&told).into_owned();
    let lines = |told: &str| told.trim_end().lines().skip(1).map(str::to_owned).collect();
    told.split(MARK).skip(1).map(lines).collect()
}

/// The session as a program for the shell.
fn script(programs: &Path, steps: &[Step]) -> String {
    let mut script =
        format!("export REDIS_CLI=$(command -v redis-cli)\nexport PATH='{}':$PATH\n", programs.display());
    for step in steps {
        script.push_str(&format!("echo; echo '{MARK}'\n"));
        match step.to {
            // Its own reader of lines knows quotes, and takes no > or | for the shell's.
            To::RedisCli => {
                script.push_str(&format!("redis-cli <<'END OF LINE'\n{}\nEND OF LINE\n", step.line))
            }
            To::Shell => script.push_str(&format!("{}\n", step.line)),
        }
        if step.ends_block {
            script.push_str("wait\n");
        }
    }
    script
}
