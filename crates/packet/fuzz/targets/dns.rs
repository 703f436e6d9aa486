//! See `halo_packet_fuzz::dns`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| halo_packet_fuzz::dns(data));
