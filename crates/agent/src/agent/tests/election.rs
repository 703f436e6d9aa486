//! Who holds the VIP: by adverts, by a pause, by command.

use super::*;

#[test]
fn a_backup_takes_over_when_the_active_falls_silent_or_resigns() {
    let mut node = Node::ready("lb2");
    for _ in 0..20 {
        node.hear(200, 255);
        node.run(Duration::from_millis(100));
        assert_eq!(node.vip().state, VipState::Standby);
    }
    assert_eq!(node.vip().holder.as_deref(), Some("lb1"));
    assert_eq!(node.status().peers[0].active_for, ["web"]);
    node.hear(0, 255);
    node.run(Duration::from_millis(70));
    assert_eq!(
        node.vip().state,
        VipState::Active,
        "skew time after the resignation"
    );
    assert_eq!(node.vip().why, "lb1 gave it up");
}

#[test]
fn a_rival_that_was_outranked_is_told_as_a_split_and_warned_of_for_an_hour() {
    let mut node = Node::active();
    node.run(Duration::from_secs(2));
    let before = node.vip().gratuitous_arps_sent;
    node.hear(100, 255);
    node.run(Duration::from_millis(300));
    assert_eq!(node.vip().gratuitous_arps_sent, before + 4);
    let events = node.agent.journal.after(0);
    assert!(
        events
            .iter()
            .any(|event| event.message == "split: lb2 was ACTIVE as well, and gave way")
    );
    let warning = "web: lb2 was ACTIVE beside this node and gave way (`hactl events` has the time): \
                   look for what cut the two off from each other";
    assert_eq!(node.status().warnings, [warning]);
    let later = node.machine().now + Duration::from_secs(3600);
    assert!(node.agent.status(later).warnings.is_empty());
}

#[test]
fn after_a_pause_the_active_listens_before_it_speaks() {
    let mut node = Node::active();
    let later = node.machine().now + Duration::from_secs(2);
    node.machine().now = later;
    node.say(&FromDataPlane::Alive);
    node.hear(100, 255);
    assert_eq!(node.vip().state, VipState::Standby);
    assert!(!node.holds_vip());
    assert!(node.adverts().is_empty(), "not a word");
    assert_eq!(node.status().data_plane.state, ProcessState::Ready);
}

#[test]
fn discarded_heartbeats_are_counted_and_touch_no_timer() {
    let mut node = Node::ready("lb2");
    node.hear(200, 254);
    node.hear_from(Ipv4Addr::new(10, 77, 0, 66), LB2, 250, 255);
    node.run(PATIENCE);
    assert_eq!(
        node.vip().state,
        VipState::Active,
        "they kept nobody from taking over"
    );
    assert_eq!(node.vip().adverts_discarded, 2);
    assert_eq!(node.vip().adverts_received, 0);
}

#[test]
fn a_yield_resigns_and_lets_the_other_node_win() {
    let mut node = Node::active();
    assert!(matches!(node.failover(None), AgentReply::Done { .. }));
    assert_eq!(node.adverts(), [0]);
    assert!(node.effects().iter().any(is_draining), "it answers no more");
    assert_eq!(node.vip().effective_priority, 1);
    for _ in 0..20 {
        node.hear(100, 255);
        node.run(Duration::from_millis(100));
    }
    assert_eq!(node.vip().state, VipState::Standby);
    assert!(!node.holds_vip());
}

#[test]
fn a_failover_to_the_other_node_is_done_on_the_active_and_refused_elsewhere() {
    let mut node = Node::active();
    assert!(
        matches!(node.failover(Some("lb1")), AgentReply::Done { message } if message == "lb1 holds web already")
    );
    assert!(
        matches!(node.failover(Some("lb9")), AgentReply::Refused { reason } if reason == "there is no node \"lb9\", but lb1, lb2")
    );
    assert!(
        matches!(node.failover(Some("lb2")), AgentReply::Done { message } if message == "lb1 gives web up for lb2")
    );
    node.hear(100, 255);
    assert!(matches!(
        node.failover(None),
        AgentReply::Refused { reason }
            if reason == "lb2 holds web; run it there, or `hactl failover web --to lb1` to take it over here"
    ));
}

#[test]
fn a_backup_takes_over_by_command_and_keeps_the_vip() {
    let mut node = Node::ready("lb2");
    node.hear(200, 255);
    assert!(matches!(
        node.failover(Some("lb2")),
        AgentReply::Done { .. }
    ));
    assert_eq!(node.vip().state, VipState::Active);
    node.hear(200, 255);
    node.run(Duration::from_millis(200));
    assert_eq!(node.vip().state, VipState::Active);
    assert_eq!(node.vip().effective_priority, 254);
}

#[test]
fn multicast_heartbeats_go_to_the_group() {
    let text = CONFIG.replace("vrid = 51", "vrid = 51\ntransport = \"multicast\"");
    let mut node = Node::new("lb1", &text);
    node.agent.start().unwrap();
    node.run(Duration::from_millis(500));
    assert!(node.machine().vrrp.1.contains(&(ETH0, Family::V4)));
    assert!(node.effects().iter().any(|effect| matches!(
        effect,
        Effect::Advert { source, destination, .. }
            if *source == LB1 && destination.is_multicast()
    )));
}
