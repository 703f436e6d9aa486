//! What the data plane means to the agent: ready, dead, hung, refusing.

use super::*;

#[test]
fn no_vip_is_taken_before_the_data_plane_is_ready() {
    let mut node = Node::new("lb1", CONFIG);
    node.answers = false;
    node.agent.start().unwrap();
    node.run(Duration::from_secs(2));
    assert_eq!(node.vip().state, VipState::Initialize);
    assert_eq!(node.vip().why, "the data plane is not ready");
    assert!(node.adverts().is_empty());
    node.say(&FromDataPlane::Ready { generation: 1 });
    node.answers = true;
    node.run(PATIENCE);
    assert_eq!(node.vip().state, VipState::Active);
    assert!(node.holds_vip());
}

#[test]
fn the_data_plane_gets_its_configuration_before_anything_else() {
    let node = Node::ready("lb1");
    assert!(matches!(
        &node.to_data_plane()[0],
        ToDataPlane::Config { generation: 1, node, text, .. } if node == "lb1" && text == CONFIG
    ));
}

#[test]
fn the_death_of_the_data_plane_gives_the_vip_up_before_it_is_started_again() {
    let mut node = Node::active();
    node.answers = false;
    node.machine().end_data_plane("was ended by SIGKILL");
    node.turn();
    let resigned = node.position(is_resignation);
    let removed = node.position(|effect| *effect == Effect::AddressRemoved(vip()));
    let started = node.position(|effect| *effect == Effect::DataPlaneStarted);
    assert!(resigned < removed && removed < started);
    assert_eq!(node.vip().state, VipState::Initialize);
    assert_eq!(node.status().data_plane.restarts, 1);
}

#[test]
fn a_data_plane_that_hangs_is_killed_and_replaced() {
    let mut node = Node::active();
    node.answers = false;
    node.run(Duration::from_millis(950));
    assert_eq!(node.vip().state, VipState::Active);
    node.run(Duration::from_millis(100));
    assert_eq!(node.vip().state, VipState::Initialize);
    let killed = node.position(|effect| *effect == Effect::DataPlaneKilled);
    let started = node.position(|effect| *effect == Effect::DataPlaneStarted);
    assert!(killed < started);
}

#[test]
fn a_data_plane_that_says_a_worker_hangs_is_killed_and_replaced_at_once() {
    let mut node = Node::active();
    node.run(Duration::from_millis(20));
    node.say(&FromDataPlane::Hung {
        what: "does not answer".to_owned(),
    });
    node.turn();
    assert_eq!(node.vip().state, VipState::Initialize);
    let killed = node.position(|effect| *effect == Effect::DataPlaneKilled);
    assert!(node.position(is_resignation) > killed);
    let events = node.agent.journal.after(0);
    let message = "the data plane was killed: it has a worker that does not answer";
    assert!(events.iter().any(|event| event.message == message));
    node.run(PATIENCE * 2);
    assert_eq!(node.vip().state, VipState::Active);
}

#[test]
fn a_data_plane_that_comes_and_goes_does_not_take_the_vip_along() {
    let mut node = Node::ready("lb1");
    for _ in 0..3 {
        node.machine().end_data_plane("exited with status 101");
        node.run(Duration::from_millis(500));
    }
    assert_eq!(node.status().data_plane.state, ProcessState::Ready);
    for _ in 0..50 {
        node.hear(100, 255);
        node.run(Duration::from_millis(100));
    }
    assert_eq!(
        node.vip().state,
        VipState::Standby,
        "no preemption within ten seconds"
    );
    for _ in 0..60 {
        node.hear(100, 255);
        node.run(Duration::from_millis(100));
    }
    assert_eq!(node.vip().state, VipState::Active);
}

#[test]
fn a_data_plane_that_does_not_start_is_told_as_a_warning() {
    let mut node = Node::new("lb1", CONFIG);
    node.machine().fail_starts = true;
    node.agent.start().unwrap();
    node.run(Duration::from_secs(1));
    assert_eq!(node.status().data_plane.state, ProcessState::Down);
    assert!(node.status().warnings[0].starts_with("the data plane does not start: "));
}

#[test]
fn a_refused_first_configuration_is_a_warning_and_a_new_start() {
    let mut node = Node::new("lb1", CONFIG);
    node.answers = false;
    node.agent.start().unwrap();
    node.turn();
    node.say(&FromDataPlane::Refused {
        generation: 1,
        error: "port 80 is taken".to_owned(),
    });
    node.turn();
    assert_eq!(
        node.status().warnings,
        ["the data plane cannot serve: port 80 is taken"]
    );
    node.answers = true;
    node.run(Duration::from_millis(50));
    assert_eq!(node.status().data_plane.state, ProcessState::Ready);
    assert!(node.status().warnings.is_empty());
}

#[test]
fn a_refusal_and_the_end_that_follows_it_are_one_failure() {
    let mut node = Node::new("lb1", CONFIG);
    node.answers = false;
    node.agent.start().unwrap();
    node.turn();
    node.say(&FromDataPlane::Refused {
        generation: 1,
        error: "port 80 is taken".to_owned(),
    });
    node.machine().end_data_plane("exited with status 1");
    node.turn();
    assert_eq!(
        node.status().data_plane.restarts,
        1,
        "the first restart is at once"
    );
    node.turn();
    assert_eq!(node.status().data_plane.state, ProcessState::Starting);
}

#[test]
fn requests_of_the_data_plane_are_answered_by_their_number() {
    let mut node = Node::active();
    node.say(&FromDataPlane::Request {
        id: 42,
        request: AgentRequest::Events { after: 0 },
    });
    node.turn();
    assert!(node.to_data_plane().iter().any(|message| matches!(
        message,
        ToDataPlane::Reply { id: 42, reply: AgentReply::Events { events } }
            if events.iter().any(|event| event.message.starts_with("STANDBY -> ACTIVE: "))
    )));
}

#[test]
fn what_is_no_request_is_answered_as_such() {
    let mut node = Node::active();
    node.machine().happen(Input::Request {
        client: CLIENT,
        line: b"hello".to_vec(),
    });
    node.turn();
    assert!(matches!(
        node.replies().pop(),
        Some(AgentReply::Failed { reason }) if reason.starts_with("this is not a request: ")
    ));
}

#[test]
fn the_data_plane_hears_of_changes_and_once_a_second() {
    let mut node = Node::active();
    node.run(Duration::from_millis(5_000));
    let statuses = node
        .to_data_plane()
        .iter()
        .filter(|message| matches!(message, ToDataPlane::Agent(_)))
        .count();
    assert!((5..=6).contains(&statuses), "{statuses}");
}
