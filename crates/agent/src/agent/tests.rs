//! The driver over a machine in memory, in virtual time.

mod acquaintance;
mod claims;
mod ipv6;
mod peers;

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use halo_api::{
    AgentReply, AgentRequest, AgentStatus, FromDataPlane, ProcessState, ToDataPlane, VipState,
};
use halo_netio::Platform;
use halo_netio::netlink::Link;
use halo_netio::platform::fake::{Effect, Fake};
use halo_netio::platform::{ClientId, Input};
use halo_netio::signals::Signal;
use halo_netio::vrrp::{Datagram, Family};
use halo_packet::peer::body::Role;
use halo_packet::vrrp::{ChecksumMode, MAX_LEN, Outgoing, Version};
use halo_vrrp::{Centiseconds, Priority, Vrid};
use ipnet::IpNet;

use super::{Agent, Options};
use crate::loaded::Loaded;

mod handover;
mod operator;
mod trackers;
mod vrrp;

const LB1: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);
const LB2: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 12);
const ETH0: u32 = 2;
const CLIENT: ClientId = ClientId(1);
/// More than Active_Down_Interval at 100 ms adverts, whatever the priority.
const PATIENCE: Duration = Duration::from_millis(400);

const CONFIG: &str = r#"
[[node]]
name = "lb1"
address = "10.77.0.11/24"
priority = 200
[[node]]
name = "lb2"
address = "10.77.0.12/24"
[[vip]]
name = "web"
vrid = 51
addresses = ["10.77.0.100"]
[[listener]]
name = "web"
bind = ["10.77.0.100:80"]
protocol = "http"
pool = "app"
[[pool]]
name = "app"
[[pool.server]]
address = "10.77.1.1:8080"
"#;

/// An agent with its machine, and a data plane that answers as a test wants.
struct Node {
    agent: Agent<Fake>,
    answers: bool,
    answered: usize,
}

impl Node {
    fn new(name: &str, text: &str) -> Self {
        Self::on(Self::machine_for(name, text), name)
    }

    fn machine_for(name: &str, text: &str) -> Fake {
        let own = if name == "lb1" { LB1 } else { LB2 };
        let link = Link {
            name: "eth0".to_owned(),
            index: ETH0,
            mac: Some([2, 0, 0, 0, 0, 1]),
            up: true,
            carrier: true,
            operational: true,
            loopback: false,
            addresses: vec![IpNet::new(own.into(), 24).unwrap()],
        };
        let mut platform = Fake::new(Instant::now(), vec![link]);
        platform.file = Some(text.to_owned());
        platform
    }

    fn on(platform: Fake, name: &str) -> Self {
        let options = Options {
            config_file: "halo.toml".into(),
            version: "1",
            warnings: Vec::new(),
            seed: if name == "lb1" { [1; 32] } else { [2; 32] },
        };
        let platform = std::cell::RefCell::new(platform);
        let loaded = Loaded::read(
            &options.config_file,
            name,
            |path| platform.borrow_mut().read_file(path),
            |path| platform.borrow_mut().read_secret(path),
        );
        let platform = platform.into_inner();
        Self {
            agent: Agent::new(platform, loaded.unwrap(), options),
            answers: true,
            answered: 0,
        }
    }

    /// Started, data plane ready, nothing else heard: about to become Active.
    fn ready(name: &str) -> Self {
        let mut node = Self::new(name, CONFIG);
        node.agent.start().unwrap();
        node.run(Duration::from_millis(20));
        assert_eq!(node.vip().state, VipState::Standby);
        node
    }

    fn active() -> Self {
        let mut node = Self::ready("lb1");
        node.run(PATIENCE);
        assert_eq!(node.vip().state, VipState::Active);
        node.greet(true, vec![peers::presence(51, Role::Backup)]);
        node.machine().effects.clear();
        node
    }

    fn machine(&mut self) -> &mut Fake {
        &mut self.agent.platform
    }

    fn effects(&self) -> &[Effect] {
        &self.agent.platform.effects
    }

    /// Lets time pass, with a data plane that says it is alive while it runs.
    fn run(&mut self, time: Duration) {
        let end = self.machine().now + time;
        while self.machine().now < end {
            let step = self.machine().now + Duration::from_millis(10);
            self.machine().horizon = step.min(end);
            if self.answers && self.machine().data_plane_runs() {
                self.say(&FromDataPlane::Alive);
            }
            self.answer_configs();
            while self.agent.platform.now < self.agent.platform.horizon {
                self.agent.turn().unwrap();
                self.answer_configs();
            }
        }
    }

    /// One turn, without time passing.
    fn turn(&mut self) {
        self.machine().horizon = self.machine().now;
        self.agent.turn().unwrap();
    }

    /// The data plane answers Ready to each configuration it got.
    fn answer_configs(&mut self) {
        let generations: Vec<u64> = self
            .effects()
            .iter()
            .filter_map(config_generation)
            .collect();
        if generations.len() < self.answered {
            self.answered = 0; // the test has cleared the effects
        }
        for generation in &generations[self.answered..] {
            if self.answers {
                self.say(&FromDataPlane::Ready {
                    generation: *generation,
                });
            }
        }
        self.answered = generations.len();
    }

    fn say(&mut self, message: &FromDataPlane) {
        let bytes = serde_json::to_vec(message).unwrap();
        self.machine().happen(Input::DataPlaneMessage(bytes));
    }

    fn to_data_plane(&self) -> Vec<ToDataPlane> {
        self.effects()
            .iter()
            .filter_map(|effect| match effect {
                Effect::ToDataPlane(bytes) => Some(serde_json::from_slice(bytes).unwrap()),
                _ => None,
            })
            .collect()
    }

    fn status(&self) -> AgentStatus {
        self.agent.status(self.agent.platform.now)
    }

    fn vip(&self) -> halo_api::VipStatus {
        self.status().vips[0].clone()
    }

    fn holds_vip(&self) -> bool {
        self.agent.platform.has_address(ETH0, vip())
    }

    fn ask(&mut self, request: &AgentRequest) -> AgentReply {
        self.request(request);
        self.turn();
        self.replies().pop().expect("an answer at once")
    }

    fn request(&mut self, request: &AgentRequest) {
        let line = serde_json::to_vec(request).unwrap();
        self.machine().happen(Input::Request {
            client: CLIENT,
            line,
        });
    }

    fn replies(&self) -> Vec<AgentReply> {
        self.effects()
            .iter()
            .filter_map(|effect| match effect {
                Effect::Reply(_, line) => Some(serde_json::from_str(line).unwrap()),
                _ => None,
            })
            .collect()
    }

    fn failover(&mut self, to: Option<&str>) -> AgentReply {
        self.ask(&AgentRequest::Failover {
            dry_run: false,
            vip: Some("web".to_owned()),
            to: to.map(str::to_owned),
        })
    }

    fn reload(&mut self, text: &str) -> AgentReply {
        self.machine().file = Some(text.to_owned());
        self.machine()
            .effects
            .retain(|effect| !matches!(effect, Effect::Reply(..)));
        self.request(&AgentRequest::Reload);
        self.run(Duration::from_millis(50));
        self.replies().pop().expect("an answer soon")
    }

    /// An advert of the other node arrives.
    fn hear(&mut self, priority: u8, ttl: u8) {
        let (source, destination) = if self.agent.own_name() == "lb1" {
            (LB2, LB1)
        } else {
            (LB1, LB2)
        };
        self.hear_from(source, destination, priority, ttl);
    }

    fn hear_from(&mut self, source: Ipv4Addr, destination: Ipv4Addr, priority: u8, ttl: u8) {
        let mut payload = [0; MAX_LEN];
        let length = Outgoing {
            version: Version::V3,
            vrid: Vrid::new(51).unwrap(),
            priority: Priority(priority),
            interval: Centiseconds::new(10).unwrap(),
            addresses: &[vip().addr()],
        }
        .encode(
            source.into(),
            destination.into(),
            ChecksumMode::default(),
            &mut payload,
        )
        .unwrap();
        self.machine().happen(Input::Datagram(Datagram {
            interface: ETH0,
            source: source.into(),
            destination: destination.into(),
            ttl,
            payload: payload[..length].to_vec(),
        }));
        self.turn();
    }

    /// Priorities of the adverts sent.
    fn adverts(&self) -> Vec<u8> {
        self.effects()
            .iter()
            .filter_map(|effect| match effect {
                Effect::Advert { message, .. } => Some(message[2]),
                _ => None,
            })
            .collect()
    }

    /// Where in the order of effects the first such one is.
    fn position(&self, what: impl Fn(&Effect) -> bool) -> usize {
        self.effects().iter().position(what).expect("it was done")
    }
}

fn vip() -> IpNet {
    "10.77.0.100/24".parse().unwrap()
}

fn is_resignation(effect: &Effect) -> bool {
    matches!(effect, Effect::Advert { message, .. } if message[2] == 0)
}

fn is_draining(effect: &Effect) -> bool {
    matches!(effect, Effect::Draining { .. })
}

fn is_stop(effect: &Effect) -> bool {
    matches!(effect, Effect::ToDataPlane(bytes) if bytes.starts_with(b"{\"type\":\"stop\""))
}

fn config_generation(effect: &Effect) -> Option<u64> {
    let Effect::ToDataPlane(bytes) = effect else {
        return None;
    };
    if !bytes.starts_with(b"{\"type\":\"config\"") {
        return None;
    }
    match serde_json::from_slice(bytes).unwrap() {
        ToDataPlane::Config { generation, .. } => Some(generation),
        other => panic!("{other:?}"),
    }
}

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

const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 100));
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

fn is_leased(effect: &Effect) -> bool {
    matches!(effect, Effect::Leased { .. })
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
