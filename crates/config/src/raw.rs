//! The file as it is written: one type a section, one field a key.
//!
//! The doc comments are the reference: `cargo run -p xtask -- docs` turns them into
//! `docs/configuration.md` and the JSON Schema. `Option` fields marked `required` are mandatory in
//! the file; they are optional here because a wrong value has been reported and cut out before
//! serde sees it.

mod leaf;
mod listener;
mod network;
mod pool;
mod role;
mod track;
mod units;
mod words;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::defaults;
use crate::model::AccessLog;
pub(crate) use leaf::{Text, check_leaf};
pub(crate) use listener::{Listener, ListenerTimeouts, Protocol, Route, UdpMode};
pub(crate) use network::VipAddress;
pub(crate) use pool::{Balance, Check, Health, Pool, PoolTimeouts, ProxyProtocol, Server};
pub(crate) use role::Role;
pub(crate) use track::{Track, TrackCheck};
pub(crate) use units::{Size, duration_text};
pub(crate) use words::{
    AbsolutePath, HostHeader, Interface, Name, Password, PathPrefix, Statuses, Target,
};

/// Halo's configuration file: one TOML file, the same on every node.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// The cluster as a whole.
    #[serde(default)]
    pub(crate) cluster: Cluster,
    /// The machines of the cluster; each finds itself by its name.
    #[schemars(required, length(min = 1))]
    pub(crate) node: Option<Vec<Node>>,
    /// Virtual IPs: addresses that one node at a time holds.
    #[serde(default)]
    pub(crate) vip: Vec<Vip>,
    /// What a node needs to be fit to hold VIPs.
    #[serde(default)]
    pub(crate) track: Vec<Track>,
    /// Where clients connect.
    #[serde(default)]
    pub(crate) listener: Vec<Listener>,
    /// Which pool answers a request. The most exact host wins (a name, then the longest `*.`
    /// suffix, then any), then the longest path prefix, then the order in the file.
    #[serde(default)]
    pub(crate) route: Vec<Route>,
    /// Servers that answer for the same content.
    #[serde(default)]
    pub(crate) pool: Vec<Pool>,
    /// The admin API, which `hactl`, probes and Prometheus speak to.
    #[serde(default)]
    pub(crate) admin: Admin,
    /// The process that carries the traffic.
    #[serde(default)]
    pub(crate) data_plane: DataPlane,
    /// What is logged, and where.
    #[serde(default)]
    pub(crate) log: Log,
}

/// The cluster as a whole.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cluster {
    /// The cluster's name, shown by `hactl status`.
    #[serde(default = "defaults::cluster_name")]
    pub(crate) name: Text<Name>,
    /// File that holds the secret by which nodes know each other's heartbeats for true; the same on
    /// every node, readable by root alone. Its first line is signed with; a second one is accepted
    /// too, while the secret is being replaced.
    #[schemars(extend("x-default" = "none: whoever can send packets on the nodes' network can take a VIP"))]
    pub(crate) secret_file: Option<Text<AbsolutePath>>,
    /// Whether heartbeats must be signed, when there is a secret.
    #[serde(default = "defaults::signatures")]
    pub(crate) signatures: Signatures,
    /// Whether a node needs the agreement of a majority of the nodes to hold a VIP. There are never
    /// two owners then, and none on a side without a majority; it takes three nodes or more, of which
    /// some may be witnesses, and adverts at least every 500 ms. See docs/quorum.md.
    #[serde(default = "defaults::quorum")]
    pub(crate) quorum: bool,
}

/// Which heartbeats are taken, when there is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Signatures {
    /// signed ones alone
    Required,
    /// unsigned ones too, while the secret is turned on or off on one node after the other
    Optional,
}

/// A machine of the cluster.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Node {
    /// The node's name. A node finds itself by `--node`, `HALO_NODE` or its host name.
    #[schemars(required)]
    pub(crate) name: Option<Text<Name>>,
    /// The address that heartbeats are sent from, with its network's prefix length.
    #[schemars(required)]
    pub(crate) address: Option<Text<IpNet>>,
    /// The IPv6 address that heartbeats of IPv6 VIPs are sent from when they travel unicast, with its
    /// network's prefix length; global or unique local.
    #[schemars(extend("x-default" = "none: they are multicast from the link-local address"))]
    pub(crate) address6: Option<Text<IpNet>>,
    /// VRRP priority where a VIP names no other; the highest holds the VIP.
    #[serde(default = "defaults::priority")]
    pub(crate) priority: Priority,
    /// What the node is for.
    #[serde(default = "defaults::role")]
    pub(crate) role: Role,
}

/// A VRRP priority (RFC 9568 section 5.2.4); 255 is left to address owners, 0 to releases.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Priority(#[schemars(range(min = 1, max = 254))] pub(crate) u8);

/// One virtual router: addresses that move together.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vip {
    /// Its name in commands, logs and metrics.
    #[schemars(required)]
    pub(crate) name: Option<Text<Name>>,
    /// VRRP virtual router identifier; unique on its network, other clusters included.
    #[schemars(required, range(min = 1, max = 255))]
    pub(crate) vrid: Option<u8>,
    /// The shared addresses, all IPv4 or all IPv6. Without a prefix length an address takes that of
    /// the node network that contains it. The first IPv6 address is a link-local one; without one,
    /// fe80::200:5eff:fe00:2XX is put first, XX being the VRID in hexadecimal.
    #[schemars(required, length(min = 1))]
    pub(crate) addresses: Option<Vec<Text<VipAddress>>>,
    /// The interface that the addresses go on.
    #[schemars(extend("x-default" = "the one with the node's address"))]
    pub(crate) interface: Option<Text<Interface>>,
    /// Time between heartbeats, "10ms" to "40950ms" in steps of 10 ms. A failed node is noticed
    /// after a little more than three of them.
    #[serde(default = "defaults::advert_interval")]
    pub(crate) advert_interval: Text<Duration>,
    /// Whether a node of higher priority takes the VIP back when it returns.
    #[serde(default = "defaults::preempt")]
    pub(crate) preempt: bool,
    /// How long a returned node waits before it takes the VIP back.
    #[serde(default = "defaults::preempt_delay")]
    pub(crate) preempt_delay: Text<Duration>,
    /// VRRP version: 3 (RFC 9568), or 2 (RFC 3768) for old peers, which counts `advert_interval` in
    /// whole seconds.
    #[serde(default = "defaults::vrrp_version")]
    #[schemars(range(min = 2, max = 3))]
    pub(crate) version: u8,
    /// Version 3: what the checksum of heartbeats covers.
    #[serde(default = "defaults::checksum")]
    pub(crate) checksum: Checksum,
    /// Version 3: which checksums of others' heartbeats are taken as right.
    #[serde(default = "defaults::accept_checksum")]
    pub(crate) accept_checksum: AcceptChecksum,
    /// Version 2: simple password (RFC 2338), 1 to 8 characters, for old peers that want one. It is
    /// readable on the network, and protects from mistakes only.
    #[schemars(extend("x-default" = "no authentication"))]
    pub(crate) password: Option<Text<Password>>,
    /// Accept_Mode of RFC 9568: whether a node that holds the addresses without being their owner takes
    /// what is sent to them. False is for a gateway that answers ARP and neighbour discovery and nothing
    /// else, a ping included; no listener can be bound to its addresses.
    #[serde(default = "defaults::accept")]
    pub(crate) accept: bool,
    /// The node with priority 255: it holds the VIP whenever it is able to, and heeds nobody.
    #[schemars(extend("x-default" = "none"))]
    pub(crate) owner: Option<String>,
    /// VIPs with the same group move together: when a node loses one of them, or takes one over, so
    /// it does with all.
    #[schemars(extend("x-default" = "moves alone"))]
    pub(crate) sync_group: Option<Text<Name>>,
    /// How heartbeats travel; all nodes of a VIP must agree, keepalived included.
    #[schemars(extend("x-default" = "\"unicast\"; \"multicast\" with virtual_mac, and for IPv6 addresses unless all members have an address6"))]
    pub(crate) transport: Option<Transport>,
    /// Whether the addresses have the virtual router's own MAC address (00:00:5e:00:01:XX, IPv6
    /// 00:00:5e:00:02:XX, XX being the VRID), on an interface of their own on top of `interface`:
    /// it stays the same when they move. Heartbeats come from it, and must be multicast.
    #[serde(default = "defaults::virtual_mac")]
    pub(crate) virtual_mac: bool,
    /// What the other nodes of this VIP are.
    #[serde(default = "defaults::peers")]
    pub(crate) peers: Peers,
    /// Whether a Standby asks an Active whose heartbeat is late if it is still there (its agent, and its
    /// kernel by ARP or neighbour discovery), and takes over as soon as that is settled, before three
    /// heartbeats have failed. Only with `peers = "halo"`.
    #[schemars(extend("x-default" = "true with halo peers"))]
    pub(crate) fast_detection: Option<bool>,
    /// Priority by node name, in place of the nodes' own. Only the nodes named are members.
    #[schemars(extend("x-default" = "every node, with its own priority"))]
    pub(crate) priority: Option<BTreeMap<String, Priority>>,
}

/// What the checksum of a heartbeat covers (IPv4).
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Checksum {
    /// message and IPv4 pseudo-header, as keepalived and FRR have it
    PseudoHeader,
    /// the message alone, as RFC 9568 has it
    Message,
}

/// Which checksums are taken as right (IPv4).
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum AcceptChecksum {
    /// either
    Both,
    /// with the pseudo-header only
    PseudoHeader,
    /// of the message alone only
    Message,
}

/// How heartbeats travel.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Transport {
    /// to each other node's own address
    Unicast,
    /// to 224.0.0.18 or ff02::12, as RFC 9568 has it
    Multicast,
}

/// What the other nodes of a VIP are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Peers {
    /// Halo: heartbeats are signed when the cluster has a secret, and nodes tell each other more
    Halo,
    /// another VRRP router too, such as keepalived: plain VRRP and nothing else
    Vrrp,
}

/// The admin API.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Admin {
    /// The directory of the node's Unix sockets, `halo.sock` and `agent.sock`.
    #[serde(default = "defaults::socket_dir")]
    pub(crate) socket_dir: Text<AbsolutePath>,
    /// TCP address of the admin API. `/healthz`, `/readyz`, `/active` and `/metrics` need no
    /// token there; all else does.
    #[schemars(extend("x-default" = "none: Unix socket only"))]
    pub(crate) listen: Option<Text<SocketAddr>>,
    /// File that holds the bearer token for `listen`, on its first line.
    pub(crate) token_file: Option<Text<AbsolutePath>>,
}

/// The process that carries the traffic.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DataPlane {
    /// Worker threads.
    #[schemars(range(min = 1, max = 1024), extend("x-default" = "one for each of cores"))]
    pub(crate) workers: Option<usize>,
    /// Whether each worker thread stays on one core.
    #[serde(default = "defaults::pin")]
    pub(crate) pin: bool,
    /// The cores that workers are pinned to, in turn, by their numbers.
    #[schemars(length(min = 1), extend("x-default" = "those that halod may use"))]
    pub(crate) cores: Option<Vec<usize>>,
    /// The unprivileged user that it runs as.
    #[serde(default = "defaults::user")]
    #[schemars(length(min = 1))]
    pub(crate) user: String,
    /// How long a stop, a removed listener, or a VIP that moves on purpose waits for connections in use.
    #[serde(default = "defaults::drain_timeout")]
    pub(crate) drain_timeout: Text<Duration>,
}

/// What is logged, and where.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    /// Level of the daemon's own log, on standard error.
    #[serde(default = "defaults::log_level")]
    pub(crate) level: Level,
    /// Where access-log lines (JSON, one a request or TCP connection) go: "off", "stdout", or a
    /// file's absolute path.
    #[serde(default = "defaults::access_log")]
    pub(crate) access: Text<AccessLog>,
}

/// Level of the daemon's own log.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Level {
    /// only failures
    Error,
    /// also what needs attention
    Warn,
    /// also state changes
    Info,
    /// also decisions
    Debug,
    /// everything
    Trace,
}
