//! What the pages show is what happens: every command line of README.md and docs/*.md is carried out, and what the server
//! tells is what stands below it.
//!
//! A page is one session with a server of its own, from its top to its end:
//!
//! * `> CACHE...` is typed into redis-cli; `$ redis-cli ...` into a shell, whose variables live as long as the page.
//! * Up to the next prompt, empty line or end of the block stands what a terminal shows. `...` is whatever else there is: as a
//!   line for any lines, within one for any text. Versions, the numbers of 16 digits, are all alike.
//! * Where nothing stands below a line, it must not be refused.
//! * After a line that goes on in the background (`&`) the order of what is told may vary.
//! * Blocks marked `sh` are for the reader's machine. They must be correct shell, and the targets of `make` and the files of this
//!   repository that they name must be there.

mod block;
mod links;
mod session;
mod shell;
mod shown;

use std::fs;
use std::path::{Path, PathBuf};

/// One page: its path from the root of the repository, and its text.
struct Page {
    path: PathBuf,
    text: String,
}

/// The folder that the pages' links and files start from.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md and all of docs/*.md. What lies in docs/commands is made from the command table, and tested with it.
fn pages() -> Vec<Page> {
    let docs = fs::read_dir(root().join("docs")).expect("docs is there");
    let docs = docs.map(|file| Path::new("docs").join(file.expect("a file").file_name()));
    let mut paths: Vec<PathBuf> =
        docs.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    paths.push("README.md".into());
    paths.sort();
    let page =
        |path: PathBuf| Page { text: fs::read_to_string(root().join(&path)).expect("a page is text"), path };
    paths.into_iter().map(page).collect()
}

#[test]
fn every_session_of_the_pages_goes_as_they_show() {
    let mut wrong = Vec::new();
    let mut carried_out = 0;
    for page in pages() {
        let steps = block::steps(&page.text);
        carried_out += steps.len();
        wrong.extend(session::differences(&page, &steps));
    }
    assert!(wrong.is_empty(), "{} steps differ\n\n{}", wrong.len(), wrong.join("\n"));
    assert!(carried_out > 100, "only {carried_out} steps were found");
}

#[test]
fn every_shell_block_of_the_pages_can_be_typed() {
    let wrong: Vec<String> = pages().iter().flat_map(shell::mistakes).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_link_of_the_pages_leads_somewhere() {
    let wrong: Vec<String> = pages().iter().flat_map(links::dead).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_page_stands_in_the_index() {
    let index = fs::read_to_string(root().join("docs/README.md")).expect("the index is there");
    for page in pages() {
        let name = page.path.file_name().expect("a file has a name").to_string_lossy().into_owned();
        assert!(
            name == "README.md" || index.contains(&format!("]({name})")),
            "{name} is not in docs/README.md"
        );
    }
}
