//! What the daemon provides.

use halo_api::{Event, NodeCommand, Outcome, ServerCommand, Status};
use serde::{Deserialize, Serialize};

/// The daemon, as the admin API sees it. Each method may wait for the agent, but never for long.
pub trait Control: Send + Sync + 'static {
    /// The node's status.
    fn status(&self) -> impl Future<Output = Result<Status, Failure>> + Send;

    /// Events with a higher sequence number than `after`, in order.
    fn events(&self, after: u64) -> impl Future<Output = Result<Vec<Event>, Failure>> + Send;

    /// Moves VIPs.
    fn failover(&self, wish: Failover) -> impl Future<Output = Result<Outcome, Failure>> + Send;

    /// Changes the node's part in the cluster.
    fn node(&self, command: NodeCommand) -> impl Future<Output = Result<Outcome, Failure>> + Send;

    /// Reads the configuration file again and puts it in force.
    fn reload(&self) -> impl Future<Output = Result<Outcome, Failure>> + Send;

    /// The text of the configuration in force.
    fn config(&self) -> impl Future<Output = Result<String, Failure>> + Send;

    /// Changes a server's administrative state or weight.
    fn server(
        &self,
        pool: &str,
        server: &str,
        command: ServerCommand,
    ) -> impl Future<Output = Result<Outcome, Failure>> + Send;

    /// Whether the node can serve.
    fn readiness(&self) -> impl Future<Output = Readiness> + Send;

    /// What the metrics are made from.
    fn sample(&self) -> impl Future<Output = Result<Sample, Failure>> + Send;
}

/// Body of `POST /v1/failover`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failover {
    /// The VIP; `None`: all that the command can move.
    #[serde(default)]
    pub vip: Option<String>,
    /// The node to move them to; `None`: away from the node that holds them.
    #[serde(default)]
    pub to: Option<String>,
    /// Say what would be done, and do nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Why a command was not done. Each is a sentence with the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// There is no such VIP, pool or server. HTTP 404.
    NotFound(String),
    /// Understood and refused; nothing changed. HTTP 409.
    Refused(String),
    /// Tried and failed. HTTP 500.
    Failed(String),
    /// It cannot be done or asked now: the node starts or stops. Nothing changed. HTTP 503.
    Unavailable(String),
    /// The agent did not answer in time; what was asked of it may still be done. HTTP 504.
    TimedOut(String),
}

/// Whether the node can serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Its listeners are bound.
    Ready,
    /// They are not; why.
    NotReady(String),
}

/// What the metrics are made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The node's status.
    pub status: Status,
    /// Access-log lines thrown away because the log's writer was too slow.
    pub access_log_dropped: u64,
    /// Health checks by server.
    pub checks: Vec<Checks>,
}

/// How often a server was checked since the data plane started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checks {
    /// Its pool.
    pub pool: String,
    /// Its name.
    pub server: String,
    /// Checks that passed.
    pub passed: u64,
    /// Checks that failed.
    pub failed: u64,
}
