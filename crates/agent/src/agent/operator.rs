//! What an operator asks of the node as a whole.

use std::time::Instant;

use halo_api::{AdminState, AgentReply, EventKind, NodeCommand};
use halo_netio::Platform;
use halo_vrrp::Event;
use tracing::info;

use super::Agent;

/// What an operator has asked of the node. It lasts until halod ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub(super) duty: AdminState,
    pub(super) paused: bool,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            duty: AdminState::Ready,
            paused: false,
        }
    }
}

impl Wish {
    /// What `hactl status` is to show until it is undone.
    pub(super) fn warnings(self) -> impl Iterator<Item = String> {
        let duty = match self.duty {
            AdminState::Ready => None,
            AdminState::Drain => Some(
                "this node drains: it holds a VIP only while nobody else does (undo: hactl node ready)",
            ),
            AdminState::Maint => {
                Some("this node is in maintenance: it holds no VIP (undo: hactl node ready)")
            }
        };
        let paused = self.paused.then_some(
            "automatic failover is paused here: this node takes over only by command, or from a \
             node that gives a VIP up (undo: hactl resume)",
        );
        duty.into_iter().chain(paused).map(str::to_owned)
    }
}

impl<P: Platform> Agent<P> {
    pub(super) fn handle_node_command(
        &mut self,
        command: &NodeCommand,
        now: Instant,
    ) -> AgentReply {
        if self.stopping {
            let reason = "the node is stopping".to_owned();
            return AgentReply::Refused { reason };
        }
        match command {
            NodeCommand::Duty { duty } => self.set_duty(*duty, now),
            NodeCommand::Pause { paused } => self.set_paused(*paused, now),
            NodeCommand::Failback { vip } => self.failback(vip.as_deref(), now),
        }
    }

    fn set_duty(&mut self, duty: AdminState, now: Instant) -> AgentReply {
        self.wish.duty = duty;
        let message = match duty {
            AdminState::Ready => "takes part again",
            AdminState::Drain => "leaves its VIPs to others, and finishes what it has",
            AdminState::Maint => "is out of service, and holds no VIP",
        };
        self.apply_trackers(now);
        self.refresh_abilities(now);
        self.tell_wish(message)
    }

    fn set_paused(&mut self, paused: bool, now: Instant) -> AgentReply {
        self.wish.paused = paused;
        for index in 0..self.vips.len() {
            self.perform(index, Event::Paused(paused), now);
        }
        // What happened meanwhile counts from now on.
        self.apply_trackers(now);
        self.tell_wish(if paused {
            "takes over only by command, or from a node that gives a VIP up"
        } else {
            "takes over by its own judgement again"
        })
    }

    fn tell_wish(&mut self, what: &str) -> AgentReply {
        let message = format!("{} {what}", self.own_name());
        info!("{message}");
        let subject = self.own_name().to_owned();
        self.note(EventKind::Node, &subject, format!("{what}, by command"));
        AgentReply::Done { message }
    }

    /// Moves VIPs to the member with the highest configured priority, as far as that can be done from
    /// here: by the node that holds one, or by its home.
    fn failback(&mut self, vip: Option<&str>, now: Instant) -> AgentReply {
        let indexes = match self.select(vip, None) {
            Ok(indexes) => indexes,
            Err(reason) => return AgentReply::Refused { reason },
        };
        let (mut done, mut refused) = (Vec::new(), Vec::new());
        for index in indexes {
            let Some(home) = self.home_of(index) else {
                continue;
            };
            let name = self.vips[index].config.name.clone();
            match self.failover(Some(&name), Some(&home), false, now) {
                AgentReply::Done { message } => {
                    if home == self.own_name() {
                        // With the highest priority of all there is nothing to be held against.
                        self.drive(index, Event::Unhold, now);
                    }
                    done.push(message);
                }
                AgentReply::Refused { reason } | AgentReply::Failed { reason } => {
                    refused.push(reason);
                }
                AgentReply::Status(_) | AgentReply::Events { .. } => {}
            }
        }
        if done.is_empty() {
            let reason = refused.join("; ");
            return AgentReply::Refused { reason };
        }
        done.extend(refused);
        AgentReply::Done {
            message: done.join("; "),
        }
    }

    /// The member that the configuration prefers; its name.
    fn home_of(&self, index: usize) -> Option<String> {
        let nodes = &self.loaded.config.nodes;
        nodes
            .iter()
            .zip(&self.vips[index].config.priorities)
            .filter_map(|(node, priority)| Some(((*priority)?, node.address.addr(), &node.name)))
            .max()
            .map(|(_, _, name)| name.clone())
    }
}
