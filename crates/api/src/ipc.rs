//! What the agent and the data plane say to each other over their socket pair, and what the agent
//! takes on its own Unix socket.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{AgentStatus, Event};

/// Agent to data plane. Each message is a JSON object behind its length (4 bytes, big-endian).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToDataPlane {
    /// Use this configuration. The agent has validated the same text.
    Config {
        /// Its generation.
        generation: u64,
        /// This node's name.
        node: String,
        /// The file it came from, for messages.
        file: String,
        /// The file's text.
        text: String,
        /// The bearer token out of `admin.token_file`, which the data plane's user may not be
        /// able to read; surrounding white space removed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
    },
    /// The agent's status; sent on every change and once a second.
    Agent(Box<AgentStatus>),
    /// What to send when the agent is gone, in place of what was to be sent before.
    LastWords {
        /// In this order.
        words: Vec<LastWord>,
    },
    /// Something happened in the agent.
    Event(Event),
    /// The answer to [`FromDataPlane::Request`].
    Reply {
        /// The request's number.
        id: u64,
        /// The answer.
        reply: AgentReply,
    },
    /// These addresses leave the node on purpose: connections on them are to finish, and are cut off
    /// after this time. Listeners go on; what they accept is to finish as well.
    Drain {
        /// The addresses.
        addresses: Vec<IpAddr>,
        /// How long, in milliseconds.
        within_ms: u64,
    },
    /// These addresses are here again: connections accepted from now on are ordinary ones.
    Serve {
        /// The addresses.
        addresses: Vec<IpAddr>,
    },
    /// Finish: accept nothing new, let requests in flight end within the drain timeout, exit 0.
    Stop,
}

/// A VRRP message of the agent that gives a virtual IP up, to be sent by the data plane when the agent
/// cannot any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastWord {
    /// Index of the interface that it leaves by.
    pub interface: u32,
    /// Source address.
    pub source: IpAddr,
    /// Destination address, of the same family.
    pub destination: IpAddr,
    /// What is behind the IP header.
    pub payload: Vec<u8>,
}

/// Data plane to agent, framed like [`ToDataPlane`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromDataPlane {
    /// The configuration is in force: every listener is bound.
    Ready {
        /// Its generation.
        generation: u64,
    },
    /// The configuration could not be applied; what was in force before still is.
    Refused {
        /// Its generation.
        generation: u64,
        /// Why, with the remedy.
        error: String,
    },
    /// How many servers are up in each pool; sent when that changes, first before [`Self::Ready`].
    ServersUp {
        /// By the pool's name.
        pools: std::collections::BTreeMap<String, usize>,
    },
    /// Ask the agent for something on behalf of an admin client.
    Request {
        /// Number to be repeated in the reply.
        id: u64,
        /// What is asked.
        request: AgentRequest,
    },
    /// Something happened in the data plane.
    Event(Event),
    /// Sent every 20 ms while the data plane's control thread turns, and its workers serve.
    Alive,
    /// A worker hangs: its share of the clients waits, and the node is better off without virtual IPs.
    Hung {
        /// What it does, for "a worker ...".
        what: String,
    },
}

/// What can be asked of the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AgentRequest {
    /// Its status.
    Status,
    /// Move VIPs.
    Failover {
        /// The VIP; `None`: all that the command can move.
        vip: Option<String>,
        /// The node to move them to; `None`: away from the node that holds them.
        to: Option<String>,
        /// Say what would be done, and do nothing.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        dry_run: bool,
    },
    /// Change the node's part in the cluster.
    Node(NodeCommand),
    /// Read the configuration file again and apply it, in both processes.
    Reload,
    /// Events with a higher sequence number than this, agent's and data plane's.
    Events {
        /// Sequence number of the last one seen; 0: all that are kept.
        after: u64,
    },
}

/// The agent's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AgentReply {
    /// To [`AgentRequest::Status`].
    Status(Box<AgentStatus>),
    /// To [`AgentRequest::Events`]; sequence numbers are the agent's, which keeps one ring for both processes.
    Events {
        /// In order.
        events: Vec<Event>,
    },
    /// Done.
    Done {
        /// What was done, in a sentence.
        message: String,
    },
    /// Understood and refused: nothing changed.
    Refused {
        /// Why, with the remedy.
        reason: String,
    },
    /// Tried and failed: nothing changed.
    Failed {
        /// Why, with the remedy.
        reason: String,
    },
}

/// A node command of the admin API: `POST /v1/node`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum NodeCommand {
    /// Set the node's duty.
    Duty {
        /// The duty: `ready` takes part; `drain` leaves the VIPs to others and holds one only while
        /// nobody else does; `maint` never holds one.
        duty: crate::AdminState,
    },
    /// Suspend takeovers by the node's own judgement, or allow them again.
    Pause {
        /// Whether they are suspended.
        paused: bool,
    },
    /// Bring VIPs home: to the member with the highest configured priority.
    Failback {
        /// The VIP; `None`: all that can be moved from here.
        vip: Option<String>,
    },
}

/// A server command of the admin API: `POST /v1/pools/{pool}/servers/{server}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerCommand {
    /// Set the administrative state.
    Admin {
        /// The state.
        state: crate::AdminState,
    },
    /// Set the weight, 0 to 256, until the next start.
    Weight {
        /// The weight.
        weight: u32,
    },
}

/// The outcome of a command of the admin API. HTTP status: 200 done, 409 refused, 404 no such thing, 500 failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What was done, or why not, in a sentence.
    pub message: String,
}
