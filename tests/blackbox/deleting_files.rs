//! The janitor of the demo: it deletes the files of what is removed, all of them, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::harness::{Client, Entry, Server, nil, ok, wait_until};
use crate::{args, cache, call, policy};
use folder::Folder;
use janitor::listings::Listings;
use janitor::{Fate, Janitor};

#[path = "../../examples/demo/folder.rs"]
mod folder;
#[path = "../../examples/demo/janitor/mod.rs"]
mod janitor;

const STREAM: &str = "result:{ns}:removals";
const PATIENCE: Duration = Duration::from_millis(50);

/// An encoder's folder, and the namespace that lists what is in it.
struct Shelf {
    server: Server,
    client: Client,
    folder: Folder,
}

impl Shelf {
    fn new() -> Shelf {
        let server = Server::start();
        let mut client = server.client();
        assert_eq!(policy!(client, "SET", "ns", "*", "MAXWEIGHT", "300", "REMOVALS", "100"), ok());
        Shelf { server, client, folder: Folder::new("janitor-test").expect("a folder") }
    }

    fn janitor(&self, name: &str) -> Janitor {
        Janitor::open(self.server.port(), "ns", name, self.folder.path()).expect("it joins")
    }

    /// Where the file of an encode is.
    fn path(&mut self, params: &str, encode: &str) -> PathBuf {
        let key = cache!(self.client, "KEY", "ns", "op", params).text();
        let fingerprint = key.rsplit(':').next().expect("a fingerprint").to_owned();
        self.folder.path().join(format!("{fingerprint}.{encode}"))
    }

    /// Writes a file of 100 bytes and lists it.
    fn encode(&mut self, params: &str, encode: &str, options: &str) -> PathBuf {
        let path = self.path(params, encode);
        fs::write(&path, [0; 100]).expect("written");
        self.list(params, &path, options);
        path
    }

    fn list(&mut self, params: &str, path: &Path, options: &str) {
        let result = format!("{{\"path\":\"{}\"}}", path.display());
        let mut words = args!["CACHE.RESULT", "SET", "ns", "op", params, result, "WEIGHT", 100];
        words.extend(options.split_whitespace().map(|word| word.as_bytes().to_vec()));
        assert_eq!(self.client.call(&words), ok());
    }

    fn files(&self) -> BTreeSet<PathBuf> {
        let files = fs::read_dir(self.folder.path()).expect("a folder");
        files.map(|file| file.expect("a file").path()).collect()
    }

    fn walk(&self, age: Duration) -> Vec<PathBuf> {
        let mut listings = Listings::open(self.server.port(), "ns").expect("connected");
        janitor::walk::walk(&mut listings, "op", self.folder.path(), age).expect("walked")
    }

    fn pending(&mut self) -> i64 {
        call!(self.client, "XPENDING", STREAM, "janitors").array()[0].int()
    }
}

/// Lets the janitor do all that there is to do: causes and fates, in order.
fn clear(janitor: &mut Janitor) -> Vec<(String, Fate)> {
    let mut all = Vec::new();
    loop {
        let records = janitor.receive(PATIENCE).expect("records");
        if records.is_empty() {
            return all;
        }
        let settled = janitor.settle(records).expect("settled");
        all.extend(settled.into_iter().map(|settled| (settled.record.cause, settled.fate)));
    }
}

fn fates(all: &[(&str, Fate)]) -> Vec<(String, Fate)> {
    all.iter().map(|(cause, fate)| ((*cause).to_owned(), *fate)).collect()
}

#[test]
fn the_files_of_all_that_goes_are_deleted_and_no_others() {
    let mut shelf = Shelf::new();
    let mut janitor = shelf.janitor("one");
    shelf.encode("1", "a", "");
    let stays = shelf.encode("2", "b", "");
    shelf.encode("3", "c", "TAGS 1 t");
    call!(shelf.client, "DEBUG", "SLEEP", "0.04");
    assert_ne!(cache!(shelf.client, "GET", "ns", "op", "2"), nil());
    assert_ne!(cache!(shelf.client, "GET", "ns", "op", "3"), nil());
    shelf.encode("4", "d", "PX 100000");
    assert_eq!(clear(&mut janitor), fates(&[("evicted", Fate::Deleted)]));
    assert_eq!(shelf.files().len(), 3);
    call!(shelf.client, "CACHE.INVALIDATE", "TAG", "ns", "t");
    let seen = clear(&mut janitor);
    assert_eq!(seen, fates(&[("invalidated", Fate::Deleted)]));
    let anew = shelf.encode("4", "e", "PX 100 GRACE 100");
    assert_eq!(clear(&mut janitor), fates(&[("replaced", Fate::Deleted)]));
    assert_eq!(shelf.files(), [stays.clone(), anew].into());
    wait_until("it has expired", || call!(shelf.client, "XLEN", STREAM).int() == 4);
    assert_eq!(clear(&mut janitor), fates(&[("expired", Fate::Deleted)]));
    assert_eq!(shelf.files(), [stays].into());
    assert_eq!(shelf.pending(), 0);
}

#[test]
fn what_a_living_entry_lists_stays_whatever_is_recorded() {
    let mut shelf = Shelf::new();
    let mut janitor = shelf.janitor("one");
    let file = shelf.encode("1", "a", "PX 100 GRACE 100000");
    let merged = || call!(shelf.server.client(), "CACHE.RESULT", "MERGE", "ns", "op", "1", "{\"n\":1}");
    merged();
    assert_eq!(clear(&mut janitor), fates(&[("replaced", Fate::Kept)]), "described anew");
    // Stale, it may still be served.
    shelf.list("1", &file, "PX 1 GRACE 100000");
    let entry = Entry { ns: "ns", operation: "op", params: "1" };
    wait_until("it is stale", || entry.state(&mut shelf.client) == "stale");
    assert_eq!(clear(&mut janitor), fates(&[("replaced", Fate::Kept)]));
    assert_eq!(shelf.walk(Duration::ZERO), Vec::<PathBuf>::new());
    // Nobody can tell what is listed while the cache is switched off.
    policy!(shelf.client, "SET", "ns", "op", "BYPASS", "yes");
    assert_eq!(shelf.walk(Duration::ZERO), Vec::<PathBuf>::new());
    policy!(shelf.client, "DEL", "ns", "op");
    // A file elsewhere is nobody's.
    let elsewhere = Folder::new("janitor-test").expect("a folder");
    let other = elsewhere.path().join("precious");
    fs::write(&other, "x").expect("written");
    shelf.list("2", &other, "");
    shelf.list("3", &shelf.folder.path().join(".."), "");
    cache!(shelf.client, "SET", "ns", "op", "4", "no JSON", "WEIGHT", 0);
    (2..=4).for_each(|n| drop(cache!(shelf.client, "INVALIDATE", "ns", "op", n)));
    assert_eq!(clear(&mut janitor), fates(&[("invalidated", Fate::NotOurs); 3]));
    assert!(other.exists());
    assert_eq!(shelf.files(), [file].into());
}

#[test]
fn what_a_dead_janitor_was_given_is_done_by_another() {
    let mut shelf = Shelf::new();
    let mut dies = shelf.janitor("dies");
    for n in 0..8 {
        shelf.encode(&n.to_string(), "a", "");
    }
    assert_eq!(dies.receive(PATIENCE).expect("records").len(), 5);
    let dead = dies.receive(PATIENCE).expect("no more of them");
    assert!(dead.is_empty());
    drop(dies);
    shelf.encode("8", "a", "");
    let mut lives = shelf.janitor("lives");
    assert_eq!(clear(&mut lives), fates(&[("evicted", Fate::Deleted)]), "the others may be in work");
    assert_eq!((shelf.files().len(), shelf.pending()), (8, 5));
    let mut seen = Vec::new();
    wait_until("they were taken over", || {
        seen.extend(clear(&mut lives));
        seen.len() == 5
    });
    assert_eq!(seen, fates(&[("evicted", Fate::Deleted); 5]));
    assert_eq!((shelf.files().len(), shelf.pending()), (3, 0));
    // A record that comes again, after its file was deleted and before that was acknowledged.
    let path = shelf.encode("9", "a", "");
    let records = lives.receive(PATIENCE).expect("records");
    fs::remove_file(&path).expect("deleted");
    cache!(shelf.client, "INVALIDATE", "ns", "op", "9");
    lives.settle(records).expect("settled");
    assert_eq!(clear(&mut lives), fates(&[("invalidated", Fate::Gone)]));
}

#[test]
fn the_walk_finds_what_no_record_tells_of() {
    let mut shelf = Shelf::new();
    let mut janitor = shelf.janitor("one");
    let lost = shelf.encode("1", "a", "");
    let listed = shelf.encode("2", "b", "");
    let superseded = shelf.path("2", "died");
    let foreign = shelf.folder.path().join("README.txt");
    fs::write(&superseded, "an encoder died here").expect("written");
    fs::write(&foreign, "not an encode").expect("written");
    let key = cache!(shelf.client, "KEY", "ns", "op", "1").text();
    call!(shelf.client, "DEL", key);
    assert!(clear(&mut janitor).is_empty());
    assert_eq!(shelf.walk(Duration::from_secs(3600)), Vec::<PathBuf>::new(), "too young");
    let found: BTreeSet<PathBuf> = shelf.walk(Duration::ZERO).into_iter().collect();
    assert_eq!(found, [lost, superseded].into());
    assert_eq!(shelf.files(), [listed, foreign].into());
    assert_eq!(shelf.walk(Duration::ZERO), Vec::<PathBuf>::new(), "once more, as often as one likes");
}
