//! The validated configuration: what the rest of Halo works with.
//!
//! Every value here has been checked. Only [`crate::parse`] makes one.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

/// A whole configuration, as one node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The cluster's name, shown by `hactl status`.
    pub cluster: String,
    /// File that holds the cluster's secret; `None`: nothing is signed.
    pub secret_file: Option<PathBuf>,
    /// Whether heartbeats without a signature are taken although there is a secret.
    pub signatures_optional: bool,
    /// Whether a VIP's owner needs the agreement of a majority of the nodes.
    pub quorum: bool,
    /// Index into [`Config::nodes`] of the node that this process is.
    pub this: usize,
    /// Every node of the cluster, in file order.
    pub nodes: Vec<Node>,
    /// Virtual IPs, in file order.
    pub vips: Vec<Vip>,
    /// What a node needs to be fit to hold VIPs, in file order.
    pub tracks: Vec<Track>,
    /// Listeners, in file order.
    pub listeners: Vec<Arc<Listener>>,
    /// Routes of HTTP listeners, in file order.
    pub routes: Vec<Route>,
    /// Pools of servers, in file order.
    pub pools: Vec<Arc<Pool>>,
    /// The admin API.
    pub admin: Admin,
    /// The data-plane process.
    pub data_plane: DataPlane,
    /// What is logged, and where.
    pub log: Log,
}

impl Config {
    /// Whether servers of any pool are connected to from the clients' addresses.
    #[must_use]
    pub fn is_transparent(&self) -> bool {
        self.pools.iter().any(|pool| pool.transparent)
    }

    /// The node that this process is.
    #[must_use]
    pub fn this_node(&self) -> &Node {
        &self.nodes[self.this]
    }
}

/// One machine of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name; a node finds itself by it.
    pub name: String,
    /// The address it sends heartbeats from, with its network.
    pub address: IpNet,
    /// The IPv6 address that it sends unicast heartbeats of IPv6 VIPs from, with its network; global
    /// or unique local.
    pub address6: Option<IpNet>,
    /// VRRP priority where a VIP names no other (RFC 9568 section 5.2.4), 1 to 254.
    pub priority: u8,
    /// Whether it only votes: no VIP, no data plane.
    pub witness: bool,
}

/// One virtual router: addresses that move together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vip {
    /// Its name in commands and logs.
    pub name: String,
    /// VRRP virtual router identifier, 1 to 255.
    pub vrid: u8,
    /// The shared addresses with their prefix lengths; at least one, all of one family. The first of
    /// IPv6 is link-local (RFC 9568 section 5.2.9).
    pub addresses: Vec<IpNet>,
    /// The interface they go on; `None`: the one that holds this node's address.
    pub interface: Option<String>,
    /// VRRP version and what goes with it.
    pub version: VrrpVersion,
    /// The name of the VIPs that it moves together with.
    pub sync_group: Option<String>,
    /// Each node's VRRP priority, in the order of [`Config::nodes`]; 255: the owner; `None`: not a
    /// member.
    pub priorities: Vec<Option<u8>>,
    /// Time between heartbeats, in whole centiseconds (RFC 9568 section 5.2.7).
    pub advert_interval: Duration,
    /// Whether a node of higher priority takes the VIP back when it returns.
    pub preempt: bool,
    /// How long a returned node waits before it preempts.
    pub preempt_delay: Duration,
    /// Accept_Mode (RFC 9568 section 6.1): whether a node that is not the owner takes what is sent to
    /// the addresses while it holds them.
    pub accept: bool,
    /// How heartbeats travel.
    pub transport: Transport,
    /// Whether the addresses have the virtual router's own MAC address (RFC 9568 section 7.3); its
    /// heartbeats are multicast then.
    pub virtual_mac: bool,
    /// What the other members are.
    pub peers: Peers,
    /// Whether a Standby makes sure of an Active whose heartbeat is late; never with
    /// [`Peers::Vrrp`].
    pub fast_detection: bool,
}

/// What the other members of a VIP are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peers {
    /// Halo nodes, all of them.
    Halo,
    /// Other VRRP routers among them: nothing but plain VRRP is said.
    Vrrp,
}

/// The version of VRRP that a virtual router speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VrrpVersion {
    /// RFC 3768.
    V2 {
        /// Simple password of RFC 2338, filled up with zeros; `None`: no authentication.
        password: Option<[u8; 8]>,
    },
    /// RFC 9568.
    V3 {
        /// What the checksum covers over IPv4.
        checksum: Checksum,
        /// Which checksums are taken as right over IPv4; `None`: either.
        accept: Option<Checksum>,
    },
}

/// What the checksum of a heartbeat covers over IPv4 (RFC 9568 section 5.2.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// Message and pseudo-header.
    PseudoHeader,
    /// The message alone.
    Message,
}

/// How heartbeats travel between nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// To each peer's own address.
    Unicast,
    /// To 224.0.0.18 or ff02::12 (RFC 9568 sections 5.1.1.2 and 5.1.2.2).
    Multicast,
}

/// Something that a node needs to be fit to hold VIPs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// Its name.
    pub name: String,
    /// What is watched.
    pub check: TrackCheck,
    /// The VIPs that depend on it, by name.
    pub vips: Vec<String>,
    /// Taken off the node's priority while it fails; `None`: the node gives way at once.
    pub weight: Option<u8>,
    /// Time between checks.
    pub interval: Duration,
    /// A check that takes longer has failed.
    pub timeout: Duration,
    /// Good results in a row after which it is good again.
    pub rise: u32,
    /// Bad results in a row after which it has failed.
    pub fall: u32,
}

/// What a [`Track`] watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrackCheck {
    /// An interface is up, with carrier.
    Interface {
        /// Its name.
        name: String,
        /// An address that must be on it.
        address: Option<IpAddr>,
    },
    /// There is a route.
    Route {
        /// The address that it must lead to.
        destination: IpAddr,
        /// The interface that it must leave by; `None`: any.
        interface: Option<String>,
    },
    /// A neighbour answers ARP or neighbour discovery.
    Gateway {
        /// Its address.
        address: IpAddr,
        /// The interface that it is asked on; `None`: the one that the route to it leaves by.
        interface: Option<String>,
    },
    /// A program exits with status 0.
    Script {
        /// The program's absolute path and its arguments.
        command: Vec<String>,
        /// Where it starts.
        directory: PathBuf,
    },
    /// Servers of a pool are up.
    Pool {
        /// The pool.
        name: String,
        /// How many must be.
        min_up: usize,
    },
}

/// A place where clients connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its name.
    pub name: String,
    /// The addresses it listens on; at least one.
    pub bind: Vec<SocketAddr>,
    /// What it speaks.
    pub protocol: Protocol,
    /// The pool for what no route matches; UDP listeners always have one.
    pub pool: Option<String>,
    /// Most client connections at a time, over all workers; further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// Time limits on the client's side.
    pub timeouts: ListenerTimeouts,
    /// Most bytes of a request's header section (request line included).
    pub max_header_bytes: usize,
    /// Most bytes of a request line.
    pub max_request_line_bytes: usize,
    /// Most header fields of a request.
    pub max_header_fields: usize,
    /// Most bytes of a request body; 0: no limit.
    pub max_body_bytes: u64,
    /// Most options in a request's `Connection` fields.
    pub max_connection_options: usize,
    /// Most bytes of a request's trailer section.
    pub max_trailer_bytes: usize,
    /// Least bytes of a request body each second, on average over `timeouts.idle`; 0: no limit.
    pub min_body_rate: u64,
    /// Least bytes of a response that a client takes each second, likewise; 0: no limit.
    pub min_read_rate: u64,
    /// Whether `X-Forwarded-*` of the client is kept and added to (true) or replaced (false).
    pub trust_forwarded: bool,
    /// Networks of which connections begin with a PROXY header; HTTP and TCP.
    pub proxy_protocol: Vec<IpNet>,
    /// Which datagrams belong together; UDP.
    pub udp_mode: UdpMode,
}

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Bytes, passed on as they come.
    Tcp,
    /// HTTP/1.1.
    Http,
    /// Datagrams.
    Udp,
}

/// Which datagrams belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UdpMode {
    /// All of one client's address and port.
    Session,
    /// The same, until the first answer.
    OneShot,
    /// A DNS query and its answer.
    Dns,
}

/// Time limits on the client's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerTimeouts {
    /// HTTP: from the accept to the first byte of the first request.
    pub first_byte: Duration,
    /// HTTP: from the first byte of a request to the end of its header section. From the accept to the
    /// end of a PROXY header, or of a TLS client hello.
    pub header: Duration,
    /// No byte in either direction for this long closes the connection (HTTP: within a message; TCP and upgraded: any time).
    pub idle: Duration,
    /// HTTP: how long a kept-alive connection may wait for its next request.
    pub keep_alive: Duration,
}

/// One rule of an HTTP or TCP listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The listener it belongs to, by index into [`Config::listeners`].
    pub listener: usize,
    /// The host it matches, TCP: the server name; `None`: any.
    pub host: Option<HostMatch>,
    /// The path prefix it matches, whole segments only; `/` matches all, and is what TCP has.
    pub path_prefix: String,
    /// Where matching requests go.
    pub pool: String,
    /// Whether `Upgrade: websocket` is passed on.
    pub websocket: bool,
}

/// The host names that a route matches, in lower case, without port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostMatch {
    /// This name.
    Exact(String),
    /// Any name that ends in a dot and this name (`*.example.com`).
    Suffix(String),
}

/// Servers that answer for the same content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// How a server is chosen.
    pub balance: Balance,
    /// Its servers, in file order; at least one.
    pub servers: Vec<Server>,
    /// How their health is checked; `None`: they count as up.
    pub health: Option<HealthCheck>,
    /// How many other servers are tried when a connect fails.
    pub retries: u32,
    /// The version of the PROXY header sent to the servers, if any.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Whether servers are connected to from the client's address.
    pub transparent: bool,
    /// Most idle connections kept to each server, over all workers; 0 where a connection belongs to
    /// one client.
    pub max_idle: usize,
    /// Most bytes of a response's header section, status line included.
    pub max_header_bytes: usize,
    /// Most header fields of a response.
    pub max_header_fields: usize,
    /// Most bytes of a response's trailer section.
    pub max_trailer_bytes: usize,
    /// Most interim responses before the final one.
    pub max_interim_responses: usize,
    /// Most requests or TCP connections that wait for a connection to each server; at least 1.
    pub max_queue: usize,
    /// Time limits on the servers' side.
    pub timeouts: PoolTimeouts,
}

/// How a server is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balance {
    /// In turn; weights are not allowed.
    RoundRobin,
    /// In turn, in proportion to the weights, spread evenly.
    WeightedRoundRobin,
}

/// A version of the PROXY protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// One server of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name, unique in its pool.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its share under weighted schedulers, 0 to 256; 0: no new work.
    pub weight: u32,
    /// Most connections to it, over all workers, idle ones included; `None`: no limit.
    pub max_connections: Option<usize>,
}

/// Time limits on the servers' side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolTimeouts {
    /// Establishing a connection.
    pub connect: Duration,
    /// Waiting for a connection to a server that has as many as it may.
    pub queue: Duration,
    /// From a request sent to the first byte of its response.
    pub response: Duration,
    /// How long an idle connection is kept.
    pub idle: Duration,
}

/// How a server's health is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is done.
    pub kind: CheckKind,
    /// The version of the PROXY header that the server expects of the check, if any.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Port to check; `None`: the server's own.
    pub port: Option<u16>,
    /// Time between checks.
    pub interval: Duration,
    /// A check that takes longer has failed.
    pub timeout: Duration,
    /// Successes in a row that bring a server up.
    pub rise: u32,
    /// Failures in a row that take it down.
    pub fall: u32,
}

/// What a health check does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckKind {
    /// A TCP connection is established.
    Tcp,
    /// A request is answered as expected.
    Http(HttpCheck),
}

/// An HTTP health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCheck {
    /// Request target, such as `/healthz`.
    pub path: String,
    /// `Host` to send; `None`: the server's address.
    pub host: Option<String>,
    /// Accepted status codes, inclusive ranges; at least one.
    pub status: Vec<(u16, u16)>,
    /// A string that the first 64 KiB of the body must contain.
    pub contains: Option<String>,
}

/// The admin API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// The directory of the node's Unix sockets: `halo.sock` (data plane) and `agent.sock` (agent).
    pub socket_dir: PathBuf,
    /// TCP address of the admin API, if any. `/healthz`, `/readyz`, `/active` and `/metrics` need no token there; all else does.
    pub listen: Option<SocketAddr>,
    /// File that holds the bearer token for the TCP address.
    pub token_file: Option<PathBuf>,
}

/// The data-plane process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataPlane {
    /// Worker threads; `None`: one for each of `cores`.
    pub workers: Option<usize>,
    /// Whether each worker stays on one core.
    pub pin: bool,
    /// The cores for that, in turn; `None`: those that the process may use.
    pub cores: Option<Vec<usize>>,
    /// User to run as.
    pub user: String,
    /// How long a stop or a removed listener waits for requests in flight.
    pub drain_timeout: Duration,
}

/// What is logged, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Level of the daemon's own log.
    pub level: LogLevel,
    /// Where access-log lines go.
    pub access: AccessLog,
}

/// Level of the daemon's own log (standard error).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Only failures.
    Error,
    /// Also what needs attention.
    Warn,
    /// Also state changes.
    Info,
    /// Also decisions.
    Debug,
    /// Everything.
    Trace,
}

/// Where access-log lines (JSON, one a request or TCP connection) go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLog {
    /// Nowhere.
    Off,
    /// To standard output.
    Stdout,
    /// To a file, reopened on SIGUSR1.
    File(PathBuf),
}

/// A virtual IP address without its prefix, as heartbeats carry it.
impl Vip {
    /// Whether it is a virtual router of IPv6; else it is one of IPv4.
    #[must_use]
    pub fn is_ipv6(&self) -> bool {
        self.addresses.iter().any(|net| net.addr().is_ipv6())
    }

    /// The addresses without their prefix lengths.
    pub fn ips(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.addresses.iter().map(IpNet::addr)
    }
}
