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

/// How many spellings a memo remembers at most.
pub const CAPACITY: usize = SETS * WAYS;

/// A power of two.
const SETS: usize = 4096;

/// In how many places of its set a spelling may stand.
const WAYS: usize = 4;

/// How many newcomers a full set turns away for each that it takes.
///
/// To take one in costs more than to find one. So where ever new spellings pass by, most of them leave the memo as it
/// is, and what comes again and again stays in it; a spelling that begins to come again is in after a few times.
const RELUCTANCE: usize = 15;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Spelling(u128);

/// A table of bounded size from spellings to what they led to.
///
/// Its memory is taken with the first that is remembered. A spelling belongs to one small set by its hash; where that is
/// full it is turned away, or now and then takes the place of another. So both take the same time always.
pub struct Memo<T> {
    speller: Speller,
    sets: Vec<Set<T>>,
    /// The names that are hashed.
    names: Vec<u8>,
    /// How many newcomers met a full set.
    newcomers: usize,
}

/// The hashes stand together, so that looking for one touches one line of memory.
struct Set<T> {
    spellings: [Spelling; WAYS],
    /// None where the place is free.
    values: [Option<T>; WAYS],
}

impl<T> Set<T> {
    fn empty() -> Self {
        Set { spellings: [Spelling(0); WAYS], values: [const { None }; WAYS] }
    }
}

impl<T> Memo<T> {
    /// One without any memory yet.
    pub fn new(secret: Secret) -> Self {
        Memo { speller: Speller::new(secret), sets: Vec::new(), names: Vec::new(), newcomers: 0 }
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
    pub fn find(&self, spelling: Spelling) -> Option<&T> {
        let set = self.sets.get(index(spelling))?;
        let mut places = set.spellings.iter().zip(&set.values);
        places.find_map(|(place, value)| value.as_ref().filter(|_| *place == spelling))
    }

    /// Remembers what a spelling leads to that is not remembered yet, unless it is turned away.
    pub fn remember(&mut self, spelling: Spelling, value: impl FnOnce() -> T) {
        if self.sets.is_empty() {
            self.sets.resize_with(SETS, Set::empty);
        }
        let Some(Set { spellings, values }) = self.sets.get_mut(index(spelling)) else { return };
        let place = values.iter().position(Option::is_none).or_else(|| {
            self.newcomers = self.newcomers.wrapping_add(1);
            let is_taken = self.newcomers.is_multiple_of(RELUCTANCE + 1);
            is_taken.then_some(self.newcomers / (RELUCTANCE + 1) % WAYS)
        });
        let Some(place) = place else { return };
        if let (Some(hash), Some(place)) = (spellings.get_mut(place), values.get_mut(place)) {
            *hash = spelling;
            *place = Some(value());
        }
    }

    /// Forgets everything, and gives its memory back.
    pub fn clear(&mut self) {
        self.sets = Vec::new();
    }
}

/// The set that a spelling belongs to.
fn index(spelling: Spelling) -> usize {
    spelling.0 as usize % SETS
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use proptest::prelude::*;

    use super::*;

    const SECRET: Secret = Secret([1, 2, 3, 4]);

    /// Spellings that crowd into few sets, as hashes would only with bad luck.
    fn crowded() -> impl Strategy<Value = Spelling> {
        (0..3u128, 0..12u128).prop_map(|(set, rest)| Spelling(rest << 100 | set))
    }

    #[derive(Debug, Clone)]
    enum Step {
        Remember(Spelling, u32),
        Find(Spelling),
        Clear,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            20 => (crowded(), any::<u32>()).prop_map(|(spelling, value)| Step::Remember(spelling, value)),
            20 => crowded().prop_map(Step::Find),
            1 => Just(Step::Clear),
        ];
        proptest::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn it_forgets_but_never_errs(steps in steps()) {
            let mut memo = Memo::new(SECRET);
            let mut model = HashMap::new();
            for step in steps {
                match step {
                    Step::Remember(spelling, value) => {
                        let known = memo.find(spelling).is_some();
                        if !known {
                            memo.remember(spelling, || value);
                            model.insert(spelling, value);
                        }
                    }
                    Step::Find(spelling) => {
                        let found = memo.find(spelling);
                        prop_assert!(found.is_none() || found == model.get(&spelling));
                    }
                    Step::Clear => {
                        memo.clear();
                        model.clear();
                    }
                }
            }
            let set = |spelling: &Spelling| index(*spelling);
            for sets in model.keys().map(set).collect::<HashSet<_>>() {
                let members: Vec<_> = model.iter().filter(|(spelling, _)| set(spelling) == sets).collect();
                let found = members.iter().filter(|(spelling, _)| memo.find(**spelling).is_some()).count();
                prop_assert_eq!(found, members.len().min(WAYS), "a set is used to the full");
            }
        }

        #[test]
        fn words_that_differ_are_spelled_differently(
            a in ("[a-c]{1,3}", "[a-c]{1,3}", "[ a-c]{0,40}"),
            b in ("[a-c]{1,3}", "[a-c]{1,3}", "[ a-c]{0,40}"),
        ) {
            let mut memo = Memo::<()>::new(SECRET);
            prop_assert_eq!(a == b, spelling(&mut memo, &a.0, &a.1, &a.2) == spelling(&mut memo, &b.0, &b.1, &b.2));
        }
    }

    fn spelling(memo: &mut Memo<()>, namespace: &str, operation: &str, params: &str) -> Spelling {
        let namespace = NamespaceName::parse(namespace.as_bytes()).expect("a namespace");
        let operation = OperationName::parse(operation.as_bytes()).expect("an operation");
        memo.spelling(namespace, operation, params.as_bytes())
    }

    #[test]
    fn every_secret_spells_otherwise() {
        let mut memos =
            [[0; 4], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]].map(Secret).map(Memo::new);
        let spellings: HashSet<_> = memos.iter_mut().map(|memo| spelling(memo, "ns", "op", "{}")).collect();
        assert_eq!(spellings.len(), memos.len());
    }

    #[test]
    fn it_never_outgrows_its_capacity() {
        let mut memo = Memo::new(SECRET);
        let mut names = Memo::<()>::new(SECRET);
        let spellings: Vec<_> =
            (0..3 * CAPACITY).map(|number| spelling(&mut names, "ns", "op", &number.to_string())).collect();
        spellings.iter().for_each(|spelling| memo.remember(*spelling, || ()));
        let kept = spellings.iter().filter(|spelling| memo.find(**spelling).is_some()).count();
        assert!((CAPACITY - CAPACITY / 100..=CAPACITY).contains(&kept), "{kept} kept");
        assert_eq!(memo.sets.capacity(), SETS);
        memo.clear();
        assert_eq!(memo.sets.capacity(), 0);
    }

    #[test]
    fn what_passes_by_once_leaves_it_and_what_comes_again_gets_in() {
        let mut memo = Memo::new(SECRET);
        let mut come = |spelling: Spelling| {
            let known = memo.find(spelling).is_some();
            if !known {
                memo.remember(spelling, || ());
            }
            known
        };
        let spelling = |number: usize| Spelling((number as u128) << 100);
        (0..WAYS).for_each(|number| assert!(!come(spelling(number))));
        (0..RELUCTANCE).for_each(|number| assert!(!come(spelling(1000 + number))));
        (0..WAYS).for_each(|number| assert!(come(spelling(number)), "it stayed"));
        let times = (0..100).position(|_| come(spelling(2000)));
        assert_eq!(times, Some(1), "the next newcomer is taken");
    }
}
