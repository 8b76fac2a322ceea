//! Epochs: what was invalidated at once, and when, by the namespace's clock.
//!
//! An entry is dead where its version is below the epoch of its operation or of one of its tags, or below the floor. So
//! an invalidation is a number that is noted, however many entries it concerns.

use std::collections::BTreeMap;

use super::codec::{Reader, Sink};
use super::entry::{Entry, Tags};
use super::limits::maxima;
use super::policy::glob::{MAX_PATTERN_BYTES, Pattern};
use super::refusal::quoted;

type Names = BTreeMap<Box<[u8]>, u64>;

/// What is invalidated at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope<'a> {
    /// Entries that bear one of these tags.
    Tags(Vec<&'a [u8]>),
    /// Entries of the operations that one of these matches.
    Operations(Vec<Pattern>),
    /// All of the namespace.
    All,
}

impl Scope<'_> {
    /// How many things it names.
    #[allow(clippy::len_without_is_empty)] // It always names one.
    pub fn len(&self) -> usize {
        match self {
            Scope::Tags(tags) => tags.len(),
            Scope::Operations(patterns) => patterns.len(),
            Scope::All => 1,
        }
    }
}

/// The epochs of one namespace.
#[derive(Debug, Clone, Default)]
pub struct Epochs {
    /// Entries of a lower version are dead.
    floor: u64,
    /// Tagged entries of a lower version are dead: epochs of tags that were folded.
    tagged_floor: u64,
    /// Entries that bear the tag and are of a lower version are dead.
    tags: Names,
    /// Entries of the operation that are of a lower version are dead.
    operations: Names,
    /// The same for all operations that match.
    patterns: Vec<(Pattern, u64)>,
    /// The newest of all of them.
    newest: u64,
}

impl Epochs {
    /// Notes that so much was invalidated at `version`.
    pub fn invalidate(&mut self, scope: &Scope<'_>, version: u64) {
        self.newest = self.newest.max(version);
        match scope {
            Scope::Tags(tags) => {
                for tag in tags {
                    self.tags.insert((*tag).into(), version);
                }
            }
            Scope::Operations(patterns) => {
                for pattern in patterns {
                    self.note(pattern, version);
                    // Each is compared with those that are kept, however many are given.
                    self.fold();
                }
            }
            Scope::All => self.raise(version),
        }
        self.fold();
    }

    fn note(&mut self, pattern: &Pattern, version: u64) {
        if version <= self.floor {
            // The floor says it already.
            return;
        }
        let text = pattern.as_str().as_bytes();
        if pattern.is_name() {
            self.operations.insert(text.into(), version);
        } else if let Some((_, epoch)) = self.patterns.iter_mut().find(|(known, _)| known == pattern) {
            *epoch = version;
        } else {
            self.patterns.push((pattern.clone(), version));
        }
    }

    /// Raises the floor; what is at or below it says nothing any more.
    fn raise(&mut self, floor: u64) {
        self.floor = self.floor.max(floor);
        self.tags.retain(|_, epoch| *epoch > floor);
        self.operations.retain(|_, epoch| *epoch > floor);
        self.patterns.retain(|(_, epoch)| *epoch > floor);
    }

    /// Where there are too many, folds the older half of those that are most: of tags into a floor for all tagged
    /// entries, of others into the floor for all. More is dead then than was asked for, which costs computations, and
    /// is never the other way round.
    fn fold(&mut self) {
        if self.patterns.len() > maxima::PATTERNS {
            let median = median(self.patterns.iter().map(|(_, epoch)| *epoch));
            self.raise(median);
        }
        while self.len() > maxima::EPOCHS {
            if self.tags.len() >= self.operations.len() {
                let median = median(self.tags.values().copied());
                self.tagged_floor = self.tagged_floor.max(median);
                self.tags.retain(|_, epoch| *epoch > median);
            } else {
                let median = median(self.operations.values().copied());
                self.raise(median);
            }
        }
    }

    /// Whether an entry of this operation has outlived all of them.
    pub fn spare(&self, operation: &str, entry: &Entry<'_>) -> bool {
        let version = entry.version;
        // What was written since is what is looked up most.
        version >= self.newest || !self.is_concerned(operation, entry.tags, |epoch| version < epoch)
    }

    /// What made an entry of this operation absent; none where nothing did, or a floor that is not told apart.
    pub fn why(&self, operation: &str, entry: &Entry<'_>) -> Option<String> {
        let counts = |epoch: u64| entry.version < epoch;
        if let Some(tag) =
            entry.tags.iter().find(|tag| self.tags.get(*tag).is_some_and(|epoch| counts(*epoch)))
        {
            return Some(format!("invalidated by tag {}", quoted(tag)));
        }
        if self.operations.get(operation.as_bytes()).is_some_and(|epoch| counts(*epoch)) {
            return Some("invalidated with its operation".to_owned());
        }
        let matches =
            |(pattern, epoch): &&(Pattern, u64)| counts(*epoch) && pattern.matches(operation.as_bytes());
        if let Some((pattern, _)) = self.patterns.iter().find(matches) {
            return Some(format!("invalidated with operations {}", quoted(pattern.as_str().as_bytes())));
        }
        counts(self.floor).then(|| "invalidated with its namespace".to_owned())
    }

    /// Whether something that concerns a result of this operation with these tags was invalidated after `clock`.
    pub fn has_overtaken(&self, clock: u64, operation: &str, tags: Tags<'_>) -> bool {
        self.newest > clock && self.is_concerned(operation, tags, |epoch| epoch > clock)
    }

    /// Whether `counts` for any epoch that concerns entries of this operation with these tags.
    fn is_concerned(&self, operation: &str, tags: Tags<'_>, counts: impl Fn(u64) -> bool) -> bool {
        let noted = |names: &Names, name: &[u8]| names.get(name).is_some_and(|&epoch| counts(epoch));
        counts(self.floor)
            || noted(&self.operations, operation.as_bytes())
            || self
                .patterns
                .iter()
                .any(|(pattern, epoch)| counts(*epoch) && pattern.matches(operation.as_bytes()))
            || (!tags.is_empty()
                && (counts(self.tagged_floor) || tags.iter().any(|tag| noted(&self.tags, tag))))
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.tags.len().saturating_add(self.operations.len()).saturating_add(self.patterns.len())
    }

    /// Whether nothing was ever invalidated at once.
    pub fn is_empty(&self) -> bool {
        self.newest == 0
    }

    /// The newest of them.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// Bytes of memory beyond the value itself, roughly.
    pub fn heap_bytes(&self) -> usize {
        const NODE: usize = 48;
        let names = self.tags.keys().chain(self.operations.keys()).map(|name| name.len());
        let patterns = self.patterns.iter().map(|(pattern, _)| pattern.as_str().len());
        names.chain(patterns).map(|bytes| bytes.saturating_add(NODE)).sum()
    }

    /// Both floors, the tags, then operations and patterns: which of the two a name is shows in it.
    pub fn encode(&self, sink: &mut impl Sink) {
        sink.put_varint(self.floor);
        sink.put_varint(self.tagged_floor);
        let patterns = self.patterns.iter().map(|(pattern, epoch)| (pattern.as_str().as_bytes(), *epoch));
        let operations = self.operations.iter().map(|(name, epoch)| (&name[..], *epoch));
        let tags = self.tags.iter().map(|(name, epoch)| (&name[..], *epoch));
        encode_names(sink, self.tags.len(), tags);
        let count = self.operations.len().saturating_add(self.patterns.len());
        encode_names(sink, count, operations.chain(patterns));
    }

    /// Reads [`encode`](Self::encode)'s bytes; `None` where they are none, or later than `clock`.
    pub fn decode(reader: &mut Reader<'_>, clock: u64) -> Option<Self> {
        let floor = reader.varint_up_to(clock)?;
        let tagged_floor = reader.varint_up_to(clock)?;
        let mut epochs = Epochs { floor, tagged_floor, newest: floor.max(tagged_floor), ..Epochs::default() };
        decode_names(reader, maxima::TAG_BYTES, clock, |tag, epoch| {
            epochs.newest = epochs.newest.max(epoch);
            epochs.tags.insert(tag.into(), epoch);
            Some(())
        })?;
        decode_names(reader, MAX_PATTERN_BYTES, clock, |name, epoch| {
            epochs.newest = epochs.newest.max(epoch);
            epochs.note(&Pattern::of_operations(name).ok()?, epoch);
            (epochs.patterns.len() <= maxima::PATTERNS).then_some(())
        })?;
        (epochs.len() <= maxima::EPOCHS).then_some(epochs)
    }
}

fn encode_names<'a>(sink: &mut impl Sink, count: usize, names: impl Iterator<Item = (&'a [u8], u64)>) {
    sink.put_varint(count as u64);
    for (name, epoch) in names {
        sink.put_string(name);
        sink.put_varint(epoch);
    }
}

fn decode_names(
    reader: &mut Reader<'_>,
    max_name: usize,
    clock: u64,
    mut take: impl FnMut(&[u8], u64) -> Option<()>,
) -> Option<()> {
    for _ in 0..reader.varint_up_to(maxima::EPOCHS as u64)? {
        let name = reader.string(max_name)?;
        take(name, reader.varint_up_to(clock)?)?;
    }
    Some(())
}

/// The value that half of them do not exceed; 0 of none.
fn median(values: impl Iterator<Item = u64>) -> u64 {
    let mut values: Vec<u64> = values.collect();
    let middle = values.len().saturating_sub(1) / 2;
    if values.is_empty() { 0 } else { *values.select_nth_unstable(middle).1 }
}

#[cfg(test)]
mod tests {
    use super::super::body::Body;
    use super::super::entry::Mark;
    use super::super::instant::Instant;
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::of_operations(text.as_bytes()).expect(text)
    }

    fn spares(epochs: &Epochs, operation: &str, tags: &[&str], version: u64) -> bool {
        let mut block = Vec::new();
        let list: Vec<&[u8]> = tags.iter().map(|tag| tag.as_bytes()).collect();
        let entry = Entry {
            mark: Mark(1),
            version,
            created: Instant::from_unix_ms(1),
            ttl_ms: None,
            grace_ms: 0,
            took_ms: None,
            weight: None,
            tags: Tags::from_list(&list, &mut block),
            negative: false,
            failure: None,
            body: Body::raw(b""),
        };
        let spared = epochs.spare(operation, &entry);
        // A write that began at the entry's version is overtaken by just what kills the entry.
        assert_eq!(epochs.has_overtaken(version, operation, entry.tags), !spared);
        spared
    }

    #[test]
    fn what_is_older_and_concerned_is_dead() {
        let mut epochs = Epochs::default();
        epochs.invalidate(&Scope::Tags(vec![b"a", b"b"]), 10);
        epochs.invalidate(&Scope::Operations(vec![pattern("x"), pattern("gen*")]), 20);
        for (operation, tags, version, expected) in [
            ("y", &[][..], 1, true),
            ("y", &["c"], 1, true),
            ("y", &["c", "b"], 9, false),
            ("y", &["b"], 10, true),
            ("x", &[], 19, false),
            ("x", &[], 20, true),
            ("xx", &[], 1, true),
            ("generate", &[], 19, false),
            ("generate", &["a"], 20, true),
        ] {
            assert_eq!(spares(&epochs, operation, tags, version), expected, "{operation} {tags:?} {version}");
        }
        epochs.invalidate(&Scope::All, 30);
        assert_eq!(
            (epochs.len(), spares(&epochs, "y", &[], 29), spares(&epochs, "y", &[], 30)),
            (0, false, true)
        );
    }

    #[test]
    fn too_many_tags_fold_into_a_floor_for_tagged_entries() {
        let mut epochs = Epochs::default();
        for n in 1..=maxima::EPOCHS as u64 + 1 {
            epochs.invalidate(&Scope::Tags(vec![n.to_string().as_bytes()]), n * 2);
        }
        assert_eq!(epochs.len(), maxima::EPOCHS / 2);
        let floor = epochs.tagged_floor;
        assert_eq!(floor, maxima::EPOCHS as u64 + 2);
        assert!(!spares(&epochs, "o", &["other"], floor - 1), "a false miss");
        assert!(spares(&epochs, "o", &["other"], floor) && spares(&epochs, "o", &[], 1));
        let last = (maxima::EPOCHS as u64 + 1).to_string();
        assert!(!spares(&epochs, "o", &[&last], maxima::EPOCHS as u64 * 2 + 1), "the newer half is kept");
    }

    #[test]
    fn too_many_patterns_fold_into_the_floor() {
        let mut epochs = Epochs::default();
        epochs.invalidate(&Scope::Tags(vec![b"t"]), 1);
        for n in 1..=maxima::PATTERNS as u64 + 1 {
            epochs.invalidate(&Scope::Operations(vec![pattern(&format!("{n}*"))]), n * 2);
            epochs.invalidate(&Scope::Operations(vec![pattern("same*")]), n * 2);
        }
        assert!(epochs.patterns.len() <= maxima::PATTERNS && epochs.floor > 0);
        assert!(!spares(&epochs, "other", &[], epochs.floor - 1), "a false miss");
        assert!(spares(&epochs, "other", &[], epochs.floor));
    }

    proptest! {
        /// Against a plain list of all that was ever invalidated.
        #[test]
        fn they_remember_all(
            history in proptest::collection::vec((0..4u8, "[ab]{1,2}"), 0..40),
            (operation, tags, version) in ("[ab]{1,2}", proptest::collection::vec("[ab]{1,2}", 0..3), 0..50u64),
        ) {
            let mut epochs = Epochs::default();
            let mut dead = false;
            for (index, (what, name)) in history.iter().enumerate() {
                let epoch = index as u64 + 1;
                let scope = match what {
                    0 => Scope::Tags(vec![name.as_bytes()]),
                    1 => Scope::Operations(vec![pattern(name)]),
                    2 => Scope::Operations(vec![pattern(&format!("{name}*"))]),
                    _ if name == "aa" => Scope::All,
                    _ => continue,
                };
                let concerned = match what {
                    0 => tags.contains(name),
                    1 => operation == *name,
                    2 => operation.starts_with(name.as_str()),
                    _ => true,
                };
                dead |= concerned && version < epoch;
                epochs.invalidate(&scope, epoch);
                let mut bytes = Vec::new();
                epochs.encode(&mut bytes);
                let decoded = Epochs::decode(&mut Reader::new(&bytes), epoch).expect("what was encoded");
                let mut again = Vec::new();
                decoded.encode(&mut again);
                prop_assert_eq!(bytes, again);
                epochs = decoded;
            }
            let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
            prop_assert_eq!(spares(&epochs, &operation, &tags, version), !dead);
        }
    }
}
