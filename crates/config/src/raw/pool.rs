//! `[[pool]]`, its health checks and its servers.

use std::net::SocketAddr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HostHeader, Name, Size, Statuses, Target, Text};
use crate::defaults;

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
    /// Most connections to each server, over all workers, idle ones included. A server that has them
    /// gets new work when no other has room.
    #[schemars(range(min = 1, max = 1_000_000), extend("x-default" = "no limit"))]
    pub(crate) max_connections: Option<usize>,
    /// Most requests (tcp: connections) that wait for a connection to each server that has
    /// `max_connections`; further ones are answered 503.
    #[serde(default = "defaults::max_queue")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) max_queue: usize,
    /// http: largest header section of a response, status line included ("1KiB" to "1MiB"); a larger
    /// one is answered 502.
    #[serde(default = "defaults::max_response_header_bytes")]
    pub(crate) max_header_bytes: Size,
    /// http: most header fields of a response; more are answered 502.
    #[serde(default = "defaults::max_response_header_fields")]
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) max_header_fields: usize,
    /// http: largest trailer section of a response (up to "64KiB"); a larger one breaks it off.
    #[serde(default = "defaults::max_trailer_bytes")]
    pub(crate) max_trailer_bytes: Size,
    /// http: most interim responses (1xx) before the final one; more are answered 502.
    #[serde(default = "defaults::max_interim_responses")]
    #[schemars(range(max = 1000))]
    pub(crate) max_interim_responses: usize,
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
    /// Waiting for a connection to a server that has `max_connections`; then the answer is 503.
    #[serde(default = "defaults::queue_timeout")]
    pub(crate) queue: Text<Duration>,
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
    /// Most connections to this server.
    #[schemars(range(min = 1, max = 1_000_000), extend("x-default" = "the pool's"))]
    pub(crate) max_connections: Option<usize>,
}
