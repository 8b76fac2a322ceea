//! Figures: sums of rows, by the names under which clients read them.

use super::super::instant::Instant;
use super::counter::{COUNTERS, Counter, LOOKUPS, NAMED, SERVED};
use super::gauges::Load;
use super::level::Level;
use super::row::Row;
use super::windows::Tally;

/// What rows add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    counters: [u64; COUNTERS],
    minute: Tally,
    hour: Tally,
    /// A hundred times the hits of the last minute that the policies ask for.
    asked: u64,
}

impl Default for Figures {
    fn default() -> Self {
        Figures { counters: [0; COUNTERS], minute: Tally::default(), hour: Tally::default(), asked: 0 }
    }
}

/// Whether the cache does what its policy expects of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// In the last minute the hit rate was at least TARGET.
    Healthy,
    /// It was below.
    Degraded,
    /// There were no lookups in the last minute.
    Idle,
}

impl Health {
    pub fn word(self) -> &'static str {
        match self {
            Health::Healthy => "healthy",
            Health::Degraded => "degraded",
            Health::Idle => "idle",
        }
    }
}

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Figure {
    Count(u64),
    /// None where there is nothing to say.
    Known(Option<u64>),
    /// A part of a whole, in percent; none where the whole is zero.
    Percent(u64, u64),
    Word(&'static str),
}

impl Figure {
    /// As text; none for what is not known.
    pub fn text(self) -> Option<String> {
        match self {
            Figure::Count(count) => Some(count.to_string()),
            Figure::Known(count) => count.map(|count| count.to_string()),
            Figure::Percent(_, 0) => None,
            Figure::Percent(part, whole) => Some(format!("{:.2}", part as f64 * 100.0 / whole as f64)),
            Figure::Word(word) => Some(word.to_owned()),
        }
    }
}

/// What is said beside what was counted.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'l> {
    /// None where nothing is known of the subject.
    pub level: Option<&'l Level>,
    pub load: Load,
    /// Keys that the sweep has yet to look at; none where that is not told apart.
    pub sweep_pending: Option<u64>,
    /// Since when all is counted.
    pub since: Instant,
    pub started: Instant,
    pub now: Instant,
}

impl Figures {
    pub fn of<'r>(rows: impl IntoIterator<Item = &'r Row>, now: Instant) -> Self {
        let mut figures = Figures::default();
        for row in rows {
            figures.add(row, now);
        }
        figures
    }

    fn add(&mut self, row: &Row, now: Instant) {
        for (sum, (counter, _)) in self.counters.iter_mut().zip(NAMED) {
            *sum = sum.saturating_add(row.get(counter));
        }
        let (minute, hour) = row.last(now);
        self.minute = self.minute.plus(minute);
        self.hour = self.hour.plus(hour);
        let asked = u64::from(minute.lookups).saturating_mul(u64::from(row.target()));
        self.asked = self.asked.saturating_add(asked);
    }

    fn get(&self, counter: Counter) -> u64 {
        self.counters.get(counter as usize).copied().unwrap_or(0)
    }

    fn sum(&self, counters: &[Counter]) -> u64 {
        counters.iter().fold(0, |sum, counter| sum.saturating_add(self.get(*counter)))
    }

    /// By the hits that each operation's own TARGET asks for.
    pub fn health(&self) -> Health {
        match self.minute {
            Tally { lookups: 0, .. } => Health::Idle,
            Tally { hits, .. } if u64::from(hits).saturating_mul(100) < self.asked => Health::Degraded,
            _ => Health::Healthy,
        }
    }

    /// All figures by name, in the order in which they are shown.
    pub fn named(&self, beside: &Beside<'_>) -> Vec<(&'static str, Figure)> {
        let lookups = self.sum(&LOOKUPS);
        let percent = |part: u32, whole: u32| Figure::Percent(part.into(), whole.into());
        let (minute, hour) = (self.minute, self.hour);
        let mut named = vec![("lookups", Figure::Count(lookups))];
        self.counted(&mut named, Counter::Hits, Counter::Abandoned);
        named.extend([
            ("hit_rate_percent", Figure::Percent(self.get(Counter::Hits), lookups)),
            ("served_rate_percent", Figure::Percent(self.sum(&SERVED), lookups)),
            ("hit_rate_percent_minute", percent(minute.hits, minute.lookups)),
            ("served_rate_percent_minute", percent(minute.served, minute.lookups)),
            ("hit_rate_percent_hour", percent(hour.hits, hour.lookups)),
            ("served_rate_percent_hour", percent(hour.served, hour.lookups)),
        ]);
        self.counted(&mut named, Counter::MissesCold, Counter::LeasesFailed);
        let (waiters, waiters_peak) = beside.level.map(Level::waiters).unwrap_or_default();
        let span = |of: fn(&Level, f64) -> Option<u64>, percent| {
            Figure::Known(beside.level.and_then(|level| of(level, percent)))
        };
        named.extend([
            ("waiters", Figure::Count(waiters)),
            ("waiters_peak", Figure::Count(waiters_peak)),
            ("compute_ms_p50", span(Level::compute_ms, 50.0)),
            ("compute_ms_p95", span(Level::compute_ms, 95.0)),
            ("compute_ms_p99", span(Level::compute_ms, 99.0)),
            ("wait_ms_p50", span(Level::wait_ms, 50.0)),
            ("wait_ms_p95", span(Level::wait_ms, 95.0)),
            ("wait_ms_p99", span(Level::wait_ms, 99.0)),
        ]);
        self.counted(&mut named, Counter::TimeSavedMs, Counter::WeightServed);
        named.extend([
            ("entries", Figure::Count(beside.load.entries)),
            ("bytes", Figure::Count(beside.load.bytes)),
            ("stored_bytes", Figure::Count(beside.load.stored_bytes)),
            ("weight", Figure::Count(beside.load.weight)),
        ]);
        self.counted(&mut named, Counter::Evictions, Counter::Swept);
        let since = beside.level.map_or(beside.since, Level::since);
        let uptime_ms = beside.now.since(beside.started);
        named.push(("sweep_pending", Figure::Known(beside.sweep_pending)));
        self.counted(&mut named, Counter::MemoHits, Counter::MemoHits);
        named.extend([
            ("since", Figure::Count(since.unix_ms() / 1000)),
            ("uptime_s", Figure::Count(uptime_ms / 1000)),
            ("health", Figure::Word(self.health().word())),
        ]);
        named
    }

    /// The counters from the first to the last.
    fn counted(&self, named: &mut Vec<(&'static str, Figure)>, first: Counter, last: Counter) {
        let some = NAMED.get(first as usize..=last as usize).unwrap_or_default();
        named.extend(some.iter().map(|(counter, name)| (*name, Figure::Count(self.get(*counter)))));
    }
}
