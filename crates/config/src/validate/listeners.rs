//! `[[listener]]` and `[[route]]`.

use std::collections::HashMap;
use std::sync::Arc;

use super::{all, unique};
use crate::model::{HostMatch, Listener, ListenerTimeouts, Protocol, Route, UdpMode};
use crate::raw::{self, Size};
use crate::report::Report;
use crate::suggest::remedy_for_name;
use crate::validate::settings::positive;

pub(super) fn listeners(raw: &raw::File, report: &mut Report<'_>) -> Option<Vec<Arc<Listener>>> {
    unique("listener", names(&raw.listener), report);
    all(&raw.listener, |at, one| {
        listener(at, one, raw, report).map(Arc::new)
    })
}

fn listener(
    at: usize,
    raw: &raw::Listener,
    file: &raw::File,
    report: &mut Report<'_>,
) -> Option<Listener> {
    let path = format!("listener[{at}]");
    if let Some(pool) = &raw.pool {
        pool_exists(&format!("{path}.pool"), pool, &file.pool, report);
    }
    if !report.is_wrong(&format!("{path}.protocol")) {
        match raw.protocol {
            raw::Protocol::Tcp => tcp(&path, raw, file, report),
            raw::Protocol::Http => http(&path, raw, file, report),
            raw::Protocol::Udp => udp(&path, raw, file, report),
        }
    }
    let timeouts = timeouts(&path, &raw.timeouts, report);
    Some(Listener {
        name: raw.name.as_ref()?.0.0.clone(),
        bind: raw.bind.as_ref()?.iter().map(|bind| bind.0).collect(),
        protocol: match raw.protocol {
            raw::Protocol::Http => Protocol::Http,
            raw::Protocol::Tcp => Protocol::Tcp,
            raw::Protocol::Udp => Protocol::Udp,
        },
        pool: raw.pool.clone(),
        max_connections: raw.max_connections,
        timeouts,
        max_header_bytes: between(
            format!("{path}.max_header_bytes"),
            raw.max_header_bytes,
            (Size(1 << 10), Size(1 << 20)),
            report,
        ),
        max_request_line_bytes: between(
            format!("{path}.max_request_line_bytes"),
            raw.max_request_line_bytes,
            (Size(256), Size(64 << 10)),
            report,
        ),
        max_header_fields: raw.max_header_fields,
        max_connection_options: raw.max_connection_options,
        max_trailer_bytes: between(
            format!("{path}.max_trailer_bytes"),
            raw.max_trailer_bytes,
            (Size(0), Size(64 << 10)),
            report,
        ),
        max_body_bytes: raw.max_body_bytes.0,
        min_body_rate: raw.min_body_rate.0,
        min_read_rate: raw.min_read_rate.0,
        trust_forwarded: raw.trust_forwarded,
        proxy_protocol: raw
            .proxy_protocol
            .iter()
            .flatten()
            .map(|network| network.0)
            .collect(),
        udp_mode: match raw.udp_mode {
            raw::UdpMode::Session => UdpMode::Session,
            raw::UdpMode::OneShot => UdpMode::OneShot,
            raw::UdpMode::Dns => UdpMode::Dns,
        },
    })
}

fn timeouts(path: &str, raw: &raw::ListenerTimeouts, report: &mut Report<'_>) -> ListenerTimeouts {
    for (key, timeout) in [
        ("first_byte", &raw.first_byte),
        ("header", &raw.header),
        ("idle", &raw.idle),
        ("keep_alive", &raw.keep_alive),
    ] {
        positive(&format!("{path}.timeouts.{key}"), timeout.0, report);
    }
    ListenerTimeouts {
        first_byte: raw.first_byte.0,
        header: raw.header.0,
        idle: raw.idle.0,
        keep_alive: raw.keep_alive.0,
    }
}

/// Keys that only HTTP knows.
const HTTP_ONLY: [&str; 11] = [
    "max_header_bytes",
    "max_request_line_bytes",
    "max_header_fields",
    "max_connection_options",
    "max_trailer_bytes",
    "max_body_bytes",
    "min_body_rate",
    "min_read_rate",
    "trust_forwarded",
    "timeouts.first_byte",
    "timeouts.keep_alive",
];

/// A TCP listener leads somewhere, and has none of the keys that only others know.
fn tcp(path: &str, raw: &raw::Listener, file: &raw::File, report: &mut Report<'_>) {
    let routed = is_routed(raw, file);
    if !report.given(&format!("{path}.pool")) && !routed {
        report.key(
            path,
            "a tcp listener needs a pool; add pool = \"NAME\", or a [[route]] with `sni` that names it",
        );
    }
    without(path, raw, "tcp", &HTTP_ONLY, report);
    without(path, raw, "tcp", &["udp_mode"], report);
    let header = format!("{path}.timeouts.header");
    if raw.proxy_protocol.is_none() && !routed && report.given(&header) {
        report.key(
            header,
            "has no effect, as neither a PROXY header nor a server name is awaited; remove it",
        );
    }
}

/// A UDP listener has a pool, and none of the keys that only streams know.
fn udp(path: &str, raw: &raw::Listener, file: &raw::File, report: &mut Report<'_>) {
    if !report.given(&format!("{path}.pool")) {
        report.key(path, "a udp listener needs a pool; add pool = \"NAME\"");
    }
    without(path, raw, "udp", &HTTP_ONLY, report);
    without(
        path,
        raw,
        "udp",
        &["proxy_protocol", "timeouts.header"],
        report,
    );
    let pool = file
        .pool
        .iter()
        .find(|pool| pool.name.as_ref().map(|name| &name.0.0) == raw.pool.as_ref());
    for (key, set) in pool.into_iter().flat_map(|pool| {
        [
            ("proxy_protocol", pool.proxy_protocol.is_some()),
            ("transparent", pool.transparent),
            (
                "max_connections",
                pool.max_connections.is_some()
                    || pool
                        .server
                        .iter()
                        .flatten()
                        .any(|s| s.max_connections.is_some()),
            ),
        ]
    }) {
        if set {
            report.value(
                format!("{path}.pool"),
                format!("has {key}, which udp cannot use; name a pool without it"),
            );
        }
    }
}

/// Reports keys that have no effect under a protocol.
fn without(
    path: &str,
    raw: &raw::Listener,
    protocol: &str,
    keys: &[&str],
    report: &mut Report<'_>,
) {
    let name = raw.name.as_ref().map_or("this listener", |name| &name.0.0);
    for key in keys.iter().map(|key| format!("{path}.{key}")) {
        if report.given(&key) {
            report.key(
                key,
                format!("has no effect, as {name} speaks {protocol}; remove it"),
            );
        }
    }
}

fn is_routed(raw: &raw::Listener, file: &raw::File) -> bool {
    let name = raw.name.as_ref().map(|name| &name.0.0);
    file.route
        .iter()
        .any(|route| name.is_some() && route.listener.as_ref() == name)
}

/// An HTTP listener leads somewhere.
fn http(path: &str, raw: &raw::Listener, file: &raw::File, report: &mut Report<'_>) {
    without(path, raw, "http", &["udp_mode"], report);
    let named = raw.name.is_some();
    if !report.given(&format!("{path}.pool")) && named && !is_routed(raw, file) {
        report.key(
            path,
            "would answer 404 to everything; add pool = \"NAME\", or a [[route]] that names it",
        );
    }
}

/// A size within limits.
pub(super) fn between(
    path: String,
    size: Size,
    (least, most): (Size, Size),
    report: &mut Report<'_>,
) -> usize {
    if !(least.0..=most.0).contains(&size.0) {
        report.value(
            path,
            format!(
                "{} is out of range; write \"{}\" to \"{}\"",
                size.write(),
                least.write(),
                most.write()
            ),
        );
    }
    // Checked above; a larger one never leaves this crate.
    usize::try_from(size.0).unwrap_or(usize::MAX)
}

pub(super) fn routes(raw: &raw::File, report: &mut Report<'_>) -> Option<Vec<Route>> {
    unique_routes(&raw.route, report);
    all(&raw.route, |at, one| route(at, one, raw, report))
}

fn route(at: usize, raw: &raw::Route, file: &raw::File, report: &mut Report<'_>) -> Option<Route> {
    let path = format!("route[{at}]");
    let listener = raw.listener.as_ref().and_then(|name| {
        let found = names(&file.listener)
            .find(|(_, other)| other == name)
            .map(|(at, _)| at);
        if found.is_none() {
            let known = names(&file.listener).map(|(_, name)| name);
            report.value(
                format!("{path}.listener"),
                format!(
                    "no listener is named {name:?}; {}",
                    remedy_for_name(name, "listener", known)
                ),
            );
        }
        found
    });
    let protocol = listener.map(|at| file.listener[at].protocol);
    if let Some((at, protocol)) = listener.zip(protocol) {
        conditions(&path, raw, at, protocol, report);
    }
    if let Some(pool) = &raw.pool {
        pool_exists(&format!("{path}.pool"), pool, &file.pool, report);
    }
    Some(Route {
        listener: listener?,
        host: raw
            .host
            .as_ref()
            .or(raw.sni.as_ref())
            .map(|host| host.0.clone()),
        path_prefix: raw.path_prefix.0.0.clone(),
        pool: raw.pool.clone()?,
        websocket: raw.websocket,
    })
}

/// A route has the conditions that its listener's protocol knows.
fn conditions(
    path: &str,
    raw: &raw::Route,
    listener: usize,
    protocol: raw::Protocol,
    report: &mut Report<'_>,
) {
    let (speaks, foreign): (_, &[&str]) = match protocol {
        raw::Protocol::Http => ("http", &["sni"]),
        raw::Protocol::Tcp => ("tcp", &["host", "path_prefix", "websocket"]),
        raw::Protocol::Udp => {
            report.value(
                format!("{path}.listener"),
                format!("listener[{listener}] speaks udp, which has no routes; remove the route"),
            );
            return;
        }
    };
    for key in foreign.iter().map(|key| format!("{path}.{key}")) {
        if report.given(&key) {
            report.key(
                key,
                format!("has no effect, as listener[{listener}] speaks {speaks}; remove it"),
            );
        }
    }
    if protocol == raw::Protocol::Tcp && raw.sni.is_none() && !report.given(&format!("{path}.sni"))
    {
        report.key(
            path,
            format!(
                "listener[{listener}] speaks tcp, where routes match the server name; add sni = \
                 \"HOST\", or give the listener protocol = \"http\""
            ),
        );
    }
}

/// A route that matches what one before it matches is never used.
fn unique_routes(raw: &[raw::Route], report: &mut Report<'_>) {
    let mut first = HashMap::new();
    for (at, route) in raw.iter().enumerate() {
        let Some(listener) = &route.listener else {
            continue;
        };
        if ["host", "sni", "path_prefix"]
            .iter()
            .any(|key| report.is_wrong(&format!("route[{at}].{key}")))
        {
            continue;
        }
        let host = route.host.as_ref().or(route.sni.as_ref());
        let host = host.map(|host| match &host.0 {
            HostMatch::Exact(name) => (true, name.as_str()),
            HostMatch::Suffix(name) => (false, name.as_str()),
        });
        let key = (listener.as_str(), host, route.path_prefix.0.0.as_str());
        if let Some(before) = first.get(&key) {
            report.key(
                format!("route[{at}]"),
                format!(
                    "matches the same host and path as route[{before}], so it is never used; \
                     remove one of the two"
                ),
            );
        } else {
            first.insert(key, at);
        }
    }
}

fn pool_exists(path: &str, name: &str, pools: &[raw::Pool], report: &mut Report<'_>) {
    let known = pools
        .iter()
        .filter_map(|pool| Some(pool.name.as_ref()?.0.0.as_str()));
    if !known.clone().any(|other| other == name) {
        let remedy = remedy_for_name(name, "pool", known);
        report.value(path, format!("no pool is named {name:?}; {remedy}"));
    }
}

fn names(raw: &[raw::Listener]) -> impl Iterator<Item = (usize, &str)> + Clone {
    raw.iter()
        .enumerate()
        .filter_map(|(at, one)| Some((at, one.name.as_ref()?.0.0.as_str())))
}
