//! The simulated cluster with a sync group.

mod faults;

use std::time::{Duration, Instant};

use halo_vrrp::{Action, Event, Heartbeat, State, VirtualRouter, group_event};

use super::{GroupMutant, Node, Packet};
use crate::agenda::Agenda;
use crate::monitor::{Invariant, Monitor, SLACK, Standing, Violation};
use crate::network::Network;
use crate::plan::{Fault, Plan};
use crate::process::Run;
use crate::world::Report;
use crate::{Nanos, Rng};

/// Most that a node which is not busy wakes up late.
const JITTER: Duration = Duration::from_micros(200);

/// Plays a plan with a group of two or three virtual routers, and writes down what happens if that is
/// wanted.
#[must_use]
pub fn run_group(plan: &Plan, mutant: Option<GroupMutant>, traced: bool) -> Report {
    World::new(plan, mutant, traced).play(plan)
}

enum Step {
    Fault(Fault),
    Deliver { to: usize, packet: Packet },
    Wake(usize),
    End,
}

struct World {
    now: Nanos,
    agenda: Agenda<Step>,
    rng: Rng,
    nodes: Vec<Node>,
    network: Network,
    /// One a router of the group.
    monitors: Vec<Monitor>,
    /// Longest that the group may be split, in calm, and since when it is.
    longest_split: Duration,
    split_since: Option<Nanos>,
    settled: bool,
    mutant: Option<GroupMutant>,
    traced: bool,
    report: Report,
}

impl World {
    fn new(plan: &Plan, mutant: Option<GroupMutant>, traced: bool) -> Self {
        // The epoch is opaque: no result depends on it.
        let epoch = Instant::now();
        let vips = if plan.seed.is_multiple_of(2) { 2 } else { 3 };
        let nodes = plan.nodes.iter().enumerate();
        let overlap = plan.overlap();
        let monitor = || Monitor::new(plan.vacancy(), plan.settling(), overlap);
        Self {
            now: Nanos(0),
            agenda: Agenda::new(),
            rng: Rng::new(!plan.seed),
            nodes: nodes
                .map(|(index, node)| Node::new(index, *node, vips, epoch))
                .collect(),
            network: Network::new(plan.nodes.len()),
            monitors: (0..vips).map(|_| monitor()).collect(),
            longest_split: plan.longest_split() + SLACK,
            split_since: None,
            settled: false,
            mutant,
            traced,
            report: Report::default(),
        }
    }

    fn play(mut self, plan: &Plan) -> Report {
        for (at, fault) in &plan.faults {
            self.agenda.plan(*at, Step::Fault(*fault));
        }
        self.agenda.plan(plan.end, Step::End);
        if let Err(violation) = self.play_steps() {
            self.note(|| format!("*** {violation}"));
            self.report.violation = Some(violation);
        }
        self.report
    }

    fn play_steps(&mut self) -> Result<(), Violation> {
        for node in 0..self.nodes.len() {
            self.tell(node, Event::Enable)?;
        }
        while let Some((at, step)) = self.agenda.next() {
            self.now = at;
            self.report.steps += 1;
            self.watch()?;
            match step {
                Step::Fault(fault) => self.apply(fault)?,
                Step::Deliver { to, packet } => self.deliver(to, packet)?,
                Step::Wake(node) => self.wake(node)?,
                Step::End => return self.check_end(),
            }
            self.watch()?;
        }
        Ok(())
    }

    /// Tells all of a node's routers.
    fn tell(&mut self, node: usize, event: Event) -> Result<(), Violation> {
        let all = match (self.mutant, event) {
            (Some(GroupMutant::DisablesOne), Event::Disable(_)) => 1,
            _ => self.nodes[node].routers.len(),
        };
        for vip in 0..all {
            self.perform(node, vip, event)?;
        }
        self.schedule(node);
        Ok(())
    }

    /// Hands an event to one of them, and passes on what it decides, as the agent does.
    fn perform(&mut self, node: usize, vip: usize, event: Event) -> Result<(), Violation> {
        let now = self.nodes[node].clock.at(self.now);
        self.nodes[node].routers[vip].handle_event(event, now);
        let mut passed_on = None;
        while let Some(action) = self.nodes[node].routers[vip].poll_action() {
            passed_on = group_event(&action).or(passed_on);
            match action {
                Action::SendAdvert { priority, interval } => {
                    let heartbeat = Heartbeat { priority, interval };
                    self.send(node, vip, heartbeat);
                }
                Action::Transition { from, to, reason } => {
                    self.report.transitions += 1;
                    self.note(|| format!("lb{node} vip{vip} {from:?} -> {to:?}: {reason}"));
                    if self.settled {
                        let details = format!("lb{node} went from {from:?} to {to:?}: {reason}");
                        return Err(self.violation(Invariant::NoFlap, details));
                    }
                }
                Action::Claim | Action::Release | Action::Reannounce(_) | Action::Probe(_) => {}
                Action::SeekMandate { .. } | Action::DropMandate { .. } => {}
            }
        }
        let passed_on = passed_on.filter(|_| self.mutant != Some(GroupMutant::PassesNothingOn));
        if let Some(event) = passed_on {
            let others = (0..self.nodes[node].routers.len()).filter(|other| *other != vip);
            for other in others.collect::<Vec<_>>() {
                self.perform(node, other, event)?;
            }
        }
        Ok(())
    }

    fn send(&mut self, from: usize, vip: usize, heartbeat: Heartbeat) {
        let packet = Packet {
            from,
            vip,
            heartbeat,
        };
        for to in (0..self.nodes.len()).filter(|to| *to != from) {
            for flight in self.network.carry(self.now, (from, to), 1, &mut self.rng) {
                // A damaged one fails its checksum.
                if flight.corrupt.is_none() {
                    let step = Step::Deliver { to, packet };
                    self.agenda.plan(flight.arrival, step);
                }
            }
        }
    }

    fn deliver(&mut self, to: usize, packet: Packet) -> Result<(), Violation> {
        match self.nodes[to].run {
            Run::Running => {
                self.receive(to, packet)?;
                self.schedule(to);
                Ok(())
            }
            Run::Frozen { queues: true, .. } => {
                self.nodes[to].inbox.keep(packet);
                Ok(())
            }
            Run::Frozen { queues: false, .. } | Run::Suspended { .. } | Run::Down => Ok(()),
        }
    }

    fn receive(&mut self, to: usize, packet: Packet) -> Result<(), Violation> {
        let from = self.nodes[packet.from].address;
        let heartbeat = packet.heartbeat;
        self.perform(to, packet.vip, Event::Advert { from, heartbeat })
    }

    fn wake(&mut self, index: usize) -> Result<(), Violation> {
        self.nodes[index].wake = None;
        if self.nodes[index].run != Run::Running {
            return Ok(());
        }
        let now = self.nodes[index].clock.at(self.now);
        for vip in 0..self.nodes[index].routers.len() {
            let due = self.nodes[index].routers[vip].poll_timeout();
            if due.is_some_and(|due| due <= now) {
                self.perform(index, vip, Event::Timeout)?;
            }
        }
        self.schedule(index);
        Ok(())
    }

    fn schedule(&mut self, index: usize) {
        self.agenda.cancel(self.nodes[index].wake.take());
        let node = &self.nodes[index];
        let routers = node.routers.iter();
        let Some(due) = routers.filter_map(VirtualRouter::poll_timeout).min() else {
            return;
        };
        let due = node.clock.when(due).max(self.now);
        let late = self.rng.duration(JITTER) + self.rng.duration(node.busy);
        let key = self.agenda.plan(due.after(late), Step::Wake(index));
        self.nodes[index].wake = Some(key);
    }

    fn standing(&self, vip: usize) -> Standing {
        let mut standing = Standing {
            calm: self.network.is_calm(),
            ..Standing::default()
        };
        for (index, node) in self.nodes.iter().enumerate() {
            standing.calm &= node.busy.is_zero();
            let able = node.routers[vip].state() != State::Initialize;
            standing.able |= u8::from(node.run == Run::Running && able) << index;
            standing.owners |= u8::from(node.is_active(vip)) << index;
        }
        standing
    }

    /// Looks at each router's owners, and at the group.
    fn watch(&mut self) -> Result<(), Violation> {
        let mut calm = true;
        self.settled = true;
        for vip in 0..self.monitors.len() {
            let standing = self.standing(vip);
            self.monitors[vip].watch(self.now, standing)?;
            self.settled &= self.monitors[vip].is_settled(self.now, standing);
            calm &= standing.calm;
        }
        let split = self.nodes.iter().position(Node::is_split);
        let Some(node) = split.filter(|_| calm) else {
            self.split_since = None;
            return Ok(());
        };
        let since = *self.split_since.get_or_insert(self.now);
        let (lasting, limit) = (self.now.since(since), self.longest_split);
        if lasting <= limit {
            return Ok(());
        }
        let held = self.nodes[node].held();
        let details =
            format!("lb{node} has held {held} of the group for {lasting:?}, at most {limit:?}");
        Err(self.violation(Invariant::GroupTogether, details))
    }

    /// The plan left the time to settle: one node has all, if any can.
    fn check_end(&mut self) -> Result<(), Violation> {
        self.watch()?;
        let able = self.standing(0).able != 0;
        let owners = self.nodes.iter().filter(|node| node.held() > 0).count();
        let details = match (self.settled, owners) {
            (false, _) => "the run ended before its nodes could settle: the plan is wrong",
            (true, 0) if able => "no node has the group in the end",
            (true, 0 | 1) => return Ok(()),
            (true, _) => "the group is apart in the end",
        };
        Err(self.violation(Invariant::GroupTogether, details.to_owned()))
    }

    fn violation(&self, invariant: Invariant, details: String) -> Violation {
        Violation {
            at: self.now,
            invariant,
            details,
        }
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if self.traced {
            let at = self.now.millis();
            self.report.trace.push(format!("{at:>12.3} ms  {}", line()));
        }
    }
}
