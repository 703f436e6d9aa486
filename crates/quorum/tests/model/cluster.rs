//! The cluster that is checked: nodes with the real core, a network that loses, doubles, delays and
//! reorders, and clocks that drift.

mod bounds;
mod packet;
mod settle;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use halo_quorum::{Action, Epoch, Intent, Member, Message, Parameters, Stand, Standing, Timing};
use stateright::{Model, Property};

pub(crate) use bounds::{Bounds, Mutant};
use packet::{Packet, address, index};

/// The rule.
pub(crate) const ONE_OWNER: &str = "there is at most one owner";
const EPOCHS_GROW: &str = "each takeover has a higher epoch, unless voters forgot";

/// What every clock shows at all times: time goes on by moving what is due nearer. So a state does not
/// say how long ago it all began, and however long a run takes, it is explored.
static NOW: LazyLock<Instant> = LazyLock::new(Instant::now);

/// True time goes in such steps. Whatever is due between two is done at the second, or later.
const TICK: Duration = Duration::from_millis(100);

/// The model.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    bounds: Bounds,
    /// By node: parts per thousand that its clock runs fast.
    rates: [i32; 3],
    mutant: Option<Mutant>,
    /// A node took over from another in some run.
    moved: Arc<AtomicBool>,
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
    nodes: Vec<Node>,
    /// Every message ever sent: it may arrive at any time, more than once, or never.
    network: BTreeSet<Packet>,
    crashes: u8,
    resignations: u8,
    /// Questions of processes that are no more.
    asked: u32,
    /// The epoch of the latest owner, and who it was.
    latest: Option<(Epoch, usize)>,
    epochs_grew: bool,
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
            moved: Arc::default(),
        }
    }

    pub(crate) fn moved(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.moved)
    }

    pub(crate) fn with(self, mutant: Mutant) -> Self {
        Self {
            mutant: Some(mutant),
            ..self
        }
    }

    /// How far a node's clock goes on with a tick.
    fn tick(&self, node: usize) -> Duration {
        let rate = u32::try_from(1000 + self.rates[node]).unwrap_or(1000);
        TICK * rate / 1000
    }

    fn timing(&self) -> Timing {
        let exact = self.mutant == Some(Mutant::NoMargin);
        Timing {
            lease: self.bounds.lease,
            longest: self.bounds.lease,
            margin: if exact { u32::MAX } else { Timing::MARGIN },
        }
    }

    fn start_node(&self, node: usize, life: u8) -> Arc<Member> {
        let incarnation = match self.mutant {
            Some(Mutant::SameIncarnation) => 0,
            _ => life,
        };
        let parameters = Parameters {
            own: address(node),
            voters: (0..self.rates.len()).map(address).collect(),
            timing: self.timing(),
            incarnation: incarnation.into(),
        };
        let mut member = Member::new(parameters, *NOW);
        if life == 0 || self.mutant == Some(Mutant::ForgetsPromises) {
            // It has lived for so long that it knows that it has promised nothing.
            member.rewind(self.timing().silence_after_start(), *NOW);
        }
        Arc::new(member)
    }

    /// Hands a node something, and does what it asks for.
    fn drive(&self, state: &mut State, node: usize, input: impl FnOnce(&mut Member, Instant)) {
        let now = *NOW;
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
        if let Some((before, _)) = state.latest.filter(|(_, owner)| *owner != node) {
            self.moved.store(true, Ordering::Relaxed);
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
        let stand = member.map(|member| member.view(*NOW).stand);
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
            None => self.asks_again(state.all_asked(), node, member),
            Some(due) => due <= *NOW,
        }
    }

    fn owners(&self, state: &State) -> usize {
        let owners = state
            .nodes
            .iter()
            .filter(|node| node.holds_until.is_some_and(|until| *NOW < until));
        owners.count()
    }
}

impl State {
    /// Questions asked by all processes.
    fn all_asked(&self) -> u32 {
        let members = self.nodes.iter().filter_map(|node| node.member.as_ref());
        let running: u32 = members.map(|member| member.latest_ticket().number).sum();
        self.asked + running
    }
}

impl Model for Cluster {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let nodes = (0..self.rates.len()).map(|node| Node {
            member: Some(self.start_node(node, 0)),
            holds_until: None,
            lives: 1,
        });
        vec![State {
            nodes: nodes.collect(),
            network: BTreeSet::new(),
            crashes: 0,
            resignations: 0,
            asked: 0,
            latest: None,
            epochs_grew: true,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        steps.push(Step::Tick);
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
        let touched = match step {
            Step::Tick => None,
            Step::Deliver(packet) => Some(packet.to),
            Step::Wake(node) | Step::Crash(node) | Step::Start(node) | Step::Resign(node) => {
                Some(node)
            }
        };
        match step {
            Step::Tick => self.pass(&mut state),
            Step::Wake(node) => self.wake(&mut state, node),
            Step::Deliver(packet) => {
                let message = packet.message()?;
                self.drive(&mut state, packet.to, |member, now| {
                    member.handle_message(address(packet.from), &message, now);
                });
            }
            Step::Crash(node) => {
                state.crashes += 1;
                let former = state.nodes[node].member.take();
                state.asked += former.map_or(0, |member| member.latest_ticket().number);
            }
            Step::Start(node) => {
                let life = state.nodes[node].lives;
                state.nodes[node].lives += 1;
                state.nodes[node].member = Some(self.start_node(node, life));
            }
            Step::Resign(node) => self.resign(&mut state, node),
        }
        self.settle(&mut state, touched);
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
        ]
    }

    fn within_boundary(&self, state: &State) -> bool {
        let members = state.nodes.iter().filter_map(|node| node.member.as_ref());
        let own = members.map(|member| member.latest_ticket().number);
        state.all_asked() <= self.bounds.all_questions
            && own.max().unwrap_or_default() <= self.bounds.questions
    }
}
