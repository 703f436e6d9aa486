//! The Active node is lost, in every way there is.

use halo_api::ProcessState;
use halo_e2e::{
    ANNOUNCED, OUTAGE, active, cluster, home, lab_test, outage_within, prober, run, steady, until,
};
use halo_lab::{VIP, find_tool};

#[lab_test]
fn both_processes_killed() {
    let lab = cluster(2);
    let prober = prober(&lab);
    lab.node("lb1").unwrap().kill().unwrap();
    active_elsewhere(&lab);
    outage_within(&lab, prober, OUTAGE);
    until(&lab, "the dead node's VIP gone", || {
        !lab.host("lb1").unwrap().has(VIP).unwrap()
    });
}

#[lab_test]
fn the_agent_alone_killed() {
    let lab = cluster(2);
    let prober = prober(&lab);
    let data_plane = lab.node("lb1").unwrap().data_plane_pid().unwrap();
    lab.node("lb1").unwrap().kill_agent().unwrap();
    active_elsewhere(&lab);
    outage_within(&lab, prober, OUTAGE);
    until(&lab, "the data plane gone with its agent", || {
        !lab.host("lb1").unwrap().processes().contains(&data_plane)
    });
    until(&lab, "the dead agent's VIP gone", || {
        !lab.host("lb1").unwrap().has(VIP).unwrap()
    });
}

#[lab_test]
fn the_data_plane_alone_killed() {
    let lab = cluster(2);
    let prober = prober(&lab);
    let node = lab.node("lb1").unwrap();
    let old = node.data_plane_pid().unwrap();
    node.kill_data_plane().unwrap();
    until(&lab, "another data plane", || {
        node.agent_status().is_ok_and(|status| {
            let process = status.data_plane;
            process.state == ProcessState::Ready && process.pid != Some(old)
        })
    });
    home(&lab);
    outage_within(&lab, prober, ANNOUNCED);
    let status = node.agent_status().unwrap();
    assert_eq!(status.data_plane.restarts, 1);
    let events = node.events().unwrap();
    assert!(
        events
            .iter()
            .any(|e| e.kind == halo_api::EventKind::Process),
        "{events:?}"
    );
}

#[lab_test]
fn its_link_down() {
    let lab = cluster(2);
    let prober = prober(&lab);
    lab.link_down("lb1").unwrap();
    until(&lab, "web on lb2", || {
        lab.holders("web") == ["lb2"] && !lab.host("lb1").unwrap().has(VIP).unwrap()
    });
    outage_within(&lab, prober, OUTAGE);
    lab.link_up("lb1").unwrap();
    home(&lab);
}

#[lab_test]
fn cut_off_by_the_switch() {
    let lab = cluster(2);
    let prober = prober(&lab);
    lab.cut("lb1").unwrap();
    // lb1 cannot know; both are Active, and only lb2 is reached.
    until(&lab, "web on lb2", || {
        lab.holders("web").contains(&"lb2".to_owned())
    });
    outage_within(&lab, prober, OUTAGE);
    lab.heal("lb1").unwrap();
    home(&lab);
    steady(&lab, &halo_e2e::prober(&lab));
}

#[lab_test]
fn cut_off_by_a_packet_filter() {
    find_tool("nft").unwrap();
    let lab = cluster(2);
    let prober = prober(&lab);
    let rules = "add table inet cut; \
        add chain inet cut in { type filter hook input priority -400; policy drop; }; \
        add rule inet cut in iif lo accept; \
        add chain inet cut out { type filter hook output priority -400; policy drop; }; \
        add rule inet cut out oif lo accept";
    let nft = |arguments: &[&str]| {
        let output = run(&lab, "lb1", "nft", arguments);
        assert!(output.status.success(), "{}", halo_e2e::said(&output));
    };
    nft(&[rules]);
    until(&lab, "web on lb2", || {
        lab.holders("web").contains(&"lb2".to_owned())
    });
    outage_within(&lab, prober, OUTAGE);
    nft(&["delete", "table", "inet", "cut"]);
    home(&lab);
    steady(&lab, &halo_e2e::prober(&lab));
}

#[lab_test]
fn frozen_and_thawed() {
    let lab = cluster(2);
    let prober = prober(&lab);
    let node = lab.node("lb1").unwrap();
    node.freeze().unwrap();
    until(&lab, "web on lb2", || lab.holders("web") == ["lb2"]);
    outage_within(&lab, prober, OUTAGE);
    until(&lab, "the kernel taking the frozen node's VIP off", || {
        !node.host().has(VIP).unwrap()
    });
    node.thaw().unwrap();
    home(&lab);
    steady(&lab, &halo_e2e::prober(&lab));
}

fn active_elsewhere(lab: &halo_lab::Lab) {
    until(lab, "web on lb2", || lab.holders("web") == ["lb2"]);
    lab.wait_active("web", "lb2", halo_e2e::PATIENCE).unwrap();
}

#[lab_test]
fn the_standby_lost_is_not_felt() {
    let lab = cluster(2);
    let prober = prober(&lab);
    lab.node("lb2").unwrap().kill().unwrap();
    active(&lab, "lb1");
    steady(&lab, &prober);
    let report = prober.stop();
    assert_eq!(report.failures, 0, "{report}");
}
