//! The simulated cluster: an agenda of what happens when, and the voters it happens to.

mod faults;
mod rules;
mod wire;

use std::time::{Duration, Instant};

use halo_quorum::{Action as Ask, Epoch, Intent};
use halo_vrrp::{Action, Event, Heartbeat, Priority, VirtualRouter, group_event};

use super::monitor::{Monitor, violation};
use super::node::{Node, Packet, Seat};
use super::plan::{QuorumFault, QuorumPlan};
use crate::agenda::Agenda;
use crate::monitor::{Invariant, Violation};
use crate::network::Network;
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
    /// What one router of a group decides is not passed on to the others.
    PassesNothingOn,
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

/// A virtual router on a node.
type Place = (usize, usize);

struct World<'a> {
    plan: &'a QuorumPlan,
    now: Nanos,
    agenda: Agenda<Step>,
    rng: Rng,
    nodes: Vec<Node>,
    network: Network,
    /// One a virtual router.
    monitors: Vec<Monitor>,
    /// Since when a group is split, in calm.
    split_since: Option<Nanos>,
    mutant: Option<QuorumMutant>,
    settled: bool,
    /// The owner of each of last, and the epoch of its ownership.
    latest: Vec<Option<(usize, Epoch)>>,
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
        let monitor = |_| Monitor::new(plan.vacancy(), plan.settling());
        Self {
            plan,
            now: Nanos(0),
            agenda: Agenda::new(),
            rng: Rng::new(!plan.seed),
            nodes: nodes.map(|(i, n)| Node::new(i, *n, plan, epoch)).collect(),
            network: Network::new(plan.nodes.len()),
            monitors: (0..plan.vips).map(monitor).collect(),
            split_since: None,
            mutant,
            settled: false,
            latest: vec![None; plan.vips],
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
        let vacancies = self.monitors.iter().map(|monitor| monitor.longest);
        self.report.longest_vacancy = vacancies.max().unwrap_or_default();
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
            self.settled = self.monitors.iter().all(|one| one.is_settled(self.now));
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

    /// Hands an event to all elections of a node.
    fn tell(&mut self, index: usize, event: Event) -> Result<(), Violation> {
        (0..self.plan.vips).try_for_each(|vip| self.drive((index, vip), event))?;
        self.wake_later(index);
        Ok(())
    }

    /// Hands an event to one of a node's elections, and carries out what comes of it.
    fn drive(&mut self, at: Place, event: Event) -> Result<(), Violation> {
        let now = self.clock(at.0);
        if let Some(router) = &mut self.seat(at).router {
            router.handle_event(event, now);
        }
        self.follow_up(at)
    }

    /// Carries out what election and quorum ask for, until they are content, and passes on to the others of a
    /// group what the election decides, as the agent does.
    fn follow_up(&mut self, at: Place) -> Result<(), Violation> {
        let mut passed_on = None;
        loop {
            let router = self.seat(at).router.as_mut();
            if let Some(action) = router.and_then(VirtualRouter::poll_action) {
                passed_on = group_event(&action).or(passed_on);
                self.perform(at, action)?;
            } else if let Some(action) = self.seat(at).member.poll_action() {
                self.answer(at, action);
            } else {
                break;
            }
        }
        self.bound_kernel(at);
        let passed_on = passed_on.filter(|_| self.mutant != Some(QuorumMutant::PassesNothingOn));
        if let Some(event) = passed_on {
            let (index, vip) = at;
            let others = (0..self.plan.vips).filter(|other| *other != vip);
            others
                .map(|other| (index, other))
                .try_for_each(|other| self.drive(other, event))?;
        }
        Ok(())
    }

    /// What the election asks for.
    fn perform(&mut self, at: Place, action: Action) -> Result<(), Violation> {
        let now = self.clock(at.0);
        match action {
            Action::SendAdvert { priority, interval } => {
                let heartbeat = Heartbeat { priority, interval };
                self.send_all(at, heartbeat);
                if priority != Priority::RESIGN && self.seat(at).answers_until.is_some() {
                    self.renew_kernel(at, now);
                }
            }
            Action::Claim => {
                self.renew_kernel(at, now);
                self.check_epoch(at)?;
            }
            Action::Release if self.mutant == Some(QuorumMutant::ReleasesTooEarly) => {}
            Action::Release => self.seat(at).answers_until = None,
            Action::SeekMandate { .. } if self.mutant == Some(QuorumMutant::AsksNobody) => {
                self.grant(at, now);
            }
            Action::SeekMandate {
                priority,
                challenge,
            } => {
                let intent = Intent {
                    priority: priority.get(),
                    challenge,
                };
                self.seat(at).member.seek(intent, now);
            }
            Action::DropMandate { successor } => {
                self.seat(at).member.resign(successor, now);
            }
            Action::Reannounce(_) | Action::Probe(_) => {}
            Action::Transition { from, to, reason } => {
                self.report.transitions += 1;
                let (index, vip) = at;
                self.note(|| format!("lb{index} vip{vip} {from:?} -> {to:?}: {reason}"));
                if self.settled {
                    let details = format!("lb{index} went from {from:?} to {to:?}: {reason}");
                    return Err(violation(self.now, Invariant::NoFlap, details));
                }
            }
        }
        Ok(())
    }

    fn grant(&mut self, at: Place, now: Instant) {
        if let Some(router) = &mut self.seat(at).router {
            router.handle_event(Event::MandateGranted, now);
        }
    }

    /// What the quorum asks for.
    fn answer(&mut self, at: Place, action: Ask) {
        let (index, vip) = at;
        let now = self.clock(index);
        let event = match action {
            Ask::Send { to, message } => return self.send(at, to, message),
            Ask::Granted => Event::MandateGranted,
            Ask::Lost => Event::MandateLost,
            Ask::Challenged { by, priority } => Event::Challenged {
                by,
                priority: Priority(priority),
            },
        };
        self.note(|| format!("lb{index} vip{vip} quorum: {event:?}"));
        if let Some(router) = &mut self.seat(at).router {
            router.handle_event(event, now);
        }
    }

    /// The kernel's lease: three heartbeats, and never longer than the majority's.
    fn renew_kernel(&mut self, at: Place, now: Instant) {
        let until = now + self.nodes[at.0].interval.duration() * 3;
        let lease = self.seat(at).member.lease_until();
        let bounded = match self.mutant {
            Some(QuorumMutant::KernelOutlivesLease | QuorumMutant::AsksNobody) => until,
            _ => lease.map_or(now, |lease| lease.min(until)),
        };
        self.seat(at).answers_until = Some(bounded);
    }

    /// A lease that was renewed meanwhile lets the kernel answer on.
    fn bound_kernel(&mut self, at: Place) {
        let owner = self.seat(at).answers_until.is_some();
        if owner && self.seat(at).member.lease_until().is_some() {
            let now = self.clock(at.0);
            self.renew_kernel(at, now);
        }
    }

    fn wake(&mut self, index: usize) -> Result<(), Violation> {
        self.nodes[index].wake = None;
        if self.nodes[index].run != Run::Running {
            return Ok(());
        }
        let now = self.clock(index);
        for vip in 0..self.plan.vips {
            if self.mutant != Some(QuorumMutant::NeverAsksAgain) {
                self.seat((index, vip)).member.handle_timeout(now);
            }
            self.follow_up((index, vip))?;
        }
        self.wake_later(index);
        self.tell(index, Event::Timeout)
    }

    fn wake_later(&mut self, index: usize) {
        self.agenda.cancel(self.nodes[index].wake.take());
        let node = &self.nodes[index];
        let due = node.seats.iter().filter_map(|seat| match self.mutant {
            Some(QuorumMutant::NeverAsksAgain) => {
                seat.router.as_ref().and_then(VirtualRouter::poll_timeout)
            }
            _ => seat.due(),
        });
        let Some(due) = due.min() else { return };
        let at = node.clock.when(due).max(self.now);
        let late = self.rng.duration(JITTER);
        let key = self.agenda.plan(at.after(late), Step::Wake(index));
        self.nodes[index].wake = Some(key);
    }

    fn seat(&mut self, (index, vip): Place) -> &mut Seat {
        &mut self.nodes[index].seats[vip]
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
