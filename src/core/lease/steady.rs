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
    /// The steady time at a wall-clock time.
    pub fn at(&mut self, now: Instant) -> u64 {
        let step = self.last.map_or(0, |last| now.since(last));
        self.elapsed_ms = self.elapsed_ms.saturating_add(step);
        self.last = Some(now);
        self.elapsed_ms
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
}
