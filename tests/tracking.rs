//! Trackers on real machines: what fails moves the VIP, and a node without another keeps it.

use halo_e2e::{active, cluster_with, fail, home, lab_test, run, said, until};
use halo_lab::{Lab, default_config};

/// The default configuration with a tracker that has these keys.
fn cluster(keys: &str) -> Lab {
    cluster_with(|text| format!("{text}\n[[track]]\nname = \"t\"\ninterval = \"100ms\"\n{keys}\n"))
}

fn finding(lab: &Lab, node: &str) -> String {
    let status = lab.node(node).and_then(|node| node.agent_status());
    status.unwrap_or_else(fail).trackers[0].finding.clone()
}

fn shell(lab: &Lab, host: &str, line: &str) {
    let output = run(lab, host, "sh", &["-c", line]);
    assert!(output.status.success(), "{line}: {}", said(&output));
}

#[lab_test]
fn a_node_whose_route_is_gone_gives_way_and_takes_over_again_when_it_is_back() {
    let lab = cluster("check = \"route\"\ndestination = \"10.77.0.50\"");
    shell(&lab, "lb1", "ip route add blackhole 10.77.0.50/32");
    active(&lab, "lb2");
    assert_eq!(finding(&lab, "lb1"), "there is no route to 10.77.0.50");
    shell(&lab, "lb1", "ip route del blackhole 10.77.0.50/32");
    home(&lab);
}

#[lab_test]
fn a_node_whose_gateway_is_silent_gives_way() {
    let lab = cluster("check = \"gateway\"\ngateway = \"10.77.0.50\"\ntimeout = \"50ms\"");
    assert!(finding(&lab, "lb1").starts_with("answered in "));
    // The client's ARP answers reach lb2 alone.
    shell(
        &lab,
        "lb1",
        "nft 'add table netdev deaf; add chain netdev deaf in { type filter hook ingress device eth0 priority 0; }; \
         add rule netdev deaf in ether type arp arp saddr ip 10.77.0.50 drop'",
    );
    active(&lab, "lb2");
    assert_eq!(finding(&lab, "lb1"), "no answer within 50 ms");
    shell(&lab, "lb1", "nft delete table netdev deaf");
    home(&lab);
}

#[lab_test]
fn a_node_whose_ipv6_gateway_is_silent_gives_way() {
    let lab = cluster("check = \"gateway\"\ngateway = \"fd77::50\"\ntimeout = \"50ms\"");
    assert!(finding(&lab, "lb1").starts_with("answered in "));
    // The client's neighbour advertisements reach lb2 alone.
    shell(
        &lab,
        "lb1",
        "nft 'add table netdev deaf; add chain netdev deaf in { type filter hook ingress device eth0 priority -500; }; \
         add rule netdev deaf in ip6 saddr fd77::50 icmpv6 type nd-neighbor-advert drop'",
    );
    active(&lab, "lb2");
    assert_eq!(finding(&lab, "lb1"), "no answer within 50 ms");
    shell(&lab, "lb1", "nft delete table netdev deaf");
    home(&lab);
}

#[lab_test]
fn when_every_node_is_unfit_one_of_them_goes_on() {
    let lab = Lab::builder().start().unwrap_or_else(fail);
    let text = default_config(lab.topology());
    let command = r#"["/usr/bin/test", "-e", "/proc/sys/net/ipv4/conf/up0"]"#;
    lab.write_config(&format!(
        "{text}\n[[track]]\nname = \"t\"\ninterval = \"100ms\"\ncheck = \"script\"\ncommand = {command}\n"
    ))
    .unwrap_or_else(fail);
    lab.start_all().unwrap_or_else(fail);
    // Neither has that interface: both are unfit, and yet the VIP is held.
    until(&lab, "both are unfit", || {
        lab.nodes().iter().all(|node| {
            node.agent_status().is_ok_and(|status| {
                status.trackers[0].finding == "exited with status 1"
                    && status.vips[0].effective_priority == 1
            })
        })
    });
    until(&lab, "one of them holds it", || {
        lab.holders("web").len() == 1
    });
    // The one that becomes fit takes over, whatever the priorities.
    shell(&lab, "lb2", "ip link add up0 type veth peer name up1");
    active(&lab, "lb2");
}

#[lab_test]
fn a_node_that_sees_no_server_gives_way_to_one_that_does() {
    let lab = cluster("check = \"pool\"\npool = \"app\"");
    shell(
        &lab,
        "lb1",
        "nft 'add table ip deaf; add chain ip deaf out { type filter hook output priority 0; }; \
         add rule ip deaf out tcp dport 8080 drop'",
    );
    active(&lab, "lb2");
    assert_eq!(
        finding(&lab, "lb1"),
        "0 servers of app are up, 1 are wanted"
    );
}
