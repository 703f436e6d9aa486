//! A node: the real state machine and a driver, which is as the agent's is.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use halo_vrrp::{
    Action, Config, Event, Heartbeat, Priority, State as Phase, Version, VirtualRouter,
};

use super::{Cluster, INTERVAL, Mutant, State, TICKS};

/// Ticks that a node stands still are counted so far: beyond what anyone waits.
const LONGEST: u8 = 5 * TICKS;

/// Adverts of one sender that wait for a node that stands still.
const QUEUE: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Run {
    Running,
    /// It stands still for so many ticks.
    Frozen {
        ticks: u8,
        /// Whether messages wait for it.
        queues: bool,
    },
    Down,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) router: VirtualRouter,
    pub(super) run: Run,
    /// The addresses are on its interface.
    pub(super) holds: bool,
}

/// An advert on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Flight {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) priority: Priority,
    /// Ticks that it may still be on its way.
    pub(super) left: u8,
}

pub(super) fn address(node: usize) -> IpAddr {
    let host = u8::try_from(node + 1).unwrap_or(u8::MAX);
    IpAddr::V4(Ipv4Addr::new(10, 77, 0, host))
}

impl Node {
    pub(super) fn new(index: usize, priority: Priority, preempt: bool) -> Self {
        Self {
            router: VirtualRouter::new(Config {
                version: Version::V3,
                address: address(index),
                priority,
                interval: INTERVAL,
                preempt,
                preempt_delay: Duration::ZERO,
            }),
            run: Run::Down,
            holds: false,
        }
    }

    pub(super) fn runs(&self) -> bool {
        self.run == Run::Running
    }

    /// Whether it takes part in the election.
    pub(super) fn is_able(&self) -> bool {
        self.runs() && self.router.state() != Phase::Initialize
    }

    pub(super) fn owns(&self) -> bool {
        self.runs() && self.holds
    }

    pub(super) fn go_down(&mut self) {
        self.router = VirtualRouter::new(*self.router.config());
        self.run = Run::Down;
        self.holds = false;
    }

    /// A tick goes by.
    pub(super) fn stand_still(&mut self) {
        if let Run::Frozen { ticks, .. } = &mut self.run {
            *ticks = LONGEST.min(*ticks + 1);
        }
    }
}

impl Cluster {
    pub(super) fn is_due(&self, node: &Node, now: Instant) -> bool {
        let due = node.router.acts_at().is_some_and(|due| due <= now);
        let deaf = self.mutant == Some(Mutant::NeverTakesOver);
        node.runs() && due && !(deaf && node.router.state() == Phase::Backup)
    }

    /// Hands a node an event, and does what it asks for.
    pub(super) fn drive(&self, state: &mut State, index: usize, event: Event) {
        let now = state.now;
        state.nodes[index].router.handle_event(event, now);
        while let Some(action) = state.nodes[index].router.poll_action() {
            match action {
                Action::SendAdvert { priority, .. } => self.send(state, index, event, priority),
                Action::Claim => {
                    state.broken.contract |= state.nodes[index].holds;
                    state.nodes[index].holds = true;
                }
                Action::Release => {
                    state.broken.contract |= !state.nodes[index].holds;
                    state.nodes[index].holds = self.mutant == Some(Mutant::KeepsAddresses);
                }
                Action::Transition { .. } => state.broken.flap |= self.is_settled(state),
                Action::Reannounce(_) => {}
                // Nobody is asked here, and there is no quorum.
                Action::Probe(_) | Action::SeekMandate { .. } | Action::DropMandate { .. } => {
                    state.broken.contract = true;
                }
            }
        }
        let node = &state.nodes[index];
        let active = node.router.state() == Phase::Active;
        state.broken.contract |= node.holds != active && self.mutant.is_none();
    }

    fn send(&self, state: &mut State, from: usize, cause: Event, priority: Priority) {
        let former = state.nodes[from].router.state() == Phase::Active && cause == Event::Timeout;
        let claims = !state.nodes[from].holds;
        if self.mutant == Some(Mutant::OneAdvert) && former && !claims {
            return;
        }
        for to in (0..state.nodes.len()).filter(|to| *to != from) {
            let queued = state.flights.iter();
            let queued = queued.filter(|other| (other.from, other.to) == (from, to));
            let lost = match state.nodes[to].run {
                Run::Running => false,
                Run::Frozen { queues, .. } => !queues || queued.count() >= QUEUE,
                Run::Down => true,
            };
            if !lost && state.cut[from] >> to & 1 == 0 {
                let left = 0;
                let flight = Flight {
                    from,
                    to,
                    priority,
                    left,
                };
                state.flights.push(flight);
            }
        }
        state.flights.sort_unstable();
    }

    pub(super) fn receive(&self, state: &mut State, flight: Flight) {
        let router = &state.nodes[flight.to].router;
        let outranked = flight.priority > router.effective_priority();
        let deaf = self.mutant == Some(Mutant::DeafToHigherPriority);
        if deaf && outranked && router.state() == Phase::Active {
            return;
        }
        let heartbeat = Heartbeat {
            priority: flight.priority,
            interval: INTERVAL,
        };
        let from = address(flight.from);
        self.drive(state, flight.to, Event::Advert { from, heartbeat });
    }
}
