//! Finding peers that the kernel has lost sight of.

use halo_packet::MacAddr;
use halo_packet::arp::{Arp, Operation};

use super::*;

const KNOWN: [u8; 6] = [2, 0x77, 0, 0, 0, 0x0c];

/// Where this node asked for the other one, in order.
fn asked(node: &Node) -> Vec<MacAddr> {
    let other = if node.agent.own_name() == "lb1" {
        LB2
    } else {
        LB1
    };
    node.effects()
        .iter()
        .filter_map(|effect| match effect {
            Effect::Frame(frame) => Arp::decode(frame).ok(),
            _ => None,
        })
        .filter(|arp| {
            arp.operation == Operation::Request
                && arp.target_ip == other
                && arp.sender_ip != Ipv4Addr::UNSPECIFIED
        })
        .map(|arp| arp.destination)
        .collect()
}

fn set_carrier(node: &mut Node, carrier: bool) {
    node.machine()
        .change_link(ETH0, |link| link.carrier = carrier);
    node.turn();
}

/// Active, with the other node's hardware address known, and that one silent for longer than a node is
/// taken for alive.
fn alone() -> Node {
    let mut node = Node::active();
    node.machine().neighbours.insert(LB2.into(), KNOWN);
    node.run(Duration::from_secs(12));
    node.machine().effects.clear();
    node
}

#[test]
fn peers_are_asked_where_they_are_when_the_link_is_back() {
    let mut node = Node::active();
    set_carrier(&mut node, false);
    node.machine().effects.clear();
    node.run(Duration::from_secs(2));
    assert!(asked(&node).is_empty(), "nobody would hear");
    set_carrier(&mut node, true);
    assert_eq!(asked(&node), [MacAddr::broadcast()]);
}

#[test]
fn a_node_whose_link_returns_listens_before_it_is_active_again() {
    let mut node = Node::active();
    set_carrier(&mut node, false);
    assert_eq!(node.vip().state, VipState::Initialize);
    node.run(Duration::from_secs(2));
    set_carrier(&mut node, true);
    node.run(Duration::from_millis(250));
    assert_eq!(node.vip().state, VipState::Standby);
}

#[test]
fn an_active_asks_a_peer_that_is_missed_at_its_last_known_place_with_each_heartbeat() {
    let mut node = alone();
    node.run(Duration::from_secs(1));
    assert_eq!(asked(&node), [MacAddr::from(KNOWN); 10]);
    assert_eq!(node.adverts().len(), 10);
}

#[test]
fn a_peer_that_is_heard_is_not_asked() {
    let mut node = alone();
    for _ in 0..5 {
        node.greet(true, vec![peers::presence(51, Role::Backup)]);
        node.run(Duration::from_millis(250));
    }
    // The first of the heartbeats may have been due before the first word.
    assert!(asked(&node).len() <= 1, "{:?}", asked(&node));
}

#[test]
fn a_rival_is_asked_with_the_answer_to_it_because_it_does_not_hear() {
    let mut node = Node::active();
    node.run(Duration::from_millis(50));
    node.machine().effects.clear();
    node.hear(100, 255);
    assert_eq!(node.adverts(), [200]);
    assert_eq!(asked(&node), [MacAddr::broadcast()]);
    // A stream of them is not answered by another.
    for _ in 0..20 {
        node.hear(100, 255);
    }
    assert_eq!(asked(&node).len(), 1);
}

#[test]
fn heartbeats_to_a_group_need_nobody_to_be_found() {
    let text = CONFIG.replace("vrid = 51", "vrid = 51\ntransport = \"multicast\"");
    let mut node = Node::new("lb1", &text);
    node.machine().neighbours.insert(LB2.into(), KNOWN);
    node.agent.start().unwrap();
    node.run(Duration::from_secs(12));
    assert_eq!(node.vip().state, VipState::Active);
    assert!(asked(&node).is_empty());
}
