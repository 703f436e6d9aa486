//! What a node says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::TimerLateness;

/// Milliseconds since the Unix epoch.
pub type UnixMillis = u64;

/// One node, as `hactl status` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The failover agent's part.
    pub agent: AgentStatus,
    /// The data plane's part; `None` when it is down.
    pub data_plane: Option<DataPlaneStatus>,
}

/// The failover agent's part of a node's status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentStatus {
    /// The cluster's name.
    pub cluster: String,
    /// This node's name.
    pub node: String,
    /// Halo's version.
    pub version: String,
    /// The agent's process.
    pub pid: u32,
    /// When the agent started.
    pub started: UnixMillis,
    /// Generation of the configuration in use; 1 at start, one more with each reload.
    pub config_generation: u64,
    /// The data-plane process, as the agent sees it.
    pub data_plane: ProcessStatus,
    /// Virtual IPs, in file order.
    pub vips: Vec<VipStatus>,
    /// The other nodes, in file order.
    pub peers: Vec<PeerStatus>,
    /// What the node needs to be fit to hold VIPs, in file order.
    #[serde(default)]
    pub trackers: Vec<TrackerStatus>,
    /// Heartbeats dropped that belong to no VIP here, by reason.
    #[serde(default)]
    pub discarded: BTreeMap<String, u64>,
    /// Messages of other Halo nodes dropped, by reason; they count among `discarded`, too.
    #[serde(default)]
    pub peer_discarded: BTreeMap<String, u64>,
    /// The node's duty, as an operator set it.
    #[serde(default = "ready")]
    pub duty: AdminState,
    /// Whether takeovers by the node's own judgement are suspended.
    #[serde(default)]
    pub paused: bool,
    /// How late the agent's timers fired.
    #[serde(default)]
    pub timers: TimerLateness,
    /// What an operator should know, in sentences.
    pub warnings: Vec<String>,
}

/// The data-plane process, as the agent sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessStatus {
    /// What it is doing.
    pub state: ProcessState,
    /// Its process, while there is one.
    pub pid: Option<u32>,
    /// How often it was started again.
    pub restarts: u64,
    /// Since when it has been in this state.
    pub since: UnixMillis,
}

/// What the data-plane process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessState {
    /// Started, not ready yet.
    Starting,
    /// Serving.
    Ready,
    /// Dead, to be started again.
    Down,
    /// Finishing its requests before the node stops.
    Stopping,
}

/// A virtual router's state (RFC 9568 section 6.4), in the words shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VipState {
    /// Not taking part: the interface or the data plane is down, or this node is not a member.
    Initialize,
    /// Backup.
    Standby,
    /// Holds the addresses.
    Active,
}

/// One virtual IP, as this node sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VipStatus {
    /// Its name.
    pub name: String,
    /// VRRP virtual router identifier.
    pub vrid: u8,
    /// VRRP version, 2 or 3.
    #[serde(default)]
    pub version: u8,
    /// The name of the VIPs that it moves together with.
    #[serde(default)]
    pub sync_group: Option<String>,
    /// The virtual router's own MAC address, where the addresses have it.
    #[serde(default)]
    pub virtual_mac: Option<String>,
    /// Addresses with prefix lengths.
    pub addresses: Vec<String>,
    /// The interface they go on.
    pub interface: String,
    /// This node's state for it.
    pub state: VipState,
    /// The node that holds it, as far as this node knows: a name, or an address that no node has.
    pub holder: Option<String>,
    /// Since when this node has been in this state.
    pub since: UnixMillis,
    /// Why it is in this state, in a sentence.
    pub why: String,
    /// Priority from the configuration.
    pub priority: u8,
    /// Priority in use: lowered or raised by a planned failover.
    pub effective_priority: u8,
    /// Time between heartbeats.
    pub advert_interval_ms: u64,
    /// Heartbeats sent.
    pub adverts_sent: u64,
    /// Valid heartbeats received.
    pub adverts_received: u64,
    /// Heartbeats dropped, all reasons.
    pub adverts_discarded: u64,
    /// Heartbeats dropped, by reason.
    #[serde(default)]
    pub discarded: BTreeMap<String, u64>,
    /// Gratuitous ARP frames and unsolicited neighbour advertisements sent.
    pub gratuitous_arps_sent: u64,
    /// Frames in which somebody else said that they have an address that this node held.
    #[serde(default)]
    pub foreign_claims: u64,
    /// How often this node became Active.
    pub became_active: u64,
    /// Timers and further counters of the election.
    #[serde(default)]
    pub election: ElectionStatus,
}

/// Timers and counters of a virtual router (RFC 9568 section 6.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElectionStatus {
    /// Skew_Time in microseconds.
    pub skew_time_us: u64,
    /// Active_Down_Interval in microseconds.
    pub active_down_interval_us: u64,
    /// Priority of the Active that is heard.
    pub active_priority: Option<u8>,
    /// Adverts with priority 0 sent.
    pub resignations_sent: u64,
    /// Adverts with priority 0 received.
    pub resignations_received: u64,
    /// Adverts of another Active that gave way, received while Active.
    pub rivals_heard: u64,
    /// Answers to them that the rate limit held back.
    pub answers_suppressed: u64,
    /// Times the node found that it had been paused.
    pub pauses: u64,
    /// Times an advert was late and the Active was asked if it is still there.
    pub suspicions: u64,
    /// How often the VIP has been taken over, by whichever node, as far as this one knows: what signed
    /// heartbeats carry, so that none of a former owner is taken for one of today's.
    #[serde(default)]
    pub epoch: u64,
    /// For how long after a heartbeat of this node its kernel answers for the addresses, in
    /// microseconds; `None`: it is not kept from answering.
    #[serde(default)]
    pub lease_us: Option<u64>,
    /// With a quorum: for how long the majority still lets this node hold the addresses, in
    /// microseconds; 0: it does not. `None`: nobody is asked.
    #[serde(default)]
    pub mandate_us: Option<u64>,
    /// How this node stands in the quorum; `None`: there is none.
    #[serde(default)]
    pub quorum: Option<QuorumStatus>,
}

/// How a node stands in the quorum for a VIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumStatus {
    /// What it is doing.
    pub stand: QuorumStand,
    /// Voters whose promise it holds; while it seeks, that answered it last.
    pub votes: u64,
    /// Voters that make a majority.
    pub majority: u64,
}

/// What a node of the quorum is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuorumStand {
    /// It votes, and wants nothing for itself.
    Voter,
    /// It seeks the majority's lease.
    Seeking,
    /// It holds the majority's lease.
    Owner,
}

/// Something that the node needs to be fit to hold VIPs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrackerStatus {
    /// Its name.
    pub name: String,
    /// What it watches: `interface`, `route`, `gateway`, `script` or `pool`.
    pub check: String,
    /// What it found.
    pub state: TrackerState,
    /// Since when it has been in this state.
    pub since: UnixMillis,
    /// What the last check found, in a sentence.
    pub finding: String,
    /// What its failure takes off the priority; `None`: the node gives way.
    pub weight: Option<u8>,
    /// The VIPs that depend on it.
    pub vips: Vec<String>,
}

/// What a tracker found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackerState {
    /// Nothing yet; a node that does not know whether it is fit is not.
    Unknown,
    /// All is well.
    Good,
    /// It is not.
    Failed,
}

/// Another node, as this one knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Its name.
    pub name: String,
    /// The address it sends heartbeats from.
    pub address: String,
    /// Milliseconds since it was last heard, of a heartbeat or a word that it is there; `None`: never.
    pub last_heard_ms: Option<u64>,
    /// The VIPs that it holds.
    pub active_for: Vec<String>,
    /// Whether it says that it can serve; `None`: it has not said anything for a second.
    #[serde(default)]
    pub ready: Option<bool>,
}

/// The data plane's part of a node's status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataPlaneStatus {
    /// Its process.
    pub pid: u32,
    /// When it started.
    pub started: UnixMillis,
    /// Worker threads.
    pub workers: usize,
    /// Client connections that each of them has; UDP: sessions.
    #[serde(default)]
    pub worker_connections: Vec<u64>,
    /// Generation of the configuration in use.
    pub config_generation: u64,
    /// Listeners, in file order.
    pub listeners: Vec<ListenerStatus>,
    /// Pools, in file order.
    pub pools: Vec<PoolStatus>,
}

/// A listener's counters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListenerStatus {
    /// Its name.
    pub name: String,
    /// `tcp`, `http` or `udp`.
    pub protocol: String,
    /// The addresses it listens on.
    pub bind: Vec<String>,
    /// Client connections open now; UDP: sessions.
    pub connections: u64,
    /// Client connections accepted; UDP: sessions begun.
    pub connections_total: u64,
    /// HTTP requests; DNS queries.
    pub requests_total: u64,
    /// HTTP responses by class: 1xx to 5xx.
    pub responses_total: [u64; 5],
    /// Bytes received from clients.
    pub bytes_in: u64,
    /// Bytes sent to clients.
    pub bytes_out: u64,
    /// Datagrams received from clients.
    #[serde(default)]
    pub datagrams_in: u64,
    /// Datagrams sent to clients.
    #[serde(default)]
    pub datagrams_out: u64,
    /// Datagrams that were not passed on: no place, no server, not DNS, or too late.
    #[serde(default)]
    pub datagrams_dropped: u64,
}

/// A pool's servers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolStatus {
    /// Its name.
    pub name: String,
    /// How a server is chosen.
    pub balance: String,
    /// Servers, in file order.
    pub servers: Vec<ServerStatus>,
}

/// A server's state and counters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub address: String,
    /// Share under weighted schedulers, as in force.
    pub weight: u32,
    /// What the operator asked for.
    pub admin: AdminState,
    /// What the health checks found.
    pub health: HealthState,
    /// Result of the last check, in a sentence.
    pub last_check: Option<String>,
    /// Since when it has had this admin and health state.
    pub since: UnixMillis,
    /// Requests or TCP connections in flight.
    pub active: u64,
    /// Requests or TCP connections given to it.
    pub total: u64,
    /// Failed connects.
    pub connect_failures: u64,
    /// Requests given to another server after a connect to this one failed.
    pub retries: u64,
    /// Connections open to it, idle ones included.
    #[serde(default)]
    pub connections: u64,
    /// Requests or TCP connections that wait for a connection to it.
    #[serde(default)]
    pub waiting: u64,
}

const fn ready() -> AdminState {
    AdminState::Ready
}

/// What the operator asked of a server, or of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdminState {
    /// Takes work.
    Ready,
    /// Finishes what it has, takes nothing new; still checked.
    Drain,
    /// Out of service; not checked.
    Maint,
}

/// What the health checks found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    /// No check has finished yet.
    Unknown,
    /// Passing.
    Up,
    /// Failing.
    Down,
    /// No check is configured; counts as up.
    Unchecked,
}

/// Something that happened on this node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Rises by one with each event of the process that made it.
    pub seq: u64,
    /// When.
    pub at: UnixMillis,
    /// The node.
    pub node: String,
    /// What it is about.
    pub kind: EventKind,
    /// The VIP, `pool/server`, listener or process concerned.
    pub subject: String,
    /// What happened and why, in a sentence.
    pub message: String,
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A VIP changed state on this node.
    Vip,
    /// Another node was heard of or lost.
    Peer,
    /// A server changed state.
    Server,
    /// A tracker changed state.
    Tracker,
    /// An operator asked something of the node.
    Node,
    /// The configuration was applied or refused.
    Config,
    /// A process of Halo started, died or stopped.
    Process,
}
