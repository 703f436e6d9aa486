//! `[[node]]`.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{all, unique};
use crate::model::Node;
use crate::raw;
use crate::report::Report;
use crate::suggest::list;

pub(super) fn nodes(raw: &[raw::Node], report: &mut Report<'_>) -> Option<Vec<Node>> {
    unique("node", names(raw), report);
    for (at, address) in addresses(raw) {
        let path = format!("node[{at}].address");
        let ip = address.addr();
        if ip.is_ipv6() {
            report.value(
                path,
                format!(
                    "{ip} is IPv6; write the node's IPv4 address here, and this one as `address6`"
                ),
            );
        } else if !is_host_address(ip, &address) {
            report.value(
                path,
                format!(
                    "{ip} is no host's address in {}; write the node's own address",
                    address.trunc()
                ),
            );
        } else if let Some((before, _)) = addresses(raw)
            .take_while(|(other, _)| *other < at)
            .find(|(_, other)| other.addr() == ip)
        {
            report.value(
                path,
                format!("{ip} is node[{before}]'s address already; each node has its own"),
            );
        }
    }
    check_addresses6(raw, report);
    all(raw, |_, raw| {
        Some(Node {
            name: raw.name.as_ref()?.0.0.clone(),
            address: raw.address.as_ref()?.0,
            address6: raw.address6.as_ref().map(|address| address.0),
            priority: raw.priority.0,
            witness: raw.role == raw::Role::Witness,
        })
    })
}

fn check_addresses6(raw: &[raw::Node], report: &mut Report<'_>) {
    for (at, address) in addresses6(raw) {
        let path = format!("node[{at}].address6");
        let ip = address.addr();
        let link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        if ip.is_ipv4() {
            report.value(
                path,
                format!("{ip} is IPv4; write the node's IPv6 address, such as \"2001:db8::11/64\""),
            );
        } else if link_local {
            report.value(
                path,
                format!(
                    "{ip} is link-local: heartbeats are multicast from it without being told; write a \
                     global or unique local address, or remove it"
                ),
            );
        } else if !is_host_address(ip, &address) {
            report.value(
                path,
                format!("{ip} is no host's address; write the node's own address"),
            );
        } else if let Some((before, _)) = addresses6(raw)
            .take_while(|(other, _)| *other < at)
            .find(|(_, other)| other.addr() == ip)
        {
            report.value(
                path,
                format!("{ip} is node[{before}]'s address6 already; each node has its own"),
            );
        }
    }
}

/// The index of the node that this process is.
pub(crate) fn find_node(raw: &raw::File, name: &str, report: &mut Report<'_>) -> Option<usize> {
    let nodes = raw.node.as_deref().unwrap_or_default();
    let found = names(nodes)
        .find(|(_, other)| *other == name)
        .map(|(at, _)| at);
    let known = || names(nodes).map(|(_, name)| name);
    if found.is_none() && known().next().is_some() {
        report.value(
            "node",
            format!(
                "no node is named {name:?} (there are: {}); a node finds itself by --node, \
                 HALO_NODE or its host name",
                list(known()),
            ),
        );
    }
    found
}

/// The nodes' names, by index.
pub(super) fn names(raw: &[raw::Node]) -> impl Iterator<Item = (usize, &str)> + Clone {
    raw.iter()
        .enumerate()
        .filter_map(|(at, node)| Some((at, node.name.as_ref()?.0.0.as_str())))
}

/// The nodes' addresses, by index.
pub(super) fn addresses(raw: &[raw::Node]) -> impl Iterator<Item = (usize, IpNet)> + Clone {
    raw.iter()
        .enumerate()
        .filter_map(|(at, node)| Some((at, node.address.as_ref()?.0)))
}

/// The nodes' IPv6 addresses, by index.
pub(super) fn addresses6(raw: &[raw::Node]) -> impl Iterator<Item = (usize, IpNet)> + Clone {
    raw.iter()
        .enumerate()
        .filter_map(|(at, node)| Some((at, node.address6.as_ref()?.0)))
}

/// Whether `ip` can be a host's address in `network`: neither the network's own nor its broadcast
/// (RFC 3021: a /31 has neither).
pub(super) fn is_host_address(ip: IpAddr, network: &IpNet) -> bool {
    if ip.is_unspecified() || ip.is_multicast() || ip.is_loopback() {
        return false;
    }
    match network {
        IpNet::V4(network) => {
            network.prefix_len() >= 31 || ip != network.network() && ip != network.broadcast()
        }
        IpNet::V6(_) => true,
    }
}
