//! `[[listener]]` and `[[route]]`.

use std::collections::HashMap;
use std::sync::Arc;

use super::{all, unique};
use crate::model::{HostMatch, Listener, ListenerTimeouts, Protocol, Route};
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
            raw::Protocol::Tcp => tcp(&path, raw, report),
            raw::Protocol::Http => http(&path, raw, file, report),
        }
    }
    for (key, timeout) in [
        ("first_byte", &raw.timeouts.first_byte),
        ("header", &raw.timeouts.header),
        ("idle", &raw.timeouts.idle),
        ("keep_alive", &raw.timeouts.keep_alive),
    ] {
        positive(&format!("{path}.timeouts.{key}"), timeout.0, report);
    }
    Some(Listener {
        name: raw.name.as_ref()?.0.0.clone(),
        bind: raw.bind.as_ref()?.iter().map(|bind| bind.0).collect(),
        protocol: match raw.protocol {
            raw::Protocol::Http => Protocol::Http,
            raw::Protocol::Tcp => Protocol::Tcp,
        },
        pool: raw.pool.clone(),
        max_connections: raw.max_connections,
        timeouts: ListenerTimeouts {
            first_byte: raw.timeouts.first_byte.0,
            header: raw.timeouts.header.0,
            idle: raw.timeouts.idle.0,
            keep_alive: raw.timeouts.keep_alive.0,
        },
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
        max_body_bytes: raw.max_body_bytes.0,
        min_body_rate: raw.min_body_rate.0,
        min_read_rate: raw.min_read_rate.0,
        trust_forwarded: raw.trust_forwarded,
    })
}

/// A TCP listener has a pool, and none of the keys that only HTTP knows.
fn tcp(path: &str, raw: &raw::Listener, report: &mut Report<'_>) {
    if !report.given(&format!("{path}.pool")) {
        report.key(path, "a tcp listener needs a pool; add pool = \"NAME\"");
    }
    let http_only = [
        "max_header_bytes",
        "max_request_line_bytes",
        "max_header_fields",
        "max_body_bytes",
        "min_body_rate",
        "min_read_rate",
        "trust_forwarded",
        "timeouts.first_byte",
        "timeouts.header",
        "timeouts.keep_alive",
    ];
    let name = raw.name.as_ref().map_or("this listener", |name| &name.0.0);
    for key in http_only.map(|key| format!("{path}.{key}")) {
        if report.given(&key) {
            report.key(
                key,
                format!("has no effect, as {name} speaks tcp; remove it"),
            );
        }
    }
}

/// An HTTP listener leads somewhere.
fn http(path: &str, raw: &raw::Listener, file: &raw::File, report: &mut Report<'_>) {
    let name = raw.name.as_ref().map(|name| &name.0.0);
    let routed = file
        .route
        .iter()
        .any(|route| route.listener.as_ref() == name);
    if !report.given(&format!("{path}.pool")) && name.is_some() && !routed {
        report.key(
            path,
            "would answer 404 to everything; add pool = \"NAME\", or a [[route]] that names it",
        );
    }
}

/// A size within limits.
fn between(
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
    if let Some(at) = listener
        && file.listener[at].protocol == raw::Protocol::Tcp
    {
        report.value(
            format!("{path}.listener"),
            format!(
                "listener[{at}] speaks tcp, and routes need http; give it protocol = \"http\", or \
                 remove the route"
            ),
        );
    }
    if let Some(pool) = &raw.pool {
        pool_exists(&format!("{path}.pool"), pool, &file.pool, report);
    }
    Some(Route {
        listener: listener?,
        host: raw.host.as_ref().map(|host| host.0.clone()),
        path_prefix: raw.path_prefix.0.0.clone(),
        pool: raw.pool.clone()?,
        websocket: raw.websocket,
    })
}

/// A route that matches what one before it matches is never used.
fn unique_routes(raw: &[raw::Route], report: &mut Report<'_>) {
    let mut first = HashMap::new();
    for (at, route) in raw.iter().enumerate() {
        let Some(listener) = &route.listener else {
            continue;
        };
        if ["host", "path_prefix"]
            .iter()
            .any(|key| report.is_wrong(&format!("route[{at}].{key}")))
        {
            continue;
        }
        let host = route.host.as_ref().map(|host| match &host.0 {
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
