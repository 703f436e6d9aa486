//! Every effect on the operating system: netlink, raw sockets, namespaces, processes.
//!
//! This is the only crate of Halo with `unsafe` code; each block says why it is sound. What the
//! failover agent needs is gathered in the trait [`Platform`], with the real [`platform::Linux`]
//! and an in-memory [`platform::fake`] beside it.

pub mod check;
pub mod claims;
mod clock;
mod error;
pub mod frame;
pub mod heir;
pub mod lease;
pub mod netlink;
pub mod netns;
pub mod payload;
pub mod platform;
pub mod process;
pub mod signals;
pub mod splice;
pub mod stream;
pub mod udp;
pub mod unix;
mod virtual_mac;
pub mod vrrp;
mod waiting;

pub use error::{Error, Result};
pub use platform::Platform;
