//! What faults do to a cluster with a sync group.

use halo_vrrp::{Config, DisableReason, Event};

use super::{Fault, Run, Violation, World};

impl World {
    pub(super) fn apply(&mut self, fault: Fault) -> Result<(), Violation> {
        self.note(|| format!("--- {fault:?}"));
        self.settled = false;
        self.split_since = None;
        for monitor in &mut self.monitors {
            monitor.disturb(self.now);
        }
        match fault {
            Fault::Crash(node) => self.crash(node),
            Fault::Start(node) => {
                if self.nodes[node].run == Run::Down {
                    self.nodes[node].run = Run::Running;
                    self.tell(node, Event::Enable)?;
                }
            }
            Fault::Stop(node) => {
                self.command(node, Event::Shutdown)?;
                self.crash(node);
            }
            Fault::Freeze { node, queues } => self.freeze(node, queues),
            Fault::Pause(node) => {
                if self.nodes[node].run == Run::Running {
                    self.nodes[node].run = Run::Suspended { since: self.now };
                }
            }
            Fault::Thaw { node, noticed } => self.thaw(node, noticed)?,
            Fault::Leap { node, by, noticed } => {
                self.nodes[node].clock.leap(by);
                if noticed {
                    self.command(node, Event::ClockGap(by))?;
                }
                self.wake(node)?;
            }
            Fault::Disable(node) => {
                self.command(node, Event::Disable(DisableReason::DataPlaneDown))?;
            }
            Fault::Enable(node) => self.command(node, Event::Enable)?,
            // All or none: the agent refuses it otherwise.
            Fault::TakeOver(node) => {
                let mut routers = self.nodes[node].routers.iter();
                if routers.all(|router| router.can_take_over().is_ok()) {
                    self.command(node, Event::TakeOver)?;
                }
            }
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
                    ..*self.nodes[node].routers[0].config()
                };
                self.command(node, Event::Reconfigure(config))?;
            }
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
            Fault::YieldActive
            | Fault::CrashActive
            | Fault::DisableActive
            | Fault::IsolateActive
            | Fault::FreezeActive => self.apply_to_active(fault)?,
        }
        Ok(())
    }

    /// What happens to the node that holds most of the group.
    fn apply_to_active(&mut self, fault: Fault) -> Result<(), Violation> {
        let nodes = self.nodes.iter().enumerate();
        let Some((active, _)) = nodes
            .filter(|(_, node)| node.held() > 0)
            .max_by_key(|(_, node)| node.held())
        else {
            return Ok(());
        };
        match fault {
            Fault::YieldActive => self.command(active, Event::Yield)?,
            Fault::CrashActive => self.crash(active),
            Fault::DisableActive => {
                self.command(active, Event::Disable(DisableReason::DataPlaneDown))?;
            }
            Fault::IsolateActive => self.network.partition(1 << active),
            _ => self.freeze(active, self.now.0.is_multiple_of(2)),
        }
        Ok(())
    }

    /// A command or a change, if the node is there to take it.
    fn command(&mut self, node: usize, event: Event) -> Result<(), Violation> {
        if self.nodes[node].run == Run::Running {
            self.tell(node, event)?;
        }
        Ok(())
    }

    fn crash(&mut self, node: usize) {
        self.agenda.cancel(self.nodes[node].wake.take());
        self.nodes[node].go_down();
    }

    fn freeze(&mut self, node: usize, queues: bool) {
        if self.nodes[node].run == Run::Running {
            let since = self.now;
            self.nodes[node].run = Run::Frozen { since, queues };
        }
    }

    fn thaw(&mut self, index: usize, noticed: bool) -> Result<(), Violation> {
        match self.nodes[index].run {
            Run::Frozen { since, .. } => {
                self.nodes[index].run = Run::Running;
                if noticed {
                    self.tell(index, Event::ClockGap(self.now.since(since)))?;
                }
            }
            Run::Suspended { since } => {
                self.nodes[index].clock.stood_still(since, self.now);
                self.nodes[index].run = Run::Running;
            }
            Run::Running | Run::Down => return Ok(()),
        }
        while let Some(packet) = self.nodes[index].inbox.read() {
            self.receive(index, packet)?;
        }
        self.wake(index)
    }
}
