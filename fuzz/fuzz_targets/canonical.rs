#![no_main]

#[path = "../bodies/canonical.rs"]
mod canonical;

libfuzzer_sys::fuzz_target!(|input: &[u8]| canonical::run(input));
