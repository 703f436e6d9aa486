//! Types spoken between the agent, the data plane and `hactl`.
//!
//! Everything is JSON. The agent's Unix socket takes one [`AgentRequest`] a line and answers one
//! [`AgentReply`] a line; the data plane's admin API is HTTP with [`Status`], [`Event`] and the
//! command types as bodies.

mod ipc;
mod status;
mod timers;

pub use ipc::*;
pub use status::*;
pub use timers::*;
