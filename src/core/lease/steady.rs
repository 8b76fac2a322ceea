//! A time that never steps back.

use super::super::instant::Instant;

/// Milliseconds that count on while the wall clock does, and stand still where it steps back.
///
/// Deadlines are points of this time: an hour put back on the wall clock makes no lease an hour longer. One put
/// forward ends leases early, which costs a computation, and no more.
#[derive(Debug, Default)]
pub struct Steady {
    last: Option<Instant>,
    elapsed_ms: u64,
}

impl Steady {
    /// The steady time at a wall-clock time, from which it counts on.
    pub fn at(&mut self, now: Instant) -> u64 {
        self.elapsed_ms = self.would_be(now);
        self.last = Some(now);
        self.elapsed_ms
    }

    /// The steady time at a wall-clock time that is later than the command's. To count on from there, and from the command's
    /// time once more, would count what is in between twice.
    pub fn would_be(&self, now: Instant) -> u64 {
        let step = self.last.map_or(0, |last| now.since(last));
        self.elapsed_ms.saturating_add(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_what_passes_and_ignores_steps_back() {
        let mut steady = Steady::default();
        let mut at = |ms| steady.at(Instant::from_unix_ms(ms));
        assert_eq!([at(5000), at(5010), at(1000), at(1005), at(5000)], [0, 10, 10, 15, 4010]);
    }

    #[test]
    fn a_look_ahead_counts_nothing() {
        let mut steady = Steady::default();
        steady.at(Instant::from_unix_ms(5000));
        for ms in 1..=100 {
            assert_eq!(steady.would_be(Instant::from_unix_ms(5000 + ms)), ms);
            assert_eq!(steady.at(Instant::from_unix_ms(5000)), 0);
        }
    }
}
