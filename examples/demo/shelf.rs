//! An encoder's shelf: a folder of renditions, and the entries that list them. What is on it keeps within a budget.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cache::lease::{Fetched, Lease, Standing};
use crate::cache::{Cache, Facts};
use crate::folder::Folder;
use crate::janitor::listings::Listings;
use crate::media::{Rendition, Source};
use crate::plan::{Encoding, OPERATION, Profile};

/// What all renditions on the shelf are like.
const PROFILE: Profile =
    Profile { name: "360p", height: 360, codec: "libx264", crf: 18, preset: "medium", threads: 0 };

/// The folder, and whoever puts renditions there.
pub struct Shelf {
    pub cache: Cache,
    listings: Listings,
    folder: Folder,
    /// The most bytes that all renditions together may have.
    budget: u64,
    /// Every file that was ever put here, by the fingerprint of its entry.
    encoded: BTreeMap<String, Vec<PathBuf>>,
}

/// Where a rendition came from.
#[derive(PartialEq, Eq)]
pub enum Got {
    Found,
    Encoded,
}

/// What is on the shelf.
pub struct Contents {
    pub files: usize,
    pub bytes: u64,
}

impl Shelf {
    /// An empty one, with room for `budget` bytes.
    pub fn new(mut cache: Cache, listings: Listings, budget: u64) -> Result<Shelf, Box<dyn Error>> {
        cache.rule(&[("MAXWEIGHT", &budget.to_string()), ("EVICT", "lru"), ("REMOVALS", "10000")])?;
        let folder = Folder::new("result-cache-shelf")?;
        Ok(Shelf { cache, listings, folder, budget, encoded: BTreeMap::new() })
    }

    /// Where the files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The rendition of a source that `is_usable`, encoded if need be.
    pub fn get(
        &mut self,
        source: &Source,
        is_usable: impl Fn(&Rendition) -> bool,
    ) -> Result<(Rendition, Got), Box<dyn Error>> {
        match self.cache.fetch(OPERATION, &params(source), "encoder", None, is_usable)? {
            Fetched::Ready(rendition) => Ok((rendition, Got::Found)),
            Fetched::Leased(lease) => Ok((self.encode(source, lease)?, Got::Encoded)),
            Fetched::Busy => Err("somebody else encodes, and there is nobody else".into()),
        }
    }

    fn encode(&mut self, source: &Source, lease: Lease) -> Result<Rendition, Box<dyn Error>> {
        // What has to go for the new file goes before it is written. A rendition is smaller than its source, surely.
        if self.cache.reserve(&lease, fs::metadata(&source.path)?.len())? == Standing::Fenced {
            return Err("nobody else can have been given the lease".into());
        }
        let fingerprint = self.fingerprint(source)?;
        // Each encode has a file of its own: what is deleted is never what somebody else has just written.
        let path = self.folder().join(format!("{fingerprint}.{}.mp4", lease.name()?));
        let rendition = Rendition::encode(source, &PROFILE, &path)?;
        let facts = Facts { weight: rendition.bytes, tag: tag(source) };
        self.encoded.entry(fingerprint.clone()).or_default().push(path);
        // Whoever is overtaken asks before deleting: the first of two FILLs may have been accepted, and its reply lost.
        if self.cache.fill(lease, &rendition, &facts)? == Standing::Fenced
            && !self.listings.list(OPERATION, &fingerprint, &rendition.path)?
        {
            fs::remove_file(&rendition.path)?;
        }
        Ok(rendition)
    }

    /// The fingerprint of the entry for a source.
    pub fn fingerprint(&mut self, source: &Source) -> Result<String, Box<dyn Error>> {
        let key = self.cache.key(OPERATION, &params(source))?;
        Ok(key.rsplit(':').next().unwrap_or_default().into())
    }

    /// Whether the rendition of a source is there.
    pub fn has(&mut self, source: &Source) -> Result<bool, Box<dyn Error>> {
        self.cache.has(OPERATION, &params(source))
    }

    /// Deletes the entry for a source as anybody can: by its key.
    pub fn delete_by_key(&mut self, source: &Source) -> Result<(), Box<dyn Error>> {
        self.cache.delete_by_key(OPERATION, &params(source))
    }

    /// How many encodes there were.
    pub fn encodes(&self) -> usize {
        self.encoded.values().map(Vec::len).sum()
    }

    /// What is on the shelf, if that is as it should be: each file listed, each listed file there, all within the budget.
    /// Else an error that says what is wrong.
    pub fn check(&mut self) -> Result<Contents, Box<dyn Error>> {
        let (mut there, mut bytes) = (BTreeSet::new(), 0);
        for file in fs::read_dir(self.folder())? {
            let file = file?;
            bytes += file.metadata()?.len();
            there.insert(file.path());
        }
        let mut listed = BTreeSet::new();
        for (fingerprint, paths) in &self.encoded {
            for path in paths {
                if self.listings.list(OPERATION, fingerprint, path)? {
                    listed.insert(path.clone());
                }
            }
        }
        if let Some(file) = listed.difference(&there).next() {
            return Err(format!("{} is listed and not there", file.display()).into());
        }
        if let Some(file) = there.difference(&listed).next() {
            return Err(format!("{} is there, and no entry lists it", file.display()).into());
        }
        if bytes > self.budget {
            return Err(format!("{bytes} bytes are there, and the budget is {}", self.budget).into());
        }
        Ok(Contents { files: there.len(), bytes })
    }
}

/// The params of the rendition of a source.
pub fn params(source: &Source) -> Encoding<'_> {
    Encoding { source: &source.digest, profile: PROFILE }
}

/// The tag that its entry bears.
pub fn tag(source: &Source) -> String {
    format!("source:{}", source.digest)
}
