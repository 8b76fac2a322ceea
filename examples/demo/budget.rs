//! The third act: an encoder has more to encode than it has room for. Renditions that were used least are pushed out, and
//! a janitor deletes their files while it goes on.

use std::error::Error;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Stage;
use crate::cache::Cache;
use crate::folder::Folder;
use crate::janitor::listings::Listings;
use crate::janitor::walk::walk;
use crate::janitor::{Fate, Janitor, Settled};
use crate::media::{Rendition, Source};
use crate::plan::OPERATION;
use crate::shelf::{self, Contents, Got, Shelf};

/// The namespace of what is on the shelf. A budget is for a whole namespace.
const NAMESPACE: &str = "encoder";

/// What all renditions together may take, in bytes.
const BUDGET: u64 = 3_000_000;

/// How many videos there are, and how many are encoded before a janitor comes to stay.
const SOURCES: u32 = 14;
const BEFORE_JANITOR: usize = 10;

/// Up to which they are encoded again at the end.
const AGAIN: usize = 9;

/// How long what ends early lives on.
const SHORT: Duration = Duration::from_secs(1);

/// How long a janitor waits for records, and how long it may take until everything is cleared.
const ROUND: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(20);

/// Plays the act, and checks that it came out as it should.
pub fn run(stage: &Stage) -> Result<(), Box<dyn Error>> {
    let port = stage.server.port();
    println!("An encoder has {SOURCES} videos, and room for {BUDGET} bytes of renditions:\n");
    let videos = Folder::new("result-cache-videos")?;
    let make = |number| Source::make_short(videos.path().join(format!("video-{number}.mp4")), number);
    let sources: Vec<Source> = (1..=SOURCES).map(make).collect::<Result<_, _>>()?;
    let listings = Listings::open(port, NAMESPACE)?;
    let shelf = Shelf::new(Cache::open(port, NAMESPACE)?, listings, BUDGET)?;
    let mut encoder = Encoder { shelf, sources, log: Log(Instant::now()) };

    encoder.encode(1..BEFORE_JANITOR)?;
    encoder.lose_a_janitor(port)?;
    let janitor = Staying::start(port, encoder.shelf.folder(), encoder.log)?;
    encoder.encode(BEFORE_JANITOR..encoder.sources.len())?;
    encoder.end_otherwise()?;
    encoder.wait_until_cleared()?;
    // Those that were pushed out first are wanted again, which fills the shelf up.
    encoder.encode(1..AGAIN)?;
    encoder.wait_until_cleared()?;
    encoder.lose_a_file(port)?;
    encoder.sum_up(&janitor.go_home()?)
}

/// Who encodes, and what.
struct Encoder {
    shelf: Shelf,
    sources: Vec<Source>,
    log: Log,
}

/// Prints what happens, and when.
#[derive(Clone, Copy)]
struct Log(Instant);

impl Log {
    fn line(self, who: &str, what: &str) {
        println!("{:>7.2}  {who:<10} {what}", self.0.elapsed().as_secs_f64());
    }
}

impl Encoder {
    /// Asks for some of the renditions, and for the first again and again, which therefore stays.
    fn encode(&mut self, which: Range<usize>) -> Result<(), Box<dyn Error>> {
        for nth in which {
            self.get(0, "")?;
            self.get(nth, "")?;
        }
        match self.get(0, ", since it was asked for again and again")? {
            Got::Found => Ok(()),
            Got::Encoded => Err("what is in use was pushed out".into()),
        }
    }

    /// The rendition of one of the sources. An error if it is encoded though it was there.
    fn get(&mut self, nth: usize, remark: &str) -> Result<Got, Box<dyn Error>> {
        let had = self.shelf.has(&self.sources[nth])?;
        let (rendition, got) = self.shelf.get(&self.sources[nth], Rendition::is_intact)?;
        match got {
            Got::Encoded if had => Err(format!("video {} was there, and was encoded again", nth + 1).into()),
            Got::Encoded => {
                self.log
                    .line("encoder", &format!("encodes video {:<2} {:>7} bytes", nth + 1, rendition.bytes));
                Ok(got)
            }
            Got::Found if !remark.is_empty() => {
                self.log.line("encoder", &format!("finds video {}{remark}", nth + 1));
                Ok(got)
            }
            Got::Found => Ok(got),
        }
    }

    /// A janitor is given all records that there are, and dies before it did anything about them.
    fn lose_a_janitor(&self, port: u16) -> Result<(), Box<dyn Error>> {
        let mut janitor = Janitor::open(port, NAMESPACE, "janitor-1", self.shelf.folder())?;
        match janitor.receive(ROUND)?.len() {
            0 => Err("nothing was pushed out".into()),
            records => {
                self.log.line("janitor-1", &format!("takes {records} records, and dies"));
                Ok(())
            }
        }
    }

    /// Entries go in each of the other ways that there are.
    fn end_otherwise(&mut self) -> Result<(), Box<dyn Error>> {
        let Encoder { shelf, sources, log } = self;
        let say = |what: &str| log.line("encoder", what);
        let [first, .., ending, tagged, anew] = &sources[..] else { return Err("too few videos".into()) };

        // Described anew it keeps its file. The record of the old description may not cost it that.
        shelf.cache.merge(OPERATION, &shelf::params(first), &json!({ "title": "a cat" }), None)?;
        say("gives video 1 a title, and its file stays as it is");
        shelf.get(anew, |_| false)?;
        say("encodes the newest again, since viewers complain: replaced");
        shelf.cache.invalidate_tag(&shelf::tag(tagged))?;
        say("takes back all of the one before that, by its tag: invalidated");
        shelf.cache.merge(OPERATION, &shelf::params(ending), &json!({}), Some(SHORT))?;
        say(&format!("lets the one before that live for {SHORT:?}: expired"));
        thread::sleep(SHORT);
        Ok(())
    }

    /// Waits until the janitor has cleared away all that went.
    fn wait_until_cleared(&mut self) -> Result<(), Box<dyn Error>> {
        let began = Instant::now();
        loop {
            match self.shelf.check() {
                Ok(_) => return Ok(()),
                Err(e) if began.elapsed() > PATIENCE => return Err(e),
                Err(_) => thread::sleep(ROUND),
            }
        }
    }

    /// Deletes an entry by its key, which nobody records, and lets a walk find the file.
    fn lose_a_file(&mut self, port: u16) -> Result<(), Box<dyn Error>> {
        let first = &self.sources[0];
        self.shelf.delete_by_key(first)?;
        let mut listings = Listings::open(port, NAMESPACE)?;
        // Nobody encodes just now, so no file is too young.
        match walk(&mut listings, OPERATION, self.shelf.folder(), Duration::ZERO)?.len() {
            1 => self.log.line("walk", "finds the file of video 1, whose entry somebody deleted by key"),
            files => return Err(format!("the walk deleted {files} files, of which one was lost").into()),
        }
        Ok(())
    }

    /// Says what came of it; an error if that is not what should.
    fn sum_up(&mut self, deeds: &[Deed]) -> Result<(), Box<dyn Error>> {
        let Contents { files, bytes } = self.shelf.check()?;
        let count = |cause: &str, fate| deeds.iter().filter(|deed| **deed == (cause.into(), fate)).count();
        let deleted = CAUSES.map(|cause| (cause, count(cause, Fate::Deleted)));
        if let Some((cause, _)) = deleted.iter().find(|(_, count)| *count == 0) {
            return Err(format!("the janitor deleted nothing that was {cause}").into());
        }
        let sum: usize = deleted.iter().map(|(_, count)| count).sum();
        let encodes = self.shelf.encodes();
        if files + sum + 1 != encodes {
            return Err(format!("of {encodes} files {files} are there, {sum} deleted, and 1 found").into());
        }
        if count("replaced", Fate::Kept) == 0 {
            return Err("the janitor was not told of the old description of video 1".into());
        }
        let causes = deleted.map(|(cause, count)| format!("{count} {cause}")).join(", ");
        println!(
            "\n{encodes} files were encoded, none while it was there, and {} deleted: {causes}, 1 lost.",
            sum + 1
        );
        println!(
            "{files} files of {bytes} bytes are left, within the budget of {BUDGET}. Each is listed by a living entry,"
        );
        println!("and each file that a living entry lists is there.");
        Ok(())
    }
}

/// Why a record was written, and what became of its file.
type Deed = (String, Fate);

/// Why files are deleted.
const CAUSES: [&str; 4] = ["evicted", "replaced", "invalidated", "expired"];

/// A janitor at work, in a thread of its own.
struct Staying {
    goes_home: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<Deed>, String>>,
}

impl Staying {
    fn start(port: u16, folder: &Path, log: Log) -> Result<Staying, Box<dyn Error>> {
        let mut janitor = Janitor::open(port, NAMESPACE, "janitor-2", folder)?;
        let goes_home = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&goes_home);
        let thread = thread::spawn(move || {
            let mut deeds = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                round(&mut janitor, log, &mut deeds).map_err(|e| e.to_string())?;
            }
            Ok(deeds)
        });
        Ok(Staying { goes_home, thread })
    }

    /// Has it stop, and gives what it did.
    fn go_home(self) -> Result<Vec<Deed>, Box<dyn Error>> {
        self.goes_home.store(true, Ordering::Relaxed);
        Ok(self.thread.join().map_err(|_| "the janitor panicked")??)
    }
}

/// One round of a janitor's.
fn round(janitor: &mut Janitor, log: Log, deeds: &mut Vec<Deed>) -> Result<(), Box<dyn Error>> {
    let records = janitor.receive(ROUND)?;
    for Settled { record, fate } in janitor.settle(records)? {
        let what = match fate {
            Fate::Deleted => "deletes a file that was",
            Fate::Gone => "finds a file gone already that was",
            Fate::Kept => "keeps a file, still listed, whose description was",
            Fate::NotOurs => "is told of a file elsewhere that was",
        };
        log.line("janitor-2", &format!("{what} {}", record.cause));
        deeds.push((record.cause, fate));
    }
    Ok(())
}
