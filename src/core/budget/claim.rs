//! What of an entry decides whether it goes.

use std::cmp::Reverse;

use super::{Evict, Measure};
use crate::core::instant::Instant;

/// When an entry was last used, in sixteenths of a second or so: 16 ms, in 32 bits, which come round in two years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used(u32);

impl Used {
    pub fn at(now: Instant) -> Self {
        Used((now.unix_ms() >> 4) as u32)
    }

    /// Whether both are of the same half of a second, or so: 512 ms.
    pub fn is_within_half_second_of(self, now: Used) -> bool {
        self.0 >> 5 == now.0 >> 5
    }

    /// How long ago, in those units; nothing where it is yet to come (a clock may step back).
    fn ago(self, now: Used) -> u32 {
        let ago = now.0.wrapping_sub(self.0);
        if ago > u32::MAX / 2 { 0 } else { ago }
    }
}

/// What is known of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub used: Used,
    pub version: u64,
    /// Memory that it takes, but for its key.
    pub stored_bytes: u64,
    pub weight: u64,
}

/// How soon an entry goes: the greatest goes first.
pub type Rank = (u64, Reverse<u64>);

impl Claim {
    /// How soon it goes, where such a budget is exceeded. Of equals the one that was stored first does.
    pub fn rank(&self, evict: Evict, measure: Measure, now: Used) -> Rank {
        let first = match (evict, measure) {
            (Evict::Lru, _) => u64::from(self.used.ago(now)),
            (Evict::Fifo, _) => 0,
            (Evict::Largest, Measure::Bytes) => self.stored_bytes,
            (Evict::Largest, Measure::Weight) => self.weight,
        };
        (first, Reverse(self.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_goes_first() {
        let now = Instant::from_unix_ms(1_790_000_000_000);
        let claim = |ago_ms: u64, version, stored_bytes, weight| Claim {
            used: Used::at(Instant::from_unix_ms(now.unix_ms() - ago_ms)),
            version,
            stored_bytes,
            weight,
        };
        let claims = [claim(0, 1, 10, 7), claim(1600, 3, 10, 6), claim(1600, 2, 9, 5), claim(800, 4, 50, 5)];
        let first = |evict, measure| {
            let rank = |claim: &&Claim| claim.rank(evict, measure, Used::at(now));
            claims.iter().max_by_key(rank).map(|claim| claim.version)
        };
        assert_eq!(first(Evict::Lru, Measure::Bytes), Some(2), "of equals the one that was stored first");
        assert_eq!(first(Evict::Fifo, Measure::Weight), Some(1));
        assert_eq!(first(Evict::Largest, Measure::Bytes), Some(4));
        assert_eq!(first(Evict::Largest, Measure::Weight), Some(1));
    }

    #[test]
    fn a_clock_that_stepped_back_makes_nobody_old() {
        let now = Used::at(Instant::from_unix_ms(1_790_000_000_000));
        assert_eq!(Used(now.0.wrapping_add(5)).ago(now), 0);
        assert_eq!(Used(u32::MAX).ago(Used(4)), 5, "come round");
    }
}
