//! Interfaces: what there is, and veth pairs.

use std::os::fd::{AsRawFd, BorrowedFd};

use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoMacVlan, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
    MacVlanMode,
};

use super::{Netlink, NetlinkError, interface};

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its number in this namespace.
    pub index: u32,
    /// Its hardware address, where it has one of Ethernet's length.
    pub mac: Option<[u8; 6]>,
    /// Whether it is set up (`IFF_UP`).
    pub up: bool,
    /// Whether the lower layer is connected (`IFF_LOWER_UP`).
    pub carrier: bool,
    /// Whether the kernel has taken note of up and carrier, and set its operational state to up
    /// (`IFF_RUNNING`); that is up to a second after the carrier came.
    pub operational: bool,
    /// Whether it is a loopback.
    pub loopback: bool,
    /// Its addresses that can be used; empty in a [`super::NetlinkEvent::LinkChanged`].
    pub addresses: Vec<IpNet>,
}

impl Link {
    /// Whether frames can pass: set up, and the lower layer connected.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.up && self.carrier
    }

    pub(super) fn from_message(message: &LinkMessage) -> Self {
        let flags = message.header.flags;
        let mut link = Self {
            name: String::new(),
            index: message.header.index,
            mac: None,
            up: flags.contains(LinkFlags::Up),
            carrier: flags.contains(LinkFlags::LowerUp),
            operational: flags.contains(LinkFlags::Running),
            loopback: flags.contains(LinkFlags::Loopback),
            addresses: Vec::new(),
        };
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name.clone_from(name),
                LinkAttribute::Address(mac) => link.mac = mac.as_slice().try_into().ok(),
                _ => {}
            }
        }
        link
    }
}

/// What to change of an interface; what is `None` stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinkChange<'a> {
    /// Set it up or down.
    pub up: Option<bool>,
    /// Make it a port of this bridge (its number); 0: of none.
    pub master: Option<u32>,
    /// Rename it.
    pub name: Option<&'a str>,
    /// Give it this hardware address.
    pub mac: Option<[u8; 6]>,
}

impl Netlink {
    /// All interfaces of the namespace, with their addresses.
    ///
    /// # Errors
    /// When the kernel refuses or answers what is not understood.
    pub fn links(&mut self) -> Result<Vec<Link>, NetlinkError> {
        let request = RouteNetlinkMessage::GetLink(LinkMessage::default());
        let table = self.dump("list the interfaces", &request)?;
        let mut links: Vec<Link> = table
            .iter()
            .filter_map(|entry| match entry {
                RouteNetlinkMessage::NewLink(message) => Some(Link::from_message(message)),
                _ => None,
            })
            .collect();
        for address in self.addresses()? {
            if address.tentative {
                continue; // a notification follows when it can be used
            }
            if let Some(link) = links.iter_mut().find(|link| link.index == address.ifindex) {
                link.addresses.push(address.net);
            }
        }
        Ok(links)
    }

    /// The interface of this name, `None` when there is none.
    ///
    /// # Errors
    /// As [`Self::links`].
    pub fn link(&mut self, name: &str) -> Result<Option<Link>, NetlinkError> {
        Ok(self.links()?.into_iter().find(|link| link.name == name))
    }

    /// Makes a veth pair: `name` here, `peer` in the namespace of `peer_netns`.
    ///
    /// # Errors
    /// When the kernel refuses; `EEXIST` when one of the names is taken.
    pub fn link_add_veth(
        &mut self,
        name: &str,
        peer: &str,
        peer_netns: BorrowedFd<'_>,
    ) -> Result<(), NetlinkError> {
        let mut far = LinkMessage::default();
        far.attributes = vec![
            LinkAttribute::IfName(peer.into()),
            LinkAttribute::NetNsFd(peer_netns.as_raw_fd()),
        ];
        let mut near = LinkMessage::default();
        near.attributes = vec![
            LinkAttribute::IfName(name.into()),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Veth),
                LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(far))),
            ]),
        ];
        self.change(
            || format!("add the veth pair {name} and {peer}"),
            RouteNetlinkMessage::NewLink(near),
            NLM_F_CREATE | NLM_F_EXCL,
        )
    }

    /// Makes an interface with this MAC address on top of `parent`, down: a macvlan. In bridge mode, as
    /// the kernel keeps multicast of another machine with the same MAC address from the parent in
    /// private mode.
    ///
    /// # Errors
    /// When the kernel refuses; `EEXIST` when the name is taken.
    pub fn link_add_macvlan(
        &mut self,
        name: &str,
        parent: u32,
        mac: [u8; 6],
    ) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.attributes = vec![
            LinkAttribute::IfName(name.into()),
            LinkAttribute::Link(parent),
            LinkAttribute::Address(mac.to_vec()),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::MacVlan),
                LinkInfo::Data(InfoData::MacVlan(vec![InfoMacVlan::Mode(
                    MacVlanMode::Bridge,
                )])),
            ]),
        ];
        self.change(
            || format!("add the interface {name} to {}", interface(parent)),
            RouteNetlinkMessage::NewLink(message),
            NLM_F_CREATE | NLM_F_EXCL,
        )
    }

    /// Changes an interface.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn link_set(&mut self, ifindex: u32, change: LinkChange<'_>) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = ifindex;
        if let Some(up) = change.up {
            message.header.change_mask = LinkFlags::Up;
            message.header.flags = if up {
                LinkFlags::Up
            } else {
                LinkFlags::empty()
            };
        }
        message.attributes = [
            change.master.map(LinkAttribute::Controller),
            change.name.map(|name| LinkAttribute::IfName(name.into())),
            change.mac.map(|mac| LinkAttribute::Address(mac.to_vec())),
        ]
        .into_iter()
        .flatten()
        .collect();
        self.change(
            || format!("change {} ({change:?})", interface(ifindex)),
            RouteNetlinkMessage::SetLink(message),
            0,
        )
    }

    /// Removes an interface, and the other end of a veth pair with it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn link_remove(&mut self, ifindex: u32) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = ifindex;
        self.change(
            || format!("remove {}", interface(ifindex)),
            RouteNetlinkMessage::DelLink(message),
            0,
        )
    }
}
