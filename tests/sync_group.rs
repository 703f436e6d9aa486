//! VIPs of a sync group move together, whatever moves one of them.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use halo_api::VipState;
use halo_e2e::{cluster_beside, fail, hactl, lab_test, until};
use halo_lab::{Lab, VIP, default_config};
use halo_netio::frame::FrameSocket;
use halo_netio::netlink::Netlink;
use halo_packet::ipv4::{HEADER_LEN, Header};
use halo_packet::vrrp::{
    Centiseconds, ChecksumMode, MAX_LEN, Outgoing, PROTOCOL, Priority, TTL, Version, Vrid,
};

const MAIL: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 101);
const LB1: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);
const LB2: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 12);

fn cluster() -> Lab {
    let second = format!(
        "[[vip]]\nname = \"mail\"\nvrid = 52\naddresses = [\"{MAIL}\"]\npeers = \"vrrp\"\n\
         sync_group = \"front\"\n\n[[listener]]\nname = \"web\""
    );
    let lab = cluster_beside("forger", 66, |topology| {
        default_config(topology)
            .replace(
                "vrid = 51",
                "vrid = 51\npeers = \"vrrp\"\nsync_group = \"front\"",
            )
            .replace("[[listener]]\nname = \"web\"", &second)
    });
    both_on(&lab, "lb1");
    lab
}

/// Waits until both VIPs are on this node and on no other.
fn both_on(lab: &Lab, node: &str) {
    until(lab, &format!("both VIPs on {node}"), || {
        lab.nodes().iter().all(|other| {
            let here = other.name() == node;
            [VIP, MAIL]
                .iter()
                .all(|vip| other.host().has(*vip).is_ok_and(|has| has == here))
        })
    });
}

/// How often each VIP came to this node.
fn arrivals(lab: &Lab, node: &str) -> Vec<u64> {
    let status = lab.node(node).unwrap_or_else(fail).agent_status();
    let vips = status.unwrap_or_else(fail).vips;
    vips.iter().map(|vip| vip.became_active).collect()
}

/// One advert for "mail" alone that outranks lb1, as if lb2 had sent it.
fn outrank_mail(lab: &Lab) {
    let mut message = [0; MAX_LEN];
    let length = Outgoing {
        version: Version::V3,
        vrid: Vrid::new(52).unwrap(),
        priority: Priority(254),
        interval: Centiseconds::new(10).unwrap(),
        addresses: &[MAIL.into()],
    }
    .encode(
        LB2.into(),
        LB1.into(),
        ChecksumMode::PseudoHeader,
        &mut message,
    )
    .unwrap();
    let mut header = [0; HEADER_LEN];
    Header {
        source: LB2,
        destination: LB1,
        ttl: TTL,
        protocol: PROTOCOL,
    }
    .encode(length, &mut header)
    .unwrap();
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 0x66, 0x08, 0x00]);
    frame.extend(header);
    frame.extend(&message[..length]);
    let send = move || {
        let eth0 = Netlink::open().unwrap().link("eth0").unwrap().unwrap();
        FrameSocket::open()
            .unwrap()
            .send(eth0.index, &frame)
            .unwrap();
    };
    let forger = lab.host("forger").unwrap_or_else(fail);
    forger.within(send).unwrap_or_else(fail);
}

#[lab_test]
fn vips_of_a_group_move_together_for_every_cause() {
    let lab = cluster();

    hactl(&lab, "lb1", &["failover", "web"], 0);
    both_on(&lab, "lb2");
    hactl(&lab, "lb1", &["failover", "mail", "--to", "lb1"], 0);
    both_on(&lab, "lb1");

    let before = arrivals(&lab, "lb2");
    lab.node("lb1")
        .unwrap_or_else(fail)
        .kill()
        .unwrap_or_else(fail);
    both_on(&lab, "lb2");
    let after = arrivals(&lab, "lb2");
    assert_eq!(after, before.iter().map(|n| n + 1).collect::<Vec<_>>());

    lab.node("lb1")
        .unwrap_or_else(fail)
        .start_halod()
        .unwrap_or_else(fail);
    both_on(&lab, "lb1");
}

#[lab_test]
fn losing_one_vip_gives_the_rest_of_its_group_up_and_they_come_back_together() {
    let lab = cluster();
    let before = arrivals(&lab, "lb1");
    outrank_mail(&lab);
    // Nobody is behind that advert: when it has passed, lb1 takes both back.
    until(&lab, "both VIPs to have come back", || {
        let now = arrivals(&lab, "lb1");
        now.iter()
            .zip(&before)
            .all(|(now, before)| *now == before + 1)
    });
    both_on(&lab, "lb1");
    let settled = (arrivals(&lab, "lb1"), arrivals(&lab, "lb2"));
    let start = Instant::now();
    until(&lab, "a quiet second", || {
        start.elapsed() >= Duration::from_secs(1)
    });
    assert_eq!(
        (arrivals(&lab, "lb1"), arrivals(&lab, "lb2")),
        settled,
        "nothing goes back and forth"
    );
    let status = lab.node("lb1").unwrap_or_else(fail).agent_status();
    let vips = status.unwrap_or_else(fail).vips;
    assert!(vips.iter().all(|vip| vip.state == VipState::Active));
}
