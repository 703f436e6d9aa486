//! From nothing to one Active node.

use std::time::Duration;

use halo_e2e::{active, cluster, get, hactl, home, lab_test, prober, until};
use halo_lab::{Lab, VIP};
use halo_netio::netlink::Netlink;
use ipnet::IpNet;

#[lab_test]
fn the_first_node_serves_and_the_second_stands_by() {
    let lab = Lab::builder().start().unwrap();
    lab.node("lb1").unwrap().start_halod().unwrap();
    home(&lab);
    assert!(get(&lab, "http://10.77.0.100/").contains("Name: app"));
    let prober = prober(&lab);
    lab.node("lb2").unwrap().start_halod().unwrap();
    until(&lab, "lb2 knowing that lb1 has the VIP", || {
        let status = lab.node("lb2").unwrap().agent_status();
        status.is_ok_and(|status| status.vips[0].holder.as_deref() == Some("lb1"))
    });
    home(&lab);
    let report = prober.stop();
    assert_eq!(
        report.failures, 0,
        "a Standby that joins is not felt: {report}"
    );
    let status = lab.node("lb2").unwrap().status().unwrap();
    assert!(status.data_plane.is_some());
}

#[lab_test]
fn the_lower_priority_serves_while_it_is_alone() {
    let lab = Lab::builder().start().unwrap();
    lab.node("lb2").unwrap().start_halod().unwrap();
    active(&lab, "lb2");
    assert!(get(&lab, "http://10.77.0.100/").contains("Name: app"));
}

#[lab_test]
fn nodes_that_start_at_once_agree() {
    let lab = cluster(2);
    assert!(get(&lab, "http://10.77.0.100/").contains("Name: app"));
    let became: u64 = ["lb1", "lb2"]
        .map(|node| lab.node(node).unwrap().agent_status().unwrap().vips[0].became_active)
        .iter()
        .sum();
    assert!(became <= 2, "{became} takeovers at start");
}

#[lab_test]
fn of_three_nodes_the_next_in_priority_takes_over_each_time() {
    let lab = cluster(3);
    lab.node("lb1").unwrap().kill().unwrap();
    active(&lab, "lb2");
    lab.node("lb2").unwrap().kill().unwrap();
    active(&lab, "lb3");
    assert!(get(&lab, "http://10.77.0.100/").contains("Name: app"));
    lab.node("lb1").unwrap().start_halod().unwrap();
    lab.node("lb2").unwrap().start_halod().unwrap();
    home(&lab);
}

#[lab_test]
fn a_vip_left_behind_is_removed_at_start() {
    let lab = Lab::builder().start().unwrap();
    lab.node("lb1").unwrap().start_halod().unwrap();
    home(&lab);
    let second = lab.node("lb2").unwrap();
    let net = IpNet::new(VIP.into(), 24).unwrap();
    second
        .host()
        .within(move || {
            let mut netlink = Netlink::open()?;
            let eth0 = netlink.link("eth0")?.map_or(0, |link| link.index);
            netlink.address_add(eth0, net, Some(Duration::from_secs(3600)))
        })
        .unwrap()
        .unwrap();
    assert!(second.host().has(VIP).unwrap());
    second.start_halod().unwrap();
    until(&lab, "the left-over VIP gone", || {
        !second.host().has(VIP).unwrap()
    });
    home(&lab);
}

#[lab_test]
fn a_configuration_that_is_wrong_stops_halod_with_the_reason() {
    let lab = Lab::builder().start().unwrap();
    lab.write_config("[[vip]]\nname = \"web\"\nvrid = 300\n")
        .unwrap();
    let node = lab.node("lb1").unwrap();
    node.start_halod().unwrap();
    until(&lab, "the end of halod", || !node.is_running());
    assert!(lab.logs().contains("halo.toml"), "{}", lab.logs());
    hactl(&lab, "lb1", &["config", "check"], 1);
}
