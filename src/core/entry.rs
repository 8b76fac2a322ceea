//! Entries: a stored result with its metadata, and the bytes it is kept as.
//!
//! The same bytes, the **record**, stand in memory, in an RDB file and in the replication stream. A record
//! is (integers as LEB128 unless said):
//!
//! ```text
//! flags          1 byte: which of the optional parts follow
//! mark           8 bytes: the first eight of the fingerprint
//! version, created_ms
//! [ttl_ms] [grace_ms] [took_ms] [weight]
//! [tags]         byte length of the block, then each tag with its length
//! [failure]      until_ms, remembered_until_ms, then the message with its length
//! [compression]  number of the dictionary (0 is none), length of the result as it was given
//! checksum       4 bytes: CRC-32 of what follows
//! result         all that remains; of a negative entry the message of its failure
//! ```
//!
//! The highest bit of the flags says that a second byte of flags follows the first.

use super::body::Body;
use super::codec::{Count, Reader, Sink};
use super::fingerprint::Fingerprint;
use super::instant::Instant;
use super::limits::{MAX_INTEGER, maxima};

const HAS_TTL: u8 = 1 << 0;
const HAS_GRACE: u8 = 1 << 1;
const HAS_TOOK: u8 = 1 << 2;
const HAS_WEIGHT: u8 = 1 << 3;
const HAS_TAGS: u8 = 1 << 4;
const IS_NEGATIVE: u8 = 1 << 5;
const HAS_FAILURE: u8 = 1 << 6;
const HAS_MORE_FLAGS: u8 = 1 << 7;

/// Of the second byte of flags; no other is known.
const IS_COMPRESSED: u8 = 1 << 0;

/// Memory that an entry takes beside its record, but for its key: the head of the server's block.
pub const HEAD_BYTES: usize = 20;

const MAX_DURATION_MS: u64 = maxima::TTL_SECONDS * 1000;

/// The part of a fingerprint that an entry carries: enough to notice that it was renamed, copied or
/// restored under the name of another, which nobody does 2^64 times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mark(pub u64);

impl From<&Fingerprint> for Mark {
    fn from(fingerprint: &Fingerprint) -> Self {
        Mark(fingerprint.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)))
    }
}

/// One entry as a value; its variable parts are borrowed from a record or from a command's arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    pub mark: Mark,
    /// The namespace's clock at the write.
    pub version: u64,
    pub created: Instant,
    /// Fresh for this long after `created`; `None` is forever (PERSIST).
    pub ttl_ms: Option<u64>,
    /// Stale but servable for this long after that.
    pub grace_ms: u64,
    /// What the result took to compute, where its writer said so.
    pub took_ms: Option<u64>,
    /// Bytes elsewhere that the entry stands for, where its writer said so.
    pub weight: Option<u64>,
    pub tags: Tags<'a>,
    /// Whether it stands for a failure: its result is the message then, and GET does not find it.
    pub negative: bool,
    /// The last refresh failed.
    pub failure: Option<Failure<'a>>,
    /// Its result as it is stored.
    pub body: Body<'a>,
}

/// A refresh that failed, kept beside the value that it should have replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure<'a> {
    /// Until then nobody is asked to refresh the value.
    pub until: Instant,
    /// Until then it is remembered, also where the value is gone; not after `until`.
    pub remembered_until: Instant,
    pub message: &'a [u8],
}

/// Where an entry stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Its age is below the TTL.
    Fresh,
    /// Within the grace that follows.
    Stale,
    /// After it.
    Gone,
}

impl<'a> Entry<'a> {
    /// When it stops being fresh; `None` is never.
    pub fn fresh_until(&self) -> Option<Instant> {
        self.ttl_ms.map(|ttl_ms| self.created.plus(ttl_ms))
    }

    /// When nothing of it counts any more, which is the Redis expiry of its key; `None` is never. A failure may be
    /// remembered for longer than the value that it stands beside.
    pub fn ends_at(&self) -> Option<Instant> {
        let gone_at = self.gone_at()?;
        Some(self.failure.map_or(gone_at, |failure| gone_at.max(failure.remembered_until)))
    }

    /// Of a failure, what was said of it.
    pub fn message(&self) -> &'a [u8] {
        match self.failure {
            Some(failure) if !self.negative => failure.message,
            // That of a negative entry is never compressed.
            _ => self.body.as_raw().unwrap_or_default(),
        }
    }

    /// When its result is gone; `None` is never.
    pub fn gone_at(&self) -> Option<Instant> {
        self.fresh_until().map(|instant| instant.plus(self.grace_ms))
    }

    pub fn freshness(&self, now: Instant) -> Freshness {
        match (self.fresh_until(), self.gone_at()) {
            (Some(fresh_until), Some(gone_at)) if now >= fresh_until => {
                if now < gone_at {
                    Freshness::Stale
                } else {
                    Freshness::Gone
                }
            }
            _ => Freshness::Fresh,
        }
    }

    /// Writes the record, in order, part by part.
    pub fn encode(&self, sink: &mut impl Sink) {
        let flag = |present: bool, flag: u8| if present { flag } else { 0 };
        let grace_ms = (self.grace_ms > 0).then_some(self.grace_ms);
        let is_compressed = self.body.compression().is_some();
        sink.put(&[flag(self.ttl_ms.is_some(), HAS_TTL)
            | flag(grace_ms.is_some(), HAS_GRACE)
            | flag(self.took_ms.is_some(), HAS_TOOK)
            | flag(self.weight.is_some(), HAS_WEIGHT)
            | flag(!self.tags.is_empty(), HAS_TAGS)
            | flag(self.negative, IS_NEGATIVE)
            | flag(self.failure.is_some(), HAS_FAILURE)
            | flag(is_compressed, HAS_MORE_FLAGS)]);
        if is_compressed {
            sink.put(&[IS_COMPRESSED]);
        }
        sink.put(&self.mark.0.to_le_bytes());
        sink.put_varint(self.version);
        sink.put_varint(self.created.unix_ms());
        for value in [self.ttl_ms, grace_ms, self.took_ms, self.weight].into_iter().flatten() {
            sink.put_varint(value);
        }
        if !self.tags.is_empty() {
            sink.put_string(self.tags.0);
        }
        if let Some(Failure { until, remembered_until, message }) = self.failure {
            sink.put_varint(until.unix_ms());
            sink.put_varint(remembered_until.unix_ms());
            sink.put_string(message);
        }
        self.body.encode(sink);
    }

    /// How many bytes [`encode`](Self::encode) writes.
    pub fn encoded_len(&self) -> usize {
        let mut count = Count::default();
        self.encode(&mut count);
        count.0
    }

    /// Reads a record and checks everything that can be wrong with it but its tags (see
    /// [`Entry::decode_untrusted`]); `None` where it is no record.
    #[inline(always)] // To move it costs more than to make it.
    pub fn decode(record: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(record);
        let flags = reader.byte()?;
        let is_compressed = flags & HAS_MORE_FLAGS != 0;
        if is_compressed {
            reader.byte().filter(|more| *more == IS_COMPRESSED)?;
        }
        let mark = Mark(reader.u64_le()?);
        let version = reader.varint_up_to(MAX_INTEGER)?;
        let created = Instant::from_unix_ms(reader.varint_up_to(MAX_INTEGER)?);
        let mut optional = |flag: u8, max: u64| match flags & flag {
            0 => Some(None),
            _ => reader.varint_up_to(max).map(Some),
        };
        let ttl_ms = optional(HAS_TTL, MAX_DURATION_MS)?;
        let grace_ms = optional(HAS_GRACE, MAX_DURATION_MS)?.unwrap_or(0);
        let took_ms = optional(HAS_TOOK, MAX_INTEGER)?;
        let weight = optional(HAS_WEIGHT, MAX_INTEGER)?;
        let tags = match flags & HAS_TAGS {
            0 => Tags::NONE,
            _ => Tags(reader.string(usize::MAX)?),
        };
        let negative = flags & IS_NEGATIVE != 0;
        if negative && is_compressed {
            return None;
        }
        let failure = match flags & HAS_FAILURE {
            0 => None,
            _ => Some(Failure {
                until: Instant::from_unix_ms(reader.varint_up_to(MAX_INTEGER)?),
                remembered_until: Instant::from_unix_ms(reader.varint_up_to(MAX_INTEGER)?),
                message: reader.string(maxima::PROGRESS_BYTES)?,
            }),
        };
        let body = Body::decode(reader, is_compressed)?;
        Some(Entry {
            mark,
            version,
            created,
            ttl_ms,
            grace_ms,
            took_ms,
            weight,
            tags,
            negative,
            failure,
            body,
        })
    }

    /// Reads a record that came from outside (a file, a RESTORE payload, the replication stream), every
    /// part of it checked against the compiled-in maxima. Whether the result is sound is asked of
    /// [`Body::is_sound`]: a file with a damaged entry is loaded all the same.
    pub fn decode_untrusted(record: &'a [u8]) -> Option<Self> {
        Self::decode(record).filter(|entry| {
            entry.body.is_within_maxima() && (entry.tags.is_empty() || entry.tags.are_sound())
        })
    }
}

/// The tags of an entry, each at most once, in the order in which they were given: a block of
/// length-prefixed strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tags<'a>(&'a [u8]);

impl<'a> Tags<'a> {
    pub const NONE: Tags<'static> = Tags(&[]);

    /// Writes the block of these tags into `block` (emptied first), leaving out repetitions.
    pub fn from_list(tags: &[&[u8]], block: &'a mut Vec<u8>) -> Self {
        block.clear();
        for tag in tags {
            if !Tags(block).iter().any(|earlier| earlier == *tag) {
                block.put_string(tag);
            }
        }
        Tags(block)
    }

    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || reader.string(maxima::TAG_BYTES))
    }

    /// Whether the block holds nothing but whole, non-empty tags within the maxima.
    fn are_sound(self) -> bool {
        let mut reader = Reader::new(self.0);
        for _ in 0..maxima::TAGS {
            match reader.string(maxima::TAG_BYTES) {
                Some(tag) if !tag.is_empty() => {}
                _ => return false,
            }
            if reader.is_empty() {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::body::Compression;
    use super::*;
    use proptest::prelude::*;
    use std::num::NonZeroU32;

    fn plain(result: &[u8]) -> Entry<'_> {
        Entry {
            mark: Mark(7),
            version: 1_790_000_000_000_000,
            created: Instant::from_unix_ms(1_790_000_000_000),
            ttl_ms: Some(3_600_000),
            grace_ms: 0,
            took_ms: None,
            weight: None,
            tags: Tags::NONE,
            negative: false,
            failure: None,
            body: Body::raw(result),
        }
    }

    #[test]
    fn a_life_has_three_parts() {
        let entry = Entry { ttl_ms: Some(100), grace_ms: 50, ..plain(b"") };
        let at = |ms| entry.freshness(entry.created.plus(ms));
        assert_eq!([at(0), at(99)], [Freshness::Fresh; 2]);
        assert_eq!([at(100), at(149)], [Freshness::Stale; 2]);
        assert_eq!(at(150), Freshness::Gone);
        assert_eq!(
            Entry { ttl_ms: None, ..entry }.freshness(Instant::from_unix_ms(u64::MAX)),
            Freshness::Fresh
        );
        assert_eq!(entry.freshness(Instant::from_unix_ms(0)), Freshness::Fresh, "the clock stepped back");
    }

    #[test]
    fn a_plain_entry_costs_31_bytes_beside_its_result() {
        assert_eq!(plain(b"").encoded_len(), 31);
    }

    #[test]
    fn tags_come_once_and_in_order() {
        let mut block = Vec::new();
        let tags = Tags::from_list(&[b"b", b"a", b"b"], &mut block);
        assert_eq!(tags.iter().collect::<Vec<_>>(), [b"b", b"a"]);
    }

    #[test]
    fn unsound_records_are_refused() {
        let record = |entry: &Entry<'_>| {
            let mut record = Vec::new();
            entry.encode(&mut record);
            record
        };
        assert_eq!(Entry::decode(b""), None);
        let length = NonZeroU32::new(9).expect("not zero");
        let body = Body::compressed(b"x", Compression { dictionary: 1, length });
        let compressed = record(&Entry { body, ..plain(b"") });
        assert!(Entry::decode(&compressed).is_some());
        let changed = |at: usize, to: u8| {
            let mut changed = compressed.clone();
            changed[at] = to;
            Entry::decode(&changed).is_some()
        };
        assert!(!changed(1, 0x03), "an unknown flag");
        assert!(!changed(1, 0x00), "a second byte that says nothing");
        let length_at = compressed.len() - 6;
        assert!(!changed(length_at, 0), "no length");
        let negative = Entry { body, negative: true, ..plain(b"") };
        assert_eq!(Entry::decode(&record(&negative)), None, "a message is never compressed");
        for wrong in [
            Entry { version: MAX_INTEGER + 1, ..plain(b"") },
            Entry { created: Instant::from_unix_ms(u64::MAX), ..plain(b"") },
            Entry { ttl_ms: Some(MAX_DURATION_MS + 1), ..plain(b"") },
            Entry { weight: Some(u64::MAX), ..plain(b"") },
        ] {
            assert_eq!(Entry::decode(&record(&wrong)), None, "{wrong:?}");
        }
        for unsound in [&b"\x05ab"[..], b"\x00", b"\x01a\x00"] {
            let entry = Entry { tags: Tags(unsound), ..plain(b"") };
            assert_eq!(Entry::decode_untrusted(&record(&entry)), None, "{unsound:?}");
        }
    }

    #[test]
    fn a_changed_result_is_noticed_and_loaded() {
        let mut record = Vec::new();
        plain(b"result").encode(&mut record);
        let is_sound = |record: &[u8]| Entry::decode_untrusted(record).expect("an entry").body.is_sound();
        assert!(is_sound(&record));
        for at in record.len() - 10..record.len() {
            let mut damaged = record.clone();
            damaged[at] ^= 0x10;
            assert!(!is_sound(&damaged), "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn a_record_comes_back(
            (mark, version, created) in (any::<u64>(), 0..=MAX_INTEGER, 0..=MAX_INTEGER),
            ttl_ms in proptest::option::of(0..=MAX_DURATION_MS),
            grace_ms in 0..=MAX_DURATION_MS,
            took_ms in proptest::option::of(0..=MAX_INTEGER),
            weight in proptest::option::of(0..=MAX_INTEGER),
            tags in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..9), 0..5),
            negative in any::<bool>(),
            failure in proptest::option::of((0..=MAX_INTEGER, any::<Vec<u8>>())),
            (result, dictionary, length) in (any::<Vec<u8>>(), any::<u32>(), 0..=maxima::COMPRESSED_BYTES as u32),
        ) {
            let mut block = Vec::new();
            let list: Vec<&[u8]> = tags.iter().map(Vec::as_slice).collect();
            let created = Instant::from_unix_ms(created);
            let tags = Tags::from_list(&list, &mut block);
            let compression = NonZeroU32::new(length).map(|length| Compression { dictionary, length });
            let body = match compression {
                Some(compression) if !negative => Body::compressed(&result, compression),
                _ => Body::raw(&result),
            };
            let entry = Entry {
                mark: Mark(mark), version, created, ttl_ms, grace_ms, took_ms, weight, tags, negative,
                failure: failure.as_ref().map(|(until, message)| Failure {
                    until: Instant::from_unix_ms(*until), remembered_until: Instant::from_unix_ms(until / 2), message,
                }),
                body,
            };
            let mut record = Vec::new();
            entry.encode(&mut record);
            prop_assert_eq!(record.len(), entry.encoded_len());
            prop_assert_eq!(Entry::decode_untrusted(&record), Some(entry));
        }

        #[test]
        fn no_bytes_make_decoding_panic(record in any::<Vec<u8>>()) {
            if let Some(entry) = Entry::decode_untrusted(&record) {
                prop_assert!(entry.tags.iter().count() <= maxima::TAGS);
            }
        }
    }
}
