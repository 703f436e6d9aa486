//! `hactl` against live and dead nodes: what it shows, and its exit codes.

use halo_e2e::{cluster, hactl, lab_test, until};
use halo_lab::Lab;

#[lab_test]
fn exit_codes_say_how_it_went() {
    let lab = cluster(2);
    hactl(&lab, "lb1", &["status"], 0);
    hactl(&lab, "lb1", &["no-such-command"], 2);
    hactl(&lab, "lb1", &["server", "drain", "app/nobody"], 1);
    let refused = hactl(&lab, "lb2", &["failover", "web"], 4);
    assert!(
        refused.contains("lb1") && refused.contains("--to lb2"),
        "{refused}"
    );
    let nothing = hactl(&lab, "lb1", &["failover", "web", "--to", "lb1"], 0);
    assert!(nothing.contains("lb1"), "{nothing}");
    lab.node("lb1").unwrap().kill().unwrap();
    let unreachable = hactl(&lab, "lb1", &["status"], 3);
    assert!(unreachable.contains("/run/halo"), "{unreachable}");
}

#[lab_test]
fn waiting_for_what_cannot_come_times_out() {
    let lab = cluster(2);
    // lb2 is gone, so nobody takes what lb1 gives up until lb1 itself does.
    lab.node("lb2").unwrap().kill().unwrap();
    let arguments = [
        "failover",
        "web",
        "--to",
        "lb2",
        "--wait",
        "--timeout",
        "300ms",
    ];
    hactl(&lab, "lb1", &arguments, 5);
}

#[lab_test]
fn status_shows_the_node_while_its_data_plane_is_down() {
    let lab = cluster(2);
    let node = lab.node("lb1").unwrap();
    // A configuration that the data plane cannot bind keeps it down; killing it again and again
    // does the same, and needs no luck: hactl reaches the agent itself.
    until(&lab, "status without a data plane", || {
        if node.kill_data_plane().is_err() {
            return false;
        }
        node.status()
            .is_ok_and(|status| status.data_plane.is_none())
    });
    let shown = hactl(&lab, "lb1", &["status"], 0);
    assert!(shown.contains("lb1") && shown.contains("web"), "{shown}");
}

#[lab_test]
fn events_tell_the_story() {
    let lab = cluster(2);
    hactl(
        &lab,
        "lb1",
        &["failover", "web", "--to", "lb2", "--wait"],
        0,
    );
    let shown = hactl(&lab, "lb2", &["events"], 0);
    assert!(shown.contains("web"), "{shown}");
}

#[lab_test]
fn completions_and_checks_need_no_node() {
    let lab = Lab::builder().nodes(1).start().unwrap();
    hactl(&lab, "lb1", &["config", "check"], 0);
    lab.write_config("nonsense = 1\n").unwrap();
    let said = hactl(&lab, "lb1", &["config", "check"], 1);
    assert!(said.contains("nonsense"), "{said}");
}
