//! The failover agent: drives the VRRP core against the operating system.
//!
//! One thread, which waits in one place only, [`halo_netio::Platform::wait`], and otherwise goes
//! round: wait, handle what came, perform what follows from it, tell who wants to know. It
//! composes one [`halo_vrrp::VirtualRouter`] for each VIP with the supervision of the data plane,
//! and runs over any [`halo_netio::Platform`]: the real one, or the fake of its tests.

mod agent;
mod announcer;
mod discards;
mod error;
mod frames;
mod handover;
mod journal;
mod lateness;
mod link_table;
mod loaded;
mod peers;
mod supervisor;
mod tracker;
mod vip;

pub use agent::{Agent, Options};
pub use error::Error;
pub use loaded::Loaded;
