//! Places: a table of bounded size for what comes again and again, which grows only while that finds no room.
//!
//! A key belongs to one small set by its hash. Where that is full, a newcomer is turned away, or now and then takes the
//! place of another: so everything takes the same short time, and what passes by once leaves the table as it is. Who was
//! turned away and comes again is known by a few bits that are kept of it; for every few of those the table grows by
//! one set (linear hashing: Litwin, 1980), which moves the members of one other set and never more.

use super::memo::Spelling;

/// In how many places of its set a key may stand.
pub const WAYS: usize = 8;

/// With how many sets a table begins, and how many are allocated at once.
const CHUNK: usize = 128;

/// How many newcomers a full set turns away for each that it takes.
///
/// To take one in costs more than to find one. So where ever new keys pass by, most of them leave the table as it
/// is, and what comes again and again stays in it; a key that begins to come again is in after a few times.
const RELUCTANCE: usize = 15;

/// For how many that come again the table grows by one set, until half of its places are free: then few sets are full.
const RETURNS_A_SET: usize = WAYS / 2;

/// What is looked up. Its default stands where there is nothing: a key that is the same, by a chance of 2^-64, may not be
/// found.
pub trait Key: Copy + Eq + Default {
    /// Evenly spread bits, which nobody outside can choose.
    fn hash(self) -> u64;
}

impl Key for u64 {
    fn hash(self) -> u64 {
        self
    }
}

impl Key for Spelling {
    fn hash(self) -> u64 {
        self.0 as u64
    }
}

/// A table from keys to values. Its memory is taken with the first that is put there.
pub struct Places<K, V> {
    /// Of [`CHUNK`] sets each but the last, so that none is ever moved.
    chunks: Vec<Vec<Set<K, V>>>,
    /// How many there are, in all chunks.
    sets: usize,
    /// How many there may be: a power of two.
    most: usize,
    /// How many values there are.
    values: usize,
    /// A few bits of each that was turned away lately, where other bits of it say.
    turned_away: Vec<u16>,
    /// How many newcomers met a full set.
    newcomers: usize,
    /// How many of them had been turned away before.
    returned: usize,
}

/// The keys stand together, so that looking for one touches as few lines of memory as can be.
struct Set<K, V> {
    keys: [K; WAYS],
    /// None where the place is free.
    values: [Option<V>; WAYS],
}

impl<K: Key, V> Set<K, V> {
    fn empty() -> Self {
        Set { keys: [K::default(); WAYS], values: [const { None }; WAYS] }
    }

    fn find(&self, key: K) -> Option<&V> {
        let place = self.keys.iter().position(|known| *known == key)?;
        self.values.get(place)?.as_ref()
    }

    fn is_full(&self) -> bool {
        self.values.iter().all(Option::is_some)
    }

    fn put(&mut self, place: usize, key: K, value: V) -> Option<V> {
        *self.keys.get_mut(place)? = key;
        self.values.get_mut(place)?.replace(value)
    }

    /// Takes out what `is_meant`.
    fn take(&mut self, is_meant: impl Fn(K, &V) -> bool) -> Option<(K, V)> {
        self.keys.iter_mut().zip(&mut self.values).find_map(|(key, value)| {
            let value = value.take_if(|value| is_meant(*key, value))?;
            // It may come back at another place.
            Some((std::mem::take(key), value))
        })
    }
}

impl<K: Key, V> Places<K, V> {
    /// One of at most so many sets of [`WAYS`] places, a power of two. It has no memory yet.
    pub const fn new(most: usize) -> Self {
        Places {
            chunks: Vec::new(),
            sets: 0,
            most,
            values: 0,
            turned_away: Vec::new(),
            newcomers: 0,
            returned: 0,
        }
    }

    /// How many places there are now.
    pub fn capacity(&self) -> usize {
        self.sets.saturating_mul(WAYS)
    }

    #[inline]
    pub fn find(&self, key: K) -> Option<&V> {
        self.set(self.index(key))?.find(key)
    }

    /// Whether a key that is not there shall be put there now; else it is turned away.
    pub fn admits(&mut self, key: K) -> bool {
        self.admits_up_to(self.most, key)
    }

    /// The same for a key that is not worth more than so many sets.
    pub fn admits_up_to(&mut self, most: usize, key: K) -> bool {
        if self.sets == 0 {
            (0..CHUNK.min(self.most)).for_each(|_| self.grow());
        }
        if !self.is_full_for(key) {
            return true;
        }
        self.newcomers = self.newcomers.wrapping_add(1);
        if self.comes_again(most, key) {
            self.returned = self.returned.wrapping_add(1);
            if self.returned.is_multiple_of(RETURNS_A_SET) && self.has_to_grow(most) {
                self.grow();
                return !self.is_full_for(key);
            }
        }
        self.newcomers.is_multiple_of(RELUCTANCE + 1)
    }

    /// Puts a value there for a key that has none; in a full set, in the place of another, which is given back.
    pub fn put(&mut self, key: K, value: V) -> Option<V> {
        let (index, turn) = (self.index(key), self.newcomers / (RELUCTANCE + 1) % WAYS);
        let set = self.set_mut(index)?;
        let place = set.values.iter().position(Option::is_none).unwrap_or(turn);
        let replaced = set.put(place, key, value);
        self.values += usize::from(replaced.is_none());
        replaced
    }

    /// Takes out the value of a key, if it is the one that is meant.
    pub fn forget(&mut self, key: K, is_meant: impl Fn(&V) -> bool) -> Option<V> {
        let index = self.index(key);
        let (_, value) = self.set_mut(index)?.take(|place, value| place == key && is_meant(value))?;
        self.values -= 1;
        Some(value)
    }

    /// Forgets everything, and gives its memory back.
    pub fn clear(&mut self) {
        *self = Places::new(self.most);
    }

    fn has_to_grow(&self, most: usize) -> bool {
        self.sets < most.min(self.most) && self.values > self.capacity() / 2
    }

    fn is_full_for(&self, key: K) -> bool {
        self.set(self.index(key)).is_some_and(Set::is_full)
    }

    /// Whether this one was turned away before; from now on it was.
    fn comes_again(&mut self, most: usize, key: K) -> bool {
        // As many as there may be places: that many may pass by until one comes again.
        let length = most.min(self.most) * WAYS;
        if self.turned_away.len() < length {
            self.turned_away.resize(length, 0);
        }
        let hash = key.hash();
        let (place, bits) = ((hash >> 20) as usize & (length - 1), (hash >> 48) as u16);
        self.turned_away.get_mut(place).is_some_and(|last| std::mem::replace(last, bits) == bits)
    }

    /// The set that a key belongs to: as many low bits of its hash as there are sets, one less where that one is yet to come.
    #[inline]
    fn index(&self, key: K) -> usize {
        let wide = self.sets.next_power_of_two();
        let index = key.hash() as usize & (wide - 1);
        if index < self.sets { index } else { index & (wide / 2).saturating_sub(1) }
    }

    #[inline]
    fn set(&self, index: usize) -> Option<&Set<K, V>> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    fn set_mut(&mut self, index: usize) -> Option<&mut Set<K, V>> {
        self.chunks.get_mut(index / CHUNK)?.get_mut(index % CHUNK)
    }

    /// One set more, to which those move that belong there by one bit more of their hash.
    fn grow(&mut self) {
        let new = self.sets;
        if new.is_multiple_of(CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK.min(self.most)));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(Set::empty());
        }
        self.sets += 1;
        // The one that they were in: the same but for the highest bit.
        let old = new & (self.sets.next_power_of_two() / 2).wrapping_sub(1);
        while let Some((key, value)) = self.take_stray(old, new) {
            self.values -= 1;
            self.put(key, value);
        }
    }

    /// Takes one out of a set that belongs to another.
    fn take_stray(&mut self, from: usize, to: usize) -> Option<(K, V)> {
        let bit = (from ^ to) as u64;
        self.set_mut(from)?.take(|key, _| key.hash() & bit != 0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Keys as a hash spreads them.
    fn key(number: u64) -> u64 {
        let mut bits = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for _ in 0..2 {
            bits = (bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        }
        bits ^ (bits >> 32)
    }

    /// Keys that crowd into few sets, as hashes would only with bad luck.
    fn crowded() -> BoxedStrategy<u64> {
        (0..3u64, 1..13u64).prop_map(|(set, rest)| rest << 40 | set).boxed()
    }

    #[derive(Debug, Clone)]
    enum Step {
        Come(u64, u32),
        Forget(u64),
        Clear,
    }

    fn steps(keys: BoxedStrategy<u64>) -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            20 => (keys.clone(), any::<u32>()).prop_map(|(key, value)| Step::Come(key, value)),
            3 => keys.prop_map(Step::Forget),
            1 => Just(Step::Clear),
        ];
        proptest::collection::vec(step, 0..400)
    }

    /// One comes by: whether it was known.
    fn come(places: &mut Places<u64, u32>, key: u64, value: u32) -> bool {
        let known = places.find(key).is_some();
        if !known && places.admits(key) {
            places.put(key, value);
        }
        known
    }

    fn check(steps: Vec<Step>) -> Result<(), TestCaseError> {
        let mut places = Places::new(1 << 10);
        let mut model = HashMap::new();
        for step in steps {
            match step {
                Step::Come(key, value) => {
                    if !come(&mut places, key, value) {
                        model.insert(key, value);
                    }
                    let found = places.find(key);
                    prop_assert!(found.is_none() || found == model.get(&key));
                }
                Step::Forget(key) => {
                    let kept = places.find(key).copied();
                    prop_assert_eq!(places.forget(key, |_| false), None);
                    prop_assert_eq!(places.forget(key, |value| Some(*value) == kept), kept);
                    prop_assert_eq!(places.find(key), None);
                }
                Step::Clear => places.clear(),
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn it_forgets_but_never_errs(steps in steps(crowded())) {
            check(steps)?;
        }

        #[test]
        fn nor_where_it_grows(steps in steps((0..4000u64).prop_map(key).boxed()), round in 1..6u64) {
            let mut places = Places::new(1 << 10);
            let kept: Vec<u64> = (0..4000).map(key).filter(|key| key % round == 0).collect();
            for &key in kept.iter().cycle().take(8 * kept.len()) {
                come(&mut places, key, key as u32);
                prop_assert!(places.find(key).is_none_or(|value| *value == key as u32));
            }
            check(steps)?;
        }
    }

    #[test]
    fn it_grows_until_all_that_come_again_have_a_place_and_no_more() {
        let mut places = Places::new(1 << 14);
        let round = |places: &mut Places<u64, u32>, keys: std::ops::Range<u64>| {
            keys.filter(|&number| come(places, key(number), 0)).count()
        };
        round(&mut places, 0..100);
        assert_eq!(places.capacity(), CHUNK * WAYS, "it begins small");
        let known = (0..30).map(|_| round(&mut places, 0..20_000)).last();
        assert!(known.is_some_and(|known| known > 19_400), "{known:?}");
        let capacity = places.capacity();
        assert!((30_000..45_000).contains(&capacity), "{capacity}");
        round(&mut places, 1_000_000..3_000_000);
        assert!(
            places.capacity() < capacity + capacity / 20,
            "what passes by once does not count: {capacity}"
        );
        for _ in 0..6 {
            round(&mut places, 0..200_000);
        }
        assert!(places.capacity() <= (1 << 14) * WAYS);
        let lengths: Vec<usize> = places.chunks.iter().map(Vec::capacity).collect();
        assert!(lengths.iter().all(|length| *length == CHUNK), "no set was moved");
        places.clear();
        assert_eq!((places.capacity(), places.chunks.capacity()), (0, 0));
    }

    #[test]
    fn what_passes_by_once_leaves_it_and_what_comes_again_gets_in() {
        let mut places = Places::new(1);
        let mut come = |number: u64| come(&mut places, number << 48, 0);
        (1..=WAYS as u64).for_each(|number| assert!(!come(number)));
        (0..RELUCTANCE as u64).for_each(|number| assert!(!come(1000 + number)));
        (1..=WAYS as u64).for_each(|number| assert!(come(number), "it stayed"));
        let times = (0..100).position(|_| come(2000));
        assert_eq!(times, Some(1), "the next newcomer is taken");
    }

    /// Every number of sets that there can be on the way, with what belongs into each.
    #[test]
    fn a_key_is_found_while_the_table_grows_by_single_sets() {
        let mut places = Places::new(1 << 10);
        assert_eq!(places.find(key(0)), None);
        let mut kept = Vec::new();
        for number in 0..700 {
            if places.admits(key(number)) && !places.is_full_for(key(number)) {
                places.put(key(number), number as u32);
                kept.push(number);
            }
            if places.sets < places.most {
                places.grow();
            }
            assert!(
                kept.iter().all(|&number| places.find(key(number)) == Some(&(number as u32))),
                "{number}"
            );
        }
        assert!(kept.len() > 600);
    }
}
