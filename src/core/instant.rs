//! Instants: points in time as values that callers pass in. The pure layers never ask a clock.

/// Milliseconds since the Unix epoch. Durations are plain `u64` milliseconds, in names that end in `_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The instant this many milliseconds after the Unix epoch.
    pub const fn from_unix_ms(ms: u64) -> Self {
        Instant(ms)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn unix_ms(self) -> u64 {
        self.0
    }

    /// Later by a duration; stops at the end of time instead of wrapping.
    pub const fn plus(self, duration_ms: u64) -> Self {
        Instant(self.0.saturating_add(duration_ms))
    }

    /// How long after `earlier`, in milliseconds; 0 where it is not after it (a clock may step back).
    pub const fn since(self, earlier: Instant) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
