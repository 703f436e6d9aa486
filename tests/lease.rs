//! No stale owner: a node that cannot speak for a VIP does not answer for it either.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::time::Duration;

use halo_e2e::{cluster, fail, home, run, until};
use halo_lab::arp_prober::{Answer, ArpProber, longest_dispute};
use halo_lab::{Lab, Node, VIP};
use halo_netio::lease::{Leases, Way};
use halo_netio::netlink::Netlink;
use halo_packet::MacAddr;
use halo_packet::arp::{Arp, FRAME_LEN, Operation};
use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// What the default configuration says.
const ADVERT_INTERVAL: Duration = Duration::from_millis(100);
/// How long both are watched after the takeover: longer than the kernel keeps the addresses of an
/// agent that is gone.
const WATCH: Duration = Duration::from_secs(6);

#[test]
fn both_processes_killed() {
    never_both(|node| node.kill().unwrap_or_else(fail));
}

#[test]
fn the_agent_alone_killed() {
    never_both(|node| node.kill_agent().unwrap_or_else(fail));
}

#[test]
fn both_processes_frozen() {
    never_both(|node| node.freeze().unwrap_or_else(fail));
}

/// A hang: the data plane goes on and would serve whoever comes.
#[test]
fn the_agent_alone_frozen() {
    never_both(|node| {
        let pid = node.agent_pid().unwrap().cast_signed();
        kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
    });
}

#[test]
fn thawed_while_another_holds_the_vip() {
    let lab = cluster(2);
    let node = lab.node("lb1").unwrap();
    node.freeze().unwrap();
    taken_over(&lab);
    let prober = arp_prober(&lab);
    node.thaw().unwrap();
    home(&lab);
    settled(&prober.stop().unwrap_or_else(fail));
}

#[test]
fn a_stopped_node_leaves_no_filter_behind() {
    let lab = cluster(1);
    assert!(filters(&lab).contains("halo-lease"), "{}", filters(&lab));
    lab.node("lb1")
        .unwrap()
        .terminate(halo_e2e::PATIENCE)
        .unwrap_or_else(fail);
    assert_eq!(filters(&lab), "");
}

#[test]
fn a_killed_agents_filter_stays_and_is_replaced_by_the_next() {
    let lab = cluster(1);
    let node = lab.node("lb1").unwrap();
    node.kill().unwrap();
    assert!(filters(&lab).contains("halo-lease"), "{}", filters(&lab));
    node.start_halod().unwrap();
    home(&lab);
    assert_eq!(filters(&lab).matches("halo-lease").count(), 2);
    assert!(node.agent_status().unwrap().warnings.is_empty());
}

/// Does something to lb1 that makes it fall silent. From then on the client never sees both nodes
/// answer for the VIP for longer than an advert interval.
fn never_both(silence: impl FnOnce(&Node)) {
    let lab = cluster(2);
    let prober = arp_prober(&lab);
    silence(lab.node("lb1").unwrap());
    taken_over(&lab);
    // The watch itself is what is waited for: that nothing happens in it.
    std::thread::sleep(WATCH);
    let answers = prober.stop().unwrap_or_else(fail);
    let owners: BTreeSet<MacAddr> = answers.iter().map(|answer| answer.mac).collect();
    assert_eq!(owners.len(), 2, "first lb1, then lb2");
    settled(&answers);
}

fn settled(answers: &[Answer]) {
    let dispute = longest_dispute(answers);
    assert!(
        dispute <= ADVERT_INTERVAL,
        "both nodes answered for {} ms",
        dispute.as_millis()
    );
}

fn taken_over(lab: &Lab) {
    until(lab, "web on lb2", || lab.holders("web") == ["lb2"]);
}

/// One that has been answered.
fn arp_prober(lab: &Lab) -> ArpProber {
    let client = lab.host("client").unwrap_or_else(fail);
    let prober = ArpProber::start(client, VIP).unwrap_or_else(fail);
    until(lab, "an answer to ARP", || !prober.answers().is_empty());
    prober
}

fn filters(lab: &Lab) -> String {
    let show = |way| {
        let output = run(lab, "lb1", "tc", &["filter", "show", "dev", "eth0", way]);
        assert!(output.status.success(), "{}", halo_e2e::said(&output));
        halo_e2e::said(&output)
    };
    let all = show("ingress") + &show("egress");
    let lines: Vec<&str> = all.lines().filter(|line| line.contains("handle")).collect();
    lines.join("\n")
}

/// The address whose lease a verdict is about, another that is guarded, and one that is not.
const LEASED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const STRANGER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 99);
const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 200);

/// What the programs say of each kind of packet while the lease runs, and after it.
#[test]
fn the_programs_drop_what_is_for_an_address_without_a_lease_and_nothing_else() {
    use Operation::{Reply, Request};
    let lab = cluster(1);
    let net = lab.host("lb1").unwrap().net().try_clone_to_owned().unwrap();
    let request = |sender, target| arp(Request, sender, target);
    let rows: Vec<(&str, Way, Vec<u8>, bool)> = vec![
        // (what, way, frame, whether it passes without a lease; with one, everything passes)
        (
            "ARP request for it",
            Way::In,
            request(CLIENT, LEASED),
            false,
        ),
        (
            "ARP probe for it",
            Way::In,
            request(Ipv4Addr::UNSPECIFIED, LEASED),
            false,
        ),
        ("IPv4 to it", Way::In, ipv4(CLIENT, LEASED), false),
        (
            "ARP request for it, cut short",
            Way::In,
            request(CLIENT, LEASED)[..34].to_vec(),
            true,
        ),
        (
            "another's announcement, a request",
            Way::In,
            request(LEASED, LEASED),
            true,
        ),
        (
            "another's announcement, a reply",
            Way::In,
            arp(Reply, LEASED, LEASED),
            true,
        ),
        (
            "ARP request for a stranger",
            Way::In,
            request(CLIENT, STRANGER),
            true,
        ),
        (
            "ARP request for its neighbour",
            Way::In,
            request(CLIENT, NEIGHBOUR),
            true,
        ),
        (
            "IPv4 to its neighbour",
            Way::In,
            ipv4(CLIENT, NEIGHBOUR),
            true,
        ),
        ("IPv4 to a stranger", Way::In, ipv4(CLIENT, STRANGER), true),
        ("IPv4 from it", Way::In, ipv4(LEASED, CLIENT), true),
        (
            "an answer of its own",
            Way::Out,
            arp(Reply, LEASED, CLIENT),
            false,
        ),
        (
            "an announcement of its own",
            Way::Out,
            request(LEASED, LEASED),
            false,
        ),
        (
            "a question from it",
            Way::Out,
            request(LEASED, CLIENT),
            false,
        ),
        ("a question for it", Way::Out, request(CLIENT, LEASED), true),
        (
            "an answer of its neighbour",
            Way::Out,
            arp(Reply, NEIGHBOUR, CLIENT),
            true,
        ),
        (
            "an answer of a stranger",
            Way::Out,
            arp(Reply, STRANGER, CLIENT),
            true,
        ),
        ("IPv4 from it", Way::Out, ipv4(LEASED, CLIENT), true),
        ("IPv4 to it", Way::Out, ipv4(CLIENT, LEASED), true),
        ("something else", Way::In, other(), true),
        ("something else", Way::Out, other(), true),
    ];
    halo_netio::netns::run_in(net.as_fd(), move || {
        let mut leases = Leases::new().unwrap_or_else(|error| panic!("{error}"));
        let mut netlink = Netlink::open().unwrap();
        let eth0 = netlink.link("eth0").unwrap().unwrap().index;
        leases
            .guard(&mut netlink, eth0, &[LEASED, NEIGHBOUR])
            .unwrap();
        leases.lease(NEIGHBOUR, u64::MAX);
        for (what, way, frame, passes) in &rows {
            let verdict = |deadline| {
                leases.lease(LEASED, deadline);
                leases
                    .passes(*way, frame)
                    .unwrap_or_else(|error| panic!("{what}: {error}"))
            };
            let second = 1_000_000_000;
            let now = boot_nanos();
            assert!(verdict(0), "{what} {way:?}: never leased");
            assert!(verdict(now + 60 * second), "{what} {way:?}: leased");
            assert_eq!(verdict(now), *passes, "{what} {way:?}: just ended");
            assert_eq!(verdict(now - 50 * second), *passes, "{what} {way:?}: ended");
            assert!(verdict(now - 61 * second), "{what} {way:?}: ended long ago");
        }
        leases.guard(&mut netlink, eth0, &[NEIGHBOUR]).unwrap();
        let ended = leases.passes(Way::In, &arp(Operation::Request, CLIENT, LEASED));
        assert!(ended.unwrap(), "guarded no more");
    })
    .unwrap();
}

fn boot_nanos() -> u64 {
    let now: Duration = clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap().into();
    now.as_nanos().try_into().unwrap()
}

fn arp(operation: Operation, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mut frame = [0; FRAME_LEN];
    let mut packet = Arp::gratuitous(operation, MacAddr::new(2, 0, 0, 0, 0, 1), sender);
    packet.target_ip = target;
    packet.encode(&mut frame).unwrap();
    frame.to_vec()
}

fn ipv4(source: Ipv4Addr, destination: Ipv4Addr) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([0x08, 0x00, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0]);
    frame.extend(source.octets());
    frame.extend(destination.octets());
    frame.extend([0; 20]);
    frame
}

/// LLDP.
fn other() -> Vec<u8> {
    let mut frame = vec![2; 60];
    frame[12..14].copy_from_slice(&[0x88, 0xcc]);
    frame
}
