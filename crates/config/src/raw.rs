//! The file as it is written: one type a section, one field a key.
//!
//! The doc comments are the reference: `cargo run -p xtask -- docs` turns them into
//! `docs/configuration.md` and the JSON Schema. `Option` fields marked `required` are mandatory in
//! the file; they are optional here because a wrong value has been reported and cut out before
//! serde sees it.

mod leaf;
mod network;
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
use crate::model::{AccessLog, HostMatch};
pub(crate) use leaf::{Text, check_leaf};
pub(crate) use network::VipAddress;
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
    /// Whether a node needs the agreement of a majority of the nodes to hold a VIP. There are never
    /// two owners then, and none on a side without a majority; it takes three nodes or more, of which
    /// some may be witnesses, and adverts at least every 500 ms. See docs/quorum.md.
    #[serde(default = "defaults::quorum")]
    pub(crate) quorum: bool,
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
    /// Accept_Mode of RFC 9568: whether the node that holds the addresses takes what is sent to them.
    /// Halo ends connections there, so only true makes sense.
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
    /// Whether a Standby asks an Active whose heartbeat is late if it is still there, and takes over
    /// as soon as that is settled, before three heartbeats have failed. Only with `peers = "halo"`.
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

/// Where clients connect.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listener {
    /// Its name in routes, logs and metrics.
    #[schemars(required)]
    pub(crate) name: Option<Text<Name>>,
    /// Addresses to listen on; `0.0.0.0` stands for every IPv4 address, `[::]` for every IPv6 one.
    #[schemars(required, length(min = 1))]
    pub(crate) bind: Option<Vec<Text<SocketAddr>>>,
    /// What is spoken there.
    #[serde(default = "defaults::protocol")]
    pub(crate) protocol: Protocol,
    /// The pool for what no route matches. Without one, an http listener answers 404, and a tcp
    /// listener closes the connection; a udp listener must have one.
    pub(crate) pool: Option<String>,
    /// Most client connections at a time; further ones wait in the kernel's queue. udp: most sessions
    /// or unanswered queries; datagrams of further clients are dropped.
    #[serde(default = "defaults::max_connections")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) max_connections: usize,
    /// http: largest header section of a request, request line included ("1KiB" to "1MiB"); a
    /// larger one is answered 431.
    #[serde(default = "defaults::max_header_bytes")]
    pub(crate) max_header_bytes: Size,
    /// http: longest request line ("256" bytes to "64KiB"); a longer one is answered 414.
    #[serde(default = "defaults::max_request_line_bytes")]
    pub(crate) max_request_line_bytes: Size,
    /// http: most header fields of a request; more are answered 431.
    #[serde(default = "defaults::max_header_fields")]
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) max_header_fields: usize,
    /// http: largest request body; a larger one is answered 413. 0: no limit.
    #[serde(default = "defaults::max_body_bytes")]
    pub(crate) max_body_bytes: Size,
    /// http: least bytes of a request body that a client must send each second, on average over
    /// `timeouts.idle`; a slower one is answered 408. 0: no limit.
    #[serde(default = "defaults::min_body_rate")]
    pub(crate) min_body_rate: Size,
    /// http: least bytes of a response that a client must take each second while there is more for
    /// it, on average over `timeouts.idle`; a slower one is cut off. 0: no limit.
    #[serde(default = "defaults::min_read_rate")]
    pub(crate) min_read_rate: Size,
    /// http: keep the client's X-Forwarded-* headers and add to them, instead of replacing them.
    /// Only behind another proxy that can be trusted.
    #[serde(default = "defaults::trust_forwarded")]
    pub(crate) trust_forwarded: bool,
    /// http and tcp: networks of the proxies before this one. A connection from there must begin with
    /// a PROXY header, version 1 or 2, and counts as the client's that it names; one from elsewhere is
    /// taken as it comes.
    #[schemars(extend("x-default" = "none"))]
    pub(crate) proxy_protocol: Option<Vec<Text<IpNet>>>,
    /// udp: which datagrams belong together.
    #[serde(default = "defaults::udp_mode")]
    pub(crate) udp_mode: UdpMode,
    /// Time limits on the client's side.
    #[serde(default)]
    pub(crate) timeouts: ListenerTimeouts,
}

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Protocol {
    /// HTTP/1.1, with routes
    Http,
    /// bytes, passed on as they come; TLS may be routed by its server name
    Tcp,
    /// datagrams
    Udp,
}

/// Which datagrams belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum UdpMode {
    /// all of one client's address and port, until none has come either way for `timeouts.idle`
    Session,
    /// the same, but a session ends with its first answer
    OneShot,
    /// a DNS query and its answer, which must come within the pool's `timeouts.response`
    Dns,
}

/// Time limits on the client's side.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListenerTimeouts {
    /// http: from the accepted connection to the first byte of its first request.
    #[serde(default = "defaults::first_byte_timeout")]
    pub(crate) first_byte: Text<Duration>,
    /// http: from the first byte of a request to the end of its header section. http and tcp: from
    /// the accept to the end of a PROXY header, and of the TLS client hello where routes need it.
    #[serde(default = "defaults::header_timeout")]
    pub(crate) header: Text<Duration>,
    /// No byte in either direction for this long closes the connection (http: within a request;
    /// tcp and WebSocket: at any time). udp: ends a session.
    #[serde(default = "defaults::idle_timeout")]
    pub(crate) idle: Text<Duration>,
    /// http: how long a connection may wait for its next request.
    #[serde(default = "defaults::keep_alive_timeout")]
    pub(crate) keep_alive: Text<Duration>,
}

/// A rule of a listener. http: requests for this host and path go to that pool. tcp: TLS connections
/// for this server name do, without being decrypted.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    /// The listener it belongs to.
    #[schemars(required)]
    pub(crate) listener: Option<String>,
    /// http: the host it matches: a name, or "*.example.com" for every name below example.com.
    #[schemars(extend("x-default" = "any host"))]
    pub(crate) host: Option<Text<HostMatch>>,
    /// tcp: the server name (SNI) it matches, written like `host`. A tcp listener's routes must have it.
    pub(crate) sni: Option<Text<HostMatch>>,
    /// The start of the path, in whole segments: "/v2" matches "/v2" and "/v2/x", not "/v20".
    #[serde(default = "defaults::path_prefix")]
    pub(crate) path_prefix: Text<PathPrefix>,
    /// Where matching requests go.
    #[schemars(required)]
    pub(crate) pool: Option<String>,
    /// Whether WebSocket upgrades are passed on.
    #[serde(default = "defaults::websocket")]
    pub(crate) websocket: bool,
}

/// Servers that answer for the same content.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pool {
    /// Its name in listeners, routes, commands and metrics.
    #[schemars(required)]
    pub(crate) name: Option<Text<Name>>,
    /// How a server is chosen.
    #[serde(default = "defaults::balance")]
    pub(crate) balance: Balance,
    /// How many other servers are tried when a connect fails.
    #[serde(default = "defaults::retries")]
    #[schemars(range(max = 16))]
    pub(crate) retries: u32,
    /// The header that tells the servers who the client is, sent at the start of each connection.
    #[schemars(extend("x-default" = "none is sent"))]
    pub(crate) proxy_protocol: Option<ProxyProtocol>,
    /// Connect to the servers from the client's own address. Their answers must be routed back
    /// through the node, and the data plane gets CAP_NET_RAW; see docs/operations.md.
    #[serde(default = "defaults::transparent")]
    pub(crate) transparent: bool,
    /// Most idle connections kept to each server; 0: a new connection for each request, which is
    /// always so with `proxy_protocol` and `transparent`.
    #[serde(default = "defaults::max_idle")]
    #[schemars(range(max = 65_536))]
    pub(crate) max_idle: usize,
    /// Time limits on the servers' side.
    #[serde(default)]
    pub(crate) timeouts: PoolTimeouts,
    /// How the servers' health is checked.
    #[schemars(extend("x-default" = "no check: every server counts as up"))]
    pub(crate) health: Option<Health>,
    /// The servers.
    #[schemars(required, length(min = 1))]
    pub(crate) server: Option<Vec<Server>>,
}

/// How a server is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Balance {
    /// in turn
    RoundRobin,
    /// in turn, in proportion to the servers' weights
    WeightedRoundRobin,
}

/// A version of the PROXY protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum ProxyProtocol {
    /// a line of text
    V1,
    /// binary
    V2,
}

/// Time limits on the servers' side.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PoolTimeouts {
    /// Establishing a connection.
    #[serde(default = "defaults::connect_timeout")]
    pub(crate) connect: Text<Duration>,
    /// From a request sent to the first byte of its response; then the answer is 504.
    #[serde(default = "defaults::response_timeout")]
    pub(crate) response: Text<Duration>,
    /// How long an idle connection is kept.
    #[serde(default = "defaults::pool_idle_timeout")]
    pub(crate) idle: Text<Duration>,
}

/// How the servers' health is checked.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Health {
    /// What is done.
    #[schemars(required)]
    pub(crate) check: Option<Check>,
    /// http: the request target.
    #[serde(default = "defaults::health_path")]
    pub(crate) path: Text<Target>,
    /// http: the `Host` header.
    #[schemars(extend("x-default" = "the server's address"))]
    pub(crate) host: Option<Text<HostHeader>>,
    /// http: status codes that count as healthy, such as "200" or "200-299,401".
    #[serde(default = "defaults::health_status")]
    pub(crate) status: Text<Statuses>,
    /// http: a string that the first 64 KiB of the body must contain.
    #[schemars(length(min = 1, max = 1024))]
    pub(crate) contains: Option<String>,
    /// The port to check.
    #[schemars(range(min = 1, max = 65_535), extend("x-default" = "the server's own"))]
    pub(crate) port: Option<u16>,
    /// Time between checks, "10ms" to "1h".
    #[serde(default = "defaults::health_interval")]
    pub(crate) interval: Text<Duration>,
    /// A check that takes longer has failed; not longer than `interval`.
    #[schemars(extend("x-default" = "1s, or the interval when that is shorter"))]
    pub(crate) timeout: Option<Text<Duration>>,
    /// Successes in a row that bring a server up.
    #[serde(default = "defaults::health_rise")]
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) rise: u32,
    /// Failures in a row that take a server down.
    #[serde(default = "defaults::health_fall")]
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) fall: u32,
}

/// What a health check does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Check {
    /// a connection can be established
    Tcp,
    /// a GET request is answered as expected
    Http,
}

/// A server of a pool.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    /// Its name in commands, logs and metrics; unique in its pool.
    #[schemars(extend("x-default" = "the address"))]
    pub(crate) name: Option<Text<Name>>,
    /// Where it listens: IP address and port.
    #[schemars(required)]
    pub(crate) address: Option<Text<SocketAddr>>,
    /// Its share under weighted_round_robin; 0: no new work.
    #[serde(default = "defaults::weight")]
    #[schemars(range(max = 256))]
    pub(crate) weight: u32,
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
