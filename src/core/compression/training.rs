//! Training: dictionaries made from a sample of an operation's results, where that pays.

use std::sync::Arc;

use super::super::name::OperationName;
use super::super::origin::Incarnation;
use super::Press;
use super::dictionary::Dictionary;

/// The longest result that is sampled, in bytes: longer ones have enough in common with themselves.
pub const SAMPLE_BYTES: usize = 16 << 10;

/// Bytes of the sample of one operation.
const SAMPLES_BYTES: usize = 256 << 10;

/// How many results have to be seen before the first dictionary is tried.
const FIRST: u64 = 200;

/// And how many times as many before the next is, each time; up to [`LATER`].
const TIMES: u64 = 10;
const LATER: u64 = 1_000_000;

/// The fewest samples that make a dictionary; of the longest there is room for so many.
const FEWEST: usize = 15;

/// How many operations are sampled at a time: at most 8 MiB in all.
const SUBJECTS: usize = 32;

/// An operation that was not seen for so many results gives way to another.
const FORGOTTEN: u64 = 10_000;

/// What a sample takes beside its bytes.
const SAMPLE_OVERHEAD: usize = 32;

/// How long a dictionary gets at most, in bytes. Twice as much makes results of 8 KiB no smaller, and short ones longer.
const TRAINED_BYTES: usize = 8 << 10;

/// Whose results they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject<'s> {
    pub database: i32,
    pub namespace: &'s str,
    pub incarnation: Incarnation,
    pub operation: &'s str,
}

/// The same, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedSubject {
    pub database: i32,
    pub namespace: Box<str>,
    pub incarnation: Incarnation,
    pub operation: Box<str>,
}

impl OwnedSubject {
    fn borrow(&self) -> Subject<'_> {
        let OwnedSubject { database, namespace, incarnation, operation } = self;
        Subject { database: *database, namespace, incarnation: *incarnation, operation }
    }
}

impl Subject<'_> {
    fn own(&self) -> OwnedSubject {
        let Subject { database, namespace, incarnation, operation } = *self;
        OwnedSubject { database, namespace: namespace.into(), incarnation, operation: operation.into() }
    }
}

/// Samples of what is stored, by operation.
#[derive(Debug, Default)]
pub struct Sampler {
    sampled: Vec<Sampled>,
    /// Results seen in all.
    seen: u64,
}

#[derive(Debug)]
struct Sampled {
    subject: OwnedSubject,
    last_seen: u64,
    /// Results seen since the last sample was given away, and how many there shall be.
    seen: u64,
    due: u64,
    samples: Vec<Box<[u8]>>,
    bytes: usize,
}

/// A sample, and whose it is.
#[derive(Debug)]
pub struct Lesson {
    pub subject: OwnedSubject,
    pub samples: Vec<Box<[u8]>>,
}

impl Sampler {
    /// A result of an operation is stored, which has a dictionary or is yet without. Gives the sample away when it is time to
    /// learn from it.
    pub fn see(
        &mut self,
        subject: Subject<'_>,
        has_dictionary: bool,
        result: &[u8],
        random: impl FnOnce() -> u64,
    ) -> Option<Lesson> {
        if result.len() > SAMPLE_BYTES {
            return None;
        }
        self.seen = self.seen.wrapping_add(1);
        let now = self.seen;
        let sampled = self.find_or_add(subject, has_dictionary)?;
        sampled.last_seen = now;
        sampled.take(result, random);
        sampled.is_due().then(|| sampled.give())
    }

    fn find_or_add(&mut self, subject: Subject<'_>, has_dictionary: bool) -> Option<&mut Sampled> {
        let now = self.seen;
        let at = match self.sampled.iter().position(|sampled| sampled.subject.borrow() == subject) {
            Some(at) => at,
            None if self.sampled.len() < SUBJECTS => {
                self.sampled.push(Sampled::new(subject.own()));
                self.sampled.len().saturating_sub(1)
            }
            None => {
                let is_forgotten = |sampled: &Sampled| now.wrapping_sub(sampled.last_seen) > FORGOTTEN;
                // However busy, one that has learnt already yields to one that has not.
                let has_learnt = |sampled: &Sampled| !has_dictionary && sampled.due > FIRST;
                let find = |is: &dyn Fn(&Sampled) -> bool| self.sampled.iter().position(is);
                let at = find(&is_forgotten).or_else(|| find(&has_learnt))?;
                *self.sampled.get_mut(at)? = Sampled::new(subject.own());
                at
            }
        };
        self.sampled.get_mut(at)
    }

    /// What was sampled of a namespace goes with it, and of all of them in a database, or everywhere, with that.
    pub fn forget(&mut self, database: Option<i32>, namespace: Option<&str>) {
        self.sampled.retain(|Sampled { subject, .. }| {
            database.is_some_and(|database| database != subject.database)
                || namespace.is_some_and(|namespace| *namespace != *subject.namespace)
        });
    }

    /// How many bytes all samples have.
    pub fn bytes(&self) -> usize {
        self.sampled.iter().map(|sampled| sampled.bytes).sum()
    }
}

impl Sampled {
    fn new(subject: OwnedSubject) -> Self {
        Sampled { subject, last_seen: 0, seen: 0, due: FIRST, samples: Vec::new(), bytes: 0 }
    }

    /// Each result has the same chance to be in the sample (Vitter's algorithm R), as far as there is room for it.
    fn take(&mut self, result: &[u8], random: impl FnOnce() -> u64) {
        self.seen = self.seen.saturating_add(1);
        let with_it = self.bytes.saturating_add(result.len()).saturating_add(SAMPLE_OVERHEAD);
        if with_it <= SAMPLES_BYTES {
            self.samples.push(result.into());
            self.bytes = with_it;
            return;
        }
        let at = usize::try_from(random() % self.seen).unwrap_or(usize::MAX);
        if let Some(sample) = self.samples.get_mut(at)
            && with_it.saturating_sub(sample.len()).saturating_sub(SAMPLE_OVERHEAD) <= SAMPLES_BYTES
        {
            self.bytes = with_it.saturating_sub(sample.len()).saturating_sub(SAMPLE_OVERHEAD);
            *sample = result.into();
        }
    }

    fn is_due(&self) -> bool {
        self.seen >= self.due && self.samples.len() >= FEWEST
    }

    fn give(&mut self) -> Lesson {
        self.due = self.due.saturating_mul(TIMES).min(LATER);
        (self.seen, self.bytes) = (0, 0);
        Lesson { subject: self.subject.clone(), samples: std::mem::take(&mut self.samples) }
    }
}

/// Gives a dictionary an identity of two bytes, in place of one of four that each frame would bear. Below 2^15 they are
/// reserved (RFC 8878, section 5).
fn identify(dictionary: &mut [u8]) {
    let identity = 0x8000 | (crc32fast::hash(dictionary) & 0x7fff);
    if let Some(place) = dictionary.get_mut(4..8) {
        place.copy_from_slice(&identity.to_le_bytes());
    }
}

impl Lesson {
    pub fn bytes(&self) -> usize {
        self.samples.iter().map(|sample| sample.len()).sum()
    }

    /// A dictionary that makes results a tenth smaller than `present` does; none where it would not. Takes some hundred
    /// milliseconds.
    pub fn learn(&self, present: Option<&Arc<Dictionary>>, press: &mut Press) -> Option<Vec<u8>> {
        let operation = OperationName::parse(self.subject.operation.as_bytes()).ok()?;
        // Measured with others than it is made from: what it has learnt by heart says nothing.
        let is_held_out = |index: &usize| index % 4 == 3;
        let numbered = || self.samples.iter().enumerate();
        let lessons: Vec<&[u8]> =
            numbered().filter(|(index, _)| !is_held_out(index)).map(|(_, sample)| &sample[..]).collect();
        let mut bytes = zstd::dict::from_samples(&lessons, TRAINED_BYTES).ok()?;
        identify(&mut bytes);
        let candidate = Arc::new(Dictionary::new(1, operation, &bytes)?);
        let mut size = |dictionary| {
            let of = |sample: &[u8]| {
                press.compress(sample, dictionary).map_or(sample.len(), |frame| frame.body().stored().len())
            };
            numbered()
                .filter(|(index, _)| is_held_out(index))
                .map(|(_, sample)| sample)
                .map(|sample| &sample[..])
                .map(of)
                .sum::<usize>()
        };
        let (new, old) = (size(Some(&candidate)), size(present));
        (new <= old / 10 * 9).then_some(bytes)
    }
}
