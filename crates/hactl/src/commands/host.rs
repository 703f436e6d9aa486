//! What this machine is and has.

use std::collections::BTreeMap;
use std::net::IpAddr;

use halo_config::HostFacts;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

/// The node that this machine is: `HALO_NODE`, or its host name.
pub(super) fn name() -> Option<String> {
    if let Some(name) = std::env::var("HALO_NODE")
        .ok()
        .filter(|name| !name.is_empty())
    {
        return Some(name);
    }
    nix::unistd::gethostname().ok()?.into_string().ok()
}

/// Its interfaces with their addresses; `None` if the system does not tell.
pub(super) fn facts() -> Option<HostFacts> {
    let mut interfaces: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for entry in getifaddrs().ok()? {
        let addresses = interfaces.entry(entry.interface_name).or_default();
        let address = entry.address.as_ref().and_then(ip);
        let mask = entry.netmask.as_ref().and_then(ip);
        if let (Some(address), Some(mask)) = (address, mask)
            && let Ok(network) = ipnet::IpNet::with_netmask(address, mask)
        {
            addresses.push(network);
        }
    }
    Some(HostFacts {
        interfaces: interfaces.into_iter().collect(),
    })
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(v4.ip().into());
    }
    address.as_sockaddr_in6().map(|v6| v6.ip().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_loopback_interface() {
        let facts = facts().unwrap();
        let loopback = facts.interfaces.iter().find(|(name, _)| name == "lo");
        let (_, addresses) = loopback.unwrap();
        assert!(addresses.contains(&"127.0.0.1/8".parse().unwrap()));
    }
}
