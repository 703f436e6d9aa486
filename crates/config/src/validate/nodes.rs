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
                format!("{ip}: IPv6 nodes are not supported yet; write an IPv4 address"),
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
    all(raw, |_, raw| {
        Some(Node {
            name: raw.name.as_ref()?.0.0.clone(),
            address: raw.address.as_ref()?.0,
            priority: raw.priority.0,
            witness: raw.role == raw::Role::Witness,
        })
    })
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
