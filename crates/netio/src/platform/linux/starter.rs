//! Starting the data plane beside the agent's loop: to start a program means to wait for it to be loaded,
//! by a process that has no precedence, on a machine that may be busy.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::error::{Error, Result};
use crate::process::{Capability, Child, Identity};

/// It calls little, and the agent's memory is locked, stacks included.
const STACK: usize = 128 * 1024;

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

/// A thread that starts data planes, one after the other, for as long as this process runs: its end is
/// what tells them that the agent has ended.
pub(super) struct Starter {
    orders: Sender<Order>,
    started: Receiver<Result<Child>>,
    wake: Arc<EventFd>,
    /// Orders whose outcome has not been taken.
    outstanding: usize,
}

impl Starter {
    pub(super) fn new(manner: Manner) -> Result<Self> {
        let failed = |source| Error::os("start a thread that starts the data plane", source);
        let (orders, to_do) = channel::<Order>();
        let (teller, started) = channel();
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = Arc::new(EventFd::from_flags(flags).map_err(|error| failed(error.into()))?);
        let waker = wake.clone();
        thread::Builder::new()
            .name("halod-starter".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                for order in to_do {
                    let child = manner.start(&order);
                    drop(order); // the child has its own
                    if teller.send(child).is_err() {
                        return;
                    }
                    // Only a full counter fails, and that one wakes the agent as well.
                    waker.write(1).ok();
                }
            })
            .map_err(failed)?;
        Ok(Self {
            orders,
            started,
            wake,
            outstanding: 0,
        })
    }

    /// Has a data plane started; [`Starter::next`] tells how that went.
    pub(super) fn order(&mut self, order: Order) -> Result<()> {
        self.orders.send(order).map_err(|_| {
            let gone = std::io::Error::other("the thread that does it has ended");
            Error::os("start the data plane", gone)
        })?;
        self.outstanding += 1;
        Ok(())
    }

    /// The next that was started, or could not be.
    pub(super) fn next(&mut self) -> Option<Result<Child>> {
        if self.outstanding == 0 {
            return None;
        }
        // Before it is looked: what comes afterwards wakes anew. It fails when nothing has come.
        self.wake.read().ok();
        let next = self.started.try_recv().ok()?;
        self.outstanding -= 1;
        Some(next)
    }
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

impl AsFd for Starter {
    /// Readable when one has been started.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}
