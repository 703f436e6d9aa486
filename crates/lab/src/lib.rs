//! A Halo cluster in network namespaces on one machine.
//!
//! Every host of a [`Lab`] has a network, mount and UTS namespace of its own, held by a small
//! process that dies with the lab; their cables lead to a bridge in one more namespace. Nothing
//! has a name outside, so several labs run side by side and none leaves a trace.
//!
//! ```no_run
//! # fn main() -> Result<(), halo_lab::LabError> {
//! let lab = halo_lab::Lab::builder().nodes(2).apps(3).start()?;
//! lab.node("lb1")?.start_halod()?;
//! let reply = lab.host("client")?.command("curl", ["-s", "http://10.77.0.100/"])?.output();
//! # Ok(())
//! # }
//! ```

mod builder;
mod control;
mod error;
mod frr;
mod host;
mod lab;
mod node;
mod proc;
mod process;
mod programs;
mod rivals;
mod spawner;
mod standstill;
mod state;
mod switch;
mod topology;
mod turn;
mod wait;

pub mod address_prober;
pub mod load;
pub mod origin;
pub mod prober;
pub mod usage;
pub mod wrk;

pub use builder::{LabBuilder, user_section};
pub use control::{ControlReply, ControlRequest, request, serve};
pub use error::LabError;
pub use frr::{Frr, FrrConfig};
pub use host::Host;
pub use lab::Lab;
pub use node::Node;
pub use prober::{Prober, ProberReport};
pub use process::Process;
pub use programs::{Programs, find_tool};
pub use rivals::{HaproxyConfig, KeepalivedConfig};
pub use standstill::StandstillWatch;
pub use state::{LabState, list as running_labs, remove_directories};
pub use topology::{Kind, Place, Topology, VIP, VIP6, default_config, drawing};
pub use turn::Turn;
pub use wait::wait_until;
