//! The target `netflow9` for libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| flowcodec_fuzz::netflow9(data));
