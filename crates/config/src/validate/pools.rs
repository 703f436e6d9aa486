//! `[[pool]]` and its servers.

use std::sync::Arc;
use std::time::Duration;

use super::listeners::between;
use super::settings::positive;
use super::{all, unique};
use crate::defaults;
use crate::model::{
    Balance, CheckKind, HealthCheck, HttpCheck, Pool, PoolTimeouts, ProxyProtocol, Server,
};
use crate::raw::{self, Size, duration_text};
use crate::report::Report;

pub(super) fn pools(raw: &[raw::Pool], report: &mut Report<'_>) -> Option<Vec<Arc<Pool>>> {
    unique(
        "pool",
        raw.iter()
            .enumerate()
            .filter_map(|(at, pool)| Some((at, pool.name.as_ref()?.0.0.as_str()))),
        report,
    );
    all(raw, |at, raw| pool(at, raw, report).map(Arc::new))
}

fn pool(at: usize, raw: &raw::Pool, report: &mut Report<'_>) -> Option<Pool> {
    let path = format!("pool[{at}]");
    for (key, timeout) in [
        ("connect", &raw.timeouts.connect),
        ("queue", &raw.timeouts.queue),
        ("response", &raw.timeouts.response),
        ("idle", &raw.timeouts.idle),
    ] {
        positive(&format!("{path}.timeouts.{key}"), timeout.0, report);
    }
    let servers = servers(&path, raw, report);
    queue(&path, raw, report);
    let health = raw
        .health
        .as_ref()
        .map(|health| health_check(&path, health, proxy_protocol(raw), report));
    let personal = personal(raw);
    if let Some(key) = personal
        && report.given(&format!("{path}.max_idle"))
    {
        report.key(
            format!("{path}.max_idle"),
            format!(
                "has no effect, as with {key} each connection belongs to one client; remove it"
            ),
        );
    }
    Some(Pool {
        name: raw.name.as_ref()?.0.0.clone(),
        balance: match raw.balance {
            raw::Balance::RoundRobin => Balance::RoundRobin,
            raw::Balance::WeightedRoundRobin => Balance::WeightedRoundRobin,
        },
        servers: servers?,
        // `None` inside: the check is wrong, and has been reported.
        health: match health {
            Some(health) => Some(health?),
            None => None,
        },
        retries: raw.retries,
        proxy_protocol: proxy_protocol(raw),
        transparent: raw.transparent,
        max_idle: if personal.is_some() { 0 } else { raw.max_idle },
        max_header_bytes: between(
            format!("{path}.max_header_bytes"),
            raw.max_header_bytes,
            (Size(1 << 10), Size(1 << 20)),
            report,
        ),
        max_header_fields: raw.max_header_fields,
        max_trailer_bytes: between(
            format!("{path}.max_trailer_bytes"),
            raw.max_trailer_bytes,
            (Size(0), Size(64 << 10)),
            report,
        ),
        max_interim_responses: raw.max_interim_responses,
        max_queue: raw.max_queue,
        timeouts: PoolTimeouts {
            connect: raw.timeouts.connect.0,
            queue: raw.timeouts.queue.0,
            response: raw.timeouts.response.0,
            idle: raw.timeouts.idle.0,
        },
    })
}

/// Nobody waits where connections have no limit.
fn queue(path: &str, raw: &raw::Pool, report: &mut Report<'_>) {
    let servers = raw.server.iter().flatten();
    if raw.max_connections.is_some() || servers.into_iter().any(|s| s.max_connections.is_some()) {
        return;
    }
    for key in ["max_queue", "timeouts.queue"].map(|key| format!("{path}.{key}")) {
        if report.given(&key) && !report.is_wrong(&format!("{path}.max_connections")) {
            report.key(
                key,
                "has no effect, as the servers have no limit of connections; add max_connections, \
                 or remove it",
            );
        }
    }
}

/// The key by which a connection to a server belongs to one client.
fn personal(raw: &raw::Pool) -> Option<&'static str> {
    if raw.proxy_protocol.is_some() {
        Some("proxy_protocol")
    } else {
        raw.transparent.then_some("transparent")
    }
}

fn proxy_protocol(raw: &raw::Pool) -> Option<ProxyProtocol> {
    raw.proxy_protocol.map(|version| match version {
        raw::ProxyProtocol::V1 => ProxyProtocol::V1,
        raw::ProxyProtocol::V2 => ProxyProtocol::V2,
    })
}

fn servers(path: &str, pool: &raw::Pool, report: &mut Report<'_>) -> Option<Vec<Server>> {
    let raw = pool.server.as_ref()?;
    let names: Vec<Option<String>> = raw.iter().map(name).collect();
    let section = format!("{path}.server");
    unique(
        &section,
        names
            .iter()
            .enumerate()
            .filter_map(|(at, name)| Some((at, name.as_deref()?))),
        report,
    );
    weights(path, pool, raw, report);
    all(raw, |at, raw| {
        Some(Server {
            name: names[at].clone()?,
            address: raw.address.as_ref()?.0,
            weight: raw.weight,
            max_connections: raw.max_connections.or(pool.max_connections),
        })
    })
}

/// A server's name: its own, or its address.
fn name(raw: &raw::Server) -> Option<String> {
    match &raw.name {
        Some(name) => Some(name.0.0.clone()),
        None => raw.address.as_ref().map(|address| address.0.to_string()),
    }
}

/// Weights are for weighted schedulers, and not all of them are zero.
fn weights(path: &str, pool: &raw::Pool, servers: &[raw::Server], report: &mut Report<'_>) {
    if report.is_wrong(&format!("{path}.balance")) {
        return;
    }
    match pool.balance {
        raw::Balance::RoundRobin => {
            for key in (0..servers.len()).map(|at| format!("{path}.server[{at}].weight")) {
                if report.given(&key) {
                    report.key(
                        key,
                        "has no effect under round_robin; give the pool balance = \
                         \"weighted_round_robin\", or remove it",
                    );
                }
            }
        }
        raw::Balance::WeightedRoundRobin => {
            if servers.iter().all(|server| server.weight == 0) && !servers.is_empty() {
                report.value(
                    format!("{path}.server[0].weight"),
                    "every server has weight 0, so none gets work; give one a weight from 1 to 256",
                );
            }
        }
    }
}

fn health_check(
    pool: &str,
    raw: &raw::Health,
    proxy_protocol: Option<ProxyProtocol>,
    report: &mut Report<'_>,
) -> Option<HealthCheck> {
    let path = format!("{pool}.health");
    let interval = raw.interval.0;
    let range = Duration::from_millis(10)..=Duration::from_secs(3600);
    if !range.contains(&interval) {
        report.value(
            format!("{path}.interval"),
            format!(
                "{:?} is out of range; write \"10ms\" to \"1h\"",
                duration_text(interval)
            ),
        );
    }
    let timeout = match &raw.timeout {
        Some(timeout) => timeout.0,
        None => defaults::HEALTH_TIMEOUT.min(interval),
    };
    if timeout > interval && !report.is_wrong(&format!("{path}.interval")) {
        report.value(
            format!("{path}.timeout"),
            format!(
                "{:?} is longer than the interval ({:?}), so checks would overlap; shorten the \
                 timeout or lengthen the interval",
                duration_text(timeout),
                duration_text(interval)
            ),
        );
    } else if raw.timeout.is_some() {
        positive(&format!("{path}.timeout"), timeout, report);
    }
    if raw.check == Some(raw::Check::Tcp) {
        for key in ["path", "host", "status", "contains"].map(|key| format!("{path}.{key}")) {
            if report.given(&key) {
                report.key(
                    key,
                    "has no effect on a tcp check; write check = \"http\", or remove it",
                );
            }
        }
    }
    Some(HealthCheck {
        kind: match raw.check? {
            raw::Check::Tcp => CheckKind::Tcp,
            raw::Check::Http => CheckKind::Http(HttpCheck {
                path: raw.path.0.0.clone(),
                host: raw.host.as_ref().map(|host| host.0.0.clone()),
                status: raw.status.0.0.clone(),
                contains: raw.contains.clone(),
            }),
        },
        // Another port is another service, which knows nothing of clients.
        proxy_protocol: proxy_protocol.filter(|_| raw.port.is_none()),
        port: raw.port,
        interval,
        timeout,
        rise: raw.rise,
        fall: raw.fall,
    })
}
