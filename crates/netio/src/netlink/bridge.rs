//! Bridges and their ports.

use netlink_packet_core::{DefaultNla, NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::link::{
    InfoKind, LinkAttribute, LinkInfo, LinkMessage, LinkProtoInfoBridge,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{Netlink, NetlinkError, interface};

/// From the kernel's `linux/if_link.h`; the crate knows no name for it here.
const IFLA_BRPORT_STATE: u16 = 1;

/// Whether a bridge port passes frames. Its carrier is not touched: the host on the other end
/// of the cable does not see the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortState {
    /// Passes nothing, in either direction.
    Disabled,
    /// Passes everything.
    Forwarding,
}

impl Netlink {
    /// Makes a bridge. Spanning tree is off, so that ports forward at once.
    ///
    /// # Errors
    /// When the kernel refuses; `EEXIST` when the name is taken.
    pub fn link_add_bridge(&mut self, name: &str) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.attributes = vec![
            LinkAttribute::IfName(name.into()),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
        ];
        self.change(
            || format!("add the bridge {name}"),
            RouteNetlinkMessage::NewLink(message),
            NLM_F_CREATE | NLM_F_EXCL,
        )
    }

    /// Opens or shuts a bridge port (`IFLA_BRPORT_STATE`).
    ///
    /// # Errors
    /// When the kernel refuses: not a port of a bridge, or the port is down.
    pub fn bridge_port_set(&mut self, ifindex: u32, state: PortState) -> Result<(), NetlinkError> {
        // BR_STATE_DISABLED and BR_STATE_FORWARDING of `linux/if_bridge.h`.
        let wire: u8 = match state {
            PortState::Disabled => 0,
            PortState::Forwarding => 3,
        };
        let mut message = LinkMessage::default();
        // Addressed to the bridge module itself: asked by way of IFLA_LINKINFO the kernel announces
        // a change of the device, and on hearing that the bridge opens the port again.
        message.header.interface_family = AddressFamily::Bridge;
        message.header.index = ifindex;
        message.attributes = vec![LinkAttribute::ProtoInfoBridge(vec![
            LinkProtoInfoBridge::Other(DefaultNla::new(IFLA_BRPORT_STATE, vec![wire])),
        ])];
        self.change(
            || format!("set bridge port {} to {state:?}", interface(ifindex)),
            RouteNetlinkMessage::SetLink(message),
            0,
        )
    }
}
