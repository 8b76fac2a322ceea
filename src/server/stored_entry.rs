//! Entries in memory: one block each, which the server has as a value, and which others may hold beside it.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::mem::offset_of;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use libc::c_void;

use super::compression;
use crate::core::budget::claim::{Claim, Used};
use crate::core::codec::Sink;
use crate::core::entry::{Entry, HEAD_BYTES};
use crate::core::instant::Instant;
use crate::core::origin::Origin;
use crate::core::state::Stored;
use crate::core::stats::gauges::Load;
use crate::protocol::apply::Placed;

/// The hits of an entry whose result was found damaged: it is never served again.
const CORRUPT: u32 = u32::MAX;

/// Of the bits beside a length: somebody of ours holds the block.
const HELD: u32 = 1 << 31;

/// Of the same: the server has let go of it.
const GONE: u32 = 1 << 30;

/// More than any record can be long.
const LENGTH: u32 = GONE - 1;

/// The head of the one allocation; the record follows it.
#[repr(C)]
struct Block {
    origin: Arc<Origin>,
    /// How often it was served, or [`CORRUPT`].
    hits: Cell<u32>,
    used: Cell<Used>,
    /// Of the record, with [`HELD`] and [`GONE`] beside it.
    length: AtomicU32,
    record: [u8; 0],
}

const _: () = assert!(offset_of!(Block, record) == HEAD_BYTES);

impl Block {
    fn new(origin: Arc<Origin>, length: u32) -> Self {
        Block {
            origin,
            hits: Cell::new(0),
            used: Cell::default(),
            length: AtomicU32::new(length),
            record: [],
        }
    }

    fn length(&self) -> u32 {
        self.length.load(Ordering::Relaxed) & LENGTH
    }

    /// # Safety
    ///
    /// `block` must be alive, and nobody may know of it any more.
    unsafe fn free(block: NonNull<Block>) {
        // SAFETY: made with this very layout, and freed once, by the caller's promise.
        unsafe {
            let layout = StoredEntry::layout(block.as_ref().length());
            block.drop_in_place();
            dealloc(block.as_ptr().cast(), layout);
        }
    }
}

/// The rest of a block that is being written.
struct Tail {
    /// `left` bytes behind this are the sink's alone.
    at: *mut u8,
    left: usize,
}

impl Sink for Tail {
    fn put(&mut self, bytes: &[u8]) {
        let bytes = bytes.get(..self.left).unwrap_or(bytes);
        // SAFETY: no more than `left` bytes, which are ours.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), self.at, bytes.len());
            self.at = self.at.add(bytes.len());
        }
        self.left = self.left.saturating_sub(bytes.len());
    }
}

/// An entry in memory: a thin pointer to its block, so that the server can hold it as a value.
pub struct StoredEntry(NonNull<Block>);

/// The length of a record; none where it is longer than any can be.
fn length(bytes: usize) -> Option<u32> {
    u32::try_from(bytes).ok().filter(|length| *length <= LENGTH)
}

impl StoredEntry {
    /// Stores a sound record; none where it is longer than any entry can be.
    pub fn new(origin: Arc<Origin>, record: &[u8]) -> Option<Self> {
        let length = length(record.len())?;
        let layout = Self::layout(length);
        // SAFETY: the layout has a size above zero. The head is written before anything reads it, and the
        // record is copied into the `length` bytes that the layout has for it.
        unsafe {
            let Some(block) = NonNull::new(alloc(layout).cast::<Block>()) else { handle_alloc_error(layout) };
            block.write(Block::new(origin, length));
            let tail = block.cast::<u8>().add(offset_of!(Block, record));
            ptr::copy_nonoverlapping(record.as_ptr(), tail.as_ptr(), record.len());
            Some(StoredEntry(block).weighed())
        }
    }

    /// The same for a record that comes from outside: an entry whose result is damaged is kept, and is not served.
    pub fn checked(origin: Arc<Origin>, record: &[u8]) -> Option<Self> {
        let stored = Self::new(origin, record)?;
        if Entry::decode(record).is_none_or(|entry| !entry.body.is_sound()) {
            stored.mark_corrupt();
        }
        Some(stored)
    }

    /// Encodes an entry right where it will be stored; none where it is longer than any can be.
    pub fn made(origin: Arc<Origin>, entry: &Entry<'_>) -> Option<Self> {
        let length = length(entry.encoded_len())?;
        let layout = Self::layout(length);
        // SAFETY: as in `new`; the sink writes to no more than the `length` bytes behind the head.
        unsafe {
            let Some(block) = NonNull::new(alloc(layout).cast::<Block>()) else { handle_alloc_error(layout) };
            block.write(Block::new(origin, length));
            let at = block.cast::<u8>().add(offset_of!(Block, record)).as_ptr();
            let mut tail = Tail { at, left: length as usize };
            entry.encode(&mut tail);
            // An entry is as long as it was counted to be; were it shorter, its block would still have no byte unwritten.
            ptr::write_bytes(tail.at, 0, tail.left);
            Some(StoredEntry(block).weighed())
        }
    }

    fn layout(length: u32) -> Layout {
        let size = offset_of!(Block, record).saturating_add(length as usize);
        Layout::from_size_align(size, align_of::<Block>()).expect("far below isize::MAX")
    }

    fn block(&self) -> &Block {
        // SAFETY: alive as long as self is.
        unsafe { self.0.as_ref() }
    }

    /// The handle of its origin.
    pub fn share_origin(&self) -> Arc<Origin> {
        Arc::clone(&self.block().origin)
    }

    pub fn origin(&self) -> &Origin {
        &self.block().origin
    }

    pub fn record(&self) -> &[u8] {
        // SAFETY: `new` wrote `length` bytes there, and they are alive as long as self is.
        unsafe {
            let tail = self.0.cast::<u8>().add(offset_of!(Block, record));
            std::slice::from_raw_parts(tail.as_ptr(), self.block().length() as usize)
        }
    }

    /// What commands judge. None where the record is unsound, which [`new`](Self::new)'s callers have ruled out.
    #[inline(always)] // To move it costs more than to make it.
    pub fn stored(&self) -> Option<Stored<'_>> {
        let Block { origin, hits, .. } = self.block();
        let corrupt = hits.get() == CORRUPT;
        let hits = if corrupt { 0 } else { u64::from(hits.get()) };
        Some(Stored { origin, entry: Entry::decode(self.record())?, hits, corrupt })
    }

    /// GET served it once more.
    pub fn count_hit(&self, now: Instant) {
        let Block { hits, used, .. } = self.block();
        if hits.get() < CORRUPT - 1 {
            hits.set(hits.get() + 1);
        }
        used.set(Used::at(now));
    }

    /// It was used, if only by being stored.
    pub fn mark_used(&self, now: Instant) {
        self.block().used.set(Used::at(now));
    }

    /// What decides whether it goes, where a budget is exceeded.
    pub fn claim(&self) -> Option<Claim> {
        self.stored().map(|stored| self.claim_of(&stored.entry))
    }

    /// The same of what was read already.
    pub fn claim_of(&self, entry: &Entry<'_>) -> Claim {
        let Entry { version, weight, .. } = *entry;
        let stored_bytes = self.bytes_taken() as u64;
        Claim { used: self.block().used.get(), version, stored_bytes, weight: weight.unwrap_or(0) }
    }

    /// How much memory an entry takes whose record has so many bytes, but for its key.
    pub fn bytes_of(record: usize) -> usize {
        HEAD_BYTES.saturating_add(record)
    }

    /// Whether that record is of this very entry, with its result compressed that is raw here.
    pub fn is_raw_form_of(&self, placed: &Placed<'_>) -> bool {
        let (Some(Stored { origin, entry: old, .. }), Some(new)) = (self.stored(), placed.entry()) else {
            return false;
        };
        let has_shrunk = old.body.as_raw().is_some_and(|raw| {
            new.body.compression().is_some_and(|compression| compression.length.get() as usize == raw.len())
        });
        has_shrunk && *origin == *placed.origin && Entry { body: old.body, ..new } == old
    }

    /// It takes the place of another form of itself. Whether it is damaged is its own.
    pub fn take_over(&self, other: &StoredEntry) {
        let (mine, others) = (&self.block().hits, other.block().hits.get());
        if mine.get() != CORRUPT && others != CORRUPT {
            mine.set(others);
        }
        self.block().used.set(other.block().used.get());
    }

    /// Its result was found damaged.
    pub fn mark_corrupt(&self) {
        self.block().hits.set(CORRUPT);
    }

    /// How much memory it takes, but for its key.
    pub fn bytes_taken(&self) -> usize {
        Self::layout(self.block().length()).size()
    }

    /// What it comes to, with others of its origin; until it is dropped. It was used when it was made: of what is loaded
    /// that is all that is known.
    fn weighed(self) -> Self {
        let entry = self.entry();
        self.origin().add(&self.load(entry.as_ref()));
        compression::USES.add(self.origin().incarnation(), entry.as_ref());
        entry.iter().for_each(|entry| self.mark_used(entry.created));
        self
    }

    fn entry(&self) -> Option<Entry<'_>> {
        Entry::decode(self.record())
    }

    fn load(&self, entry: Option<&Entry<'_>>) -> Load {
        Load {
            entries: 1,
            bytes: entry.map_or(0, |entry| entry.body.length() as u64),
            stored_bytes: self.bytes_taken() as u64,
            weight: entry.and_then(|entry| entry.weight).unwrap_or(0),
        }
    }

    /// Gives it to the server, which frees it through the callback below.
    pub fn into_value(self) -> NonNull<c_void> {
        let value = self.0.cast();
        std::mem::forget(self);
        value
    }

    /// Takes it back.
    ///
    /// # Safety
    ///
    /// `value` must be what [`into_value`](Self::into_value) gave, and nobody else's any more.
    pub unsafe fn reclaim(value: NonNull<c_void>) -> StoredEntry {
        StoredEntry(value.cast())
    }

    /// # Safety
    ///
    /// `value` must be of [`ENTRY_TYPE`](super::entry_type::ENTRY_TYPE), and stay for all of `'a`.
    pub unsafe fn origin_of<'a>(value: NonNull<c_void>) -> &'a Origin {
        // SAFETY: the caller's promise.
        unsafe { &value.cast::<Block>().as_ref().origin }
    }

    /// # Safety
    ///
    /// `value` must be of [`ENTRY_TYPE`](super::entry_type::ENTRY_TYPE), and stay as long as it is borrowed.
    pub unsafe fn from_value(value: &NonNull<c_void>) -> &StoredEntry {
        // SAFETY: a StoredEntry is nothing but that pointer.
        unsafe { &*ptr::from_ref(value).cast::<StoredEntry>() }
    }
}

impl Drop for StoredEntry {
    /// It may happen on another thread: the handle's count is atomic, and the table of origins keeps the last reference.
    fn drop(&mut self) {
        let entry = self.entry();
        self.origin().subtract(&self.load(entry.as_ref()));
        compression::USES.subtract(self.origin().incarnation(), entry.as_ref());
        let is_held = |bits: u32| bits & HELD != 0;
        // Nobody begins to hold a block any more that the server lets go of.
        let bits = &self.block().length;
        if is_held(bits.load(Ordering::Acquire)) && is_held(bits.fetch_or(GONE, Ordering::AcqRel)) {
            return;
        }
        // SAFETY: the server has let go of it, and nobody else has it.
        unsafe { Block::free(self.0) };
    }
}

/// A block that stays readable, whatever becomes of its key. Held and let go of by the main thread alone.
pub struct HeldEntry(NonNull<Block>);

impl StoredEntry {
    /// Begins to hold it; none where somebody does already.
    pub fn hold(&self) -> Option<HeldEntry> {
        let was = self.block().length.fetch_or(HELD, Ordering::AcqRel);
        (was & HELD == 0).then_some(HeldEntry(self.0))
    }

    pub fn is_held(&self) -> bool {
        self.block().length.load(Ordering::Relaxed) & HELD != 0
    }

    /// Whether it is that very one.
    pub fn is(&self, other: &StoredEntry) -> bool {
        self.0 == other.0
    }

    /// When it was used last, if only by being stored.
    pub fn used(&self) -> Used {
        self.block().used.get()
    }
}

impl HeldEntry {
    /// The entry as the server has it; none where that has let go of it.
    #[inline]
    pub fn get(&self) -> Option<NonNull<c_void>> {
        // SAFETY: a block that is held is not freed.
        let bits = unsafe { self.0.as_ref() }.length.load(Ordering::Acquire);
        (bits & GONE == 0).then_some(self.0.cast())
    }

    /// Whether it is that very one.
    pub fn is(&self, entry: &StoredEntry) -> bool {
        self.0 == entry.0
    }
}

impl Drop for HeldEntry {
    fn drop(&mut self) {
        // SAFETY: a block that is held is not freed; and where the server has let go of it before, it is ours alone.
        unsafe {
            let was = self.0.as_ref().length.fetch_and(!HELD, Ordering::AcqRel);
            if was & GONE != 0 {
                Block::free(self.0);
            }
        }
    }
}
