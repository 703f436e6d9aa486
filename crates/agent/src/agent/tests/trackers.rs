//! What a tracker's findings do to the VIPs.

use std::collections::BTreeMap;

use halo_api::TrackerState;

use super::*;

/// The default configuration with a tracker that has these keys.
fn with_tracker(keys: &str) -> String {
    format!("{CONFIG}[[track]]\nname = \"t\"\n{keys}\n")
}

fn node(keys: &str) -> Node {
    let mut node = Node::new("lb1", &with_tracker(keys));
    node.agent.start().unwrap();
    node
}

impl Node {
    fn tracker(&self) -> halo_api::TrackerStatus {
        self.status().trackers[0].clone()
    }

    fn servers_up(&mut self, count: usize) {
        let pools = BTreeMap::from([("app".to_owned(), count)]);
        self.say(&FromDataPlane::ServersUp { pools });
        self.run(Duration::from_millis(10));
    }

    /// Ends the check that was started last.
    fn end_check(&mut self, outcome: Result<&str, &str>) {
        let started = |effect: &Effect| match effect {
            Effect::CheckStarted { id, .. } => Some(*id),
            _ => None,
        };
        let id = self.effects().iter().rev().find_map(started).unwrap();
        self.machine().happen(Input::CheckEnded {
            id,
            outcome: outcome.map(str::to_owned).map_err(str::to_owned),
        });
        self.turn();
    }
}

const POOL: &str = "check = \"pool\"\npool = \"app\"";

#[test]
fn an_active_that_becomes_unfit_gives_way_and_comes_back_when_it_is_fit() {
    let mut node = node(POOL);
    node.servers_up(1);
    node.run(PATIENCE * 2);
    assert_eq!(node.vip().state, VipState::Active);
    node.machine().effects.clear();

    node.servers_up(0);
    assert_eq!(node.adverts().first(), Some(&0));
    assert!(node.effects().iter().any(is_draining), "it answers no more");
    assert_eq!(node.vip().effective_priority, 1);
    assert_eq!(
        node.tracker().finding,
        "0 servers of app are up, 1 are wanted"
    );
    node.hear(100, 255);
    assert_eq!(node.vip().holder.as_deref(), Some("lb2"));

    // Two good findings in a row: one at once, one at the next check.
    node.servers_up(1);
    for _ in 0..12 {
        node.run(Duration::from_millis(90));
        node.hear(100, 255);
    }
    assert_eq!(node.tracker().state, TrackerState::Good);
    node.run(PATIENCE);
    assert_eq!(node.vip().state, VipState::Active, "it preempts again");
}

#[test]
fn an_unfit_node_serves_when_no_other_does() {
    let mut node = node(POOL);
    node.servers_up(0);
    node.run(PATIENCE * 2);
    assert_eq!(node.vip().state, VipState::Active);
    assert_eq!(node.adverts().last(), Some(&1));
}

#[test]
fn a_weighted_tracker_lowers_the_priority_and_the_others_hear_it_at_once() {
    let mut node = node(&format!("{POOL}\nweight = 150"));
    node.servers_up(1);
    node.run(PATIENCE);
    assert_eq!(node.vip().state, VipState::Active);
    node.machine().effects.clear();
    node.servers_up(0);
    assert_eq!(node.adverts().first(), Some(&50));
    assert!(node.holds_vip());
    let status = node.vip();
    assert_eq!((status.priority, status.effective_priority), (200, 50));
    node.hear(100, 255);
    assert_eq!(node.vip().state, VipState::Standby);
}

#[test]
fn an_interface_is_seen_to_fail_at_once() {
    let mut node = node("check = \"interface\"\ninterface = \"eth0\"\naddress = \"10.77.0.11\"");
    node.run(PATIENCE);
    assert_eq!(node.tracker().state, TrackerState::Good);
    node.machine()
        .change_link(ETH0, |link| link.carrier = false);
    node.turn();
    assert_eq!(node.tracker().state, TrackerState::Failed);
    assert_eq!(node.tracker().finding, "eth0 has no carrier");
}

#[test]
fn a_route_is_looked_up_each_interval() {
    let mut node = node("check = \"route\"\ndestination = \"192.0.2.1\"\ninterface = \"eth0\"");
    node.run(Duration::from_millis(20));
    assert_eq!(node.tracker().finding, "there is no route to 192.0.2.1");
    let destination = "192.0.2.1".parse().unwrap();
    node.machine().routes.insert(destination, 9);
    node.run(Duration::from_secs(1));
    assert_eq!(
        node.tracker().finding,
        "the route to 192.0.2.1 leaves by an unknown interface, not by eth0"
    );
    node.machine().routes.insert(destination, ETH0);
    node.run(Duration::from_secs(2));
    assert_eq!(node.tracker().state, TrackerState::Good);
}

#[test]
fn a_script_runs_each_interval_one_at_a_time_and_counts_when_it_ends() {
    let mut node = node("check = \"script\"\ncommand = [\"/bin/check\", \"x\"]");
    node.run(Duration::from_secs(3));
    let started: Vec<_> = node
        .effects()
        .iter()
        .filter(|effect| matches!(effect, Effect::CheckStarted { command, .. } if command == &["/bin/check", "x"]))
        .collect();
    assert_eq!(started.len(), 1, "the first has not ended");
    assert_eq!(node.tracker().state, TrackerState::Unknown);
    node.end_check(Ok("exited with status 0"));
    assert_eq!(node.tracker().state, TrackerState::Good);
    // Two failures in a row.
    for _ in 0..2 {
        assert_eq!(node.tracker().state, TrackerState::Good);
        node.run(Duration::from_secs(1));
        node.end_check(Err("exited with status 1"));
    }
    assert_eq!(node.tracker().state, TrackerState::Failed);
}

#[test]
fn a_gateway_without_a_route_has_failed_and_one_with_a_route_is_asked() {
    let mut node = node("check = \"gateway\"\ngateway = \"10.77.0.1\"");
    node.run(Duration::from_millis(20));
    assert_eq!(node.tracker().finding, "there is no route to 10.77.0.1");
    let gateway = "10.77.0.1".parse().unwrap();
    node.machine().routes.insert(gateway, ETH0);
    node.run(Duration::from_secs(1));
    node.end_check(Ok("answered in 0.1 ms"));
    node.run(Duration::from_secs(1));
    node.end_check(Ok("answered in 0.1 ms"));
    assert_eq!(node.tracker().state, TrackerState::Good);
}

#[test]
fn a_link_local_gateway_is_asked_on_its_interface_from_the_interfaces_own_address() {
    let keys = "check = \"gateway\"\ngateway = \"fe80::1\"\ninterface = \"eth0\"";
    let mut node = node(keys);
    node.run(Duration::from_millis(20));
    assert_eq!(
        node.tracker().finding,
        "eth0 has no IPv6 address to ask from"
    );
    let own = "fe80::11/64".parse().unwrap();
    node.machine().add_address(ETH0, own);
    node.run(Duration::from_secs(1));
    node.end_check(Ok("answered in 0.1 ms"));
    node.run(Duration::from_secs(1));
    node.end_check(Ok("answered in 0.1 ms"));
    assert_eq!(node.tracker().state, TrackerState::Good);
}

#[test]
fn a_reload_keeps_what_a_tracker_knows_and_forgets_one_that_is_gone() {
    let mut node = node(POOL);
    node.servers_up(0);
    node.run(PATIENCE * 2);
    let since = node.tracker().since;
    let reply = node.reload(&with_tracker(POOL).replace("200", "201"));
    assert!(matches!(reply, AgentReply::Done { .. }), "{reply:?}");
    assert_eq!(node.tracker().since, since);
    assert_eq!(node.vip().effective_priority, 1);
    node.reload(CONFIG);
    assert!(node.status().trackers.is_empty());
    assert_eq!(node.vip().effective_priority, 200);
}
