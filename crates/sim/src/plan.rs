//! What the nodes of a run are, and what happens to them.

use std::time::Duration;

use halo_vrrp::{Centiseconds, Priority};

use crate::{Nanos, Rng};

/// A run: nodes and faults.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Seed of the network's and the schedulers' chance.
    pub seed: u64,
    /// The nodes; two to seven.
    pub nodes: Vec<NodePlan>,
    /// Whether an Active whose advert is late is asked if it is still there.
    pub fast: bool,
    /// What happens, in order of time.
    pub faults: Vec<(Nanos, Fault)>,
    /// When the run ends. It leaves the nodes the time to settle after the last fault.
    pub end: Nanos,
}

/// One node at its start.
#[derive(Debug, Clone, Copy)]
pub struct NodePlan {
    /// Configured priority.
    pub priority: Priority,
    /// Advertisement interval.
    pub interval: Centiseconds,
    /// Whether it preempts.
    pub preempt: bool,
    /// How long it waits before it preempts.
    pub preempt_delay: Duration,
    /// Parts per million that its clock runs fast.
    pub drift: i32,
}

/// Something that happens to a node or to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The node is gone from one moment to the next, its addresses with it.
    Crash(usize),
    /// A node that crashed or stopped starts anew.
    Start(usize),
    /// The node stops in order.
    Stop(usize),
    /// The node stands still; what is sent to it waits, or is lost.
    Freeze {
        /// The node.
        node: usize,
        /// Whether packets wait for it, as for a stopped process, or not, as for a paused machine.
        queues: bool,
    },
    /// It runs on.
    Thaw {
        /// The node.
        node: usize,
        /// Whether its driver notices by itself that it stood still.
        noticed: bool,
    },
    /// The node's machine stands still, and its clock with it, until it thaws: a hypervisor that does not
    /// tell its guest.
    Pause(usize),
    /// The node's clock leaps ahead.
    Leap {
        /// The node.
        node: usize,
        /// How far.
        by: Duration,
        /// Whether its driver notices by itself.
        noticed: bool,
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
    /// Packets are lost, doubled, damaged and delayed. Shares in thousandths.
    Noise {
        /// Lost.
        loss: u16,
        /// Doubled.
        duplicate: u16,
        /// Damaged by one bit.
        corrupt: u16,
        /// Most that is added to the latency.
        delay: Duration,
    },
    /// Noise ends.
    Silence,
    /// The node's processor is busy: it wakes up this much late at most.
    Busy {
        /// The node.
        node: usize,
        /// Most lateness; zero ends it.
        late: Duration,
    },
    /// The Active, whichever it is, is told to yield.
    YieldActive,
    /// The node is told to take over.
    TakeOver(usize),
    /// The node's configuration changes.
    Reconfigure {
        /// The node.
        node: usize,
        /// Its new priority.
        priority: Priority,
        /// Its new interval.
        interval: Centiseconds,
        /// Its new preemption.
        preempt: bool,
    },
    /// The Active, whichever it is, crashes.
    CrashActive,
    /// The Active's data plane dies.
    DisableActive,
    /// Nothing gets from or to the Active.
    IsolateActive,
    /// The Active stands still.
    FreezeActive,
}

impl Plan {
    /// The plan of a seed, with this many nodes at least and at most.
    #[must_use]
    pub fn from_seed(seed: u64, nodes: (usize, usize)) -> Self {
        let mut rng = Rng::new(seed);
        let count = nodes.0 + rng.index(nodes.1 + 1 - nodes.0);
        let centiseconds = rng.pick(&[1, 2, 10, 10, 10, 100]);
        let interval = Centiseconds::new(centiseconds).unwrap_or(Centiseconds::SECOND);
        let nodes = draw_nodes(&mut rng, count, interval);
        let mut plan = Self {
            seed,
            nodes,
            fast: Rng::new(seed.rotate_left(32)).chance(700),
            faults: Vec::new(),
            end: Nanos(0),
        };
        // A start in calm in half of the runs; in the others chaos from the first moment.
        let mut at = Nanos(0);
        if rng.chance(500) {
            at = at.after(plan.settling());
        }
        let chaos = interval.duration() * 60;
        for _ in 0..1 + rng.below(8) {
            let from = at.after(rng.duration(chaos));
            let until = from.after(rng.duration(chaos));
            plan.draw_fault(&mut rng, from, until);
        }
        // Of a sequence of its own: without it a seed means what it always meant.
        let mut clocks = Rng::new(seed.rotate_left(16));
        if clocks.chance(300) {
            plan.draw_clock_fault(&mut clocks, at, chaos);
        }
        let calm = plan.last_fault();
        for node in 0..count {
            // Some nodes stay away in the end, the first one never.
            if node > 0 && rng.chance(150) {
                plan.faults.push((calm, Fault::Crash(node)));
            }
        }
        let chosen = rng.index(count);
        let finale = rng.pick(&[
            None,
            Some(Fault::CrashActive),
            Some(Fault::DisableActive),
            Some(Fault::IsolateActive),
            Some(Fault::FreezeActive),
            Some(Fault::YieldActive),
            Some(Fault::TakeOver(chosen)),
        ]);
        let at = calm.after(plan.settling() + rng.duration(interval.duration()));
        if let Some(fault) = finale {
            plan.faults.push((at, fault));
            let over = at.after(plan.settling());
            plan.faults.push((over, Fault::Mend));
            let noticed = rng.chance(500);
            let thaws = (0..count).map(|node| (over, Fault::Thaw { node, noticed }));
            plan.faults.extend(thaws);
        }
        plan.finish();
        plan
    }

    /// Sorts the faults and sets the end so that the nodes can settle after the last one.
    pub fn finish(&mut self) {
        self.faults.sort_by_key(|(at, _)| *at);
        let quiet = self.longest_interval() * 20;
        self.end = self.last_fault().after(self.settling() + quiet);
    }

    /// The time in which any disturbance settles: detection, a second one for who was paused or woke
    /// late, the delay before preemption and the preemption itself.
    #[must_use]
    pub fn settling(&self) -> Duration {
        self.vacancy() + self.longest_delay() + self.longest_interval() * 5
    }

    /// The longest that the addresses may be without a holder once the network is calm: detection
    /// at the lowest priority, twice for who was paused or woke late.
    #[must_use]
    pub fn vacancy(&self) -> Duration {
        self.longest_interval() * 9
    }

    /// The longest that two owners may stand side by side in a calm network.
    pub(crate) fn overlap(&self) -> Duration {
        let mut faults = self.faults.iter();
        let commanded = faults.any(|(_, fault)| matches!(fault, Fault::TakeOver(_)));
        self.longest_interval() * if commanded { 4 } else { 1 }
    }

    /// The longest that a node may hold some of a sync group, and not the others, in a calm network:
    /// Active_Down_Interval at the lowest priority.
    pub(crate) fn longest_split(&self) -> Duration {
        self.longest_interval() * 4
    }

    /// The longest interval that any node has at any time.
    #[must_use]
    pub fn longest_interval(&self) -> Duration {
        let later = self.faults.iter().filter_map(|(_, fault)| match fault {
            Fault::Reconfigure { interval, .. } => Some(interval.duration()),
            _ => None,
        });
        let first = self.nodes.iter().map(|node| node.interval.duration());
        first.chain(later).max().unwrap_or_default()
    }

    fn longest_delay(&self) -> Duration {
        let delays = self.nodes.iter().map(|node| node.preempt_delay);
        delays.max().unwrap_or_default()
    }

    fn last_fault(&self) -> Nanos {
        let times = self.faults.iter().map(|(at, _)| *at);
        times.max().unwrap_or_default()
    }

    /// A clock that leaps, or stands still with its machine.
    fn draw_clock_fault(&mut self, rng: &mut Rng, start: Nanos, chaos: Duration) {
        let node = rng.index(self.nodes.len());
        let from = start.after(rng.duration(chaos));
        let noticed = rng.chance(500);
        if rng.chance(500) {
            let by = rng.duration(self.nodes[node].interval.duration() * 8);
            self.faults.push((from, Fault::Leap { node, by, noticed }));
        } else {
            let until = from.after(rng.duration(chaos));
            self.faults.push((from, Fault::Pause(node)));
            self.faults.push((until, Fault::Thaw { node, noticed }));
        }
    }

    /// One fault with its end. What has no end of its own ends with the chaos.
    fn draw_fault(&mut self, rng: &mut Rng, from: Nanos, until: Nanos) {
        let node = rng.index(self.nodes.len());
        let other = (node + 1 + rng.index(self.nodes.len() - 1)) % self.nodes.len();
        let interval = self.nodes[node].interval;
        let (begin, end) = match rng.below(12) {
            0 => (Fault::Crash(node), Some(Fault::Start(node))),
            1 => (Fault::Stop(node), Some(Fault::Start(node))),
            2 | 3 => {
                let queues = rng.chance(500);
                let noticed = rng.chance(500);
                (
                    Fault::Freeze { node, queues },
                    Some(Fault::Thaw { node, noticed }),
                )
            }
            4 => (Fault::Disable(node), Some(Fault::Enable(node))),
            5 => (
                Fault::Cut {
                    from: node,
                    to: other,
                },
                Some(Fault::Mend),
            ),
            6 => {
                let side = u8::try_from(rng.below(128)).unwrap_or(1);
                (Fault::Partition(side), Some(Fault::Mend))
            }
            7 | 8 => (draw_noise(rng, interval), Some(Fault::Silence)),
            9 => {
                let late = rng.duration(interval.duration() * 4);
                let rested = Fault::Busy {
                    node,
                    late: Duration::ZERO,
                };
                (Fault::Busy { node, late }, Some(rested))
            }
            10 if rng.chance(500) => (Fault::YieldActive, None),
            10 => (Fault::TakeOver(node), Some(Fault::TakeOver(other))),
            _ => (draw_configuration(rng, node, interval), None),
        };
        self.faults.push((from, begin));
        self.faults.extend(end.map(|end| (until, end)));
    }
}

fn draw_nodes(rng: &mut Rng, count: usize, interval: Centiseconds) -> Vec<NodePlan> {
    let preempt = rng.chance(700);
    let delay = if rng.chance(700) { 0 } else { 30 };
    let ties = rng.chance(200);
    let owner = rng.chance(100);
    (0..count)
        .map(|index| {
            let drawn = u8::try_from(1 + rng.below(254)).unwrap_or(100);
            let priority = match index {
                0 if owner => Priority::OWNER,
                _ if ties => Priority::DEFAULT,
                _ => Priority(drawn),
            };
            NodePlan {
                priority,
                interval,
                preempt,
                preempt_delay: interval.duration() * delay,
                drift: i32::try_from(rng.below(401)).unwrap_or(0) - 200,
            }
        })
        .collect()
}

fn draw_noise(rng: &mut Rng, interval: Centiseconds) -> Fault {
    let mut share = |most: u64| u16::try_from(rng.below(most)).unwrap_or(0);
    let (loss, duplicate, corrupt) = (share(400), share(200), share(100));
    let delay = rng.duration(interval.duration() * 3);
    Fault::Noise {
        loss,
        duplicate,
        corrupt,
        delay,
    }
}

fn draw_configuration(rng: &mut Rng, node: usize, interval: Centiseconds) -> Fault {
    let longer = Centiseconds::new(interval.get() * 2).unwrap_or(interval);
    Fault::Reconfigure {
        node,
        priority: Priority(u8::try_from(1 + rng.below(254)).unwrap_or(100)),
        interval: rng.pick(&[interval, longer]),
        preempt: rng.chance(800),
    }
}
