//! The data plane over loopback: real sockets, real workers, small servers in the test's process.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails fails its test; clippy knows this of #[test] functions only"
)]

mod balance;
mod bulk;
#[path = "../../../http1/tests/framing/chunks.rs"]
mod chunks;
mod drain;
mod faults;
mod forwarding;
mod framing;
mod limits;
mod log;
mod proxy_protocol;
mod queue;
mod reload;
#[path = "../../../http1/tests/framing/requests.rs"]
mod requests;
#[path = "../../../http1/tests/framing/responses.rs"]
mod responses;
mod support;
mod tcp;
mod udp;
mod upgrade;

// The tables of `halo-http1` name these.
pub(crate) use framing::{Asked, Group, ResponseGroup};
