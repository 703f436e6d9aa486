//! See `halo_packet_fuzz::ipv4`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| halo_packet_fuzz::ipv4(data));
