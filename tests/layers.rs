//! The rules between the layers, checked on the source text: `server -> protocol -> core`, never back, and nothing
//! in the two pure layers that reaches for the server, the clock, a static or the machine.
//!
//! That they compile without the `server` feature is the compiler's part, and `unsafe` outside of `src/server/` is
//! refused by the lint `unsafe_code`. This test sees what both let pass.

use std::fs;
use std::path::{Path, PathBuf};

/// What the sources in some folders may not contain.
struct Rule {
    folders: &'static [&'static str],
    /// Whole paths of identifiers: `fs::` is found in `std::fs::read`, but not in `offs::read`.
    forbidden: &'static [&'static str],
    why: &'static str,
}

const PURE: &[&str] = &["src/core", "src/protocol"];

const RULES: &[Rule] = &[
    Rule {
        folders: PURE,
        forbidden: &["redis_module", "libc", "crate::server", "super::server", "redis_result_cache::server"],
        why: "the pure layers know no server",
    },
    Rule {
        folders: &["src/core"],
        forbidden: &["crate::protocol", "super::protocol", "redis_result_cache::protocol"],
        why: "the core does not know how it is asked",
    },
    Rule {
        folders: PURE,
        forbidden: &["SystemTime", "UNIX_EPOCH", "Instant::now"],
        why: "the time comes in as an argument, read once a command",
    },
    Rule {
        folders: PURE,
        forbidden: &[
            "static mut",
            "lazy_static",
            "thread_local",
            "OnceLock",
            "LazyLock",
            "OnceCell",
            "LazyCell",
        ],
        why: "the pure layers hold no state of the process",
    },
    Rule {
        folders: PURE,
        forbidden: &[
            "fs::",
            "net::",
            "env::",
            "thread::",
            "process::",
            "std::fs",
            "std::net",
            "std::env",
            "std::thread",
        ],
        why: "the pure layers reach for nothing outside their arguments",
    },
    Rule { folders: PURE, forbidden: &["unsafe"], why: "the only `unsafe` is in src/server/" },
    Rule { folders: &["src/lib.rs"], forbidden: &["unsafe"], why: "the only `unsafe` is in src/server/" },
];

#[test]
fn the_layers_keep_their_rules() {
    let mut broken = Vec::new();
    for rule in RULES {
        for file in rule
            .folders
            .iter()
            .flat_map(|folder| sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)))
        {
            let text = fs::read_to_string(&file).expect("a source file can be read");
            broken.extend(
                rule.violations(&text)
                    .iter()
                    .map(|(line, word)| format!("{}:{line}: `{word}`: {}", file.display(), rule.why)),
            );
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn every_rule_finds_what_it_forbids_and_nothing_else() {
    for rule in RULES {
        for word in rule.forbidden {
            assert_eq!(
                rule.violations(&format!("\nuse {word}x;")).is_empty(),
                !word.ends_with(':'),
                "{word}"
            );
            assert_eq!(rule.violations(&format!("fn f() {{}}\nuse {word};")), [(2, *word)]);
            assert_eq!(rule.violations(&format!("#[cfg(test)]\nmod tests {{\n    use {word};\n}}\n")), []);
            assert_eq!(
                rule.violations(&format!("#[cfg(test)]\nmod tests {{\n}}\nuse {word};\n")),
                [(4, *word)]
            );
            assert_eq!(rule.violations(&format!("/// Not {word}.\nfn f() {{}} // nor {word}")), []);
        }
    }
}

#[test]
fn every_folder_of_a_rule_has_sources() {
    for folder in RULES.iter().flat_map(|rule| rule.folders) {
        assert!(!sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).is_empty(), "{folder}");
    }
}

impl Rule {
    /// The line (from 1) and the word of each violation in a source text. Comments and test modules are free.
    fn violations(&self, text: &str) -> Vec<(usize, &'static str)> {
        let found = |line: &str, word: &&'static str| {
            contains_path(line.split("//").next().unwrap_or_default(), word)
        };
        numbered_without_tests(text)
            .flat_map(|(number, line)| {
                self.forbidden.iter().filter(move |word| found(line, word)).map(move |word| (number, *word))
            })
            .collect()
    }
}

/// The lines of a source text with their numbers, leaving out `#[cfg(test)] mod ... { ... }` as rustfmt lays it out.
fn numbered_without_tests(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside_tests = false;
    let mut before = "";
    (1..).zip(text.lines()).filter(move |(_, line)| {
        inside_tests |= before == "#[cfg(test)]" && line.starts_with("mod ") && line.ends_with('{');
        before = line;
        let outside = !inside_tests;
        inside_tests &= *line != "}";
        outside
    })
}

/// Whether `word` stands in `line` with no identifier character directly before it or, unless it ends in `::`, after it.
fn contains_path(line: &str, word: &str) -> bool {
    let continues = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        !before.ends_with(continues) && (word.ends_with(':') || !after.starts_with(continues))
    })
}

/// All Rust files at or below a path, except those that are tests by their name.
fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        let is_source =
            path.extension().is_some_and(|e| e == "rs") && path.file_stem().is_some_and(|s| s != "tests");
        return is_source.then(|| path.to_owned()).into_iter().collect();
    }
    let entries = fs::read_dir(path).expect("a folder of sources can be read");
    entries
        .map(|entry| entry.expect("an entry of a folder can be read").path())
        .filter(|entry| !entry.ends_with("tests"))
        .flat_map(|entry| sources(&entry))
        .collect()
}
