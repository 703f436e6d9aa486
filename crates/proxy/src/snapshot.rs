//! What the workers look at: a configuration compiled for lookup, never changed once published.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use halo_balance::{Candidate, Method};
use halo_config::{Balance, Listener, Pool, Protocol};
use halo_http1::Limits;
use halo_route::Router;

use crate::counters::{ListenerCounts, ServerCounts};
use crate::gate::Gate;
use crate::places::Places;
use crate::upstream::Handed;

/// One configuration, with the state of every server.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) generation: u64,
    pub(crate) listeners: Vec<Arc<ListenerEntry>>,
    pub(crate) by_place: HashMap<Place, usize>,
    pub(crate) pools: Vec<Arc<PoolEntry>>,
    pub(crate) drain_timeout: Duration,
    /// Whether access-log lines are wanted.
    pub(crate) access_log: bool,
}

impl Snapshot {
    /// The listener of a place.
    pub(crate) fn listener_at(&self, place: Place) -> Option<&Arc<ListenerEntry>> {
        self.by_place
            .get(&place)
            .map(|&index| &self.listeners[index])
    }

    /// The listener of a name.
    pub(crate) fn listener(&self, name: &str) -> Option<&Arc<ListenerEntry>> {
        self.listeners
            .iter()
            .find(|listener| listener.config.name == name)
    }
}

/// Where a socket is bound: streams and datagrams have ports of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    /// Whether datagrams are taken there, instead of connections.
    pub(crate) datagrams: bool,
}

impl Place {
    /// Every place of a listener.
    pub(crate) fn all(listener: &Listener) -> impl Iterator<Item = Self> + '_ {
        let datagrams = listener.protocol == Protocol::Udp;
        listener
            .bind
            .iter()
            .map(move |&address| Self { address, datagrams })
    }
}

/// A listener and its routes.
#[derive(Debug)]
pub(crate) struct ListenerEntry {
    pub(crate) config: Arc<Listener>,
    /// What a request may cost.
    pub(crate) limits: Limits,
    pub(crate) routes: Router<Target>,
    /// Whether there is any route.
    pub(crate) has_routes: bool,
    /// Where TCP connections go, and requests that no route matches.
    pub(crate) default: Option<Target>,
    pub(crate) shared: Arc<ListenerShared>,
}

/// What stays when a listener is configured anew.
#[derive(Debug)]
pub(crate) struct ListenerShared {
    pub(crate) gate: Gate,
    pub(crate) counts: Box<[ListenerCounts]>,
    /// Connections on their way to each worker from another.
    pub(crate) incoming: Box<[AtomicU64]>,
}

impl ListenerShared {
    /// The connections that a worker has, and will have in a moment.
    pub(crate) fn load(&self, worker: usize) -> u64 {
        self.counts[worker].connections.get() + self.incoming[worker].load(Ordering::Relaxed)
    }
}

/// Where a route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    /// Index into [`Snapshot::pools`].
    pub(crate) pool: usize,
    /// Whether `Upgrade: websocket` is passed on.
    pub(crate) websocket: bool,
}

/// A pool and its servers.
#[derive(Debug)]
pub(crate) struct PoolEntry {
    pub(crate) config: Arc<Pool>,
    /// What a response may cost.
    pub(crate) limits: Arc<Limits>,
    pub(crate) servers: Vec<ServerEntry>,
}

impl PoolEntry {
    pub(crate) fn method(&self) -> Method {
        match self.config.balance {
            Balance::RoundRobin => Method::RoundRobin,
            Balance::WeightedRoundRobin => Method::WeightedRoundRobin,
        }
    }

    pub(crate) fn candidate(&self, server: usize) -> Candidate {
        let server = &self.servers[server];
        Candidate {
            available: server.available,
            weight: server.weight,
        }
    }
}

/// A server as in force.
#[derive(Debug, Clone)]
pub(crate) struct ServerEntry {
    pub(crate) shared: Arc<ServerShared>,
    pub(crate) available: bool,
    pub(crate) weight: u32,
}

/// What stays of a server when the configuration changes around it.
#[derive(Debug)]
pub(crate) struct ServerShared {
    /// Never used for another server of this process.
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// Connections to it, over all workers.
    pub(crate) seats: Places<Handed>,
    pub(crate) counts: Box<[ServerCounts]>,
}

impl ServerShared {
    /// Whether a request can have a connection to it soon: there may be more, or some are idle.
    pub(crate) fn has_room(&self) -> bool {
        !self.seats.is_full() || self.counts.iter().any(|c| c.idle.get() > 0)
    }
}
