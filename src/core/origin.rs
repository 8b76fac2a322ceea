//! Origins: what entries of one operation in one life of one namespace have in common.
//!
//! An entry embeds its origin, so that one met under another name, or after its namespace was deleted and
//! made again, is known not to belong there. A million entries of one operation share one handle.

use std::collections::HashSet;
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
        let mut bytes = vec![ENCODING_VERSION];
        bytes.put_string(self.namespace.as_bytes());
        bytes.put(&self.incarnation.0.to_le_bytes());
        bytes.put_string(self.operation.as_bytes());
        bytes
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
/// Entries may be freed on another thread, which must not touch this table; so it notices by itself, when
/// it has doubled since it last looked, which origins nobody shares any more.
#[derive(Debug, Default)]
pub struct Origins {
    handles: HashSet<Arc<Origin>>,
    look_at: usize,
}

/// Below this many origins the table never looks for unused ones.
const FEW: usize = 1024;

impl Origins {
    /// The shared handle of an origin.
    pub fn share(&mut self, origin: Origin) -> Arc<Origin> {
        if let Some(handle) = self.handles.get(&origin) {
            return Arc::clone(handle);
        }
        if self.handles.len() >= self.look_at.max(FEW) {
            self.handles.retain(|handle| Arc::strong_count(handle) > 1);
            self.look_at = self.handles.len().saturating_mul(2);
        }
        let handle = Arc::new(origin);
        self.handles.insert(Arc::clone(&handle));
        handle
    }

    /// How many origins the table holds, used or not.
    pub fn len(&self) -> usize {
        self.handles.len()
    }

    pub fn is_empty(&self) -> bool {
        self.handles.is_empty()
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
        let first = origins.share(origin("n", 1, "o"));
        assert!(Arc::ptr_eq(&first, &origins.share(origin("n", 1, "o"))));
        assert!(!Arc::ptr_eq(&first, &origins.share(origin("n", 2, "o"))));
    }

    #[test]
    fn origins_that_nobody_uses_go() {
        let mut origins = Origins::default();
        let kept = origins.share(origin("kept", 0, "o"));
        for incarnation in 0..100_000 {
            origins.share(origin("n", incarnation, "o"));
        }
        assert!(origins.len() <= 2 * FEW, "{} origins", origins.len());
        assert!(Arc::ptr_eq(&kept, &origins.share(origin("kept", 0, "o"))));
    }
}
