//! See `halo_packet_fuzz::ndp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| halo_packet_fuzz::ndp(data));
