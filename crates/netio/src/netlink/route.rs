//! Routes.

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::route::{
    RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{Netlink, NetlinkError};

impl Netlink {
    /// The interface by which a packet to `destination` would leave; `None`: there is no route, or
    /// one that forbids.
    ///
    /// # Errors
    /// When the kernel does not answer as it should.
    pub fn route_to(&mut self, destination: IpAddr) -> Result<Option<u32>, NetlinkError> {
        let mut message = RouteMessage::default();
        let (family, length) = match destination {
            IpAddr::V4(_) => (AddressFamily::Inet, 32),
            IpAddr::V6(_) => (AddressFamily::Inet6, 128),
        };
        message.header.address_family = family;
        message.header.destination_prefix_length = length;
        message.attributes = vec![RouteAttribute::Destination(destination.into())];
        let what = format!("look up the route to {destination}");
        match self.ask(&what, RouteNetlinkMessage::GetRoute(message)) {
            Ok(RouteNetlinkMessage::NewRoute(route)) => Ok(outgoing(&route)),
            Ok(_) => Err(NetlinkError::Answer {
                what,
                detail: "it is about no route".to_owned(),
            }),
            Err(error) if is_no_route(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets the default route of the gateway's address family.
    ///
    /// # Errors
    /// When the kernel refuses; `ENETUNREACH` when the gateway is in no network of the host.
    pub fn route_add_default(&mut self, gateway: IpAddr) -> Result<(), NetlinkError> {
        let mut message = RouteMessage::default();
        message.header = RouteHeader {
            address_family: match gateway {
                IpAddr::V4(_) => AddressFamily::Inet,
                IpAddr::V6(_) => AddressFamily::Inet6,
            },
            table: RouteHeader::RT_TABLE_MAIN,
            protocol: RouteProtocol::Static,
            scope: RouteScope::Universe,
            kind: RouteType::Unicast,
            ..RouteHeader::default()
        };
        message.attributes = vec![RouteAttribute::Gateway(gateway.into())];
        self.change(
            || format!("set the default route to {gateway}"),
            RouteNetlinkMessage::NewRoute(message),
            NLM_F_CREATE | NLM_F_REPLACE,
        )
    }
}

fn outgoing(route: &RouteMessage) -> Option<u32> {
    // The kernel answers with a route that forbids, for IPv6; for IPv4 with an error.
    if !matches!(route.header.kind, RouteType::Unicast | RouteType::Local) {
        return None;
    }
    route
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::Oif(index) => Some(*index),
            _ => None,
        })
}

/// No route, or one of the type unreachable, prohibit or blackhole (ip-route(8)).
fn is_no_route(error: &NetlinkError) -> bool {
    matches!(
        error.errno(),
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EACCES | libc::EINVAL)
    )
}
