//! The Halo daemon: failover agent and data plane in one binary.

fn main() {}
