//! Others that say they have the VIP.

use halo_packet::MacAddr;
use halo_packet::arp::{Arp, FRAME_LEN, Operation};

use super::*;

const STRANGER: MacAddr = MacAddr(2, 0x66, 0, 0, 0, 6);

impl Node {
    /// A gratuitous ARP for the VIP comes in.
    fn hear_claim(&mut self, mac: MacAddr) {
        let IpAddr::V4(ip) = vip().addr() else {
            panic!("IPv4");
        };
        let mut frame = vec![0; FRAME_LEN];
        Arp::gratuitous(Operation::Reply, mac, ip)
            .encode(&mut frame)
            .unwrap();
        self.machine().happen(Input::Claim {
            interface: ETH0,
            frame,
        });
        self.turn();
    }

    fn frames(&self) -> usize {
        let frames = self.effects().iter();
        frames
            .filter(|effect| matches!(effect, Effect::Frame(_)))
            .count()
    }

    fn settled() -> Self {
        let mut node = Self::active();
        node.run(Duration::from_millis(1500));
        node.machine().effects.clear();
        node
    }
}

#[test]
fn a_foreign_claim_is_told_counted_and_answered() {
    let mut node = Node::settled();
    assert_eq!(node.machine().watched[&ETH0], [vip().addr()]);
    node.hear_claim(STRANGER);
    assert_eq!(node.frames(), 2, "announced again at once");
    assert_eq!(node.vip().foreign_claims, 1);
    assert_eq!(
        node.status().warnings,
        [
            "web: 02:66:00:00:00:06 says that it has 10.77.0.100, which this node holds: find the \
             machine with that hardware address"
        ]
    );
    assert_eq!(node.vip().state, VipState::Active, "VRRP alone elects");
    node.run(Duration::from_secs(61));
    assert!(node.status().warnings.is_empty(), "it has stopped");
}

#[test]
fn claims_in_a_row_are_counted_all_and_answered_once_a_second() {
    let mut node = Node::settled();
    for _ in 0..100 {
        node.hear_claim(STRANGER);
        node.run(Duration::from_millis(10));
    }
    assert_eq!(node.vip().foreign_claims, 100);
    let frames = node.frames();
    assert!((4..=8).contains(&frames), "{frames}: two bursts of two");
    let events = node.agent.journal.after(0);
    let told = events.iter().filter(|e| e.message.contains("says that"));
    assert_eq!(told.count(), 1);
}

#[test]
fn what_is_this_machines_own_or_from_a_handover_is_no_foreign_claim() {
    let mut node = Node::active();
    node.hear_claim(STRANGER);
    assert_eq!(node.vip().foreign_claims, 0, "the former Active's last");
    node.run(Duration::from_millis(1500));
    node.hear_claim(MacAddr(2, 0, 0, 0, 0, 1));
    assert_eq!(node.vip().foreign_claims, 0, "its own");
    node.hear(250, 255);
    assert_eq!(node.vip().state, VipState::Standby);
    node.hear_claim(STRANGER);
    assert_eq!(node.vip().foreign_claims, 0, "not held");
}

#[test]
fn a_second_after_the_claim_the_node_asks_who_else_has_the_address() {
    let mut node = Node::active();
    node.run(Duration::from_millis(1100));
    let probes = node.effects().iter().filter(|effect| match effect {
        Effect::Frame(frame) => Arp::decode(frame).is_ok_and(|arp| arp.sender_ip.is_unspecified()),
        _ => false,
    });
    assert_eq!(probes.count(), 1);
}
