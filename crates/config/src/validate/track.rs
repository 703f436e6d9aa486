//! `[[track]]`.

use std::net::IpAddr;
use std::time::Duration;

use super::settings::positive;
use super::{all, unique};
use crate::defaults;
use crate::model::{Track, TrackCheck};
use crate::raw::{self, TrackCheck as Kind, duration_text};
use crate::report::Report;
use crate::suggest::remedy_for_name;

/// Keys that belong to one kind of check each.
const OWN_KEYS: [(&str, Kind); 7] = [
    ("address", Kind::Interface),
    ("destination", Kind::Route),
    ("gateway", Kind::Gateway),
    ("command", Kind::Script),
    ("directory", Kind::Script),
    ("pool", Kind::Pool),
    ("min_up", Kind::Pool),
];

pub(super) fn tracks(raw: &raw::File, report: &mut Report<'_>) -> Option<Vec<Track>> {
    unique(
        "track",
        raw.track
            .iter()
            .enumerate()
            .filter_map(|(at, track)| Some((at, track.name.as_ref()?.0.0.as_str()))),
        report,
    );
    all(&raw.track, |at, track| {
        self::track(&format!("track[{at}]"), track, raw, report)
    })
}

fn track(path: &str, raw: &raw::Track, file: &raw::File, report: &mut Report<'_>) -> Option<Track> {
    let kind = raw.check;
    if let Some(kind) = kind {
        foreign_keys(path, kind, report);
    }
    let check = kind.and_then(|kind| check(path, kind, raw, file, report));
    let vips = vips(path, raw, file, report);
    let interval = interval(path, raw, report);
    let timeout = timeout(path, raw, report);
    Some(Track {
        name: raw.name.as_ref()?.0.0.clone(),
        check: check?,
        vips: vips?,
        weight: raw.weight,
        interval,
        timeout,
        rise: raw.rise,
        fall: raw.fall.unwrap_or_else(|| defaults::track_fall(kind)),
    })
}

/// What is watched, from the keys of its kind.
fn check(
    path: &str,
    kind: Kind,
    raw: &raw::Track,
    file: &raw::File,
    report: &mut Report<'_>,
) -> Option<TrackCheck> {
    match kind {
        Kind::Interface => {
            require(path, "interface", "interface = \"eth1\"", report);
            Some(TrackCheck::Interface {
                name: raw.interface.as_ref()?.0.0.clone(),
                address: raw.address.as_ref().map(|address| address.0),
            })
        }
        Kind::Route => {
            require(path, "destination", "destination = \"192.0.2.1\"", report);
            Some(TrackCheck::Route {
                destination: raw.destination.as_ref()?.0,
                interface: raw.interface.as_ref().map(|name| name.0.0.clone()),
            })
        }
        Kind::Gateway => {
            require(path, "gateway", "gateway = \"10.77.0.1\"", report);
            let address = raw.gateway.as_ref()?.0;
            let interface = raw.interface.as_ref().map(|name| name.0.0.clone());
            let link_local = matches!(address, IpAddr::V6(ip) if ip.is_unicast_link_local());
            if link_local && interface.is_none() {
                report.value(
                    format!("{path}.gateway"),
                    format!(
                        "{address} is link-local, which every interface has a network for; write \
                         interface = \"eth0\" beside it"
                    ),
                );
                return None;
            }
            Some(TrackCheck::Gateway { address, interface })
        }
        Kind::Script => {
            require(
                path,
                "command",
                "command = [\"/usr/local/bin/check\"]",
                report,
            );
            let command = raw.command.clone()?;
            let program = command.first()?;
            if !program.starts_with('/') || command.iter().any(|word| word.contains('\0')) {
                report.value(
                    format!("{path}.command[0]"),
                    format!(
                        "{program:?} is not an absolute path; write one, as no PATH is searched"
                    ),
                );
                return None;
            }
            Some(TrackCheck::Script {
                command,
                directory: raw.directory.0.0.clone(),
            })
        }
        Kind::Pool => {
            require(path, "pool", "pool = \"app\"", report);
            pool(path, raw, file, report)
        }
    }
}

fn pool(
    path: &str,
    raw: &raw::Track,
    file: &raw::File,
    report: &mut Report<'_>,
) -> Option<TrackCheck> {
    let name = raw.pool.as_ref()?;
    let named = |pool: &&raw::Pool| pool.name.as_ref().is_some_and(|own| own.0.0 == *name);
    let Some(pool) = file.pool.iter().find(named) else {
        let known = file
            .pool
            .iter()
            .filter_map(|pool| Some(pool.name.as_ref()?.0.0.as_str()));
        let remedy = remedy_for_name(name, "pool", known);
        report.value(
            format!("{path}.pool"),
            format!("no pool is named {name:?}; {remedy}"),
        );
        return None;
    };
    let servers = pool.server.as_ref().map_or(0, Vec::len);
    if raw.min_up > servers && servers > 0 {
        report.value(
            format!("{path}.min_up"),
            format!(
                "{} is more than the {servers} servers of pool {name:?}, so it could never be met; \
                 lower it",
                raw.min_up
            ),
        );
    }
    Some(TrackCheck::Pool {
        name: name.clone(),
        min_up: raw.min_up,
    })
}

fn require(path: &str, key: &str, example: &str, report: &mut Report<'_>) {
    let whole = format!("{path}.{key}");
    if !report.given(&whole) {
        report.key(path, format!("has no {key:?}; add {example}"));
    }
}

fn foreign_keys(path: &str, kind: Kind, report: &mut Report<'_>) {
    for (key, owner) in OWN_KEYS {
        let whole = format!("{path}.{key}");
        if owner != kind && report.given(&whole) {
            report.key(
                whole,
                format!(
                    "has no effect on this check; write check = {:?}, or remove it",
                    word(owner)
                ),
            );
        }
    }
    let interface = format!("{path}.interface");
    if matches!(kind, Kind::Script | Kind::Pool) && report.given(&interface) {
        report.key(
            interface,
            "has no effect on this check; write check = \"interface\", \"route\" or \"gateway\", or \
             remove it",
        );
    }
    let timed = matches!(kind, Kind::Gateway | Kind::Script);
    let timeout = format!("{path}.timeout");
    if !timed && report.given(&timeout) {
        report.key(
            timeout,
            "has no effect on this check, which takes no time; remove it",
        );
    }
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Interface => "interface",
        Kind::Route => "route",
        Kind::Gateway => "gateway",
        Kind::Script => "script",
        Kind::Pool => "pool",
    }
}

/// The VIPs that depend on it, by name; all that there are if none is named.
fn vips(
    path: &str,
    raw: &raw::Track,
    file: &raw::File,
    report: &mut Report<'_>,
) -> Option<Vec<String>> {
    let known = || {
        file.vip
            .iter()
            .filter_map(|vip| Some(vip.name.as_ref()?.0.0.as_str()))
    };
    let Some(given) = &raw.vips else {
        return Some(known().map(str::to_owned).collect());
    };
    let mut good = true;
    for (n, name) in given.iter().enumerate() {
        if !known().any(|vip| vip == name) {
            good = false;
            let remedy = remedy_for_name(name, "vip", known());
            report.value(
                format!("{path}.vips[{n}]"),
                format!("no VIP is named {name:?}; {remedy}"),
            );
        }
    }
    good.then(|| given.clone())
}

fn interval(path: &str, raw: &raw::Track, report: &mut Report<'_>) -> Duration {
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
    interval
}

fn timeout(path: &str, raw: &raw::Track, report: &mut Report<'_>) -> Duration {
    let interval = raw.interval.0;
    let Some(timeout) = &raw.timeout else {
        return defaults::TRACK_TIMEOUT.min(interval);
    };
    let key = format!("{path}.timeout");
    if timeout.0 > interval && !report.is_wrong(&format!("{path}.interval")) {
        report.value(
            key,
            format!(
                "{:?} is longer than the interval ({:?}), so checks would overlap; shorten the \
                 timeout or lengthen the interval",
                duration_text(timeout.0),
                duration_text(interval)
            ),
        );
    } else {
        positive(&key, timeout.0, report);
    }
    timeout.0
}
