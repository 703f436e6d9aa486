//! Neighbours: which hardware address an IP address was last seen at.

use std::net::IpAddr;

use netlink_packet_core::NLM_F_CREATE;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{Netlink, NetlinkError, interface};

impl Netlink {
    /// Forgets where an address was last seen, so that the next packet asks again; `false` when
    /// nothing was known.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn neighbour_forget(
        &mut self,
        ifindex: u32,
        address: IpAddr,
    ) -> Result<bool, NetlinkError> {
        let message = message(ifindex, address);
        let removed = self.change(
            || format!("forget neighbour {address} on {}", interface(ifindex)),
            RouteNetlinkMessage::DelNeighbour(message),
            0,
        );
        match removed {
            Ok(()) => Ok(true),
            Err(error) if error.errno() == Some(libc::ENOENT) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes the kernel find out where an address is, if it is not sure, without a packet to it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn neighbour_ask(&mut self, ifindex: u32, address: IpAddr) -> Result<(), NetlinkError> {
        let mut message = message(ifindex, address);
        message.header.flags = NeighbourFlags::Use;
        self.change(
            || format!("look for neighbour {address} on {}", interface(ifindex)),
            RouteNetlinkMessage::NewNeighbour(message),
            NLM_F_CREATE,
        )
    }

    /// The hardware address that an address was last seen at.
    ///
    /// # Errors
    /// When the kernel refuses or answers what is not understood.
    pub fn neighbour(
        &mut self,
        ifindex: u32,
        address: IpAddr,
    ) -> Result<Option<[u8; 6]>, NetlinkError> {
        let request = RouteNetlinkMessage::GetNeighbour(message(ifindex, address));
        let wanted = NeighbourAttribute::Destination(NeighbourAddress::from(address));
        let table = self.dump("list the neighbours", &request)?;
        Ok(table.into_iter().find_map(|entry| match entry {
            RouteNetlinkMessage::NewNeighbour(found)
                if found.header.ifindex == ifindex && found.attributes.contains(&wanted) =>
            {
                found.attributes.iter().find_map(hardware_address)
            }
            _ => None,
        }))
    }
}

fn message(ifindex: u32, address: IpAddr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.ifindex = ifindex;
    message.header.family = match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.attributes = vec![NeighbourAttribute::Destination(address.into())];
    message
}

fn hardware_address(attribute: &NeighbourAttribute) -> Option<[u8; 6]> {
    match attribute {
        NeighbourAttribute::LinkLayerAddress(bytes) => bytes.as_slice().try_into().ok(),
        _ => None,
    }
}
