//! The driver over a machine in memory, in virtual time.

mod acquaintance;
mod addresses;
mod claims;
mod data_plane;
mod election;
mod handover;
mod ipv6;
mod ipv6_peers;
mod lease;
mod operator;
mod peers;
mod reload;
mod stop;
mod trackers;
mod virtual_mac;
mod vrrp;

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

const LB1: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);
const LB2: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 12);
const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 100));
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
            lateness: Duration::from_millis(15),
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
        self.machine().happen(Input::DataPlaneMessage(bytes.into()));
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
            payload: payload[..length].into(),
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

fn is_leased(effect: &Effect) -> bool {
    matches!(effect, Effect::Leased { .. })
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
