//! Dictionaries: what results of one operation have in common, so that it need not be stored with each.
//!
//! They belong to their namespace, are stored and replicated with it, and are kept while an entry uses them.

use std::fmt;
use std::sync::Arc;

use zstd::zstd_safe::{DDict, get_dict_id_from_dict};

use super::super::codec::{Reader, Sink};
use super::super::limits::maxima;
use super::super::name::OperationName;

/// A dictionary of one operation of a namespace, in zstd's format (RFC 8878, section 5), which bears an identity of its
/// own: a frame that was made with it is not opened with another.
#[derive(PartialEq, Eq)]
pub struct Dictionary {
    number: u32,
    operation: Box<str>,
    bytes: Box<[u8]>,
}

/// How many bytes a seal has.
const SEAL_BYTES: usize = 4;

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dictionary {} of {} with {} bytes", self.number, self.operation, self.bytes.len())
    }
}

impl Dictionary {
    /// None where that is no dictionary, or too long a one. Whether zstd can use it is asked of [`is_usable`](Self::is_usable).
    pub fn new(number: u32, operation: OperationName<'_>, bytes: &[u8]) -> Option<Self> {
        let is_one = number > 0 && bytes.len() <= maxima::DICTIONARY_BYTES;
        get_dict_id_from_dict(bytes).filter(|_| is_one)?;
        Some(Dictionary { number, operation: operation.as_str().into(), bytes: bytes.into() })
    }

    /// Whether zstd can use it. What is not is harmless, and of no use.
    pub fn is_usable(&self) -> bool {
        DDict::try_create(&self.bytes).is_some()
    }

    /// Its bytes as they are stored and sent: with their CRC-32 behind them, since all that is opened with it would be wrong
    /// where it is.
    pub fn sealed(&self) -> Vec<u8> {
        [&self.bytes[..], &crc32fast::hash(&self.bytes).to_le_bytes()].concat()
    }

    /// The bytes that were sealed; none where they are damaged.
    pub fn unsealed(sealed: &[u8]) -> Option<&[u8]> {
        let (bytes, checksum) = sealed.split_last_chunk::<SEAL_BYTES>()?;
        (crc32fast::hash(bytes).to_le_bytes() == *checksum).then_some(bytes)
    }

    /// Its number, unique in the life of its namespace.
    pub fn number(&self) -> u32 {
        self.number
    }

    pub fn operation(&self) -> &str {
        &self.operation
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The dictionaries of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dictionaries {
    /// The number that was given last.
    last: u32,
    /// By their numbers.
    list: Vec<Arc<Dictionary>>,
}

impl Dictionaries {
    pub fn get(&self, number: u32) -> Option<&Arc<Dictionary>> {
        let at = self.list.binary_search_by_key(&number, |dictionary| dictionary.number).ok()?;
        self.list.get(at)
    }

    /// What results of an operation are compressed with.
    pub fn newest(&self, operation: &str) -> Option<&Arc<Dictionary>> {
        self.list.iter().rev().find(|dictionary| *dictionary.operation == *operation)
    }

    /// The number of the next; none where all were given.
    pub fn next_number(&self) -> Option<u32> {
        self.last.checked_add(1)
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What can go when a new one of `operation` comes: what no entry uses, and no result is compressed with any more.
    pub fn superseded(&self, operation: &str, is_used: impl Fn(u32) -> bool) -> Vec<u32> {
        let is_newest = |of: &Dictionary| {
            self.newest(&of.operation).is_some_and(|newest| newest.number == of.number)
                && *of.operation != *operation
        };
        let gone =
            self.list.iter().filter(|dictionary| !is_newest(dictionary) && !is_used(dictionary.number));
        gone.map(|dictionary| dictionary.number).collect()
    }

    /// Whether a new dictionary may come when others go.
    pub fn admits(&self, new: &Dictionary, dropped: &[u32]) -> bool {
        let kept = || self.list.iter().filter(|dictionary| !dropped.contains(&dictionary.number));
        let alike = kept().filter(|dictionary| dictionary.operation == new.operation).count();
        new.number > self.last
            && alike < maxima::OPERATION_DICTIONARIES
            && kept().count() < maxima::NAMESPACE_DICTIONARIES
    }

    /// Takes a new one, which [`admits`](Self::admits) has let in.
    pub fn install(&mut self, new: Arc<Dictionary>, dropped: &[u32]) {
        self.list.retain(|dictionary| !dropped.contains(&dictionary.number));
        self.last = new.number;
        self.list.push(new);
    }

    /// The stored form: the last number, how many there are, then of each number, operation and bytes.
    pub fn encode(&self, sink: &mut impl Sink) {
        sink.put_varint(u64::from(self.last));
        sink.put_varint(self.list.len() as u64);
        for dictionary in &self.list {
            sink.put_varint(u64::from(dictionary.number));
            sink.put_string(dictionary.operation.as_bytes());
            sink.put_string(&dictionary.sealed());
        }
    }

    /// Reads it again, from wherever it came. A dictionary that is damaged is left out, and what was made with it absent.
    pub fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let last = u32::try_from(reader.varint()?).ok()?;
        let count = reader.varint_up_to(maxima::NAMESPACE_DICTIONARIES as u64)?;
        let mut dictionaries = Dictionaries::default();
        for _ in 0..count {
            let number = u32::try_from(reader.varint_up_to(u64::from(last))?).ok()?;
            let operation = OperationName::parse(reader.string(usize::MAX)?).ok()?;
            let sealed = reader.string(maxima::DICTIONARY_BYTES.saturating_add(SEAL_BYTES))?;
            let Some(bytes) = Dictionary::unsealed(sealed) else { continue };
            let dictionary = Dictionary::new(number, operation, bytes)?;
            if !dictionaries.admits(&dictionary, &[]) {
                return None;
            }
            dictionaries.install(Arc::new(dictionary), &[]);
        }
        Some(Dictionaries { last, ..dictionaries })
    }

    /// Bytes of memory beyond the value itself, roughly.
    pub fn heap_bytes(&self) -> usize {
        let of = |dictionary: &Arc<Dictionary>| {
            dictionary
                .bytes
                .len()
                .saturating_add(dictionary.operation.len())
                .saturating_add(size_of::<Dictionary>())
        };
        let slots = self.list.capacity().saturating_mul(size_of::<Arc<Dictionary>>());
        self.list.iter().map(of).fold(slots, usize::saturating_add)
    }
}
