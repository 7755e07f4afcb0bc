//! The target `vanflow_message` for libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| flowcodec_fuzz::vanflow_message(data));
