//! Nodes that meet again: never do both answer for a virtual IP for longer than one advert interval.

use std::time::Duration;

use halo_api::VipState;
use halo_e2e::{cluster_beside, fail, home, lab_test, run, said, until};
use halo_lab::address_prober::{AddressProber, Answer, longest_dispute};
use halo_lab::{Lab, VIP, default_config};

/// The configuration's advert interval, which bounds every dispute.
const INTERVAL: Duration = Duration::from_millis(100);

const WATCHER: &str = "watcher";

/// A cluster, and a host that asks who has the address. Not the client: it must learn as clients do.
fn watched() -> (Lab, AddressProber) {
    let lab = cluster_beside(WATCHER, 51, default_config);
    home(&lab);
    let prober = AddressProber::start(lab.host(WATCHER).unwrap_or_else(fail), VIP);
    (lab, prober.unwrap_or_else(fail))
}

fn until_active(lab: &Lab, node: &str) {
    until(lab, &format!("web on {node}"), || {
        let status = lab.node(node).and_then(halo_lab::Node::agent_status);
        status.is_ok_and(|status| status.vips[0].state == VipState::Active)
    });
}

/// The watcher saw both nodes answer, one after the other, and home again; and for how long at one time.
fn no_dispute(lab: &Lab, prober: AddressProber) {
    home(lab);
    let answers: Vec<Answer> = prober.stop().unwrap_or_else(fail);
    let mut holders: Vec<_> = answers.iter().map(|answer| answer.mac).collect();
    holders.dedup();
    assert!(holders.len() >= 3, "{} answers: {holders:?}", answers.len());
    let dispute = longest_dispute(&answers);
    assert!(dispute <= INTERVAL, "two answered for {dispute:?}");
}

/// Waits until `node`'s kernel looks for `other` and has no answer: what is sent there waits.
fn until_lost_sight(lab: &Lab, node: &str, other: &str) {
    let address = lab.host(other).unwrap_or_else(fail).address().to_string();
    until(lab, &format!("{node} to look for {other}"), || {
        said(&run(lab, node, "ip", &["neigh", "show", &address])).contains("INCOMPLETE")
    });
}

/// The kernel asks for a neighbour once a second, and its last question is lost: without a question of
/// halod's own, lb2 would not hear lb1 for up to that second.
#[lab_test]
fn a_link_that_returns_makes_no_second_owner() {
    let (lab, prober) = watched();
    for _ in 0..4 {
        lab.link_down("lb1").unwrap_or_else(fail);
        until_active(&lab, "lb2");
        until_lost_sight(&lab, "lb1", "lb2");
        lab.link_up("lb1").unwrap_or_else(fail);
        until_active(&lab, "lb1");
    }
    no_dispute(&lab, prober);
}

/// After a long cut, neither kernel knows where the other node is.
#[lab_test]
fn a_long_cut_that_heals_is_settled_within_an_interval() {
    let (lab, prober) = watched();
    lab.cut("lb1").unwrap_or_else(fail);
    until_active(&lab, "lb2");
    let misses = |node: &str| {
        let status = lab.node(node).and_then(halo_lab::Node::agent_status);
        status.is_ok_and(|status| status.peers.iter().all(|peer| peer.ready.is_none()))
    };
    for (node, other) in [("lb1", "lb2"), ("lb2", "lb1")] {
        until(&lab, "both to miss each other", || misses(node));
        // What the kernel does by itself after eight seconds.
        let address = lab.host(other).unwrap_or_else(fail).address();
        let host = lab.host(node).unwrap_or_else(fail);
        host.forget_neighbour(address).unwrap_or_else(fail);
    }
    until_lost_sight(&lab, "lb1", "lb2");
    until_lost_sight(&lab, "lb2", "lb1");
    lab.heal("lb1").unwrap_or_else(fail);
    until(&lab, "one owner", || lab.holders("web") == ["lb1"]);
    no_dispute(&lab, prober);
}
