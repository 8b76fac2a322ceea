//! The origins in use: shared, weighed, and let go when nobody uses them any more.

// Of an origin the names alone are compared, and they never change.
#![allow(clippy::mutable_key_type)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::super::epochs::Scope;
use super::super::name::{NamespaceName, OperationName};
use super::super::stats::gauges::{Gauges, Load};
use super::{Incarnation, Life, Origin, Sums, Weighed};

/// The origins in use, each held once, and how much is stored under them.
///
/// Entries may be freed on another thread, which must not touch this table. So it is swept: [`sweep`](Self::sweep)
/// takes out what nobody shares any more, a little at a time; and so does whoever adds to it, or names that are never
/// used again would come faster than they go. It is made of trees, which never have to grow all at once.
#[derive(Debug, Default)]
pub struct Origins {
    namespaces: BTreeMap<Box<str>, BTreeSet<Arc<Origin>>>,
    /// Behind which the sweep goes on; none at the front.
    swept: Option<Arc<Origin>>,
    /// The handle that was given last: commands that write many entries mostly want it again.
    last: Option<Arc<Origin>>,
    /// What all entries come to, dead or alive.
    total: Arc<Gauges>,
    /// What was invalidated, together as it was, until the last of its entries is freed.
    dead: VecDeque<Dead>,
}

/// Origins all of whose entries were invalidated at once.
#[derive(Debug, Default)]
struct Dead {
    /// Those that the sweep has yet to look at in this turn.
    ahead: BTreeSet<Arc<Origin>>,
    /// Those that were still in use when it did.
    behind: BTreeSet<Arc<Origin>>,
}

/// How many others are looked at for each origin that comes or dies: so at most about as many are unused as are in use.
const LOOKED_AT: usize = 2;

/// How many bytes of patterns are held against operations at most: about a millisecond's work.
const MATCHED_BYTES: usize = 1 << 16;

/// How many that are dead are looked at with one invalidation at most: less than that.
const LOOKED_AT_MOST: usize = 4000;

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
        if let Some(handle) = self.namespaces.get(&*origin.namespace).and_then(|origins| origins.get(origin))
        {
            return Arc::clone(handle);
        }
        let Origin { namespace, incarnation, operation, .. } = origin;
        let life = self.namespaces.get(&**namespace).and_then(|origins| gauges_of(origins, origin.life()));
        let sums = Sums {
            total: Arc::clone(&self.total),
            life: life.unwrap_or_default(),
            is_dead: AtomicBool::new(false),
        };
        let weighed = Weighed { own: Gauges::default(), sums: Some(sums) };
        let handle = Origin {
            namespace: namespace.clone(),
            incarnation: *incarnation,
            operation: operation.clone(),
            weighed,
        };
        let handle = Arc::new(handle);
        self.namespaces.entry(namespace.clone()).or_default().insert(Arc::clone(&handle));
        self.sweep_living(LOOKED_AT);
        handle
    }

    /// So much of a life of a namespace was invalidated at once: what is stored of it already does not count any more,
    /// and what is stored from now on has origins of its own. A tag's entries count until they are freed, and so do some
    /// of a pattern's where there are very many operations.
    pub fn invalidate(&mut self, namespace: &str, incarnation: Incarnation, scope: &Scope<'_>) {
        let Some(origins) = self.namespaces.get_mut(namespace) else { return };
        self.last = None;
        let is_one_life = [origins.first(), origins.last()]
            .into_iter()
            .flatten()
            .all(|origin| origin.incarnation == incarnation);
        let dead = match scope {
            // However many operations there are.
            Scope::All if is_one_life => std::mem::take(origins),
            _ => {
                let concerned = concerned(origins, namespace, incarnation, scope);
                concerned.iter().for_each(|origin| origin.bury());
                take_of(origins, &concerned)
            }
        };
        if origins.is_empty() {
            self.namespaces.remove(namespace);
        }
        let count = dead.len();
        if count > 0 {
            self.dead.push_back(Dead { ahead: dead, ..Dead::default() });
            self.sweep_dead(count.saturating_mul(LOOKED_AT).min(LOOKED_AT_MOST));
        }
    }

    /// What the living entries of a namespace come to, or those of one operation, whatever life of it they are of.
    pub fn load_of(&self, namespace: &str, operation: Option<&str>) -> Load {
        let Some(origins) = self.namespaces.get(namespace) else { return Load::default() };
        let sum = |sum: Load, origin: &Arc<Origin>| sum.plus(origin.weighed.own.load());
        match operation {
            None => origins.iter().fold(Load::default(), sum),
            Some(operation) => {
                let found = lives(origins).filter_map(|life| origins.get(&life.with(operation)));
                found.fold(Load::default(), sum)
            }
        }
    }

    /// What the living entries of one life of a namespace come to; none where there is none.
    pub fn life_gauges(&self, namespace: &str, incarnation: Incarnation) -> Option<Arc<Gauges>> {
        gauges_of(self.namespaces.get(namespace)?, Life { namespace, incarnation })
    }

    /// What all living entries come to.
    pub fn load(&self) -> Load {
        let dead = self.dead.iter().flat_map(|dead| dead.ahead.iter().chain(&dead.behind));
        let dead = dead.map(|origin| origin.weighed.own.load());
        self.total.load().minus(dead.fold(Load::default(), Load::plus))
    }

    /// Looks through the next origins, so many of them.
    pub fn sweep(&mut self, slice: usize) {
        self.last = None;
        self.sweep_dead(slice);
        self.sweep_living(slice);
    }

    fn sweep_living(&mut self, slice: usize) {
        let Origins { namespaces, swept, .. } = self;
        let from = swept.take();
        let (mut seen, mut unused) = (0usize, Vec::new());
        let first = from.as_ref().map_or("", |origin| origin.namespace());
        'all: for (_, origins) in namespaces.range::<str, _>((Bound::Included(first), Bound::Unbounded)) {
            let behind = from
                .as_ref()
                .filter(|origin| origins.first().is_some_and(|first| first.namespace == origin.namespace));
            let behind = behind.map_or(Bound::Unbounded, |origin| Bound::Excluded(&**origin));
            for origin in origins.range::<Origin, _>((behind, Bound::Unbounded)) {
                if Arc::strong_count(origin) == 1 {
                    unused.push(Arc::clone(origin));
                }
                seen = seen.saturating_add(1);
                if seen >= slice {
                    *swept = Some(Arc::clone(origin));
                    break 'all;
                }
            }
        }
        for origin in unused {
            let Some(origins) = namespaces.get_mut(&*origin.namespace) else { continue };
            origins.remove(&*origin);
            if origins.is_empty() {
                namespaces.remove(&*origin.namespace);
            }
        }
    }

    /// Each that is looked at counts, and so does each turn that ends; none is looked at twice.
    fn sweep_dead(&mut self, slice: usize) {
        let mut turns = self.dead.len();
        for _ in 0..slice {
            if turns == 0 {
                break;
            }
            let Some(mut dead) = self.dead.pop_front() else { break };
            match dead.ahead.pop_first() {
                Some(origin) if Arc::strong_count(&origin) > 1 => drop(dead.behind.insert(origin)),
                Some(_) => {}
                None => {
                    turns = turns.saturating_sub(1);
                    if !dead.behind.is_empty() {
                        self.dead.push_back(Dead { ahead: dead.behind, ..Dead::default() });
                    }
                    continue;
                }
            }
            self.dead.push_front(dead);
        }
    }

    /// How many origins the table holds, used or not.
    pub fn len(&self) -> usize {
        self.namespaces.values().map(BTreeSet::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.namespaces.is_empty()
    }
}

/// What the origins of a life count towards: each that is added joins those that are there, and where all were
/// invalidated there are none.
fn gauges_of(origins: &BTreeSet<Arc<Origin>>, life: Life<'_>) -> Option<Arc<Gauges>> {
    let mut behind = origins.range::<Origin, _>((Bound::Included(&life.with("")), Bound::Unbounded));
    let one = behind.next().filter(|origin| origin.incarnation == life.incarnation)?;
    one.weighed.sums.as_ref().map(|sums| Arc::clone(&sums.life))
}

/// The lives of a namespace of which there are origins, however many there are of each.
fn lives(origins: &BTreeSet<Arc<Origin>>) -> impl Iterator<Item = Life<'_>> {
    std::iter::successors(origins.first().map(|origin| origin.life()), |last| {
        let next = Life { incarnation: Incarnation(last.incarnation.0.checked_add(1)?), ..*last };
        let mut behind = origins.range::<Origin, _>((Bound::Included(&next.with("")), Bound::Unbounded));
        behind.next().map(|origin| origin.life())
    })
}

/// Those of a life of a namespace that were invalidated, as far as to look at them takes no longer than it may.
fn concerned(
    origins: &BTreeSet<Arc<Origin>>,
    namespace: &str,
    incarnation: Incarnation,
    scope: &Scope<'_>,
) -> Vec<Arc<Origin>> {
    let life = Life { namespace, incarnation };
    let first = life.with("");
    let living = || {
        let behind = origins.range::<Origin, _>((Bound::Included(&first), Bound::Unbounded));
        behind.take_while(|origin| origin.incarnation == incarnation)
    };
    let Scope::Operations(patterns) = scope else {
        return if let Scope::All = scope { living().map(Arc::clone).collect() } else { Vec::new() };
    };
    let (names, patterns): (Vec<_>, Vec<_>) = patterns.iter().partition(|pattern| pattern.is_name());
    let by_name = names.iter().filter_map(|name| origins.get(&life.with(name.as_str())));
    let bytes = patterns.iter().map(|pattern| pattern.as_str().len()).sum();
    let looked_at = MATCHED_BYTES.checked_div(bytes).unwrap_or(0);
    let is_matched =
        |origin: &&Arc<Origin>| patterns.iter().any(|pattern| pattern.matches(origin.operation.as_bytes()));
    by_name.chain(living().take(looked_at).filter(is_matched)).map(Arc::clone).collect()
}

/// Takes some out.
fn take_of(origins: &mut BTreeSet<Arc<Origin>>, some: &[Arc<Origin>]) -> BTreeSet<Arc<Origin>> {
    some.iter().filter_map(|origin| origins.take(origin)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::policy::glob::Pattern;
    use super::super::tests::origin;
    use super::*;

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
        let held: Vec<_> =
            (0..10_000).map(|incarnation| origins.share(&origin("n", incarnation, "o"))).collect();
        assert_eq!(origins.len(), 10_001);
        drop(held);
        (0..11).for_each(|_| origins.sweep(1000));
        assert_eq!(origins.len(), 1);
        assert!(Arc::ptr_eq(&kept, &origins.share(&origin("kept", 0, "o"))));
    }

    #[test]
    fn those_who_add_to_it_sweep_it() {
        let mut origins = Origins::default();
        let kept: Vec<_> = (0..100).map(|n| origins.share(&origin("kept", n, "o"))).collect();
        for n in 0..10_000 {
            origins.share(&origin("n", n, "o"));
            assert!(origins.len() <= 2 * kept.len() + 10, "{}", origins.len());
        }
        // An entry of the same name is written again after each invalidation, and so frees the one before.
        let mut entry = None;
        for n in 0..1000 {
            entry = Some(origins.share(&origin("n", 1, "o")));
            let pattern = Pattern::of_operations(if n % 2 == 0 { b"o" } else { b"[o]" }).expect("a pattern");
            let scope = if n % 3 == 0 { Scope::All } else { Scope::Operations(vec![pattern]) };
            origins.invalidate("n", Incarnation(1), &scope);
            assert!(origins.dead.len() <= 3, "{} after {n}", origins.dead.len());
        }
        drop(entry);
        origins.sweep(10);
        assert_eq!(origins.dead.len(), 0);
    }

    #[test]
    fn dead_ones_in_use_hold_up_none_of_the_others() {
        let mut origins = Origins::default();
        let names: Vec<String> = (0..1000).map(|n| format!("o{n}")).collect();
        let mut held: Vec<_> = names.iter().map(|name| origins.share(&origin("n", 1, name))).collect();
        origins.invalidate("n", Incarnation(1), &Scope::All);
        held.truncate(1);
        (0..100).for_each(|_| origins.sweep(25));
        let left: usize = origins.dead.iter().map(|dead| dead.ahead.len() + dead.behind.len()).sum();
        assert_eq!(left, 1, "the first in order is still in use");
        drop(held);
        (0..2).for_each(|_| origins.sweep(25));
        assert!(origins.dead.is_empty());
    }

    #[test]
    fn an_invalidation_among_many_looks_at_some_only() {
        let mut origins = Origins::default();
        let count = MATCHED_BYTES;
        let _held: Vec<_> = (0..count).map(|n| origins.share(&origin("n", 1, &format!("o{n}")))).collect();
        let parse = |text: &str| Pattern::of_operations(text.as_bytes()).expect("a pattern");
        let patterns = vec![parse("*"), parse("o*"), parse("o99999")];
        origins.invalidate("n", Incarnation(1), &Scope::Operations(patterns));
        let gone = count - origins.len();
        assert!((count / 4..=count / 2 + 2).contains(&gone), "{gone} of {count}");
        let named = origins.namespaces["n"].contains(&origin("n", 1, "o99999"));
        assert!(!named, "those that are named are found however many there are");
    }

    #[test]
    fn an_operation_is_found_in_every_life_of_its_namespace() {
        let mut origins = Origins::default();
        let lives = [0, 1, 7, u64::MAX];
        let names =
            lives.into_iter().flat_map(|life| ["a", "b"].map(|operation| origin("n", life, operation)));
        let held: Vec<_> = names.map(|name| origins.share(&name)).collect();
        held.iter().for_each(|handle| handle.add(&one(1)));
        assert_eq!(of(origins.load_of("n", Some("a"))), (4, 4));
        assert_eq!(of(origins.load_of("n", None)), (8, 8));
        assert_eq!(of(origins.load_of("n", Some("c"))), (0, 0));
        origins.invalidate("n", Incarnation(7), &Scope::All);
        assert_eq!(of(origins.load_of("n", Some("b"))), (3, 3));
    }

    fn one(bytes: u64) -> Load {
        Load { entries: 1, bytes, stored_bytes: bytes + 50, weight: 0 }
    }

    /// Entries and bytes.
    fn of(load: Load) -> (u64, u64) {
        (load.entries, load.bytes)
    }

    #[test]
    fn what_is_invalidated_at_once_does_not_count_and_is_counted_out_once() {
        let mut origins = Origins::default();
        let names = [("n", 1, "a"), ("n", 1, "b"), ("n", 2, "a"), ("m", 3, "a")];
        let handles =
            names.map(|(namespace, life, operation)| origins.share(&origin(namespace, life, operation)));
        handles.iter().zip([1, 10, 100, 1000]).for_each(|(handle, bytes)| handle.add(&one(bytes)));
        assert_eq!(of(origins.load()), (4, 1111));
        assert_eq!(of(origins.load_of("n", None)), (3, 111));
        assert_eq!(of(origins.load_of("n", Some("a"))), (2, 101));
        assert_eq!(of(origins.load_of("none", None)), (0, 0));
        let pattern = Pattern::of_operations(b"[a]").expect("a pattern");
        origins.invalidate("n", Incarnation(1), &Scope::Tags(vec![b"t"]));
        assert_eq!(of(origins.load()), (4, 1111));
        origins.invalidate("n", Incarnation(1), &Scope::Operations(vec![pattern]));
        assert_eq!(of(origins.load()), (3, 1110));
        assert_eq!(of(origins.load_of("n", Some("a"))), (1, 100), "of another life");
        let since = origins.share(&origin("n", 1, "a"));
        since.add(&one(5));
        assert_eq!(of(origins.load_of("n", Some("a"))), (2, 105), "stored since");
        handles[0].subtract(&one(1));
        assert_eq!(of(origins.load()), (4, 1115), "freed only now");
        origins.invalidate("n", Incarnation(1), &Scope::All);
        assert_eq!(of(origins.load()), (2, 1100));
        origins.invalidate("n", Incarnation(2), &Scope::All);
        assert_eq!(of(origins.load()), (1, 1000));
        handles[1].subtract(&one(10));
        handles[2].subtract(&one(100));
        since.subtract(&one(5));
        drop((handles, since));
        (0..10).for_each(|_| origins.sweep(1000));
        assert_eq!((of(origins.load()), origins.dead.len()), ((1, 1000), 0));
    }

    #[test]
    fn a_life_comes_to_what_of_it_is_alive() {
        let mut origins = Origins::default();
        let [a, b, c] = [("n", 1, "a"), ("n", 1, "b"), ("n", 2, "a")]
            .map(|(namespace, life, operation)| origins.share(&origin(namespace, life, operation)));
        [&a, &b, &c].into_iter().zip([1, 10, 100]).for_each(|(handle, bytes)| handle.add(&one(bytes)));
        let life = |origins: &Origins, n| {
            let gauges = origins.life_gauges("n", Incarnation(n));
            of(gauges.map_or_else(Load::default, |gauges| gauges.load()))
        };
        assert_eq!([life(&origins, 1), life(&origins, 2), life(&origins, 3)], [(2, 11), (1, 100), (0, 0)]);
        assert_eq!(of(b.life_gauges().expect("a handle").load()), (2, 11));
        let pattern = Pattern::of_operations(b"a").expect("a pattern");
        origins.invalidate("n", Incarnation(1), &Scope::Operations(vec![pattern]));
        assert_eq!(life(&origins, 1), (1, 10));
        a.subtract(&one(1));
        assert_eq!(life(&origins, 1), (1, 10), "it did not count any more");
        let again = origins.share(&origin("n", 1, "a"));
        again.add(&one(5));
        assert_eq!(life(&origins, 1), (2, 15));
        origins.invalidate("n", Incarnation(1), &Scope::All);
        let anew = origins.share(&origin("n", 1, "b"));
        anew.add(&one(3));
        b.subtract(&one(10));
        again.subtract(&one(5));
        assert_eq!((life(&origins, 1), of(anew.life_gauges().expect("a handle").load())), ((1, 3), (1, 3)));
    }

    #[test]
    fn the_sweep_takes_its_time_and_meets_all() {
        let mut origins = Origins::default();
        let names = |n: u64| origin(["a", "b", "c"][n as usize % 3], n / 3, "o");
        let held: Vec<_> = (0..300).map(|n| origins.share(&names(n))).collect();
        (300..600).for_each(|n| drop(origins.share(&names(n))));
        origins.sweep(100);
        assert!(origins.len() > 300);
        (0..6).for_each(|_| origins.sweep(100));
        assert_eq!(origins.len(), 300);
        drop(held);
        (0..4).for_each(|_| origins.sweep(100));
        assert!(origins.is_empty());
    }
}
