//! Rates: what changed from one reading to the next.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Instant;

use super::source::{Figures, Reading};

/// How many readings a sparkline shows.
pub const SHOWN: usize = 60;

/// Who has figures: the server, a namespace, an operation of one.
pub type Row = (Option<String>, Option<String>);

/// What is known of a row beside its figures.
#[derive(Debug, Clone, Default)]
pub struct Recent {
    /// Lookups a second, by the last two readings.
    pub rate: f64,
    /// Hit rates in percent, the newest last; none where there was no lookup.
    pub hit_rates: VecDeque<Option<f64>>,
    last: Option<(Instant, f64, f64)>,
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
        let (lookups, hits) = (figures.count("lookups"), figures.count("hits"));
        if let Some((before, lookups_before, hits_before)) = self.last {
            // Whoever counts less than before began anew in between.
            let began_anew = lookups < lookups_before || hits < hits_before;
            let (base, hits_base) = if began_anew { (0.0, 0.0) } else { (lookups_before, hits_before) };
            let seconds = at.saturating_duration_since(before).as_secs_f64().max(0.001);
            let new = lookups - base;
            self.rate = new / seconds;
            self.hit_rates.push_back((new > 0.0).then(|| (hits - hits_base) * 100.0 / new));
            while self.hit_rates.len() > SHOWN {
                self.hit_rates.pop_front();
            }
        }
        self.last = Some((at, lookups, hits));
    }

    /// The hit rates as a line of bars, a dot where there was no lookup.
    pub fn sparkline(&self) -> String {
        const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let bar = |rate: &Option<f64>| rate.map_or('·', |rate| BARS[((rate / 12.5) as usize).min(7)]);
        self.hit_rates.iter().map(bar).collect()
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
            assert_eq!(recent.sparkline(), "█·▂▅");
        }
        assert_eq!(watch.recent(Some("gone"), None).rate, 0.0);
        watch.note(Reading::default(), at);
        assert_eq!(watch.recent.len(), 1, "what is gone is forgotten");
    }

    #[test]
    fn a_sparkline_is_as_long_as_a_minute() {
        let (mut watch, mut at) = (Watch::default(), Instant::now());
        for n in 0..200 {
            watch.note(reading(&n.to_string(), "0"), at);
            at += Duration::from_secs(1);
        }
        assert_eq!(watch.recent(None, None).sparkline().chars().count(), SHOWN);
    }
}
