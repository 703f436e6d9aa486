//! The interfaces of this machine, and where a VIP finds its place among them.

use std::net::{IpAddr, Ipv4Addr};

use halo_config::Vip;
use halo_netio::netlink::Link;
use halo_vrrp::DisableReason;

/// An interface that a VIP uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) mac: Option<[u8; 6]>,
    pub(crate) running: bool,
}

/// Where a VIP's traffic goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Place {
    /// The interface that the addresses go on.
    pub(crate) home: Option<Port>,
    /// The interface that heartbeats travel by: the one with the node's own address.
    pub(crate) wire: Option<Port>,
}

impl Place {
    /// What keeps the VIP from being held here.
    pub(crate) fn obstacle(&self) -> Option<DisableReason> {
        match (&self.home, &self.wire) {
            (Some(home), _) if !home.running => Some(DisableReason::InterfaceDown),
            (Some(_), Some(wire)) if !wire.running => Some(DisableReason::InterfaceDown),
            (Some(_), Some(_)) => None,
            (None, Some(_)) => Some(DisableReason::InterfaceDown),
            (_, None) => Some(DisableReason::NoAddress),
        }
    }
}

/// The interfaces, as last listed.
#[derive(Debug, Default)]
pub(crate) struct LinkTable(Vec<Link>);

impl LinkTable {
    pub(crate) fn new(links: Vec<Link>) -> Self {
        Self(links)
    }

    pub(crate) fn links(&self) -> &[Link] {
        &self.0
    }

    /// Whether there is an interface with this index.
    pub(crate) fn has(&self, index: u32) -> bool {
        self.0.iter().any(|link| link.index == index)
    }

    /// Where `vip` goes on the node with the address `own`. Heartbeats travel by the interface that
    /// has the node's own address, which they are sent from.
    pub(crate) fn place(&self, vip: &Vip, own: Ipv4Addr) -> Place {
        let wire = self.0.iter().find(|link| has_address(link, own)).map(port);
        let home = match &vip.interface {
            Some(name) => self.0.iter().find(|link| link.name == *name).map(port),
            None => wire.clone(),
        };
        Place { home, wire }
    }
}

fn has_address(link: &Link, address: Ipv4Addr) -> bool {
    link.addresses
        .iter()
        .any(|net| net.addr() == IpAddr::V4(address))
}

fn port(link: &Link) -> Port {
    Port {
        index: link.index,
        name: link.name.clone(),
        mac: link.mac,
        running: link.is_running(),
    }
}
