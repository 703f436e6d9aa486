//! See `halo_api_fuzz::messages`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| halo_api_fuzz::messages(data));
