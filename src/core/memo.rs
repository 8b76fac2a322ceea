//! The memo: what was worked out of a client's words once, found again by how they are spelled.
//!
//! To make params canonical and to hash them is most of what a lookup costs, and who asks for the same thing again
//! mostly spells it the same. So the memo keeps for a number of spellings what they led to.
//!
//! It knows a spelling by a 128-bit hash alone (HighwayHash), under a secret key. Two spellings that had one hash
//! would have one result, and that must not happen to anyone who tries to bring it about: without the secret nobody
//! can make up such a pair, and by chance it takes some 2^64 spellings. A hash without a key would not do, since then
//! pairs can be looked for at home.

use highway::{HighwayHash, HighwayHasher, Key};

use super::name::{NamespaceName, OperationName};
use super::places::{Places, WAYS};

/// How many spellings a memo remembers at most: 16 MiB of what the server keeps for each.
pub const CAPACITY: usize = SETS * WAYS;

const SETS: usize = 1 << 15;

/// Random bits that nobody outside of this process knows.
#[derive(Clone, Copy)]
pub struct Secret(pub [u64; 4]);

/// Hashes under a secret.
pub struct Speller {
    /// One that has read nothing yet: to copy it takes less than to make another from the secret.
    blank: HighwayHasher,
}

impl Speller {
    pub fn new(secret: Secret) -> Self {
        Speller { blank: HighwayHasher::new(Key(secret.0)) }
    }

    /// The keyed hash of two words, as if they were one.
    pub fn spelling(&self, head: &[u8], tail: &[u8]) -> Spelling {
        let mut hasher = self.blank.clone();
        hasher.append(head);
        hasher.append(tail);
        let [low, high] = hasher.finalize128();
        Spelling(u128::from(high) << 64 | u128::from(low))
    }
}

/// The keyed hash of what a client said, as it was spelled: a namespace, an operation and params.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Spelling(pub(super) u128);

/// What spellings led to, of those that come again and again.
pub struct Memo<T> {
    speller: Speller,
    places: Places<Spelling, T>,
    /// The names that are hashed.
    names: Vec<u8>,
}

impl<T> Memo<T> {
    /// One without any memory yet.
    pub fn new(secret: Secret) -> Self {
        Memo { speller: Speller::new(secret), places: Places::new(SETS), names: Vec::new() }
    }

    /// The spelling of what a client named.
    pub fn spelling(
        &mut self,
        namespace: NamespaceName<'_>,
        operation: OperationName<'_>,
        params: &[u8],
    ) -> Spelling {
        // No name has a space in it, so that no two lists of words are the same bytes.
        self.names.clear();
        for part in [namespace.as_str(), " ", operation.as_str(), " "] {
            self.names.extend_from_slice(part.as_bytes());
        }
        self.speller.spelling(&self.names, params)
    }

    /// What a spelling led to, where that is remembered.
    #[inline]
    pub fn find(&self, spelling: Spelling) -> Option<&T> {
        self.places.find(spelling)
    }

    /// Remembers what a spelling leads to that is not remembered yet, unless it is turned away.
    pub fn remember(&mut self, spelling: Spelling, value: impl FnOnce() -> T) {
        if self.places.admits(spelling) {
            self.places.put(spelling, value());
        }
    }

    /// Forgets everything, and gives its memory back.
    pub fn clear(&mut self) {
        self.places.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const SECRET: Secret = Secret([1, 2, 3, 4]);

    proptest! {
        #[test]
        fn words_that_differ_are_spelled_differently(
            a in ("[a-c]{1,3}", "[a-c]{1,3}", "[ a-c]{0,40}"),
            b in ("[a-c]{1,3}", "[a-c]{1,3}", "[ a-c]{0,40}"),
        ) {
            let mut memo = Memo::<()>::new(SECRET);
            prop_assert_eq!(a == b, spelling(&mut memo, &a.0, &a.1, &a.2) == spelling(&mut memo, &b.0, &b.1, &b.2));
        }
    }

    fn spelling<T>(memo: &mut Memo<T>, namespace: &str, operation: &str, params: &str) -> Spelling {
        let namespace = NamespaceName::parse(namespace.as_bytes()).expect("a namespace");
        let operation = OperationName::parse(operation.as_bytes()).expect("an operation");
        memo.spelling(namespace, operation, params.as_bytes())
    }

    #[test]
    fn every_secret_spells_otherwise() {
        let mut memos =
            [[0; 4], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]].map(Secret).map(Memo::<()>::new);
        let spellings: HashSet<_> = memos.iter_mut().map(|memo| spelling(memo, "ns", "op", "{}")).collect();
        assert_eq!(spellings.len(), memos.len());
    }

    #[test]
    fn it_remembers_until_it_is_cleared() {
        let mut memo = Memo::new(SECRET);
        let spellings: Vec<_> =
            (0..200).map(|number| spelling(&mut memo, "ns", "op", &number.to_string())).collect();
        for (number, spelling) in spellings.iter().enumerate() {
            memo.remember(*spelling, || number);
        }
        let found = spellings.iter().map(|spelling| memo.find(*spelling).copied());
        assert!(found.eq((0..200).map(Some)));
        memo.clear();
        assert!(spellings.iter().all(|spelling| memo.find(*spelling).is_none()));
    }
}
