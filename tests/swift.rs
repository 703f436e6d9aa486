//! Failovers that wait for no timer of VRRP. With an advert a second, three that fail take more than
//! three seconds, and Skew_Time most of one: whatever is quicker did not wait for them.

use std::time::Duration;

use halo_api::VipState;
use halo_e2e::{
    AT_ONCE, FIRST_LATE_ADVERT, LEASE, active, cluster_with, hactl, lab_test, outage_within, prober,
};
use halo_lab::Lab;

/// Adverts each second.
fn slow_cluster() -> Lab {
    cluster_with(|text| text.replace("vrid = 51", "vrid = 51\nadvert_interval = \"1s\""))
}

/// Loses the VIP on lb1 in some way, and asserts how long clients wait for lb2.
fn lost_within(limit: Duration, lose: impl FnOnce(&Lab)) {
    let lab = slow_cluster();
    let prober = prober(&lab);
    lose(&lab);
    active_on_lb2(&lab);
    outage_within(&lab, prober, limit);
}

fn active_on_lb2(lab: &Lab) {
    halo_e2e::until(lab, "web on lb2", || {
        let status = lab.node("lb2").and_then(halo_lab::Node::agent_status);
        status.is_ok_and(|status| status.vips[0].state == VipState::Active)
    });
}

#[lab_test]
fn a_planned_failover_waits_for_nothing() {
    let lab = slow_cluster();
    let prober = prober(&lab);
    hactl(
        &lab,
        "lb1",
        &["failover", "web", "--to", "lb2", "--wait"],
        0,
    );
    active(&lab, "lb2");
    outage_within(&lab, prober, AT_ONCE);
}

#[lab_test]
fn an_orderly_stop_waits_for_nothing() {
    lost_within(AT_ONCE, |lab| {
        let node = lab.node("lb1").unwrap();
        node.terminate(Duration::from_secs(20)).unwrap();
    });
}

#[lab_test]
fn a_data_plane_that_is_killed_alone_is_replaced_at_once() {
    let lab = slow_cluster();
    let prober = prober(&lab);
    lab.node("lb1").unwrap().kill_data_plane().unwrap();
    outage_within(&lab, prober, AT_ONCE);
}

#[lab_test]
fn an_agent_that_is_killed_alone_is_replaced_at_once() {
    lost_within(AT_ONCE, |lab| {
        lab.node("lb1").unwrap().kill_agent().unwrap()
    });
}

#[lab_test]
fn a_node_that_is_cut_off_is_replaced_after_its_first_late_advert() {
    lost_within(FIRST_LATE_ADVERT, |lab| lab.cut("lb1").unwrap());
}

#[lab_test]
fn a_node_that_freezes_is_replaced_when_its_lease_has_ended() {
    lost_within(LEASE, |lab| lab.node("lb1").unwrap().freeze().unwrap());
}
