//! Memory from the server's allocator, so that it counts towards `maxmemory` and `INFO memory`.

use std::alloc::{GlobalAlloc, Layout, System};

use redis_module::raw;

/// What the server's allocator aligns every block to.
const ALIGNMENT: usize = 16;

/// The server's allocator where there is one, else the system's.
///
/// Which of the two it is never changes while memory is held: the module's first act is to import the API,
/// before it allocates anything, and a test or documentation binary never does.
struct ServerAllocator;

#[global_allocator]
static ALLOCATOR: ServerAllocator = ServerAllocator;

/// Whether the server's allocator serves this layout. Larger alignments, which nothing here asks for in
/// earnest, come from the system; the layout tells at release which of the two it was.
fn served(layout: Layout) -> bool {
    layout.align() <= ALIGNMENT
}

// SAFETY: each method hands out what one of two allocators gives for at least the asked size and alignment,
// and returns it to the same one, chosen by the layout and by the API's presence, which both are constant
// over the life of a block. The server's allocator aborts where memory runs out, so it returns no null.
unsafe impl GlobalAlloc for ServerAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the function pointer is set once, by the import, and takes any size.
        match unsafe { raw::RedisModule_Alloc } {
            // SAFETY: the server's allocator takes any size.
            Some(alloc) if served(layout) => unsafe { alloc(layout.size()).cast() },
            // SAFETY: the caller's promises on `layout` are the system allocator's.
            _ => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        match unsafe { raw::RedisModule_Calloc } {
            // SAFETY: as in `alloc`.
            Some(calloc) if served(layout) => unsafe { calloc(1, layout.size()).cast() },
            // SAFETY: as in `alloc`.
            _ => unsafe { System.alloc_zeroed(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`; `block` came from the same allocator.
        match unsafe { raw::RedisModule_Free } {
            // SAFETY: `block` came from the server's allocator, by the same two conditions.
            Some(free) if served(layout) => unsafe { free(block.cast()) },
            // SAFETY: as above.
            _ => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as in `dealloc`; the alignment stays, so the allocator does.
        match unsafe { raw::RedisModule_Realloc } {
            // SAFETY: as in `dealloc`.
            Some(realloc) if served(layout) => unsafe { realloc(block.cast(), new_size).cast() },
            // SAFETY: as above.
            _ => unsafe { System.realloc(block, layout, new_size) },
        }
    }
}
