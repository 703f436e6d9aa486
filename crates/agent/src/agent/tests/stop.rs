//! How an agent ends.

use super::*;

#[test]
fn a_stop_gives_the_vip_up_first_and_waits_for_the_data_plane_then() {
    let mut node = Node::active();
    node.machine().happen(Input::Signal(Signal::Stop));
    node.turn();
    let resigned = node.position(is_resignation);
    let drained = node.position(is_draining);
    node.run(Duration::from_secs(5));
    let stop = node.position(is_stop);
    let removed = node.position(|effect| *effect == Effect::AddressRemoved(vip()));
    assert!(resigned < drained && drained < stop && stop < removed);
    assert!(!node.agent.supervisor.is_stopped());
    assert_eq!(node.vip().state, VipState::Initialize);
    node.machine().end_data_plane("exited with status 0");
    node.turn();
    assert!(node.agent.supervisor.is_stopped());
}

#[test]
fn a_data_plane_that_does_not_drain_in_time_is_killed() {
    let mut node = Node::active();
    node.machine().happen(Input::Signal(Signal::Stop));
    // The election, its announcements, the drain timeout, and a second to end.
    node.run(Duration::from_millis(700 + 11_100));
    assert!(node.effects().contains(&Effect::DataPlaneKilled));
    assert!(node.agent.supervisor.is_stopped());
}

#[test]
fn a_second_stop_waits_for_nothing() {
    let mut node = Node::active();
    node.machine().happen(Input::Signal(Signal::Stop));
    node.machine().happen(Input::Signal(Signal::Stop));
    node.turn();
    assert!(node.agent.supervisor.is_stopped());
    assert!(node.effects().contains(&Effect::DataPlaneKilled));
}
