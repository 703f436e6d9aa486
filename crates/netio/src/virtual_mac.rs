//! Interfaces with a virtual router's MAC address (RFC 9568 section 7.3), on top of the one that the
//! network is on.
//!
//! Linux hears ARP on every interface of a network and answers on any of them for every address that it
//! has. With two on one network that must not be: each is told to answer for its own addresses, and to
//! ask from its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::error::{Error, Result};
use crate::netlink::{LinkChange, Netlink};

/// ARP of the lower interface: it answers for addresses that are on itself (`arp_ignore`), and asks from
/// one of these, not from the virtual address of the packet that waits (`arp_announce`): whoever is
/// asked learns from the question.
const LOWER: [(&str, &str); 2] = [("arp_ignore", "1"), ("arp_announce", "2")];

/// The upper one answers for itself alone, too. Packets come in by it from hosts to which the way back
/// leads over the lower one, and this machine's own addresses may be among them.
const UPPER: [(&str, &str); 4] = [
    ("arp_ignore", "1"),
    ("arp_filter", "0"),
    ("accept_local", "1"),
    ("rp_filter", "0"),
];

/// No address of IPv6 may follow from the virtual MAC address (RFC 9568 section 7.4), neither a
/// link-local one nor one from a router's advertisement.
const UPPER_IPV6: [(&str, &str); 5] = [
    ("addr_gen_mode", "1"),
    ("accept_ra", "0"),
    ("autoconf", "0"),
    ("router_solicitations", "0"),
    ("accept_dad", "0"),
];

/// Whose settings were changed, and what they were before.
#[derive(Debug, Default)]
pub(crate) struct VirtualMacs {
    lower: BTreeMap<u32, Vec<(PathBuf, String)>>,
}

impl VirtualMacs {
    /// Makes an interface with this MAC address on top of `parent`, and leaves it down; its number.
    pub(crate) fn add(
        netlink: &mut Netlink,
        parent: u32,
        name: &str,
        mac: [u8; 6],
        ipv6: bool,
    ) -> Result<u32> {
        netlink.link_add_macvlan(name, parent, mac)?;
        let made = netlink.link(name)?.ok_or_else(|| {
            let gone = io::Error::from(io::ErrorKind::NotFound);
            Error::os(format!("find {name}, which was just made"), gone)
        })?;
        let set = set_upper(name, ipv6);
        if set.is_err() {
            netlink.link_remove(made.index)?;
        }
        set.map(|()| made.index)
    }

    /// Sets an interface up or down.
    pub(crate) fn set_up(netlink: &mut Netlink, interface: u32, up: bool) -> Result<()> {
        let change = LinkChange {
            up: Some(up),
            ..LinkChange::default()
        };
        Ok(netlink.link_set(interface, change)?)
    }

    /// Keeps ARP of the interface of this name and number to its own addresses, or as it was before.
    pub(crate) fn separate(&mut self, interface: u32, name: &str, apart: bool) -> Result<()> {
        if !apart {
            for (path, value) in self.lower.remove(&interface).unwrap_or_default() {
                match fs::write(&path, value) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {} // it has gone
                    written => written.map_err(|source| refused(&path, source))?,
                }
            }
            return Ok(());
        }
        if self.lower.contains_key(&interface) {
            return Ok(());
        }
        let mut before = Vec::new();
        for (setting, value) in LOWER {
            let path = ipv4(name, setting);
            let was = fs::read_to_string(&path).map_err(|source| refused(&path, source))?;
            // A stricter setting of somebody's is left alone.
            if was.trim() < value {
                fs::write(&path, value).map_err(|source| refused(&path, source))?;
                before.push((path, was));
            }
        }
        self.lower.insert(interface, before);
        Ok(())
    }
}

fn set_upper(name: &str, ipv6: bool) -> Result<()> {
    // The kernel takes the higher of an interface's and everyone's; 2 lets pass what 1 would drop.
    let everyones = ipv4("all", "rp_filter");
    let strict = fs::read_to_string(&everyones).map_err(|source| refused(&everyones, source))?;
    for (setting, value) in UPPER {
        let loose = setting == "rp_filter" && strict.trim() == "1";
        let path = ipv4(name, setting);
        fs::write(&path, if loose { "2" } else { value })
            .map_err(|source| refused(&path, source))?;
    }
    let directory = Path::new("/proc/sys/net/ipv6/conf").join(name);
    if !directory.exists() {
        return Ok(()); // a kernel that was told to do without IPv6
    }
    let disable = ("disable_ipv6", if ipv6 { "0" } else { "1" });
    for (setting, value) in UPPER_IPV6.into_iter().chain([disable]) {
        let path = directory.join(setting);
        fs::write(&path, value).map_err(|source| refused(&path, source))?;
    }
    Ok(())
}

fn ipv4(interface: &str, setting: &str) -> PathBuf {
    let all = Path::new("/proc/sys/net/ipv4/conf");
    all.join(interface).join(setting)
}

fn refused(path: &Path, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Error::Privilege {
            what: format!("set {} for a virtual MAC address", path.display()),
            remedy: "/proc/sys/net must be writable: mount it so in the container, or remove virtual_mac",
        },
        _ => Error::os(
            format!("set {} for a virtual MAC address", path.display()),
            source,
        ),
    }
}
