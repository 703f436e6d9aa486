//! Addresses on interfaces, and interfaces that change.

use super::*;

#[test]
fn a_claim_is_an_advert_the_address_and_gratuitous_arp_in_both_forms() {
    let mut node = Node::ready("lb1");
    node.machine().effects.clear();
    node.run(PATIENCE);
    let advert = node.position(|effect| matches!(effect, Effect::Advert { .. }));
    let address = node.position(|effect| *effect == Effect::AddressPut(vip()));
    let frames: Vec<usize> = (0..node.effects().len())
        .filter(|at| matches!(node.effects()[*at], Effect::Frame(_)))
        .collect();
    assert!(advert < address && address < frames[0]);
    let operations: Vec<u8> = frames[..2]
        .iter()
        .map(|at| match &node.effects()[*at] {
            Effect::Frame(frame) => frame[21],
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(operations, [1, 2], "request and reply");
    node.run(Duration::from_secs(1));
    assert_eq!(
        node.vip().gratuitous_arps_sent,
        12,
        "five times, and once more after a second"
    );
}

#[test]
fn addresses_are_renewed_as_long_as_the_node_is_active() {
    let mut node = Node::active();
    node.run(Duration::from_secs(10));
    assert!(node.holds_vip());
    assert!(!node.effects().contains(&Effect::AddressPut(vip())));
}

#[test]
fn an_interface_without_carrier_gives_the_vip_up_at_once_and_returns_to_backup() {
    let mut node = Node::active();
    node.machine()
        .change_link(ETH0, |link| link.carrier = false);
    node.turn();
    assert_eq!(node.vip().state, VipState::Initialize);
    assert_eq!(node.vip().why, "the interface is down");
    assert!(!node.holds_vip());
    node.machine().change_link(ETH0, |link| link.carrier = true);
    node.turn();
    assert_eq!(node.vip().state, VipState::Standby);
}

#[test]
fn an_interface_that_vanishes_gives_the_vip_up_and_nothing_is_put_back() {
    let mut node = Node::active();
    node.machine().remove_link(ETH0);
    node.turn();
    assert_eq!(node.vip().state, VipState::Initialize);
    assert!(!node.effects().contains(&Effect::AddressPut(vip())));
    assert!(
        !node.machine().vrrp.0.contains(&(ETH0, Family::V4)),
        "its socket is shut"
    );
    assert!(
        node.agent.vips[0].blocked_until.is_none(),
        "no claim failed"
    );
}

#[test]
fn the_vip_is_announced_again_when_the_interface_changes_its_hardware_address() {
    let mut node = Node::active();
    node.run(Duration::from_secs(2));
    let before = node.vip().gratuitous_arps_sent;
    node.machine()
        .change_link(ETH0, |link| link.mac = Some([2, 0, 0, 0, 0, 9]));
    node.run(Duration::from_millis(10));
    assert_eq!(node.vip().gratuitous_arps_sent, before + 2);
    assert_eq!(node.vip().state, VipState::Active);
}

#[test]
fn a_vip_that_somebody_takes_off_is_put_back_and_announced() {
    let mut node = Node::active();
    node.run(Duration::from_secs(2));
    let before = node.vip().gratuitous_arps_sent;
    node.machine().snatch_address(ETH0, vip());
    node.turn();
    assert!(node.holds_vip());
    node.run(Duration::from_millis(10));
    assert!(node.vip().gratuitous_arps_sent > before);
    assert_eq!(node.vip().state, VipState::Active);
}

#[test]
fn what_an_agent_left_over_is_removed_at_the_start() {
    let mut node = Node::new("lb1", CONFIG);
    node.machine().leave_over(ETH0, vip());
    node.machine()
        .leave_over(ETH0, "10.77.0.200/24".parse().unwrap());
    node.agent.start().unwrap();
    assert!(!node.holds_vip());
    let others = "10.77.0.200/24".parse().unwrap();
    assert!(
        node.machine().has_address(ETH0, others),
        "not ours to remove"
    );
}

#[test]
fn a_node_without_its_address_waits_for_it() {
    let mut platform = Fake::new(Instant::now(), Vec::new());
    platform.file = Some(CONFIG.to_owned());
    let mut node = Node::on(platform, "lb1");
    node.agent.start().unwrap();
    node.run(PATIENCE);
    assert_eq!(
        node.vip().why,
        "the node's own address is not on the interface"
    );
    assert!(!node.status().warnings.is_empty());
    assert_eq!(node.agent.name_of(IpAddr::V4(LB2)), "lb2");
}

fn renewed(node: &mut Node, problem: Option<&str>) {
    node.machine().happen(Input::Renewed {
        interface: ETH0,
        net: vip(),
        problem: problem.map(str::to_owned),
    });
    node.turn();
}

#[test]
fn an_address_that_is_renewed_after_it_was_given_up_is_taken_off_again() {
    let mut node = Node::ready("lb2");
    node.hear(200, 255);
    node.machine().leave_over(ETH0, vip());
    renewed(&mut node, None);
    assert!(!node.holds_vip());
    let mut node = Node::active();
    renewed(&mut node, None);
    assert!(node.holds_vip(), "it is wanted");
}

#[test]
fn an_address_that_cannot_be_renewed_is_left_to_others() {
    let mut node = Node::active();
    renewed(&mut node, Some("no memory"));
    assert!(node.effects().iter().any(is_resignation));
    assert!(!node.holds_vip());
}
