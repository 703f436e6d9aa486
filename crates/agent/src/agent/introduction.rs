//! Who is behind a link-local address.
//!
//! Heartbeats of IPv6 are multicast from addresses that follow from network cards (RFC 9568 section
//! 5.1.2.1): no configuration connects them with nodes. So nodes say to the same group who they are, in
//! hellos, and are known by their link-local addresses from then on.

use std::net::IpAddr;

use halo_config::Node;
use halo_netio::Platform;
use halo_netio::vrrp::{Datagram, Family};
use halo_packet::peer::body::Hello;
use halo_packet::peer::{Kind, Message};

use super::Agent;
use super::peers::Path;

impl<P: Platform> Agent<P> {
    /// Whether a message may be from a node that is not known by its address yet. Another cluster in the
    /// same network says hello to the same group.
    pub(super) fn may_introduce(&self, datagram: &Datagram, message: &Message<'_>) -> bool {
        message.kind == Kind::HELLO
            && Hello::decode(message.body).is_ok_and(|hello| self.named(datagram, &hello).is_some())
    }

    /// Takes down whose link-local address it is that a hello came from; the node that it names.
    pub(super) fn introduce(&mut self, datagram: &Datagram, hello: &Hello) -> Option<IpAddr> {
        let node = self.named(datagram, hello)?;
        let (interface, address) = (datagram.interface, datagram.source);
        if self.peers.introduce(interface, node, address) {
            self.refresh_members();
        }
        Some(node)
    }

    /// The node of this cluster that a hello from a link-local address names.
    fn named(&self, datagram: &Datagram, hello: &Hello) -> Option<IpAddr> {
        let node = hello.node.filter(|_| is_link_local(datagram.source))?;
        self.node_of(node.into())
    }

    /// Finds the link-local addresses that the other members of a VIP send from.
    pub(super) fn refresh_members(&mut self) {
        let config = &self.loaded.config;
        for vip in &mut self.vips {
            if let Some(wire) = &vip.place.wire
                && vip.is_of_link_local()
            {
                let members = config.nodes.iter().zip(&vip.config.priorities);
                let known = |node: &Node| self.peers.link_local(wire.index, node.address.addr());
                vip.peers = members
                    .filter(|(_, priority)| priority.is_some())
                    .filter_map(|(node, _)| known(node))
                    .collect();
            }
        }
    }

    /// The way back to whoever sent a message, also when it was sent to a group.
    pub(super) fn way_back(&self, datagram: &Datagram) -> Option<Path> {
        let path = Path::back(datagram);
        if !datagram.destination.is_multicast() {
            return Some(path);
        }
        let family = Family::of(datagram.source);
        let mut vips = self.vips.iter();
        let source = vips
            .find(|vip| vip.listens_on(datagram.interface, family))?
            .place
            .source?;
        Some(Path { source, ..path })
    }
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}
