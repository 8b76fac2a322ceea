//! How many lookups there were lately, without a timer: what was counted when each second and each minute began.

use std::cell::Cell;

use super::super::instant::Instant;

/// How many units of time a ring looks back.
const UNITS: usize = 60;

const SECOND_MS: u64 = 1000;
const MINUTE_MS: u64 = 60 * SECOND_MS;

/// What is counted over time. The counts run on for ever, and over; differences of them are right all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub lookups: u32,
    pub hits: u32,
    /// Hits, stale hits and those who waited and were served.
    pub served: u32,
}

impl Tally {
    /// What was counted from `earlier` to this.
    fn since(self, earlier: Tally) -> Tally {
        Tally {
            lookups: self.lookups.wrapping_sub(earlier.lookups),
            hits: self.hits.wrapping_sub(earlier.hits),
            served: self.served.wrapping_sub(earlier.served),
        }
    }

    pub fn plus(self, other: Tally) -> Tally {
        Tally {
            lookups: self.lookups.wrapping_add(other.lookups),
            hits: self.hits.wrapping_add(other.hits),
            served: self.served.wrapping_add(other.served),
        }
    }
}

/// What had been counted when each of the last [`UNITS`] units of time began.
#[derive(Debug)]
struct Ring {
    unit_ms: u64,
    /// The present unit, counted from 1970.
    unit: Cell<u64>,
    /// Of unit `u` in place `u % UNITS`.
    begun: [Cell<Tally>; UNITS],
}

impl Ring {
    fn new(unit_ms: u64) -> Self {
        Ring { unit_ms, unit: Cell::new(0), begun: [const { Cell::new(ZERO) }; UNITS] }
    }

    /// Begins the present unit, and those in between in which nothing was counted.
    fn roll(&self, now: Instant, counted: Tally) {
        let (unit, last) = (now.unix_ms() / self.unit_ms, self.unit.get());
        // A clock that was set back by a little is waited for; by more, all that was counted is of long ago.
        if unit <= last && last.saturating_sub(unit) < UNITS as u64 {
            return;
        }
        self.unit.set(unit);
        let begun = if unit > last { unit.saturating_sub(last) } else { u64::MAX };
        for unit in unit.saturating_sub(begun.min(UNITS as u64).saturating_sub(1))..=unit {
            if let Some(place) = self.begun.get(unit as usize % UNITS) {
                place.set(counted);
            }
        }
    }

    /// What was counted in the present unit and the [`UNITS`] - 1 before it.
    fn last(&self, counted: Tally) -> Tally {
        let oldest = self.begun.get((self.unit.get() as usize).wrapping_add(1) % UNITS);
        counted.since(oldest.map_or(ZERO, Cell::get))
    }
}

const ZERO: Tally = Tally { lookups: 0, hits: 0, served: 0 };

/// The last minute, to the second, and the last hour, to the minute.
#[derive(Debug)]
pub struct Windows {
    minute: Ring,
    hour: Ring,
}

impl Default for Windows {
    fn default() -> Self {
        Windows { minute: Ring::new(SECOND_MS), hour: Ring::new(MINUTE_MS) }
    }
}

impl Windows {
    /// To be called before anything more is counted in another second than the last; returns when this second began,
    /// in Unix milliseconds.
    pub fn roll(&self, now: Instant, counted: Tally) -> u64 {
        self.minute.roll(now, counted);
        self.hour.roll(now, counted);
        now.unix_ms() / SECOND_MS * SECOND_MS
    }

    /// What was counted in the last minute, and in the last hour.
    pub fn last(&self, now: Instant, counted: Tally) -> (Tally, Tally) {
        self.roll(now, counted);
        (self.minute.last(counted), self.hour.last(counted))
    }

    /// Counts also what others have counted.
    pub fn absorb(&self, other: &Windows, now: Instant, counted: Tally, others: Tally) {
        self.roll(now, counted);
        other.roll(now, others);
        for (ring, other) in [(&self.minute, &other.minute), (&self.hour, &other.hour)] {
            for (place, other) in ring.begun.iter().zip(&other.begun) {
                place.set(place.get().plus(other.get()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: Instant = Instant::from_unix_ms(1_790_000_040_000);

    fn tally(lookups: u32) -> Tally {
        Tally { lookups, hits: lookups / 2, served: lookups }
    }

    /// Counts one lookup at each instant and says what the windows show at the last.
    fn shown(instants: &[u64], at: u64) -> (u32, u32) {
        let (windows, mut counted) = (Windows::default(), tally(0));
        for ms in instants {
            windows.roll(NOON.plus(*ms), counted);
            counted = counted.plus(tally(1));
        }
        let (minute, hour) = windows.last(NOON.plus(at), counted);
        (minute.lookups, hour.lookups)
    }

    proptest! {
        #[test]
        fn windows_show_what_is_in_them(mut instants in proptest::collection::vec(0..8_000_000u64, 0..200), more in 0..100_000u64) {
            instants.sort_unstable();
            let at = instants.last().copied().unwrap_or(0) + more;
            let since = |unit: u64| {
                let begin = (NOON.unix_ms() + at) / unit * unit - 59 * unit;
                instants.iter().filter(|ms| NOON.unix_ms() + **ms >= begin).count() as u32
            };
            prop_assert_eq!(shown(&instants, at), (since(1000), since(60_000)));
        }

        #[test]
        fn absorbed_windows_show_both(
            mut one in proptest::collection::vec(0..200_000u64, 0..50),
            mut other in proptest::collection::vec(0..200_000u64, 0..50),
        ) {
            one.sort_unstable();
            other.sort_unstable();
            let at = NOON.plus(200_000);
            let of = |instants: &[u64]| {
                let (windows, mut counted) = (Windows::default(), tally(0));
                for ms in instants {
                    windows.roll(NOON.plus(*ms), counted);
                    counted = counted.plus(tally(1));
                }
                (windows, counted)
            };
            let ((windows, counted), (others, also)) = (of(&one), of(&other));
            windows.absorb(&others, at, counted, also);
            let (minute, hour) = windows.last(at, counted.plus(also));
            let mut all = [one, other].concat();
            all.sort_unstable();
            prop_assert_eq!((minute.lookups, hour.lookups), shown(&all, 200_000));
        }
    }

    #[test]
    fn a_clock_that_is_set_back_spoils_nothing_for_long() {
        assert_eq!(shown(&[10_000, 9000], 10_000), (2, 2), "a second back");
        assert_eq!(shown(&[7_200_000, 0, 1000], 2000).0, 2, "two hours back: the last minute begins anew");
    }
}
