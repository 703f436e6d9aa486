//! What faults do, and what must come of them.

use std::time::Duration;

use halo_vrrp::{Config, DisableReason, Event, State};

use crate::monitor::{Expected, Invariant, SLACK, Violation};
use crate::plan::Fault;
use crate::process::Run;

use super::{Nanos, World};

impl World {
    pub(super) fn apply(&mut self, fault: Fault) -> Result<(), Violation> {
        self.note(|| format!("--- {fault:?}"));
        let expected = self.settled.then(|| self.expected(fault)).flatten();
        self.settled = false;
        self.monitor.disturb(self.now);
        if !matches!(fault, Fault::Freeze { .. } | Fault::FreezeActive) {
            self.disturbed = self.now;
        }
        match fault {
            Fault::Crash(node) => self.crash(node),
            Fault::Start(node) => self.start(node)?,
            Fault::Stop(node) => {
                self.command(node, Event::Shutdown)?;
                self.crash(node);
            }
            Fault::Freeze { node, queues } => self.freeze(node, queues),
            Fault::Thaw { node, noticed } => self.thaw(node, noticed)?,
            Fault::Pause(node) => {
                if self.nodes[node].run == Run::Running {
                    self.nodes[node].run = Run::Suspended { since: self.now };
                }
            }
            Fault::Leap { node, by, noticed } => self.leap(node, by, noticed)?,
            Fault::Disable(node) => {
                self.command(node, Event::Disable(DisableReason::DataPlaneDown))?;
            }
            Fault::Enable(node) => self.command(node, Event::Enable)?,
            Fault::Cut { .. }
            | Fault::Partition(_)
            | Fault::Mend
            | Fault::Noise { .. }
            | Fault::Silence => self.network.suffer(fault),
            Fault::Busy { node, late } => {
                self.nodes[node].busy = late;
                if self.nodes[node].run == Run::Running {
                    self.schedule(node);
                }
            }
            Fault::TakeOver(node) => self.command(node, Event::TakeOver)?,
            Fault::Reconfigure {
                node,
                priority,
                interval,
                preempt,
            } => {
                let config = Config {
                    priority,
                    interval,
                    preempt,
                    ..*self.nodes[node].router.config()
                };
                self.command(node, Event::Reconfigure(config))?;
            }
            Fault::YieldActive
            | Fault::CrashActive
            | Fault::DisableActive
            | Fault::IsolateActive
            | Fault::FreezeActive => self.apply_to_active(fault)?,
        }
        if let Some(expected) = expected {
            self.monitor.expect(expected);
        }
        Ok(())
    }

    fn apply_to_active(&mut self, fault: Fault) -> Result<(), Violation> {
        let Some(active) = self.active() else {
            return Ok(());
        };
        match fault {
            Fault::YieldActive => self.command(active, Event::Yield),
            Fault::CrashActive => {
                self.crash(active);
                Ok(())
            }
            Fault::DisableActive => {
                self.command(active, Event::Disable(DisableReason::DataPlaneDown))
            }
            Fault::IsolateActive => {
                self.network.partition(1 << active);
                Ok(())
            }
            _ => {
                self.freeze(active, self.now.0.is_multiple_of(2));
                Ok(())
            }
        }
    }

    /// The node that is Active, if it runs.
    pub(super) fn active(&self) -> Option<usize> {
        self.nodes
            .iter()
            .position(|node| node.run == Run::Running && node.holds)
    }

    /// A command or a change, if the node is there to take it.
    fn command(&mut self, node: usize, event: Event) -> Result<(), Violation> {
        if self.nodes[node].run == Run::Running {
            self.handle(node, event)?;
        }
        Ok(())
    }

    fn crash(&mut self, node: usize) {
        self.agenda.cancel(self.nodes[node].wake.take());
        self.nodes[node].go_down();
    }

    fn start(&mut self, node: usize) -> Result<(), Violation> {
        if self.nodes[node].run == Run::Down {
            self.nodes[node].run = Run::Running;
            self.handle(node, Event::Enable)?;
        }
        Ok(())
    }

    fn freeze(&mut self, node: usize, queues: bool) {
        if self.nodes[node].run == Run::Running {
            let since = self.now;
            self.nodes[node].run = Run::Frozen { since, queues };
        }
    }

    /// The node runs on: its driver may notice the gap, then reads what waits, then its timer fires.
    fn thaw(&mut self, index: usize, noticed: bool) -> Result<(), Violation> {
        let since = match self.nodes[index].run {
            Run::Frozen { since, .. } => since,
            Run::Suspended { since } => {
                // By its own clock nothing has happened, and nobody can tell it that something has.
                self.nodes[index].clock.stood_still(since, self.now);
                self.nodes[index].run = Run::Running;
                return self.handle(index, Event::Timeout);
            }
            Run::Running | Run::Down => return Ok(()),
        };
        self.nodes[index].run = Run::Running;
        let gap = self.now.since(since);
        let before = self.nodes[index].before_thaw();
        if noticed {
            self.handle(index, Event::ClockGap(gap))?;
        }
        while let Some(packet) = self.nodes[index].inbox.read() {
            self.receive(index, packet)?;
        }
        self.handle(index, Event::Timeout)?;
        self.check_listens_first(index, gap, noticed, before)
    }

    /// The node's clock leaps ahead: to the node that is as if it had stood still, but that nothing waits.
    fn leap(&mut self, index: usize, by: Duration, noticed: bool) -> Result<(), Violation> {
        self.nodes[index].clock.leap(by);
        if self.nodes[index].run != Run::Running {
            return Ok(());
        }
        let before = self.nodes[index].before_thaw();
        if noticed {
            self.handle(index, Event::ClockGap(by))?;
        }
        self.handle(index, Event::Timeout)?;
        self.check_listens_first(index, by, noticed, before)
    }

    /// Whoever was away for longer than the others wait speaks only after it has listened.
    fn check_listens_first(
        &self,
        index: usize,
        gap: Duration,
        noticed: bool,
        before: (State, u64, Duration),
    ) -> Result<(), Violation> {
        let (state, sent, patience) = before;
        let patience = match state {
            State::Active => patience,
            // Its timer may have been set just before the freeze, and it may be an interval late.
            State::Initialize | State::Backup if noticed => patience,
            State::Initialize | State::Backup => patience * 2,
        };
        let node = &self.nodes[index];
        let spoke = node.holds || node.router.counters().adverts_sent > sent;
        if gap > patience && spoke {
            let details = format!("lb{index} spoke at once after {gap:?}, as {state:?} before");
            return Err(self.violation(Invariant::ListensFirst, details));
        }
        Ok(())
    }

    /// The takeover that this fault must bring about in a settled cluster.
    fn expected(&self, fault: Fault) -> Option<Expected> {
        let active = self.active()?;
        let heirs = (0..self.nodes.len()).filter(|index| {
            let node = &self.nodes[*index];
            *index != active && node.run == Run::Running && node.router.state() == State::Backup
        });
        let routers = heirs.clone().map(|index| &self.nodes[index].router);
        let everyone = heirs.fold(0, |bits, index| bits | 1 << index);
        let (wait, heirs) = match fault {
            Fault::CrashActive | Fault::IsolateActive | Fault::FreezeActive => {
                let rfc = routers.map(|router| router.active_down_interval()).min()?;
                let fast = self.fast_bound(active, fault == Fault::FreezeActive);
                (fast.map_or(rfc, |fast| fast.min(rfc)), everyone)
            }
            Fault::YieldActive | Fault::DisableActive => {
                (routers.map(|router| router.skew_time()).min()?, everyone)
            }
            Fault::TakeOver(node) if everyone >> node & 1 == 1 => {
                self.nodes[node].router.can_take_over().ok()?;
                (Duration::ZERO, 1 << node)
            }
            _ => return None,
        };
        Some(Expected {
            by: Nanos::after(self.now, wait + SLACK),
            heirs,
        })
    }
}
