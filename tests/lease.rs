//! No stale owner: a node that cannot speak for a VIP does not answer for it either.

use std::collections::BTreeSet;
use std::time::Duration;

use halo_e2e::{cluster, fail, home, lab_test, run, until};
use halo_lab::address_prober::{AddressProber, Answer, longest_dispute};
use halo_lab::{Lab, Node, VIP};
use halo_packet::MacAddr;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What the default configuration says.
const ADVERT_INTERVAL: Duration = Duration::from_millis(100);
/// How long both are watched after the takeover: longer than the kernel keeps the addresses of an
/// agent that is gone.
const WATCH: Duration = Duration::from_secs(6);

#[lab_test]
fn both_processes_killed() {
    never_both(|node| node.kill().unwrap_or_else(fail));
}

#[lab_test]
fn the_agent_alone_killed() {
    never_both(|node| node.kill_agent().unwrap_or_else(fail));
}

#[lab_test]
fn both_processes_frozen() {
    never_both(|node| node.freeze().unwrap_or_else(fail));
}

/// A hang: the data plane goes on and would serve whoever comes.
#[lab_test]
fn the_agent_alone_frozen() {
    never_both(|node| {
        let pid = node.agent_pid().unwrap().cast_signed();
        kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
    });
}

#[lab_test]
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

#[lab_test]
fn a_stopped_node_leaves_no_filter_behind() {
    let lab = cluster(1);
    assert!(filters(&lab).contains("halo-lease"), "{}", filters(&lab));
    lab.node("lb1")
        .unwrap()
        .terminate(halo_e2e::PATIENCE)
        .unwrap_or_else(fail);
    assert_eq!(filters(&lab), "");
}

#[lab_test]
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
fn arp_prober(lab: &Lab) -> AddressProber {
    let client = lab.host("client").unwrap_or_else(fail);
    let prober = AddressProber::start(client, VIP).unwrap_or_else(fail);
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
