//! The memo: what was worked out of a client's words once, found again by how they are spelled.
//!
//! To make params canonical and to hash them is most of what a lookup costs, and who asks for the same thing again
//! mostly spells it the same. So the memo keeps for a number of spellings what they led to.
//!
//! It knows a spelling by a 128-bit hash alone (HighwayHash), under a secret key. Two spellings that had one hash
//! would have one result, and that must not happen to anyone who tries to bring it about: without the secret nobody
//! can make up such a pair, and by chance it takes some 2^64 spellings. A hash without a key would not do, since then
//! pairs can be looked for at home.

use std::cell::Cell;

use highway::{HighwayHash, HighwayHasher, Key};

use super::name::MAX_NAME_BYTES;
use super::places::{Places, WAYS};

/// How many sets of spellings a memo has at most: 262,144 spellings, 15 MiB of what the server keeps for each.
const SETS: usize = (1 << 18) / WAYS;

/// How many it has where all params are [`SHORT`].
const SETS_FOR_SHORT: usize = (1 << 14) / WAYS;

/// Of how many bytes params are short: to make them canonical and hash them takes less time than to wait for what is in none of
/// the processor's caches, as a larger memo would be.
const SHORT: usize = 512;

/// Random bits that nobody outside of this process knows.
#[derive(Clone, Copy)]
pub struct Secret(pub [u64; 4]);

/// How many bytes the hash takes at once.
const PACKET: usize = 32;

/// What is hashed last: less than a packet of a text, two names, the lengths, and what is left of a packet.
const MAX_REST: usize = (PACKET + 2 * MAX_NAME_BYTES + size_of::<u64>() + PACKET).next_multiple_of(PACKET);

/// Hashes under a secret.
pub struct Speller {
    /// One that has read nothing yet: to copy it takes less than to make another from the secret.
    blank: HighwayHasher,
    /// What is hashed last.
    rest: [u8; MAX_REST],
}

impl Speller {
    pub fn new(secret: Secret) -> Self {
        Speller { blank: HighwayHasher::new(Key(secret.0)), rest: [0; MAX_REST] }
    }

    /// The keyed hash of two names and a text; none where a name is longer than any can be.
    ///
    /// What is hashed are whole packets, since the hash takes twice as long for anything else: those of the text, then what
    /// is left of it, the names and at the very end all three lengths, so that no two lists of words are the same bytes. What is put
    /// together here is hashed last: whoever reads at once what was just written in small pieces waits for it.
    #[inline]
    pub fn spelling(&mut self, names: [&[u8]; 2], text: &[u8]) -> Option<Spelling> {
        if names.iter().any(|name| name.len() > MAX_NAME_BYTES) {
            return None;
        }
        let (packets, left) = text.split_at(text.len() - text.len() % PACKET);
        let mut end = 0;
        for part in [left, names[0], names[1]] {
            self.rest.get_mut(end..)?.get_mut(..part.len())?.copy_from_slice(part);
            end += part.len();
        }
        *self.rest.get_mut(end..)?.first_chunk_mut()? = [0; size_of::<u64>() + PACKET];
        end = (end + size_of::<u64>()).next_multiple_of(PACKET);
        let rest = self.rest.get_mut(..end)?;
        let lengths = (text.len() as u64) << 16 | (names[0].len() as u64) << 8 | names[1].len() as u64;
        *rest.last_chunk_mut()? = lengths.to_le_bytes();
        let mut hasher = self.blank.clone();
        hasher.append(packets);
        hasher.append(rest);
        let [low, high] = hasher.finalize128();
        Some(Spelling(u128::from(high) << 64 | u128::from(low)))
    }
}

/// The keyed hash of what a client said, as it was spelled: a namespace, an operation and params.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Spelling(pub(super) u128);

/// Words of up to so many bytes are kept, to be compared.
const MAX_KEPT: usize = 64 << 10;

/// The words that came last. Where they come again, as when everybody waits for one thing, they are kept, and from then on
/// compared: that takes a tenth of what hashing them does.
#[derive(Default)]
struct Last {
    spelling: Spelling,
    /// None where these came but once.
    words: Option<[Vec<u8>; 3]>,
}

impl Last {
    #[inline]
    fn is(&self, words: &[&[u8]; 3]) -> bool {
        self.words.as_ref().is_some_and(|kept| kept.iter().zip(words).all(|(kept, word)| kept == word))
    }

    #[inline]
    fn came(&mut self, spelling: Spelling, words: [&[u8]; 3]) {
        if self.spelling != spelling {
            (self.spelling, self.words) = (spelling, None);
        } else if words.iter().map(|word| word.len()).sum::<usize>() <= MAX_KEPT {
            self.words = Some(words.map(<[u8]>::to_vec));
        }
    }
}

/// What a memo is asked for that finds nothing costs this share of what it saves where it finds something.
const SAVED: u32 = 8;

/// How far luck reaches: so many misses in a row make a memo doubt that it is of use.
const MOST_LUCK: u32 = 8192;

/// One of so many short params is looked up all the same where that was of no use lately.
const PROBES: u32 = 16;

/// What spellings led to, of those that come again and again.
pub struct Memo<T> {
    speller: Speller,
    last: Last,
    places: Places<Spelling, T>,
    /// Goes up with what is found, and down with what is not.
    luck: Cell<u32>,
    /// How many short params came while it had none.
    doubted: u32,
}

/// What a memo says of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelled {
    /// It is not to be asked.
    Unasked,
    As(Spelling),
    /// It was asked, and does not know it.
    New(Spelling),
}

impl<T> Memo<T> {
    /// One without any memory yet.
    pub fn new(secret: Secret) -> Self {
        let (luck, doubted) = (Cell::new(MOST_LUCK), 0);
        let (speller, last) = (Speller::new(secret), Last::default());
        Memo { speller, last, places: Places::new(SETS), luck, doubted }
    }

    /// The spelling of what a client named. It is not to be asked where these cannot be names, nor for most short params
    /// where hardly any was found lately: to look for each in vain would cost more than the few save.
    #[inline]
    pub fn spelling(&mut self, words: [&[u8]; 3]) -> Spelled {
        if self.last.is(&words) {
            return Spelled::As(self.last.spelling);
        }
        let [namespace, operation, params] = words;
        if self.luck.get() == 0 && params.len() < SHORT {
            self.doubted = self.doubted.wrapping_add(1);
            if !self.doubted.is_multiple_of(PROBES) {
                return Spelled::Unasked;
            }
        }
        let Some(spelling) = self.speller.spelling([namespace, operation], params) else {
            return Spelled::Unasked;
        };
        self.last.came(spelling, words);
        Spelled::As(spelling)
    }

    /// What a spelling led to, where that is remembered.
    #[inline]
    pub fn find(&self, spelling: Spelling) -> Option<&T> {
        let found = self.places.find(spelling);
        let luck = self.luck.get();
        self.luck.set(match found {
            Some(_) => (luck + SAVED).min(MOST_LUCK),
            None => luck.saturating_sub(1),
        });
        found
    }

    /// Remembers what a spelling leads to that is not remembered yet, unless it is turned away.
    pub fn remember(&mut self, spelling: Spelling, params: &[u8], value: impl FnOnce() -> T) {
        let most = if params.len() < SHORT { SETS_FOR_SHORT } else { SETS };
        if self.places.admits_up_to(most, spelling) {
            self.places.put(spelling, value());
        }
    }

    /// Forgets everything, and gives its memory back.
    pub fn clear(&mut self) {
        self.places.clear();
        self.last = Last::default();
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
            a in ("[a-c\0]{0,3}", "[a-c\0]{0,30}", "[ a-c\0]{0,70}"),
            b in ("[a-c\0]{0,3}", "[a-c\0]{0,30}", "[ a-c\0]{0,70}"),
            cut in 0..70usize,
        ) {
            let mut memo = Memo::<()>::new(SECRET);
            prop_assert_eq!(a == b, spelling(&mut memo, &a.0, &a.1, &a.2) == spelling(&mut memo, &b.0, &b.1, &b.2));
            // The same bytes in other words.
            let all = a.0 + &a.1 + &a.2;
            let (one, other) = all.split_at(cut.min(all.len()).min(MAX_NAME_BYTES));
            let spellings = [["", one, other], [one, "", other]].map(|[a, b, c]| spelling(&mut memo, a, b, c));
            prop_assert_eq!(one.is_empty(), spellings[0] == spellings[1]);
        }
    }

    #[test]
    fn what_cannot_be_a_name_has_no_spelling() {
        let (mut memo, long) = (Memo::<()>::new(SECRET), [b'n'; 1000]);
        let longest = &long[..MAX_NAME_BYTES];
        for text in [&b""[..], &[b' '; 31], &[b' '; 32]] {
            assert!(of(&mut memo, [longest, longest, text]).is_some());
            assert!(of(&mut memo, [&long[..=MAX_NAME_BYTES], b"op", text]).is_none());
            assert!(of(&mut memo, [b"ns", &long, text]).is_none());
        }
    }

    fn spelling<T>(memo: &mut Memo<T>, namespace: &str, operation: &str, params: &str) -> Spelling {
        of(memo, [namespace, operation, params].map(str::as_bytes)).expect("of names")
    }

    fn of<T>(memo: &mut Memo<T>, words: [&[u8]; 3]) -> Option<Spelling> {
        match memo.spelling(words) {
            Spelled::As(spelling) => Some(spelling),
            Spelled::Unasked | Spelled::New(_) => None,
        }
    }

    /// So many different params of a length come again and again: how many places the memo has then.
    fn come_again(memo: &mut Memo<()>, bytes: usize, different: u32, times: usize) -> usize {
        let mut params = vec![b' '; bytes];
        for number in (0..different).cycle().take(times) {
            params[..4].copy_from_slice(&number.to_le_bytes());
            if let Some(spelling) = of(memo, [b"ns", b"op", &params])
                && memo.find(spelling).is_none()
            {
                memo.remember(spelling, &params, || ());
            }
        }
        memo.places.capacity()
    }

    #[test]
    fn short_params_do_not_make_it_large() {
        let capacity_for = |bytes| come_again(&mut Memo::new(SECRET), bytes, 100_000, 300_000);
        assert!(capacity_for(SHORT - 1) <= 1 << 14);
        assert!(capacity_for(SHORT) > 1 << 16);
    }

    #[test]
    fn what_comes_again_and_again_is_spelled_as_it_was() {
        let mut memo = Memo::<()>::new(SECRET);
        let long = "a".repeat(MAX_KEPT);
        let words = [
            ["ns", "op", "1"],
            ["ns", "op", "12"],
            ["ns", "o", "p1"],
            ["n", "sop", "1"],
            ["ns", "op", &long],
        ];
        let first = words.map(|[a, b, c]| spelling(&mut Memo::<()>::new(SECRET), a, b, c));
        for pattern in [[0, 0, 0, 1, 0], [0, 0, 2, 2, 3], [4, 4, 4, 0, 4], [1, 1, 1, 1, 2]] {
            for index in pattern.into_iter().cycle().take(20) {
                let [a, b, c] = words[index];
                assert_eq!(spelling(&mut memo, a, b, c), first[index], "{pattern:?}");
            }
        }
        assert!(memo.last.words.is_none(), "another came since");
        (0..2).for_each(|_| assert_eq!(spelling(&mut memo, "ns", "op", "1"), first[0]));
        assert!(memo.last.words.is_some());
        memo.clear();
        assert!(memo.last.words.is_none());
    }

    #[test]
    fn it_is_hardly_asked_where_that_is_in_vain_and_again_once_it_is_not() {
        let mut memo = Memo::new(SECRET);
        let asked = |memo: &mut Memo<()>, bytes: usize, different| {
            come_again(memo, bytes, different, 20_000);
            let mut others =
                (0..1600u32).map(|number| [&number.to_be_bytes()[..], &vec![b' '; bytes - 4]].concat());
            others.by_ref().filter(|params| of(memo, [b"ns", b"op", params]).is_some()).count()
        };
        assert_eq!(asked(&mut memo, 100, 1000), 1600, "what comes again is found");
        assert_eq!(asked(&mut memo, 100, 1_000_000), 1600 / PROBES as usize, "nothing came again");
        assert_eq!(asked(&mut memo, SHORT, 1_000_000), 1600, "for long params it is worth a look always");
        assert_eq!(asked(&mut memo, 100, 1000), 1600, "and now it is again");
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
            memo.remember(*spelling, b"", || number);
        }
        let found = spellings.iter().map(|spelling| memo.find(*spelling).copied());
        assert!(found.eq((0..200).map(Some)));
        memo.clear();
        assert!(spellings.iter().all(|spelling| memo.find(*spelling).is_none()));
    }
}
