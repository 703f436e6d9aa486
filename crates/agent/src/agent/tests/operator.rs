//! What operators ask of a node.

use halo_api::{AdminState, NodeCommand};

use super::*;

impl Node {
    fn order(&mut self, command: NodeCommand) -> AgentReply {
        self.ask(&AgentRequest::Node(command))
    }

    fn duty(&mut self, duty: AdminState) -> AgentReply {
        self.order(NodeCommand::Duty { duty })
    }
}

#[test]
fn a_drained_node_gives_way_and_holds_only_what_nobody_else_does() {
    let mut node = Node::active();
    node.duty(AdminState::Drain);
    assert_eq!(node.vip().state, VipState::Standby);
    node.hear(100, 255);
    assert_eq!(node.vip().holder.as_deref(), Some("lb2"));
    assert!(node.status().warnings[0].contains("hactl node ready"));
    node.run(PATIENCE * 2);
    assert_eq!(node.vip().state, VipState::Active, "lb2 is gone");
    node.duty(AdminState::Ready);
    assert_eq!(node.vip().effective_priority, 200);
    assert!(node.status().warnings.is_empty());
}

#[test]
fn a_node_in_maintenance_holds_nothing_even_if_nobody_else_does() {
    let mut node = Node::active();
    node.duty(AdminState::Maint);
    node.run(PATIENCE * 3);
    assert_eq!(node.vip().state, VipState::Initialize);
    assert_eq!(node.vip().why, "this node is in maintenance");
    node.duty(AdminState::Ready);
    node.run(PATIENCE);
    assert_eq!(node.vip().state, VipState::Active);
}

#[test]
fn a_paused_node_leaves_a_silent_active_alone_until_it_is_resumed() {
    let mut node = Node::ready("lb2");
    node.hear(200, 255);
    node.order(NodeCommand::Pause { paused: true });
    assert!(node.status().paused);
    node.run(Duration::from_secs(5));
    assert_eq!(node.vip().state, VipState::Standby);
    node.order(NodeCommand::Pause { paused: false });
    node.run(PATIENCE);
    assert_eq!(node.vip().state, VipState::Active);
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let mut node = Node::active();
    let reply = node.ask(&AgentRequest::Failover {
        vip: Some("web".to_owned()),
        to: None,
        dry_run: true,
    });
    let message = "lb1 gives web up for lb2 (not done: dry run)".to_owned();
    assert_eq!(reply, AgentReply::Done { message });
    assert_eq!(node.vip().state, VipState::Active);
}

#[test]
fn failback_brings_a_vip_home_and_leaves_the_priority_as_configured() {
    let mut node = Node::active();
    node.failover(None);
    node.hear(100, 255);
    assert_eq!(node.vip().effective_priority, 1);
    let reply = node.order(NodeCommand::Failback { vip: None });
    assert!(matches!(reply, AgentReply::Done { .. }), "{reply:?}");
    let vip = node.vip();
    assert_eq!((vip.state, vip.effective_priority), (VipState::Active, 200));
    // On a node that is not its home, and does not hold it, there is nothing to be done.
    let mut other = Node::ready("lb2");
    other.hear(200, 255);
    let reply = other.order(NodeCommand::Failback { vip: None });
    assert!(
        matches!(reply, AgentReply::Done { .. }),
        "it is home: {reply:?}"
    );
}
