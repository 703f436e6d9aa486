//! A simulated node: the real virtual router, and a driver that can be frozen.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use halo_vrrp::{Config, Detection, Priority, State, VirtualRouter, active_down_interval};

use crate::Nanos;
use crate::agenda::Key;
use crate::plan::NodePlan;
use crate::process::{Inbox, Run};
use crate::time::Clock;

/// Bytes of a VRRPv3 advertisement with one IPv4 address.
pub(super) const MESSAGE: usize = 12;

/// An advertisement on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet {
    pub(super) from: usize,
    pub(super) bytes: [u8; MESSAGE],
    pub(super) damaged: bool,
}

impl Packet {
    /// Whether it is an advert that claims the addresses: one with a priority above 0, undamaged.
    pub(super) fn claims(&self) -> bool {
        !self.damaged && self.bytes[2] != Priority::RESIGN.get()
    }
}

/// A node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) address: IpAddr,
    pub(super) clock: Clock,
    pub(super) router: VirtualRouter,
    pub(super) run: Run,
    /// Whether the addresses are on its interface.
    pub(super) holds: bool,
    /// When its kernel stops to answer for the addresses if its agent stands still.
    pub(super) leased: Nanos,
    /// What its virtual router was told last of the Active.
    pub(super) detection: Option<Detection>,
    /// Most that it wakes up late for being busy.
    pub(super) busy: Duration,
    /// Its next wake-up in the agenda.
    pub(super) wake: Option<Key>,
    pub(super) inbox: Inbox<Packet>,
}

impl Node {
    pub(super) fn new(index: usize, plan: NodePlan, epoch: Instant) -> Self {
        let host = u8::try_from(index + 1).unwrap_or(u8::MAX);
        let address = IpAddr::V4(Ipv4Addr::new(10, 77, 0, host));
        Self {
            address,
            clock: Clock::new(epoch, plan.drift),
            router: VirtualRouter::new(Config {
                version: halo_vrrp::Version::V3,
                address,
                priority: plan.priority,
                interval: plan.interval,
                preempt: plan.preempt,
                preempt_delay: plan.preempt_delay,
            }),
            run: Run::Running,
            holds: false,
            leased: Nanos(0),
            detection: None,
            busy: Duration::ZERO,
            wake: None,
            inbox: Inbox::new(),
        }
    }

    /// Whether it takes part in the election.
    pub(super) fn is_able(&self) -> bool {
        self.router.state() != State::Initialize
    }

    /// State, adverts sent, and how long the others (if it is Active) or it itself would wait.
    pub(super) fn before_thaw(&self) -> (State, u64, Duration) {
        let router = &self.router;
        let state = router.state();
        let patience = match state {
            State::Active => {
                active_down_interval(router.config().interval, router.effective_priority())
            }
            State::Initialize | State::Backup => router.active_down_interval(),
        };
        (state, router.counters().adverts_sent, patience)
    }

    /// All of its process is gone.
    pub(super) fn go_down(&mut self) {
        self.run = Run::Down;
        self.holds = false;
        self.inbox.clear();
        self.detection = None;
        self.router = VirtualRouter::new(*self.router.config());
    }
}
