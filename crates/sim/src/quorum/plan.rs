//! What the voters of a run are, and what happens to them.

use std::time::Duration;

use halo_quorum::Timing;
use halo_vrrp::{Centiseconds, Priority};

use crate::{Nanos, Rng};

/// A run of a cluster with a quorum.
#[derive(Debug, Clone)]
pub struct QuorumPlan {
    /// Seed of the network's and the schedulers' chance.
    pub seed: u64,
    /// Advertisement interval of all nodes.
    pub interval: Centiseconds,
    /// Whether nodes preempt.
    pub preempt: bool,
    /// Virtual routers; several of them are a sync group.
    pub vips: usize,
    /// The voters; three to seven.
    pub nodes: Vec<QuorumNode>,
    /// What happens, in order of time.
    pub faults: Vec<(Nanos, QuorumFault)>,
    /// When the run ends. It leaves the nodes the time to settle after the last fault.
    pub end: Nanos,
}

/// A voter at its start.
#[derive(Debug, Clone, Copy)]
pub struct QuorumNode {
    /// Configured priority; `None`: a witness.
    pub priority: Option<Priority>,
    /// Parts per million that its clock runs fast; the quorum allows for one in a hundred.
    pub drift: i32,
}

/// Something that happens to a voter or to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuorumFault {
    /// The process is killed; its kernel goes on answering for as long as the lease lasts.
    Kill(usize),
    /// The machine is gone, addresses and all.
    PowerOff(usize),
    /// A process that is not there starts.
    Start(usize),
    /// The process stops in order.
    Stop(usize),
    /// The process stands still; what is sent to it waits, or is lost. Its kernel and its clock go on.
    Freeze {
        /// The node.
        node: usize,
        /// Whether packets wait.
        queues: bool,
    },
    /// It runs on.
    Thaw(usize),
    /// The machine stands still, its kernel, too; its clock goes on. It runs on when it thaws.
    Suspend(usize),
    /// The node's clock leaps ahead, by no more than promises leave beside drift.
    Leap {
        /// The node.
        node: usize,
        /// How far.
        by: Duration,
    },
    /// The node's configuration changes.
    Reconfigure {
        /// The node; of a witness, the interval changes.
        node: usize,
        /// Its new priority.
        priority: Priority,
        /// Its new interval.
        interval: Centiseconds,
        /// Its new preemption.
        preempt: bool,
    },
    /// The node's data plane dies.
    Disable(usize),
    /// It is ready again.
    Enable(usize),
    /// Nothing gets from the one node to the other.
    Cut {
        /// Sender.
        from: usize,
        /// Receiver.
        to: usize,
    },
    /// The nodes whose bit is set and the others hear each other no more.
    Partition(u8),
    /// Every cut and partition ends.
    Mend,
    /// Packets are lost, doubled and delayed. Shares in thousandths.
    Noise {
        /// Lost.
        loss: u16,
        /// Doubled.
        duplicate: u16,
        /// Most that is added to the latency.
        delay: Duration,
    },
    /// Noise ends.
    Silence,
    /// The owner, whichever it is, is told to yield.
    YieldOwner,
    /// The node is told to take over.
    TakeOver(usize),
    /// The owner's process is killed.
    KillOwner,
    /// Nothing gets from or to the owner.
    IsolateOwner,
    /// The owner's process stands still.
    FreezeOwner,
}

impl QuorumPlan {
    /// The plan of a seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x5175_6f72_756d);
        let centiseconds = rng.pick(&[1, 2, 10, 10, 10, 50]);
        let interval = Centiseconds::new(centiseconds).unwrap_or(Centiseconds::SECOND);
        let count = rng.pick(&[3, 3, 3, 3, 5, 7]);
        let mut plan = Self {
            seed,
            interval,
            preempt: rng.chance(700),
            vips: 1,
            nodes: draw_nodes(&mut rng, count),
            faults: Vec::new(),
            end: Nanos(0),
        };
        // After the voters' first silence in most runs; in the others from the first moment.
        let mut at = Nanos(0);
        if rng.chance(800) {
            at = at.after(plan.timing().silence_after_start() + plan.vacancy());
        }
        let chaos = plan.timing().lease * 20;
        for _ in 0..1 + rng.below(8) {
            let from = at.after(rng.duration(chaos));
            let until = from.after(rng.duration(chaos));
            plan.draw_fault(&mut rng, from, until);
        }
        // Of a sequence of its own: without it a seed means what it always meant.
        let mut later = Rng::new(seed.rotate_left(16));
        if later.chance(400) {
            let from = at.after(later.duration(chaos));
            let until = from.after(later.duration(chaos));
            plan.draw_later_fault(&mut later, from, until);
        }
        plan.draw_finale(&mut rng);
        plan.finish();
        plan
    }

    /// The plan of a seed for a group of two or three virtual routers that move together.
    #[must_use]
    pub fn of_group(seed: u64) -> Self {
        let vips = if seed.is_multiple_of(2) { 2 } else { 3 };
        Self {
            vips,
            ..Self::from_seed(seed)
        }
    }

    /// Every process runs in the end, except one at times; every cut is mended, except one at times.
    fn draw_finale(&mut self, rng: &mut Rng) {
        let calm = self.last_fault();
        for node in 0..self.nodes.len() {
            self.faults.push((calm, QuorumFault::Thaw(node)));
            self.faults.push((calm, QuorumFault::Start(node)));
            self.faults.push((calm, QuorumFault::Enable(node)));
        }
        self.faults.push((calm, QuorumFault::Mend));
        self.faults.push((calm, QuorumFault::Silence));
        let at = calm.after(self.settling() + rng.duration(self.interval.duration()));
        let node = rng.index(self.nodes.len());
        let finale = rng.pick(&[
            None,
            Some(QuorumFault::KillOwner),
            Some(QuorumFault::IsolateOwner),
            Some(QuorumFault::FreezeOwner),
            Some(QuorumFault::YieldOwner),
            Some(QuorumFault::TakeOver(node)),
            Some(QuorumFault::PowerOff(node)),
        ]);
        self.faults.extend(finale.map(|fault| (at, fault)));
    }

    /// Sorts the faults and sets the end so that the nodes can settle after the last one.
    pub fn finish(&mut self) {
        self.faults.sort_by_key(|(at, _)| *at);
        let quiet = self.timing().lease * 10;
        self.end = self.last_fault().after(self.settling() + quiet);
    }

    /// The longest interval that any node has at any time.
    fn longest_interval(&self) -> Duration {
        let later = self.faults.iter().filter_map(|(_, fault)| match fault {
            QuorumFault::Reconfigure { interval, .. } => Some(interval.duration()),
            _ => None,
        });
        let first = self.interval.duration();
        later.fold(first, Duration::max)
    }

    /// The quorum's times; the longest, if they change.
    #[must_use]
    pub fn timing(&self) -> Timing {
        Timing::for_interval(self.longest_interval())
    }

    /// How long the addresses may be without an owner on a majority's side: the promises lapse, and
    /// meanwhile Active_Down_Timer fires; then attempts, which may collide.
    #[must_use]
    pub fn vacancy(&self) -> Duration {
        let timing = self.timing();
        timing.promise(timing.lease) + self.longest_interval() * 8 + timing.retry() * 6
    }

    /// The longest that nodes which hear each other may each own some of a group: as long as whoever is to
    /// have the rest may take to get it.
    pub(super) fn longest_split(&self) -> Duration {
        self.vacancy()
    }

    /// The time in which any disturbance settles.
    #[must_use]
    pub fn settling(&self) -> Duration {
        self.timing().silence_after_start() + self.vacancy() * 3
    }

    fn last_fault(&self) -> Nanos {
        let times = self.faults.iter().map(|(at, _)| *at);
        times.max().unwrap_or_default()
    }

    /// One fault with its end. What has no end of its own ends with the chaos.
    fn draw_fault(&mut self, rng: &mut Rng, from: Nanos, until: Nanos) {
        let count = self.nodes.len();
        let node = rng.index(count);
        let other = (node + 1 + rng.index(count - 1)) % count;
        let (begin, end) = match rng.below(12) {
            // A service manager starts it again at once: within the lease that it has promised.
            0 => {
                let soon = from.after(rng.duration(self.timing().lease));
                self.faults.push((from, QuorumFault::Kill(node)));
                self.faults.push((soon, QuorumFault::Start(node)));
                return;
            }
            1 => (QuorumFault::Kill(node), Some(QuorumFault::Start(node))),
            2 => (QuorumFault::PowerOff(node), Some(QuorumFault::Start(node))),
            3 => (QuorumFault::Stop(node), Some(QuorumFault::Start(node))),
            4 | 5 => {
                let queues = rng.chance(500);
                let freeze = QuorumFault::Freeze { node, queues };
                (freeze, Some(QuorumFault::Thaw(node)))
            }
            6 => (QuorumFault::Disable(node), Some(QuorumFault::Enable(node))),
            7 if rng.chance(500) => {
                // Two that still hear the others, but not each other.
                let back = QuorumFault::Cut {
                    from: other,
                    to: node,
                };
                self.faults.push((from, back));
                let cut = QuorumFault::Cut {
                    from: node,
                    to: other,
                };
                (cut, Some(QuorumFault::Mend))
            }
            7 => {
                let cut = QuorumFault::Cut {
                    from: node,
                    to: other,
                };
                (cut, Some(QuorumFault::Mend))
            }
            8 | 9 => {
                let side = u8::try_from(rng.below(128)).unwrap_or(1);
                (QuorumFault::Partition(side), Some(QuorumFault::Mend))
            }
            10 => (self.draw_noise(rng), Some(QuorumFault::Silence)),
            _ if rng.chance(500) => (QuorumFault::YieldOwner, None),
            _ => (QuorumFault::TakeOver(node), None),
        };
        self.faults.push((from, begin));
        self.faults.extend(end.map(|end| (until, end)));
    }

    /// A changed configuration, a machine that is suspended, or a clock that leaps.
    fn draw_later_fault(&mut self, rng: &mut Rng, from: Nanos, until: Nanos) {
        let node = rng.index(self.nodes.len());
        match rng.below(3) {
            0 => {
                let longer = (self.interval.get() * 2).min(50);
                let longer = Centiseconds::new(longer).unwrap_or(self.interval);
                let change = QuorumFault::Reconfigure {
                    node,
                    priority: Priority(u8::try_from(1 + rng.below(254)).unwrap_or(100)),
                    interval: rng.pick(&[self.interval, longer]),
                    preempt: rng.chance(800),
                };
                self.faults.push((from, change));
            }
            1 => {
                self.faults.push((from, QuorumFault::Suspend(node)));
                self.faults.push((until, QuorumFault::Thaw(node)));
            }
            _ => {
                // Promises outlast their leases by 1.09 % when clocks drift as much as they may.
                let by = rng.duration(self.timing().lease / 100);
                self.faults.push((from, QuorumFault::Leap { node, by }));
            }
        }
    }

    fn draw_noise(&self, rng: &mut Rng) -> QuorumFault {
        let mut share = |most: u64| u16::try_from(rng.below(most)).unwrap_or(0);
        let (loss, duplicate) = (share(500), share(300));
        // Some messages arrive when their lease, or their sender, is no more.
        let delay = rng.duration(self.timing().lease * 3);
        QuorumFault::Noise {
            loss,
            duplicate,
            delay,
        }
    }
}

fn draw_nodes(rng: &mut Rng, count: usize) -> Vec<QuorumNode> {
    let witnesses = match count {
        3 => rng.index(2),
        _ => rng.index(3),
    };
    let ties = rng.chance(200);
    (0..count)
        .map(|index| {
            let drawn = u8::try_from(1 + rng.below(254)).unwrap_or(100);
            let priority = if ties { Priority(100) } else { Priority(drawn) };
            QuorumNode {
                priority: (index + witnesses < count).then_some(priority),
                drift: i32::try_from(rng.below(20_001)).unwrap_or(0) - 10_000,
            }
        })
        .collect()
}
