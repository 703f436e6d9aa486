//! The data plane over loopback: real sockets, real workers, small servers in the test's process.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails fails its test; clippy knows this of #[test] functions only"
)]

mod drain;
mod faults;
mod forwarding;
mod limits;
mod log;
mod proxy_protocol;
mod reload;
mod support;
mod tcp;
mod udp;
mod upgrade;
