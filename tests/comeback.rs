//! The failed node returns.

use halo_e2e::{
    ANNOUNCED, PATIENCE, active, cluster, cluster_with, home, lab_test, outage_within, prober,
    steady, until,
};

#[lab_test]
fn with_preemption_it_takes_its_vip_back() {
    let lab = cluster(2);
    lab.node("lb1").unwrap().kill().unwrap();
    active(&lab, "lb2");
    let prober = prober(&lab);
    lab.node("lb1").unwrap().start_halod().unwrap();
    home(&lab);
    outage_within(&lab, prober, ANNOUNCED);
}

#[lab_test]
fn without_preemption_it_stands_by() {
    let lab = cluster_with(|text| text.replace("vrid = 51", "vrid = 51\npreempt = false"));
    lab.node("lb1").unwrap().kill().unwrap();
    active(&lab, "lb2");
    let prober = prober(&lab);
    lab.node("lb1").unwrap().start_halod().unwrap();
    active(&lab, "lb2");
    steady(&lab, &prober);
    let report = prober.stop();
    assert_eq!(report.failures, 0, "{report}");
    let status = lab.node("lb1").unwrap().agent_status().unwrap();
    assert_eq!(status.vips[0].became_active, 0);
    lab.node("lb2").unwrap().kill().unwrap();
    home(&lab);
}

#[lab_test]
fn with_a_preempt_delay_it_waits_that_long() {
    let lab = cluster_with(|text| text.replace("vrid = 51", "vrid = 51\npreempt_delay = \"2s\""));
    lab.node("lb1").unwrap().kill().unwrap();
    active(&lab, "lb2");
    let start = std::time::Instant::now();
    lab.node("lb1").unwrap().start_halod().unwrap();
    lab.wait_active("web", "lb1", PATIENCE).unwrap();
    assert!(start.elapsed().as_secs() >= 2, "{:?}", start.elapsed());
    until(&lab, "one holder", || lab.holders("web") == ["lb1"]);
}
