//! Quorum mode in virtual time: the real election and the real quorum on every node, witnesses too.
//!
//! A node is an owner while its kernel answers for the addresses: they are on its interface, and its
//! kernel's lease has not run out. There is never more than one, at any step of any run, and where a
//! majority of the voters hear each other there is one within a bound. Where there are several virtual routers
//! they move together, driven as the agent drives them, and nodes that hear each other do not each own some
//! of them for long.

mod monitor;
mod node;
mod plan;
mod world;

pub use plan::{QuorumFault, QuorumNode, QuorumPlan};
pub use world::{QuorumMutant, QuorumReport, run_quorum};
