//! See `halo_quorum_fuzz::messages`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| halo_quorum_fuzz::messages(data));
