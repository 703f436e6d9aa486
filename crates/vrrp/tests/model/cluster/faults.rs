//! What happens to the cluster.

use halo_vrrp::{DisableReason, Event, State as Phase, active_down_interval};

use super::node::Run;
use super::{Cluster, DELAY, INTERVAL, Mutant, State, TICK};

/// Which faults there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kinds {
    /// Crashes; nodes that stand still, with and without a queue, and run on.
    Nodes,
    /// Links that are cut in one direction, nodes that are cut off; adverts that are lost, late, or doubled and late.
    Network,
    /// Planned failovers; nodes that leave the election in order.
    Planned,
    /// Crashes, links that are cut, adverts that are late.
    Mixed,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Start(usize),
    Crash(usize),
    Freeze {
        node: usize,
        queues: bool,
    },
    /// It runs on; its driver notices the gap by itself, or does not.
    Thaw {
        node: usize,
        noticed: bool,
    },
    Cut {
        from: usize,
        to: usize,
    },
    /// A node and the others hear each other no more.
    Isolate(usize),
    /// Every cut ends.
    Mend,
    /// An advert is lost.
    Lose(usize),
    /// An advert is late.
    Delay(usize),
    /// An advert comes, and a copy of it late.
    Double(usize),
    /// A node leaves the election in order.
    Leave(usize),
    /// It takes part again.
    Return(usize),
    Yield(usize),
    TakeOver(usize),
}

impl Fault {
    /// Whether it ends another: it may happen as often as that, or never.
    fn is_end(self) -> bool {
        match self {
            Self::Start(_) | Self::Thaw { .. } | Self::Mend | Self::Return(_) => true,
            Self::Crash(_)
            | Self::Freeze { .. }
            | Self::Cut { .. }
            | Self::Isolate(_)
            | Self::Lose(_)
            | Self::Delay(_)
            | Self::Double(_)
            | Self::Leave(_)
            | Self::Yield(_)
            | Self::TakeOver(_) => false,
        }
    }
}

impl Cluster {
    /// What may be done to the cluster now.
    pub(super) fn faults(&self, state: &State) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (node, one) in state.nodes.iter().enumerate() {
            match one.run {
                Run::Down => faults.push(Fault::Start(node)),
                Run::Frozen { .. } => {
                    faults.extend([true, false].map(|noticed| Fault::Thaw { node, noticed }));
                }
                Run::Running if one.router.state() == Phase::Initialize => {
                    faults.push(Fault::Return(node));
                }
                Run::Running => {}
            }
        }
        if state.cut.iter().any(|cut| *cut != 0) {
            faults.push(Fault::Mend);
        }
        if state.faults < self.bounds.faults {
            let kinds = self.bounds.kinds;
            if matches!(kinds, Kinds::Nodes | Kinds::Mixed) {
                Self::node_faults(state, kinds, &mut faults);
            }
            if matches!(kinds, Kinds::Network | Kinds::Mixed) {
                Self::network_faults(state, kinds, &mut faults);
            }
            if kinds == Kinds::Planned {
                Self::planned(state, &mut faults);
            }
        }
        faults
    }

    fn node_faults(state: &State, kinds: Kinds, faults: &mut Vec<Fault>) {
        for node in (0..state.nodes.len()).filter(|node| state.nodes[*node].runs()) {
            faults.push(Fault::Crash(node));
            if kinds == Kinds::Nodes {
                faults.extend([true, false].map(|queues| Fault::Freeze { node, queues }));
            }
        }
    }

    fn network_faults(state: &State, kinds: Kinds, faults: &mut Vec<Fault>) {
        for from in 0..state.nodes.len() {
            faults.push(Fault::Isolate(from));
            for to in (0..state.nodes.len()).filter(|to| *to != from) {
                if state.cut[from] >> to & 1 == 0 {
                    faults.push(Fault::Cut { from, to });
                }
            }
        }
        for (index, flight) in state.flights.iter().enumerate() {
            if flight.left == 0 && state.nodes[flight.to].runs() {
                faults.push(Fault::Delay(index));
                if kinds == Kinds::Network {
                    faults.extend([Fault::Lose(index), Fault::Double(index)]);
                }
            }
        }
    }

    fn planned(state: &State, faults: &mut Vec<Fault>) {
        for (node, one) in state.nodes.iter().enumerate() {
            match one.router.state() {
                _ if !one.is_able() => {}
                Phase::Active => faults.extend([Fault::Yield(node), Fault::Leave(node)]),
                Phase::Backup => faults.extend([Fault::TakeOver(node), Fault::Leave(node)]),
                Phase::Initialize => {}
            }
        }
    }

    pub(super) fn apply(&self, state: &mut State, fault: Fault) {
        state.faults += u8::from(!fault.is_end());
        state.disturb();
        match fault {
            Fault::Start(node) => {
                state.nodes[node].run = Run::Running;
                self.drive(state, node, Event::Enable);
            }
            Fault::Crash(node) => {
                state.nodes[node].go_down();
                state.flights.retain(|flight| flight.to != node);
            }
            Fault::Freeze { node, queues } => {
                state.nodes[node].run = Run::Frozen { ticks: 0, queues };
                state.flights.retain(|flight| flight.to != node || queues);
            }
            Fault::Thaw { node, noticed } => self.thaw(state, node, noticed),
            Fault::Cut { from, to } => state.cut[from] |= 1 << to,
            Fault::Isolate(node) => {
                for other in (0..state.nodes.len()).filter(|other| *other != node) {
                    state.cut[node] |= 1 << other;
                    state.cut[other] |= 1 << node;
                }
            }
            Fault::Mend => state.cut = [0; 3],
            Fault::Lose(index) => drop(state.flights.remove(index)),
            Fault::Delay(index) => self.delay(state, index),
            Fault::Double(index) => {
                let copy = state.flights[index];
                state.flights.push(copy);
                self.delay(state, index);
            }
            Fault::Leave(node) => {
                let event = Event::Disable(DisableReason::DataPlaneDown);
                self.drive(state, node, event);
            }
            Fault::Return(node) => self.drive(state, node, Event::Enable),
            Fault::Yield(node) => self.drive(state, node, Event::Yield),
            Fault::TakeOver(node) => self.drive(state, node, Event::TakeOver),
        }
    }

    fn delay(&self, state: &mut State, index: usize) {
        state.flights[index].left = DELAY;
        state.flights.sort_unstable();
    }

    /// The node runs on: its driver may notice the gap, then reads what waits, then its timer fires.
    fn thaw(&self, state: &mut State, node: usize, noticed: bool) {
        let Run::Frozen { ticks, .. } = state.nodes[node].run else {
            return;
        };
        let gap = TICK * u32::from(ticks);
        let router = &state.nodes[node].router;
        let before = router.state();
        let sent = router.counters().adverts_sent;
        let patience = match before {
            Phase::Active => active_down_interval(INTERVAL, router.effective_priority()),
            // Its timer may have been set just before, and be an interval late.
            Phase::Initialize | Phase::Backup if noticed => router.active_down_interval(),
            Phase::Initialize | Phase::Backup => router.active_down_interval() * 2,
        };
        state.nodes[node].run = Run::Running;
        let now = state.now;
        if self.mutant == Some(Mutant::ClockStops) {
            // By its own clock nothing has happened: what was due is done as if it were then.
            let due = state.nodes[node].router.acts_at();
            state.now = due.map_or(now, |due| due.min(now));
        } else if noticed {
            self.drive(state, node, Event::ClockGap(gap));
        }
        while let Some(index) = state.flights.iter().position(|flight| flight.to == node) {
            self.deliver(state, index);
        }
        self.drive(state, node, Event::Timeout);
        state.now = now;
        let node = &state.nodes[node];
        let spoke = node.holds || node.router.counters().adverts_sent > sent;
        state.broken.spoke |= gap > patience && spoke;
    }
}
