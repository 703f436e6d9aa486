//! The data plane over loopback: real sockets, real workers, small servers in the test's process.

mod drain;
mod faults;
mod forwarding;
mod limits;
mod log;
mod reload;
mod support;
mod tcp;
mod upgrade;
