//! The kernel's lease of a VIP.

use halo_packet::peer;
use halo_packet::peer::body::Hello;

use super::*;

/// One heartbeat of 100 ms, and three fifths of it.
const LEASE: Duration = Duration::from_millis(160);

/// Leases and heartbeats (but farewells), as they come: '.' one lease, '!' one heartbeat.
fn rhythm(node: &Node) -> String {
    node.effects()
        .iter()
        .filter_map(|effect| match effect {
            Effect::Leased { .. } => Some('.'),
            Effect::Advert { message, .. } if message[2] != 0 => Some('!'),
            _ => None,
        })
        .collect()
}

#[test]
fn the_lease_starts_before_the_address_is_put_on_and_ends_before_it_is_taken_off() {
    let mut node = Node::ready("lb1");
    assert_eq!(node.machine().guards[&ETH0], [VIP]);
    node.run(PATIENCE);
    let put = node.position(|effect| matches!(effect, Effect::AddressPut(_)));
    assert!(node.position(is_leased) < put);
    node.machine().happen(Input::Signal(Signal::Stop));
    node.turn();
    let ended = node.position(is_draining);
    node.run(Duration::from_secs(1));
    let removed = node.position(|effect| matches!(effect, Effect::AddressRemoved(_)));
    assert!(ended < removed);
    assert!(
        !node.effects()[ended..].iter().any(is_leased),
        "the farewell renews nothing"
    );
}

#[test]
fn each_heartbeat_renews_the_lease_until_the_next_is_late_and_nothing_else_does() {
    let mut node = Node::active();
    node.run(Duration::from_secs(5));
    assert_eq!(rhythm(&node), "!.".repeat(50));
    for effect in node.effects() {
        if let Effect::Leased { address, at, until } = effect {
            assert_eq!((*address, *until - *at), (VIP, LEASE));
        }
    }
}

#[test]
fn a_standby_leases_nothing() {
    let mut node = Node::ready("lb2");
    for _ in 0..20 {
        node.hear(200, 255);
        node.run(Duration::from_millis(100));
    }
    assert_eq!(node.vip().state, VipState::Standby);
    assert!(!node.effects().iter().any(is_leased));
}

#[test]
fn after_a_pause_the_lease_is_not_renewed_before_the_node_is_active_again() {
    let mut node = Node::active();
    node.machine().now += Duration::from_secs(2);
    node.say(&FromDataPlane::Alive);
    node.turn();
    assert_eq!(node.vip().state, VipState::Standby);
    assert!(node.effects().contains(&Effect::LeaseEnded(VIP)));
    node.run(Duration::from_millis(200));
    assert!(!node.effects().iter().any(is_leased), "it listens");
    node.run(PATIENCE);
    assert_eq!(node.vip().state, VipState::Active);
    assert!(node.effects().iter().any(is_leased));
}

#[test]
fn where_leases_are_not_permitted_the_status_says_so_and_the_node_serves() {
    let mut node = Node::new("lb1", CONFIG);
    node.machine().fail_guards = true;
    node.agent.start().unwrap();
    node.run(PATIENCE);
    assert_eq!(node.vip().state, VipState::Active);
    let warnings = node.status().warnings;
    assert!(
        warnings.len() == 1 && warnings[0].contains("give it CAP_BPF"),
        "{warnings:?}"
    );
    assert!(!warnings[0].contains("accept"), "{warnings:?}");
}

#[test]
fn where_leases_are_not_permitted_the_status_says_that_accept_false_is_in_vain() {
    let closed = CONFIG
        .replace("vrid = 51", "vrid = 51\naccept = false")
        .replace("10.77.0.100:", "10.77.0.11:");
    let mut node = Node::new("lb1", &closed);
    node.machine().fail_guards = true;
    node.agent.start().unwrap();
    let warnings = node.agent.guards.complaints.values();
    assert!(
        warnings
            .clone()
            .all(|warning| warning.contains("accept = false"))
    );
    assert_eq!(warnings.count(), 1);
}

#[test]
fn what_is_guarded_follows_the_configuration_and_nothing_is_left_at_the_end() {
    let mut node = Node::active();
    let other = CONFIG.replace("10.77.0.100", "10.77.0.101");
    assert!(matches!(node.reload(&other), AgentReply::Done { .. }));
    let moved = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 101));
    assert_eq!(node.machine().guards[&ETH0], [moved]);
    node.machine().effects.clear();
    node.run(Duration::from_millis(100));
    assert!(
        node.effects()
            .iter()
            .any(|effect| matches!(effect, Effect::Leased { address, .. } if *address == moved))
    );
    node.machine().happen(Input::Signal(Signal::Stop));
    node.machine().happen(Input::Signal(Signal::Stop));
    node.agent.run_until_stopped().unwrap();
    assert!(node.machine().guards.is_empty());
}

#[test]
fn a_process_that_may_be_late_leases_for_longer_and_says_so() {
    let text = CONFIG.replace("vrid = 51", "vrid = 51\nadvert_interval = \"10ms\"");
    let mut node = Node::new("lb1", &text);
    node.agent.options.lateness = Duration::from_millis(100);
    node.agent.start().unwrap();
    node.run(PATIENCE);
    assert_eq!(node.vip().state, VipState::Active);
    let lease = Duration::from_millis(110);
    let leased = node.effects().iter().filter_map(|effect| match effect {
        Effect::Leased { at, until, .. } => Some(*until - *at),
        _ => None,
    });
    assert!(leased.into_iter().all(|time| time == lease));
    let said = node.effects().iter().rev().find_map(|effect| match effect {
        Effect::PeerMessage { message, .. } => peer::decode(message, 255).ok(),
        _ => None,
    });
    let hello = Hello::decode(said.unwrap().message.body).unwrap();
    assert_eq!(hello.routers[0].lease, Some(lease));
}

#[test]
fn a_backup_waits_for_the_end_of_the_actives_lease_while_its_kernel_answers() {
    let mut node = Node::ready("lb2");
    let mut active = super::peers::presence(51, Role::Active);
    active.lease = Some(Duration::from_millis(600));
    node.greet(true, vec![active]);
    node.hear(200, 255);
    let answers_for = |node: &mut Node, time: u64| {
        for _ in 0..time / 5 {
            let (interface, from) = (ETH0, LB1.into());
            node.machine()
                .happen(Input::KernelAnswer { interface, from });
            node.run(Duration::from_millis(5));
        }
    };
    answers_for(&mut node, 590);
    assert_eq!(
        node.vip().state,
        VipState::Standby,
        "longer than three heartbeats"
    );
    answers_for(&mut node, 30);
    assert_eq!(node.vip().state, VipState::Active);
}

#[test]
fn section_6_4_3_who_is_not_the_owner_takes_no_packets_where_accept_is_false() {
    // No listener can be bound to such an address.
    let closed = |text: &str| {
        text.replace("vrid = 51", "vrid = 51\naccept = false")
            .replace("10.77.0.100:", "10.77.0.11:")
    };
    let mut node = Node::new("lb1", &closed(CONFIG));
    node.agent.start().unwrap();
    assert_eq!(node.machine().refused, [VIP].into());
    let owner = closed(&CONFIG.replace("vrid = 51", "vrid = 51\nowner = \"lb1\""));
    assert!(matches!(node.reload(&owner), AgentReply::Done { .. }));
    assert!(node.machine().refused.is_empty());
    let open = CONFIG.replace("10.77.0.100:", "10.77.0.11:");
    assert!(matches!(
        node.reload(&closed(CONFIG)),
        AgentReply::Done { .. }
    ));
    assert_eq!(node.machine().refused, [VIP].into());
    assert!(matches!(node.reload(&open), AgentReply::Done { .. }));
    assert!(node.machine().refused.is_empty());
}
