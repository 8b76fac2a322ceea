//! Compression: results made smaller by zstd (RFC 8878), with a dictionary where their operation has one.
//!
//! A compressed result is one frame, without the magic number that all frames begin with. The checksum of its [`Body`] is of the frame, so that damage is noticed without
//! the dictionary; a frame that was made with a dictionary bears that one's identity, so that no other opens it.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`dictionary`], [`uses`] | what results of one operation have in common, and how many entries use it |
//! | [`training`] | how that is found out |

pub mod dictionary;
pub mod training;
pub mod uses;

use std::num::NonZeroU32;
use std::sync::Arc;

use zstd::zstd_safe::{CCtx, CDict, DCtx, DDict, compress_bound};

use super::body::{Body, Compression};
use super::limits::maxima;
use dictionary::Dictionary;

/// The longest result that is compressed while a client waits, in bytes: a fraction of a millisecond's work.
pub const INLINE_BYTES: usize = 64 << 10;

/// What zstd calls the effort. JSON of 300 bytes and of 8 KiB gets no smaller by 3, and takes up to twice as long.
const LEVEL: i32 = 1;

/// With this every frame begins (RFC 8878, section 3.1.1).
const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// How many prepared dictionaries are kept: some 200 KiB each.
const PREPARED: usize = 32;

/// A result that was compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    bytes: Vec<u8>,
    compression: Compression,
}

impl Frame {
    pub fn body(&self) -> Body<'_> {
        Body::compressed(&self.bytes, self.compression)
    }
}

/// Whether a result of so many bytes is worth a try, where results are compressed from `from` bytes on.
pub fn is_wanted(length: usize, from: Option<u64>) -> bool {
    from.is_some_and(|from| length as u64 >= from) && length <= maxima::COMPRESSED_BYTES
}

/// Whether that is small enough to be worth opening it each time: a tenth less.
fn pays(length: usize, compressed: usize) -> bool {
    compressed <= length / 10 * 9
}

/// What compresses and opens. It keeps its memory and prepared dictionaries from one result to the next.
#[derive(Default)]
pub struct Press {
    /// None until it is needed, or while memory is short.
    writer: Option<CCtx<'static>>,
    reader: Option<DCtx<'static>>,
    frame: Vec<u8>,
    /// What was used last comes first.
    prepared: Vec<Prepared>,
}

/// A dictionary in the two forms in which zstd uses it, each made when it is first needed; none where it is none.
struct Prepared {
    of: Arc<Dictionary>,
    writer: Option<Option<CDict<'static>>>,
    reader: Option<Option<DDict<'static>>>,
}

impl Press {
    /// Compresses a result; none where that does not pay.
    pub fn compress(&mut self, result: &[u8], dictionary: Option<&Arc<Dictionary>>) -> Option<Frame> {
        let length = NonZeroU32::new(u32::try_from(result.len()).ok()?)?;
        let number = dictionary.map_or(0, |dictionary| dictionary.number());
        self.frame.clear();
        self.frame.reserve(compress_bound(result.len()));
        let Press { writer, frame, prepared, .. } = self;
        let writer = made(writer, CCtx::try_create)?;
        match dictionary {
            Some(dictionary) => {
                let prepared = find(prepared, dictionary)?;
                let prepare = || CDict::try_create(dictionary.bytes(), LEVEL);
                let dictionary = prepared.writer.get_or_insert_with(prepare).as_ref()?;
                writer.compress_using_cdict(frame, result, dictionary).ok()?;
            }
            None => {
                writer.compress(frame, result, LEVEL).ok()?;
            }
        }
        let bytes = frame.strip_prefix(&MAGIC).filter(|bytes| pays(result.len(), bytes.len())).map(Vec::from);
        forget_long(frame);
        Some(Frame { bytes: bytes?, compression: Compression { dictionary: number, length } })
    }

    /// Opens a body that is compressed; none where it is damaged, or needs another dictionary. Takes no more memory
    /// than the body says that its result has, whatever the frame says.
    pub fn open(&mut self, body: &Body<'_>, dictionary: Option<&Arc<Dictionary>>) -> Option<Vec<u8>> {
        let Compression { dictionary: number, length } = body.compression()?;
        if !body.is_sound() || number != dictionary.map_or(0, |dictionary| dictionary.number()) {
            return None;
        }
        let Press { reader, frame, prepared, .. } = self;
        frame.clear();
        frame.extend_from_slice(&MAGIC);
        frame.extend_from_slice(body.stored());
        let reader = made(reader, DCtx::try_create)?;
        let mut result = Vec::with_capacity(length.get() as usize);
        match dictionary {
            Some(dictionary) => {
                let prepared = find(prepared, dictionary)?;
                let prepare = || DDict::try_create(dictionary.bytes());
                let dictionary = prepared.reader.get_or_insert_with(prepare).as_ref()?;
                reader.decompress_using_ddict(&mut result, frame, dictionary).ok()?;
            }
            None => {
                reader.decompress(&mut result, frame).ok()?;
            }
        }
        forget_long(frame);
        (result.len() == length.get() as usize).then_some(result)
    }
}

/// What long results need is not kept.
fn forget_long(frame: &mut Vec<u8>) {
    if frame.capacity() > compress_bound(INLINE_BYTES) {
        *frame = Vec::new();
    }
}

/// What is there, or is made now.
fn made<T>(context: &mut Option<T>, make: fn() -> Option<T>) -> Option<&mut T> {
    if context.is_none() {
        *context = make();
    }
    context.as_mut()
}

/// The prepared forms of a dictionary, moved to the front; in place of those that were used longest ago.
fn find<'p>(prepared: &'p mut Vec<Prepared>, dictionary: &Arc<Dictionary>) -> Option<&'p mut Prepared> {
    match prepared.iter().position(|prepared| Arc::ptr_eq(&prepared.of, dictionary)) {
        Some(at) => prepared.get_mut(..=at)?.rotate_right(1),
        None => {
            prepared.truncate(PREPARED - 1);
            prepared.insert(0, Prepared { of: Arc::clone(dictionary), writer: None, reader: None });
        }
    }
    prepared.first_mut()
}

#[cfg(test)]
mod tests;
