//! Failover in virtual time: two to seven nodes run the real virtual-router core and the real
//! packet codec over a simulated network, with faults drawn from a seed.
//!
//! Worlds differ in what a node runs: [`run`] has one virtual router, [`run_quorum`] a quorum beside it
//! and witnesses, [`run_group`] several routers that move together. With [`QuorumPlan::of_group`] these have a
//! quorum each.
//!
//! A [`Plan`] says what the nodes are and what happens to them; [`run`] plays it and watches the
//! [`Invariant`]s at every step. The same seed always plays the same run, on every machine, so a
//! violation is replayed by its seed alone.

mod agenda;
mod group;
mod monitor;
mod network;
mod plan;
mod process;
mod quorum;
mod rng;
mod time;
mod world;

pub use group::{GroupMutant, run_group};
pub use monitor::{Invariant, Violation};
pub use plan::{Fault, NodePlan, Plan};
pub use quorum::{QuorumFault, QuorumMutant, QuorumNode, QuorumPlan, QuorumReport, run_quorum};
pub use rng::Rng;
pub use time::Nanos;
pub use world::{Mutant, Report, run, run_traced};
