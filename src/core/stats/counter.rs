//! What is counted, and how it is called.

/// What is counted, each by its name in `CACHE.STATS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Counter {
    Hits,
    StaleHits,
    NegativeHits,
    Coalesced,
    Leases,
    Busy,
    Misses,
    Abandoned,
    MissesCold,
    MissesExpired,
    MissesInvalidated,
    MissesEvicted,
    MissesRejected,
    MissesBypassed,
    MissesCorrupt,
    Errors,
    Sets,
    Fills,
    Fenced,
    Invalidations,
    LeasesRenewed,
    LeasesLapsed,
    LeasesReleased,
    LeasesFailed,
    TimeSavedMs,
    BytesServed,
    WeightServed,
    Evictions,
    EvictedBytes,
    EvictedWeight,
    Swept,
    MemoHits,
}

/// How many counters there are.
pub const COUNTERS: usize = Counter::MemoHits as usize + 1;

/// All counters, in the order of their numbers, with their names.
pub const NAMED: [(Counter, &str); COUNTERS] = [
    (Counter::Hits, "hits"),
    (Counter::StaleHits, "stale_hits"),
    (Counter::NegativeHits, "negative_hits"),
    (Counter::Coalesced, "coalesced"),
    (Counter::Leases, "leases"),
    (Counter::Busy, "busy"),
    (Counter::Misses, "misses"),
    (Counter::Abandoned, "abandoned"),
    (Counter::MissesCold, "misses_cold"),
    (Counter::MissesExpired, "misses_expired"),
    (Counter::MissesInvalidated, "misses_invalidated"),
    (Counter::MissesEvicted, "misses_evicted"),
    (Counter::MissesRejected, "misses_rejected"),
    (Counter::MissesBypassed, "misses_bypassed"),
    (Counter::MissesCorrupt, "misses_corrupt"),
    (Counter::Errors, "errors"),
    (Counter::Sets, "sets"),
    (Counter::Fills, "fills"),
    (Counter::Fenced, "fenced"),
    (Counter::Invalidations, "invalidations"),
    (Counter::LeasesRenewed, "leases_renewed"),
    (Counter::LeasesLapsed, "leases_lapsed"),
    (Counter::LeasesReleased, "leases_released"),
    (Counter::LeasesFailed, "leases_failed"),
    (Counter::TimeSavedMs, "time_saved_ms"),
    (Counter::BytesServed, "bytes_served"),
    (Counter::WeightServed, "weight_served"),
    (Counter::Evictions, "evictions"),
    (Counter::EvictedBytes, "evicted_bytes"),
    (Counter::EvictedWeight, "evicted_weight"),
    (Counter::Swept, "swept"),
    (Counter::MemoHits, "memo_hits"),
];

/// The kinds of answers, which add up to the lookups.
pub const LOOKUPS: [Counter; 8] = [
    Counter::Hits,
    Counter::StaleHits,
    Counter::NegativeHits,
    Counter::Coalesced,
    Counter::Leases,
    Counter::Busy,
    Counter::Misses,
    Counter::Abandoned,
];

/// Those that are answered with a value.
pub const SERVED: [Counter; 3] = [Counter::Hits, Counter::StaleHits, Counter::Coalesced];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_stand_in_the_order_of_their_numbers() {
        for (number, (counter, name)) in NAMED.into_iter().enumerate() {
            assert_eq!(counter as usize, number, "{name}");
        }
    }
}
