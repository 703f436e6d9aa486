//! Nodes that speak to each other: presence, signatures, successors, questions.

use halo_netio::platform::fake::Effect;
use halo_packet::peer::body::{Hello, ProbeReply, Role, RouterPresence};
use halo_packet::peer::{self, HEADER_LEN, Kind, MAX_BODY, Message, is_peer_message};

use super::*;

pub(super) const SECRET: &str = "one secret of more than thirty-two characters";
const OTHER: &str = "another secret of more than thirty-two characters";

pub(super) fn presence(vrid: u8, role: Role) -> RouterPresence {
    RouterPresence {
        vrid: Vrid::new(vrid).unwrap(),
        ipv6: false,
        role,
        priority: Priority(100),
        lease: Some(Duration::from_millis(160)),
    }
}

impl Node {
    /// The other node says how it is.
    pub(super) fn greet(&mut self, ready: bool, routers: Vec<RouterPresence>) {
        let hello = Hello {
            ready,
            routers,
            ..Hello::default()
        };
        let (source, destination) = self.ends();
        self.greet_from(source, destination, &hello);
    }

    pub(super) fn greet_from(&mut self, source: IpAddr, destination: IpAddr, hello: &Hello) {
        let mut body = [0; MAX_BODY];
        let length = hello.encode(&mut body).unwrap();
        let message = written(None, Kind::HELLO, &body[..length]);
        self.deliver(source, destination, &message);
    }

    /// A message of the other node arrives.
    fn told(&mut self, vrid: Option<u8>, kind: Kind, body: &[u8]) {
        let (source, destination) = self.ends();
        self.deliver(source, destination, &written(vrid, kind, body));
    }

    /// The other node's address and this one's.
    fn ends(&self) -> (IpAddr, IpAddr) {
        if self.agent.own_name() == "lb1" {
            (LB2.into(), LB1.into())
        } else {
            (LB1.into(), LB2.into())
        }
    }

    pub(super) fn deliver(&mut self, source: IpAddr, destination: IpAddr, payload: &[u8]) {
        self.machine().happen(Input::Datagram(Datagram {
            interface: ETH0,
            source,
            destination,
            ttl: 255,
            payload: payload.into(),
        }));
        self.turn();
    }

    /// Kinds of the messages sent to other nodes.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        let mut kinds = Vec::new();
        for effect in self.effects() {
            if let Effect::PeerMessage { message, .. } = effect {
                kinds.push(peer::decode(message, 255).unwrap().message.kind);
            }
        }
        kinds
    }

    /// How often it has asked another agent if it is there.
    pub(super) fn probes(&self) -> usize {
        let kinds = self.kinds();
        kinds.iter().filter(|kind| **kind == Kind::PROBE).count()
    }

    pub(super) fn discarded(&self) -> Vec<String> {
        let status = self.status();
        status
            .discarded
            .into_keys()
            .chain(status.vips[0].discarded.clone().into_keys())
            .collect()
    }
}

fn written(vrid: Option<u8>, kind: Kind, body: &[u8]) -> Vec<u8> {
    let mut payload = [0; HEADER_LEN + MAX_BODY];
    let vrid = vrid.and_then(Vrid::new);
    let length = Message { vrid, kind, body }.encode(&mut payload).unwrap();
    payload[..length].to_vec()
}

/// Both nodes, and the wire between them.
pub(super) struct Pair {
    pub(super) nodes: [Node; 2],
    /// What has crossed the wire, of each node.
    heard: [usize; 2],
}

impl Pair {
    fn new(secrets: [Option<&str>; 2], change: impl Fn(&str) -> String) -> Self {
        Self::at(secrets, change, [&[], &[]])
    }

    /// With more addresses on each node's interface.
    pub(super) fn at(
        secrets: [Option<&str>; 2],
        change: impl Fn(&str) -> String,
        addresses: [&[&str]; 2],
    ) -> Self {
        let with = if secrets == [None, None] {
            ""
        } else {
            "[cluster]\nsecret_file = \"/s\"\n"
        };
        let text = change(&format!("{with}{CONFIG}"));
        let nodes = [("lb1", 0), ("lb2", 1)].map(|(name, at)| {
            let (secret, addresses) = (secrets[at], addresses[at]);
            let mut node = Node::machine_for(name, &text);
            for address in addresses {
                node.add_address(ETH0, address.parse().unwrap());
            }
            node.secret = secret.map(str::to_owned);
            let mut node = Node::on(node, name);
            node.agent.start().unwrap();
            node
        });
        Self {
            nodes,
            heard: [0; 2],
        }
    }

    /// Lets time pass for both, a millisecond at a time.
    pub(super) fn run(&mut self, time: Duration) {
        for _ in 0..time.as_millis() {
            for node in &mut self.nodes {
                node.run(Duration::from_millis(1));
            }
            while self.exchange() {}
        }
    }

    /// Delivers what the nodes have sent; whether there was anything.
    pub(super) fn exchange(&mut self) -> bool {
        let mut any = false;
        for (from, to) in [(0, 1), (1, 0)] {
            let sent: Vec<(IpAddr, IpAddr, Vec<u8>)> = self.nodes[from].effects()
                [self.heard[from]..]
                .iter()
                .filter_map(|effect| match effect {
                    Effect::PeerMessage {
                        source,
                        destination,
                        message,
                        ..
                    }
                    | Effect::Advert {
                        source,
                        destination,
                        message,
                        ..
                    } => Some((*source, *destination, message.clone())),
                    _ => None,
                })
                .collect();
            self.heard[from] = self.nodes[from].effects().len();
            for (source, destination, payload) in sent {
                any = true;
                self.nodes[to].deliver(source, destination, &payload);
            }
        }
        any
    }

    /// The wire loses adverts, and nothing else.
    pub(super) fn run_without_adverts(&mut self, time: Duration) {
        for _ in 0..time.as_millis() {
            for node in &mut self.nodes {
                node.run(Duration::from_millis(1));
                node.machine()
                    .effects
                    .retain(|effect| !matches!(effect, Effect::Advert { .. }));
            }
            self.heard = [0; 2];
            while self.exchange() {}
            for node in &mut self.nodes {
                node.machine().effects.clear();
            }
            self.heard = [0; 2];
        }
    }

    pub(super) fn states(&self) -> [VipState; 2] {
        [self.nodes[0].vip().state, self.nodes[1].vip().state]
    }
}

fn same(text: &str) -> String {
    text.to_owned()
}

pub(super) const HOME: [VipState; 2] = [VipState::Active, VipState::Standby];
pub(super) const AWAY: [VipState; 2] = [VipState::Standby, VipState::Active];

#[test]
fn a_node_says_four_times_a_second_that_it_is_there_and_at_once_when_that_changes() {
    let mut node = Node::ready("lb1");
    node.machine().effects.clear();
    node.run(PATIENCE);
    assert_eq!(node.vip().state, VipState::Active);
    node.machine().effects.clear();
    node.run(Duration::from_secs(2));
    let hellos = node.kinds().len();
    assert!((7..=9).contains(&hellos), "{hellos}");
}

#[test]
fn nodes_of_one_secret_hold_one_vip_and_know_each_other() {
    let mut pair = Pair::new([Some(SECRET), Some(SECRET)], same);
    pair.run(Duration::from_secs(2));
    assert_eq!(pair.states(), HOME);
    for node in &pair.nodes {
        let peer = node.status().peers[0].clone();
        assert_eq!(peer.ready, Some(true));
        assert!(peer.last_heard_ms.is_some_and(|ms| ms < 500), "{peer:?}");
        assert_eq!(node.status().warnings, Vec::<String>::new());
    }
}

#[test]
fn nodes_of_two_secrets_do_not_hear_each_other_and_say_so() {
    let mut pair = Pair::new([Some(SECRET), Some(OTHER)], same);
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.states(), [VipState::Active, VipState::Active]);
    let warnings = pair.nodes[0].status().warnings;
    assert_eq!(
        warnings,
        [
            "a heartbeat from lb2 was discarded: it is signed with another secret than this node's; \
          compare the files that secret_file names"
        ]
    );
    assert!(
        pair.nodes[0]
            .discarded()
            .contains(&"unknown_key".to_owned())
    );
}

#[test]
fn unsigned_replayed_and_forged_adverts_change_nothing_and_are_counted() {
    let mut pair = Pair::new([Some(SECRET), Some(SECRET)], same);
    pair.run(Duration::from_secs(1));
    let record: Vec<Vec<u8>> = pair.nodes[0]
        .effects()
        .iter()
        .filter_map(|effect| match effect {
            Effect::Advert { message, .. } => Some(message.clone()),
            _ => None,
        })
        .collect();
    let standby = &mut pair.nodes[1];
    let (source, destination) = standby.ends();
    let due = standby.agent.vips[0].router.poll_timeout();
    standby.hear(254, 255);
    standby.hear(0, 255);
    for message in &record {
        standby.deliver(source, destination, message);
    }
    let mut forged = record.last().unwrap().clone();
    *forged.last_mut().unwrap() ^= 1;
    standby.deliver(source, destination, &forged);
    assert_eq!(standby.agent.vips[0].router.poll_timeout(), due);
    assert_eq!(standby.vip().state, VipState::Standby);
    for reason in ["unsigned", "replayed", "forged"] {
        assert!(standby.discarded().contains(&reason.to_owned()), "{reason}");
    }
    assert!(!standby.status().warnings.is_empty());
    let events = standby.agent.journal.after(0);
    assert!(
        events
            .iter()
            .any(|event| event.message.contains("discarded"))
    );
}

#[test]
fn a_node_that_starts_again_is_heard_at_once_and_moves_nothing() {
    let mut pair = Pair::new([Some(SECRET), Some(SECRET)], same);
    pair.run(Duration::from_secs(1));
    let now = pair.nodes[0].machine().now;
    let text = pair.nodes[1].machine().file.clone().unwrap();
    let mut platform = Node::machine_for("lb2", &text);
    platform.now = now;
    platform.horizon = now;
    platform.secret = Some(SECRET.to_owned());
    let mut again = Node::on(platform, "lb2");
    again.agent.peers.set_keys(None, [0; 32]);
    let keyring = again.agent.loaded.keyring.clone();
    again.agent.peers.set_keys(keyring, [9; 32]);
    again.agent.start().unwrap();
    pair.nodes[1] = again;
    pair.heard[1] = 0;
    pair.run(Duration::from_secs(2));
    assert_eq!(pair.states(), HOME);
    assert_eq!(pair.nodes[0].vip().became_active, 1);
    assert_eq!(pair.nodes[1].vip().became_active, 0);
}

#[test]
fn a_secret_is_replaced_by_reloads_and_no_vip_moves() {
    let mut pair = Pair::new([Some(SECRET), Some(SECRET)], same);
    pair.run(Duration::from_secs(1));
    for secrets in [
        format!("{SECRET}\n{OTHER}"),
        format!("{OTHER}\n{SECRET}"),
        OTHER.to_owned(),
    ] {
        for at in 0..2 {
            pair.nodes[at].machine().secret = Some(secrets.clone());
            pair.nodes[at].request(&AgentRequest::Reload);
            pair.run(Duration::from_millis(500));
            let reply = pair.nodes[at].replies().pop().unwrap();
            assert!(matches!(reply, AgentReply::Done { .. }), "{reply:?}");
        }
    }
    assert_eq!(pair.states(), HOME);
    assert_eq!(pair.nodes[0].vip().became_active, 1);
    assert_eq!(pair.nodes[1].vip().became_active, 0);
    assert_eq!(pair.nodes[1].status().warnings, Vec::<String>::new());
}

#[test]
fn a_secret_is_turned_on_and_off_by_reloads_and_no_vip_moves() {
    let mut pair = Pair::new([None, None], same);
    pair.run(Duration::from_secs(1));
    let with = |keys: &str| format!("[cluster]\n{keys}{CONFIG}");
    let optional = with("secret_file = \"/s\"\nsignatures = \"optional\"\n");
    let required = with("secret_file = \"/s\"\n");
    let mut warned = Vec::new();
    for text in [&optional, &required, &optional, &CONFIG.to_owned()] {
        for at in 0..2 {
            pair.nodes[at].machine().secret = Some(SECRET.to_owned());
            pair.nodes[at].machine().file = Some(text.clone());
            pair.nodes[at].request(&AgentRequest::Reload);
            pair.run(Duration::from_millis(500));
            let reply = pair.nodes[at].replies().pop().unwrap();
            assert!(matches!(reply, AgentReply::Done { .. }), "{reply:?}");
            warned.push(pair.nodes[0].status().warnings);
        }
    }
    assert_eq!(pair.states(), HOME);
    assert_eq!(pair.nodes[0].vip().became_active, 1);
    assert_eq!(pair.nodes[1].vip().became_active, 0);
    assert_eq!(pair.nodes[1].discarded(), Vec::<String>::new());
    let of = |step: usize, what: &str| warned[step].iter().any(|warning| warning.contains(what));
    assert!(of(0, "lb2 are not signed yet") && of(0, "\"required\" when every node"));
    assert!(!of(2, "when every node"), "{:?}", warned[2]);
}

#[test]
fn a_forged_heartbeat_is_discarded_also_while_signatures_are_optional() {
    let optional = |text: &str| {
        text.replace(
            "secret_file = \"/s\"",
            "secret_file = \"/s\"\nsignatures = \"optional\"",
        )
    };
    let mut pair = Pair::new([Some(SECRET), Some(OTHER)], optional);
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.states(), [VipState::Active, VipState::Active]);
    let discarded = pair.nodes[0].discarded();
    assert!(
        discarded.contains(&"unknown_key".to_owned()),
        "{discarded:?}"
    );
}

#[test]
fn a_planned_failover_waits_for_no_timer() {
    for secrets in [[None, None], [Some(SECRET), Some(SECRET)]] {
        let mut pair = Pair::new(secrets, same);
        pair.run(Duration::from_secs(1));
        assert!(matches!(
            pair.nodes[0].failover(Some("lb2")),
            AgentReply::Done { .. }
        ));
        while pair.exchange() {}
        assert_eq!(pair.states(), AWAY);
        assert_eq!(pair.nodes[1].vip().why, "lb1 handed it over");
        pair.run(Duration::from_secs(1));
        assert_eq!(pair.states(), AWAY);
    }
}

#[test]
fn a_stop_and_the_end_of_the_data_plane_hand_over_at_once_too() {
    let mut pair = Pair::new([None, None], same);
    pair.run(Duration::from_secs(1));
    pair.nodes[0].answers = false;
    pair.nodes[0]
        .machine()
        .end_data_plane("was ended by SIGKILL");
    pair.nodes[0].turn();
    while pair.exchange() {}
    assert_eq!(pair.states()[1], VipState::Active);

    let mut pair = Pair::new([None, None], same);
    pair.run(Duration::from_secs(1));
    pair.nodes[0].machine().happen(Input::Signal(Signal::Stop));
    pair.nodes[0].turn();
    while pair.exchange() {}
    assert_eq!(pair.states()[1], VipState::Active);
    assert_eq!(
        pair.nodes[1].status().peers[0].ready,
        None,
        "it said goodbye"
    );
}

#[test]
fn a_failover_to_a_node_that_is_dead_or_not_ready_is_refused() {
    let mut node = Node::ready("lb1");
    node.run(PATIENCE);
    let refused = |node: &mut Node, to: Option<&str>| match node.failover(to) {
        AgentReply::Refused { reason } => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refused(&mut node, Some("lb2")),
        "lb2 is not heard of: it could not take web over; look at halod on lb2"
    );
    assert_eq!(
        refused(&mut node, None),
        "no other node is ready to take web over; `hactl status` shows which are heard of"
    );
    node.greet(false, vec![presence(51, Role::Unable)]);
    assert_eq!(
        refused(&mut node, Some("lb2")),
        "lb2 is not ready to take web over; `hactl status` on lb2 says why"
    );
    assert_eq!(node.vip().state, VipState::Active);
}

#[test]
fn an_active_whose_machine_is_gone_is_replaced_before_three_heartbeats_failed() {
    let mut pair = Pair::new([Some(SECRET), Some(SECRET)], same);
    pair.run(Duration::from_secs(1));
    let standby = &mut pair.nodes[1];
    assert!(standby.machine().answers.contains(&(ETH0, Family::V4)));
    standby.run(Duration::from_millis(130));
    assert_eq!(standby.vip().state, VipState::Active);
    assert!(
        standby.vip().why.ends_with("does not answer"),
        "{}",
        standby.vip().why
    );
    assert_eq!(standby.probes(), 4);
}

#[test]
fn an_active_whose_kernel_answers_is_replaced_when_its_lease_has_ended() {
    let mut pair = Pair::new([Some(SECRET), Some(SECRET)], same);
    pair.run(Duration::from_secs(1));
    let standby = &mut pair.nodes[1];
    let heard = standby.agent.vips[0].router.heard().unwrap().at;
    while standby.vip().state == VipState::Standby {
        standby.machine().happen(Input::KernelAnswer {
            interface: ETH0,
            from: LB1.into(),
        });
        standby.run(Duration::from_millis(1));
    }
    let silence = standby.machine().now - heard;
    let lease = Duration::from_millis(160);
    assert!(
        silence > lease && silence < lease + Duration::from_millis(5),
        "{silence:?}"
    );
    assert!(
        standby.vip().why.contains("its lease of 160 ms"),
        "{}",
        standby.vip().why
    );
}

#[test]
fn an_active_that_answers_is_left_alone() {
    let mut pair = Pair::new([Some(SECRET), Some(SECRET)], same);
    pair.run(Duration::from_secs(1));
    pair.run_without_adverts(Duration::from_millis(500));
    assert_eq!(pair.states(), HOME);
}

#[test]
fn with_foreign_peers_nothing_but_plain_vrrp_is_said() {
    let text = |text: &str| text.replace("vrid = 51", "vrid = 51\npeers = \"vrrp\"");
    let mut pair = Pair::new([Some(SECRET), Some(SECRET)], text);
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.states(), HOME);
    for node in &pair.nodes {
        for effect in node.effects() {
            assert!(!matches!(effect, Effect::PeerMessage { .. }));
            if let Effect::Advert { message, .. } = effect {
                assert_eq!(message.len(), 12, "no trailer");
            }
        }
    }
    let leased = |effect: &Effect| matches!(effect, Effect::Leased { at, until, .. } if *until - *at == Duration::from_millis(300));
    assert!(pair.nodes[0].effects().iter().any(leased));
}

#[test]
fn messages_that_make_no_sense_are_counted_and_change_nothing() {
    let mut node = Node::active();
    node.told(None, Kind(99), &[]);
    node.told(Some(51), Kind::PROBE, &[1]);
    node.told(Some(51), Kind::RESIGN, &[0; 20]);
    let reply = ProbeReply {
        nonce: 7,
        role: Role::Active,
        priority: Priority(255),
    };
    node.told(Some(51), Kind::PROBE_REPLY, &reply.encode());
    let (_, destination) = node.ends();
    assert!(is_peer_message(&[0x3f]));
    node.deliver(
        IpAddr::from([10, 77, 0, 66]),
        destination,
        &[0x3f, 0, 1, 1, 0, 0, 0xc0, 0xfd],
    );
    assert_eq!(node.vip().state, VipState::Active);
    let discarded = node.discarded();
    for reason in ["type", "body"] {
        assert!(discarded.contains(&reason.to_owned()), "{discarded:?}");
    }
}
