//! Interfaces with a virtual router's MAC address.

use std::io;

use super::{Effect, Fake};
use crate::error::{Error, Result};
use crate::netlink::{Link, NetlinkEvent};

pub(super) fn add(fake: &mut Fake, parent: u32, name: &str, mac: [u8; 6]) -> Result<u32> {
    if fake.fail_virtual_macs {
        return Err(Error::Privilege {
            what: "set arp_ignore".to_owned(),
            remedy: "mount /proc/sys writable",
        });
    }
    let Some(below) = fake.links.iter().find(|link| link.index == parent) else {
        return Err(gone());
    };
    let index = fake.links.iter().map(|link| link.index).max().unwrap_or(0) + 1;
    let link = Link {
        name: name.to_owned(),
        index,
        mac: Some(mac),
        up: false,
        carrier: below.carrier,
        operational: false,
        loopback: false,
        addresses: Vec::new(),
    };
    fake.links.push(link.clone());
    fake.happen(super::Input::Network(NetlinkEvent::LinkChanged(link)));
    Ok(index)
}

/// As the kernel does: IPv6 addresses do not survive.
pub(super) fn set_up(fake: &mut Fake, interface: u32, up: bool) -> Result<()> {
    if !fake.links.iter().any(|link| link.index == interface) {
        return Err(gone());
    }
    fake.change_link(interface, |link| link.up = up);
    fake.effects.push(Effect::InterfaceUp { interface, up });
    if !up {
        let lost: Vec<_> = fake
            .addresses
            .keys()
            .filter(|(index, net)| *index == interface && net.addr().is_ipv6())
            .copied()
            .collect();
        for (index, net) in lost {
            fake.snatch_address(index, net);
        }
    }
    Ok(())
}

fn gone() -> Error {
    Error::os(
        "find the interface",
        io::Error::from(io::ErrorKind::NotFound),
    )
}
