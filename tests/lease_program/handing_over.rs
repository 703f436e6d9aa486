//! The programs while connections are handed over.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};

use halo_e2e::{PATIENCE, fail, lab_test};
use halo_lab::wait_until;
use halo_netio::lease::{Leases, Verdict, Way};
use halo_netio::netlink::{LinkChange, Netlink};
use ipnet::IpNet;

use super::frames::{
    ACK, SYN, advertisement, ipv4, other, reply, request, segment, solicitation, tagged,
    with_option,
};
use super::{
    ALL_NODES, CLIENT, CLIENT6, LEASED, LEASED6, NEIGHBOUR, boot_nanos, on_a_host, refused,
};

const SECOND: u64 = 1_000_000_000;
const FORMER: [u8; 6] = [2, 0, 0, 0, 0, 0x11];

fn judge(leases: &Leases, way: Way, frame: &[u8]) -> Verdict {
    leases.judge(way, frame).unwrap_or_else(refused)
}

#[lab_test]
fn while_connections_finish_packets_pass_and_nobody_is_told_that_the_address_is_here() {
    on_a_host(|leases| {
        let now = boot_nanos();
        let rows = [
            ("IPv4 to it", Way::In, ipv4(CLIENT, LEASED), true),
            ("IPv4 from it", Way::Out, ipv4(LEASED, CLIENT), true),
            ("ARP request", Way::In, request(CLIENT, LEASED), false),
            ("ARP reply", Way::Out, reply(LEASED, CLIENT), false),
            ("NS", Way::In, solicitation(CLIENT6, LEASED6), false),
            ("NA", Way::Out, advertisement(LEASED6, ALL_NODES), false),
        ];
        for (what, way, frame, passes) in &rows {
            let check = |when: &str, expected: bool| {
                let expected = if expected {
                    Verdict::Pass
                } else {
                    Verdict::Drop
                };
                assert_eq!(judge(leases, *way, frame), expected, "{what}: {when}");
            };
            let drain = |from, until| {
                leases.drain(LEASED.into(), from, until);
                leases.drain(LEASED6.into(), from, until);
            };
            let lease = |until| {
                leases.lease(LEASED.into(), until);
                leases.lease(LEASED6.into(), until);
            };
            lease(now + 60 * SECOND);
            check("leased", true);
            drain(now, now + 60 * SECOND);
            check("draining", *passes);
            drain(now - 100 * SECOND, now + 60 * SECOND);
            check("draining for long", *passes);
            drain(now - 100 * SECOND, now - 30 * SECOND);
            check("drained", *way == Way::Out && *passes);
            drain(now - 200 * SECOND, now - 61 * SECOND);
            check("drained long ago", true);
            lease(now + 60 * SECOND);
            check("leased again", true);
            lease(now);
            check("ended, with no draining", *way == Way::Out && *passes);
        }
    });
}

#[lab_test]
fn packets_of_unknown_connections_go_to_the_former_holder() {
    on_a_host(|leases| {
        for address in [IpAddr::from(LEASED), LEASED6.into()] {
            let here = Connection::open(address);
            let unknown = SocketAddr::new(here.client.ip(), 9);
            let known = segment(here.client, here.server, ACK);
            let stray = segment(unknown, here.server, ACK);
            let now = boot_nanos();
            leases.lease(address, now + 60 * SECOND);
            assert_eq!(
                judge(leases, Way::In, &stray),
                Verdict::Pass,
                "nobody before"
            );
            leases.forward(address, FORMER, now + 60 * SECOND);
            let sent = forwarded(&stray);
            assert_eq!(judge(leases, Way::In, &stray), sent, "unknown");
            let elsewhere = segment(unknown, SocketAddr::new(address, 81), ACK);
            let sent = forwarded(&elsewhere);
            assert_eq!(judge(leases, Way::In, &elsewhere), sent, "no listener");
            assert_eq!(judge(leases, Way::In, &known), Verdict::Pass, "ours");
            let new = segment(unknown, here.server, SYN);
            assert_eq!(judge(leases, Way::In, &new), Verdict::Pass, "a new one");
            let mut overheard = stray.clone();
            overheard[..6].fill(2);
            assert_eq!(judge(leases, Way::In, &overheard), Verdict::Pass);
            leases.forward(address, FORMER, now);
            assert_eq!(judge(leases, Way::In, &stray), Verdict::Pass, "over");
            leases.forward(address, FORMER, now + 60 * SECOND);
            leases.lease(address, now);
            assert_eq!(judge(leases, Way::In, &stray), Verdict::Drop, "no lease");
            leases.drain(address, now, now + 60 * SECOND);
            let sent = forwarded(&stray);
            assert_eq!(judge(leases, Way::In, &stray), sent, "draining");
            let mut returned = stray.clone();
            returned[6..12].copy_from_slice(&FORMER);
            assert_eq!(
                judge(leases, Way::In, &returned),
                Verdict::Pass,
                "no way back"
            );
            let hops = if address.is_ipv4() { 22 } else { 21 };
            let mut old = stray.clone();
            old[hops] = 1;
            assert_eq!(judge(leases, Way::In, &old), Verdict::Pass, "no hop left");
        }
    });
}

#[lab_test]
fn only_whole_tcp_packets_to_the_address_are_forwarded() {
    on_a_host(|leases| {
        let now = boot_nanos();
        let at = |address: std::net::Ipv4Addr, port| SocketAddr::new(address.into(), port);
        let stray = segment(at(CLIENT, 9), at(LEASED, 80), ACK);
        let change = |byte: usize, value: u8| {
            let mut frame = stray.clone();
            frame[byte] = value;
            frame
        };
        leases.lease(LEASED.into(), now + 60 * SECOND);
        leases.forward(LEASED.into(), FORMER, now + 60 * SECOND);
        let option = with_option(stray.clone());
        assert_eq!(judge(leases, Way::In, &option), forwarded(&option));
        let local = [
            ("UDP", change(23, 17)),
            ("first fragment", change(20, 0x20)),
            ("last fragment", change(21, 0x08)),
            ("cut short", stray[..40].to_vec()),
            ("of a VLAN", tagged(stray.clone())),
            ("something else", other()),
            ("ARP", request(CLIENT, LEASED)),
            (
                "to its neighbour",
                segment(at(CLIENT, 9), at(NEIGHBOUR, 80), ACK),
            ),
        ];
        for (what, frame) in &local {
            assert_eq!(judge(leases, Way::In, frame), Verdict::Pass, "{what}");
        }
        assert_eq!(judge(leases, Way::Out, &stray), Verdict::Pass, "going out");
    });
}

/// To the former holder, from the hardware address that it came to, with a hop less.
fn forwarded(frame: &[u8]) -> Verdict {
    let mut frame = frame.to_vec();
    frame.copy_within(..6, 6);
    frame[..6].copy_from_slice(&FORMER);
    if frame[12] == 0x08 {
        frame[22] -= 1;
        // The checksum of zero that the frame has, in step (RFC 1624): one less in the upper byte.
        frame[24..26].copy_from_slice(&0x0100_u16.to_be_bytes());
    } else {
        frame[21] -= 1;
    }
    Verdict::Forward(frame)
}

/// A connection of this host with itself, to a listener on an address.
struct Connection {
    server: SocketAddr,
    client: SocketAddr,
    _sockets: (TcpListener, TcpStream, TcpStream),
}

impl Connection {
    fn open(address: IpAddr) -> Self {
        let mut netlink = Netlink::open().unwrap();
        let lo = netlink.link("lo").unwrap().unwrap().index;
        let up = LinkChange {
            up: Some(true),
            ..LinkChange::default()
        };
        netlink.link_set(lo, up).unwrap();
        netlink.address_add(lo, IpNet::from(address), None).unwrap();
        let listener = TcpListener::bind((address, 80)).unwrap();
        let mut client = TcpStream::connect((address, 80));
        wait_until("a route to the host itself", PATIENCE, || {
            if client.is_err() {
                client = TcpStream::connect((address, 80));
            }
            client.is_ok()
        })
        .unwrap_or_else(fail);
        let client = client.unwrap();
        let (server, _) = listener.accept().unwrap();
        Self {
            server: listener.local_addr().unwrap(),
            client: client.local_addr().unwrap(),
            _sockets: (listener, client, server),
        }
    }
}
