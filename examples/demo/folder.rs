//! A folder of our own for as long as it is needed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, io, process};

/// A new folder under the system's temporary one, removed with all that is in it when dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes the folder. Its name begins with `purpose` and is unique among processes and within this one.
    pub fn new(purpose: &str) -> io::Result<Folder> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let nth = MADE.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("{purpose}-{}-{nth}", process::id()));
        fs::create_dir(&path)?;
        Ok(Folder(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nobody is left to tell, and the system clears its temporary files one day.
        let _ = fs::remove_dir_all(&self.0);
    }
}
