//! Whoever deletes the files that entries stood for. It needs nothing of the demo: copy it.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`removals`] | the stream of removals, read as one of a group |
//! | [`listings`] | asks whether a living entry lists a file |
//! | [`walk`] | what no record tells of |
//!
//! Three rules make it safe, whatever is lost, repeated or late. Each encode has a file of its own, so a file that no
//! entry lists will never be listed again. A record is only a hint: the entry is asked before anything is deleted. And a
//! record is done with when the file is gone, not before; deleting twice does no harm.

pub mod listings;
pub mod removals;
pub mod walk;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use redis::RedisResult;

use listings::{Listings, file_of};
use removals::{Record, Removals};

/// For so long a janitor that works on a record is not thought dead. Minutes rather than this, where files are large.
const ABANDONED: Duration = Duration::from_millis(500);

/// One of any number of janitors, who share the records among them.
pub struct Janitor {
    removals: Removals,
    listings: Listings,
    /// Nothing outside of this folder is ever deleted.
    folder: PathBuf,
}

/// What became of the file that a record tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    Deleted,
    /// It was gone already: the record came twice, or a walk was faster.
    Gone,
    /// A living entry lists it.
    Kept,
    /// The record tells of no file in our folder.
    NotOurs,
}

/// A record, and what was done about it.
#[derive(Debug)]
pub struct Settled {
    pub record: Record,
    pub fate: Fate,
}

impl Janitor {
    /// Joins the janitors of `namespace` on the server at `port` of this machine, by a `name` that no other has.
    pub fn open(port: u16, namespace: &str, name: &str, folder: &Path) -> RedisResult<Janitor> {
        Ok(Janitor {
            removals: Removals::open(port, namespace, name)?,
            listings: Listings::open(port, namespace)?,
            folder: folder.into(),
        })
    }

    /// Takes records that nobody has, or that their janitor left, and waits `patience` for some.
    pub fn receive(&mut self, patience: Duration) -> RedisResult<Vec<Record>> {
        let left = self.removals.abandoned(ABANDONED)?;
        if left.is_empty() { self.removals.next(patience) } else { Ok(left) }
    }

    /// Does what is to be done about records. Where that fails they stay, and are given to a janitor again.
    pub fn settle(&mut self, records: Vec<Record>) -> Result<Vec<Settled>, Box<dyn Error>> {
        let mut settled = Vec::new();
        for record in records {
            let fate = self.clear(&record)?;
            self.removals.done(&record)?;
            settled.push(Settled { record, fate });
        }
        Ok(settled)
    }

    fn clear(&mut self, record: &Record) -> Result<Fate, Box<dyn Error>> {
        let ours = |file: &PathBuf| file.parent() == Some(&*self.folder) && file.file_name().is_some();
        let Some(file) = file_of(&record.result).filter(ours) else { return Ok(Fate::NotOurs) };
        // Whatever was described anew went as a result, while its file is still the file of what took its place.
        if self.listings.list(&record.operation, &record.fingerprint, &file)? {
            return Ok(Fate::Kept);
        }
        delete(&file)
    }
}

/// Deletes a file, unless somebody was faster.
fn delete(file: &Path) -> Result<Fate, Box<dyn Error>> {
    match fs::remove_file(file) {
        Ok(()) => Ok(Fate::Deleted),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Fate::Gone),
        Err(e) => Err(format!("{} cannot be deleted: {e}", file.display()).into()),
    }
}
