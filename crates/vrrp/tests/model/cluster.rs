//! The cluster that is checked: nodes with the real state machine, a network, and what may happen to
//! them at any time.
//!
//! True time goes in ticks. Undisturbed, what is sent arrives and what is due is done before the next
//! tick, in any order. States are told apart by [`Essence`], in which times are from now: so a cluster
//! that is left alone comes back to where it was, and runs of any length are explored to their end.

mod faults;
mod node;
mod rules;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use halo_vrrp::{Centiseconds, Essence, Event, Priority};
use stateright::{Model, Property};

pub(crate) use faults::Kinds;
use node::{Flight, Node, Run};
pub(crate) use rules::{HELD, LISTENS, NO_FLAP, ONE_OWNER, SETTLES};

/// The opaque zero of all clocks.
static ZERO: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Everyone's Advertisement_Interval.
const INTERVAL: Centiseconds = Centiseconds::new(10).expect("10 is within 1 to 4095");

/// Ticks in an interval: Skew_Time comes to another number of them for each priority used here.
const TICKS: u8 = 4;
const TICK: Duration = Duration::from_millis(25);

/// Longest delay of a delayed message, in ticks: more than an interval, so that it is overtaken.
const DELAY: u8 = TICKS + 1;

/// What is explored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Priorities; the addresses go up.
    pub(crate) priorities: &'static [u8],
    pub(crate) preempt: bool,
    /// Faults of these kinds ...
    pub(crate) kinds: Kinds,
    /// ... at most, each at any time. What ends one (a start, a mended cut) is free, and may never come.
    pub(crate) faults: u8,
    /// Whether all nodes start at the same time, or each at any time.
    pub(crate) together: bool,
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            priorities,
            preempt,
            kinds,
            faults,
            together,
        } = self;
        let kinds = match kinds {
            Kinds::Nodes => "of nodes",
            Kinds::Network => "of the network",
            Kinds::Planned => "that are planned",
            Kinds::Mixed => "of nodes and the network",
        };
        let preempt = if *preempt { "" } else { ", no preemption" };
        let start = if *together { "together" } else { "at any time" };
        write!(
            f,
            "priorities {priorities:?}{preempt}, started {start}, {faults} faults {kinds}"
        )
    }
}

/// A defect of the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// Adverts of higher priority are thrown away while Active.
    DeafToHigherPriority,
    /// The addresses stay when they are released.
    KeepsAddresses,
    /// A timer that is set while Backup never fires.
    NeverTakesOver,
    /// An Active's own adverts are not sent after the first.
    OneAdvert,
    /// The clock stands still while the node does.
    ClockStops,
}

/// The model.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    bounds: Bounds,
    mutant: Option<Mutant>,
}

/// A state of the cluster.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// True time, which decides nothing.
    now: Instant,
    nodes: Vec<Node>,
    /// Sorted.
    flights: Vec<Flight>,
    /// `cut[from]`: bits of those who do not hear it.
    cut: [u8; 3],
    faults: u8,
    /// Ticks since the last disturbance, and of them those without an owner, and with several; as far as
    /// they are counted.
    calm: u8,
    vacant: u8,
    rivals: u8,
    broken: rules::Broken,
    /// The cluster has settled before now.
    moved: bool,
}

/// What may happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Tick,
    /// What is due at a node is done.
    Wake(usize),
    /// This message arrives.
    Deliver(usize),
    Fault(faults::Fault),
}

/// What tells a node from another.
type Identity = (Option<Essence>, Run, bool);

impl State {
    fn identities(&self) -> impl Iterator<Item = Identity> {
        self.nodes.iter().map(|node| {
            let essence = match node.run {
                Run::Down => None,
                Run::Running | Run::Frozen { .. } => Some(node.router.essence(self.now)),
            };
            (essence, node.run, node.holds)
        })
    }

    fn rest(&self) -> impl Hash + PartialEq {
        let Self {
            now: _,
            nodes: _,
            flights,
            cut,
            faults,
            calm,
            vacant,
            rivals,
            broken,
            moved,
        } = self;
        let history = (*calm, *vacant, *rivals, *broken, *moved);
        (flights.clone(), *cut, *faults, history)
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identities().for_each(|identity| identity.hash(state));
        self.rest().hash(state);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.identities().eq(other.identities()) && self.rest() == other.rest()
    }
}

impl Cluster {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            mutant: None,
        }
    }

    pub(crate) fn with(self, mutant: Mutant) -> Self {
        Self {
            mutant: Some(mutant),
            ..self
        }
    }

    fn tick(&self, state: &mut State) {
        state.now += TICK;
        for flight in &mut state.flights {
            flight.left = flight.left.saturating_sub(1);
        }
        for node in &mut state.nodes {
            node.stand_still();
        }
        self.count(state);
    }

    /// Whether everything that must happen before the next tick has happened.
    fn is_quiet(&self, state: &State) -> bool {
        let due = |node: &Node| self.is_due(node, state.now);
        let late = |flight: &Flight| flight.left == 0 && state.nodes[flight.to].runs();
        !state.nodes.iter().any(due) && !state.flights.iter().any(late)
    }

    fn deliver(&self, state: &mut State, index: usize) {
        let flight = state.flights.remove(index);
        self.receive(state, flight);
    }
}

impl Model for Cluster {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let nodes = self.bounds.priorities.iter().enumerate();
        let mut state = State {
            now: *ZERO,
            nodes: nodes
                .map(|(index, priority)| Node::new(index, Priority(*priority), self.bounds.preempt))
                .collect(),
            flights: Vec::new(),
            cut: [0; 3],
            faults: 0,
            calm: 0,
            vacant: 0,
            rivals: 0,
            broken: rules::Broken::default(),
            moved: false,
        };
        for node in (0..state.nodes.len()).filter(|_| self.bounds.together) {
            self.apply(&mut state, faults::Fault::Start(node));
        }
        vec![state]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if self.is_quiet(state) {
            steps.push(Step::Tick);
        }
        for (index, node) in state.nodes.iter().enumerate() {
            if self.is_due(node, state.now) {
                steps.push(Step::Wake(index));
            }
        }
        for (index, flight) in state.flights.iter().enumerate() {
            let twin = index > 0 && state.flights[index - 1] == *flight;
            if state.nodes[flight.to].runs() && !twin {
                steps.push(Step::Deliver(index));
            }
        }
        steps.extend(self.faults(state).into_iter().map(Step::Fault));
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        match step {
            Step::Tick => self.tick(&mut state),
            Step::Wake(node) => self.drive(&mut state, node, Event::Timeout),
            Step::Deliver(index) => self.deliver(&mut state, index),
            Step::Fault(fault) => self.apply(&mut state, fault),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        rules::all()
    }
}
