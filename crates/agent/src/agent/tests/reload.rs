//! The configuration, read again.

use super::*;

#[test]
fn a_reload_is_in_force_when_the_data_plane_has_it_and_moves_no_vip() {
    let mut node = Node::active();
    let text = CONFIG.replace("[\"10.77.0.100\"]", "[\"10.77.0.100\", \"10.77.0.101\"]");
    let reply = node.reload(&text);
    assert!(matches!(reply, AgentReply::Done { .. }), "{reply:?}");
    assert_eq!(node.status().config_generation, 2);
    assert!(node.holds_vip());
    let second = "10.77.0.101/24".parse().unwrap();
    assert!(node.machine().has_address(ETH0, second));
    assert!(!node.effects().iter().any(is_resignation));
    assert_eq!(node.vip().became_active, 1);

    let reply = node.reload(CONFIG);
    assert!(matches!(reply, AgentReply::Done { .. }), "{reply:?}");
    assert!(!node.machine().has_address(ETH0, second));
    assert!(node.holds_vip());
}

#[test]
fn a_vip_that_leaves_the_configuration_is_given_up() {
    let mut node = Node::active();
    let start = CONFIG.find("[[vip]]").unwrap();
    let end = CONFIG.find("[[listener]]").unwrap();
    let text = format!("{}{}", &CONFIG[..start], &CONFIG[end..]);
    let reply = node.reload(&text);
    assert!(matches!(reply, AgentReply::Done { .. }), "{reply:?}");
    assert!(node.effects().iter().any(is_resignation));
    assert!(!node.holds_vip());
    assert!(node.status().vips.is_empty());
}

#[test]
fn a_bad_file_changes_nothing_and_says_why() {
    let mut node = Node::active();
    let reply = node.reload(&format!("{CONFIG}\nnonsense = 1\n"));
    assert!(matches!(reply, AgentReply::Refused { reason } if reason.contains("nonsense")));
    let reply = node.reload(&format!("{CONFIG}\n[data_plane]\nworkers = 7\n"));
    assert!(
        matches!(reply, AgentReply::Refused { reason } if reason.contains("data_plane.workers"))
    );
    assert_eq!(node.status().config_generation, 1);
    assert_eq!(node.vip().state, VipState::Active);
}

#[test]
fn what_the_data_plane_refuses_the_agent_does_not_apply_either() {
    let mut node = Node::active();
    node.answers = false;
    node.machine().file = Some(CONFIG.replace("10.77.0.100", "10.77.0.101"));
    node.request(&AgentRequest::Reload);
    node.turn();
    assert!(
        node.replies().is_empty(),
        "the answer waits for the data plane's"
    );
    node.say(&FromDataPlane::Refused {
        generation: 2,
        error: "port 80 is taken".to_owned(),
    });
    node.turn();
    assert!(matches!(
        node.replies().pop(),
        Some(AgentReply::Failed { reason }) if reason.ends_with("port 80 is taken")
    ));
    assert_eq!(node.status().config_generation, 1);
    assert!(node.holds_vip());
    assert_eq!(node.vip().addresses, ["10.77.0.100/24"]);
}

#[test]
fn a_data_plane_that_dies_of_a_reload_comes_back_with_the_old_configuration() {
    let mut node = Node::active();
    node.answers = false;
    node.machine().file = Some(CONFIG.replace("vrid = 51", "vrid = 52"));
    node.request(&AgentRequest::Reload);
    node.turn();
    node.machine().effects.clear();
    node.machine().end_data_plane("was ended by SIGSEGV");
    node.turn();
    assert!(matches!(
        node.replies().pop(),
        Some(AgentReply::Failed { .. })
    ));
    assert!(node.to_data_plane().iter().any(|message| matches!(
        message,
        ToDataPlane::Config { generation: 1, text, .. } if text == CONFIG
    )));
}
