//! Sync groups in virtual time: on each node several real virtual routers that move together, driven as
//! the agent drives them.
//!
//! The plans are those of a single router; adverts of each router are lost and late on their own. Each has
//! an owner as ever, and no node holds some of the group and not the others for long.

mod world;

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use halo_vrrp::{Config, Heartbeat, State, Version, VirtualRouter};

use crate::agenda::Key;
use crate::plan::NodePlan;
use crate::process::{Inbox, Run};
use crate::time::Clock;

pub use world::run_group;

/// A defect put into every node's driver, to show that the rules notice it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupMutant {
    /// What one router decides is not passed on to the others.
    PassesNothingOn,
    /// What disables a node disables one router of the group.
    DisablesOne,
}

/// An advert on its way.
#[derive(Debug, Clone, Copy)]
struct Packet {
    from: usize,
    /// Which router of the group.
    vip: usize,
    heartbeat: Heartbeat,
}

#[derive(Debug)]
struct Node {
    address: IpAddr,
    clock: Clock,
    routers: Vec<VirtualRouter>,
    run: Run,
    /// Most that it wakes up late for being busy.
    busy: Duration,
    wake: Option<Key>,
    inbox: Inbox<Packet>,
}

impl Node {
    fn new(index: usize, plan: NodePlan, vips: usize, epoch: Instant) -> Self {
        let host = u8::try_from(index + 1).unwrap_or(u8::MAX);
        let address = IpAddr::V4(Ipv4Addr::new(10, 77, 0, host));
        // All of a group have the same parameters: the configuration is refused otherwise.
        let router = VirtualRouter::new(Config {
            version: Version::V3,
            address,
            priority: plan.priority,
            interval: plan.interval,
            preempt: plan.preempt,
            preempt_delay: plan.preempt_delay,
        });
        Self {
            address,
            clock: Clock::new(epoch, plan.drift),
            routers: vec![router; vips],
            run: Run::Running,
            busy: Duration::ZERO,
            wake: None,
            inbox: Inbox::new(),
        }
    }

    fn is_active(&self, vip: usize) -> bool {
        self.run == Run::Running && self.routers[vip].state() == State::Active
    }

    /// How many of the group it holds.
    fn held(&self) -> usize {
        let vips = 0..self.routers.len();
        vips.filter(|vip| self.is_active(*vip)).count()
    }

    /// Whether it holds some of the group, and not the others.
    fn is_split(&self) -> bool {
        (1..self.routers.len()).contains(&self.held())
    }

    fn go_down(&mut self) {
        self.run = Run::Down;
        self.inbox.clear();
        for router in &mut self.routers {
            *router = VirtualRouter::new(*router.config());
        }
    }
}
