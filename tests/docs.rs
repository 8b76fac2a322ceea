//! The pages under `docs/commands/` are what the command table makes.

use std::{collections::BTreeMap, fs, path::Path};

use redis_result_cache::protocol::docs::pages;

#[test]
fn the_pages_are_those_of_the_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands");
    let on_disk: BTreeMap<String, String> = fs::read_dir(&folder)
        .expect("docs/commands is there: `make docs` makes it")
        .map(|file| {
            let file = file.expect("a file");
            let text = fs::read_to_string(file.path()).expect("text");
            (file.file_name().into_string().expect("a name"), text)
        })
        .collect();
    let made: BTreeMap<String, String> = pages().into_iter().collect();
    assert!(on_disk.keys().eq(made.keys()), "not the files that `make docs` makes: {:?}", on_disk.keys());
    for (name, text) in made {
        assert_eq!(on_disk.get(&name), Some(&text), "{name} is out of date: run `make docs`");
    }
}
