//! Connections of a VIP that moves on purpose.

use super::*;

const FORMER: [u8; 6] = [2, 0, 0, 0, 0, 0x12];
const DRAIN: Duration = Duration::from_secs(10);

fn has_connections(node: &mut Node, has: bool) {
    let address = vip().addr();
    if has {
        node.machine().connections.insert(address);
    } else {
        node.machine().connections.remove(&address);
    }
}

/// Heartbeats of the other node for so long.
fn hear_for(node: &mut Node, priority: u8, time: Duration) {
    let end = node.machine().now + time;
    while node.machine().now < end {
        node.hear(priority, 255);
        node.run(Duration::from_millis(100));
    }
}

/// What the data plane was last told of the VIP's connections.
fn told(node: &Node) -> Option<ToDataPlane> {
    node.to_data_plane().into_iter().rev().find(|message| {
        matches!(
            message,
            ToDataPlane::Drain { .. } | ToDataPlane::Serve { .. }
        )
    })
}

/// Until when unknown connections are sent to the other node, as last said.
fn forwarding(node: &Node) -> Option<([u8; 6], Instant)> {
    node.effects().iter().rev().find_map(|effect| match effect {
        Effect::Forwarding { to, until, .. } => Some((*to, *until)),
        _ => None,
    })
}

/// A Backup that knows where the other node is, which is Active.
fn standby(name: &str, text: &str) -> Node {
    let mut node = Node::new(name, text);
    let other = if name == "lb1" { LB2 } else { LB1 };
    node.machine().neighbours.insert(other.into(), FORMER);
    node.agent.start().unwrap();
    node.run(Duration::from_millis(20));
    node
}

#[test]
fn who_yields_keeps_the_address_without_a_lease_until_its_connections_have_ended() {
    let mut node = Node::active();
    has_connections(&mut node, true);
    let at = node.machine().now;
    node.failover(None);
    let announced = node.vip().gratuitous_arps_sent;
    assert!(node.effects().contains(&Effect::Draining {
        address: vip().addr(),
        until: at + DRAIN,
    }));
    assert!(matches!(
        told(&node),
        Some(ToDataPlane::Drain { addresses, within_ms: 10_000 }) if addresses == [vip().addr()]
    ));
    hear_for(&mut node, 100, Duration::from_secs(5));
    assert!(node.holds_vip(), "renewed beyond the kernel's lifetime");
    assert!(!node.effects().iter().any(is_leased));
    assert_eq!(node.vip().gratuitous_arps_sent, announced);
    has_connections(&mut node, false);
    hear_for(&mut node, 100, Duration::from_millis(300));
    assert!(!node.holds_vip());
    let ended = node.position(|effect| *effect == Effect::LeaseEnded(vip().addr()));
    let removed = node.position(|effect| *effect == Effect::AddressRemoved(vip()));
    assert!(ended < removed);
}

#[test]
fn connections_that_do_not_end_are_cut_off_with_the_drain_timeout_and_told() {
    let mut node = Node::active();
    has_connections(&mut node, true);
    node.failover(None);
    hear_for(&mut node, 100, DRAIN - Duration::from_millis(100));
    assert!(node.holds_vip());
    hear_for(&mut node, 100, Duration::from_millis(200));
    assert!(!node.holds_vip());
    let events = node.agent.journal.after(0);
    assert!(events.iter().any(|event| {
        event.message
            == "connections to it were cut off here: they did not finish within 10 s \
                (data_plane.drain_timeout)"
    }));
}

#[test]
fn a_node_without_connections_keeps_the_address_until_its_successor_is_known_to_clients() {
    let mut node = Node::active();
    node.failover(None);
    hear_for(&mut node, 100, Duration::from_millis(400));
    assert!(node.holds_vip());
    hear_for(&mut node, 100, Duration::from_millis(300));
    assert!(!node.holds_vip());
}

#[test]
fn who_is_outranked_lets_its_connections_finish_too() {
    let mut node = Node::active();
    has_connections(&mut node, true);
    node.hear(250, 255);
    assert_eq!(node.vip().state, VipState::Standby);
    assert!(node.holds_vip());
    assert!(matches!(told(&node), Some(ToDataPlane::Drain { .. })));
}

#[test]
fn who_gets_the_address_back_while_its_connections_finish_serves_again() {
    let mut node = Node::active();
    has_connections(&mut node, true);
    node.failover(None);
    node.machine().effects.clear();
    node.run(Duration::from_secs(1));
    assert_eq!(node.vip().state, VipState::Active, "nobody took it over");
    assert!(matches!(
        told(&node),
        Some(ToDataPlane::Serve { addresses }) if addresses == [vip().addr()]
    ));
    node.run(DRAIN);
    assert!(node.holds_vip());
}

#[test]
fn a_node_that_cannot_serve_keeps_no_address_for_its_connections() {
    let mut node = Node::active();
    has_connections(&mut node, true);
    node.machine().end_data_plane("was killed by signal 9");
    node.turn();
    assert!(!node.holds_vip());
    assert!(!node.effects().iter().any(is_draining));
}

#[test]
fn an_address_that_is_not_guarded_is_taken_off_at_once() {
    let mut node = Node::new("lb1", CONFIG);
    node.machine().fail_guards = true;
    node.agent.start().unwrap();
    node.run(PATIENCE);
    has_connections(&mut node, true);
    node.greet(true, vec![super::peers::presence(51, super::Role::Backup)]);
    node.failover(None);
    assert!(!node.holds_vip());
}

#[test]
fn a_stop_keeps_the_listeners_until_the_successor_is_known_to_clients() {
    let mut node = Node::active();
    has_connections(&mut node, true);
    node.machine().happen(Input::Signal(Signal::Stop));
    node.turn();
    assert!(matches!(told(&node), Some(ToDataPlane::Drain { .. })));
    hear_for(&mut node, 100, Duration::from_millis(400));
    assert!(!node.effects().iter().any(is_stop));
    hear_for(&mut node, 100, Duration::from_millis(200));
    assert!(node.effects().iter().any(is_stop));
    node.machine().end_data_plane("exited with status 0");
    hear_for(&mut node, 100, Duration::from_millis(200));
    assert!(node.holds_vip(), "the kernel has still something to send");
    has_connections(&mut node, false);
    hear_for(&mut node, 100, Duration::from_millis(200));
    assert!(!node.holds_vip());
}

#[test]
fn a_node_alone_stops_without_waiting_for_a_successor() {
    let lone = "[[node]]\nname = \"lb2\"\naddress = \"10.77.0.12/24\"\n";
    let mut node = Node::new("lb1", &CONFIG.replace(lone, ""));
    node.agent.start().unwrap();
    node.run(PATIENCE);
    assert_eq!(node.vip().state, VipState::Active);
    node.machine().happen(Input::Signal(Signal::Stop));
    node.run(Duration::from_millis(600));
    assert!(node.effects().iter().any(is_stop));
}

#[test]
fn after_a_resignation_unknown_connections_are_sent_to_who_resigned_before_the_lease_begins() {
    let mut node = standby("lb2", CONFIG);
    hear_for(&mut node, 200, Duration::from_secs(1));
    node.hear(0, 255);
    node.machine().effects.clear();
    node.run(Duration::from_millis(100));
    assert_eq!(node.vip().state, VipState::Active);
    let (to, until) = forwarding(&node).unwrap();
    assert_eq!(to, FORMER);
    assert!(until <= node.machine().now + DRAIN && until + PATIENCE > node.machine().now + DRAIN);
    let forwarded = node.position(|effect| matches!(effect, Effect::Forwarding { to: FORMER, .. }));
    assert!(forwarded < node.position(is_leased));
}

#[test]
fn a_node_that_takes_over_or_preempts_sends_unknown_connections_to_whom_it_replaces() {
    let mut node = standby("lb2", CONFIG);
    hear_for(&mut node, 200, Duration::from_secs(1));
    node.failover(Some("lb2"));
    assert_eq!(forwarding(&node).unwrap().0, FORMER);

    let mut node = standby("lb1", CONFIG);
    hear_for(&mut node, 100, Duration::from_secs(1));
    assert_eq!(node.vip().state, VipState::Active);
    assert_eq!(forwarding(&node).unwrap().0, FORMER);
}

#[test]
fn after_a_silence_nothing_is_forwarded() {
    let mut node = standby("lb2", CONFIG);
    hear_for(&mut node, 200, Duration::from_secs(1));
    node.run(PATIENCE);
    assert_eq!(node.vip().state, VipState::Active);
    let (_, until) = forwarding(&node).unwrap();
    assert!(until <= node.machine().now, "what was left is over");
}

#[test]
fn nothing_is_forwarded_to_another_implementation() {
    let text = CONFIG.replace("vrid = 51", "vrid = 51\npeers = \"vrrp\"");
    let mut node = standby("lb2", &text);
    hear_for(&mut node, 200, Duration::from_secs(1));
    node.hear(0, 255);
    node.run(Duration::from_millis(100));
    assert_eq!(node.vip().state, VipState::Active);
    assert!(forwarding(&node).unwrap().1 <= node.machine().now);
}
