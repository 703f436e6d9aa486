//! Virtual routers with a MAC address of their own.

use halo_netio::lease::of_mac;
use halo_packet::vrrp::{Arrival, decode};

use super::*;

const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];
const OWN: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// The first number that the machine has free.
const UPPER: u32 = ETH0 + 1;

fn config() -> String {
    CONFIG.replace("vrid = 51", "vrid = 51\nvirtual_mac = true")
}

fn started() -> Node {
    let mut node = Node::new("lb1", &config());
    node.agent.start().unwrap();
    node.run(Duration::from_millis(20));
    assert_eq!(node.vip().state, VipState::Standby);
    node
}

fn active() -> Node {
    let mut node = started();
    node.run(PATIENCE);
    assert_eq!(node.vip().state, VipState::Active);
    node.greet(true, vec![peers::presence(51, Role::Backup)]);
    node
}

/// As it is put on the interface with the virtual MAC address.
fn alone() -> IpNet {
    IpNet::from(vip().addr())
}

fn upper(node: &Node) -> Option<Link> {
    let links = &node.agent.platform.links;
    links.iter().find(|link| link.name == "halo4-2-51").cloned()
}

fn is_up(node: &Node) -> bool {
    upper(node).is_some_and(|link| link.up)
}

/// An advert of the other node, to the group.
fn hear(node: &mut Node, priority: u8) {
    let group = Ipv4Addr::new(224, 0, 0, 18);
    node.hear_from(LB2, group, priority, 255);
}

/// The MAC address that an advert came from, and its priority.
fn advert(effect: &Effect) -> Option<([u8; 6], u8)> {
    match effect {
        Effect::Frame(frame) if frame[12..14] == [8, 0] => {
            let arrival = Arrival {
                source: LB1.into(),
                destination: Ipv4Addr::new(224, 0, 0, 18).into(),
                ttl: frame[22],
            };
            let message = &frame[34..];
            let advert = decode(message, arrival, halo_packet::vrrp::Accept::Both).unwrap();
            assert_eq!(frame[26..30], LB1.octets());
            Some((*frame[6..].first_chunk().unwrap(), advert.priority.get()))
        }
        Effect::Advert { message, .. } => Some((OWN, message[2])),
        _ => None,
    }
}

fn adverts(node: &Node) -> Vec<([u8; 6], u8)> {
    node.effects().iter().filter_map(advert).collect()
}

#[test]
fn section_6_4_2_a_backup_has_the_virtual_mac_address_nowhere() {
    let node = started();
    let link = upper(&node).expect("made before it is needed");
    assert_eq!((link.mac, link.up, link.index), (Some(MAC), false, UPPER));
    assert!(node.agent.platform.separated.contains(&ETH0));
    assert!(node.agent.platform.vrrp.1.contains(&(ETH0, Family::V4)));
    assert!(!node.agent.platform.vrrp.0.contains(&(UPPER, Family::V4)));
}

#[test]
fn section_7_2_the_active_speaks_from_the_virtual_mac_address_and_has_the_addresses_there() {
    let node = active();
    assert!(is_up(&node));
    assert!(node.agent.platform.has_address(UPPER, alone()));
    assert!(!node.holds_vip(), "not on the interface below");
    let adverts = adverts(&node);
    assert!(!adverts.is_empty());
    assert!(
        adverts.iter().all(|advert| *advert == (MAC, 200)),
        "{adverts:?}"
    );
    let arps: Vec<_> = node
        .effects()
        .iter()
        .filter_map(|effect| match effect {
            Effect::Frame(frame) => halo_packet::arp::Arp::decode(frame).ok(),
            _ => None,
        })
        .filter(|arp| !arp.sender_ip.is_unspecified())
        .collect();
    assert!(arps.len() >= 2);
    assert!(
        arps.iter().all(|arp| arp.sender_mac.octets() == MAC),
        "{arps:?}"
    );
    let first = node.position(|effect| advert(effect).is_some());
    let up = node.position(|effect| matches!(effect, Effect::InterfaceUp { up: true, .. }));
    let put = node.position(|effect| *effect == Effect::AddressPut(alone()));
    assert!(
        up < put && put < first,
        "switches send it here from the first advert on"
    );
    let status = node.vip();
    assert_eq!(status.virtual_mac.as_deref(), Some("00:00:5e:00:01:33"));
    assert_eq!(status.interface, "eth0");
}

#[test]
fn the_kernels_lease_is_for_both_interfaces() {
    let node = active();
    let guards = &node.agent.platform.guards;
    assert_eq!(guards[&ETH0], [vip().addr()]);
    assert_eq!(guards[&UPPER], [vip().addr(), of_mac(MAC)]);
    // The kernel may speak from it as soon as it is up, and no sooner.
    let leased = node.position(|effect| is_leased_to(effect, of_mac(MAC)));
    let up = node.position(|effect| matches!(effect, Effect::InterfaceUp { up: true, .. }));
    assert!(leased < up);
}

fn is_leased_to(effect: &Effect, to: IpAddr) -> bool {
    matches!(effect, Effect::Leased { address, .. } if *address == to)
}

#[test]
fn the_virtual_mac_address_is_leased_with_the_addresses_and_no_longer() {
    let mut node = active();
    node.machine().effects.clear();
    node.run(Duration::from_secs(1));
    let leases = |node: &Node, to: IpAddr| {
        let effects = node.effects().iter();
        effects.filter(|effect| is_leased_to(effect, to)).count()
    };
    assert_eq!(leases(&node, of_mac(MAC)), leases(&node, vip().addr()));
    assert_eq!(leases(&node, of_mac(MAC)), 10);
    node.machine()
        .change_link(ETH0, |link| link.carrier = false);
    node.run(Duration::from_millis(20));
    assert!(node.effects().contains(&Effect::LeaseEnded(of_mac(MAC))));
}

#[test]
fn who_is_told_to_stop_says_so_from_the_virtual_mac_address_and_leaves_nothing() {
    let mut node = active();
    node.machine().effects.clear();
    node.machine().happen(Input::Signal(Signal::Stop));
    node.machine().happen(Input::Signal(Signal::Stop));
    node.turn();
    assert_eq!(adverts(&node).last(), Some(&(MAC, 0)));
    let down = node.position(|effect| matches!(effect, Effect::InterfaceUp { up: false, .. }));
    let farewell = node.position(|effect| advert(effect) == Some((MAC, 0)));
    assert!(farewell < down);
    assert!(!node.agent.platform.has_address(UPPER, alone()));
    node.agent.remove_uppers();
    assert!(upper(&node).is_none());
    assert!(node.agent.platform.separated.is_empty());
}

#[test]
fn after_a_planned_move_what_switches_still_send_here_is_served_and_then_nothing_is() {
    let mut node = active();
    node.machine().connections.insert(vip().addr());
    node.machine().effects.clear();
    node.failover(None);
    assert!(is_up(&node) && node.agent.platform.has_address(UPPER, alone()));
    assert!(!node.holds_vip(), "the interface below would answer for it");
    let draining = |effect: &Effect| match effect {
        Effect::Draining { address, .. } => *address == of_mac(MAC),
        _ => false,
    };
    node.position(draining);
    for _ in 0..8 {
        hear(&mut node, 100);
        node.run(Duration::from_millis(100));
    }
    assert!(node.holds_vip(), "connections finish below");
    assert!(!is_up(&node));
    assert!(!node.agent.platform.has_address(UPPER, alone()));
}

#[test]
fn connections_finish_on_the_interface_below_and_come_back_with_the_vip() {
    let mut node = active();
    node.machine().connections.insert(vip().addr());
    node.failover(None);
    for _ in 0..50 {
        hear(&mut node, 100);
        node.run(Duration::from_millis(100));
    }
    assert!(node.holds_vip(), "renewed beyond the kernel's lifetime");
    node.machine().effects.clear();
    node.failover(Some("lb1"));
    node.run(PATIENCE);
    assert_eq!(node.vip().state, VipState::Active);
    assert!(is_up(&node));
    assert!(node.agent.platform.has_address(UPPER, alone()));
    assert!(!node.holds_vip());
    let above = node.position(|effect| *effect == Effect::AddressPut(alone()));
    let gone = node.position(|effect| *effect == Effect::AddressRemoved(vip()));
    let leased = node.position(|effect| is_leased_to(effect, vip().addr()));
    assert!(
        above < gone && gone < leased,
        "the interface below never answers for it"
    );
}

#[test]
fn who_gets_the_vip_back_at_once_has_it_where_it_was() {
    let mut node = active();
    node.machine().connections.insert(vip().addr());
    node.failover(None);
    node.failover(Some("lb1"));
    node.run(PATIENCE);
    assert_eq!(node.vip().state, VipState::Active);
    assert!(is_up(&node) && node.agent.platform.has_address(UPPER, alone()));
    assert!(!node.holds_vip());
}

#[test]
fn without_the_kernels_lease_the_virtual_mac_address_goes_at_once() {
    let mut machine = Node::machine_for("lb1", &config());
    machine.fail_guards = true;
    let mut node = Node::on(machine, "lb1");
    node.agent.start().unwrap();
    node.run(PATIENCE * 2);
    assert_eq!(node.vip().state, VipState::Active);
    node.greet(true, vec![peers::presence(51, Role::Backup)]);
    node.failover(None);
    assert!(!is_up(&node));
    assert!(!node.holds_vip());
}

#[test]
fn who_gives_way_says_its_last_from_its_own_mac_address() {
    let mut node = active();
    node.machine().effects.clear();
    hear(&mut node, 250);
    assert_eq!(node.vip().state, VipState::Standby);
    assert_eq!(adverts(&node), [(OWN, 200)]);
}

#[test]
fn what_a_killed_agent_left_is_removed_and_made_anew() {
    let mut machine = Node::machine_for("lb1", &config());
    let left = |name: &str, index, mac| Link {
        name: name.to_owned(),
        index,
        mac: Some(mac),
        up: true,
        carrier: true,
        operational: true,
        loopback: false,
        addresses: Vec::new(),
    };
    machine.links.push(left("halo4-2-51", 7, MAC));
    machine
        .links
        .push(left("halo6-9-1", 8, [0, 0, 0x5e, 0, 2, 1]));
    // Somebody else's, whatever it is called.
    machine.links.push(left("halo4-2-52", 9, OWN));
    machine.leave_over(7, alone());
    let mut node = Node::on(machine, "lb1");
    node.agent.start().unwrap();
    node.run(Duration::from_millis(20));
    let names: Vec<_> = node
        .agent
        .platform
        .links
        .iter()
        .map(|link| &link.name)
        .collect();
    assert_eq!(names, ["eth0", "halo4-2-52", "halo4-2-51"]);
    assert!(!is_up(&node));
}

#[test]
fn what_somebody_takes_away_from_the_active_is_put_back() {
    let mut node = active();
    node.machine().change_link(UPPER, |link| link.up = false);
    node.run(Duration::from_millis(20));
    assert!(is_up(&node));
    node.machine().remove_link(UPPER);
    node.run(Duration::from_millis(20));
    let made = upper(&node).expect("made again");
    assert!(made.up);
    assert!(node.agent.platform.has_address(made.index, alone()));
    assert!(node.agent.platform.guards[&made.index].contains(&of_mac(MAC)));
    assert_eq!(node.vip().state, VipState::Active);
}

#[test]
fn a_link_that_is_lost_takes_the_virtual_mac_address_along() {
    let mut node = active();
    node.machine()
        .change_link(ETH0, |link| link.carrier = false);
    node.run(Duration::from_millis(20));
    assert_eq!(node.vip().state, VipState::Initialize);
    assert!(!is_up(&node));
    assert!(!node.agent.platform.has_address(UPPER, alone()));
}

#[test]
fn a_node_that_cannot_have_it_leaves_the_vip_to_others_and_tries_again() {
    let mut machine = Node::machine_for("lb1", &config());
    machine.fail_virtual_macs = true;
    let mut node = Node::on(machine, "lb1");
    node.agent.start().unwrap();
    node.run(PATIENCE);
    assert_eq!(node.vip().state, VipState::Initialize);
    let warnings = node.status().warnings;
    let warned = |warning: &String| {
        warning.starts_with("web: set arp_ignore") && warning.ends_with("cannot hold it")
    };
    assert!(warnings.iter().any(warned), "{warnings:?}");
    node.machine().fail_virtual_macs = false;
    node.run(Duration::from_secs(6));
    assert_eq!(node.vip().state, VipState::Active);
    assert!(node.status().warnings.is_empty());
}

#[test]
fn a_reload_that_wants_it_or_not_moves_the_addresses() {
    let mut node = active();
    node.reload(CONFIG);
    node.run(PATIENCE);
    assert!(node.holds_vip());
    assert!(upper(&node).is_none());
    assert!(node.agent.platform.separated.is_empty());
    node.reload(&config());
    node.run(PATIENCE);
    assert!(!node.holds_vip());
    assert!(is_up(&node));
}
