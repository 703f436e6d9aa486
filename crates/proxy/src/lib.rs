//! The data plane: listeners, TCP and HTTP proxying, upstream pools and drain.
//!
//! A [`Proxy`] runs worker threads, each pinned to a core with a runtime, listening sockets,
//! upstream connections, counters and a log buffer of its own. What they share on the path of a
//! request is one immutable snapshot, swapped whole by [`Proxy::apply`] and [`Proxy::set_server`].
//!
//! The HTTP engine is the module `http`; what HTTP is stands in `halo-http1`.

mod calendar;
mod control;
mod counter;
mod counters;
mod cpu;
mod error;
mod fault;
mod gate;
mod http;
mod log;
mod places;
mod preamble;
mod proxy;
mod relay;
mod snapshot;
mod sockets;
mod sync;
mod tcp;
mod udp;
mod unreachable;
mod upstream;
mod worker;

pub use control::ServerState;
pub use counters::{Counters, PoolCounters, ServerCounters};
pub use error::{ApplyError, NoSuchServer, StartError};
pub use proxy::{Proxy, Workers};
pub use unreachable::Unreachable;
pub use worker::knock::knock;
