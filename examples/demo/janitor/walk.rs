//! What no record tells of: files of entries that were deleted by key, flushed, or evicted by the server itself, of
//! encoders that died, of records that were trimmed away unread.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::listings::Listings;
use super::{Fate, delete};

/// Deletes each file in `folder` that nobody wrote to for `age` and no living entry lists, and tells which. To be done
/// every night, say, as often as one likes.
///
/// The names of files begin with the fingerprint of their entry, and a dot; others are left alone. The `age` is longer
/// than it ever takes from the last byte that is written to the FILL: whatever is to be listed is by then.
pub fn walk(
    listings: &mut Listings,
    operation: &str,
    folder: &Path,
    age: Duration,
) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut deleted = Vec::new();
    for file in fs::read_dir(folder)? {
        let file = file?;
        let name = file.file_name();
        let Some(fingerprint) = name.to_str().and_then(fingerprint_in) else { continue };
        // A file that goes meanwhile, or was written in the future, is none of ours.
        let written = file.metadata().and_then(|facts| facts.modified());
        let is_old = written.is_ok_and(|at| at.elapsed().is_ok_and(|since| since >= age));
        if is_old
            && !listings.list(operation, fingerprint, &file.path())?
            && delete(&file.path())? == Fate::Deleted
        {
            deleted.push(file.path());
        }
    }
    Ok(deleted)
}

/// The fingerprint that the name of a file begins with.
fn fingerprint_in(name: &str) -> Option<&str> {
    let (fingerprint, _) = name.split_once('.')?;
    let is_one = fingerprint.len() == 64 && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_one.then_some(fingerprint)
}
