//! Why a virtual router is in the state it is in: as data, and as a sentence.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use halo_packet::vrrp::Priority;

use crate::{DisableReason, Heard, State};

/// What brought a virtual router into its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The node cannot hold the addresses.
    Disabled(DisableReason),
    /// The node stops.
    Shutdown,
    /// The node has become able and listens.
    Enabled,
    /// The addresses are the node's own (priority 255).
    Owner,
    /// No Active was ever heard.
    NoActive {
        /// How long it listened.
        listened: Duration,
    },
    /// The Active fell silent.
    Silent {
        /// The Active.
        active: IpAddr,
        /// Since its last advert.
        silence: Duration,
    },
    /// The Active gave the addresses up.
    Resigned {
        /// The former Active.
        active: IpAddr,
    },
    /// The Active fell silent and nothing on its machine answered.
    Dead {
        /// The Active.
        active: IpAddr,
        /// Since its last advert.
        silence: Duration,
    },
    /// The Active fell silent, its agent did not answer, and its kernel has stopped to answer for the
    /// addresses.
    LeaseEnded {
        /// The Active.
        active: IpAddr,
        /// How long its lease lasted after its last advert.
        lease: Duration,
    },
    /// The Active gave the addresses up and named this node its successor.
    Appointed {
        /// The former Active.
        by: IpAddr,
    },
    /// This node preempted an Active of lower priority.
    Preempted {
        /// The former Active.
        active: IpAddr,
        /// Its priority.
        theirs: Priority,
        /// Priority of this node.
        ours: Priority,
    },
    /// A planned failover to this node.
    TookOver,
    /// A planned failover away from this node.
    Yielded,
    /// This node is not fit to serve, and leaves the addresses to one that is.
    Unfit,
    /// Another virtual router of the sync group moved, and this one with it.
    WithGroup,
    /// An Active of higher priority appeared.
    Outranked {
        /// The other Active.
        active: IpAddr,
        /// Its priority.
        theirs: Priority,
        /// Priority of this node.
        ours: Priority,
    },
    /// An Active of the same priority and a higher address appeared.
    TieLost {
        /// The other Active.
        active: IpAddr,
        /// The priority of both.
        priority: Priority,
    },
    /// A majority could not be reached any more, and without it nobody holds the addresses.
    NoMajority,
    /// The node was paused while it was Active; another may have taken over meanwhile.
    Paused {
        /// For how long.
        gap: Duration,
    },
}

/// Why a virtual router is in its state now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Why {
    /// The state.
    pub state: State,
    /// What brought it there.
    pub reason: Reason,
    /// The Active that is being heard, while this node is not Active itself.
    pub active: Option<Heard>,
}

impl Why {
    /// The sentence, with `name` for the nodes' names.
    #[must_use]
    pub fn sentence(&self, name: &dyn Fn(IpAddr) -> String) -> String {
        let reason = self.reason.sentence(name);
        match (self.state, self.active) {
            (State::Backup, Some(active)) => {
                let from = name(active.from);
                let priority = active.priority;
                match self.reason {
                    Reason::Enabled
                    | Reason::Outranked { .. }
                    | Reason::TieLost { .. }
                    | Reason::Resigned { .. } => {
                        format!("{from} is Active with priority {priority}")
                    }
                    Reason::Disabled(_)
                    | Reason::Shutdown
                    | Reason::Owner
                    | Reason::NoActive { .. }
                    | Reason::Silent { .. }
                    | Reason::Dead { .. }
                    | Reason::LeaseEnded { .. }
                    | Reason::Appointed { .. }
                    | Reason::Preempted { .. }
                    | Reason::TookOver
                    | Reason::Yielded
                    | Reason::Unfit
                    | Reason::WithGroup
                    | Reason::NoMajority
                    | Reason::Paused { .. } => {
                        format!("{from} is Active with priority {priority}; {reason}")
                    }
                }
            }
            (State::Backup, None) | (State::Initialize | State::Active, _) => reason,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence(&|address| address.to_string()))
    }
}

impl Reason {
    /// The sentence, with `name` for the nodes' names.
    #[must_use]
    pub fn sentence(&self, name: &dyn Fn(IpAddr) -> String) -> String {
        match *self {
            Self::Disabled(reason) => reason.to_string(),
            Self::Shutdown => "the node is stopping".to_owned(),
            Self::Enabled => "ready, listening for an Active".to_owned(),
            Self::Owner => "the addresses are this node's own (priority 255)".to_owned(),
            Self::NoActive { listened } => {
                format!("no Active was heard for {}", millis(listened))
            }
            Self::Silent { active, silence } => {
                format!("{} was silent for {}", name(active), millis(silence))
            }
            Self::Dead { active, silence } => {
                let (name, silence) = (name(active), millis(silence));
                format!("{name} was silent for {silence} and does not answer")
            }
            Self::LeaseEnded { active, lease } => {
                let (name, lease) = (name(active), millis(lease));
                format!("the agent on {name} does not answer, and its lease of {lease} has ended")
            }
            Self::Appointed { by } => format!("{} handed it over", name(by)),
            Self::Resigned { active } => format!("{} gave it up", name(active)),
            Self::Preempted {
                active,
                theirs,
                ours,
            } => format!(
                "priority {ours} here is higher than the {theirs} of {}",
                name(active)
            ),
            Self::TookOver => "taken over by command".to_owned(),
            Self::Yielded => "yielded by command".to_owned(),
            Self::WithGroup => "moved together with its sync group".to_owned(),
            Self::Unfit => "left to others, since this node is not fit to serve".to_owned(),
            Self::Outranked {
                active,
                theirs,
                ours,
            } => format!(
                "{} is Active with the higher priority {theirs} (here {ours})",
                name(active)
            ),
            Self::TieLost { active, priority } => format!(
                "{} is Active with the same priority {priority} and the higher address",
                name(active)
            ),
            Self::NoMajority => "no majority of the nodes could be reached".to_owned(),
            Self::Paused { gap } => format!(
                "this node was paused for {} while Active and listens first",
                millis(gap)
            ),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence(&|address| address.to_string()))
    }
}

fn millis(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LB2: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 77, 0, 12));

    #[test]
    fn a_reason_names_the_nodes_as_people_do() {
        let reason = Reason::Silent {
            active: LB2,
            silence: Duration::from_micros(361_400),
        };
        assert_eq!(
            reason.sentence(&|_| "lb2".to_owned()),
            "lb2 was silent for 361 ms"
        );
        assert_eq!(reason.to_string(), "10.77.0.12 was silent for 361 ms");
    }
}
