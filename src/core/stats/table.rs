//! Where rows are found: by namespace and operation, as many as may be.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::instant::Instant;
use super::figures::{Figures, Health};
use super::level::Level;
use super::row::Row;

/// The operation under which all are counted for which there is no row of their own.
pub const OTHER: &str = "other";

/// All rows of this process.
///
/// A pair of namespace and operation gets a row of its own while there are few enough. After that it is counted in the
/// row [`OTHER`] of its namespace; and where not even the namespace is known, for all of them only.
#[derive(Debug)]
pub struct Statistics {
    namespaces: BTreeMap<Box<str>, OfNamespace>,
    /// How many rows there are of single operations.
    rows: usize,
    all: Rc<Level>,
    /// What belongs to no namespace that is known.
    rest: Rc<Row>,
    /// What rows had counted that were reset with their namespace alone.
    retired: Row,
    started: Instant,
    /// The namespace whose health was looked at last.
    looked_at: Box<str>,
    /// Those that were known not to be idle, and have begun anew since.
    idle_now: Vec<Box<str>>,
}

#[derive(Debug)]
struct OfNamespace {
    level: Rc<Level>,
    /// What belongs to no single operation.
    whole: Rc<Row>,
    operations: BTreeMap<Box<str>, Rc<Row>>,
    /// Whether [`OTHER`] is where those are counted for whom there was no room, and no operation of that name.
    shares: bool,
    health: Health,
}

impl OfNamespace {
    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.operations.values().chain([&self.whole]).map(|row| &**row)
    }

    fn figures(&self, now: Instant) -> Figures {
        Figures::of(self.rows(), now)
    }
}

/// What statistics are asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    All,
    Namespace(&'a str),
    Operation(&'a str, &'a str),
}

impl Statistics {
    /// Nothing counted yet; the process, or the module, started now.
    pub fn new(now: Instant) -> Self {
        let all = Rc::new(Level::new(now));
        let row = || Row::new([Rc::clone(&all), Rc::new(Level::new(now))], now);
        Statistics {
            namespaces: BTreeMap::new(),
            rows: 0,
            rest: Rc::new(row()),
            retired: row(),
            all,
            started: now,
            looked_at: Box::default(),
            idle_now: Vec::new(),
        }
    }

    /// The row of an operation, which is made while there are fewer than `max`.
    pub fn row(&mut self, namespace: &str, operation: &str, max: usize, now: Instant) -> Rc<Row> {
        if let Some(row) = self.find(namespace, operation) {
            return Rc::clone(row);
        }
        let (has_room, all) = (self.rows < max, Rc::clone(&self.all));
        let Some(of_namespace) = self.namespace(namespace, has_room, now) else {
            return Rc::clone(&self.rest);
        };
        let name = if has_room { operation } else { OTHER };
        let above = [Rc::clone(&of_namespace.level), all];
        let mut is_new = false;
        let row = of_namespace.operations.entry(name.into()).or_insert_with(|| {
            is_new = true;
            Rc::new(Row::new(above, now))
        });
        let row = Rc::clone(row);
        if is_new && name == OTHER {
            of_namespace.shares = !has_room;
        }
        self.rows = self.rows.saturating_add(usize::from(is_new && has_room));
        row
    }

    /// The row of what concerns no single operation of a namespace, which is made while there are fewer than `max`.
    pub fn whole(&mut self, namespace: &str, max: usize, now: Instant) -> Rc<Row> {
        let has_room = self.namespaces.len() < max;
        let row = self.namespace(namespace, has_room, now).map(|of_namespace| Rc::clone(&of_namespace.whole));
        row.unwrap_or_else(|| Rc::clone(&self.rest))
    }

    fn namespace(&mut self, name: &str, may_make: bool, now: Instant) -> Option<&mut OfNamespace> {
        if may_make && !self.namespaces.contains_key(name) {
            let level = Rc::new(Level::new(now));
            let whole = Rc::new(Row::new([Rc::clone(&level), Rc::clone(&self.all)], now));
            let made = OfNamespace {
                level,
                whole,
                operations: BTreeMap::new(),
                shares: false,
                health: Health::Idle,
            };
            self.namespaces.insert(name.into(), made);
        }
        self.namespaces.get_mut(name)
    }

    /// The row in which an operation is counted, where there is one by now.
    pub fn find(&self, namespace: &str, operation: &str) -> Option<&Rc<Row>> {
        self.namespaces.get(namespace)?.operations.get(operation)
    }

    /// The row in which something went wrong: of the operation, else of the namespace, else of none.
    pub fn nearest(&self, namespace: &str, operation: &str) -> &Row {
        match self.namespaces.get(namespace) {
            Some(of_namespace) => of_namespace.operations.get(operation).unwrap_or(&of_namespace.whole),
            None => &self.rest,
        }
    }

    /// What was counted, and the level that was kept beside it; none where nothing is known of the subject.
    pub fn figures(&self, subject: Subject<'_>, now: Instant) -> (Figures, Option<&Level>) {
        match subject {
            Subject::All => {
                let rows = self.namespaces.values().flat_map(OfNamespace::rows);
                let rows = rows.chain([&*self.rest, &self.retired]);
                (Figures::of(rows, now), Some(&self.all))
            }
            Subject::Namespace(namespace) => match self.namespaces.get(namespace) {
                Some(of_namespace) => (of_namespace.figures(now), Some(&of_namespace.level)),
                None => (Figures::default(), None),
            },
            Subject::Operation(namespace, operation) => match self.find(namespace, operation) {
                Some(row) => (Figures::of([&**row], now), Some(row.level())),
                None => (Figures::default(), None),
            },
        }
    }

    /// The operations of a namespace that have rows of their own, and [`OTHER`] where some have not.
    pub fn operations(&self, namespace: &str) -> impl Iterator<Item = &str> {
        let of_namespace = self.namespaces.get(namespace);
        of_namespace.into_iter().flat_map(|of_namespace| of_namespace.operations.keys().map(|name| &**name))
    }

    /// Since when this process, or the module in it, is there.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Since when all is counted.
    pub fn since(&self) -> Instant {
        self.all.since()
    }

    /// Begins at zero. What is found again later may be another row: whoever kept one must ask anew.
    pub fn reset(&mut self, now: Instant) {
        self.namespaces.values().for_each(|of_namespace| of_namespace.reset(now));
        let idle_now = &mut self.idle_now;
        self.namespaces.retain(|name, of_namespace| {
            let stays = of_namespace.keep();
            idle_now.extend((!stays && of_namespace.health != Health::Idle).then(|| name.clone()));
            stays
        });
        self.count_rows();
        self.rest.reset(now);
        self.retired.reset(now);
        self.all.reset(now);
    }

    /// The same for one namespace; all together lose nothing by that.
    pub fn reset_namespace(&mut self, namespace: &str, now: Instant) {
        let Some(of_namespace) = self.namespaces.get_mut(namespace) else { return };
        of_namespace.rows().for_each(|row| self.retired.absorb(row, now));
        of_namespace.reset(now);
        if !of_namespace.keep() {
            self.idle_now.extend((of_namespace.health != Health::Idle).then(|| namespace.into()));
            self.namespaces.remove(namespace);
        }
        self.count_rows();
    }

    fn count_rows(&mut self) {
        let own = |OfNamespace { operations, shares, .. }: &OfNamespace| {
            operations.len().saturating_sub(usize::from(*shares && operations.contains_key(OTHER)))
        };
        self.rows = self.namespaces.values().map(own).sum();
    }

    /// Looks at the health of some more namespaces, until so many rows were read or all were looked at; for each that
    /// changed its name and what it is now.
    pub fn changes_of_health(&mut self, max_rows: usize, now: Instant) -> Vec<(Box<str>, Health)> {
        let mut changes: Vec<_> =
            std::mem::take(&mut self.idle_now).into_iter().map(|name| (name, Health::Idle)).collect();
        let mut rows = 0usize;
        let after = std::mem::take(&mut self.looked_at);
        let behind = (std::ops::Bound::Excluded(&*after), std::ops::Bound::Unbounded);
        for (name, of_namespace) in self.namespaces.range_mut::<str, _>(behind) {
            let health = of_namespace.figures(now).health();
            if std::mem::replace(&mut of_namespace.health, health) != health {
                changes.push((name.clone(), health));
            }
            rows = rows.saturating_add(of_namespace.operations.len()).saturating_add(1);
            if rows >= max_rows {
                self.looked_at.clone_from(name);
                break;
            }
        }
        changes
    }
}

impl OfNamespace {
    fn reset(&self, now: Instant) {
        self.rows().for_each(|row| row.reset(now));
        self.level.reset(now);
    }

    /// Lets those rows go that nobody waits in; whether any is left.
    fn keep(&mut self) -> bool {
        self.operations.retain(|_, row| row.level().waiters().0 > 0);
        !self.operations.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Counter, Lookup, Reason, Served};
    use super::*;

    const NOW: Instant = Instant::from_unix_ms(1_790_000_000_000);

    const MISS: Lookup = Lookup::Miss(Reason::Cold);
    const HIT: Lookup = Lookup::Hit(Served { bytes: 1, took_ms: None, weight: None });

    fn get(statistics: &Statistics, subject: Subject<'_>, name: &str) -> Option<String> {
        use super::super::figures::Beside;
        let (figures, level) = statistics.figures(subject, NOW);
        let beside = Beside {
            level,
            load: Default::default(),
            sweep_pending: None,
            since: statistics.since(),
            started: statistics.started(),
            now: NOW,
        };
        let named = figures.named(&beside);
        named.into_iter().find(|(known, _)| *known == name).expect(name).1.text()
    }

    fn lookups(statistics: &Statistics, subject: Subject<'_>) -> u64 {
        get(statistics, subject, "lookups").expect("a figure").parse().expect("a number")
    }

    #[test]
    fn rows_are_few_and_nothing_is_lost() {
        let mut statistics = Statistics::new(NOW);
        for n in 0..10 {
            statistics.row("n", &format!("op{n}"), 3, NOW).answered(HIT, NOW);
            statistics.row(&format!("late{n}"), "op", 3, NOW).answered(HIT, NOW);
        }
        let operations: Vec<&str> = statistics.operations("n").collect();
        assert_eq!(operations, ["op0", "op1", OTHER]);
        assert_eq!(lookups(&statistics, Subject::Operation("n", "op0")), 1);
        assert_eq!(lookups(&statistics, Subject::Operation("n", OTHER)), 8);
        assert_eq!(lookups(&statistics, Subject::Operation("n", "op7")), 0);
        assert_eq!(lookups(&statistics, Subject::Namespace("n")), 10);
        assert_eq!(lookups(&statistics, Subject::Namespace("late0")), 1);
        assert_eq!(lookups(&statistics, Subject::Namespace("late7")), 0);
        assert_eq!(lookups(&statistics, Subject::All), 20);
        assert!(statistics.namespaces.len() <= 3);
        statistics.reset(NOW);
        assert!(statistics.namespaces.is_empty());
        statistics.row("late7", "op", 3, NOW).answered(HIT, NOW);
        assert_eq!(lookups(&statistics, Subject::Operation("late7", "op")), 1, "there is room again");
    }

    #[test]
    fn one_namespace_begins_anew_and_all_together_lose_nothing() {
        let mut statistics = Statistics::new(NOW);
        let later = NOW.plus(9000);
        for (namespace, times) in [("a", 3), ("b", 5)] {
            let row = statistics.row(namespace, "op", 9, NOW);
            (0..times).for_each(|_| row.answered(HIT, NOW));
            row.computed(70);
        }
        let waited_in = statistics.row("a", "slow", 9, NOW);
        waited_in.began_to_wait();
        statistics.reset_namespace("a", later);
        assert_eq!(lookups(&statistics, Subject::Namespace("a")), 0);
        assert_eq!(lookups(&statistics, Subject::All), 8);
        assert_eq!(get(&statistics, Subject::All, "hit_rate_percent_minute").as_deref(), Some("100.00"));
        assert_eq!(get(&statistics, Subject::Namespace("a"), "compute_ms_p50"), None);
        assert_eq!(get(&statistics, Subject::All, "compute_ms_p50").as_deref(), Some("70"));
        assert_eq!(get(&statistics, Subject::Namespace("a"), "waiters").as_deref(), Some("1"));
        assert_eq!(get(&statistics, Subject::Namespace("a"), "since").as_deref(), Some("1790000009"));
        assert!(Rc::ptr_eq(&waited_in, &statistics.row("a", "slow", 9, later)), "somebody waits in it");
        assert_eq!(statistics.operations("a").collect::<Vec<_>>(), ["slow"]);
        assert_eq!(statistics.rows, 2);
        statistics.reset_namespace("unknown", later);
    }

    #[test]
    fn operations_called_as_the_rest_is_take_room_too() {
        let mut statistics = Statistics::new(NOW);
        for n in 0..100 {
            statistics.row(&format!("n{n}"), OTHER, 5, NOW);
            statistics.row("reset", "op", 5, NOW);
            statistics.reset_namespace("reset", NOW);
        }
        let rows: usize = statistics.namespaces.values().map(|found| found.operations.len()).sum();
        assert_eq!((rows, statistics.rows), (5, 5));
    }

    #[test]
    fn health_outlasts_the_reset_of_one_namespace() {
        let mut statistics = Statistics::new(NOW);
        let row = statistics.row("a", "op", 9, NOW);
        row.set_target(80);
        (0..10).for_each(|n| row.answered(if n < 5 { HIT } else { MISS }, NOW));
        let well = statistics.row("b", "op", 9, NOW);
        well.set_target(40);
        well.answered(HIT, NOW);
        assert_eq!(get(&statistics, Subject::All, "health").as_deref(), Some("degraded"));
        for namespace in ["a", "b"] {
            statistics.reset_namespace(namespace, NOW);
            assert_eq!(get(&statistics, Subject::All, "health").as_deref(), Some("degraded"), "{namespace}");
        }
        assert_eq!(get(&statistics, Subject::Namespace("a"), "health").as_deref(), Some("idle"));
    }

    #[test]
    fn without_lookups_rates_are_not_known() {
        let statistics = Statistics::new(NOW);
        for subject in [Subject::All, Subject::Namespace("n"), Subject::Operation("n", "o")] {
            for name in ["hit_rate_percent", "served_rate_percent_hour", "compute_ms_p99", "wait_ms_p50"] {
                assert_eq!(get(&statistics, subject, name), None, "{name}");
            }
            assert_eq!(get(&statistics, subject, "hits").as_deref(), Some("0"));
            assert_eq!(get(&statistics, subject, "health").as_deref(), Some("idle"));
        }
    }

    #[test]
    fn health_goes_by_what_each_operation_is_asked_for() {
        let mut statistics = Statistics::new(NOW);
        let (low, high) = (statistics.row("n", "low", 9, NOW), statistics.row("n", "high", 9, NOW));
        low.set_target(50);
        high.set_target(90);
        (0..10).for_each(|n| low.answered(if n < 5 { HIT } else { MISS }, NOW));
        let health = |statistics: &mut Statistics, after| statistics.changes_of_health(100, NOW.plus(after));
        let told = |health| vec![(Box::from("n"), health)];
        assert_eq!(health(&mut statistics, 0), told(Health::Healthy));
        assert_eq!(health(&mut statistics, 0), []);
        (0..10).for_each(|n| high.answered(if n < 8 { HIT } else { MISS }, NOW));
        assert_eq!(get(&statistics, Subject::Operation("n", "low"), "health").as_deref(), Some("healthy"));
        assert_eq!(get(&statistics, Subject::Operation("n", "high"), "health").as_deref(), Some("degraded"));
        assert_eq!(health(&mut statistics, 0), told(Health::Degraded), "13 of 14");
        low.answered(HIT, NOW);
        assert_eq!(health(&mut statistics, 0), [], "14 of 14.5");
        high.answered(HIT, NOW);
        assert_eq!(health(&mut statistics, 0), [], "15 of 15.4");
        high.answered(HIT, NOW);
        (0..3).for_each(|_| low.answered(HIT, NOW));
        assert_eq!(health(&mut statistics, 0), told(Health::Healthy), "19 of 17.8");
        assert_eq!(health(&mut statistics, 60_000), told(Health::Idle));
    }

    #[test]
    fn who_begins_anew_is_told_to_be_idle() {
        let mut statistics = Statistics::new(NOW);
        for name in ["a", "b", "c"] {
            statistics.row(name, "op", 9, NOW).answered(MISS, NOW);
            statistics.row(name, "op", 9, NOW).set_target(50);
        }
        assert_eq!(statistics.changes_of_health(100, NOW).len(), 3);
        let told = |names: &[&str]| -> Vec<_> {
            names.iter().map(|name| (Box::from(*name), Health::Idle)).collect()
        };
        statistics.reset_namespace("b", NOW);
        statistics.reset_namespace("b", NOW);
        assert_eq!(statistics.changes_of_health(100, NOW), told(&["b"]));
        statistics.reset(NOW);
        assert_eq!(statistics.changes_of_health(100, NOW), told(&["a", "c"]));
        assert_eq!(statistics.changes_of_health(100, NOW), []);
    }

    #[test]
    fn health_is_looked_at_in_turns() {
        let mut statistics = Statistics::new(NOW);
        for n in 0..10 {
            statistics.row(&format!("n{n}"), "op", 99, NOW).answered(HIT, NOW);
        }
        let turns: Vec<usize> = (0..4).map(|_| statistics.changes_of_health(6, NOW).len()).collect();
        assert_eq!(turns, [3, 3, 3, 1]);
    }

    proptest! {
        #[test]
        fn the_parts_always_make_the_whole(steps in proptest::collection::vec((0..3u8, 0..4u8, 0..9u8), 0..100)) {
            let mut statistics = Statistics::new(NOW);
            let mut all = 0;
            for (namespace, operation, step) in steps {
                let names = (format!("n{namespace}"), format!("o{operation}"));
                let row = statistics.row(&names.0, &names.1, 5, NOW);
                match step {
                    0 => statistics.reset_namespace(&names.0, NOW),
                    1 => row.count(Counter::Errors),
                    2 => statistics.whole(&names.0, 5, NOW).count(Counter::Invalidations),
                    _ => {
                        row.answered(if step % 2 == 0 { HIT } else { MISS }, NOW);
                        all += 1;
                    }
                }
                prop_assert_eq!(lookups(&statistics, Subject::All), all);
                for namespace in ["n0", "n1", "n2"] {
                    let parts = statistics.operations(namespace).map(|operation| lookups(&statistics, Subject::Operation(namespace, operation)));
                    prop_assert_eq!(lookups(&statistics, Subject::Namespace(namespace)), parts.sum::<u64>());
                }
                prop_assert!(statistics.rows <= 5);
            }
        }
    }
}
