//! The interfaces of this machine, and where a VIP finds its place among them.

use std::net::IpAddr;

use halo_config::{Node, Transport, Vip};
use halo_netio::netlink::Link;
use halo_vrrp::DisableReason;

use crate::vip::own_address;

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
    /// The interface that heartbeats travel by: the one with the node's own address; for multicast
    /// IPv6 the one that the addresses go on.
    pub(crate) wire: Option<Port>,
    /// The address that heartbeats are sent from.
    pub(crate) source: Option<IpAddr>,
}

impl Place {
    /// What keeps the VIP from being held here.
    pub(crate) fn obstacle(&self) -> Option<DisableReason> {
        match (&self.home, &self.wire) {
            (Some(home), _) if !home.running => Some(DisableReason::InterfaceDown),
            (Some(_), Some(wire)) if !wire.running => Some(DisableReason::InterfaceDown),
            (Some(_), Some(_)) if self.source.is_none() => Some(DisableReason::NoAddress),
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

    /// Whether an interface of this machine has this hardware address.
    pub(crate) fn has_mac(&self, mac: [u8; 6]) -> bool {
        self.0.iter().any(|link| link.mac == Some(mac))
    }

    /// Where `vip` goes on `node`, which this is. Heartbeats travel by the interface that has the
    /// address that they are sent from: the node's own, or the link-local one of the interface that
    /// the VIP goes on (RFC 9568 section 5.1.2.1).
    pub(crate) fn place(&self, vip: &Vip, node: &Node) -> Place {
        let native = self.holder(node.address.addr());
        let home = match &vip.interface {
            Some(name) => self.0.iter().find(|link| link.name == *name),
            None => native,
        };
        let multicast6 = vip.is_ipv6() && vip.transport == Transport::Multicast;
        let (wire, source) = if multicast6 {
            (home, home.and_then(|home| link_local(home, vip)))
        } else {
            let own = own_address(node, vip);
            let wire = own.and_then(|own| self.holder(own));
            (wire, own.filter(|_| wire.is_some()))
        };
        Place {
            home: home.map(port),
            wire: wire.map(port),
            source,
        }
    }

    /// The interface that has an address.
    pub(crate) fn port_of(&self, address: IpAddr) -> Option<Port> {
        self.holder(address).map(port)
    }

    fn holder(&self, address: IpAddr) -> Option<&Link> {
        self.0
            .iter()
            .find(|link| link.addresses.iter().any(|net| net.addr() == address))
    }
}

/// The interface's own link-local address: not one that is a VIP.
fn link_local(link: &Link, vip: &Vip) -> Option<IpAddr> {
    link.addresses
        .iter()
        .map(|net| net.addr())
        .filter(|ip| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()))
        .find(|ip| vip.ips().all(|own| own != *ip))
}

fn port(link: &Link) -> Port {
    Port {
        index: link.index,
        name: link.name.clone(),
        mac: link.mac,
        running: link.is_running(),
    }
}
