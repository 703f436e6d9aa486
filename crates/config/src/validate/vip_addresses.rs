//! `[[vip]] addresses`, and how heartbeats for them travel.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};

use super::all;
use super::nodes::{addresses, addresses6, is_host_address};
use crate::defaults;
use crate::model::Transport;
use crate::raw::{self, VipAddress};
use crate::report::Report;
use crate::suggest::list;

/// The prefix length of every link-local network (RFC 4291 section 2.5.6).
const LINK_LOCAL_PREFIX: u8 = 64;

/// IPv6 addresses of 16 bytes in a frame of 1,280 (RFC 8200 section 5), beside headers and signature and
/// the link-local one that is put first.
const MOST_WITH_VIRTUAL_MAC: usize = 64;

/// The addresses of the VIP at `path`, with their prefix lengths, all of one family; of IPv6 a
/// link-local one first.
pub(super) fn vip_addresses(
    path: &str,
    raw: &raw::Vip,
    nodes: &[raw::Node],
    report: &mut Report<'_>,
) -> Option<Vec<IpNet>> {
    let written = raw.addresses.as_deref()?;
    if raw.virtual_mac && written.len() > MOST_WITH_VIRTUAL_MAC {
        report.value(
            format!("{path}.virtual_mac"),
            format!(
                "heartbeats from a virtual MAC address are one frame each, which holds {MOST_WITH_VIRTUAL_MAC} \
                 addresses, and there are {}; divide them over two [[vip]]s of one sync_group",
                written.len()
            ),
        );
    }
    let first = written.first()?.0.ip;
    let addresses = all(written, |n, address| {
        one_family(first, address.0.ip)
            .and_then(|()| network(&address.0, raw, nodes))
            .map_err(|message| {
                report.value(format!("{path}.addresses[{n}]"), message);
            })
            .ok()
    });
    Some(match first {
        IpAddr::V4(_) => addresses?,
        IpAddr::V6(_) => link_local_first(addresses?, raw.vrid?),
    })
}

/// How heartbeats travel. `members` are the nodes' priorities, in their order.
pub(super) fn transport(
    path: &str,
    raw: &raw::Vip,
    nodes: &[raw::Node],
    members: &[Option<u8>],
    report: &mut Report<'_>,
) -> Transport {
    let ipv6 = is_ipv6(raw);
    let lacking: Vec<&str> = nodes
        .iter()
        .zip(members)
        .filter(|(node, member)| member.is_some() && node.address6.is_none())
        .filter_map(|(node, _)| Some(node.name.as_ref()?.0.0.as_str()))
        .collect();
    let chosen = raw
        .transport
        .unwrap_or_else(|| defaults::transport(ipv6, lacking.is_empty(), raw.virtual_mac));
    match chosen {
        raw::Transport::Multicast => Transport::Multicast,
        raw::Transport::Unicast if raw.virtual_mac => {
            report.value(
                format!("{path}.transport"),
                "\"unicast\" does not go with virtual_mac: a node that asks for its peer's hardware \
                 address from the virtual one teaches the peer that as its own; write \"multicast\", \
                 or remove virtual_mac",
            );
            Transport::Multicast
        }
        raw::Transport::Unicast => {
            if ipv6 && !lacking.is_empty() {
                report.value(
                    format!("{path}.transport"),
                    format!(
                        "\"unicast\" for IPv6 addresses needs an address6 on every node of the VIP, \
                         and there is none on {}; add it there, or write \"multicast\"",
                        list(lacking.into_iter())
                    ),
                );
            }
            Transport::Unicast
        }
    }
}

/// Whether it is a virtual router of IPv6: by its first address.
pub(super) fn is_ipv6(raw: &raw::Vip) -> bool {
    let first = raw.addresses.iter().flatten().next();
    first.is_some_and(|address| address.0.ip.is_ipv6())
}

fn one_family(first: IpAddr, ip: IpAddr) -> Result<(), String> {
    if first.is_ipv4() == ip.is_ipv4() {
        return Ok(());
    }
    Err(format!(
        "{ip} is of another IP version than {first}, and a virtual router has one; put it into a \
         [[vip]] of its own, which may have the same vrid"
    ))
}

/// RFC 9568 section 5.2.9. Where none is written, the one that follows from the virtual router's MAC
/// address 00-00-5E-00-02-XX (section 7.3) by RFC 4291 appendix A: the same on every node.
fn link_local_first(mut addresses: Vec<IpNet>, vrid: u8) -> Vec<IpNet> {
    let link_local = addresses.iter().position(|net| is_link_local(net.addr()));
    let first = match link_local {
        Some(at) => addresses.remove(at),
        None => {
            let ip = Ipv6Addr::new(
                0xfe80,
                0,
                0,
                0,
                0x200,
                0x5eff,
                0xfe00,
                0x200 | u16::from(vrid),
            );
            IpNet::V6(Ipv6Net::new_assert(ip, LINK_LOCAL_PREFIX))
        }
    };
    addresses.insert(0, first);
    addresses
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// A VIP's address with its prefix length.
fn network(address: &VipAddress, vip: &raw::Vip, nodes: &[raw::Node]) -> Result<IpNet, String> {
    let ip = address.ip;
    if let Some((at, key)) = own_address(ip, nodes) {
        return Err(format!(
            "{ip} is node[{at}]'s own {key}; choose one that no machine has"
        ));
    }
    let home = addresses(nodes)
        .chain(addresses6(nodes))
        .map(|(_, node)| node)
        .find(|node| node.contains(&ip));
    let network = match ip {
        IpAddr::V4(_) => network4(address, home, vip, nodes)?,
        IpAddr::V6(_) => network6(address, home)?,
    };
    let around = home.unwrap_or(network);
    if !is_host_address(ip, &around) {
        return Err(format!(
            "{ip} is no host's address in {}; choose another",
            around.trunc()
        ));
    }
    Ok(network)
}

fn own_address(ip: IpAddr, nodes: &[raw::Node]) -> Option<(usize, &'static str)> {
    let own = |(at, net): (usize, IpNet), key| (net.addr() == ip).then_some((at, key));
    addresses(nodes)
        .find_map(|node| own(node, "address"))
        .or_else(|| addresses6(nodes).find_map(|node| own(node, "address6")))
}

fn network4(
    address: &VipAddress,
    home: Option<IpNet>,
    vip: &raw::Vip,
    nodes: &[raw::Node],
) -> Result<IpNet, String> {
    let ip = address.ip;
    match (address.prefix, home, &vip.interface) {
        (Some(prefix), Some(_), _) | (Some(prefix), None, Some(_)) => IpNet::new(ip, prefix)
            .map_err(|_| format!("{ip}/{prefix} has a prefix that is too long; write at most /32")),
        (None, Some(home), _) => IpNet::new(ip, home.prefix_len())
            .map_err(|_| format!("{ip}: {home} is of another address family")),
        (None, None, Some(_)) => Err(format!(
            "{ip} is in no node's network, so its prefix length is unknown; write it with \
             one, such as \"{ip}/24\""
        )),
        (_, None, None) => {
            if addresses(nodes).next().is_none() {
                // There is no network to be in: that has been reported.
                return IpNet::new(ip, 32).map_err(|error| error.to_string());
            }
            let mut networks: Vec<String> = addresses(nodes)
                .map(|(_, node)| node.trunc().to_string())
                .collect();
            networks.sort();
            networks.dedup();
            Err(format!(
                "{ip} is in no node's network ({}); choose an address in it, or name the \
                 `interface` and write the prefix length",
                networks.join(", ")
            ))
        }
    }
}

/// Nodes need no IPv6 address of their own, so that a prefix length alone will do; whether the
/// interface is in the network is seen on the machine.
fn network6(address: &VipAddress, home: Option<IpNet>) -> Result<IpNet, String> {
    let ip = address.ip;
    let prefix = match (address.prefix, home) {
        (Some(prefix), _) => prefix,
        (None, Some(home)) => home.prefix_len(),
        (None, None) if is_link_local(ip) => LINK_LOCAL_PREFIX,
        (None, None) => {
            return Err(format!(
                "{ip} is in no node's network, so its prefix length is unknown; write it with one, \
                 such as \"{ip}/64\", or give the nodes an address6 in its network"
            ));
        }
    };
    IpNet::new(ip, prefix)
        .map_err(|_| format!("{ip}/{prefix} has a prefix that is too long; write at most /128"))
}

/// An address belongs to one VIP.
pub(super) fn unique_addresses(raw: &[raw::Vip], report: &mut Report<'_>) {
    let mut first: HashMap<IpAddr, String> = HashMap::new();
    for (at, vip) in raw.iter().enumerate() {
        for (n, address) in vip.addresses.iter().flatten().enumerate() {
            let path = format!("vip[{at}].addresses[{n}]");
            let ip = address.0.ip;
            if let Some(before) = first.get(&ip) {
                report.value(
                    path,
                    format!("{ip} is {before} already; remove one of the two"),
                );
            } else {
                first.insert(ip, path);
            }
        }
    }
}

/// Two virtual routers of one VRID, on two interfaces, would be given the same link-local address.
pub(super) fn unique_link_local(raw: &[raw::Vip], report: &mut Report<'_>) {
    let mut first = HashMap::new();
    for (at, vip) in raw.iter().enumerate() {
        let mut addresses = vip.addresses.iter().flatten();
        if !is_ipv6(vip) || addresses.any(|address| is_link_local(address.0.ip)) {
            continue;
        }
        let Some(vrid) = vip.vrid else { continue };
        if let Some(before) = first.get(&vrid) {
            report.value(
                format!("vip[{at}].addresses"),
                format!(
                    "would begin with vip[{before}]'s link-local address, as both have vrid {vrid}; \
                     write another first, such as \"fe80::{:x}:1\"",
                    u16::from(vrid)
                ),
            );
        } else {
            first.insert(vrid, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(addresses: &[&str], vrid: u8) -> Vec<String> {
        let addresses = addresses.iter().map(|net| net.parse().unwrap()).collect();
        let ordered = link_local_first(addresses, vrid);
        ordered.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn section_5_2_9_the_link_local_address_comes_first_written_or_not() {
        assert_eq!(
            first(&["fd77::100/64", "fe80::1/64"], 51),
            ["fe80::1/64", "fd77::100/64"]
        );
        assert_eq!(
            first(&["fd77::100/64"], 51),
            ["fe80::200:5eff:fe00:233/64", "fd77::100/64"]
        );
        assert_eq!(first(&[], 255), ["fe80::200:5eff:fe00:2ff/64"]);
    }
}
