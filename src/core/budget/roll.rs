//! The roll of a namespace: its entries, to be sampled when one has to go.
//!
//! As core does it: of a few that are drawn at random the one goes that deserves it most. What the roll remembers of an
//! entry may be out of date, but then the entry was used, or replaced, since; so only the one that seems to deserve it
//! most is looked at, and where it turns out to be better than that, the next. That finds the same as looking at all.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::claim::{Claim, Rank, Used};
use super::random::Random;
use super::{Evict, Measure};
use crate::core::fingerprint::Fingerprint;
use crate::core::origin::Origin;

/// How many are drawn.
pub const CANDIDATES: usize = 16;

/// An entry of the namespace, as it was when it was last looked at.
#[derive(Debug, Clone)]
pub struct Member {
    pub origin: Arc<Origin>,
    pub fingerprint: Fingerprint,
    pub claim: Claim,
}

/// What a member turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// There is no such entry.
    Missing,
    /// It is dead or over already: it goes, whatever the others are.
    Dead,
    /// It goes for nothing: it was only just stored. One entry is, no more.
    Spared,
    Living(Claim),
}

/// Whom to look for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub evict: Evict,
    /// The budget that is exceeded.
    pub measure: Measure,
    pub candidates: usize,
    pub now: Used,
}

/// The entries of a namespace. Those that are gone stay until they are met; one that came back may be there twice.
#[derive(Debug)]
pub struct Roll {
    /// Entries without a weight, then those with one.
    lists: [List; 2],
    random: Random,
    tidying: Option<Tidying>,
    /// Room for those that are drawn, used again and again.
    candidates: Vec<(Rank, Spot)>,
}

/// Where a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Spot {
    list: usize,
    at: usize,
}

/// A walk through the roll, from its end, that takes out what is missing or there twice.
#[derive(Debug)]
struct Tidying {
    /// What is left to be looked at, up to this.
    before: Spot,
    /// The first half of each fingerprint that was met.
    met: BTreeSet<[u8; 16]>,
}

/// How many steps a tidying takes with each new member: more than one, or it would never end.
const STEPS: usize = 3;

/// How many more members than twice the entries there may be.
const SLACK: usize = 1024;

impl Roll {
    pub fn new(seed: u64) -> Self {
        Roll { lists: Default::default(), random: Random::new(seed), tidying: None, candidates: Vec::new() }
    }

    /// How many members there are, whether or not they are still there.
    pub fn len(&self) -> usize {
        self.lists.iter().fold(0, |sum, list| sum.saturating_add(list.len))
    }

    pub fn is_empty(&self) -> bool {
        self.lists.iter().all(|list| list.len == 0)
    }

    /// Memory that it takes, in bytes, roughly.
    pub fn heap_bytes(&self) -> usize {
        self.len().saturating_mul(size_of::<Member>())
    }

    /// Enters an entry that was not there before, or had a weight and has none any more, or the other way round.
    pub fn enter(&mut self, member: Member) {
        if let Some(list) = self.lists.get_mut(list_of(&member.claim)) {
            list.push(member);
        }
    }

    /// Enters all members of another roll.
    pub fn absorb(&mut self, other: Roll) {
        let members = other.lists.into_iter().flat_map(|list| list.chunks.into_iter().flatten());
        members.for_each(|member| self.enter(member));
    }

    /// Whether there are so many more members than entries that the roll should be tidied.
    pub fn is_untidy(&self, entries: u64) -> bool {
        let entries = usize::try_from(entries).unwrap_or(usize::MAX);
        self.tidying.is_some() || self.len() > entries.saturating_mul(2).saturating_add(SLACK)
    }

    /// Takes a few steps of tidying.
    pub fn tidy(&mut self, mut look: impl FnMut(&Member) -> Look) {
        for _ in 0..STEPS {
            let end = Spot { list: self.lists.len(), at: 0 };
            let tidying = self.tidying.get_or_insert_with(|| Tidying { before: end, met: BTreeSet::new() });
            let Some(spot) = previous(&self.lists, tidying.before) else {
                self.tidying = None;
                return;
            };
            tidying.before = spot;
            let Some(member) = self.lists.get(spot.list).and_then(|list| list.get(spot.at)) else { continue };
            let half = member.fingerprint.as_bytes().first_chunk().copied().unwrap_or_default();
            let stays = match look(member) {
                Look::Missing => false,
                Look::Living(claim) => list_of(&claim) == spot.list && tidying.met.insert(half),
                Look::Dead | Look::Spared => tidying.met.insert(half),
            };
            if !stays {
                self.take(spot);
            }
        }
    }

    /// Chooses who goes, and takes it out; none where nobody can.
    pub fn choose(&mut self, wanted: &Wanted, mut look: impl FnMut(&Member) -> Look) -> Option<Member> {
        let mut candidates = std::mem::take(&mut self.candidates);
        let chosen = loop {
            self.draw(wanted, &mut candidates);
            let (chosen, gone) = self.choose_among(wanted, &mut candidates, &mut look);
            match chosen {
                None if gone.is_empty() => break None,
                None => drop(self.take_all(gone, None)),
                Some(spot) if gone.is_empty() => break self.take(spot),
                Some(spot) => break self.take_all(gone, Some(spot)),
            }
        };
        candidates.clear();
        self.candidates = candidates;
        chosen
    }

    /// Takes out some, and one more, which is returned.
    fn take_all(&mut self, mut some: Vec<Spot>, one: Option<Spot>) -> Option<Member> {
        some.extend(one);
        // From the end, since the last member of a list takes the place of one that leaves.
        some.sort_unstable_by(|one, other| other.cmp(one));
        let mut taken = None;
        for spot in some {
            let member = self.take(spot);
            if Some(spot) == one {
                taken = member;
            }
        }
        taken
    }

    /// Draws those to choose among, each once: all where they are few.
    fn draw(&mut self, wanted: &Wanted, candidates: &mut Vec<(Rank, Spot)>) {
        candidates.clear();
        let Roll { lists, random, .. } = self;
        let [light, weighty] = lists;
        let light_len = if wanted.measure == Measure::Weight { 0 } else { light.len };
        let all = light_len.saturating_add(weighty.len);
        let mut draw = |n: usize| {
            let (list, at, members) = match n.checked_sub(light_len) {
                None => (0, n, &*light),
                Some(at) => (1, at, &*weighty),
            };
            let Some(Member { claim, .. }) = members.get(at) else { return };
            candidates.push((claim.rank(wanted.evict, wanted.measure, wanted.now), Spot { list, at }));
        };
        if all <= wanted.candidates {
            (0..all).for_each(draw);
            return;
        }
        (0..wanted.candidates).for_each(|_| draw(random.below(all)));
        candidates.sort_unstable_by_key(|(_, spot)| *spot);
        candidates.dedup_by_key(|(_, spot)| *spot);
    }

    /// Who goes, and who is not there any more.
    fn choose_among(
        &mut self,
        wanted: &Wanted,
        candidates: &mut Vec<(Rank, Spot)>,
        look: &mut impl FnMut(&Member) -> Look,
    ) -> (Option<Spot>, Vec<Spot>) {
        let (mut gone, mut is_spared_met) = (Vec::new(), false);
        while let Some((index, &(_, spot))) = candidates.iter().enumerate().max_by_key(|(_, (rank, _))| *rank)
        {
            let Some(member) = self.lists.get_mut(spot.list).and_then(|list| list.get_mut(spot.at)) else {
                break;
            };
            match look(member) {
                Look::Dead => return (Some(spot), gone),
                Look::Living(claim) if claim == member.claim => return (Some(spot), gone),
                Look::Living(claim) if list_of(&claim) == spot.list => {
                    member.claim = claim;
                    if let Some(candidate) = candidates.get_mut(index) {
                        candidate.0 = claim.rank(wanted.evict, wanted.measure, wanted.now);
                    }
                }
                Look::Living(_) | Look::Missing => {
                    gone.push(spot);
                    candidates.swap_remove(index);
                }
                Look::Spared => {
                    candidates.swap_remove(index);
                    // It is one entry: where it was met already it is there twice, and would crowd out the others.
                    if std::mem::replace(&mut is_spared_met, true) {
                        gone.push(spot);
                    }
                }
            }
        }
        (None, gone)
    }

    fn take(&mut self, spot: Spot) -> Option<Member> {
        self.lists.get_mut(spot.list)?.take(spot.at)
    }
}

/// In which list an entry belongs.
fn list_of(claim: &Claim) -> usize {
    usize::from(claim.weight > 0)
}

/// The spot before another; a list that has become shorter meanwhile is gone on with at its end.
fn previous(lists: &[List; 2], before: Spot) -> Option<Spot> {
    let here = lists.get(before.list).and_then(|list| before.at.min(list.len).checked_sub(1));
    if let Some(at) = here {
        return Some(Spot { at, ..before });
    }
    let earlier = lists.get(..before.list.min(lists.len()))?;
    let (list, members) = earlier.iter().enumerate().rfind(|(_, list)| list.len > 0)?;
    Some(Spot { list, at: members.len.checked_sub(1)? })
}

/// Members in no order, in chunks: a vector of a million would be copied whole each time that it grows.
#[derive(Debug, Default)]
struct List {
    /// All but the last are full.
    chunks: Vec<Vec<Member>>,
    len: usize,
}

const CHUNK: usize = 1024;

impl List {
    fn get(&self, at: usize) -> Option<&Member> {
        self.chunks.get(at / CHUNK)?.get(at % CHUNK)
    }

    fn get_mut(&mut self, at: usize) -> Option<&mut Member> {
        self.chunks.get_mut(at / CHUNK)?.get_mut(at % CHUNK)
    }

    fn push(&mut self, member: Member) {
        match self.chunks.last_mut().filter(|last| last.len() < CHUNK) {
            Some(last) => last.push(member),
            None => {
                // A namespace of few entries takes little.
                let room = if self.chunks.is_empty() { 0 } else { CHUNK };
                let mut chunk = Vec::with_capacity(room);
                chunk.push(member);
                self.chunks.push(chunk);
            }
        }
        self.len = self.len.saturating_add(1);
    }

    /// Takes one out; the last one takes its place.
    fn take(&mut self, at: usize) -> Option<Member> {
        if at >= self.len {
            return None;
        }
        let chunk = self.chunks.last_mut()?;
        let last = chunk.pop()?;
        if chunk.is_empty() {
            self.chunks.pop();
        }
        self.len = self.len.saturating_sub(1);
        match self.get_mut(at) {
            Some(member) => Some(std::mem::replace(member, last)),
            None => Some(last),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::core::instant::Instant;
    use crate::core::name::{NamespaceName, OperationName};
    use crate::core::origin::Incarnation;
    use proptest::prelude::*;

    fn origin() -> Arc<Origin> {
        Arc::new(Origin::new(
            NamespaceName::parse(b"n").expect("a namespace"),
            Incarnation(1),
            OperationName::parse(b"o").expect("an operation"),
        ))
    }

    fn fingerprint(n: u64) -> Fingerprint {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        Fingerprint::from_bytes(bytes)
    }

    fn number(member: &Member) -> u64 {
        member.fingerprint.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    fn used(ms: u64) -> Used {
        Used::at(Instant::from_unix_ms(ms))
    }

    fn claim(ms: u64, weight: u64) -> Claim {
        Claim { used: used(ms), version: ms, stored_bytes: 100, weight }
    }

    const NOW: u64 = 1_790_000_000_000;

    fn wanted(measure: Measure, candidates: usize) -> Wanted {
        Wanted { evict: Evict::Lru, measure, candidates, now: used(NOW) }
    }

    /// What stands in the keyspace, as a model.
    type Entries = BTreeMap<u64, Claim>;

    fn look(entries: &Entries) -> impl FnMut(&Member) -> Look + '_ {
        |member| entries.get(&number(member)).map_or(Look::Missing, |claim| Look::Living(*claim))
    }

    fn roll_of(entries: &Entries) -> Roll {
        let (mut roll, origin) = (Roll::new(1), origin());
        for (&n, &claim) in entries {
            roll.enter(Member { origin: Arc::clone(&origin), fingerprint: fingerprint(n), claim });
        }
        roll
    }

    #[test]
    fn where_all_are_drawn_they_go_in_their_order_though_the_roll_knows_an_older_one() {
        let mut entries: Entries = (0..50).map(|n| (n, claim(n * 100, 0))).collect();
        let mut roll = roll_of(&entries);
        entries.insert(0, claim(99_000, 0));
        entries.insert(1, claim(2550, 0));
        entries.remove(&3);
        let mut order = Vec::new();
        while let Some(member) = roll.choose(&wanted(Measure::Bytes, 64), look(&entries)) {
            entries.remove(&number(&member));
            order.push(number(&member));
        }
        let expected: Vec<u64> = [2].into_iter().chain(4..26).chain([1]).chain(26..50).chain([0]).collect();
        assert_eq!(order, expected);
        assert!(roll.is_empty());
    }

    #[test]
    fn only_those_with_a_weight_go_for_weight() {
        let mut entries: Entries = (0..2000).map(|n| (n, claim(n, u64::from(n % 100 == 7)))).collect();
        let mut roll = roll_of(&entries);
        let mut went = 0;
        while let Some(member) = roll.choose(&wanted(Measure::Weight, 16), look(&entries)) {
            assert_eq!(number(&member) % 100, 7);
            entries.remove(&number(&member));
            went += 1;
        }
        assert_eq!((went, roll.len()), (20, 1980));
        // One that lost its weight is entered anew by whoever wrote it.
        entries.insert(1, claim(5, 9));
        let member = Member { origin: origin(), fingerprint: fingerprint(1), claim: entries[&1] };
        roll.enter(member);
        let chosen = roll.choose(&wanted(Measure::Weight, 16), look(&entries)).expect("it");
        assert_eq!(number(&chosen), 1);
    }

    #[test]
    fn the_dead_go_first_and_the_new_one_is_spared() {
        let entries: Entries = (0..10).map(|n| (n, claim(100 - n, 0))).collect();
        let mut roll = roll_of(&entries);
        let mut look = |member: &Member| match number(member) {
            9 => Look::Spared,
            8 => Look::Dead,
            _ => Look::Living(member.claim),
        };
        let order: Vec<u64> = std::iter::from_fn(|| roll.choose(&wanted(Measure::Bytes, 16), &mut look))
            .map(|one| number(&one))
            .collect();
        assert_eq!(order, [8, 7, 6, 5, 4, 3, 2, 1, 0]);
        assert_eq!(roll.len(), 1);
    }

    #[test]
    fn one_that_is_there_very_often_crowds_out_nobody() {
        let entries: Entries = (0..20).map(|n| (n, claim(n, 0))).collect();
        let mut roll = roll_of(&entries);
        (0..5000).for_each(|_| {
            roll.enter(Member { origin: origin(), fingerprint: fingerprint(7), claim: claim(7, 0) });
        });
        let mut gone = 0;
        let mut look = |member: &Member| match number(member) {
            7 => Look::Spared,
            _ => Look::Living(member.claim),
        };
        while roll.choose(&wanted(Measure::Bytes, 16), &mut look).is_some() {
            gone += 1;
        }
        assert_eq!((gone, roll.len()), (19, 1));
    }

    #[test]
    fn a_roll_that_was_entered_twice_is_tidied() {
        let entries: Entries = (0..3000).map(|n| (n, claim(n, n % 2))).collect();
        let mut roll = roll_of(&entries);
        for (&n, &claim) in &entries {
            roll.enter(Member { origin: origin(), fingerprint: fingerprint(n), claim });
        }
        (5000..9000).for_each(|n| {
            roll.enter(Member { origin: origin(), fingerprint: fingerprint(n), claim: claim(n, 0) });
        });
        assert!(roll.is_untidy(3000));
        let mut steps = 0;
        while roll.is_untidy(3000) {
            roll.tidy(look(&entries));
            steps += 1;
        }
        assert_eq!((roll.len(), steps), (3000, 10_001usize.div_ceil(STEPS)));
        let mut left: Vec<u64> = Vec::new();
        while let Some(member) = roll.choose(&wanted(Measure::Bytes, 16), look(&entries)) {
            left.push(number(&member));
        }
        left.sort_unstable();
        assert_eq!(left, (0..3000).collect::<Vec<_>>());
    }

    proptest! {
        /// However entries come, go, and are used: who is chosen is there, deserves it most of those that could have
        /// been drawn where all are, and is chosen once.
        #[test]
        fn whoever_is_chosen_is_there(steps in proptest::collection::vec((0u8..5, 0u64..40, 0u64..3), 1..400)) {
            let (mut entries, mut roll, mut now) = (Entries::new(), Roll::new(7), 0);
            for (step, n, weight) in steps {
                now += 16;
                match step {
                    0 | 1 => {
                        let new = claim(now, weight);
                        let old = entries.insert(n, new);
                        if old.is_none_or(|old| list_of(&old) != list_of(&new)) {
                            roll.enter(Member { origin: origin(), fingerprint: fingerprint(n), claim: new });
                        }
                    }
                    2 => drop(entries.remove(&n)),
                    3 => {
                        if let Some(claim) = entries.get_mut(&n) {
                            claim.used = used(now);
                        }
                    }
                    _ => {
                        let wanted = Wanted { now: used(now), ..wanted(Measure::Bytes, 100) };
                        let first = entries.iter().max_by_key(|(_, claim)| claim.rank(wanted.evict, wanted.measure, wanted.now));
                        let first = first.map(|(n, _)| *n);
                        // Those that are there twice may crowd others out of the draw.
                        let chosen = roll.choose(&wanted, look(&entries)).map(|member| number(&member));
                        if roll.len() < 100 {
                            prop_assert_eq!(chosen, first);
                        }
                        prop_assert!(chosen.is_none_or(|n| entries.remove(&n).is_some()));
                    }
                }
                if roll.is_untidy(0) {
                    roll.tidy(look(&entries));
                }
            }
        }
    }
}
