//! How long something took, many times: in a histogram of bounded size.

use hdrhistogram::Histogram;

/// Ten years, the longest that anything may take; in milliseconds.
const LONGEST_MS: u64 = 315_360_000_000;

/// One significant digit: a sixteenth of a value at most lies between the ends of its bar, so that the middle of the
/// bar is off by a thirty-second. All bars then take 2 KiB; the first is taken with the first span.
const DIGITS: u8 = 1;

/// Spans of time in whole milliseconds.
#[derive(Debug, Default)]
pub struct Spans(Option<Box<Histogram<u32>>>);

impl Spans {
    pub fn record(&mut self, ms: u64) {
        if self.0.is_none() {
            self.0 = Histogram::new(DIGITS).ok().map(|mut histogram| {
                histogram.auto(true);
                Box::new(histogram)
            });
        }
        if let Some(histogram) = &mut self.0 {
            // It grows as needed, and no further than to that.
            let _ = histogram.record(ms.min(LONGEST_MS));
        }
    }

    /// So many percent of the spans were at most that long, to within 4 %; none where there are none.
    pub fn percentile_ms(&self, percent: f64) -> Option<u64> {
        let histogram = self.0.as_ref()?;
        Some(histogram.median_equivalent(histogram.value_at_percentile(percent)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_spans_there_are_no_percentiles() {
        assert_eq!(Spans::default().percentile_ms(50.0), None);
    }

    #[test]
    fn nothing_is_too_long_and_memory_is_bounded() {
        let mut spans = Spans::default();
        [0, 1, u64::MAX].into_iter().for_each(|ms| spans.record(ms));
        assert_eq!(spans.percentile_ms(1.0), Some(0));
        let longest = spans.percentile_ms(100.0).expect("a percentile");
        assert!(longest.abs_diff(LONGEST_MS) * 32 <= LONGEST_MS, "{longest}");
        let bars = spans.0.expect("a histogram").distinct_values();
        assert!(bars * size_of::<u32>() < 2560, "{bars} bars");
    }

    proptest! {
        #[test]
        fn percentiles_are_those_of_the_sorted_spans(
            mut all in proptest::collection::vec(0..1u64 << 40, 1..300),
            percent in prop_oneof![Just(50.0), Just(95.0), Just(99.0)],
        ) {
            all.iter_mut().for_each(|ms| *ms = (*ms >> (*ms % 41)).min(LONGEST_MS));
            let mut spans = Spans::default();
            all.iter().for_each(|ms| spans.record(*ms));
            all.sort_unstable();
            let rank = (percent / 100.0 * all.len() as f64).ceil() as usize;
            let (exact, told) = (all[rank.max(1) - 1], spans.percentile_ms(percent).expect("a percentile"));
            prop_assert!(told.abs_diff(exact) * 25 <= exact, "{told} for {exact}");
        }
    }
}
