//! What the kernel is asked beside the agent's loop: routine that is not urgent, and waits for a lock that any
//! program holds that adds or removes interfaces, for tens of milliseconds (rtnetlink).

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use ipnet::IpNet;
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::super::Input;
use crate::error::{Error, Result};
use crate::netlink::Netlink;

/// It calls little, and the agent's memory is locked, stacks included.
const STACK: usize = 256 * 1024;

/// What is to be done.
pub(super) enum Errand {
    /// An address stays for longer.
    Renew {
        interface: u32,
        net: IpNet,
        lifetime: Duration,
    },
    /// A neighbour is looked for.
    LookUp { interface: u32, address: IpAddr },
}

/// A thread that runs errands, one after the other.
pub(super) struct Errands {
    orders: Sender<Errand>,
    done: Receiver<Input>,
    wake: Arc<EventFd>,
    /// Errands whose outcome has not been taken.
    outstanding: usize,
}

impl Errands {
    pub(super) fn new() -> Result<Self> {
        let failed =
            |source| Error::os("start a thread for routine requests to the kernel", source);
        let mut netlink = Netlink::open()?;
        let (orders, to_do) = channel::<Errand>();
        let (teller, done) = channel();
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = Arc::new(EventFd::from_flags(flags).map_err(|error| failed(error.into()))?);
        let waker = wake.clone();
        thread::Builder::new()
            .name("halod-errands".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                for errand in to_do {
                    if teller.send(errand.run(&mut netlink)).is_err() {
                        return;
                    }
                    // Only a full counter fails, and that one wakes the agent as well.
                    waker.write(1).ok();
                }
            })
            .map_err(failed)?;
        Ok(Self {
            orders,
            done,
            wake,
            outstanding: 0,
        })
    }

    /// Has an errand run; [`Errands::next`] tells what came of it.
    pub(super) fn order(&mut self, errand: Errand) -> Result<()> {
        self.orders.send(errand).map_err(|_| {
            let gone = std::io::Error::other("the thread that does it has ended");
            Error::os("ask the kernel", gone)
        })?;
        self.outstanding += 1;
        Ok(())
    }

    /// What came of the next one.
    pub(super) fn next(&mut self) -> Option<Input> {
        if self.outstanding == 0 {
            return None;
        }
        // Before it is looked: what comes afterwards wakes anew. It fails when nothing has come.
        self.wake.read().ok();
        let next = self.done.try_recv().ok()?;
        self.outstanding -= 1;
        Some(next)
    }
}

impl Errand {
    fn run(self, netlink: &mut Netlink) -> Input {
        match self {
            Self::Renew {
                interface,
                net,
                lifetime,
            } => {
                let renewed = netlink.address_add(interface, net, Some(lifetime));
                let problem = renewed.err().map(|problem| problem.to_string());
                Input::Renewed {
                    interface,
                    net,
                    problem,
                }
            }
            Self::LookUp { interface, address } => {
                let asked = netlink.neighbour_ask(interface, address);
                let found = asked.and_then(|()| netlink.neighbour(interface, address));
                Input::Neighbour {
                    interface,
                    address,
                    mac: found.ok().flatten(),
                }
            }
        }
    }
}

impl AsFd for Errands {
    /// Readable when one is done.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}
