//! IPv6: takeover, and keepalived as the other node, with real packets.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use halo_api::VipState;
use halo_e2e::{
    ANNOUNCED, AT_ONCE, FIRST_LATE_ADVERT, LEASE, OUTAGE, PATIENCE, fail, hactl, lab_test,
    outage_within, run, said, steady, until,
};
use halo_lab::address_prober::{AddressProber, longest_dispute};
use halo_lab::prober::{Ask, Prober};
use halo_lab::{Frr, FrrConfig, Host, Lab, Process, Programs, VIP6, default_config};
use tempfile::NamedTempFile;

/// Longer than any answer is on its way.
const DISPUTE: Duration = Duration::from_millis(100);
/// What follows from VRID 51.
const LINK_LOCAL: &str = "fe80::200:5eff:fe00:233";

/// The default configuration with IPv6 in place of IPv4 for clients; servers of both. With `unicast`
/// the nodes have an `address6`.
fn config(lab: &Lab, priority: u8, unicast: bool) -> String {
    let mut text = default_config(lab.topology())
        .replace("priority = 200", &format!("priority = {priority}"))
        .replace("addresses = [\"10.77.0.100\"]", "addresses = [\"fd77::100/64\"]")
        .replace("10.77.0.100:", "[fd77::100]:")
        // The server by both of its addresses: the second is checked and used over IPv6.
        + "[[pool.server]]\nname = \"six\"\naddress = \"[fd77::22]:8081\"\n";
    if unicast {
        for node in lab.nodes() {
            let (four, six) = (node.host().address(), node.host().address6());
            text = text.replace(
                &format!("address = \"{four}/24\""),
                &format!("address = \"{four}/24\"\naddress6 = \"{six}/64\""),
            );
        }
    }
    text
}

/// The same with a secret, and the file that it is in.
fn signed(text: &str) -> (String, NamedTempFile) {
    let secret = NamedTempFile::new().unwrap();
    fs::write(&secret, "one secret of more than thirty-two characters").unwrap();
    let cluster = format!("[cluster]\nsecret_file = \"{}\"\n", secret.path().display());
    (text.replacen("[cluster]\n", &cluster, 1), secret)
}

fn whoami() -> PathBuf {
    Programs::find().unwrap_or_else(fail).path("whoami")
}

fn lab() -> (Lab, Process) {
    let lab = Lab::builder().start().unwrap_or_else(fail);
    let app = lab.host("app2").unwrap();
    let server = app
        .spawn("six", whoami(), ["--listen", "[fd77::22]:8081"])
        .unwrap_or_else(fail);
    (lab, server)
}

/// A client that asks for `http://[fd77::100]/` every millisecond, and is answered.
fn prober(lab: &Lab) -> Prober {
    let target: SocketAddr = (VIP6, 80).into();
    let client = lab.host("client").unwrap_or_else(fail);
    let prober = Prober::start(client, target, Ask::Http).unwrap_or_else(fail);
    steady(lab, &prober);
    prober.reset();
    prober
}

fn has(host: &Host) -> bool {
    host.has(VIP6).unwrap_or(false)
}

fn state(lab: &Lab, node: &str) -> Option<VipState> {
    let status = lab.node(node).unwrap().agent_status();
    status.ok().map(|status| status.vips[0].state)
}

/// Waits until the VIP is on lb1 alone, or on lb2 alone.
fn on(lab: &Lab, holder: &str) {
    until(lab, &format!("the VIP on {holder} alone"), || {
        let there = |host: &str| has(lab.host(host).unwrap());
        let halo = state(lab, "lb1") == Some(VipState::Active);
        (there("lb1"), there("lb2"), halo) == (holder == "lb1", holder == "lb2", holder == "lb1")
    });
}

fn taken_over(unicast: bool) {
    let (lab, _server) = lab();
    let (text, _secret) = signed(&config(&lab, 200, unicast));
    lab.write_config(&text).unwrap();
    lab.start_all().unwrap_or_else(fail);
    on(&lab, "lb1");
    let lost = prober(&lab);
    lab.node("lb1").unwrap().kill().unwrap();
    until(&lab, "the VIP on lb2", || has(lab.host("lb2").unwrap()));
    outage_within(&lab, lost, OUTAGE);
    lab.node("lb1").unwrap().start_halod().unwrap();
    on(&lab, "lb1");
    let announced = prober(&lab);
    lab.node("lb1").unwrap().terminate(PATIENCE).unwrap();
    until(&lab, "the VIP on lb2", || has(lab.host("lb2").unwrap()));
    outage_within(&lab, announced, ANNOUNCED);
    let status = lab.node("lb2").unwrap().status().unwrap();
    let six = format!("{status:?}");
    assert!(six.contains("six"), "{six}");
}

#[lab_test]
fn a_vip_of_ipv6_moves_with_multicast_heartbeats() {
    taken_over(false);
}

#[lab_test]
fn a_vip_of_ipv6_moves_with_unicast_heartbeats() {
    taken_over(true);
}

#[lab_test]
fn a_stopped_node_leaves_no_address_and_the_nodes_own_network_as_it_was() {
    let (lab, _server) = lab();
    let routes = || halo_e2e::said(&halo_e2e::run(&lab, "lb1", "ip", &["-6", "route"]));
    let before = routes();
    lab.write_config(&config(&lab, 200, false)).unwrap();
    lab.start_all().unwrap_or_else(fail);
    on(&lab, "lb1");
    assert_eq!(routes(), before, "no route comes with a VIP");
    lab.node("lb1").unwrap().terminate(PATIENCE).unwrap();
    assert!(!has(lab.host("lb1").unwrap()));
    assert_eq!(routes(), before);
}

/// Loses the VIP on lb1 in some way, with signed adverts each second, and asserts how long clients wait for lb2,
/// what it says of that, and that no two nodes answered for the address at once.
fn lost_within(limit: Duration, unicast: bool, why: &str, lose: impl FnOnce(&Lab)) {
    let (lab, _server) = lab();
    let (text, _secret) = signed(&config(&lab, 200, unicast));
    let slow = text.replace("vrid = 51", "vrid = 51\nadvert_interval = \"1s\"");
    lab.write_config(&slow).unwrap();
    lab.start_all().unwrap_or_else(fail);
    on(&lab, "lb1");
    for node in ["lb1", "lb2"] {
        until(&lab, &format!("{node} to know the other"), || {
            let status = lab.node(node).unwrap().agent_status();
            status.is_ok_and(|status| status.peers[0].ready == Some(true))
        });
    }
    let watcher = lab.host("app1").unwrap_or_else(fail);
    let watcher = AddressProber::start(watcher, VIP6).unwrap_or_else(fail);
    let lost = prober(&lab);
    lose(&lab);
    until(&lab, "the VIP on lb2", || {
        state(&lab, "lb2") == Some(VipState::Active)
    });
    outage_within(&lab, lost, limit);
    let status = lab.node("lb2").unwrap().agent_status().unwrap();
    assert!(status.vips[0].why.contains(why), "{}", status.vips[0].why);
    let answers = watcher.stop().unwrap_or_else(fail);
    let dispute = longest_dispute(&answers);
    assert!(answers.len() > 100 && dispute < DISPUTE, "{dispute:?}");
}

fn cut_off(unicast: bool) {
    lost_within(FIRST_LATE_ADVERT, unicast, "and does not answer", |lab| {
        lab.cut("lb1").unwrap();
    });
}

fn frozen(unicast: bool) {
    lost_within(LEASE, unicast, "its lease of 1600 ms", |lab| {
        lab.node("lb1").unwrap().freeze().unwrap();
    });
}

fn agent_killed(unicast: bool) {
    lost_within(AT_ONCE, unicast, "lb1 handed it over", |lab| {
        lab.node("lb1").unwrap().kill_agent().unwrap();
    });
}

#[lab_test]
fn a_node_that_is_cut_off_is_replaced_after_its_first_late_advert_multicast() {
    cut_off(false);
}

#[lab_test]
fn a_node_that_is_cut_off_is_replaced_after_its_first_late_advert_unicast() {
    cut_off(true);
}

#[lab_test]
fn a_node_that_freezes_is_replaced_when_its_lease_has_ended_multicast() {
    frozen(false);
}

#[lab_test]
fn a_node_that_freezes_is_replaced_when_its_lease_has_ended_unicast() {
    frozen(true);
}

#[lab_test]
fn an_agent_that_is_killed_alone_is_replaced_at_once_multicast() {
    agent_killed(false);
}

#[lab_test]
fn an_agent_that_is_killed_alone_is_replaced_at_once_unicast() {
    agent_killed(true);
}

/// Halo on lb1 with `priority`, keepalived on lb2 with 150 and whoami for a data plane.
fn pair(priority: u8, unicast: bool) -> (Lab, Process, [Process; 2]) {
    let (lab, server) = lab();
    lab.write_config(&config(&lab, priority, unicast)).unwrap();
    lab.node("lb1").unwrap().start_halod().unwrap();
    let second = lab.host("lb2").unwrap();
    // Bound to every address, so that the VIP is served whenever it is there.
    let serve = second.spawn("web", whoami(), ["--listen", "[::]:80"]);
    let keepalived = keepalived(second, unicast).unwrap_or_else(fail);
    (lab, server, [keepalived, serve.unwrap_or_else(fail)])
}

fn keepalived(host: &Host, unicast: bool) -> Result<Process, halo_lab::LabError> {
    let peers = if unicast {
        "  unicast_src_ip fd77::12\n  unicast_ttl 255\n  unicast_peer {\n    fd77::11\n  }\n"
    } else {
        ""
    };
    let text = format!(
        "global_defs {{\n  vrrp_version 3\n}}\n\
         vrrp_instance web6 {{\n  state BACKUP\n  interface eth0\n  virtual_router_id 51\n  \
         priority 150\n  advert_int 0.1\n{peers}  \
         virtual_ipaddress {{\n    {LINK_LOCAL}/64\n    fd77::100/64\n  }}\n}}\n"
    );
    fs::write(host.path("/run/keepalived.conf"), text)
        .map_err(|error| halo_lab::LabError::Refused(error.to_string()))?;
    let arguments = ["-n", "-l", "-D", "-P", "-f", "/run/keepalived.conf"];
    host.spawn_tool("keepalived", arguments)
}

fn halo_is_active(unicast: bool) {
    let (lab, _server, _processes) = pair(200, unicast);
    on(&lab, "lb1");
    let status = lab.node("lb1").unwrap().agent_status().unwrap();
    assert_eq!(status.vips[0].addresses[0], format!("{LINK_LOCAL}/64"));
    let lost = prober(&lab);
    lab.node("lb1").unwrap().kill().unwrap();
    until(&lab, "the VIP on keepalived", || {
        has(lab.host("lb2").unwrap())
    });
    outage_within(&lab, lost, OUTAGE);
    lab.node("lb1").unwrap().start_halod().unwrap();
    on(&lab, "lb1");
    let announced = prober(&lab);
    lab.node("lb1").unwrap().terminate(PATIENCE).unwrap();
    until(&lab, "the VIP on keepalived", || {
        has(lab.host("lb2").unwrap())
    });
    outage_within(&lab, announced, ANNOUNCED);
}

fn keepalived_is_active(unicast: bool) {
    let (lab, _server, [mut keepalived, _serve]) = pair(100, unicast);
    on(&lab, "lb2");
    until(&lab, "lb1 to be Standby", || {
        state(&lab, "lb1") == Some(VipState::Standby)
    });
    let status = lab.node("lb1").unwrap().agent_status().unwrap();
    assert!(status.vips[0].holder.is_some(), "{status:?}");
    assert!(status.vips[0].adverts_received > 0);
    assert_eq!(status.vips[0].adverts_discarded, 0);
    let lost = prober(&lab);
    keepalived.terminate(PATIENCE).unwrap();
    on(&lab, "lb1");
    outage_within(&lab, lost, ANNOUNCED);
}

#[lab_test]
fn halo_active_keepalived_backup_multicast() {
    halo_is_active(false);
}

#[lab_test]
fn halo_active_keepalived_backup_unicast() {
    halo_is_active(true);
}

#[lab_test]
fn keepalived_active_halo_standby_multicast() {
    keepalived_is_active(false);
}

#[lab_test]
fn keepalived_active_halo_standby_unicast() {
    keepalived_is_active(true);
}

/// Halo on lb1 with `priority`, FRR's vrrpd on lb2 with 150 and whoami for a data plane.
fn pair_with_frr(priority: u8) -> (Lab, [Process; 2], Frr) {
    let (lab, server) = lab();
    let text = config(&lab, priority, false).replace("vrid = 51", "vrid = 51\npeers = \"vrrp\"");
    lab.write_config(&text).unwrap();
    lab.node("lb1").unwrap().start_halod().unwrap();
    let second = lab.host("lb2").unwrap();
    let serve = second.spawn("web", whoami(), ["--listen", "[::]:80"]);
    let frr = FrrConfig {
        vrid: 51,
        version: 3,
        priority: 150,
        advert_ms: 100,
        vips: vec![LINK_LOCAL.parse().unwrap(), VIP6.into()],
    };
    let frr = frr.start(second).unwrap_or_else(fail);
    (lab, [server, serve.unwrap_or_else(fail)], frr)
}

/// FRR's adverts are as they should be, and its addresses are the same.
fn heard_nothing_wrong(lab: &Lab) {
    let status = lab.node("lb1").unwrap().agent_status().unwrap();
    assert_eq!(status.vips[0].adverts_discarded, 0, "{status:?}");
    assert_eq!(status.warnings, Vec::<String>::new());
}

#[lab_test]
fn halo_active_frr_backup() {
    let (lab, _serving, _frr) = pair_with_frr(200);
    until(&lab, "the VIP on Halo", || {
        state(&lab, "lb1") == Some(VipState::Active)
    });
    let lost = prober(&lab);
    lab.node("lb1").unwrap().kill().unwrap();
    outage_within(&lab, lost, OUTAGE);
    lab.node("lb1").unwrap().start_halod().unwrap();
    until(&lab, "the VIP on Halo again", || {
        state(&lab, "lb1") == Some(VipState::Active)
    });
    drop(prober(&lab));
    heard_nothing_wrong(&lab);
}

#[lab_test]
fn frr_active_halo_standby() {
    let (lab, _serving, mut frr) = pair_with_frr(100);
    until(&lab, "the VIP on FRR", || {
        let status = lab.node("lb1").unwrap().agent_status();
        status.is_ok_and(|status| {
            status.vips[0].state == VipState::Standby && status.vips[0].adverts_received > 5
        })
    });
    let lost = prober(&lab);
    heard_nothing_wrong(&lab);
    frr.vrrpd.kill().unwrap();
    until(&lab, "the VIP on Halo", || {
        state(&lab, "lb1") == Some(VipState::Active)
    });
    outage_within(&lab, lost, OUTAGE);
}

#[lab_test]
fn a_download_goes_on_where_it_is_when_the_address_moves_on_purpose() {
    // More than the buffers on its way hold, and some nine seconds at most, where a drain may take ten.
    const DOWNLOAD: &str =
        "curl -sS -f -m 20 --limit-rate 1400K 'http://[fd77::100]/?bytes=12000000' | wc -c";
    let (lab, _server) = lab();
    lab.write_config(&config(&lab, 200, true)).unwrap();
    lab.start_all().unwrap_or_else(fail);
    on(&lab, "lb1");
    drop(prober(&lab));
    let downloaded = std::thread::scope(|scope| {
        let download = scope.spawn(|| run(&lab, "client", "sh", &["-c", DOWNLOAD]));
        until(&lab, "a part of the download", || {
            let status = lab.node("lb1").and_then(halo_lab::Node::status);
            let data_plane = status.ok().and_then(|status| status.data_plane);
            data_plane.is_some_and(|data| data.listeners.iter().any(|l| l.bytes_out > 500_000))
        });
        hactl(
            &lab,
            "lb1",
            &["failover", "web", "--to", "lb2", "--wait"],
            0,
        );
        assert!(!download.is_finished(), "the move is in its midst");
        download.join().unwrap()
    });
    assert_eq!(said(&downloaded).trim(), "12000000");
}
