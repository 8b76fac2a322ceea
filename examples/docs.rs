//! Writes the pages of the command table: `make docs`.

use std::{fs, io, path::Path};

use redis_result_cache::protocol::docs::pages;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands");
    fs::create_dir_all(&folder)?;
    for (name, text) in pages() {
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}
