//! IPv6 virtual routers.

use halo_netio::vrrp::GROUP6;
use halo_packet::ndp::{Kind, Ndp};
use halo_packet::vrrp::{Accept, Arrival, decode};

use super::*;

/// Of lb1 and of its peer.
pub(super) const LINK_LOCAL: &str = "fe80::77:ff:fe00:b";
pub(super) const PEER: &str = "fe80::77:ff:fe00:c";
/// What follows from VRID 51.
const FIRST: &str = "fe80::200:5eff:fe00:233/64";
const GLOBAL: &str = "fd77::100/64";

fn config(change: impl FnOnce(String) -> String) -> String {
    change(of_ipv6(CONFIG))
}

/// With an IPv6 address in place of the IPv4 one.
pub(super) fn of_ipv6(text: &str) -> String {
    text.replace(
        "addresses = [\"10.77.0.100\"]",
        "addresses = [\"fd77::100/64\"]",
    )
}

/// With an `address6` on every member.
pub(super) fn unicast(text: &str) -> String {
    text.replace(
        "address = \"10.77.0.11/24\"",
        "address = \"10.77.0.11/24\"\naddress6 = \"fd77::11/64\"",
    )
    .replace(
        "address = \"10.77.0.12/24\"",
        "address = \"10.77.0.12/24\"\naddress6 = \"fd77::12/64\"",
    )
}

/// A node with these IPv6 addresses beside its IPv4 one.
fn node(text: &str, addresses: &[&str]) -> Node {
    let mut node = Node::new("lb1", text);
    let mut link = node.machine().links[0].clone();
    link.addresses.extend(addresses.iter().map(|a| net(a)));
    let mut platform = Fake::new(Instant::now(), vec![link]);
    platform.file = Some(text.to_owned());
    let mut node = Node::on(platform, "lb1");
    node.agent.start().unwrap();
    node.run(Duration::from_millis(20));
    node
}

fn net(text: &str) -> IpNet {
    text.parse()
        .or_else(|_| format!("{text}/64").parse())
        .unwrap()
}

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// An advert of VRID 51 from `source`, as a standard implementation sends it.
fn hear(node: &mut Node, source: &str, destination: IpAddr, priority: u8) {
    let mut payload = [0; MAX_LEN];
    let length = Outgoing {
        version: Version::V3,
        vrid: Vrid::new(51).unwrap(),
        priority: Priority(priority),
        interval: Centiseconds::new(10).unwrap(),
        addresses: &[net(FIRST).addr(), net(GLOBAL).addr()],
    }
    .encode(
        ip(source),
        destination,
        ChecksumMode::MessageOnly,
        &mut payload,
    )
    .unwrap();
    node.machine().happen(Input::Datagram(Datagram {
        interface: ETH0,
        source: ip(source),
        destination,
        ttl: 255,
        payload: payload[..length].into(),
    }));
    node.turn();
}

#[test]
fn section_5_2_9_adverts_go_from_the_link_local_address_to_the_group_with_a_link_local_one_first() {
    let mut node = node(&config(|text| text), &[LINK_LOCAL, "fd77::11"]);
    assert!(node.machine().vrrp.1.contains(&(ETH0, Family::V6)));
    node.machine().effects.clear();
    node.run(PATIENCE);
    let at = node.position(|effect| matches!(effect, Effect::Advert { .. }));
    let Effect::Advert {
        interface,
        source,
        destination,
        message,
    } = &node.effects()[at]
    else {
        panic!("an advert");
    };
    assert_eq!(
        (*interface, *source, *destination),
        (ETH0, ip(LINK_LOCAL), IpAddr::V6(GROUP6))
    );
    let arrival = Arrival {
        source: *source,
        destination: *destination,
        ttl: 255,
    };
    let advert = decode(message, arrival, Accept::Both).unwrap();
    let addresses: Vec<IpAddr> = advert.addresses.iter().collect();
    assert_eq!(addresses, [net(FIRST).addr(), net(GLOBAL).addr()]);
}

#[test]
fn section_6_4_2_a_claim_puts_every_address_on_and_advertises_each_unasked() {
    let mut node = node(&config(|text| text), &[LINK_LOCAL]);
    node.machine().effects.clear();
    node.run(PATIENCE);
    assert_eq!(node.vip().state, VipState::Active);
    let put: Vec<IpNet> = node
        .effects()
        .iter()
        .filter_map(|effect| match effect {
            Effect::AddressPut(net) => Some(*net),
            _ => None,
        })
        .collect();
    assert_eq!(put, [net(FIRST), net(GLOBAL)]);
    let told: Vec<Ndp> = node
        .effects()
        .iter()
        .filter_map(|effect| match effect {
            Effect::Frame(frame) => Some(Ndp::decode(frame).unwrap()),
            _ => None,
        })
        .collect();
    let targets: Vec<IpAddr> = told.iter().map(|packet| packet.target.into()).collect();
    let both = [net(FIRST).addr(), net(GLOBAL).addr()];
    assert_eq!(targets[..2], both, "each address, at once");
    assert!(told.iter().all(|packet| matches!(
        packet.kind,
        Kind::Advertisement {
            overrides: true,
            solicited: false,
            ..
        }
    )));
    node.run(Duration::from_secs(1));
    assert_eq!(node.vip().gratuitous_arps_sent, 12, "six times two");
}

#[test]
fn without_a_link_local_address_there_is_nothing_to_send_from_until_one_comes() {
    let mut node = node(&config(|text| text), &["fd77::11"]);
    node.run(PATIENCE);
    assert_eq!(node.vip().state, VipState::Initialize);
    assert!(node.adverts().is_empty());
    node.machine().leave_over(ETH0, net(LINK_LOCAL));
    node.machine()
        .change_link(ETH0, |link| link.operational = true);
    node.run(2 * PATIENCE);
    assert_eq!(node.vip().state, VipState::Active);
}

#[test]
fn section_6_4_3_at_equal_priority_the_higher_link_local_address_wins() {
    let mut node = node(&config(|text| text), &[LINK_LOCAL]);
    node.run(PATIENCE);
    assert_eq!(node.vip().state, VipState::Active);
    hear(&mut node, "fe80::1", GROUP6.into(), 200);
    assert_eq!(node.vip().state, VipState::Active);
    hear(&mut node, PEER, GROUP6.into(), 200);
    assert_eq!(node.vip().state, VipState::Standby);
    let ended = |effect: &Effect| matches!(effect, Effect::Draining { address, .. } if *address == net(GLOBAL).addr());
    assert!(node.effects().iter().any(ended), "without a lease");
    assert_eq!(node.vip().holder.as_deref(), Some(PEER));
}

#[test]
fn with_an_address6_on_every_member_adverts_are_unicast_between_those() {
    let text = config(|text| unicast(&text));
    let mut node = node(&text, &[LINK_LOCAL, "fd77::11"]);
    node.run(PATIENCE);
    assert!(node.effects().iter().any(|effect| matches!(effect,
        Effect::Advert { source, destination, .. }
            if *source == ip("fd77::11") && *destination == ip("fd77::12"))));
    hear(&mut node, "fd77::12", ip("fd77::11"), 250);
    assert_eq!(node.vip().holder.as_deref(), Some("lb2"));
    assert!(node.status().peers[0].last_heard_ms.is_some());
    let before = node.vip().adverts_discarded;
    hear(&mut node, "fd77::13", ip("fd77::11"), 250);
    assert_eq!(node.vip().adverts_discarded, before + 1, "no member");
}

#[test]
fn section_5_2_3_one_vrid_names_two_virtual_routers_of_two_ip_versions() {
    let second =
        "[[vip]]\nname = \"web6\"\nvrid = 51\naddresses = [\"fd77::100/64\"]\n[[listener]]";
    let text = CONFIG.replace("[[listener]]", second);
    let mut node = node(&text, &[LINK_LOCAL]);
    node.run(PATIENCE);
    let states =
        |node: &Node| -> Vec<VipState> { node.status().vips.iter().map(|vip| vip.state).collect() };
    assert_eq!(states(&node), [VipState::Active, VipState::Active]);
    hear(&mut node, PEER, GROUP6.into(), 250);
    assert_eq!(states(&node), [VipState::Active, VipState::Standby]);
    node.hear(250, 255);
    assert_eq!(states(&node), [VipState::Standby, VipState::Standby]);
}
