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

    pub fn varint(&mut self) -> Option<u64> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
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
