//! Virtual MAC addresses (RFC 9568 section 7.3), with real packets.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use halo_api::VipState;
use halo_e2e::{
    ANNOUNCED, OUTAGE, PATIENCE, fail, get, hactl, lab_test, outage_within, prober, run, said,
    steady, until,
};
use halo_lab::address_prober::AddressProber;
use halo_lab::prober::{Ask, Prober};
use halo_lab::{HaproxyConfig, Host, Kind, Lab, Process, Programs, VIP, VIP6, default_config};
use halo_netio::frame::FrameListener;
use halo_netio::netlink::Netlink;

const MAC: &str = "00:00:5e:00:01:33";
const MAC6: &str = "00:00:5e:00:02:33";

/// The default configuration with a virtual MAC address, and with `priority` for lb1.
fn config(lab: &Lab, priority: u8) -> String {
    default_config(lab.topology())
        .replace("priority = 200", &format!("priority = {priority}"))
        .replace("vrid = 51", "vrid = 51\nvirtual_mac = true")
}

fn config6(lab: &Lab, priority: u8) -> String {
    config(lab, priority)
        .replace(
            "addresses = [\"10.77.0.100\"]",
            "addresses = [\"fd77::100/64\"]",
        )
        .replace("10.77.0.100:", "[fd77::100]:")
}

fn lab(text: impl FnOnce(&Lab) -> String) -> Lab {
    let lab = Lab::builder().start().unwrap_or_else(fail);
    lab.write_config(&text(&lab)).unwrap_or_else(fail);
    lab
}

fn cluster() -> Lab {
    let lab = lab(|lab| config(lab, 200));
    lab.start_all().unwrap_or_else(fail);
    on(&lab, "lb1");
    lab
}

/// The name of the interface with the virtual MAC address on a host, if there is one.
fn upper(host: &Host) -> Option<(String, bool)> {
    let links = host.within(|| Netlink::open()?.links());
    let links = links.unwrap_or_else(fail).unwrap();
    links
        .into_iter()
        .find(|link| link.name.starts_with("halo"))
        .map(|link| (link.name, link.up))
}

/// Whether a host has the VIP with the virtual MAC address, and nowhere else.
fn has(host: &Host) -> bool {
    let vip = |name: &str| {
        host.has_on(name, VIP).unwrap_or(false) || host.has_on(name, VIP6).unwrap_or(false)
    };
    !vip("eth0") && upper(host).is_some_and(|(name, up)| up && vip(&name))
}

fn state(lab: &Lab, node: &str) -> Option<VipState> {
    let status = lab.node(node).unwrap().agent_status();
    status.ok().map(|status| status.vips[0].state)
}

/// Waits until the VIP is on this node and nowhere else, and the other has no virtual MAC address.
fn on(lab: &Lab, holder: &str) {
    until(lab, &format!("the VIP on {holder} alone"), || {
        lab.nodes().iter().all(|node| {
            let up = upper(node.host()).is_some_and(|(_, up)| up);
            let held = node.name() == holder;
            (has(node.host()), up) == (held, held)
        })
    });
}

/// Pins the VIP's MAC address on the client: no gratuitous ARP can change it, and none is needed.
fn pin(lab: &Lab, vip: &str, mac: &str) {
    let arguments = [
        "neigh",
        "replace",
        vip,
        "lladdr",
        mac,
        "dev",
        "eth0",
        "nud",
        "permanent",
    ];
    let output = run(lab, "client", "ip", &arguments);
    assert!(output.status.success(), "{}", said(&output));
}

/// What the client has learned.
fn neighbour(lab: &Lab, vip: &str) -> String {
    let output = run(lab, "client", "ip", &["neigh", "show", vip, "dev", "eth0"]);
    let line = said(&output);
    let mac = line
        .split_whitespace()
        .skip_while(|word| *word != "lladdr")
        .nth(1);
    mac.unwrap_or(&line).to_owned()
}

/// From where the next advert that is multicast comes, as the client sees it: MAC and IP address.
fn advert(lab: &Lab) -> (String, Ipv4Addr) {
    let client = lab.host("client").unwrap();
    let heard = client.within(|| {
        let eth0 = Netlink::open().unwrap().link("eth0").unwrap().unwrap();
        let listener = FrameListener::open(eth0.index, 0x0800).unwrap();
        let mut buffer = [0; 256];
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            let length = listener.receive(&mut buffer).unwrap().unwrap_or(0);
            if length > 34 && buffer[23] == 112 {
                let mac: Vec<String> = buffer[6..12].iter().map(|b| format!("{b:02x}")).collect();
                let source: [u8; 4] = *buffer[26..].first_chunk().unwrap();
                return Some((mac.join(":"), Ipv4Addr::from(source)));
            }
            std::thread::yield_now();
        }
        None
    });
    heard
        .unwrap_or_else(fail)
        .expect("an advert within ten seconds")
}

#[lab_test]
fn clients_keep_their_arp_entry_over_every_kind_of_move() {
    let lab = cluster();
    let body = get(&lab, "http://10.77.0.100/");
    assert!(!body.is_empty());
    assert_eq!(neighbour(&lab, "10.77.0.100"), MAC);
    // Others on the network still find the nodes themselves at their cards.
    let refused = run(
        &lab,
        "client",
        "curl",
        &["-sS", "-m", "5", "http://10.77.0.11:1/"],
    );
    assert!(!refused.status.success(), "nothing listens there");
    assert_eq!(neighbour(&lab, "10.77.0.11"), "02:77:00:00:00:0b");
    pin(&lab, "10.77.0.100", MAC);
    let first = lab.host("lb1").unwrap().address();
    assert_eq!(advert(&lab), (MAC.to_owned(), first));

    let lost = prober(&lab);
    lab.node("lb1").unwrap().kill().unwrap();
    until(&lab, "the VIP on lb2", || has(lab.host("lb2").unwrap()));
    outage_within(&lab, lost, OUTAGE);
    let second = lab.host("lb2").unwrap().address();
    assert_eq!(advert(&lab), (MAC.to_owned(), second));

    lab.node("lb1").unwrap().start_halod().unwrap();
    on(&lab, "lb1");
    let planned = prober(&lab);
    hactl(
        &lab,
        "lb1",
        &["failover", "web", "--to", "lb2", "--wait"],
        0,
    );
    until(&lab, "the VIP on lb2", || has(lab.host("lb2").unwrap()));
    outage_within(&lab, planned, ANNOUNCED);
    hactl(
        &lab,
        "lb2",
        &["failover", "web", "--to", "lb1", "--wait"],
        0,
    );
    on(&lab, "lb1");

    let down = prober(&lab);
    lab.link_down("lb1").unwrap();
    until(&lab, "the VIP on lb2", || has(lab.host("lb2").unwrap()));
    outage_within(&lab, down, OUTAGE);
    lab.link_up("lb1").unwrap();
    on(&lab, "lb1");
    steady(&lab, &prober(&lab));
}

#[lab_test]
fn a_stop_leaves_nothing_and_a_start_removes_what_a_kill_left() {
    let lab = cluster();
    let first = lab.host("lb1").unwrap();
    let setting = |name: &str| {
        let path = format!("/proc/sys/net/ipv4/conf/eth0/{name}");
        said(&run(&lab, "lb1", "cat", &[&path])).trim().to_owned()
    };
    assert_eq!(
        (setting("arp_ignore"), setting("arp_announce")),
        ("1".into(), "2".into())
    );
    lab.node("lb1").unwrap().kill().unwrap();
    assert!(upper(first).is_some(), "a kill leaves it");
    lab.node("lb1").unwrap().start_halod().unwrap();
    on(&lab, "lb1");
    let leftover = |node: &str| upper(lab.host(node).unwrap());
    lab.node("lb2").unwrap().terminate(PATIENCE).unwrap();
    assert_eq!(leftover("lb2"), None);
    lab.node("lb1").unwrap().terminate(PATIENCE).unwrap();
    assert_eq!(leftover("lb1"), None);
    assert!(!first.has(VIP).unwrap());
}

#[lab_test]
fn an_orderly_stop_gives_the_settings_of_arp_back() {
    let lab = cluster();
    lab.node("lb1").unwrap().terminate(PATIENCE).unwrap();
    for name in ["arp_ignore", "arp_announce"] {
        let path = format!("/proc/sys/net/ipv4/conf/eth0/{name}");
        assert_eq!(
            said(&run(&lab, "lb1", "cat", &[&path])).trim(),
            "0",
            "{name}"
        );
    }
}

#[lab_test]
fn two_halves_that_meet_again_settle_although_both_have_the_mac_address() {
    let lab = cluster();
    lab.cut("lb2").unwrap();
    until(&lab, "two owners", || {
        lab.nodes().iter().all(|node| has(node.host()))
    });
    lab.heal("lb2").unwrap();
    on(&lab, "lb1");
    pin(&lab, "10.77.0.100", MAC);
    steady(&lab, &prober(&lab));
}

#[lab_test]
fn a_node_that_hangs_stops_answering_from_the_virtual_mac_address() {
    let lab = lab(|lab| config(lab, 200));
    lab.node("lb1").unwrap().start_halod().unwrap();
    until(&lab, "the VIP on lb1", || has(lab.host("lb1").unwrap()));
    let client = lab.host("client").unwrap();
    let questions = AddressProber::start(client, VIP).unwrap_or_else(fail);
    until(&lab, "answers", || questions.answers().len() > 10);
    let frozen = Instant::now();
    lab.node("lb1").unwrap().freeze().unwrap();
    // Among Halo nodes the lease is 160 ms at adverts of 100 ms; the address itself lasts 3 s.
    until(&lab, "silence", || {
        let last = questions.answers().last().map(|answer| answer.at);
        last.is_some_and(|at| at.elapsed() > Duration::from_millis(500))
    });
    let answers = questions.stop().unwrap_or_else(fail);
    let last = answers.last().unwrap().at;
    assert!(
        last < frozen + Duration::from_millis(500),
        "{:?}",
        last - frozen
    );
    assert!(answers.iter().all(|answer| answer.mac.to_string() == MAC));
    lab.node("lb1").unwrap().thaw().unwrap();
}

#[lab_test]
fn a_download_goes_on_where_it_is_when_the_address_moves_on_purpose() {
    // Much more than the buffers on its way hold.
    const LENGTH: u64 = 64_000_000;
    let lab = cluster();
    pin(&lab, "10.77.0.100", MAC);
    drop(prober(&lab));
    let client = lab.host("client").unwrap();
    let connected = client.within(|| TcpStream::connect((VIP, 80)));
    let mut stream = connected.unwrap_or_else(fail).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /?bytes={LENGTH} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut begun = vec![0; 500_000];
    stream.read_exact(&mut begun).unwrap();
    hactl(
        &lab,
        "lb1",
        &["failover", "web", "--to", "lb2", "--wait"],
        0,
    );
    until(
        &lab,
        "the VIP on lb2, and on lb1 what it has begun, below",
        || {
            let first = lab.host("lb1").unwrap();
            let below = first.has(VIP).unwrap() && upper(first).is_some_and(|(_, up)| !up);
            below && has(lab.host("lb2").unwrap())
        },
    );
    let head = begun
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    let mut rest = stream.take(LENGTH - (begun.len() - head) as u64);
    let rest = io::copy(&mut rest, &mut io::sink()).unwrap();
    assert_eq!((begun.len() - head) as u64 + rest, LENGTH);
    on(&lab, "lb2");
}

/// A client of the IPv6 VIP.
fn prober6(lab: &Lab) -> Prober {
    let client = lab.host("client").unwrap();
    let prober = Prober::start(client, (VIP6, 80).into(), Ask::Http).unwrap_or_else(fail);
    steady(lab, &prober);
    prober.reset();
    prober
}

#[lab_test]
fn clients_keep_their_neighbour_over_a_failover_of_ipv6() {
    let lab = lab(|lab| config6(lab, 200));
    lab.start_all().unwrap_or_else(fail);
    on(&lab, "lb1");
    drop(prober6(&lab));
    assert_eq!(neighbour(&lab, "fd77::100"), MAC6);
    pin(&lab, "fd77::100", MAC6);
    let lost = prober6(&lab);
    lab.node("lb1").unwrap().kill().unwrap();
    until(&lab, "the VIP on lb2", || has(lab.host("lb2").unwrap()));
    outage_within(&lab, lost, OUTAGE);
    lab.node("lb1").unwrap().start_halod().unwrap();
    on(&lab, "lb1");
    let announced = prober6(&lab);
    lab.node("lb1").unwrap().terminate(PATIENCE).unwrap();
    until(&lab, "the VIP on lb2", || has(lab.host("lb2").unwrap()));
    outage_within(&lab, announced, ANNOUNCED);
}

/// keepalived with a virtual MAC address on lb2.
fn keepalived(host: &Host, addresses: &[&str]) -> Process {
    let addresses: String = addresses.iter().map(|a| format!("    {a}\n")).collect();
    let text = format!(
        "global_defs {{\n  vrrp_version 3\n}}\n\
         vrrp_instance web {{\n  state BACKUP\n  interface eth0\n  use_vmac vrrp51\n  \
         virtual_router_id 51\n  priority 150\n  advert_int 0.1\n  \
         virtual_ipaddress {{\n{addresses}  }}\n}}\n"
    );
    fs::write(host.path("/run/keepalived.conf"), text).unwrap();
    let arguments = ["-n", "-l", "-D", "-P", "-f", "/run/keepalived.conf"];
    host.spawn_tool("keepalived", arguments)
        .unwrap_or_else(fail)
}

/// Halo on lb1 with `priority`, keepalived with use_vmac and a data plane on lb2 with 150.
fn pair(priority: u8, ipv6: bool) -> (Lab, [Process; 2]) {
    let lab = lab(|lab| {
        let text = if ipv6 {
            config6(lab, priority)
        } else {
            config(lab, priority)
        };
        text.replace("virtual_mac = true", "virtual_mac = true\npeers = \"vrrp\"")
    });
    lab.node("lb1").unwrap().start_halod().unwrap();
    let second = lab.host("lb2").unwrap();
    let serving = if ipv6 {
        let whoami = Programs::find().unwrap_or_else(fail).path("whoami");
        second.spawn("web", whoami, ["--listen", "[::]:80"])
    } else {
        let servers = lab.topology().of(Kind::App);
        let haproxy = HaproxyConfig {
            bind: (VIP, 80),
            servers: servers
                .map(|app| (app.name.clone(), app.address, 8080))
                .collect(),
        };
        haproxy.start(second)
    };
    let addresses: &[&str] = if ipv6 {
        &["fe80::200:5eff:fe00:233/64", "fd77::100/64"]
    } else {
        &["10.77.0.100/24"]
    };
    let keepalived = keepalived(second, addresses);
    (lab, [keepalived, serving.unwrap_or_else(fail)])
}

fn keepalived_has(lab: &Lab, vip: impl Into<std::net::IpAddr>) -> bool {
    lab.host("lb2")
        .unwrap()
        .has_on("vrrp51", vip)
        .unwrap_or(false)
}

fn halo_is_active(ipv6: bool) {
    let (lab, [_keepalived, _serving]) = pair(200, ipv6);
    let (text, mac) = if ipv6 {
        ("fd77::100", MAC6)
    } else {
        ("10.77.0.100", MAC)
    };
    let there = |lab: &Lab| {
        if ipv6 {
            keepalived_has(lab, VIP6)
        } else {
            keepalived_has(lab, VIP)
        }
    };
    let probe = |lab: &Lab| if ipv6 { prober6(lab) } else { prober(lab) };
    until(&lab, "the VIP on Halo alone", || {
        has(lab.host("lb1").unwrap()) && !there(&lab)
    });
    pin(&lab, text, mac);
    let lost = probe(&lab);
    lab.node("lb1").unwrap().kill().unwrap();
    until(&lab, "the VIP on keepalived", || there(&lab));
    outage_within(&lab, lost, OUTAGE);
    lab.node("lb1").unwrap().start_halod().unwrap();
    until(&lab, "the VIP on Halo alone", || {
        has(lab.host("lb1").unwrap()) && !there(&lab)
    });
    steady(&lab, &probe(&lab));
}

fn keepalived_is_active(ipv6: bool) {
    let (lab, [mut keepalived, _serving]) = pair(100, ipv6);
    let (text, mac) = if ipv6 {
        ("fd77::100", MAC6)
    } else {
        ("10.77.0.100", MAC)
    };
    let address: std::net::IpAddr = if ipv6 { VIP6.into() } else { VIP.into() };
    until(&lab, "the VIP on keepalived alone", || {
        state(&lab, "lb1") == Some(VipState::Standby)
            && keepalived_has(&lab, address)
            && !has(lab.host("lb1").unwrap())
    });
    pin(&lab, text, mac);
    let lost = if ipv6 { prober6(&lab) } else { prober(&lab) };
    let status = lab.node("lb1").unwrap().agent_status().unwrap();
    assert!(status.vips[0].adverts_received > 0);
    assert_eq!(status.vips[0].adverts_discarded, 0, "{status:?}");
    keepalived.terminate(PATIENCE).unwrap();
    until(&lab, "the VIP on Halo", || has(lab.host("lb1").unwrap()));
    outage_within(&lab, lost, ANNOUNCED);
}

#[lab_test]
fn halo_active_keepalived_with_use_vmac_backup() {
    halo_is_active(false);
}

#[lab_test]
fn keepalived_with_use_vmac_active_halo_standby() {
    keepalived_is_active(false);
}

#[lab_test]
fn halo_active_keepalived_with_use_vmac_backup_ipv6() {
    halo_is_active(true);
}

#[lab_test]
fn keepalived_with_use_vmac_active_halo_standby_ipv6() {
    keepalived_is_active(true);
}
