//! The target `vanflow_collector` for libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| flowcodec_fuzz::vanflow_collector(data));
