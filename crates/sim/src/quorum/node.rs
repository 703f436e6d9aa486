//! A simulated voter: the real cores, and a kernel that outlives the process.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use halo_quorum::{MAX_LEN, Member, Parameters, Timing};
use halo_vrrp::{Centiseconds, Config, Heartbeat, State, Version, VirtualRouter};

use super::plan::{QuorumNode, QuorumPlan};
use super::world::QuorumMutant;
use crate::Nanos;
use crate::agenda::Key;
use crate::process::{Inbox, Run};
use crate::time::Clock;

/// What travels between nodes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Packet {
    Advert {
        from: usize,
        vip: usize,
        heartbeat: Heartbeat,
    },
    Quorum {
        from: usize,
        vip: usize,
        body: [u8; MAX_LEN],
        len: usize,
    },
}

/// A voter's part in one virtual router.
#[derive(Debug)]
pub(super) struct Seat {
    /// `None`: a witness.
    pub(super) router: Option<VirtualRouter>,
    pub(super) member: Member,
    /// Until when the kernel answers for the addresses, by the node's clock; `None`: they are not there.
    pub(super) answers_until: Option<Instant>,
}

impl Seat {
    /// A new process in place of the former, which removes what that one left behind.
    fn start(&mut self, parameters: Parameters, now: Instant) {
        self.member = Member::new(parameters, now);
        if let Some(router) = &mut self.router {
            *router = VirtualRouter::new(*router.config()).with_quorum();
        }
        self.answers_until = None;
    }

    /// When it wants to be woken.
    pub(super) fn due(&self) -> Option<Instant> {
        let router = self.router.as_ref().and_then(VirtualRouter::poll_timeout);
        router.into_iter().chain(self.member.poll_timeout()).min()
    }
}

/// A voter.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) address: IpAddr,
    pub(super) clock: Clock,
    /// One a virtual router.
    pub(super) seats: Vec<Seat>,
    pub(super) run: Run,
    pub(super) silent_until: Nanos,
    pub(super) wake: Option<Key>,
    pub(super) inbox: Inbox<Packet>,
    /// Configured; a witness has it, too.
    pub(super) interval: Centiseconds,
    incarnation: u64,
}

impl Node {
    pub(super) fn new(index: usize, node: QuorumNode, plan: &QuorumPlan, epoch: Instant) -> Self {
        let clock = Clock::new(epoch, node.drift);
        let address = address(index);
        let parameters = parameters(index, plan, plan.interval, 0);
        let router = node.priority.map(|priority| {
            VirtualRouter::new(Config {
                version: Version::V3,
                address,
                priority,
                interval: plan.interval,
                preempt: plan.preempt,
                preempt_delay: Duration::ZERO,
            })
            .with_quorum()
        });
        let seat = || Seat {
            router: router.clone(),
            member: Member::new(parameters.clone(), clock.at(Nanos(0))),
            answers_until: None,
        };
        let mut node = Self {
            address,
            clock,
            seats: (0..plan.vips).map(|_| seat()).collect(),
            run: Run::Running,
            silent_until: Nanos(0),
            wake: None,
            inbox: Inbox::new(),
            interval: plan.interval,
            incarnation: 0,
        };
        node.keep_silent(Nanos(0), &plan.timing());
        node
    }

    /// A new process in place of the former.
    pub(super) fn start(
        &mut self,
        index: usize,
        plan: &QuorumPlan,
        now: Nanos,
        mutant: Option<QuorumMutant>,
    ) {
        self.incarnation += 1;
        let parameters = parameters(index, plan, self.interval, self.incarnation);
        let began = match mutant {
            Some(QuorumMutant::ForgetsPromises) => Nanos(0),
            _ => now,
        };
        let began = self.clock.at(began);
        for seat in &mut self.seats {
            seat.start(parameters.clone(), began);
        }
        self.run = Run::Running;
        self.inbox.clear();
        self.keep_silent(now, &plan.timing());
    }

    fn keep_silent(&mut self, now: Nanos, timing: &Timing) {
        let until = self.clock.at(now) + timing.silence_after_start();
        self.silent_until = self.clock.when(until);
    }

    /// Whether it takes part in the election.
    pub(super) fn is_able(&self, vip: usize) -> bool {
        let router = self.seats[vip].router.as_ref();
        self.run == Run::Running && router.is_some_and(|router| router.state() != State::Initialize)
    }

    /// Whether its kernel answers for the addresses.
    pub(super) fn owns(&self, vip: usize, now: Nanos) -> bool {
        // A machine that stands still answers nobody.
        let alive = !matches!(self.run, Run::Suspended { .. });
        let lease = self.seats[vip].answers_until;
        alive && lease.is_some_and(|until| self.clock.at(now) < until)
    }

    /// How many of the virtual routers it owns.
    pub(super) fn owned(&self, now: Nanos) -> usize {
        let vips = 0..self.seats.len();
        vips.filter(|vip| self.owns(*vip, now)).count()
    }

    /// Whether it may vote.
    pub(super) fn votes(&self, now: Nanos) -> bool {
        self.run == Run::Running && now >= self.silent_until
    }

    /// Whether it preempts, if it takes part at all.
    pub(super) fn preempts(&self) -> bool {
        let mut routers = self.seats.iter().flat_map(|seat| &seat.router);
        routers.all(|router| router.config().preempt)
    }
}

fn parameters(
    index: usize,
    plan: &QuorumPlan,
    interval: Centiseconds,
    incarnation: u64,
) -> Parameters {
    Parameters {
        own: address(index),
        voters: (0..plan.nodes.len()).map(address).collect(),
        timing: Timing::for_interval(interval.duration()),
        incarnation,
    }
}

fn address(index: usize) -> IpAddr {
    let host = u8::try_from(index + 1).unwrap_or(u8::MAX);
    IpAddr::V4(Ipv4Addr::new(10, 77, 0, host))
}
