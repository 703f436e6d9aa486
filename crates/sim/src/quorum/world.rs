//! The simulated cluster: an agenda of what happens when, and the voters it happens to.

mod faults;

use std::time::{Duration, Instant};

use halo_quorum::{Action as Ask, Epoch, Intent, MAX_LEN, Message};
use halo_vrrp::{Action, Event, Heartbeat, Priority};

use super::monitor::{Monitor, Standing, violation};
use super::node::{Node, Packet};
use super::plan::{QuorumFault, QuorumPlan};
use crate::agenda::Agenda;
use crate::monitor::{Invariant, Violation};
use crate::network::{Network, Noise};
use crate::process::Run;
use crate::{Nanos, Rng};

/// Most that a node wakes up late.
const JITTER: Duration = Duration::from_micros(200);

/// A defect put into every node's driver, to show that the invariants notice it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuorumMutant {
    /// The election asks no quorum.
    AsksNobody,
    /// A voter that starts promises at once.
    ForgetsPromises,
    /// The kernel's lease is three intervals, however long the majority's is.
    KernelOutlivesLease,
    /// The promises are released while the addresses are still there.
    ReleasesTooEarly,
    /// What the quorum has to do later is forgotten: nobody asks again.
    NeverAsksAgain,
    /// Refusals and answers to polls are not sent.
    MuteVoters,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumReport {
    /// The first rule broken, if any. The run ends there.
    pub violation: Option<Violation>,
    /// Steps played.
    pub steps: u64,
    /// State changes of the election, all nodes.
    pub transitions: u64,
    /// The longest that a majority was without an owner, in calm.
    pub longest_vacancy: Duration,
    /// What happened, a line a step; empty unless asked for.
    pub trace: Vec<String>,
}

/// Plays a plan, and writes down what happens if that is wanted.
#[must_use]
pub fn run_quorum(plan: &QuorumPlan, mutant: Option<QuorumMutant>, traced: bool) -> QuorumReport {
    World::new(plan, mutant, traced).play()
}

enum Step {
    Fault(QuorumFault),
    Deliver { to: usize, packet: Packet },
    Wake(usize),
    End,
}

struct World<'a> {
    plan: &'a QuorumPlan,
    now: Nanos,
    agenda: Agenda<Step>,
    rng: Rng,
    nodes: Vec<Node>,
    network: Network,
    monitor: Monitor,
    mutant: Option<QuorumMutant>,
    settled: bool,
    /// The owner of last, and the epoch of its ownership.
    latest: Option<(usize, Epoch)>,
    /// Voters have forgotten epochs since then.
    restarted: bool,
    traced: bool,
    report: QuorumReport,
}

impl<'a> World<'a> {
    fn new(plan: &'a QuorumPlan, mutant: Option<QuorumMutant>, traced: bool) -> Self {
        // The epoch is opaque: no result depends on it.
        let epoch = Instant::now();
        let nodes = plan.nodes.iter().enumerate();
        Self {
            plan,
            now: Nanos(0),
            agenda: Agenda::new(),
            rng: Rng::new(!plan.seed),
            nodes: nodes.map(|(i, n)| Node::new(i, *n, plan, epoch)).collect(),
            network: Network::new(plan.nodes.len()),
            monitor: Monitor::new(plan.vacancy(), plan.settling()),
            mutant,
            settled: false,
            latest: None,
            restarted: false,
            traced,
            report: QuorumReport {
                violation: None,
                steps: 0,
                transitions: 0,
                longest_vacancy: Duration::ZERO,
                trace: Vec::new(),
            },
        }
    }

    fn play(mut self) -> QuorumReport {
        for (at, fault) in &self.plan.faults {
            self.agenda.plan(*at, Step::Fault(*fault));
        }
        self.agenda.plan(self.plan.end, Step::End);
        if let Err(broken) = self.play_steps() {
            self.note(|| format!("*** {broken}"));
            self.report.violation = Some(broken);
        }
        self.report.longest_vacancy = self.monitor.longest;
        self.report
    }

    fn play_steps(&mut self) -> Result<(), Violation> {
        for node in 0..self.nodes.len() {
            self.drive(node, Event::Enable)?;
        }
        while let Some((at, step)) = self.agenda.next() {
            self.now = at;
            self.report.steps += 1;
            self.monitor.watch(self.now, self.standing())?;
            self.settled = self.monitor.is_settled(self.now);
            match step {
                Step::Fault(fault) => self.apply(fault)?,
                Step::Deliver { to, packet } => self.deliver(to, packet)?,
                Step::Wake(node) => self.wake(node)?,
                Step::End => return self.check_end(),
            }
            self.monitor.watch(self.now, self.standing())?;
        }
        Ok(())
    }

    /// Hands an event to a node's election, and carries out what comes of it.
    fn drive(&mut self, index: usize, event: Event) -> Result<(), Violation> {
        let now = self.clock(index);
        if let Some(router) = &mut self.nodes[index].router {
            router.handle_event(event, now);
        }
        self.follow_up(index)
    }

    /// Carries out what election and quorum ask for, until they are content.
    fn follow_up(&mut self, index: usize) -> Result<(), Violation> {
        loop {
            let router = self.nodes[index].router.as_mut();
            if let Some(action) = router.and_then(halo_vrrp::VirtualRouter::poll_action) {
                self.perform(index, action)?;
            } else if let Some(action) = self.nodes[index].member.poll_action() {
                self.answer(index, action);
            } else {
                break;
            }
        }
        self.bound_kernel(index);
        self.wake_later(index);
        Ok(())
    }

    /// What the election asks for.
    fn perform(&mut self, index: usize, action: Action) -> Result<(), Violation> {
        let now = self.clock(index);
        match action {
            Action::SendAdvert { priority, interval } => {
                let heartbeat = Heartbeat { priority, interval };
                self.send_all(index, heartbeat);
                if priority != Priority::RESIGN && self.nodes[index].answers_until.is_some() {
                    self.renew_kernel(index, now);
                }
            }
            Action::Claim => {
                self.renew_kernel(index, now);
                self.check_epoch(index)?;
            }
            Action::Release if self.mutant == Some(QuorumMutant::ReleasesTooEarly) => {}
            Action::Release => self.nodes[index].answers_until = None,
            Action::SeekMandate { .. } if self.mutant == Some(QuorumMutant::AsksNobody) => {
                self.grant(index, now);
            }
            Action::SeekMandate {
                priority,
                challenge,
            } => {
                let intent = Intent {
                    priority: priority.get(),
                    challenge,
                };
                self.nodes[index].member.seek(intent, now);
            }
            Action::DropMandate { successor } => {
                self.nodes[index].member.resign(successor, now);
            }
            Action::Reannounce(_) | Action::Probe(_) => {}
            Action::Transition { from, to, reason } => {
                self.report.transitions += 1;
                self.note(|| format!("lb{index} {from:?} -> {to:?}: {reason}"));
                if self.settled {
                    let details = format!("lb{index} went from {from:?} to {to:?}: {reason}");
                    return Err(violation(self.now, Invariant::NoFlap, details));
                }
            }
        }
        Ok(())
    }

    fn grant(&mut self, index: usize, now: Instant) {
        if let Some(router) = &mut self.nodes[index].router {
            router.handle_event(Event::MandateGranted, now);
        }
    }

    /// What the quorum asks for.
    fn answer(&mut self, index: usize, action: Ask) {
        let now = self.clock(index);
        let event = match action {
            Ask::Send { to, message } => return self.send(index, to, message),
            Ask::Granted => Event::MandateGranted,
            Ask::Lost => Event::MandateLost,
            Ask::Challenged { by, priority } => Event::Challenged {
                by,
                priority: Priority(priority),
            },
        };
        self.note(|| format!("lb{index} quorum: {event:?}"));
        if let Some(router) = &mut self.nodes[index].router {
            router.handle_event(event, now);
        }
    }

    /// The kernel's lease: three heartbeats, and never longer than the majority's.
    fn renew_kernel(&mut self, index: usize, now: Instant) {
        let until = now + self.nodes[index].interval.duration() * 3;
        let lease = self.nodes[index].member.lease_until();
        let bounded = match self.mutant {
            Some(QuorumMutant::KernelOutlivesLease | QuorumMutant::AsksNobody) => until,
            _ => lease.map_or(now, |lease| lease.min(until)),
        };
        self.nodes[index].answers_until = Some(bounded);
    }

    /// A lease that was renewed meanwhile lets the kernel answer on.
    fn bound_kernel(&mut self, index: usize) {
        let owner = self.nodes[index].answers_until.is_some();
        if owner && self.nodes[index].member.lease_until().is_some() {
            let now = self.clock(index);
            self.renew_kernel(index, now);
        }
    }

    /// An owner that follows another has a higher epoch, unless voters have forgotten.
    fn check_epoch(&mut self, index: usize) -> Result<(), Violation> {
        let epoch = self.nodes[index].member.view(self.clock(index)).epoch;
        let before = self.latest.replace((index, epoch));
        let fell = before.is_some_and(|(owner, before)| owner != index && epoch <= before);
        if fell && !self.restarted && self.mutant.is_none() {
            let details = format!("lb{index} took over with epoch {epoch}, after {before:?}");
            return Err(violation(self.now, Invariant::EpochGrows, details));
        }
        Ok(())
    }

    fn send_all(&mut self, from: usize, heartbeat: Heartbeat) {
        for to in (0..self.nodes.len()).filter(|to| *to != from) {
            self.launch(from, to, Packet::Advert { from, heartbeat });
        }
    }

    fn send(&mut self, from: usize, to: std::net::IpAddr, message: Message) {
        let answers = matches!(message, Message::Stance { .. } | Message::Refusal { .. });
        if answers && self.mutant == Some(QuorumMutant::MuteVoters) {
            return;
        }
        let Some(to) = self.nodes.iter().position(|node| node.address == to) else {
            return;
        };
        let mut body = [0; MAX_LEN];
        let len = message.encode(&mut body);
        self.launch(from, to, Packet::Quorum { from, body, len });
    }

    fn launch(&mut self, from: usize, to: usize, packet: Packet) {
        let link = (from, to);
        for flight in self.network.carry(self.now, link, 1, &mut self.rng) {
            self.agenda
                .plan(flight.arrival, Step::Deliver { to, packet });
        }
    }

    fn deliver(&mut self, to: usize, packet: Packet) -> Result<(), Violation> {
        match self.nodes[to].run {
            Run::Running => self.receive(to, packet),
            Run::Frozen { queues: true, .. } => {
                self.nodes[to].inbox.keep(packet);
                Ok(())
            }
            Run::Frozen { queues: false, .. } | Run::Suspended { .. } | Run::Down => Ok(()),
        }
    }

    fn receive(&mut self, to: usize, packet: Packet) -> Result<(), Violation> {
        match packet {
            Packet::Advert { from, heartbeat } => {
                let from = self.nodes[from].address;
                self.drive(to, Event::Advert { from, heartbeat })
            }
            Packet::Quorum { from, body, len } => {
                let from = self.nodes[from].address;
                let now = self.clock(to);
                match Message::decode(&body[..len]) {
                    Ok(message) => self.nodes[to].member.handle_message(from, &message, now),
                    Err(error) => {
                        let details = format!("{error}: {:?}", &body[..len]);
                        return Err(violation(self.now, Invariant::DamageDetected, details));
                    }
                }
                self.follow_up(to)
            }
        }
    }

    fn wake(&mut self, index: usize) -> Result<(), Violation> {
        self.nodes[index].wake = None;
        if self.nodes[index].run != Run::Running {
            return Ok(());
        }
        let now = self.clock(index);
        if self.mutant != Some(QuorumMutant::NeverAsksAgain) {
            self.nodes[index].member.handle_timeout(now);
        }
        self.follow_up(index)?;
        self.drive(index, Event::Timeout)
    }

    fn wake_later(&mut self, index: usize) {
        self.agenda.cancel(self.nodes[index].wake.take());
        let node = &self.nodes[index];
        let due = match self.mutant {
            Some(QuorumMutant::NeverAsksAgain) => {
                let router = node.router.as_ref();
                router.and_then(halo_vrrp::VirtualRouter::poll_timeout)
            }
            _ => node.due(),
        };
        let Some(due) = due else { return };
        let at = node.clock.when(due).max(self.now);
        let late = self.rng.duration(JITTER);
        let key = self.agenda.plan(at.after(late), Step::Wake(index));
        self.nodes[index].wake = Some(key);
    }

    fn standing(&self) -> Standing {
        let owners = self.nodes.iter().filter(|node| node.owns(self.now)).count();
        Standing {
            owners: u32::try_from(owners).unwrap_or(u32::MAX),
            majority: (0..self.nodes.len()).any(|node| self.could_own(node)),
            calm: self.network.noise == Noise::default(),
            whole: self.network.is_calm() && self.nodes.iter().all(|n| n.run == Run::Running),
        }
    }

    /// Whether an able node and a majority that may vote hear each other.
    fn could_own(&self, node: usize) -> bool {
        let reached = (0..self.nodes.len()).filter(|voter| {
            self.nodes[*voter].votes(self.now)
                && self.network.is_open(node, *voter)
                && self.network.is_open(*voter, node)
        });
        self.nodes[node].is_able() && reached.count() > self.nodes.len() / 2
    }

    /// The plan left the time to settle.
    fn check_end(&self) -> Result<(), Violation> {
        let standing = self.standing();
        if !self.settled {
            let details = "the run ended before its nodes could settle: the plan is wrong";
            let invariant = Invariant::MajorityHolds;
            return Err(violation(self.now, invariant, details.to_owned()));
        }
        if standing.majority && standing.owners == 0 {
            let details = "a majority has no owner in the end".to_owned();
            return Err(violation(self.now, Invariant::MajorityHolds, details));
        }
        if standing.whole && self.nodes.iter().all(Node::preempts) {
            self.check_preference()?;
        }
        Ok(())
    }

    fn check_preference(&self) -> Result<(), Violation> {
        let able = self.nodes.iter().filter(|node| node.is_able());
        let priority = |node: &Node| {
            let router = node.router.as_ref();
            router.map(halo_vrrp::VirtualRouter::effective_priority)
        };
        let highest = able.filter_map(priority).max();
        let owner = self.nodes.iter().find(|node| node.owns(self.now));
        if owner.and_then(priority) < highest {
            let details = format!(
                "the owner has {:?}, not {highest:?}",
                owner.and_then(priority)
            );
            return Err(violation(self.now, Invariant::HighestPriority, details));
        }
        Ok(())
    }

    fn clock(&self, index: usize) -> Instant {
        self.nodes[index].clock.at(self.now)
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if self.traced {
            let at = self.now.millis();
            self.report.trace.push(format!("{at:>12.3} ms  {}", line()));
        }
    }
}
