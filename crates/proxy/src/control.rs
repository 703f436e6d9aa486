//! From a configuration to a snapshot, keeping what outlives a reload.

use std::collections::HashMap;
use std::sync::Arc;

use halo_config::{AccessLog, Config, HostMatch, Listener, Pool, Server};
use halo_http1::Limits;
use halo_route::{HostPattern, Router};

use crate::ApplyError;
use crate::counters::per_worker;
use crate::gate::Gate;
use crate::places::Places;
use crate::snapshot::{
    ListenerEntry, ListenerShared, Place, PoolEntry, ServerEntry, ServerShared, Snapshot, Target,
};

/// Whether a server takes new work, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerState {
    /// Whether it takes new requests and connections; those in flight go on either way.
    pub available: bool,
    /// Its share under weighted schedulers, 0 to 256; 0: no new work.
    pub weight: u32,
}

/// Builds the snapshot for `config`. Counters, limits and the states of servers are taken over from
/// `old` where the same listener (by name) or server (by pool, name and address) was there; new
/// servers are available with the weight of the configuration.
pub(crate) fn compile(
    config: &Config,
    generation: u64,
    old: &Snapshot,
    workers: usize,
    next_server: &mut u64,
) -> Result<Snapshot, ApplyError> {
    let pools: HashMap<&str, usize> = config
        .pools
        .iter()
        .enumerate()
        .map(|(index, pool)| (pool.name.as_str(), index))
        .collect();
    let mut listeners = Vec::with_capacity(config.listeners.len());
    let mut by_place = HashMap::new();
    for (index, listener) in config.listeners.iter().enumerate() {
        let entry = compile_listener(config, index, listener, &pools, old, workers)?;
        by_place.extend(Place::all(listener).map(|place| (place, index)));
        listeners.push(Arc::new(entry));
    }
    Ok(Snapshot {
        generation,
        listeners,
        by_place,
        pools: config
            .pools
            .iter()
            .map(|pool| Arc::new(compile_pool(pool, old, workers, next_server)))
            .collect(),
        drain_timeout: config.data_plane.drain_timeout,
        access_log: config.log.access != AccessLog::Off,
    })
}

/// The snapshot with one server's state changed; `None`: there is no such server.
pub(crate) fn with_server(
    old: &Snapshot,
    pool: &str,
    server: &str,
    state: ServerState,
) -> Option<Snapshot> {
    let at = old.pools.iter().position(|p| p.config.name == pool)?;
    let entry = &old.pools[at];
    let server = entry.servers.iter().position(|s| s.shared.name == server)?;
    let mut servers = entry.servers.clone();
    servers[server].available = state.available;
    servers[server].weight = state.weight;
    let mut pools = old.pools.clone();
    pools[at] = Arc::new(PoolEntry {
        config: entry.config.clone(),
        limits: entry.limits.clone(),
        servers,
    });
    Some(Snapshot {
        generation: old.generation,
        listeners: old.listeners.clone(),
        by_place: old.by_place.clone(),
        pools,
        drain_timeout: old.drain_timeout,
        access_log: old.access_log,
    })
}

/// The places that `config` listens at and that are not bound yet.
pub(crate) fn unbound<'a>(
    config: &'a Config,
    old: &'a Snapshot,
) -> impl Iterator<Item = (&'a Listener, Place)> {
    config
        .listeners
        .iter()
        .flat_map(|listener| Place::all(listener).map(move |at| (&**listener, at)))
        .filter(|(_, at)| !old.by_place.contains_key(at))
}

fn compile_listener(
    config: &Config,
    index: usize,
    listener: &Arc<Listener>,
    pools: &HashMap<&str, usize>,
    old: &Snapshot,
    workers: usize,
) -> Result<ListenerEntry, ApplyError> {
    let target = |pool: &str, websocket| match pools.get(pool) {
        Some(&pool) => Ok(Target { pool, websocket }),
        None => Err(ApplyError::UnknownPool {
            place: format!("listener {}", listener.name),
            pool: pool.to_owned(),
        }),
    };
    let mut routes = Router::new();
    for route in config.routes.iter().filter(|r| r.listener == index) {
        let host = match &route.host {
            None => HostPattern::Any,
            Some(HostMatch::Exact(name)) => HostPattern::Exact(name),
            Some(HostMatch::Suffix(name)) => HostPattern::Suffix(name),
        };
        routes.add(
            host,
            &route.path_prefix,
            target(&route.pool, route.websocket)?,
        );
    }
    // A listener's own pool is a route without conditions, so it passes WebSocket like one.
    let default = listener
        .pool
        .as_deref()
        .map(|pool| target(pool, true))
        .transpose()?;
    let shared = match old.listener(&listener.name) {
        Some(before) => before.shared.clone(),
        None => Arc::new(ListenerShared {
            gate: Gate::new(listener.max_connections),
            counts: per_worker(workers),
            incoming: per_worker(workers),
        }),
    };
    Ok(ListenerEntry {
        config: listener.clone(),
        limits: limits(listener),
        routes,
        has_routes: config.routes.iter().any(|r| r.listener == index),
        default,
        shared,
    })
}

/// What a request to the listener may cost.
fn limits(listener: &Listener) -> Limits {
    Limits {
        line_bytes: listener.max_request_line_bytes,
        head_bytes: listener.max_header_bytes,
        fields: listener.max_header_fields,
        connection_options: listener.max_connection_options,
        trailer_bytes: listener.max_trailer_bytes,
        body_bytes: match listener.max_body_bytes {
            0 => u64::MAX,
            most => most,
        },
        ..Limits::default()
    }
}

fn compile_pool(
    pool: &Arc<Pool>,
    old: &Snapshot,
    workers: usize,
    next_server: &mut u64,
) -> PoolEntry {
    let before = old.pools.iter().find(|p| p.config.name == pool.name);
    let servers = pool
        .servers
        .iter()
        .map(|server| {
            let same = before.and_then(|pool| {
                let is_same = |s: &&ServerEntry| {
                    s.shared.name == server.name && s.shared.address == server.address
                };
                let entry = pool.servers.iter().find(is_same)?;
                let config = pool.config.servers.iter().find(|s| s.name == server.name)?;
                Some((entry, config))
            });
            if let Some((entry, config)) = same {
                // A weight set by an operator stays until the file says something new.
                let weight = if config.weight == server.weight {
                    entry.weight
                } else {
                    server.weight
                };
                return ServerEntry {
                    weight,
                    ..entry.clone()
                };
            }
            *next_server += 1;
            ServerEntry {
                shared: Arc::new(ServerShared {
                    id: *next_server,
                    name: server.name.clone(),
                    address: server.address,
                    seats: Places::new(most_connections(server)),
                    counts: per_worker(workers),
                }),
                available: true,
                weight: server.weight,
            }
        })
        .collect();
    PoolEntry {
        config: pool.clone(),
        limits: Arc::new(response_limits(pool)),
        servers,
    }
}

/// What a server's response may cost. Its body is the application's affair.
fn response_limits(pool: &Pool) -> Limits {
    Limits {
        head_bytes: pool.max_header_bytes,
        fields: pool.max_header_fields,
        trailer_bytes: pool.max_trailer_bytes,
        interim_responses: pool.max_interim_responses,
        ..Limits::default()
    }
}

/// How many connections a server may have.
fn most_connections(server: &Server) -> usize {
    server.max_connections.unwrap_or(usize::MAX)
}

/// Puts the limits of a new snapshot in force.
pub(crate) fn set_limits(new: &Snapshot) {
    for listener in &new.listeners {
        let limit = listener.config.max_connections;
        listener.shared.gate.set_limit(limit);
    }
    for pool in &new.pools {
        for (entry, server) in pool.servers.iter().zip(&pool.config.servers) {
            entry.shared.seats.set_limit(most_connections(server));
        }
    }
}
