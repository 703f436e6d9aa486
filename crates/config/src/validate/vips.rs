//! `[[vip]]`.

mod sync_groups;

use std::collections::HashMap;
use std::time::Duration;

use super::nodes::names;
use super::vip_addresses::{
    is_ipv6, transport, unique_addresses, unique_link_local, vip_addresses,
};
use super::{all, unique};
use crate::model::{Checksum, Peers, Vip, VrrpVersion};
use crate::raw::{self, duration_text};
use crate::report::Report;
use crate::suggest::remedy_for_name;

pub(super) fn vips(
    raw: &[raw::Vip],
    nodes: &[raw::Node],
    report: &mut Report<'_>,
) -> Option<Vec<Vip>> {
    unique(
        "vip",
        raw.iter()
            .enumerate()
            .filter_map(|(at, vip)| Some((at, vip.name.as_ref()?.0.0.as_str()))),
        report,
    );
    unique_vrids(raw, report);
    unique_addresses(raw, report);
    unique_link_local(raw, report);
    sync_groups::sync_groups(raw, report);
    all(raw, |at, raw| vip(at, raw, nodes, report))
}

fn vip(at: usize, raw: &raw::Vip, nodes: &[raw::Node], report: &mut Report<'_>) -> Option<Vip> {
    let path = format!("vip[{at}]");
    let addresses = vip_addresses(&path, raw, nodes, report);
    let advert_interval = advert_interval(&path, raw, report);
    if raw.preempt_delay.0 > Duration::ZERO && !raw.preempt {
        report.value(
            format!("{path}.preempt_delay"),
            "has no effect with preempt = false; remove one of the two",
        );
    }
    let mut priorities = priorities(&path, raw, nodes, report);
    owner(&path, raw, nodes, &mut priorities, report);
    let version = version(&path, raw, report);
    if raw.peers == raw::Peers::Vrrp && raw.fast_detection == Some(true) {
        report.value(
            format!("{path}.fast_detection"),
            "needs peers that answer, and peers = \"vrrp\" says they do not; remove one of the two",
        );
    }
    let transport = transport(&path, raw, nodes, &priorities, report);
    Some(Vip {
        name: raw.name.as_ref()?.0.0.clone(),
        vrid: raw.vrid?,
        addresses: addresses?,
        interface: raw
            .interface
            .as_ref()
            .map(|interface| interface.0.0.clone()),
        version,
        sync_group: raw.sync_group.as_ref().map(|group| group.0.0.clone()),
        priorities,
        advert_interval,
        preempt: raw.preempt,
        preempt_delay: raw.preempt_delay.0,
        transport,
        accept: raw.accept,
        virtual_mac: raw.virtual_mac,
        peers: match raw.peers {
            raw::Peers::Halo => Peers::Halo,
            raw::Peers::Vrrp => Peers::Vrrp,
        },
        fast_detection: raw.peers == raw::Peers::Halo && raw.fast_detection.unwrap_or(true),
    })
}

/// RFC 9568 section 5.2.7: twelve bits of centiseconds.
fn advert_interval(path: &str, raw: &raw::Vip, report: &mut Report<'_>) -> Duration {
    let interval = raw.advert_interval.0;
    let path = format!("{path}.advert_interval");
    let range = Duration::from_millis(10)..=Duration::from_millis(40_950);
    if !range.contains(&interval) {
        report.value(
            path,
            format!(
                "{:?} is out of range; write \"10ms\" to \"40950ms\"",
                duration_text(interval)
            ),
        );
    } else if !interval.as_micros().is_multiple_of(10_000) {
        let below = interval.as_millis() / 10 * 10;
        report.value(
            path,
            format!(
                "{:?} is not a whole number of centiseconds, as VRRP counts; write \"{below}ms\" \
                 or \"{}ms\"",
                duration_text(interval),
                below + 10
            ),
        );
    }
    interval
}

/// Version 2 counts seconds and may have a password; version 3 may choose its checksum.
fn version(path: &str, raw: &raw::Vip, report: &mut Report<'_>) -> VrrpVersion {
    if raw.version != 2 {
        if raw.password.is_some() {
            report.value(
                format!("{path}.password"),
                "VRRP version 3 has no passwords; remove it, or write version = 2",
            );
        }
        return VrrpVersion::V3 {
            checksum: match raw.checksum {
                raw::Checksum::PseudoHeader => Checksum::PseudoHeader,
                raw::Checksum::Message => Checksum::Message,
            },
            accept: match raw.accept_checksum {
                raw::AcceptChecksum::Both => None,
                raw::AcceptChecksum::PseudoHeader => Some(Checksum::PseudoHeader),
                raw::AcceptChecksum::Message => Some(Checksum::Message),
            },
        };
    }
    let interval = raw.advert_interval.0;
    if interval.subsec_nanos() != 0 {
        report.value(
            format!("{path}.version"),
            format!(
                "VRRP version 2 counts whole seconds, and advert_interval is {:?}; write \
                 advert_interval = \"1s\", or version = 3",
                duration_text(interval)
            ),
        );
    }
    if let raw::Checksum::Message = raw.checksum {
        report.value(
            format!("{path}.checksum"),
            "VRRP version 2 has one checksum only, of the message; remove it, or write version = 3",
        );
    }
    if raw.peers == raw::Peers::Halo {
        report.value(
            format!("{path}.version"),
            "VRRP version 2 is for other implementations, and Halo nodes say more than it has room \
             for; write peers = \"vrrp\", or version = 3",
        );
    }
    if is_ipv6(raw) {
        report.value(
            format!("{path}.version"),
            "VRRP version 2 knows IPv4 only; write version = 3",
        );
    }
    VrrpVersion::V2 {
        password: raw.password.as_ref().map(|password| password.0.0),
    }
}

/// The owner of the addresses has priority 255, whatever else is said of it.
fn owner(
    path: &str,
    raw: &raw::Vip,
    nodes: &[raw::Node],
    priorities: &mut [Option<u8>],
    report: &mut Report<'_>,
) {
    let Some(owner) = &raw.owner else { return };
    let path = format!("{path}.owner");
    match names(nodes).find(|(_, name)| name == owner) {
        None => {
            let known = names(nodes).map(|(_, name)| name);
            report.value(
                path,
                format!(
                    "no node is named {owner:?}; {}",
                    remedy_for_name(owner, "node", known)
                ),
            );
        }
        Some((at, _)) => match priorities.get_mut(at) {
            Some(Some(priority)) => *priority = 255,
            Some(None) | None => report.value(
                path,
                format!("{owner:?} is no member of this VIP; name it in `priority`, or remove it"),
            ),
        },
    }
}

/// Each node's priority, in the order of the nodes.
fn priorities(
    path: &str,
    raw: &raw::Vip,
    nodes: &[raw::Node],
    report: &mut Report<'_>,
) -> Vec<Option<u8>> {
    let Some(given) = &raw.priority else {
        let priority = |node: &raw::Node| match node.role {
            raw::Role::Member => Some(node.priority.0),
            raw::Role::Witness => None,
        };
        return nodes.iter().map(priority).collect();
    };
    let path = format!("{path}.priority");
    if given.is_empty() {
        report.value(
            path.clone(),
            "names no node, so none could hold the VIP; name its nodes, or remove it for all",
        );
    }
    for name in given.keys() {
        if !names(nodes).any(|(_, node)| node == name) {
            let known = names(nodes).map(|(_, name)| name);
            report.key(
                crate::places::join(&path, name),
                format!(
                    "no node is named {name:?}; {}",
                    remedy_for_name(name, "node", known)
                ),
            );
        }
    }
    nodes
        .iter()
        .map(|node| {
            given
                .get(&node.name.as_ref()?.0.0)
                .map(|priority| priority.0)
        })
        .collect()
}

/// A VRID is unique on its interface, in each IP version (RFC 9568 section 5.2.3).
fn unique_vrids(raw: &[raw::Vip], report: &mut Report<'_>) {
    let mut first = HashMap::new();
    for (at, vip) in raw.iter().enumerate() {
        let Some(vrid) = vip.vrid else { continue };
        let interface = vip
            .interface
            .as_ref()
            .map(|interface| interface.0.0.as_str());
        let key = (vrid, interface, is_ipv6(vip));
        if let Some(before) = first.get(&key) {
            report.value(
                format!("vip[{at}].vrid"),
                format!(
                    "{vrid} is vip[{before}]'s on the same interface already; choose another from \
                     1 to 255"
                ),
            );
        } else {
            first.insert(key, at);
        }
    }
}
