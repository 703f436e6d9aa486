//! The configuration changes while clients are served.

use halo_e2e::{cluster, get, hactl, home, lab_test, until};
use halo_lab::wrk::Wrk;
use halo_lab::{Lab, default_config, find_tool};

fn load(lab: &Lab) -> Wrk {
    find_tool("wrk").unwrap();
    let client = lab.host("client").unwrap();
    Wrk::start(client, "http://10.77.0.100/", 64, 4).unwrap()
}

fn generation(lab: &Lab) -> u64 {
    let status = lab.node("lb1").unwrap().status().unwrap();
    status.data_plane.unwrap().config_generation
}

fn requests(lab: &Lab) -> u64 {
    let status = lab.node("lb1").unwrap().status().unwrap();
    status.data_plane.unwrap().listeners[0].requests_total
}

fn without_app3(lab: &Lab) -> String {
    let text = default_config(lab.topology());
    let at = text.rfind("[[pool.server]]").unwrap();
    text[..at].to_owned()
}

#[lab_test]
fn a_good_file_under_load_loses_nothing_and_moves_no_vip() {
    let lab = cluster(2);
    let wrk = load(&lab);
    until(&lab, "load", || requests(&lab) > 100);
    lab.write_config(&without_app3(&lab)).unwrap();
    hactl(&lab, "lb1", &["config", "reload"], 0);
    until(&lab, "generation 2", || generation(&lab) == 2);
    let report = wrk.finish().unwrap();
    assert!(report.requests > 500, "{report:?}");
    assert_eq!(report.lost(), 0, "{report:?}");
    for _ in 0..6 {
        assert!(!get(&lab, "http://10.77.0.100/").contains("Name: app3"));
    }
    home(&lab);
    let status = lab.node("lb1").unwrap().agent_status().unwrap();
    assert_eq!(status.vips[0].became_active, 1);
}

#[lab_test]
fn a_bad_file_under_load_changes_nothing_and_says_why() {
    let lab = cluster(2);
    let wrk = load(&lab);
    until(&lab, "load", || requests(&lab) > 100);
    let bad = without_app3(&lab).replace("fall = 2", "fall = \"twice\"");
    lab.write_config(&bad).unwrap();
    let said = hactl(&lab, "lb1", &["config", "reload"], 4);
    assert!(
        said.contains("halo.toml") && said.contains("fall"),
        "{said}"
    );
    let report = wrk.finish().unwrap();
    assert_eq!(report.lost(), 0, "{report:?}");
    assert_eq!(generation(&lab), 1);
    until(&lab, "app3, as before", || {
        get(&lab, "http://10.77.0.100/").contains("Name: app3")
    });
    home(&lab);
}

#[lab_test]
fn sighup_does_the_same() {
    let lab = cluster(2);
    lab.write_config(&without_app3(&lab)).unwrap();
    lab.node("lb1").unwrap().hang_up().unwrap();
    until(&lab, "generation 2", || generation(&lab) == 2);
    let shown = hactl(&lab, "lb1", &["config", "show"], 0);
    assert!(!shown.contains("app3"), "{shown}");
}

#[lab_test]
fn a_new_listener_is_bound_and_an_old_one_closed() {
    let lab = cluster(2);
    let moved = default_config(lab.topology()).replace("10.77.0.100:80\"", "10.77.0.100:8000\"");
    lab.write_config(&moved).unwrap();
    hactl(&lab, "lb1", &["config", "reload"], 0);
    assert!(get(&lab, "http://10.77.0.100:8000/").contains("Name: app"));
    let old = ["-sS", "-m", "2", "http://10.77.0.100/"];
    let output = halo_e2e::run(&lab, "client", "curl", &old);
    assert_eq!(output.status.code(), Some(7), "{}", halo_e2e::said(&output));
}
