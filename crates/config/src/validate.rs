//! What no single value shows: references, duplicates, overlaps and contradictions.

mod binds;
mod listeners;
mod nodes;
mod pools;
mod quorum;
mod settings;
mod track;
mod vip_addresses;
mod vips;

use std::collections::HashMap;

use crate::model::Config;
use crate::raw;
use crate::report::Report;

pub(crate) use nodes::find_node;

/// The validated configuration, seen from the first node; `None` when something is wrong.
pub(crate) fn config(raw: &raw::File, report: &mut Report<'_>) -> Option<Config> {
    let none = Vec::new();
    let raw_nodes = raw.node.as_ref().unwrap_or(&none);
    let nodes = nodes::nodes(raw_nodes, report);
    let vips = vips::vips(&raw.vip, raw_nodes, report);
    let tracks = track::tracks(raw, report);
    let listeners = listeners::listeners(raw, report);
    let routes = listeners::routes(raw, report);
    let pools = pools::pools(&raw.pool, report);
    let admin = settings::admin(&raw.admin, report);
    let data_plane = settings::data_plane(&raw.data_plane, report);
    binds::overlaps(raw, report);
    binds::refused(raw, vips.as_deref().unwrap_or_default(), report);
    quorum::quorum(raw, report);
    Some(Config {
        cluster: raw.cluster.name.0.0.clone(),
        secret_file: raw
            .cluster
            .secret_file
            .as_ref()
            .map(|file| file.0.0.clone()),
        signatures_optional: signatures_optional(raw, report),
        quorum: raw.cluster.quorum,
        this: 0,
        nodes: nodes?,
        vips: vips?,
        tracks: tracks?,
        listeners: listeners?,
        routes: routes?,
        pools: pools?,
        admin,
        data_plane,
        log: settings::log(&raw.log),
    })
}

/// Reports names that stand twice. `section` is a path such as `pool` or `pool[1].server`.
fn unique<'a>(
    section: &str,
    names: impl IntoIterator<Item = (usize, &'a str)>,
    report: &mut Report<'_>,
) {
    let mut first = HashMap::new();
    for (at, name) in names {
        if let Some(before) = first.get(name) {
            report.value(
                format!("{section}[{at}].name"),
                format!("{name:?} is {section}[{before}]'s name already; choose another"),
            );
        } else {
            first.insert(name, at);
        }
    }
}

/// Turns every element into its validated form; `None` if one has none.
fn all<T, U>(raw: &[T], mut each: impl FnMut(usize, &T) -> Option<U>) -> Option<Vec<U>> {
    // Not `collect` into an Option straight away: it would stop at the first failure, and with it
    // the reporting.
    let elements: Vec<Option<U>> = raw
        .iter()
        .enumerate()
        .map(|(at, raw)| each(at, raw))
        .collect();
    elements.into_iter().collect()
}

/// It is for the time in which a secret is turned on or off.
fn signatures_optional(raw: &raw::File, report: &mut Report<'_>) -> bool {
    let path = "cluster.signatures";
    let optional = raw.cluster.signatures == raw::Signatures::Optional;
    if optional && raw.cluster.secret_file.is_none() {
        report.value(
            path,
            "\"optional\" has no effect without a secret_file; name one, or remove it",
        );
    }
    if optional && raw.cluster.quorum {
        report.value(
            path,
            "\"optional\" would let anyone vote, and with quorum = true votes decide; remove one of \
             the two",
        );
    }
    optional
}
