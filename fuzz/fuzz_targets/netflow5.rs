//! The target `netflow5` for libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| flowcodec_fuzz::netflow5(data));
