//! Repeatable chance: the same seed makes the same test.

/// A generator of pseudo-random numbers (SplitMix64: Steele, Lea, Flood, OOPSLA 2014).
pub struct Random(u64);

impl Random {
    /// The generator of the seed, the same each time.
    pub fn seeded(seed: u64) -> Random {
        Random(seed)
    }

    /// Any 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..limit`; `limit` must not be 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of the members.
    pub fn pick<'a, T>(&mut self, members: &'a [T]) -> &'a T {
        &members[self.below(members.len())]
    }

    /// `length` bytes of any value.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// A copy of `bytes` with one change: a bit, a byte, a cut, an insertion, a repetition or a stretch of noise.
    pub fn mutated(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        if bytes.is_empty() {
            let length = 1 + self.below(9);
            return self.bytes(length);
        }
        let at = self.below(bytes.len());
        let end = at + self.below((bytes.len() - at).min(32)) + 1;
        match self.below(8) {
            0 => bytes[at] ^= 1 << self.below(8),
            1 => bytes[at] = self.next() as u8,
            2 => bytes[at] = *self.pick(&[0, 1, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xfe, 0xff]),
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..end)),
            5 => drop(bytes.splice(at..at, self.bytes(end - at))),
            6 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            _ => drop(bytes.splice(at..end, self.bytes(end - at))),
        }
        bytes
    }
}
