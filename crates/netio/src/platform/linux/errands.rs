//! What the kernel is asked beside the agent's loop: routine that is not urgent, and waits for a lock that any
//! program holds that adds or removes interfaces, for tens of milliseconds (rtnetlink).

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::super::Input;
use super::aside::Aside;
use crate::error::Result;
use crate::netlink::Netlink;

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

/// A thread that runs errands.
pub(super) type Errands = Aside<Errand, Input>;

/// Starts it.
pub(super) fn errands() -> Result<Errands> {
    let mut netlink = Netlink::open()?;
    let run = move |errand: Errand| errand.run(&mut netlink);
    Aside::start("halod-errands", "ask the kernel for routine things", run)
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
