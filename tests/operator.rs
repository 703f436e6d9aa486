//! What operators do to a cluster, as `docs/operations.md` tells them.

use halo_e2e::{active, cluster, hactl, home, lab_test, outage_within, prober, until};
use halo_lab::Lab;

const DONE: i32 = 0;
const REFUSED: i32 = 4;

/// Frozen, and so without a last word, which would be taken up.
fn standby_pauses_and_active_falls_silent(lab: &Lab) {
    hactl(lab, "lb2", &["pause"], DONE);
    lab.node("lb1").unwrap().freeze().unwrap();
}

#[lab_test]
fn a_paused_standby_does_not_take_over_until_it_is_resumed() {
    let lab = cluster(2);
    standby_pauses_and_active_falls_silent(&lab);
    until(&lab, "lb2 sees that nobody holds it", || {
        hactl(&lab, "lb2", &["why", "web"], DONE).contains("nobody is known to hold web")
    });
    let why = hactl(&lab, "lb2", &["why", "web"], DONE);
    assert!(why.contains("automatic failover is paused here"), "{why}");
    hactl(&lab, "lb2", &["resume"], DONE);
    until(&lab, "web on lb2", || lab.holders("web") == ["lb2"]);
}

#[lab_test]
fn a_node_is_drained_for_its_upgrade_and_comes_back_by_itself() {
    let lab = cluster(2);
    let prober = prober(&lab);
    hactl(&lab, "lb1", &["node", "drain"], DONE);
    active(&lab, "lb2");
    hactl(&lab, "lb1", &["node", "ready"], DONE);
    home(&lab);
    outage_within(&lab, prober, halo_e2e::ANNOUNCED);
    hactl(&lab, "lb1", &["node", "maint"], DONE);
    until(&lab, "web on lb2", || lab.holders("web") == ["lb2"]);
    let refused = hactl(&lab, "lb1", &["failover", "web", "--to", "lb1"], REFUSED);
    assert!(refused.contains("maintenance"), "{refused}");
}

#[lab_test]
fn a_dry_run_moves_nothing_and_failback_brings_a_vip_home() {
    let lab = cluster(2);
    let said = hactl(&lab, "lb1", &["failover", "web", "--dry-run"], DONE);
    assert!(said.contains("not done"), "{said}");
    assert_eq!(lab.holders("web"), ["lb1"]);
    hactl(&lab, "lb1", &["failover", "web", "--wait"], DONE);
    active(&lab, "lb2");
    hactl(&lab, "lb1", &["failback"], DONE);
    home(&lab);
    let shown = hactl(&lab, "lb1", &["vip", "show", "web"], DONE);
    assert!(shown.contains("active down interval"), "{shown}");
}

#[lab_test]
fn a_drill_moves_a_vip_there_and_back_and_stores_what_it_saw() {
    let lab = cluster(2);
    let reports = tempfile::tempdir().unwrap();
    let directory = reports.path().to_str().unwrap();
    let said = hactl(&lab, "lb1", &["drill", "web", "--reports", directory], DONE);
    assert!(said.contains("lb1 -> lb2"), "{said}");
    assert!(said.contains("lb2 -> lb1"), "{said}");
    home(&lab);
    let stored: Vec<_> = std::fs::read_dir(reports.path()).unwrap().collect();
    assert_eq!(stored.len(), 1);
    let path = stored.into_iter().next().unwrap().unwrap().path();
    let report = std::fs::read_to_string(path).unwrap();
    assert!(report.contains("\"longest_gap_ms\""), "{report}");
}
