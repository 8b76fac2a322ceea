//! Bodies: the result of an entry as it is stored, which need not be as it was given.
//!
//! A body cannot be mistaken for a result: to read it is to open it ([`State::open`](super::state::State::open)),
//! and only what was checked comes out of that.

use std::num::NonZeroU32;

use super::codec::{Reader, Sink};
use super::limits::maxima;

/// A stored result, with the CRC-32 (ISO-HDLC, as in gzip) of its stored bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body<'a> {
    stored: &'a [u8],
    checksum: u32,
    compression: Option<Compression>,
}

/// What is to be known to open a compressed result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    /// The number of its dictionary in the namespace; 0 is none.
    pub dictionary: u32,
    /// Bytes of the result, as it was given.
    pub length: NonZeroU32,
}

impl<'a> Body<'a> {
    /// No result at all.
    pub const EMPTY: Body<'static> = Body { stored: b"", checksum: 0, compression: None };

    /// A result as it was given.
    pub fn raw(result: &'a [u8]) -> Self {
        Body { stored: result, checksum: crc32fast::hash(result), compression: None }
    }

    /// A result that was made smaller.
    pub fn compressed(frame: &'a [u8], compression: Compression) -> Self {
        Body { compression: Some(compression), ..Body::raw(frame) }
    }

    /// The result, where it is stored as it was given.
    #[inline]
    pub fn as_raw(&self) -> Option<&'a [u8]> {
        if self.compression.is_none() { Some(self.stored) } else { None }
    }

    /// Bytes of the result, as it was given.
    #[inline]
    pub fn length(&self) -> usize {
        self.compression.map_or(self.stored.len(), |compression| compression.length.get() as usize)
    }

    pub fn stored(&self) -> &'a [u8] {
        self.stored
    }

    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// Whether the stored bytes are those that were written.
    pub fn is_sound(&self) -> bool {
        crc32fast::hash(self.stored) == self.checksum
    }

    /// Whether it is within what any result can be.
    pub(super) fn is_within_maxima(&self) -> bool {
        self.stored.len() <= maxima::RESULT_BYTES
    }

    /// Writes its part of a record, which is the last.
    pub(super) fn encode(&self, sink: &mut impl Sink) {
        if let Some(Compression { dictionary, length }) = self.compression {
            sink.put_varint(u64::from(dictionary));
            sink.put_varint(u64::from(length.get()));
        }
        sink.put(&self.checksum.to_le_bytes());
        sink.put(self.stored);
    }

    /// Reads it again; the checksum is not looked at.
    #[inline(always)] // To move it costs more than to make it.
    pub(super) fn decode(mut reader: Reader<'a>, is_compressed: bool) -> Option<Self> {
        let compression = if is_compressed { Some(Compression::decode(&mut reader)?) } else { None };
        let checksum = reader.u32_le()?;
        Some(Body { stored: reader.rest(), checksum, compression })
    }
}

impl Compression {
    fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let dictionary = u32::try_from(reader.varint()?).ok()?;
        let length = u32::try_from(reader.varint_up_to(maxima::COMPRESSED_BYTES as u64)?).ok()?;
        Some(Compression { dictionary, length: NonZeroU32::new(length)? })
    }
}
