//! `[[track]]` as it is written.

use std::net::IpAddr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AbsolutePath, Interface, Name, Text};
use crate::defaults;

/// Something that a node needs to be fit to hold VIPs. While it fails, the node gives way to one
/// that is fit, and holds a VIP only when no other node does; with a `weight`, its priority drops
/// instead.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Track {
    /// Its name in status, events and metrics.
    #[schemars(required)]
    pub(crate) name: Option<Text<Name>>,
    /// What is watched.
    #[schemars(required)]
    pub(crate) check: Option<TrackCheck>,
    /// interface: the one that must be up, with carrier. route: the one that the route must lead to.
    /// gateway: the one to ask on, in place of the one that the route leaves by; a link-local gateway
    /// needs it.
    pub(crate) interface: Option<Text<Interface>>,
    /// interface: an address that must be on it.
    pub(crate) address: Option<Text<IpAddr>>,
    /// route: the address that there must be a route to; with `interface`, one that leaves by it.
    pub(crate) destination: Option<Text<IpAddr>>,
    /// gateway: the neighbour that must answer ARP, or neighbour discovery if it has IPv6.
    pub(crate) gateway: Option<Text<IpAddr>>,
    /// script: the program that must exit with status 0, and its arguments. It runs without
    /// privileges, without input and output, in an empty environment but for PATH.
    #[schemars(length(min = 1))]
    pub(crate) command: Option<Vec<String>>,
    /// script: the directory that it starts in.
    #[serde(default = "defaults::track_directory")]
    pub(crate) directory: Text<AbsolutePath>,
    /// pool: the pool whose servers must be up.
    pub(crate) pool: Option<String>,
    /// pool: how many servers must be up.
    #[serde(default = "defaults::track_min_up")]
    #[schemars(range(min = 1, max = 65_536))]
    pub(crate) min_up: usize,
    /// The VIPs that depend on it.
    #[schemars(length(min = 1), extend("x-default" = "every VIP"))]
    pub(crate) vips: Option<Vec<String>>,
    /// Taken off the node's priority while it fails, down to 1 at the least.
    #[schemars(range(min = 1, max = 253), extend("x-default" = "none: the node gives way at once"))]
    pub(crate) weight: Option<u8>,
    /// Time between checks, "10ms" to "1h". Changes of interfaces and pools are seen at once.
    #[serde(default = "defaults::track_interval")]
    pub(crate) interval: Text<Duration>,
    /// gateway, script: one that takes longer has failed; a script is killed. Not longer than
    /// `interval`.
    #[schemars(extend("x-default" = "1s, or the interval when that is shorter"))]
    pub(crate) timeout: Option<Text<Duration>>,
    /// Good results in a row after which it is good again.
    #[serde(default = "defaults::track_rise")]
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) rise: u32,
    /// Bad results in a row after which it has failed.
    #[schemars(range(min = 1, max = 1000), extend("x-default" = "1 for interface, route and pool; 3 for gateway; 2 for script"))]
    pub(crate) fall: Option<u32>,
}

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum TrackCheck {
    /// an interface is up
    Interface,
    /// there is a route
    Route,
    /// a neighbour answers ARP
    Gateway,
    /// a program says that all is well
    Script,
    /// servers of a pool are up
    Pool,
}
