//! The target `session` for libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| flowcodec_fuzz::session(data));
