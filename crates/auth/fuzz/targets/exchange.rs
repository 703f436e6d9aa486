//! See `halo_auth_fuzz::exchange`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| halo_auth_fuzz::exchange(data));
