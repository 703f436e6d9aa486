//! Somebody outside of the cluster says that they have a virtual IP.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{SystemTime, UNIX_EPOCH};

use halo_api::VipState;
use halo_e2e::{cluster, cluster_with, fail, get, home, lab_test, run, until};
use halo_lab::{Host, Lab, VIP, VIP6};
use halo_netio::frame::FrameSocket;
use halo_netio::netlink::Netlink;
use halo_packet::MacAddr;
use halo_packet::arp::{self, Arp, Operation};
use halo_packet::ndp::{self, Ndp};

/// Not in the lab's cabling.
const STRANGER: MacAddr = MacAddr(2, 0x66, 0, 0, 0, 6);

/// Sends a frame from a host, `times` times.
fn send(host: &Host, frame: Vec<u8>, times: usize) {
    let sent = host.within(move || {
        let socket = FrameSocket::open()?;
        let eth0 = Netlink::open()?.link("eth0")?.map_or(0, |link| link.index);
        for _ in 0..times {
            socket.send(eth0, &frame)?;
        }
        Ok::<(), halo_netio::Error>(())
    });
    sent.unwrap_or_else(fail).unwrap();
}

fn gratuitous(ip: Ipv4Addr) -> Vec<u8> {
    let mut frame = vec![0; arp::FRAME_LEN];
    let packet = Arp::gratuitous(Operation::Reply, STRANGER, ip);
    packet.encode(&mut frame).unwrap();
    frame
}

fn unsolicited(ip: Ipv6Addr) -> Vec<u8> {
    let mut frame = vec![0; ndp::FRAME_LEN];
    Ndp::unsolicited(STRANGER, ip).encode(&mut frame).unwrap();
    frame
}

/// Claims heard, announcements sent.
fn counts(lab: &Lab) -> (u64, u64) {
    let status = lab.node("lb1").unwrap().agent_status().unwrap_or_else(fail);
    let vip = &status.vips[0];
    (vip.foreign_claims, vip.gratuitous_arps_sent)
}

fn warned(lab: &Lab, of: &str) -> bool {
    let status = lab.node("lb1").unwrap().agent_status().unwrap_or_else(fail);
    status.warnings.iter().any(|warning| warning.contains(of))
}

/// A second after the takeover, a claim is no late word of a former Active any more; its own last
/// announcement is as late.
fn settled(lab: &Lab, vip: usize) {
    until(lab, "the takeover to be over", || {
        let status = lab.node("lb1").unwrap().agent_status().unwrap_or_else(fail);
        let vip = &status.vips[vip];
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        vip.state == VipState::Active && now.as_millis() > u128::from(vip.since) + 1500
    });
}

#[lab_test]
fn a_foreign_arp_claim_is_an_alarm_and_the_client_finds_its_way_back() {
    let lab = cluster(2);
    settled(&lab, 0);
    assert!(get(&lab, "http://10.77.0.100/").contains("app"));
    let before = counts(&lab).1;
    send(lab.host("app1").unwrap(), gratuitous(VIP), 1);
    until(&lab, "a warning", || warned(&lab, "02:66:00:00:00:06 says"));
    until(&lab, "the address announced again", || {
        counts(&lab).1 > before
    });
    let neighbours = || {
        halo_e2e::said(&run(
            &lab,
            "client",
            "ip",
            &["neigh", "show", "10.77.0.100"],
        ))
    };
    until(&lab, "the client to know lb1 again", || {
        neighbours().contains("02:77:00:00:00:0b")
    });
    assert!(get(&lab, "http://10.77.0.100/").contains("app"));
    let events = halo_e2e::hactl(&lab, "lb1", &["events"], 0);
    assert!(events.contains("02:66:00:00:00:06 says"), "{events}");
    home(&lab);
}

#[lab_test]
fn a_flood_of_claims_is_answered_once_a_second() {
    let lab = cluster(2);
    settled(&lab, 0);
    let client = lab.host("client").unwrap();
    let before = counts(&lab);
    let start = std::time::Instant::now();
    send(client, gratuitous(VIP), 5_000);
    until(&lab, "claims to be counted", || counts(&lab).0 > before.0);
    let after = counts(&lab);
    let bursts = start.elapsed().as_secs() + 2;
    assert!(
        after.1 - before.1 <= 4 * bursts,
        "{} announcements for {} claims",
        after.1 - before.1,
        after.0 - before.0
    );
    home(&lab);
}

#[lab_test]
fn a_foreign_neighbour_advertisement_is_an_alarm() {
    let lab = cluster_with(|text| {
        text + "[[vip]]\nname = \"six\"\nvrid = 51\naddresses = [\"fd77::100/64\"]\n"
    });
    settled(&lab, 1);
    send(lab.host("client").unwrap(), unsolicited(VIP6), 1);
    until(&lab, "a warning", || {
        warned(&lab, "six: 02:66:00:00:00:06 says that it has fd77::100")
    });
}

#[lab_test]
fn a_quiet_second_owner_is_found_by_asking() {
    let lab = Lab::builder()
        .other("squatter", 99)
        .start()
        .unwrap_or_else(fail);
    let added = run(
        &lab,
        "squatter",
        "ip",
        &["addr", "add", "10.77.0.100/32", "dev", "eth0"],
    );
    assert!(added.status.success());
    lab.start_all().unwrap_or_else(fail);
    home(&lab);
    // Its own hardware address: 02:77 and its last byte.
    until(&lab, "a warning", || warned(&lab, "02:77:00:00:00:63 says"));
}
