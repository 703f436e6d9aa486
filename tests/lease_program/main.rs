//! The lease's programs, as the kernel runs them: a frame in, a verdict out.

mod frames;
mod handing_over;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use std::time::Duration;

use frames::{
    advertisement, ipv4, ipv6, neighbour, other, ping, reply, request, solicitation, tagged,
};
use halo_e2e::{fail, lab_test};
use halo_lab::Lab;
use halo_netio::lease::{Leases, Verdict, Way, of_mac};
use halo_netio::netlink::Netlink;
use nix::time::{ClockId, clock_gettime};

/// The address whose lease a verdict is about, another that is guarded, and one that is not.
const LEASED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const STRANGER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 99);
const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 200);
const NOBODY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

const LEASED6: Ipv6Addr = documentation(1);
const NEIGHBOUR6: Ipv6Addr = documentation(2);
const STRANGER6: Ipv6Addr = documentation(0x99);
const CLIENT6: Ipv6Addr = documentation(0x200);
const NOBODY6: Ipv6Addr = Ipv6Addr::UNSPECIFIED;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Shares its last 32 bits with [`LEASED`] and nothing else.
const LOOKALIKE6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0xc000, 0x0201);

const fn documentation(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last)
}

/// What a frame is, and the frame.
type Row = (&'static str, Vec<u8>);

#[lab_test]
fn what_comes_in_for_an_address_without_a_lease_is_dropped() {
    judged(
        Way::In,
        false,
        vec![
            ("ARP request for it", request(CLIENT, LEASED)),
            ("ARP probe for it", request(NOBODY, LEASED)),
            ("IPv4 to it", ipv4(CLIENT, LEASED)),
            ("IPv6 to it", ipv6(CLIENT6, LEASED6)),
            ("ping to it", ping(CLIENT6, LEASED6)),
            ("solicitation for it", solicitation(CLIENT6, LEASED6)),
            ("DAD probe for it", solicitation(NOBODY6, LEASED6)),
            (
                "unicast solicitation for it",
                neighbour(135, CLIENT6, LEASED6, LEASED6),
            ),
        ],
    );
}

#[lab_test]
fn what_comes_in_from_it_or_for_others_passes() {
    let cut = |frame: Vec<u8>, length: usize| frame[..length].to_vec();
    judged(
        Way::In,
        true,
        vec![
            ("ARP, cut short", cut(request(CLIENT, LEASED), 34)),
            ("another's announcement, asked", request(LEASED, LEASED)),
            ("another's announcement, said", reply(LEASED, LEASED)),
            ("ARP request for a stranger", request(CLIENT, STRANGER)),
            ("ARP request for a neighbour", request(CLIENT, NEIGHBOUR)),
            ("IPv4 to its neighbour", ipv4(CLIENT, NEIGHBOUR)),
            ("IPv4 to a stranger", ipv4(CLIENT, STRANGER)),
            ("IPv4 from it", ipv4(LEASED, CLIENT)),
            ("something else", other()),
            ("of a VLAN, ARP", tagged(request(CLIENT, LEASED))),
            ("of a VLAN, IPv6", tagged(ipv6(CLIENT6, LEASED6))),
            ("another's NA", advertisement(LEASED6, ALL_NODES)),
            ("NS, cut short", cut(solicitation(CLIENT6, LEASED6), 70)),
            ("NS for a stranger", solicitation(CLIENT6, STRANGER6)),
            ("NS for its neighbour", solicitation(CLIENT6, NEIGHBOUR6)),
            ("IPv6 to its neighbour", ipv6(CLIENT6, NEIGHBOUR6)),
            ("IPv6 to a stranger", ipv6(CLIENT6, STRANGER6)),
            ("IPv6 to a lookalike", ipv6(CLIENT6, LOOKALIKE6)),
            ("IPv6 from it", ipv6(LEASED6, CLIENT6)),
        ],
    );
}

#[lab_test]
fn what_goes_out_and_says_that_we_have_it_is_dropped() {
    judged(
        Way::Out,
        false,
        vec![
            ("an answer of its own", reply(LEASED, CLIENT)),
            ("an announcement of its own", request(LEASED, LEASED)),
            ("a question from it", request(LEASED, CLIENT)),
            ("an answer, IPv6", advertisement(LEASED6, CLIENT6)),
            ("an announcement, IPv6", advertisement(LEASED6, ALL_NODES)),
            ("a question, IPv6", solicitation(LEASED6, CLIENT6)),
            (
                "an answer from another address",
                neighbour(136, CLIENT6, ALL_NODES, LEASED6),
            ),
        ],
    );
}

#[lab_test]
fn what_goes_out_and_does_not_say_so_passes() {
    judged(
        Way::Out,
        true,
        vec![
            ("a question for it", request(CLIENT, LEASED)),
            ("an answer of its neighbour", reply(NEIGHBOUR, CLIENT)),
            ("an answer of a stranger", reply(STRANGER, CLIENT)),
            ("IPv4 from it", ipv4(LEASED, CLIENT)),
            ("IPv4 to it", ipv4(CLIENT, LEASED)),
            ("something else", other()),
            ("of a VLAN", tagged(reply(LEASED, CLIENT))),
            ("a question for it, IPv6", solicitation(CLIENT6, LEASED6)),
            ("a neighbour's NA", advertisement(NEIGHBOUR6, CLIENT6)),
            ("a stranger's NA", advertisement(STRANGER6, CLIENT6)),
            ("IPv6 from it", ipv6(LEASED6, CLIENT6)),
            ("ping from it", ping(LEASED6, CLIENT6)),
            ("IPv6 to it", ipv6(CLIENT6, LEASED6)),
        ],
    );
}

/// Each frame passes while the lease runs, before there was one, and long after; in between it passes or
/// not, as said.
fn judged(way: Way, without: bool, rows: Vec<Row>) {
    on_a_host(move |leases| {
        let second = 1_000_000_000;
        let now = boot_nanos();
        let moments = [
            ("never leased", 0, true),
            ("leased", now + 60 * second, true),
            ("just ended", now, without),
            ("ended", now - 50 * second, without),
            ("ended long ago", now - 61 * second, true),
        ];
        for (what, frame) in &rows {
            for (when, deadline, expected) in moments {
                leases.lease(LEASED.into(), deadline);
                leases.lease(LEASED6.into(), deadline);
                let verdict = passes(leases, way, frame);
                assert_eq!(verdict, expected, "{what} {way:?}: {when}");
            }
        }
    });
}

#[lab_test]
fn section_6_4_3_to_an_address_that_takes_no_packets_only_neighbour_discovery_and_arp_pass() {
    on_a_host(|leases| {
        let until = boot_nanos() + 60_000_000_000;
        let dropped = [
            ("IPv4", ipv4(CLIENT, LEASED)),
            ("IPv6", ipv6(CLIENT6, LEASED6)),
            ("ping", ping(CLIENT6, LEASED6)),
        ];
        let passed = [
            ("ARP request", request(CLIENT, LEASED)),
            ("solicitation", solicitation(CLIENT6, LEASED6)),
            (
                "unicast solicitation",
                neighbour(135, CLIENT6, LEASED6, LEASED6),
            ),
            (
                "answer to its question",
                neighbour(136, CLIENT6, LEASED6, CLIENT6),
            ),
            ("IPv4 to its neighbour", ipv4(CLIENT, NEIGHBOUR)),
            ("IPv6 to its neighbour", ipv6(CLIENT6, NEIGHBOUR6)),
        ];
        for refused in [true, false] {
            for address in [LEASED.into(), LEASED6.into()] {
                leases.lease(address, until);
                leases.refuse(address, refused);
            }
            for (what, frame) in &dropped {
                assert_eq!(passes(leases, Way::In, frame), !refused, "{what}");
            }
            for (what, frame) in &passed {
                assert!(passes(leases, Way::In, frame), "{what}, {refused}");
            }
        }
    });
}

#[lab_test]
fn without_its_lease_nothing_passes_from_a_virtual_mac_address_or_for_it() {
    const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];
    on_a_host(|leases| {
        let mut netlink = Netlink::open().unwrap();
        let eth0 = netlink.link("eth0").unwrap().unwrap().index;
        let guarded = [of_mac(MAC), LEASED.into()];
        leases.guard(&mut netlink, eth0, &guarded).unwrap();
        leases.lease(LEASED.into(), u64::MAX);
        let frames = [other(), ipv4(CLIENT, STRANGER), ping(CLIENT6, CLIENT6)];
        let mut check = |deadline: u64, expected: bool| {
            leases.lease(of_mac(MAC), deadline);
            for (way, at) in [(Way::In, 0), (Way::Out, 6)] {
                for frame in &frames {
                    let mut frame = frame.clone();
                    let verdict = leases.judge_by_mac(way, &frame).unwrap_or_else(refused);
                    assert_eq!(verdict, Verdict::Pass, "of another MAC address");
                    frame[at..at + 6].copy_from_slice(&MAC);
                    let verdict = leases.judge_by_mac(way, &frame).unwrap_or_else(refused);
                    assert_eq!(verdict == Verdict::Pass, expected, "{way:?} {deadline}");
                    assert!(passes(leases, way, &frame), "elsewhere it is not looked at");
                }
            }
        };
        let (now, second) = (boot_nanos(), 1_000_000_000);
        check(0, true);
        check(now + 60 * second, true);
        check(now, false);
        check(now - 50 * second, false);
        check(now - 61 * second, true);
        leases.lease(of_mac(MAC), now + 60 * second);
        leases.drain(of_mac(MAC), now, now + 60 * second);
        for (way, at, expected) in [(Way::In, 0, Verdict::Pass), (Way::Out, 6, Verdict::Drop)] {
            let mut frame = other();
            frame[at..at + 6].copy_from_slice(&MAC);
            let verdict = leases.judge_by_mac(way, &frame).unwrap_or_else(refused);
            assert_eq!(verdict, expected, "{way:?} while connections finish");
        }
        // With its lease, what is judged by addresses is judged as ever.
        leases.lease(of_mac(MAC), now + 60 * second);
        leases.lease(LEASED.into(), now);
        let mut frame = ipv4(CLIENT, LEASED);
        frame[..6].copy_from_slice(&MAC);
        let verdict = leases.judge_by_mac(Way::In, &frame).unwrap_or_else(refused);
        assert_eq!(verdict, Verdict::Drop);
    });
}

#[lab_test]
fn what_is_guarded_no_more_passes() {
    on_a_host(|leases| {
        let frames = [request(CLIENT, LEASED), solicitation(CLIENT6, LEASED6)];
        let verdicts = |leases: &Leases| {
            frames
                .each_ref()
                .map(|frame| passes(leases, Way::In, frame))
        };
        leases.lease(LEASED.into(), boot_nanos());
        leases.lease(LEASED6.into(), boot_nanos());
        assert_eq!(verdicts(leases), [false, false]);
        let mut netlink = Netlink::open().unwrap();
        let eth0 = netlink.link("eth0").unwrap().unwrap().index;
        leases
            .guard(&mut netlink, eth0, &[NEIGHBOUR.into()])
            .unwrap();
        assert_eq!(verdicts(leases), [true, true]);
    });
}

fn passes(leases: &Leases, way: Way, frame: &[u8]) -> bool {
    match leases.judge(way, frame).unwrap_or_else(refused) {
        Verdict::Pass => true,
        Verdict::Drop => false,
        Verdict::Forward(_) => panic!("nothing is to be forwarded"),
    }
}

/// Runs a test where [`LEASED`], [`NEIGHBOUR`] and their likes of IPv6 are guarded.
fn on_a_host(test: impl FnOnce(&mut Leases) + Send + 'static) {
    let lab = Lab::builder().start().unwrap_or_else(fail);
    let net = lab.host("lb1").unwrap_or_else(fail).net();
    let net = net.try_clone_to_owned().unwrap();
    halo_netio::netns::run_in(net.as_fd(), move || {
        let mut leases = Leases::new().unwrap_or_else(refused);
        let mut netlink = Netlink::open().unwrap();
        let eth0 = netlink.link("eth0").unwrap().unwrap().index;
        let guarded: [IpAddr; 4] = [
            LEASED.into(),
            NEIGHBOUR.into(),
            LEASED6.into(),
            NEIGHBOUR6.into(),
        ];
        leases.guard(&mut netlink, eth0, &guarded).unwrap();
        leases.lease(NEIGHBOUR.into(), u64::MAX);
        leases.lease(NEIGHBOUR6.into(), u64::MAX);
        test(&mut leases);
    })
    .unwrap();
}

fn boot_nanos() -> u64 {
    let now: Duration = clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap().into();
    now.as_nanos().try_into().unwrap()
}

fn refused<T>(error: halo_netio::Error) -> T {
    panic!("{error}")
}
