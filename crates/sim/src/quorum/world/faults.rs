//! What faults do.

use halo_quorum::Timing;
use halo_vrrp::{Centiseconds, Config, DisableReason, Event, Priority};

use super::{QuorumFault, Violation, World};
use crate::network::Noise;
use crate::process::Run;

impl World<'_> {
    pub(super) fn apply(&mut self, fault: QuorumFault) -> Result<(), Violation> {
        self.note(|| format!("--- {fault:?}"));
        self.settled = false;
        self.split_since = None;
        for monitor in &mut self.monitors {
            monitor.disturb(self.now);
        }
        match fault {
            QuorumFault::Kill(node) => self.kill(node),
            QuorumFault::PowerOff(node) => {
                self.kill(node);
                for seat in &mut self.nodes[node].seats {
                    seat.answers_until = None;
                }
            }
            QuorumFault::Start(node) => self.start(node)?,
            QuorumFault::Stop(node) => {
                if self.nodes[node].run == Run::Running {
                    self.tell(node, Event::Shutdown)?;
                    self.kill(node);
                }
            }
            QuorumFault::Freeze { node, queues } => self.freeze(node, queues),
            QuorumFault::Thaw(node) => self.thaw(node)?,
            QuorumFault::Suspend(node) => {
                if self.nodes[node].run == Run::Running {
                    self.nodes[node].run = Run::Suspended { since: self.now };
                }
            }
            QuorumFault::Leap { node, by } => {
                self.nodes[node].clock.leap(by);
                if self.nodes[node].run == Run::Running {
                    self.wake(node)?;
                }
            }
            QuorumFault::Reconfigure {
                node,
                priority,
                interval,
                preempt,
            } => self.reconfigure(node, priority, interval, preempt)?,
            QuorumFault::Disable(node) => {
                self.command(node, Event::Disable(DisableReason::DataPlaneDown))?;
            }
            QuorumFault::Enable(node) => self.command(node, Event::Enable)?,
            QuorumFault::Cut { from, to } => self.network.set_cut(from, to, true),
            QuorumFault::Partition(side) => self.network.partition(side),
            QuorumFault::Mend => self.network.mend(),
            QuorumFault::Noise {
                loss,
                duplicate,
                delay,
            } => {
                self.network.noise = Noise {
                    loss,
                    duplicate,
                    corrupt: 0,
                    delay,
                };
            }
            QuorumFault::Silence => self.network.noise = Noise::default(),
            // All or none: the agent refuses it otherwise.
            QuorumFault::TakeOver(node) => {
                let mut routers = self.nodes[node].seats.iter().flat_map(|seat| &seat.router);
                if routers.all(|router| router.can_take_over().is_ok()) {
                    self.command(node, Event::TakeOver)?;
                }
            }
            QuorumFault::YieldOwner
            | QuorumFault::KillOwner
            | QuorumFault::IsolateOwner
            | QuorumFault::FreezeOwner => self.apply_to_owner(fault)?,
        }
        Ok(())
    }

    /// What happens to the node that owns most of the group.
    fn apply_to_owner(&mut self, fault: QuorumFault) -> Result<(), Violation> {
        let owned = |node: &usize| self.nodes[*node].owned(self.now);
        let owners = (0..self.nodes.len()).filter(|node| owned(node) > 0);
        let Some(owner) = owners.max_by_key(owned) else {
            return Ok(());
        };
        match fault {
            QuorumFault::YieldOwner => self.command(owner, Event::Yield)?,
            QuorumFault::KillOwner => self.kill(owner),
            QuorumFault::IsolateOwner => self.network.partition(1 << owner),
            _ => self.freeze(owner, self.now.0.is_multiple_of(2)),
        }
        Ok(())
    }

    /// A command or a change, if the process is there to take it.
    fn command(&mut self, node: usize, event: Event) -> Result<(), Violation> {
        if self.nodes[node].run == Run::Running {
            self.tell(node, event)?;
        }
        Ok(())
    }

    /// A changed file is read: the election has its parameters, the quorum its times.
    fn reconfigure(
        &mut self,
        node: usize,
        priority: Priority,
        interval: Centiseconds,
        preempt: bool,
    ) -> Result<(), Violation> {
        let one = &mut self.nodes[node];
        one.interval = interval;
        if one.run == Run::Running {
            for seat in &mut one.seats {
                seat.member
                    .set_timing(Timing::for_interval(interval.duration()));
            }
        }
        let Some(config) = one.seats[0].router.as_ref().map(|router| *router.config()) else {
            return Ok(());
        };
        let config = Config {
            priority,
            interval,
            preempt,
            ..config
        };
        self.command(node, Event::Reconfigure(config))
    }

    /// The process is gone; what its kernel does goes on.
    fn kill(&mut self, node: usize) {
        self.agenda.cancel(self.nodes[node].wake.take());
        self.nodes[node].run = Run::Down;
        self.nodes[node].inbox.clear();
    }

    fn start(&mut self, node: usize) -> Result<(), Violation> {
        if self.nodes[node].run == Run::Down {
            self.restarted = true;
            self.nodes[node].start(node, self.plan, self.now, self.mutant);
            self.tell(node, Event::Enable)?;
        }
        Ok(())
    }

    fn freeze(&mut self, node: usize, queues: bool) {
        if self.nodes[node].run == Run::Running {
            let since = self.now;
            self.nodes[node].run = Run::Frozen { since, queues };
        }
    }

    /// The process runs on: it notices the gap, does what is due, then reads what waits.
    fn thaw(&mut self, index: usize) -> Result<(), Violation> {
        let since = match self.nodes[index].run {
            Run::Frozen { since, .. } | Run::Suspended { since } => since,
            Run::Running | Run::Down => return Ok(()),
        };
        self.nodes[index].run = Run::Running;
        let gap = self.now.since(since);
        if gap > self.nodes[index].interval.duration() {
            self.tell(index, Event::ClockGap(gap))?;
        }
        while let Some(packet) = self.nodes[index].inbox.read() {
            self.receive(index, packet)?;
        }
        self.wake(index)
    }
}
