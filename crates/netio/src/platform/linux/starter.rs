//! Starting the data plane beside the agent's loop: to start a program means to wait for it to be loaded,
//! by a process that has no precedence, on a machine that may be busy.

use std::os::fd::OwnedFd;

use super::aside::Aside;
use crate::error::Result;
use crate::process::{Capability, Child, Identity};

/// As whom the data plane runs, and with what.
pub(super) struct Manner {
    pub(super) identity: Identity,
    pub(super) keep: Vec<Capability>,
    pub(super) environment: Vec<(&'static str, String)>,
}

/// What one data plane is started with.
pub(super) struct Order {
    /// Its socket to the agent.
    pub(super) socket: OwnedFd,
    /// What it inherits beside that.
    pub(super) bequest: Vec<OwnedFd>,
}

/// A thread that starts data planes: its end, which is this process's, is what tells them that the agent
/// has ended.
pub(super) type Starter = Aside<Order, Result<Child>>;

/// Starts it.
pub(super) fn starter(manner: Manner) -> Result<Starter> {
    // The child has its own of what the order holds.
    let start = move |order: Order| manner.start(&order);
    Aside::start("halod-starter", "start the data plane", start)
}

impl Manner {
    fn start(&self, order: &Order) -> Result<Child> {
        let Order { socket, bequest } = order;
        Child::spawn(
            &self.identity,
            &self.keep,
            &self.environment,
            socket,
            bequest,
        )
    }
}
