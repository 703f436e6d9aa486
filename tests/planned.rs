//! VIPs moved on purpose.

use std::time::Duration;

use halo_e2e::{ANNOUNCED, active, cluster, hactl, home, lab_test, outage_within, prober, until};
use halo_lab::VIP;

#[lab_test]
fn there_from_the_active_and_back() {
    let lab = cluster(2);
    let there = prober(&lab);
    hactl(
        &lab,
        "lb1",
        &["failover", "web", "--to", "lb2", "--wait"],
        0,
    );
    active(&lab, "lb2");
    outage_within(&lab, there, ANNOUNCED);

    let back = prober(&lab);
    hactl(
        &lab,
        "lb2",
        &["failover", "web", "--to", "lb1", "--wait"],
        0,
    );
    home(&lab);
    outage_within(&lab, back, ANNOUNCED);
}

#[lab_test]
fn taken_over_by_the_standby_and_back() {
    let lab = cluster(2);
    let there = prober(&lab);
    hactl(
        &lab,
        "lb2",
        &["failover", "web", "--to", "lb2", "--wait"],
        0,
    );
    active(&lab, "lb2");
    outage_within(&lab, there, ANNOUNCED);
    let status = lab.node("lb2").unwrap().agent_status().unwrap();
    assert!(status.vips[0].effective_priority > 200, "{status:?}");

    hactl(&lab, "lb2", &["failover"], 0);
    home(&lab);
}

#[lab_test]
fn of_three_nodes_the_next_in_priority_gets_it() {
    let lab = cluster(3);
    hactl(&lab, "lb1", &["failover", "web", "--wait"], 0);
    active(&lab, "lb2");
    // Named by the Active, or taken over by command: it keeps it although others outrank it.
    hactl(
        &lab,
        "lb2",
        &["failover", "web", "--to", "lb3", "--wait"],
        0,
    );
    active(&lab, "lb3");
    hactl(
        &lab,
        "lb1",
        &["failover", "web", "--to", "lb1", "--wait"],
        0,
    );
    home(&lab);
}

#[lab_test]
fn sigterm_hands_the_vip_over_and_ends_well() {
    let lab = cluster(2);
    let prober = prober(&lab);
    let node = lab.node("lb1").unwrap();
    let status = node.terminate(Duration::from_secs(20)).unwrap();
    assert!(status.success(), "{status}");
    active(&lab, "lb2");
    outage_within(&lab, prober, ANNOUNCED);
    assert!(!node.host().has(VIP).unwrap());
    until(&lab, "no process left", || {
        node.host().processes().is_empty()
    });
}
