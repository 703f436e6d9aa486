//! The simulated cluster: an agenda of what happens when, and the voters it happens to.

mod faults;

use std::time::{Duration, Instant};

use halo_quorum::{Action as Ask, Epoch, Intent, MAX_LEN, Message};
use halo_vrrp::{Action, Event, Heartbeat, Priority, VirtualRouter, group_event};

use super::monitor::{Monitor, Standing, violation};
use super::node::{Node, Packet, Seat};
use super::plan::{QuorumFault, QuorumPlan};
use crate::agenda::Agenda;
use crate::monitor::{Invariant, SLACK, Violation};
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
        (0..self.plan.vips).try_for_each(|vip| self.drive((index, vip), event))
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
        self.wake_later(at.0);
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

    /// An owner that follows another has a higher epoch, unless voters have forgotten.
    fn check_epoch(&mut self, at: Place) -> Result<(), Violation> {
        let (index, vip) = at;
        let now = self.clock(index);
        let epoch = self.seat(at).member.view(now).epoch;
        let before = self.latest[vip].replace((index, epoch));
        let fell = before.is_some_and(|(owner, before)| owner != index && epoch <= before);
        if fell && !self.restarted && self.mutant.is_none() {
            let details = format!("lb{index} took over with epoch {epoch}, after {before:?}");
            return Err(violation(self.now, Invariant::EpochGrows, details));
        }
        Ok(())
    }

    fn send_all(&mut self, (from, vip): Place, heartbeat: Heartbeat) {
        let packet = Packet::Advert {
            from,
            vip,
            heartbeat,
        };
        for to in (0..self.nodes.len()).filter(|to| *to != from) {
            self.launch(from, to, packet);
        }
    }

    fn send(&mut self, (from, vip): Place, to: std::net::IpAddr, message: Message) {
        let answers = matches!(message, Message::Stance { .. } | Message::Refusal { .. });
        if answers && self.mutant == Some(QuorumMutant::MuteVoters) {
            return;
        }
        let Some(to) = self.nodes.iter().position(|node| node.address == to) else {
            return;
        };
        let mut body = [0; MAX_LEN];
        let len = message.encode(&mut body);
        let packet = Packet::Quorum {
            from,
            vip,
            body,
            len,
        };
        self.launch(from, to, packet);
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
            Packet::Advert {
                from,
                vip,
                heartbeat,
            } => {
                let from = self.nodes[from].address;
                self.drive((to, vip), Event::Advert { from, heartbeat })
            }
            Packet::Quorum {
                from,
                vip,
                body,
                len,
            } => {
                let from = self.nodes[from].address;
                let now = self.clock(to);
                match Message::decode(&body[..len]) {
                    Ok(message) => {
                        let member = &mut self.seat((to, vip)).member;
                        member.handle_message(from, &message, now);
                    }
                    Err(error) => {
                        let details = format!("{error}: {:?}", &body[..len]);
                        return Err(violation(self.now, Invariant::DamageDetected, details));
                    }
                }
                self.follow_up((to, vip))
            }
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

    /// Looks at each router's owners, and at the group.
    fn watch(&mut self) -> Result<(), Violation> {
        for vip in 0..self.plan.vips {
            let standing = self.standing(vip);
            self.monitors[vip].watch(self.now, standing)?;
        }
        let Some((one, two)) = self
            .split()
            .filter(|_| self.network.noise == Noise::default())
        else {
            self.split_since = None;
            return Ok(());
        };
        let since = *self.split_since.get_or_insert(self.now);
        let (lasting, limit) = (self.now.since(since), self.plan.longest_split() + SLACK);
        if lasting <= limit {
            return Ok(());
        }
        let details = format!(
            "lb{one} and lb{two} have each owned some of the group for {lasting:?}, at most {limit:?}"
        );
        Err(violation(self.now, Invariant::GroupTogether, details))
    }

    /// Two nodes that hear each other, and each own some of the group.
    fn split(&self) -> Option<(usize, usize)> {
        if self.plan.vips == 1 {
            return None;
        }
        let owners = (0..self.nodes.len()).filter(|node| self.nodes[*node].owned(self.now) > 0);
        let owners: Vec<usize> = owners.collect();
        let pairs = owners.windows(2).map(|pair| (pair[0], pair[1]));
        let both_ways = |(one, two): &(usize, usize)| {
            self.network.is_open(*one, *two) && self.network.is_open(*two, *one)
        };
        pairs.into_iter().find(both_ways)
    }

    fn standing(&self, vip: usize) -> Standing {
        let owners = self.nodes.iter().filter(|node| node.owns(vip, self.now));
        Standing {
            owners: u32::try_from(owners.count()).unwrap_or(u32::MAX),
            majority: (0..self.nodes.len()).any(|node| self.could_own(node, vip)),
            calm: self.network.noise == Noise::default(),
            whole: self.network.is_calm() && self.nodes.iter().all(|n| n.run == Run::Running),
        }
    }

    /// Whether an able node and a majority that may vote hear each other.
    fn could_own(&self, node: usize, vip: usize) -> bool {
        let reached = (0..self.nodes.len()).filter(|voter| {
            self.nodes[*voter].votes(self.now)
                && self.network.is_open(node, *voter)
                && self.network.is_open(*voter, node)
        });
        self.nodes[node].is_able(vip) && reached.count() > self.nodes.len() / 2
    }

    /// The plan left the time to settle.
    fn check_end(&self) -> Result<(), Violation> {
        if !self.settled {
            let details = "the run ended before its nodes could settle: the plan is wrong";
            let invariant = Invariant::MajorityHolds;
            return Err(violation(self.now, invariant, details.to_owned()));
        }
        if let Some((one, two)) = self.split() {
            let details = format!("lb{one} and lb{two} each own some of the group in the end");
            return Err(violation(self.now, Invariant::GroupTogether, details));
        }
        (0..self.plan.vips).try_for_each(|vip| self.check_owner(vip))
    }

    fn check_owner(&self, vip: usize) -> Result<(), Violation> {
        let standing = self.standing(vip);
        if standing.majority && standing.owners == 0 {
            let details = "a majority has no owner in the end".to_owned();
            return Err(violation(self.now, Invariant::MajorityHolds, details));
        }
        if standing.whole && self.nodes.iter().all(Node::preempts) {
            self.check_preference(vip)?;
        }
        Ok(())
    }

    fn check_preference(&self, vip: usize) -> Result<(), Violation> {
        let able = self.nodes.iter().filter(|node| node.is_able(vip));
        let priority = |node: &Node| {
            let router = node.seats[vip].router.as_ref();
            router.map(VirtualRouter::effective_priority)
        };
        let highest = able.filter_map(priority).max();
        let owner = self.nodes.iter().find(|node| node.owns(vip, self.now));
        if owner.and_then(priority) < highest {
            let details = format!(
                "the owner has {:?}, not {highest:?}",
                owner.and_then(priority)
            );
            return Err(violation(self.now, Invariant::HighestPriority, details));
        }
        Ok(())
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
