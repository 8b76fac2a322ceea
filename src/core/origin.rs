//! Origins: what entries of one operation in one life of one namespace have in common.
//!
//! An entry embeds its origin, so that one met under another name, or after its namespace was deleted and
//! made again, is known not to belong there. A million entries of one operation share one handle.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::codec::{Reader, Sink};
use super::name::{NamespaceName, OperationName};

/// Random bits drawn when a namespace is made: two lives of one name never share them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Incarnation(pub u64);

/// The version of every stored form; an older server refuses what a newer one wrote instead of guessing.
pub const ENCODING_VERSION: u8 = 1;

/// Namespace, its incarnation, and operation of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    namespace: Box<str>,
    incarnation: Incarnation,
    operation: Box<str>,
}

impl Origin {
    pub fn new(namespace: NamespaceName<'_>, incarnation: Incarnation, operation: OperationName<'_>) -> Self {
        Origin { namespace: namespace.as_str().into(), incarnation, operation: operation.as_str().into() }
    }

    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// The stored form: [`ENCODING_VERSION`], namespace, incarnation, operation.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode_into(&mut bytes);
        bytes
    }

    /// Writes the stored form, part by part.
    pub fn encode_into(&self, sink: &mut impl Sink) {
        sink.put(&[ENCODING_VERSION]);
        sink.put_string(self.namespace.as_bytes());
        sink.put(&self.incarnation.0.to_le_bytes());
        sink.put_string(self.operation.as_bytes());
    }

    /// Reads [`encode`](Self::encode)'s bytes; `None` where they are anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        reader.byte().filter(|&version| version == ENCODING_VERSION)?;
        let namespace = NamespaceName::parse(reader.string(usize::MAX)?).ok()?;
        let incarnation = Incarnation(reader.u64_le()?);
        let operation = OperationName::parse(reader.string(usize::MAX)?).ok()?;
        reader.is_empty().then(|| Origin::new(namespace, incarnation, operation))
    }
}

/// The origins in use, each held once.
///
/// Entries may be freed on another thread, which must not touch this table. So it is swept: [`sweep`](Self::sweep)
/// takes out what nobody shares any more, a few shards at a time. A shard is small enough that neither its growth nor
/// its sweep is felt.
#[derive(Debug)]
pub struct Origins {
    shards: Vec<HashSet<Arc<Origin>>>,
    hasher: RandomState,
    /// The shard that is swept next.
    next: usize,
    /// The handle that was given last: commands that write many entries mostly want it again.
    last: Option<Arc<Origin>>,
}

const SHARDS: usize = 256;

impl Default for Origins {
    fn default() -> Self {
        let hasher = RandomState::new();
        let shards = (0..SHARDS).map(|_| HashSet::with_hasher(hasher.clone())).collect();
        Origins { shards, hasher, next: 0, last: None }
    }
}

impl Origins {
    /// The handle that was given last, where it is this one.
    pub fn last(
        &self,
        namespace: NamespaceName<'_>,
        incarnation: Incarnation,
        operation: OperationName<'_>,
    ) -> Option<Arc<Origin>> {
        let is_this = |last: &&Arc<Origin>| {
            last.incarnation == incarnation
                && *last.operation == *operation.as_str()
                && *last.namespace == *namespace.as_str()
        };
        self.last.as_ref().filter(is_this).map(Arc::clone)
    }

    /// The shared handle of an origin, which is copied only where it is not known yet.
    pub fn share(&mut self, origin: &Origin) -> Arc<Origin> {
        if let Some(last) = self.last.as_ref().filter(|last| ***last == *origin) {
            return Arc::clone(last);
        }
        let handle = self.find_or_add(origin);
        self.last = Some(Arc::clone(&handle));
        handle
    }

    fn find_or_add(&mut self, origin: &Origin) -> Arc<Origin> {
        // The upper half of the hash: within a shard the lower one tells origins apart.
        let shard = usize::try_from(self.hasher.hash_one(origin) >> 32).unwrap_or(0) % SHARDS;
        let Some(shard) = self.shards.get_mut(shard) else { return Arc::new(origin.clone()) };
        if let Some(handle) = shard.get(origin) {
            return Arc::clone(handle);
        }
        let handle = Arc::new(origin.clone());
        shard.insert(Arc::clone(&handle));
        handle
    }

    /// Looks through the next shards, until `slice` origins were seen or all of them.
    pub fn sweep(&mut self, slice: usize) {
        self.last = None;
        let mut seen = 0usize;
        for _ in 0..SHARDS {
            if seen >= slice {
                break;
            }
            seen = seen.saturating_add(self.sweep_shard());
        }
    }

    /// Sweeps the next shard; how many origins it had.
    fn sweep_shard(&mut self) -> usize {
        let at = self.next;
        self.next = self.next.wrapping_add(1) % SHARDS;
        let Some(shard) = self.shards.get_mut(at) else { return 0 };
        let seen = shard.len();
        shard.retain(|handle| Arc::strong_count(handle) > 1);
        if shard.len() < shard.capacity() / 4 {
            shard.shrink_to_fit();
        }
        seen
    }

    /// How many origins the table holds, used or not.
    pub fn len(&self) -> usize {
        self.shards.iter().map(HashSet::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(namespace: &str, incarnation: u64, operation: &str) -> Origin {
        Origin::new(
            NamespaceName::parse(namespace.as_bytes()).expect("a namespace"),
            Incarnation(incarnation),
            OperationName::parse(operation.as_bytes()).expect("an operation"),
        )
    }

    #[test]
    fn an_origin_comes_back() {
        let origin = origin("a{b}c", u64::MAX, "build@v2");
        let bytes = origin.encode();
        assert_eq!(Origin::decode(&bytes), Some(origin));
        for cut in 0..bytes.len() {
            assert_eq!(Origin::decode(&bytes[..cut]), None, "cut at {cut}");
        }
        assert_eq!(Origin::decode(&[&bytes[..], b"x"].concat()), None, "trailing bytes");
        assert_eq!(Origin::decode(&[&[2], &bytes[1..]].concat()), None, "a later version");
    }

    #[test]
    fn equal_origins_share_a_handle() {
        let mut origins = Origins::default();
        let first = origins.share(&origin("n", 1, "o"));
        assert!(Arc::ptr_eq(&first, &origins.share(&origin("n", 1, "o"))));
        assert!(!Arc::ptr_eq(&first, &origins.share(&origin("n", 2, "o"))));
    }

    #[test]
    fn origins_that_nobody_uses_go() {
        let mut origins = Origins::default();
        let kept = origins.share(&origin("kept", 0, "o"));
        for incarnation in 0..10_000 {
            origins.share(&origin("n", incarnation, "o"));
        }
        assert_eq!(origins.len(), 10_001);
        (0..10).for_each(|_| origins.sweep(1000));
        assert_eq!(origins.len(), 1);
        assert!(Arc::ptr_eq(&kept, &origins.share(&origin("kept", 0, "o"))));
    }

    #[test]
    fn origins_spread_over_the_shards() {
        let mut origins = Origins::default();
        let _held: Vec<_> =
            (0..25_600).map(|incarnation| origins.share(&origin("n", incarnation, "o"))).collect();
        let largest = origins.shards.iter().map(HashSet::len).max();
        assert!(largest < Some(200), "{largest:?} of 25,600 in one of 256 shards");
    }
}
