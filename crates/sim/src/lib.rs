//! Failover in virtual time: two to seven nodes run the real virtual-router core and the real
//! packet codec over a simulated network, with faults drawn from a seed.
//!
//! A [`Plan`] says what the nodes are and what happens to them; [`run`] plays it and watches the
//! [`Invariant`]s at every step. The same seed always plays the same run, on every machine, so a
//! violation is replayed by its seed alone.

mod monitor;
mod network;
mod plan;
mod quorum;
mod rng;
mod time;
mod world;

pub use monitor::{Invariant, Violation};
pub use plan::{Fault, NodePlan, Plan};
pub use quorum::{QuorumFault, QuorumMutant, QuorumNode, QuorumPlan, QuorumReport, run_quorum};
pub use rng::Rng;
pub use time::Nanos;
pub use world::{Mutant, Report, run, run_traced};
