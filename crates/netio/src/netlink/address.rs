//! Addresses of interfaces.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressProtocol, CacheInfo,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{Netlink, NetlinkError, interface};

/// Marks the addresses that Halo put on (`ip address` shows it as `proto 0x48`), so that those
/// left behind by an agent that was killed can be told from an administrator's. The kernel keeps
/// 1 to 3 for itself and leaves the rest to user space.
pub const HALO_ADDRESS_PROTOCOL: u8 = 0x48;

/// `valid_lft` of an address that stays until it is removed.
const FOREVER: u32 = u32::MAX;

/// An address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The interface.
    pub ifindex: u32,
    /// The address with its prefix length.
    pub net: IpNet,
    /// The alias label (`eth0:1`), IPv4 only.
    pub label: Option<String>,
    /// Who put it on, if they said so; see [`HALO_ADDRESS_PROTOCOL`].
    pub protocol: Option<u8>,
    /// What is left of its life; `None`: it stays.
    pub lifetime: Option<Duration>,
    /// IPv6: duplicate address detection has not finished, or found a duplicate; it cannot be used.
    pub tentative: bool,
}

impl Address {
    /// Whether Halo put it on.
    #[must_use]
    pub fn is_halo(&self) -> bool {
        self.protocol == Some(HALO_ADDRESS_PROTOCOL)
    }

    /// `None`: a message without an address.
    pub(super) fn from_message(message: AddressMessage) -> Option<Self> {
        let (mut address, mut local) = (None, None);
        let mut found = Self {
            ifindex: message.header.index,
            net: IpNet::new(IpAddr::from([0, 0, 0, 0]), 0).ok()?,
            label: None,
            protocol: None,
            lifetime: None,
            tentative: false,
        };
        for attribute in message.attributes {
            match attribute {
                AddressAttribute::Address(ip) => address = Some(ip),
                AddressAttribute::Local(ip) => local = Some(ip),
                AddressAttribute::Flags(flags) => {
                    found.tentative =
                        flags.intersects(AddressFlags::Tentative | AddressFlags::Dadfailed);
                }
                AddressAttribute::Label(label) => found.label = Some(label),
                AddressAttribute::Protocol(protocol) => found.protocol = Some(protocol.into()),
                AddressAttribute::CacheInfo(info) if info.ifa_valid != FOREVER => {
                    found.lifetime = Some(Duration::from_secs(info.ifa_valid.into()));
                }
                _ => {}
            }
        }
        // On a point-to-point interface IFA_ADDRESS is the far end; IFA_LOCAL, where given, is ours.
        found.net = IpNet::new(local.or(address)?, message.header.prefix_len).ok()?;
        Some(found)
    }
}

impl Netlink {
    /// Puts an address on an interface, or renews the lifetime of one that is there.
    ///
    /// The kernel takes the address off when `lifetime` (rounded up to whole seconds, at least
    /// one) has passed without a renewal; `None`: it stays.
    ///
    /// IPv6 addresses skip duplicate address detection: a virtual address must work at once. One
    /// with a lifetime is a guest in a network that the host is in already: it brings no route, which
    /// would vanish with it, and is deprecated from the start (RFC 4862 section 5.5.4), so that the
    /// host chooses it for no connection of its own. IPv4 has the same for addresses that come second.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn address_add(
        &mut self,
        ifindex: u32,
        net: IpNet,
        lifetime: Option<Duration>,
    ) -> Result<(), NetlinkError> {
        let seconds = lifetime.map_or(FOREVER, whole_seconds);
        let mut life = CacheInfo::default();
        let guest = net.addr().is_ipv6() && lifetime.is_some();
        life.ifa_valid = seconds;
        life.ifa_preferred = if guest { 0 } else { seconds };
        let mut message = message(ifindex, net);
        message.attributes.extend([
            AddressAttribute::CacheInfo(life),
            AddressAttribute::Protocol(AddressProtocol::Other(HALO_ADDRESS_PROTOCOL)),
        ]);
        if net.addr().is_ipv6() {
            let mut flags = AddressFlags::Nodad;
            if guest {
                flags |= AddressFlags::Noprefixroute;
            }
            message.header.flags = AddressHeaderFlags::Nodad;
            message.attributes.push(AddressAttribute::Flags(flags));
        }
        self.change(
            || format!("add address {net} to {}", interface(ifindex)),
            RouteNetlinkMessage::NewAddress(message),
            NLM_F_CREATE | NLM_F_REPLACE,
        )
    }

    /// Takes an address off an interface; `false` when it was not there.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn address_remove(&mut self, ifindex: u32, net: IpNet) -> Result<bool, NetlinkError> {
        let removed = self.change(
            || format!("remove address {net} from {}", interface(ifindex)),
            RouteNetlinkMessage::DelAddress(message(ifindex, net)),
            0,
        );
        match removed {
            Ok(()) => Ok(true),
            Err(error) if error.errno() == Some(libc::EADDRNOTAVAIL) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// All addresses of the namespace.
    ///
    /// # Errors
    /// When the kernel refuses or answers what is not understood.
    pub fn addresses(&mut self) -> Result<Vec<Address>, NetlinkError> {
        let request = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        let table = self.dump("list the addresses", &request)?;
        Ok(table
            .into_iter()
            .filter_map(|entry| match entry {
                RouteNetlinkMessage::NewAddress(message) => Address::from_message(message),
                _ => None,
            })
            .collect())
    }
}

fn message(ifindex: u32, net: IpNet) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = match net {
        IpNet::V4(_) => AddressFamily::Inet,
        IpNet::V6(_) => AddressFamily::Inet6,
    };
    message.header.prefix_len = net.prefix_len();
    message.header.index = ifindex;
    message.attributes = vec![
        AddressAttribute::Local(net.addr()),
        AddressAttribute::Address(net.addr()),
    ];
    message
}

/// The kernel counts lifetimes in seconds and refuses 0; the longest finite one is one below forever.
fn whole_seconds(lifetime: Duration) -> u32 {
    let seconds = lifetime
        .as_secs()
        .saturating_add(u64::from(lifetime.subsec_nanos() > 0));
    u32::try_from(seconds)
        .unwrap_or(FOREVER)
        .clamp(1, FOREVER - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_round_up_and_never_reach_zero_or_forever() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(2001)), 3);
        assert_eq!(whole_seconds(Duration::from_secs(3)), 3);
        assert_eq!(whole_seconds(Duration::MAX), FOREVER - 1);
    }

    #[test]
    fn the_local_address_wins_over_the_far_end_of_a_point_to_point_link() {
        let mut message = AddressMessage::default();
        message.header.prefix_len = 32;
        message.attributes = vec![
            AddressAttribute::Address("192.0.2.2".parse().unwrap()),
            AddressAttribute::Local("192.0.2.1".parse().unwrap()),
        ];
        let address = Address::from_message(message).unwrap();
        assert_eq!(address.net, "192.0.2.1/32".parse().unwrap());
        assert_eq!(address.lifetime, None);
    }
}
