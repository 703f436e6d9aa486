//! What a virtual router is told.

use std::net::IpAddr;
use std::time::Duration;

use halo_packet::vrrp::{Centiseconds, Priority};

/// Versions of VRRP, as far as the state machine differs between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Version {
    /// RFC 3768: everyone has the same interval, in whole seconds.
    V2,
    /// RFC 9568: a Backup learns the interval of the Active.
    #[default]
    V3,
}

/// Parameters of one virtual router on one node (RFC 9568 section 6.1). Its VRID, addresses and
/// interface are the driver's: the state machine does not need them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Config {
    /// The protocol version, which decides about Skew_Time and whether intervals are learned.
    pub version: Version,
    /// The node's own address, from which it sends: it breaks ties.
    pub address: IpAddr,
    /// Configured priority, 1 to 255; 255 is the owner of the addresses.
    pub priority: Priority,
    /// Advertisement_Interval.
    pub interval: Centiseconds,
    /// Preempt_Mode: whether this node takes over from an Active of lower priority.
    pub preempt: bool,
    /// How long a node that has become able does not preempt yet. While it hears no Active at all it
    /// takes over without this delay.
    pub preempt_delay: Duration,
}
