//! Counters: each worker writes its own, a reader adds them up.

use halo_api::ListenerStatus;
use halo_config::{Balance, Protocol};

use crate::counter::Counter;
use crate::snapshot::{ListenerEntry, PoolEntry};

/// One worker's counters of a listener, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct ListenerCounts {
    pub(crate) connections: Counter,
    pub(crate) connections_total: Counter,
    pub(crate) requests: Counter,
    pub(crate) responses: [Counter; 5],
    pub(crate) bytes_in: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) datagrams_in: Counter,
    pub(crate) datagrams_out: Counter,
    pub(crate) datagrams_dropped: Counter,
}

/// One worker's counters of a server, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct ServerCounts {
    pub(crate) active: Counter,
    pub(crate) total: Counter,
    pub(crate) connect_failures: Counter,
    pub(crate) retries: Counter,
    /// Connections kept for requests to come.
    pub(crate) idle: Counter,
}

/// One set of counters for each worker.
pub(crate) fn per_worker<T: Default>(workers: usize) -> Box<[T]> {
    (0..workers).map(|_| T::default()).collect()
}

/// The sum of one counter over all workers.
pub(crate) fn sum<T>(workers: &[T], counter: impl Fn(&T) -> &Counter) -> u64 {
    workers
        .iter()
        .fold(0, |sum, worker| sum.wrapping_add(counter(worker).get()))
}

/// Everything the data plane counts, summed over its workers.
#[derive(Debug, Clone, PartialEq)]
pub struct Counters {
    /// Generation of the configuration in force; 0 before the first.
    pub generation: u64,
    /// Listeners, in file order.
    pub listeners: Vec<ListenerStatus>,
    /// Pools, in file order.
    pub pools: Vec<PoolCounters>,
    /// Access-log lines that were dropped because the file could not keep up or failed.
    pub access_log_dropped: u64,
}

/// A pool's counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolCounters {
    /// Its name.
    pub name: String,
    /// How a server is chosen, as in the configuration file.
    pub balance: &'static str,
    /// Servers, in file order.
    pub servers: Vec<ServerCounters>,
}

/// A server's state as in force, and its counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCounters {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub address: String,
    /// Whether it takes new work.
    pub available: bool,
    /// Share under weighted schedulers.
    pub weight: u32,
    /// Requests or TCP connections in flight.
    pub active: u64,
    /// Requests or TCP connections given to it.
    pub total: u64,
    /// Failed connects.
    pub connect_failures: u64,
    /// Requests given to another server after a connect to this one failed.
    pub retries: u64,
    /// Connections open to it, idle ones and those being established included.
    pub connections: u64,
    /// Requests or TCP connections that wait for a connection to it.
    pub waiting: u64,
}

/// What a listener has counted.
pub(crate) fn listener_status(listener: &ListenerEntry) -> ListenerStatus {
    let counts = &listener.shared.counts;
    ListenerStatus {
        name: listener.config.name.clone(),
        protocol: match listener.config.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Http => "http",
            Protocol::Udp => "udp",
        }
        .to_owned(),
        bind: listener
            .config
            .bind
            .iter()
            .map(ToString::to_string)
            .collect(),
        connections: sum(counts, |c| &c.connections),
        connections_total: sum(counts, |c| &c.connections_total),
        requests_total: sum(counts, |c| &c.requests),
        responses_total: std::array::from_fn(|class| sum(counts, |c| &c.responses[class])),
        bytes_in: sum(counts, |c| &c.bytes_in),
        bytes_out: sum(counts, |c| &c.bytes_out),
        datagrams_in: sum(counts, |c| &c.datagrams_in),
        datagrams_out: sum(counts, |c| &c.datagrams_out),
        datagrams_dropped: sum(counts, |c| &c.datagrams_dropped),
    }
}

/// What the servers of a pool have counted.
pub(crate) fn pool_counters(pool: &PoolEntry) -> PoolCounters {
    PoolCounters {
        name: pool.config.name.clone(),
        balance: match pool.config.balance {
            Balance::RoundRobin => "round_robin",
            Balance::WeightedRoundRobin => "weighted_round_robin",
        },
        servers: pool
            .servers
            .iter()
            .map(|server| {
                let counts = &server.shared.counts;
                ServerCounters {
                    name: server.shared.name.clone(),
                    address: server.shared.address.to_string(),
                    available: server.available,
                    weight: server.weight,
                    active: sum(counts, |c| &c.active),
                    total: sum(counts, |c| &c.total),
                    connect_failures: sum(counts, |c| &c.connect_failures),
                    retries: sum(counts, |c| &c.retries),
                    connections: server.shared.seats.taken(),
                    waiting: server.shared.seats.waiting(),
                }
            })
            .collect(),
    }
}
