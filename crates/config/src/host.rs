//! A configuration against the machine that it is to run on.

use ipnet::IpNet;
use toml::de::DeTable;

use crate::errors::Errors;
use crate::model::{Config, Vip};
use crate::places::Places;
use crate::report::Report;

/// What the machine has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Every interface that is there, with its addresses and their prefix lengths.
    pub interfaces: Vec<(String, Vec<IpNet>)>,
}

impl HostFacts {
    /// The interface that holds exactly this address.
    fn holder(&self, address: IpNet) -> Option<&str> {
        let holds = |addresses: &[IpNet]| addresses.iter().any(|a| a.addr() == address.addr());
        self.interfaces
            .iter()
            .find(|(_, a)| holds(a))
            .map(|(name, _)| name.as_str())
    }

    fn addresses(&self, interface: &str) -> Option<&[IpNet]> {
        let found = self.interfaces.iter().find(|(name, _)| name == interface);
        found.map(|(_, addresses)| addresses.as_slice())
    }
}

/// Compares `config` with the machine's interfaces, and gives the interface of each VIP, in the
/// order of [`Config::vips`]; `None` where this node is not a member.
///
/// `file` and `text` are those that `config` was parsed from; they only serve to give problems
/// their places.
///
/// # Errors
///
/// One of this node's addresses is on no interface; a VIP's interface does not exist or is in no network
/// of the VIP; two VIPs of one interface and IP version share
/// a VRID.
pub fn check_host(
    config: &Config,
    file: &str,
    text: &str,
    facts: &HostFacts,
) -> Result<Vec<Option<String>>, Errors> {
    let places = DeTable::parse(text).map_or_else(|_| Places::default(), |d| Places::of(&d));
    let mut report = Report::new(file, text, places);
    let node = config.this_node();
    let home = home("address", node.address, config, facts, &mut report);
    if let Some(address6) = node.address6 {
        self::home("address6", address6, config, facts, &mut report);
    }
    let mut interfaces: Vec<Option<String>> = Vec::new();
    for (at, vip) in config.vips.iter().enumerate() {
        let member = vip.priorities[config.this].is_some();
        let interface = if member {
            interface(at, vip, home, facts, &mut report)
        } else {
            None
        };
        if let Some(interface) = &interface {
            let same = |other: &usize| {
                config.vips[*other].vrid == vip.vrid
                    && config.vips[*other].is_ipv6() == vip.is_ipv6()
                    && interfaces[*other].as_ref() == Some(interface)
            };
            if let Some(other) = (0..at).find(same) {
                report.value(
                    format!("vip[{at}].vrid"),
                    format!(
                        "{} is vip[{other}]'s on {interface} already; choose another from 1 to 255",
                        vip.vrid
                    ),
                );
            }
        }
        one_wire(at, vip, home, interface.as_deref(), &mut report);
        interfaces.push(interface);
    }
    report.finish(Some(interfaces))
}

/// The interface that holds this node's `address`, which stands under `key`.
fn home<'a>(
    key: &str,
    address: IpNet,
    config: &Config,
    facts: &'a HostFacts,
    report: &mut Report<'_>,
) -> Option<&'a str> {
    let home = facts.holder(address);
    if home.is_none() {
        report.value(
            format!("node[{}].{key}", config.this),
            format!(
                "{} is on no interface of this machine ({}); add it to one, or correct it here",
                address.addr(),
                all_addresses(facts)
            ),
        );
    }
    home
}

/// Switches learn from heartbeats where a virtual MAC address is: they must pass where it is.
fn one_wire(
    at: usize,
    vip: &Vip,
    home: Option<&str>,
    interface: Option<&str>,
    report: &mut Report<'_>,
) {
    // IPv6 heartbeats that are multicast leave from the VIP's own interface.
    if !vip.virtual_mac || vip.is_ipv6() {
        return;
    }
    if let (Some(home), Some(interface)) = (home, interface)
        && home != interface
    {
        report.value(
            format!("vip[{at}].virtual_mac"),
            format!(
                "heartbeats travel by {home}, which has the node's address, and the addresses go on \
                 {interface}, where no switch would hear from the virtual MAC address; give the node \
                 its address on {interface}, or remove virtual_mac"
            ),
        );
    }
}

fn interface(
    at: usize,
    vip: &Vip,
    home: Option<&str>,
    facts: &HostFacts,
    report: &mut Report<'_>,
) -> Option<String> {
    let interface = vip.interface.as_deref().or(home)?;
    let Some(addresses) = facts.addresses(interface) else {
        report.value(
            format!("vip[{at}].interface"),
            format!(
                "this machine has no interface {interface:?}; use one of: {}",
                crate::suggest::list(facts.interfaces.iter().map(|(name, _)| name.as_str()))
            ),
        );
        return None;
    };
    let mut good = true;
    let written = vip.addresses.iter().enumerate();
    for (n, address) in written.filter(|(_, net)| !is_link_local(net)) {
        // The VIP itself may still be there, from a run before; it proves nothing.
        let real = || {
            addresses
                .iter()
                .filter(|a| !vip.ips().any(|ip| ip == a.addr()))
        };
        if !real().any(|network| network.contains(&address.addr())) {
            good = false;
            let networks: Vec<String> = real().map(|network| network.trunc().to_string()).collect();
            let networks = match networks.as_slice() {
                [] => "which has no address".into(),
                networks => format!("whose networks are {}", networks.join(", ")),
            };
            report.value(
                format!("vip[{at}].addresses[{n}]"),
                format!(
                    "{} is in no network of {interface}, {networks}; choose an address in one of \
                     its networks, or name another `interface`",
                    address.addr()
                ),
            );
        }
    }
    good.then(|| interface.to_owned())
}

/// Every interface is in the link-local network; one may have been put before those written.
fn is_link_local(net: &IpNet) -> bool {
    matches!(net, IpNet::V6(net) if net.addr().is_unicast_link_local())
}

/// `eth0 10.77.0.11/24, lo 127.0.0.1/8`.
fn all_addresses(facts: &HostFacts) -> String {
    let line = |(name, addresses): &(String, Vec<IpNet>)| {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        format!("{name} {}", addresses.join(" "))
    };
    let lines: Vec<String> = facts
        .interfaces
        .iter()
        .filter(|(_, addresses)| !addresses.is_empty())
        .map(line)
        .collect();
    if lines.is_empty() {
        "which has no address at all".into()
    } else {
        lines.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    const TEXT: &str = "\
[[node]]
name = \"lb1\"
address = \"10.77.0.11/24\"
[[vip]]
name = \"web\"
vrid = 51
addresses = [\"10.77.0.100\", \"10.77.0.101\"]
[[vip]]
name = \"dmz\"
vrid = 51
addresses = [\"192.0.2.9/24\"]
interface = \"eth1\"
";

    fn facts(interfaces: &[(&str, &[&str])]) -> HostFacts {
        let interfaces = interfaces.iter().map(|(name, addresses)| {
            (
                (*name).to_owned(),
                addresses.iter().map(|a| a.parse().unwrap()).collect(),
            )
        });
        HostFacts {
            interfaces: interfaces.collect(),
        }
    }

    fn checked(facts: &HostFacts) -> Result<Vec<Option<String>>, String> {
        let config = parse("halo.toml", TEXT, "lb1").unwrap();
        check_host(&config, "halo.toml", TEXT, facts).map_err(|errors| errors.to_string())
    }

    #[test]
    fn each_vip_finds_its_interface() {
        let facts = facts(&[
            ("lo", &["127.0.0.1/8"]),
            ("eth0", &["10.77.0.11/24"]),
            ("eth1", &["192.0.2.1/24"]),
        ]);
        let expected = vec![Some("eth0".to_owned()), Some("eth1".to_owned())];
        assert_eq!(checked(&facts), Ok(expected));
    }

    #[test]
    fn a_vip_left_over_from_a_run_before_is_no_network() {
        let facts = facts(&[("eth0", &["10.77.0.11/24"]), ("eth1", &["192.0.2.9/24"])]);
        assert_eq!(
            checked(&facts).unwrap_err(),
            "halo.toml:11:14: vip[1].addresses[0]: 192.0.2.9 is in no network of eth1, which has \
             no address; choose an address in one of its networks, or name another `interface`"
        );
    }

    #[test]
    fn what_the_machine_lacks_is_named_with_its_place() {
        let facts = facts(&[("eth0", &["10.78.0.11/24"])]);
        assert_eq!(
            checked(&facts).unwrap_err(),
            "halo.toml:3:11: node[0].address: 10.77.0.11 is on no interface of this machine (eth0 \
             10.78.0.11/24); add it to one, or correct it here\n\
             halo.toml:12:13: vip[1].interface: this machine has no interface \"eth1\"; use one \
             of: eth0"
        );
    }

    #[test]
    fn vips_of_one_interface_share_no_vrid_however_it_was_named() {
        let text = TEXT
            .replace("eth1", "eth0")
            .replace("192.0.2.9", "10.77.0.9");
        let config = parse("halo.toml", &text, "lb1").unwrap();
        let errors = check_host(
            &config,
            "halo.toml",
            &text,
            &facts(&[("eth0", &["10.77.0.11/24"])]),
        );
        assert_eq!(
            errors.unwrap_err().to_string(),
            "halo.toml:10:8: vip[1].vrid: 51 is vip[0]'s on eth0 already; choose another from 1 \
             to 255"
        );
    }
}
