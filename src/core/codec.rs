//! The byte codec under every stored form: LEB128 integers and length-prefixed strings.
//!
//! Reading never trusts a length: it is compared with what is there before anything is taken.

/// Where encoded bytes go: a vector, a block of the server's, or a mere count.
pub trait Sink {
    fn put(&mut self, bytes: &[u8]);

    /// An unsigned LEB128 integer: seven bits a byte, the lowest first.
    fn put_varint(&mut self, mut value: u64) {
        let mut bytes = [0u8; 10];
        let mut used = 0;
        for byte in &mut bytes {
            used += 1;
            *byte = (value & 0x7f) as u8;
            value >>= 7;
            if value == 0 {
                break;
            }
            *byte |= 0x80;
        }
        self.put(bytes.get(..used).unwrap_or_default());
    }

    /// A length, then that many bytes.
    fn put_string(&mut self, bytes: &[u8]) {
        self.put_varint(bytes.len() as u64);
        self.put(bytes);
    }
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A sink that only counts, so that memory can be taken once and exactly.
#[derive(Debug, Default)]
pub struct Count(pub usize);

impl Sink for Count {
    fn put(&mut self, bytes: &[u8]) {
        self.0 = self.0.saturating_add(bytes.len());
    }
}

/// Reads what a [`Sink`] was given, from the front; `None` as soon as something does not fit.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader(bytes)
    }

    /// What has not been read yet.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub fn u64_le(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*bytes))
    }

    pub fn u32_le(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*bytes))
    }

    #[inline]
    pub fn varint(&mut self) -> Option<u64> {
        if let Some(bytes) = self.0.first_chunk::<8>() {
            let word = u64::from_le_bytes(*bytes);
            let ends = !word & 0x8080_8080_8080_8080;
            if ends != 0 {
                // The lowest of those bits is the highest of the last byte.
                let (last, length) = (ends & ends.wrapping_neg(), ends.trailing_zeros() / 8 + 1);
                self.0 = self.0.get(length as usize..)?;
                return Some(packed(word & (last | last.wrapping_sub(1))));
            }
        }
        self.long_varint()
    }

    /// The same byte by byte.
    fn long_varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// An integer that the caller bounds: `None` above `max`.
    pub fn varint_up_to(&mut self, max: u64) -> Option<u64> {
        self.varint().filter(|&value| value <= max)
    }

    /// A length-prefixed string of at most `max` bytes.
    pub fn string(&mut self, max: usize) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok().filter(|&length| length <= max)?;
        let (string, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(string)
    }
}

/// The lower seven bits of each byte, side by side.
fn packed(word: u64) -> u64 {
    let sevens = word & 0x7f7f_7f7f_7f7f_7f7f;
    let fourteens = (sevens & 0x007f_007f_007f_007f) | (sevens & 0x7f00_7f00_7f00_7f00) >> 1;
    let halves = (fourteens & 0x0000_3fff_0000_3fff) | (fourteens & 0x3fff_0000_3fff_0000) >> 2;
    (halves & 0x0fff_ffff) | (halves & 0x0fff_ffff_0000_0000) >> 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// All that can stand there, also what no sink writes.
        #[test]
        fn eight_bytes_at_once_are_read_as_one_by_one(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0x80..=0xffu8, Just(0x80), Just(0)], 0..14)
        ) {
            let (mut at_once, mut one_by_one) = (Reader::new(&bytes), Reader::new(&bytes));
            let values = (at_once.varint(), one_by_one.long_varint());
            prop_assert_eq!(values.0, values.1);
            if values.0.is_some() {
                prop_assert_eq!(at_once.rest(), one_by_one.rest());
            }
        }

        #[test]
        fn integers_and_strings_come_back(values in proptest::collection::vec(any::<u64>(), 0..20), text in any::<Vec<u8>>()) {
            let mut bytes = Vec::new();
            let mut count = Count::default();
            for &value in &values {
                bytes.put_varint(value);
                count.put_varint(value);
            }
            bytes.put_string(&text);
            count.put_string(&text);
            prop_assert_eq!(count.0, bytes.len());
            let mut reader = Reader::new(&bytes);
            for &value in &values {
                prop_assert_eq!(reader.varint(), Some(value));
            }
            prop_assert_eq!(reader.string(usize::MAX), Some(&text[..]));
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn no_bytes_make_a_reader_panic(bytes in any::<Vec<u8>>()) {
            let mut reader = Reader::new(&bytes);
            while reader.varint().is_some() && reader.string(10).is_some() && reader.u64_le().is_some() {}
        }
    }

    #[test]
    fn what_does_not_fit_is_none() {
        assert_eq!(Reader::new(&[0x80]).varint(), None);
        assert_eq!(Reader::new(&[0xff; 10]).varint(), None, "more than 64 bits");
        assert_eq!(Reader::new(&[5, 1, 2]).string(9), None, "longer than what is there");
        assert_eq!(Reader::new(&[2, 1, 2]).string(1), None, "longer than allowed");
        assert_eq!(Reader::new(&[7]).varint_up_to(6), None);
    }
}
