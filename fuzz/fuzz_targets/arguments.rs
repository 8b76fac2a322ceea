#![no_main]

#[path = "../bodies/arguments.rs"]
mod arguments;

libfuzzer_sys::fuzz_target!(|input: &[u8]| arguments::run(input));
