//! Namespaces: the clock that counts mutations, and what it says about the life of entries.
//!
//! A namespace is a small value at a key of its own. It makes invalidation a number that moves: entries
//! carry the clock of their write, and are dead where that is below a floor or an epoch kept here.

use std::sync::Arc;

use super::codec::{Reader, Sink};
use super::compression::dictionary::{Dictionaries, Dictionary};
use super::entry::{Entry, Mark, Tags};
use super::epochs::{Epochs, Scope};
use super::limits::MAX_INTEGER;
use super::origin::{ENCODING_VERSION, Incarnation, Origin};
use super::recent::RecentInvalidations;
use super::refusal::Refusal;
use super::stamp::Stamp;

/// What the first mutation after a promotion or a load adds to the clock at least, so that numbers which were lost
/// with the old primary, or with the tail of a file, are not used twice.
const LEAP: u64 = 1 << 32;

/// And at random up to so much more: what follows a leap may itself be lost, and the next one, from the same stored
/// clock, must not come out at the same numbers.
const LEAP_MORE: u64 = 1 << 36;

/// Counts promotions and loads of this process: a namespace last mutated in an earlier era leaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Era(pub u64);

/// The state of one namespace.
#[derive(Debug, Clone)]
pub struct Namespace {
    incarnation: Incarnation,
    /// The number of the last mutation.
    clock: u64,
    /// What was invalidated at once.
    epochs: Epochs,
    /// The latest invalidations of single entries, for fencing.
    recent: RecentInvalidations,
    /// The clock at the last invalidation of any kind.
    last_invalidation: u64,
    /// How often this namespace was copied: no two copies are drawn from the same state.
    copies: u64,
    /// What its results are compressed with.
    dictionaries: Dictionaries,
    /// Not stored: the era of the last mutation, none where it was loaded or applied.
    era: Option<Era>,
}

/// Two namespaces are equal where their stored forms are: what differs between processes does not count.
impl PartialEq for Namespace {
    fn eq(&self, other: &Self) -> bool {
        self.encode() == other.encode()
    }
}

impl Namespace {
    /// The number of the mutation that makes a namespace: the Unix microseconds of that moment. No server makes a
    /// million mutations a second, so a later life counts on from above an earlier one; milliseconds would not do.
    pub fn first_version(unix_us: u64) -> u64 {
        unix_us.min(MAX_INTEGER)
    }

    /// A namespace of which nothing is known but its incarnation and its clock.
    pub fn starting_at(incarnation: Incarnation, clock: u64) -> Self {
        Namespace {
            incarnation,
            clock,
            epochs: Epochs::default(),
            recent: RecentInvalidations::default(),
            last_invalidation: 0,
            copies: 0,
            dictionaries: Dictionaries::default(),
            era: None,
        }
    }

    /// What COPY makes: another life, in which nothing of this one is alive, nor of an earlier copy. `incarnation`
    /// is drawn from the stored form of before.
    pub fn copied(&mut self, incarnation: Incarnation) -> Self {
        self.copies = self.copies.saturating_add(1).min(MAX_INTEGER);
        Self::starting_at(incarnation, self.clock)
    }

    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The number of the last mutation.
    pub fn clock(&self) -> u64 {
        self.clock
    }

    /// The number that the next mutation gets; refused at the end of the numbers. `random` is drawn where it leaps.
    pub fn next_version(&self, era: Era, random: impl FnOnce() -> u64) -> Result<u64, Refusal> {
        let step = if self.era == Some(era) { 1 } else { LEAP.saturating_add(random() % LEAP_MORE) };
        self.clock.checked_add(step).filter(|&version| version <= MAX_INTEGER).ok_or_else(|| {
            Refusal::syntax("the clock of this namespace has come to its end; delete its key to start anew")
        })
    }

    /// Whether a mutation may set the clock to this: it only ever moves forward.
    pub fn admits(&self, version: u64) -> bool {
        version > self.clock && version <= MAX_INTEGER
    }

    /// Records the write of an entry with the number from [`next_version`](Self::next_version). `era` is none
    /// where the mutation was another server's.
    pub fn wrote(&mut self, mark: Mark, version: u64, era: Option<Era>) {
        self.advance(version, era);
        self.recent.wrote(mark);
    }

    /// Records the invalidation of a single entry, likewise.
    pub fn invalidated(&mut self, mark: Mark, version: u64, era: Option<Era>) {
        self.advance(version, era);
        self.last_invalidation = version;
        self.recent.invalidated(mark, version);
    }

    /// It was just made here, so that its clock need not leap.
    pub fn made(self, era: Option<Era>) -> Self {
        Namespace { era, ..self }
    }

    fn advance(&mut self, version: u64, era: Option<Era>) {
        self.clock = version;
        self.era = era;
    }

    /// Whether an absent entry is known to be absent because it was invalidated.
    pub fn recently_invalidated(&self, mark: Mark) -> bool {
        self.recent.explain(mark)
    }

    /// Records that so much was invalidated at once, likewise.
    pub fn invalidated_scope(&mut self, scope: &Scope<'_>, version: u64, era: Option<Era>) {
        self.advance(version, era);
        self.last_invalidation = version;
        self.epochs.invalidate(scope, version);
        if *scope == Scope::All {
            self.recent = RecentInvalidations::default();
        }
    }

    /// Whether an entry of this origin is alive as far as invalidations go (its age is another matter).
    pub fn is_alive(&self, origin: &Origin, entry: &Entry<'_>) -> bool {
        origin.incarnation() == self.incarnation && self.epochs.spare(origin.operation(), entry)
    }

    /// Whether a write that began at `since` may be stale by now: whether since then its entry, its operation, one of
    /// the tags that it brings or the whole namespace was invalidated, or another life of the namespace began. Where
    /// that was forgotten, it may have happened.
    pub fn has_overtaken(&self, since: &Stamp, mark: Mark, operation: &str, tags: Tags<'_>) -> bool {
        self.recent.may_hold(mark, since.clock) || self.has_overtaken_at_once(since, operation, tags)
    }

    /// The same but for invalidations of the single entry, of which the caller knows.
    pub fn has_overtaken_at_once(&self, since: &Stamp, operation: &str, tags: Tags<'_>) -> bool {
        // A stamp from ahead of the clock is of a history that was lost.
        since.incarnation != self.incarnation
            || since.clock > self.clock
            || self.epochs.has_overtaken(since.clock, operation, tags)
    }

    /// What was invalidated at once.
    pub fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// What its results are compressed with.
    pub fn dictionaries(&self) -> &Dictionaries {
        &self.dictionaries
    }

    /// Takes a dictionary that [`Dictionaries::admits`] has let in. The clock stays: no entry changes by it.
    pub fn install(&mut self, dictionary: Arc<Dictionary>, dropped: &[u32]) {
        self.dictionaries.install(dictionary, dropped);
    }

    /// The stored form: [`ENCODING_VERSION`], then the fields in the order of their declaration.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![ENCODING_VERSION];
        bytes.put(&self.incarnation.0.to_le_bytes());
        bytes.put_varint(self.clock);
        self.epochs.encode(&mut bytes);
        self.recent.encode(&mut bytes);
        bytes.put_varint(self.last_invalidation);
        bytes.put_varint(self.copies);
        self.dictionaries.encode(&mut bytes);
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes, from wherever they came; `None` where they are anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        reader.byte().filter(|&version| version == ENCODING_VERSION)?;
        let incarnation = Incarnation(reader.u64_le()?);
        let clock = reader.varint_up_to(MAX_INTEGER)?;
        let epochs = Epochs::decode(&mut reader, clock)?;
        let recent = RecentInvalidations::decode(&mut reader, clock)?;
        let last_invalidation = reader.varint_up_to(clock)?;
        let copies = reader.varint_up_to(MAX_INTEGER)?;
        let dictionaries = Dictionaries::decode(&mut reader)?;
        reader.is_empty().then_some(Namespace {
            incarnation,
            clock,
            epochs,
            recent,
            last_invalidation,
            copies,
            dictionaries,
            era: None,
        })
    }

    /// Bytes of memory beyond the value itself, roughly: for MEMORY USAGE.
    pub fn heap_bytes(&self) -> usize {
        let heaps = [self.epochs.heap_bytes(), self.recent.heap_bytes(), self.dictionaries.heap_bytes()];
        heaps.into_iter().fold(0, usize::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::super::body::Body;
    use super::super::instant::Instant;
    use super::super::name::{NamespaceName, OperationName};
    use super::super::policy::glob::Pattern;
    use super::*;
    use proptest::prelude::*;

    const NOW: Instant = Instant::from_unix_ms(1_790_000_000_000);
    const ERA: Era = Era(3);

    fn origin(incarnation: u64, operation: &str) -> Origin {
        Origin::new(
            NamespaceName::parse(b"n").expect("a namespace"),
            Incarnation(incarnation),
            OperationName::parse(operation.as_bytes()).expect("an operation"),
        )
    }

    fn entry(version: u64, tags: Tags<'_>) -> Entry<'_> {
        Entry {
            mark: Mark(1),
            version,
            created: NOW,
            ttl_ms: None,
            grace_ms: 0,
            took_ms: None,
            weight: None,
            tags,
            negative: false,
            failure: None,
            body: Body::raw(b""),
        }
    }

    /// A namespace that was just made here.
    fn made() -> Namespace {
        let version = Namespace::first_version(NOW.unix_ms() * 1000);
        let mut namespace = Namespace::starting_at(Incarnation(1), version);
        namespace.wrote(Mark(1), version, Some(ERA));
        namespace
    }

    #[test]
    fn the_clock_starts_at_unix_microseconds_and_counts() {
        let mut namespace = made();
        assert_eq!(namespace.clock(), NOW.unix_ms() * 1000);
        let version = namespace.next_version(ERA, || 0).expect("a version");
        assert_eq!(version, NOW.unix_ms() * 1000 + 1);
        namespace.wrote(Mark(1), version, Some(ERA));
        assert_eq!(namespace.next_version(ERA, || 0), Ok(version + 1));
    }

    #[test]
    fn the_first_mutation_of_an_era_leaps() {
        let mut namespace = made();
        let promoted = Era(4);
        let version = namespace.next_version(promoted, || 0).expect("a version");
        assert_eq!(version, namespace.clock() + LEAP);
        namespace.wrote(Mark(1), version, Some(promoted));
        assert_eq!(namespace.next_version(promoted, || 0), Ok(version + 1));
        namespace.wrote(Mark(1), version + 1, None);
        assert_eq!(
            namespace.next_version(promoted, || 0),
            Ok(version + 1 + LEAP),
            "applied from another primary"
        );
        let loaded = Namespace::decode(&namespace.encode()).expect("a namespace");
        assert_eq!(loaded.next_version(promoted, || 0), Ok(version + 1 + LEAP), "loaded");
    }

    #[test]
    fn two_leaps_from_one_clock_differ() {
        let loaded = Namespace::decode(&made().encode()).expect("a namespace");
        let [one, other] = [3, 5].map(|random| loaded.next_version(ERA, || random).expect("a version"));
        assert_eq!(other - one, 2);
        assert!(one > loaded.clock() + LEAP);
        let most = loaded.next_version(ERA, || u64::MAX).expect("a version");
        assert!(most < loaded.clock() + LEAP + LEAP_MORE);
    }

    #[test]
    fn a_stamp_from_ahead_of_the_clock_is_overtaken() {
        let namespace = made();
        let name = NamespaceName::parse(b"n").expect("a namespace");
        let stamp = |clock| Stamp::new(name, Incarnation(1), clock);
        let overtaken = |clock| namespace.has_overtaken(&stamp(clock), Mark(1), "o", Tags::NONE);
        assert!(!overtaken(namespace.clock()));
        assert!(overtaken(namespace.clock() + 1));
    }

    #[test]
    fn the_end_of_the_numbers_is_an_error() {
        let mut namespace = made();
        namespace.wrote(Mark(1), MAX_INTEGER, Some(ERA));
        assert!(namespace.next_version(ERA, || 0).is_err());
        assert!(namespace.next_version(Era(9), || 0).is_err());
    }

    #[test]
    fn what_is_of_another_life_or_older_than_its_epoch_is_dead() {
        let mut namespace = Namespace::starting_at(Incarnation(1), 100);
        assert!(namespace.is_alive(&origin(1, "o"), &entry(5, Tags::NONE)));
        assert!(!namespace.is_alive(&origin(2, "o"), &entry(5, Tags::NONE)), "another life of the namespace");
        let pattern = Pattern::of_operations(b"o*").expect("a pattern");
        namespace.invalidated_scope(&Scope::Operations(vec![pattern]), 101, None);
        let alive =
            |operation, version| namespace.is_alive(&origin(1, operation), &entry(version, Tags::NONE));
        assert_eq!([alive("o", 100), alive("o", 101), alive("p", 1)], [false, true, true]);
        let stamp =
            |clock| Stamp::new(NamespaceName::parse(b"n").expect("a namespace"), Incarnation(1), clock);
        let overtaken = |clock| namespace.has_overtaken(&stamp(clock), Mark(1), "o", Tags::NONE);
        assert_eq!([overtaken(100), overtaken(101)], [true, false]);
    }

    prop_compose! {
        fn namespaces()(
            incarnation in any::<u64>(),
            clock in 1..=MAX_INTEGER,
            tags in proptest::collection::btree_map(proptest::collection::vec(any::<u8>(), 1..9), any::<u64>(), 0..5),
            operations in proptest::collection::btree_map("[a-z]{1,9}[*]?", any::<u64>(), 0..5),
            recent in proptest::collection::vec(any::<u64>(), 0..9),
            [floor, last] in any::<[u64; 2]>(),
            copies in 0..=MAX_INTEGER,
        ) -> Namespace {
            let mut epochs = Epochs::default();
            epochs.invalidate(&Scope::All, floor % clock);
            for (tag, epoch) in &tags {
                epochs.invalidate(&Scope::Tags(vec![tag]), epoch % clock);
            }
            for (pattern, epoch) in &operations {
                let pattern = Pattern::of_operations(pattern.as_bytes()).expect("a pattern");
                epochs.invalidate(&Scope::Operations(vec![pattern]), epoch % clock);
            }
            Namespace {
                incarnation: Incarnation(incarnation),
                clock,
                epochs,
                recent: recent.into_iter().fold(RecentInvalidations::default(), |mut list, mark| {
                    list.invalidated(Mark(mark), mark % clock);
                    list
                }),
                last_invalidation: last % clock,
                copies,
                dictionaries: Dictionaries::default(),
                era: None,
            }
        }
    }

    proptest! {
        #[test]
        fn a_namespace_comes_back(namespace in namespaces()) {
            let bytes = namespace.encode();
            prop_assert_eq!(Namespace::decode(&bytes), Some(namespace));
            for cut in 0..bytes.len() {
                prop_assert!(Namespace::decode(&bytes[..cut]).is_none());
            }
        }

        #[test]
        fn a_namespace_comes_back_with_its_dictionaries(namespace in namespaces(), numbers in 1..4u32) {
            let mut namespace = namespace;
            // Magic number and identity, as zstd's format has them.
            let bytes = [&[0x37, 0xa4, 0x30, 0xec, 1, 2, 3, 4][..], &[7; 500]].concat();
            for number in 1..=numbers {
                let operation = OperationName::parse(b"o").expect("an operation");
                namespace.install(Dictionary::new(number, operation, &bytes).expect("a dictionary").into(), &[]);
            }
            let bytes = namespace.encode();
            prop_assert_eq!(Namespace::decode(&bytes), Some(namespace.clone()));
            prop_assert!(Namespace::decode(&bytes[..bytes.len() - 1]).is_none());
            prop_assert!(namespace.heap_bytes() > 500 * numbers as usize);
            prop_assert!(namespace.copied(Incarnation(9)).dictionaries().is_empty(), "a copy has none");
        }

        #[test]
        fn no_bytes_make_decoding_panic(mut bytes in any::<Vec<u8>>()) {
            if let Some(first) = bytes.first_mut() {
                *first = ENCODING_VERSION;
            }
            let _ = Namespace::decode(&bytes);
        }
    }
}
