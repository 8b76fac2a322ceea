//! The thread that does what would hold the server for too long. It is there only while there is something to do, and
//! calls nothing of the server but its allocator.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::core::compression::dictionary::Dictionary;
use crate::core::compression::training::{Lesson, OwnedSubject};
use crate::core::compression::{Frame, Press};
use crate::core::fingerprint::Fingerprint;
use crate::core::origin::Incarnation;

/// How many bytes the jobs may have that are not done yet, or whose outcome is not used yet. Results beyond that stay as
/// they are.
const MAX_BYTES: usize = 16 << 20;

/// What the thread is asked to do.
pub enum Job {
    Compress(Asked),
    /// To make a dictionary that is better than the present one.
    Learn(Lesson, Option<Arc<Dictionary>>),
}

/// A result that is to be compressed, and the entry that it is of.
pub struct Asked {
    pub database: i32,
    pub namespace: Box<str>,
    pub operation: Box<str>,
    pub fingerprint: Fingerprint,
    pub incarnation: Incarnation,
    pub version: u64,
    pub result: Box<[u8]>,
}

/// What the thread has done.
pub enum Done {
    /// None where it does not pay.
    Compressed(Asked, Option<Frame>),
    /// None where no dictionary is better.
    Learnt(OwnedSubject, Option<Vec<u8>>),
}

impl Job {
    fn bytes(&self) -> usize {
        match self {
            Job::Compress(asked) => asked.result.len(),
            Job::Learn(lesson, _) => lesson.bytes(),
        }
    }

    fn run(self, press: &mut Press) -> Done {
        match self {
            Job::Compress(asked) => {
                let frame = press.compress(&asked.result, None);
                Done::Compressed(asked, frame)
            }
            Job::Learn(lesson, present) => {
                let learnt = lesson.learn(present.as_ref(), press);
                Done::Learnt(lesson.subject, learnt)
            }
        }
    }
}

/// What the main thread and the other share. It is held for moments only, and never across a call into the server.
struct Desk {
    jobs: VecDeque<Job>,
    /// With the bytes of their jobs.
    done: VecDeque<(usize, Done)>,
    bytes: usize,
    is_running: bool,
}

static DESK: Mutex<Desk> =
    Mutex::new(Desk { jobs: VecDeque::new(), done: VecDeque::new(), bytes: 0, is_running: false });

fn desk() -> MutexGuard<'static, Desk> {
    DESK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks for a job to be done, which is made where there is room for it.
pub fn ask(job: impl FnOnce() -> Job) {
    if desk().bytes >= MAX_BYTES {
        return;
    }
    let job = job();
    let mut desk = desk();
    desk.bytes = desk.bytes.saturating_add(job.bytes());
    desk.jobs.push_back(job);
    if !desk.is_running {
        let thread = std::thread::Builder::new().name("cache-compress".to_owned());
        // Where there is no thread to be had, the next job asks for one again.
        desk.is_running = thread.spawn(work).is_ok();
    }
}

/// What was done first of what is not used yet.
pub fn take() -> Option<Done> {
    let mut desk = desk();
    let (bytes, done) = desk.done.pop_front()?;
    desk.bytes = desk.bytes.saturating_sub(bytes);
    Some(done)
}

/// Whether something was done that is not used yet.
pub fn has_done() -> bool {
    !desk().done.is_empty()
}

/// The thread: until nothing is left to do.
fn work() {
    let working = Working(Cell::new(0));
    let mut press = Press::default();
    while let Some(job) = next() {
        let bytes = job.bytes();
        working.0.set(bytes);
        let done = job.run(&mut press);
        desk().done.push_back((bytes, done));
    }
}

fn next() -> Option<Job> {
    let mut desk = desk();
    let job = desk.jobs.pop_front();
    desk.is_running = job.is_some();
    job
}

/// The bytes of the job that the thread is at. However the thread ends, another may begin.
struct Working(Cell<usize>);

impl Drop for Working {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut desk = desk();
            desk.bytes = desk.bytes.saturating_sub(self.0.get());
            desk.is_running = false;
        }
    }
}
