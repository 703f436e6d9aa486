//! Metrics of listeners and servers.

use halo_api::{
    AdminState, DataPlaneStatus, HealthState, ListenerStatus, PoolStatus, ServerStatus,
};

use super::page::{Kind, Page};
use crate::Sample;

pub(super) fn write(page: &mut Page, data_plane: &DataPlaneStatus, sample: &Sample) {
    for (name, kind, help, value) in PER_LISTENER {
        let mut family = page.family(name, kind, help);
        for listener in &data_plane.listeners {
            family.sample(&[("listener", &listener.name)], value(listener));
        }
    }
    responses(page, &data_plane.listeners);
    for (name, kind, help, value) in PER_SERVER {
        let mut family = page.family(name, kind, help);
        for (pool, server) in servers(&data_plane.pools) {
            let labels = [("pool", pool.name.as_str()), ("server", &server.name)];
            family.sample(&labels, value(server));
        }
    }
    states(page, &data_plane.pools);
    checks(page, sample);
}

fn servers(pools: &[PoolStatus]) -> impl Iterator<Item = (&PoolStatus, &ServerStatus)> {
    pools
        .iter()
        .flat_map(|pool| pool.servers.iter().map(move |server| (pool, server)))
}

fn responses(page: &mut Page, listeners: &[ListenerStatus]) {
    let mut family = page.family(
        "halo_listener_responses_total",
        Kind::Counter,
        "HTTP responses by class.",
    );
    for listener in listeners
        .iter()
        .filter(|listener| listener.protocol == "http")
    {
        for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"]
            .iter()
            .zip(listener.responses_total)
        {
            let labels = [("listener", listener.name.as_str()), ("class", class)];
            family.sample(&labels, count);
        }
    }
}

fn states(page: &mut Page, pools: &[PoolStatus]) {
    let mut admin = page.family(
        "halo_server_admin_state",
        Kind::Gauge,
        "1 for what the operator asked of a server, 0 for the others.",
    );
    for (pool, server) in servers(pools) {
        for (name, is) in [
            ("ready", AdminState::Ready),
            ("drain", AdminState::Drain),
            ("maint", AdminState::Maint),
        ] {
            let labels = [
                ("pool", pool.name.as_str()),
                ("server", &server.name),
                ("state", name),
            ];
            admin.sample(&labels, u64::from(server.admin == is));
        }
    }
}

fn checks(page: &mut Page, sample: &Sample) {
    let mut family = page.family(
        "halo_server_checks_total",
        Kind::Counter,
        "Health checks by result.",
    );
    for checks in &sample.checks {
        for (result, count) in [("passed", checks.passed), ("failed", checks.failed)] {
            let labels = [
                ("pool", checks.pool.as_str()),
                ("server", &checks.server),
                ("result", result),
            ];
            family.sample(&labels, count);
        }
    }
}

/// Name, kind, help and value of a metric that every listener has.
type PerListener = (&'static str, Kind, &'static str, fn(&ListenerStatus) -> u64);

const PER_LISTENER: [PerListener; 8] = [
    (
        "halo_listener_connections",
        Kind::Gauge,
        "Client connections open now; udp: sessions.",
        |listener| listener.connections,
    ),
    (
        "halo_listener_connections_total",
        Kind::Counter,
        "Client connections accepted; udp: sessions begun.",
        |listener| listener.connections_total,
    ),
    (
        "halo_listener_requests_total",
        Kind::Counter,
        "HTTP requests; DNS queries.",
        |listener| listener.requests_total,
    ),
    (
        "halo_listener_received_bytes_total",
        Kind::Counter,
        "Bytes received from clients.",
        |listener| listener.bytes_in,
    ),
    (
        "halo_listener_sent_bytes_total",
        Kind::Counter,
        "Bytes sent to clients.",
        |listener| listener.bytes_out,
    ),
    (
        "halo_listener_received_datagrams_total",
        Kind::Counter,
        "Datagrams received from clients of a udp listener.",
        |listener| listener.datagrams_in,
    ),
    (
        "halo_listener_sent_datagrams_total",
        Kind::Counter,
        "Datagrams sent to clients of a udp listener.",
        |listener| listener.datagrams_out,
    ),
    (
        "halo_listener_dropped_datagrams_total",
        Kind::Counter,
        "Datagrams that a udp listener did not pass on: no place, no server, not DNS, or too late.",
        |listener| listener.datagrams_dropped,
    ),
];

/// Name, kind, help and value of a metric that every server has.
type PerServer = (&'static str, Kind, &'static str, fn(&ServerStatus) -> u64);

const PER_SERVER: [PerServer; 8] = [
    (
        "halo_server_up",
        Kind::Gauge,
        "1: its health checks pass, or it has none.",
        |server| {
            u64::from(matches!(
                server.health,
                HealthState::Up | HealthState::Unchecked
            ))
        },
    ),
    (
        "halo_server_weight",
        Kind::Gauge,
        "Share under weighted schedulers, as in force.",
        |server| u64::from(server.weight),
    ),
    (
        "halo_server_active",
        Kind::Gauge,
        "Requests or TCP connections in flight.",
        |server| server.active,
    ),
    (
        "halo_server_given_total",
        Kind::Counter,
        "Requests or TCP connections given to it.",
        |server| server.total,
    ),
    (
        "halo_server_connect_failures_total",
        Kind::Counter,
        "Failed connects.",
        |server| server.connect_failures,
    ),
    (
        "halo_server_retries_total",
        Kind::Counter,
        "Requests given to another server after a connect to this one failed.",
        |server| server.retries,
    ),
    (
        "halo_server_connections",
        Kind::Gauge,
        "Connections open to it, idle ones included.",
        |server| server.connections,
    ),
    (
        "halo_server_waiting",
        Kind::Gauge,
        "Requests or TCP connections that wait for a connection to it, as it has max_connections.",
        |server| server.waiting,
    ),
];
