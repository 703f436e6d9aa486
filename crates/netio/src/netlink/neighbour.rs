//! Neighbours: which hardware address an IP address was last seen at.

use std::net::IpAddr;

use netlink_packet_route::neighbour::{NeighbourAttribute, NeighbourMessage};
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
        let mut message = NeighbourMessage::default();
        message.header.ifindex = ifindex;
        message.header.family = match address {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        message.attributes = vec![NeighbourAttribute::Destination(address.into())];
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
}
