//! A warm fingerprinter takes no memory, and a huge text does not make it keep any.
//!
//! This counts what the allocator is asked for, and so is a binary of its own.
#![cfg(not(feature = "server"))]
// An allocator cannot be written without.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use redis_result_cache::core::canonical::RETAINED_BYTES;
use redis_result_cache::core::fingerprint::{Fingerprinter, HashKind};

/// The system's allocator, which counts for each thread: the test harness has threads of its own.
struct Counting;

thread_local! {
    /// How often memory was taken.
    static TAKEN: Cell<usize> = const { Cell::new(0) };
    /// The bytes that are taken and not given back.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came; the counters are plain cells, which
// take no memory themselves and need no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.set(TAKEN.get() + 1);
        HELD.set(HELD.get().wrapping_add(layout.size()));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.set(HELD.get().wrapping_sub(layout.size()));
        // SAFETY: the caller keeps the contract of `dealloc`, and the memory came from `System`.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Params of every shape: canonical, spaced, out of order, escaped, nested, with long names and numbers.
fn many_params() -> Vec<String> {
    let members = |count: usize| {
        (0..count).rev().map(|i| format!("\"member {i}\" : {i}.50")).collect::<Vec<_>>().join(", ")
    };
    vec![
        r#"{"a":1,"b":[true,false,null],"c":"plain"}"#.into(),
        r#"{"prompt":"a fox","width":1024,"height":576,"steps":30,"guidance":7.5,"seed":123456789}"#.into(),
        r#" { "z" : [ 1.0, 2e5, -0, 1e-7 ], "\u0061\n" : "\u00e4\/\ud83d\ude00\t", "y" : { "b" : {}, "a" : [ ] } } "#.into(),
        format!("{{{}}}", members(3)),
        format!("{{{}}}", members(300)),
        format!("{}{}", "[".repeat(128), "]".repeat(128)),
        format!("{}1{}", "{\"b\": 1, \"a\":".repeat(128), "}".repeat(128)),
        format!("[{}, 1.{}e5, 0.{}1e2001]", "9".repeat(400), "3".repeat(2000), "0".repeat(2000)),
        format!("{{\"{0}b\":1,\"{0}a\":2}}", "a long name ".repeat(50)),
        format!("[\"{}\", 1.5]", "no \\\"way\\\"\\u000a".repeat(500)),
    ]
}

#[test]
fn a_warm_fingerprinter_allocates_nothing() {
    let params = many_params();
    let mut fingerprinter = Fingerprinter::new();
    let mut round = || {
        for params in &params {
            for hash in [HashKind::Sha256, HashKind::Blake3] {
                fingerprinter
                    .fingerprint("generateVideo", params.as_bytes(), hash, &[])
                    .expect("acceptable params");
            }
        }
    };
    round();
    let before = TAKEN.get();
    for _ in 0..10 {
        round();
    }
    assert_eq!(TAKEN.get() - before, 0);
}

#[test]
fn a_huge_text_is_not_paid_for_afterwards() {
    let before = HELD.get();
    let mut fingerprinter = Fingerprinter::new();
    let huge = [
        format!("[{}1 ]", "1.0,".repeat(4 * RETAINED_BYTES)),
        format!(
            "{{{}\"\":1}}",
            (0..RETAINED_BYTES).map(|i| format!("\"\\u0061{i}\" :1,")).collect::<String>()
        ),
        "[1,".repeat(RETAINED_BYTES),
    ];
    let texts = HELD.get();
    for params in &huge {
        let _ = fingerprinter.fingerprint("generateVideo", params.as_bytes(), HashKind::Sha256, &[]);
    }
    // Four buffers may become large: the tape, what is respelled, the members, and the text to hash. The
    // two that are as long as the nesting never are.
    let kept = HELD.get() - texts;
    assert!(kept <= 4 * RETAINED_BYTES + 16 * 1024, "{kept} bytes are kept");
    drop((fingerprinter, huge));
    assert_eq!(HELD.get(), before, "nothing is lost");
}
