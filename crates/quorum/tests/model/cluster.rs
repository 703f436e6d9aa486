//! The cluster that is checked: nodes with the real core, a network that loses, doubles, delays and
//! reorders, and clocks that drift.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use halo_quorum::{Action, Epoch, Intent, Member, Message, Parameters, Stand, Standing, Timing};
use stateright::{Model, Property};

/// The rule.
pub(crate) const ONE_OWNER: &str = "there is at most one owner";
const EPOCHS_GROW: &str = "each takeover has a higher epoch, unless voters forgot";

/// The opaque zero of all clocks.
static ZERO: LazyLock<Instant> = LazyLock::new(Instant::now);

/// True time goes in such steps. Whatever is due between two is done at the second, or later.
const TICK: Duration = Duration::from_millis(100);

/// What is explored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Nodes that seek the lease; the others are witnesses.
    pub(crate) candidates: usize,
    /// Ticks that a lease lasts.
    pub(crate) lease: u32,
    /// Ticks of true time.
    pub(crate) ticks: u32,
    /// Questions that a process asks.
    pub(crate) questions: u32,
    /// Crashes, all nodes.
    pub(crate) crashes: u8,
    /// Planned hand-overs.
    pub(crate) resignations: u8,
}

impl Bounds {
    /// Two nodes and a witness; the one hands over to the other.
    pub(crate) const PLANNED: Self = Self {
        candidates: 2,
        lease: 1,
        ticks: 2,
        questions: 2,
        crashes: 0,
        resignations: 1,
    };

    /// Two nodes and a witness, of which one crashes and starts anew.
    pub(crate) const CRASH: Self = Self {
        crashes: 1,
        resignations: 0,
        ..Self::PLANNED
    };

    /// A lease of two ticks, so that answers may be late and still count.
    pub(crate) const LONGER: Self = Self {
        lease: 2,
        ticks: 3,
        questions: 2,
        resignations: 0,
        ..Self::PLANNED
    };

    /// Three nodes that all want the addresses.
    pub(crate) const THREE: Self = Self {
        candidates: 3,
        ticks: 2,
        resignations: 0,
        ..Self::PLANNED
    };
}

/// A defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// A promise is no longer than the lease that it is for.
    NoMargin,
    /// A voter that starts promises at once.
    ForgetsPromises,
    /// A process takes answers that an earlier life of it asked for.
    SameIncarnation,
    /// The owner counts its lease from the answer's arrival.
    CountsFromArrival,
    /// The promises are released before the addresses are.
    ReleasesTooEarly,
}

/// The model.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    bounds: Bounds,
    /// By node: parts per thousand that its clock runs fast.
    rates: [i32; 3],
    mutant: Option<Mutant>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    /// Its process, if it runs.
    member: Option<Arc<Member>>,
    /// The addresses are on its interface, and the kernel answers for them until then. A crashed
    /// process leaves them there.
    holds_until: Option<Instant>,
    lives: u8,
}

/// A state of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    tick: u32,
    nodes: Vec<Node>,
    /// Every message ever sent: it may arrive at any time, more than once, or never.
    network: BTreeSet<Packet>,
    crashes: u8,
    resignations: u8,
    /// The epoch of the latest owner, and who it was.
    latest: Option<(Epoch, usize)>,
    epochs_grew: bool,
    moved: bool,
}

/// A message with its sender and its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Packet {
    from: usize,
    to: usize,
    /// Encoded, which orders messages.
    body: [u8; halo_quorum::MAX_LEN],
    len: usize,
}

/// What may happen next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Time goes on, for every clock.
    Tick,
    /// The node runs: it seeks the lease, or does what is due.
    Wake(usize),
    Deliver(Packet),
    Crash(usize),
    Start(usize),
    /// The node hands the addresses over, to the other candidate if it is to have them.
    Resign(usize),
}

impl Cluster {
    pub(crate) fn new(bounds: Bounds, rates: [i32; 3]) -> Self {
        Self {
            bounds,
            rates,
            mutant: None,
        }
    }

    pub(crate) fn with(self, mutant: Mutant) -> Self {
        Self {
            mutant: Some(mutant),
            ..self
        }
    }

    /// What a node's clock shows.
    fn clock(&self, node: usize, tick: u32) -> Instant {
        let rate = u32::try_from(1000 + self.rates[node]).unwrap_or(1000);
        *ZERO + TICK * tick * rate / 1000
    }

    /// The nodes have lived for so long that they know that they have promised nothing.
    fn start(&self) -> u32 {
        self.bounds.lease + 1
    }

    fn timing(&self) -> Timing {
        let exact = self.mutant == Some(Mutant::NoMargin);
        Timing {
            lease: self.bounds.lease * TICK,
            longest: self.bounds.lease * TICK,
            margin: if exact { u32::MAX } else { Timing::MARGIN },
        }
    }

    fn start_node(&self, node: usize, life: u8, tick: u32) -> Arc<Member> {
        let life = match self.mutant {
            Some(Mutant::SameIncarnation) => 0,
            _ => life,
        };
        let began = match self.mutant {
            Some(Mutant::ForgetsPromises) => 0,
            _ => tick,
        };
        let parameters = Parameters {
            own: address(node),
            voters: (0..self.rates.len()).map(address).collect(),
            timing: self.timing(),
            incarnation: life.into(),
        };
        Arc::new(Member::new(parameters, self.clock(node, began)))
    }

    /// Hands a node something, and does what it asks for.
    fn drive(&self, state: &mut State, node: usize, input: impl FnOnce(&mut Member, Instant)) {
        let now = self.clock(node, state.tick);
        let State { nodes, network, .. } = state;
        let Node {
            member: Some(member),
            holds_until,
            ..
        } = &mut nodes[node]
        else {
            return;
        };
        let member = Arc::make_mut(member);
        input(member, now);
        while let Some(action) = member.poll_action() {
            match action {
                Action::Send { to, message } => {
                    network.extend(Packet::new(node, index(to), message));
                }
                Action::Granted => *holds_until = member.lease_until(),
                Action::Lost => {
                    *holds_until = None;
                    member.resign(None, now);
                }
                // There is no election here to say who outranks whom: it is the challenger.
                Action::Challenged { by, .. } => {
                    *holds_until = None;
                    member.resign(Some(by), now);
                }
            }
        }
        if let Some(until) = member.lease_until() {
            self.renew(state, node, until, now);
        }
    }

    /// The kernel's lease is renewed, and the ownership noted.
    fn renew(&self, state: &mut State, node: usize, until: Instant, now: Instant) {
        let until = match self.mutant {
            Some(Mutant::CountsFromArrival) => until.max(now + self.timing().lease),
            _ => until,
        };
        let Some(member) = &state.nodes[node].member else {
            return;
        };
        let epoch = member.view(now).epoch;
        state.nodes[node].holds_until = Some(until);
        if let Some((before, owner)) = state.latest.filter(|(_, owner)| *owner != node) {
            state.moved |= owner != node;
            state.epochs_grew &= epoch > before;
        }
        state.latest = Some((epoch, node));
    }

    fn resign(&self, state: &mut State, node: usize) {
        state.resignations += 1;
        let successor = (node + 1) % self.bounds.candidates;
        if self.mutant != Some(Mutant::ReleasesTooEarly) {
            state.nodes[node].holds_until = None;
        }
        self.drive(state, node, |member, now| {
            member.resign(Some(address(successor)), now);
        });
    }

    fn wake(&self, state: &mut State, node: usize) {
        self.drive(state, node, |member, now| match member.poll_timeout() {
            None => {
                let intent = Intent {
                    priority: u8::try_from(100 + node).unwrap_or(u8::MAX),
                    challenge: true,
                };
                member.seek(intent, now);
            }
            Some(_) => member.handle_timeout(now),
        });
        self.favour(state, node);
    }

    /// Polls promise nothing, so nobody may depend on what they say: whoever polls is told at once that
    /// everyone would promise, and no epoch. What is safe then is so whatever real polls say.
    fn favour(&self, state: &mut State, node: usize) {
        let member = state.nodes[node].member.as_ref();
        let stand = member.map(|member| member.view(self.clock(node, state.tick)).stand);
        let polls = stand == Some(Stand::Polling);
        for voter in (0..self.rates.len()).filter(|voter| polls && *voter != node) {
            self.drive(state, node, |member, now| {
                let message = Message::Stance {
                    ticket: member.latest_ticket(),
                    epoch: Epoch(0),
                    standing: Standing::Free,
                };
                member.handle_message(address(voter), &message, now);
            });
        }
    }

    /// Whether a node has anything to do of its own accord.
    fn is_due(&self, state: &State, node: usize) -> bool {
        let Some(member) = &state.nodes[node].member else {
            return false;
        };
        match member.poll_timeout() {
            None => node < self.bounds.candidates,
            Some(due) => due <= self.clock(node, state.tick),
        }
    }

    /// An answer that changes nothing never will: the question that it names is settled, or its process
    /// is gone. Without it there are fewer states.
    fn forget_answers(&self, state: &mut State) {
        if self.mutant == Some(Mutant::SameIncarnation) {
            return;
        }
        let State { nodes, network, .. } = state;
        network.retain(|packet| match packet.message() {
            Some(message @ (Message::Grant { .. } | Message::Refusal { .. })) => {
                let now = self.clock(packet.to, state.tick);
                nodes[packet.to].member.as_ref().is_some_and(|member| {
                    let mut told = Member::clone(member);
                    told.handle_message(address(packet.from), &message, now);
                    told != **member
                })
            }
            _ => true,
        });
    }

    fn owners(&self, state: &State) -> usize {
        let owners = state.nodes.iter().enumerate().filter(|(index, node)| {
            let now = self.clock(*index, state.tick);
            node.holds_until.is_some_and(|until| now < until)
        });
        owners.count()
    }
}

impl Model for Cluster {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let nodes = (0..self.rates.len()).map(|node| Node {
            member: Some(self.start_node(node, 0, 0)),
            holds_until: None,
            lives: 1,
        });
        vec![State {
            tick: self.start(),
            nodes: nodes.collect(),
            network: BTreeSet::new(),
            crashes: 0,
            resignations: 0,
            latest: None,
            epochs_grew: true,
            moved: false,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.tick < self.start() + self.bounds.ticks {
            steps.push(Step::Tick);
        }
        for (index, node) in state.nodes.iter().enumerate() {
            if self.is_due(state, index) {
                steps.push(Step::Wake(index));
            }
            let Some(member) = &node.member else {
                steps.push(Step::Start(index));
                continue;
            };
            if state.crashes < self.bounds.crashes {
                steps.push(Step::Crash(index));
            }
            let resigns = state.resignations < self.bounds.resignations;
            if resigns && member.lease_until().is_some() {
                steps.push(Step::Resign(index));
            }
        }
        let arriving = state.network.iter().copied();
        steps.extend(arriving.map(Step::Deliver));
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        match step {
            Step::Tick => state.tick += 1,
            Step::Wake(node) => self.wake(&mut state, node),
            Step::Deliver(packet) => {
                let message = packet.message()?;
                self.drive(&mut state, packet.to, |member, now| {
                    member.handle_message(address(packet.from), &message, now);
                });
            }
            Step::Crash(node) => {
                state.crashes += 1;
                state.nodes[node].member = None;
            }
            Step::Start(node) => {
                let life = state.nodes[node].lives;
                state.nodes[node].lives += 1;
                state.nodes[node].member = Some(self.start_node(node, life, state.tick));
            }
            Step::Resign(node) => self.resign(&mut state, node),
        }
        self.forget_answers(&mut state);
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONE_OWNER, |cluster: &Self, state: &State| {
                cluster.owners(state) <= 1
            }),
            Property::always(EPOCHS_GROW, |_, state: &State| {
                state.epochs_grew || state.crashes > 0
            }),
            Property::sometimes("there is an owner", |cluster: &Self, state: &State| {
                cluster.owners(state) == 1
            }),
            Property::sometimes("another node takes over", |_, state: &State| state.moved),
        ]
    }

    fn within_boundary(&self, state: &State) -> bool {
        let members = state.nodes.iter().filter_map(|node| node.member.as_ref());
        members
            .map(|member| member.latest_ticket().number)
            .all(|questions| questions <= self.bounds.questions)
    }
}

impl Packet {
    /// What travels. How long a voter says to wait only changes when its asker tries again, which may
    /// be at any time here: without it there are fewer states.
    fn new(from: usize, to: usize, message: Message) -> Option<Self> {
        let message = match message {
            Message::Poll { .. } | Message::Stance { .. } | Message::Challenge { .. } => {
                return None;
            }
            Message::Refusal {
                ticket,
                epoch,
                standing: Standing::Promised { to, .. },
            } => Message::Refusal {
                ticket,
                epoch,
                standing: Standing::Promised {
                    to,
                    wait: Duration::ZERO,
                },
            },
            Message::Refusal {
                ticket,
                epoch,
                standing: Standing::Starting { .. },
            } => Message::Refusal {
                ticket,
                epoch,
                standing: Standing::Starting {
                    wait: Duration::ZERO,
                },
            },
            Message::Refusal { .. }
            | Message::Request { .. }
            | Message::Grant { .. }
            | Message::Release { .. } => message,
        };
        let mut body = [0; halo_quorum::MAX_LEN];
        let len = message.encode(&mut body);
        Some(Self {
            from,
            to,
            body,
            len,
        })
    }

    fn message(&self) -> Option<Message> {
        Message::decode(&self.body[..self.len]).ok()
    }
}

fn address(node: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, u8::try_from(node).unwrap_or(0)))
}

fn index(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(address) => usize::from(address.octets()[3]),
        IpAddr::V6(_) => 0,
    }
}
