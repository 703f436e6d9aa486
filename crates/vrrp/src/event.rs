//! What goes into a virtual router and what comes out of it.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use halo_packet::vrrp::{Centiseconds, Priority};

use crate::{Config, Reason};

/// The states of RFC 9568 section 6.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Not taking part.
    Initialize,
    /// Watching the Active.
    Backup,
    /// Holding the addresses.
    Active,
}

/// What a valid advertisement says to the election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// The sender's priority; [`Priority::RESIGN`] when it gives the addresses up.
    pub priority: Priority,
    /// The sender's Advertisement_Interval.
    pub interval: Centiseconds,
}

/// What the driver knows, beside its adverts, of an Active that answers when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Detection {
    /// The Active.
    pub active: IpAddr,
    /// How long after an advert its kernel answers for the addresses, should its agent fall silent;
    /// `None`: nobody can say.
    pub lease: Option<Duration>,
    /// How many live Backups are to take over rather than this one.
    pub rank: u8,
}

/// What came of [`Action::Probe`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The agent says that it is Active, with this priority.
    Active(Priority),
    /// The agent says that it is not.
    NotActive,
    /// The kernel of its machine answers. That says nothing of the agent.
    Kernel,
}

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The node can hold the addresses: interface up, data plane ready (RFC 9568: Startup).
    Enable,
    /// The node cannot hold the addresses any more, or not yet.
    Disable(DisableReason),
    /// A valid advertisement arrived.
    Advert {
        /// Source address of its packet.
        from: IpAddr,
        /// What it says.
        heartbeat: Heartbeat,
    },
    /// The time of [`crate::VirtualRouter::poll_timeout`] has come.
    Timeout,
    /// Planned failover away from this node.
    Yield,
    /// Planned failover to this node.
    TakeOver,
    /// Another virtual router of the sync group is Active here (see [`crate::group_event`]).
    GroupActive {
        /// With this priority.
        priority: Priority,
    },
    /// Another virtual router of the sync group has been lost to an Active elsewhere.
    GroupLost,
    /// The node stops.
    Shutdown,
    /// Other parameters, from a changed configuration. The driver changes addresses on its own.
    Reconfigure(Config),
    /// The driver did not run for this long: the process, or the machine, was paused.
    ClockGap(Duration),
    /// Whether takeovers by this node's own judgement are suspended: it relieves no Active that falls
    /// silent or has a lower priority, only one that gives the addresses up.
    Paused(bool),
    /// What planned failovers have done to the priority is over.
    Unhold,
    /// Whether the node is fit to serve. One that is not leaves the addresses to whoever is, and holds
    /// them only while nobody else does.
    Fit(bool),
    /// Quorum mode: a majority has agreed that this node holds the addresses.
    MandateGranted,
    /// Quorum mode: the majority's agreement ends, and could not be renewed.
    MandateLost,
    /// Quorum mode: a node that reaches a majority wants the addresses.
    Challenged {
        /// The node.
        by: IpAddr,
        /// Its priority.
        priority: Priority,
    },
    /// Whether, and how, the Active that is heard can be asked if it is still there.
    Detection(Option<Detection>),
    /// An answer came.
    Answer {
        /// Whose it is, by the address of its adverts.
        from: IpAddr,
        /// What it says.
        answer: Answer,
    },
    /// An Active that gives the addresses up named this node its successor.
    Appointed {
        /// The former Active.
        by: IpAddr,
        /// Whether an operator wants this node to keep them.
        hold: bool,
    },
}

/// Why a node cannot hold the addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DisableReason {
    /// It has just started.
    Starting,
    /// The interface is down, has no carrier, or does not exist.
    InterfaceDown,
    /// The interface does not have the node's own address.
    NoAddress,
    /// The data plane is not ready, or dead.
    DataPlaneDown,
    /// The addresses could not be put on the interface.
    ClaimFailed,
    /// An operator took the node out of service.
    Maintenance,
    /// The configuration does not make this node a member.
    NotMember,
    /// Another virtual router of the sync group cannot be held here.
    GroupMember,
}

impl fmt::Display for DisableReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "the node is starting",
            Self::InterfaceDown => "the interface is down",
            Self::NoAddress => "the node's own address is not on the interface",
            Self::DataPlaneDown => "the data plane is not ready",
            Self::ClaimFailed => "the addresses could not be put on the interface",
            Self::Maintenance => "this node is in maintenance",
            Self::NotMember => "this node is not a member",
            Self::GroupMember => "another VIP of its sync group cannot be held here",
        })
    }
}

/// What the driver is to do, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send an advertisement.
    SendAdvert {
        /// Its priority.
        priority: Priority,
        /// Its interval.
        interval: Centiseconds,
    },
    /// Put the addresses on the interface and send a burst of gratuitous ARP.
    Claim,
    /// Take the addresses off the interface.
    Release,
    /// Ask this Active, and the kernel of its machine, by every path there is, if it is still there.
    Probe(IpAddr),
    /// Send gratuitous ARP again.
    Reannounce(ReannounceCause),
    /// Quorum mode: ask a majority whether this node may hold the addresses, until it may or
    /// [`Action::DropMandate`] comes.
    SeekMandate {
        /// The priority with which it asks.
        priority: Priority,
        /// Whether an Active of lower priority is to hand over, or only a vacancy is to be filled.
        challenge: bool,
    },
    /// Quorum mode: this node needs the majority's agreement no more; the addresses are off.
    DropMandate {
        /// Who is to be next.
        successor: Option<IpAddr>,
    },
    /// For people: the state changed. What it entails came before.
    Transition {
        /// The state left.
        from: State,
        /// The state entered.
        to: State,
        /// Why.
        reason: Reason,
    },
}

/// Why the addresses are announced again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReannounceCause {
    /// A while after the claim or after a rival, for whoever missed the burst.
    AfterClaim,
    /// Now and then, for tables that were filled wrongly or lost.
    Refresh,
    /// Another node acted as Active and was outranked: the network may still send to it.
    Rival(IpAddr),
}
