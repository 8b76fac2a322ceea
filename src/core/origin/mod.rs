//! Origins: what entries of one operation in one life of one namespace have in common.
//!
//! An entry embeds its origin, so that one met under another name, or after its namespace was deleted and
//! made again, is known not to belong there. A million entries of one operation share one handle.

pub mod table;

use std::cmp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::codec::{Reader, Sink};
use super::fingerprint::Fingerprint;
use super::name::{NamespaceName, OperationName};
use super::state::Address;
use super::stats::gauges::{Gauges, Load};

/// Random bits drawn when a namespace is made: two lives of one name never share them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Incarnation(pub u64);

/// The version of every stored form; an older server refuses what a newer one wrote instead of guessing.
pub const ENCODING_VERSION: u8 = 2;

/// Namespace, its incarnation, and operation of an entry.
#[derive(Debug)]
pub struct Origin {
    namespace: Box<str>,
    incarnation: Incarnation,
    operation: Box<str>,
    weighed: Weighed,
}

/// What the entries come to that share a handle.
#[derive(Debug, Default)]
struct Weighed {
    own: Gauges,
    /// None but in the table's handles.
    sums: Option<Sums>,
}

/// What the entries of a handle count towards.
#[derive(Debug)]
struct Sums {
    /// What all entries come to.
    total: Arc<Gauges>,
    /// What the living entries of one life of a namespace come to.
    life: Arc<Gauges>,
    /// Whether they count towards that no more.
    is_dead: AtomicBool,
}

impl Sums {
    fn each(&self) -> impl Iterator<Item = &Gauges> {
        let life = (!self.is_dead.load(Ordering::Relaxed)).then_some(&*self.life);
        life.into_iter().chain([&*self.total])
    }
}

impl Origin {
    /// Origins of one namespace stand together by its lives.
    fn names(&self) -> (&str, Incarnation, &str) {
        (&self.namespace, self.incarnation, &self.operation)
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
    }
}

impl Eq for Origin {}

impl Ord for Origin {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        self.names().cmp(&other.names())
    }
}

impl PartialOrd for Origin {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Origin {
    pub fn new(namespace: NamespaceName<'_>, incarnation: Incarnation, operation: OperationName<'_>) -> Self {
        Origin {
            namespace: namespace.as_str().into(),
            incarnation,
            operation: operation.as_str().into(),
            weighed: Weighed::default(),
        }
    }

    /// An entry of this origin was made.
    pub fn add(&self, load: &Load) {
        let Weighed { own, sums } = &self.weighed;
        own.add(load);
        sums.iter().flat_map(Sums::each).for_each(|sum| sum.add(load));
    }

    /// An entry of this origin was dropped; on whatever thread.
    pub fn subtract(&self, load: &Load) {
        let Weighed { own, sums } = &self.weighed;
        own.subtract(load);
        sums.iter().flat_map(Sums::each).for_each(|sum| sum.subtract(load));
    }

    /// Its entries were invalidated, all at once, and count no more; they are freed later, on whatever thread.
    fn bury(&self) {
        if let Weighed { own, sums: Some(Sums { life, is_dead, .. }) } = &self.weighed
            && !is_dead.swap(true, Ordering::Relaxed)
        {
            life.subtract(&own.load());
        }
    }

    fn life(&self) -> Life<'_> {
        Life { namespace: &self.namespace, incarnation: self.incarnation }
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

    /// Where an entry of this origin is.
    pub fn address(&self, fingerprint: Fingerprint) -> Address<'_> {
        let (namespace, operation) =
            (NamespaceName::known(&self.namespace), OperationName::known(&self.operation));
        Address { namespace, operation, fingerprint }
    }

    /// What all living entries of its namespace come to, in this life of it; none where it is no handle of the table's.
    pub fn life_gauges(&self) -> Option<Arc<Gauges>> {
        self.weighed.sums.as_ref().map(|sums| Arc::clone(&sums.life))
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

/// One life of a namespace.
#[derive(Clone, Copy)]
struct Life<'n> {
    namespace: &'n str,
    incarnation: Incarnation,
}

impl Life<'_> {
    /// An origin of it, to be looked up; before all others without a name.
    fn with(self, operation: &str) -> Origin {
        let Life { namespace, incarnation } = self;
        Origin {
            namespace: namespace.into(),
            incarnation,
            operation: operation.into(),
            weighed: Weighed::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn origin(namespace: &str, incarnation: u64, operation: &str) -> Origin {
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
        assert_eq!(Origin::decode(&[&[ENCODING_VERSION + 1], &bytes[1..]].concat()), None, "a later version");
    }
}
