//! Bridges and their ports.

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    BridgePortState, InfoBridgePort, InfoKind, InfoPortData, InfoPortKind, LinkAttribute, LinkInfo,
    LinkMessage,
};

use super::{Netlink, NetlinkError, interface};

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
        let wire = match state {
            PortState::Disabled => BridgePortState::Disabled,
            PortState::Forwarding => BridgePortState::Forwarding,
        };
        let mut message = LinkMessage::default();
        message.header.index = ifindex;
        message.attributes = vec![LinkAttribute::LinkInfo(vec![
            LinkInfo::PortKind(InfoPortKind::Bridge),
            LinkInfo::PortData(InfoPortData::BridgePort(vec![InfoBridgePort::State(wire)])),
        ])];
        self.change(
            || format!("set bridge port {} to {state:?}", interface(ifindex)),
            RouteNetlinkMessage::NewLink(message),
            0,
        )
    }
}
