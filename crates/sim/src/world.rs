//! The simulated world: an agenda of what happens when, and the nodes it happens to.

mod faults;
mod node;
mod probe;
mod wire;

use std::time::{Duration, Instant};

use halo_vrrp::{Action, Answer, Event, Heartbeat, Reason, State};

use crate::agenda::Agenda;
use crate::monitor::{Invariant, Monitor, Standing, Violation};
use crate::network::Network;
use crate::plan::{Fault, Plan};
use crate::process::Run;
use crate::{Nanos, Rng};

use node::{Node, Packet};

/// Most that a node which is not busy wakes up late.
const JITTER: Duration = Duration::from_micros(200);

/// A defect put into every node's driver, to show that the invariants notice it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Adverts with priority 0 are thrown away on arrival.
    DeafToResignation,
    /// Adverts of higher priority are thrown away while Active.
    DeafToHigherPriority,
    /// `Release` is not carried out.
    KeepsAddresses,
    /// Timeouts come twice as late as they were asked for.
    Sleepy,
    /// One advert in three is not sent.
    Stutters,
    /// `Reannounce` is not carried out.
    Mute,
    /// The kernel goes on answering for twice as long as the others are told.
    Outstays,
    /// Nobody answers questions.
    Unanswered,
    /// Damaged packets are taken for good ones.
    SkipsChecksum,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The first rule broken, if any. The run ends there.
    pub violation: Option<Violation>,
    /// Steps played.
    pub steps: u64,
    /// State changes, all nodes.
    pub transitions: u64,
    /// Packets discarded on arrival.
    pub discarded: u64,
    /// What happened, a line a step; empty unless asked for.
    pub trace: Vec<String>,
}

/// Plays a plan.
#[must_use]
pub fn run(plan: &Plan, mutant: Option<Mutant>) -> Report {
    World::new(plan, mutant, false).play(plan)
}

/// Plays a plan and writes down what happens.
#[must_use]
pub fn run_traced(plan: &Plan, mutant: Option<Mutant>) -> Report {
    World::new(plan, mutant, true).play(plan)
}

#[derive(Clone)]
enum Step {
    Fault(Fault),
    Deliver {
        to: usize,
        packet: Packet,
    },
    /// A question from one node arrives at another.
    Question {
        from: usize,
        to: usize,
    },
    /// An answer arrives.
    Answer {
        from: usize,
        to: usize,
        answer: Answer,
    },
    Wake(usize),
    End,
}

struct World {
    now: Nanos,
    agenda: Agenda<Step>,
    rng: Rng,
    nodes: Vec<Node>,
    network: Network,
    monitor: Monitor,
    mutant: Option<Mutant>,
    /// When anything was last done to the cluster but that a node froze.
    disturbed: Nanos,
    /// Whether an Active whose advert is late is asked.
    fast: bool,
    /// Nothing may change any more, as of the step before.
    settled: bool,
    traced: bool,
    report: Report,
}

impl World {
    fn new(plan: &Plan, mutant: Option<Mutant>, traced: bool) -> Self {
        // The epoch is opaque: no result depends on it.
        let epoch = Instant::now();
        let nodes = plan.nodes.iter().enumerate();
        let overlap = plan.overlap();
        Self {
            now: Nanos(0),
            agenda: Agenda::new(),
            rng: Rng::new(!plan.seed),
            nodes: nodes.map(|(i, node)| Node::new(i, *node, epoch)).collect(),
            network: Network::new(plan.nodes.len()),
            monitor: Monitor::new(plan.vacancy(), plan.settling(), overlap),
            mutant,
            disturbed: Nanos(0),
            fast: plan.fast,
            settled: false,
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
            self.handle(node, Event::Enable)?;
        }
        while let Some((at, step)) = self.agenda.next() {
            self.now = at;
            self.report.steps += 1;
            // What held until now is judged before this step changes it.
            let standing = self.standing();
            self.monitor.watch(self.now, standing)?;
            match step {
                Step::Fault(fault) => self.apply(fault)?,
                Step::Deliver { to, packet } => self.deliver(to, packet)?,
                Step::Question { from, to } => self.asked(from, to),
                Step::Answer { from, to, answer } => self.answered(from, to, answer)?,
                Step::Wake(node) => self.wake(node)?,
                Step::End => return self.check_end(),
            }
            self.check()?;
        }
        Ok(())
    }

    /// Hands an event to a node's virtual router and carries out what it asks for.
    fn handle(&mut self, index: usize, event: Event) -> Result<(), Violation> {
        let now = self.nodes[index].clock.at(self.now);
        self.nodes[index].router.handle_event(event, now);
        while let Some(action) = self.nodes[index].router.poll_action() {
            self.perform(index, action)?;
        }
        self.update_detection(index);
        self.schedule(index);
        Ok(())
    }

    fn perform(&mut self, index: usize, action: Action) -> Result<(), Violation> {
        match action {
            Action::SendAdvert { priority, interval } => {
                self.note(|| format!("lb{index} sends priority {priority}"));
                self.send(index, Heartbeat { priority, interval });
                self.renew_lease(index, interval);
            }
            Action::Claim => {
                self.require(!self.nodes[index].holds, index, "claims what it holds")?;
                self.nodes[index].holds = true;
            }
            Action::Release => {
                self.require(
                    self.nodes[index].holds,
                    index,
                    "releases what it does not hold",
                )?;
                self.nodes[index].holds = self.mutant == Some(Mutant::KeepsAddresses);
                self.monitor.no_announcement_due();
            }
            Action::Probe(target) => self.probe(index, target),
            Action::Reannounce(_) if self.mutant == Some(Mutant::Mute) => {}
            Action::Reannounce(cause) => {
                self.note(|| format!("lb{index} announces: {cause:?}"));
                self.monitor.no_announcement_due();
            }
            // The simulated nodes have no quorum: availability first.
            Action::SeekMandate { .. } | Action::DropMandate { .. } => {}
            Action::Transition { from, to, reason } => {
                self.report.transitions += 1;
                self.note(|| format!("lb{index} {from:?} -> {to:?}: {reason}"));
                self.check_cause(index, reason)?;
                if matches!(reason, Reason::Outranked { .. } | Reason::TieLost { .. }) {
                    self.gave_way();
                }
                if self.settled {
                    let details = format!("lb{index} went from {from:?} to {to:?}: {reason}");
                    return Err(self.violation(Invariant::NoFlap, details));
                }
            }
        }
        Ok(())
    }

    fn wake(&mut self, index: usize) -> Result<(), Violation> {
        self.nodes[index].wake = None;
        if self.nodes[index].run == Run::Running {
            self.handle(index, Event::Timeout)?;
        }
        Ok(())
    }

    /// A node gave way to another owner, which it has heard. The owner of the addresses (priority
    /// 255) disregards all others, and so does not know.
    fn gave_way(&mut self) {
        let Standing { owners, calm, .. } = self.standing();
        if !calm || owners.count_ones() != 1 {
            return;
        }
        let Some(winner) = self.active() else { return };
        let router = &self.nodes[winner].router;
        if router.effective_priority() != halo_vrrp::Priority::OWNER {
            let interval = router.config().interval.duration();
            let heard = self.last_claim_under_way(winner);
            self.monitor.gave_way(heard, interval);
        }
    }

    /// Plans the node's next wake-up in place of the former.
    fn schedule(&mut self, index: usize) {
        self.agenda.cancel(self.nodes[index].wake.take());
        let node = &self.nodes[index];
        let Some(due) = node.router.poll_timeout() else {
            return;
        };
        let due = node.clock.when(due).max(self.now);
        let mut late = self.rng.duration(JITTER) + self.rng.duration(node.busy);
        if self.mutant == Some(Mutant::Sleepy) {
            late += due.since(self.now);
        }
        let key = self.agenda.plan(due.after(late), Step::Wake(index));
        self.nodes[index].wake = Some(key);
    }

    fn standing(&self) -> Standing {
        let mut standing = Standing {
            owners: 0,
            able: 0,
            calm: self.network.is_calm(),
        };
        for (index, node) in self.nodes.iter().enumerate() {
            standing.calm &= node.busy.is_zero();
            if node.run == Run::Running && node.is_able() {
                standing.able |= 1 << index;
                standing.owners |= u8::from(node.holds) << index;
            }
        }
        standing
    }

    fn check(&mut self) -> Result<(), Violation> {
        for (index, node) in self.nodes.iter().enumerate() {
            let active = node.router.state() == State::Active;
            self.require(
                node.holds == active,
                index,
                "holds the addresses but is not Active",
            )?;
        }
        let standing = self.standing();
        self.monitor.watch(self.now, standing)?;
        self.settled = self.monitor.is_settled(self.now, standing);
        if self.settled && standing.able != 0 {
            self.check_settled(standing)?;
        }
        Ok(())
    }

    fn check_settled(&self, standing: Standing) -> Result<(), Violation> {
        let owner = usize::try_from(standing.owners.trailing_zeros()).unwrap_or(usize::MAX);
        let Some(owner) = self.nodes.get(owner) else {
            let details = "no node is Active".to_owned();
            return Err(self.violation(Invariant::Held, details));
        };
        let highest = owner.router.effective_priority();
        for (index, node) in self.nodes.iter().enumerate() {
            if node.run != Run::Running {
                continue;
            }
            let router = &node.router;
            let outranks = router.config().preempt && router.effective_priority() > highest;
            if node.is_able() && outranks {
                let priority = router.effective_priority();
                let details = format!("lb{index} has {priority}, the Active {highest}");
                return Err(self.violation(Invariant::HighestPriority, details));
            }
            if router.holder() != Some(owner.address) {
                let holder = router.holder();
                let details = format!(
                    "lb{index} takes {holder:?} for Active, not {}",
                    owner.address
                );
                return Err(self.violation(Invariant::HolderKnown, details));
            }
        }
        Ok(())
    }

    /// The plan left the time to settle: exactly one owner, if any node can be.
    fn check_end(&mut self) -> Result<(), Violation> {
        self.check()?;
        if self.settled {
            return Ok(());
        }
        let details = "the run ended before its nodes could settle: the plan is wrong".to_owned();
        Err(self.violation(Invariant::Held, details))
    }

    fn require(&self, holds: bool, node: usize, otherwise: &str) -> Result<(), Violation> {
        if holds {
            return Ok(());
        }
        let details = format!("lb{node} {otherwise}");
        Err(self.violation(Invariant::AddressesFollowState, details))
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
