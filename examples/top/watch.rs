//! Rates: what changed from one reading to the next.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Instant;

use super::figures::{Figures, Reading};

/// How many readings a sparkline shows.
pub const SHOWN: u16 = 60;

/// Who has figures: the server, a namespace, an operation of one.
pub type Row = (Option<String>, Option<String>);

/// What is known of a row beside its figures.
#[derive(Debug, Clone, Default)]
pub struct Recent {
    /// Lookups a second, by the last two readings.
    pub rate: f64,
    /// Hit rates in percent, the newest last; none where there was no lookup.
    pub hit_rates: VecDeque<Option<f64>>,
    last: Option<Counts>,
}

/// What was counted when the server was asked.
#[derive(Debug, Clone, Copy)]
struct Counts {
    at: Instant,
    lookups: f64,
    hits: f64,
    /// When counting began, in Unix seconds.
    since: Option<f64>,
}

impl Counts {
    /// What to count from: nothing, if counting began anew. Whoever has less than before did, too, within that very second.
    fn base(&self, now: &Counts) -> (f64, f64) {
        let began_anew = now.since != self.since || now.lookups < self.lookups || now.hits < self.hits;
        if began_anew { (0.0, 0.0) } else { (self.lookups, self.hits) }
    }
}

#[derive(Debug, Default)]
pub struct Watch {
    pub reading: Reading,
    recent: HashMap<Row, Recent>,
}

impl Watch {
    /// The server was asked at that moment.
    pub fn note(&mut self, reading: Reading, at: Instant) {
        let mut rows: BTreeMap<Row, Figures> = BTreeMap::new();
        rows.insert((None, None), reading.all.clone());
        for (namespace, (figures, operations)) in &reading.namespaces {
            rows.insert((Some(namespace.clone()), None), figures.clone());
            for (operation, figures) in operations {
                rows.insert((Some(namespace.clone()), Some(operation.clone())), figures.clone());
            }
        }
        self.recent.retain(|row, _| rows.contains_key(row));
        for (row, figures) in rows {
            self.recent.entry(row).or_default().note(&figures, at);
        }
        self.reading = reading;
    }

    /// What is known of a row beside its figures.
    pub fn recent(&self, namespace: Option<&str>, operation: Option<&str>) -> Recent {
        let row = (namespace.map(str::to_owned), operation.map(str::to_owned));
        self.recent.get(&row).cloned().unwrap_or_default()
    }
}

impl Recent {
    fn note(&mut self, figures: &Figures, at: Instant) {
        let (lookups, hits, since) =
            (figures.count("lookups"), figures.count("hits"), figures.number("since"));
        let now = Counts { at, lookups, hits, since };
        if let Some(before) = self.last {
            let (lookups_before, hits_before) = before.base(&now);
            let seconds = at.saturating_duration_since(before.at).as_secs_f64().max(0.001);
            let new = lookups - lookups_before;
            self.rate = new / seconds;
            self.hit_rates.push_back((new > 0.0).then(|| (hits - hits_before) * 100.0 / new));
            while self.hit_rates.len() > usize::from(SHOWN) {
                self.hit_rates.pop_front();
            }
        }
        self.last = Some(now);
    }

    /// The newest hit rates as a line of so many bars at most, a dot where there was no lookup.
    pub fn sparkline(&self, width: u16) -> String {
        const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let bar = |rate: &Option<f64>| rate.map_or('·', |rate| BARS[((rate / 12.5) as usize).min(7)]);
        let older = self.hit_rates.len().saturating_sub(usize::from(width));
        self.hit_rates.iter().skip(older).map(bar).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn reading(lookups: &str, hits: &str) -> Reading {
        let figures = Figures::from([("lookups", lookups), ("hits", hits)]);
        let operations = BTreeMap::from([("op".to_owned(), figures.clone())]);
        Reading {
            all: figures.clone(),
            namespaces: BTreeMap::from([("ns".to_owned(), (figures, operations))]),
            has_more: false,
        }
    }

    #[test]
    fn rates_are_what_came_since_the_last_reading() {
        let (mut watch, begun) = (Watch::default(), Instant::now());
        let mut at = begun;
        for (lookups, hits) in [("100", "50"), ("120", "70"), ("120", "70"), ("160", "75"), ("8", "4")] {
            watch.note(reading(lookups, hits), at);
            at += Duration::from_secs(2);
        }
        for recent in
            [watch.recent(None, None), watch.recent(Some("ns"), None), watch.recent(Some("ns"), Some("op"))]
        {
            assert_eq!(recent.hit_rates, [Some(100.0), None, Some(12.5), Some(50.0)]);
            assert_eq!(recent.rate, 4.0, "after it began anew");
            assert_eq!(recent.sparkline(60), "█·▂▅");
            assert_eq!(recent.sparkline(2), "▂▅", "where there is no room, the newest");
        }
        assert_eq!(watch.recent(Some("gone"), None).rate, 0.0);
        watch.note(Reading::default(), at);
        assert_eq!(watch.recent.len(), 1, "what is gone is forgotten");
    }

    #[test]
    fn counting_that_began_anew_is_known_by_when_it_began() {
        let (mut recent, begun) = (Recent::default(), Instant::now());
        recent.note(&Figures::from([("lookups", "10"), ("hits", "5"), ("since", "100")]), begun);
        let later = begun + Duration::from_secs(2);
        recent.note(&Figures::from([("lookups", "20"), ("hits", "20"), ("since", "101")]), later);
        assert_eq!((recent.rate, recent.hit_rates[0]), (10.0, Some(100.0)));
    }

    #[test]
    fn a_sparkline_is_as_long_as_a_minute() {
        let (mut watch, mut at) = (Watch::default(), Instant::now());
        for n in 0..200 {
            watch.note(reading(&n.to_string(), "0"), at);
            at += Duration::from_secs(1);
        }
        assert_eq!(watch.recent(None, None).sparkline(u16::MAX).chars().count(), usize::from(SHOWN));
    }
}
