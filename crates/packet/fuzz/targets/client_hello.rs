//! See `halo_packet_fuzz::client_hello`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| halo_packet_fuzz::client_hello(data));
