//! `cluster.quorum` and witnesses.

use std::time::Duration;

use crate::raw::{self, Peers, Role, duration_text};
use crate::report::Report;

/// Nodes of which a majority is more than one, and fewer than all.
const FEWEST_VOTERS: usize = 3;

/// The longest advert interval of a VIP that a quorum decides about. It bounds how long a lease is, and
/// so how long a voter that has just started cannot vote.
pub(super) const LONGEST_INTERVAL: Duration = Duration::from_millis(500);

pub(super) fn quorum(raw: &raw::File, report: &mut Report<'_>) {
    let nodes = raw.node.as_deref().unwrap_or_default();
    if raw.cluster.quorum {
        cluster(raw, nodes, report);
        for (at, vip) in raw.vip.iter().enumerate() {
            self::vip(at, vip, report);
        }
    }
    for (at, _) in witnesses(nodes) {
        if !raw.cluster.quorum {
            report.value(
                format!("node[{at}].role"),
                "a witness only votes, and without a quorum nobody does; set quorum = true in \
                 [cluster], or remove it",
            );
        }
    }
    no_witness_holds(raw, nodes, report);
}

fn cluster(raw: &raw::File, nodes: &[raw::Node], report: &mut Report<'_>) {
    let path = "cluster.quorum";
    if raw.cluster.secret_file.is_none() {
        report.value(
            path,
            "votes count only if nobody can forge them; name a secret_file, or remove it",
        );
    }
    if (1..FEWEST_VOTERS).contains(&nodes.len()) {
        report.value(
            path,
            format!(
                "takes three nodes or more, and there {}; add one with role = \"witness\" on a third \
                 machine, or remove it",
                match nodes.len() {
                    1 => "is one".to_owned(),
                    count => format!("are {count}"),
                }
            ),
        );
    }
    if !nodes.is_empty() && witnesses(nodes).count() == nodes.len() {
        report.value(
            path,
            "every node is a witness, so none could hold a VIP; remove the role of one at least",
        );
    }
}

fn vip(at: usize, vip: &raw::Vip, report: &mut Report<'_>) {
    if let Peers::Vrrp = vip.peers {
        report.value(
            format!("vip[{at}].peers"),
            "other VRRP routers ask no quorum, and would be a second owner; write peers = \"halo\", or \
             remove quorum from [cluster]",
        );
    }
    let interval = vip.advert_interval.0;
    if interval > LONGEST_INTERVAL {
        report.value(
            format!("vip[{at}].advert_interval"),
            format!(
                "{:?} is too long for a quorum; write at most {:?}",
                duration_text(interval),
                duration_text(LONGEST_INTERVAL)
            ),
        );
    }
}

/// A witness has no priority for any VIP.
fn no_witness_holds(raw: &raw::File, nodes: &[raw::Node], report: &mut Report<'_>) {
    for (_, witness) in witnesses(nodes) {
        for (at, vip) in raw.vip.iter().enumerate() {
            if vip
                .priority
                .iter()
                .flatten()
                .any(|(name, _)| name == witness)
            {
                let path = format!("vip[{at}].priority");
                report.key(
                    crate::places::join(&path, witness),
                    format!("{witness:?} is a witness and holds no VIP; name another node"),
                );
            }
        }
    }
}

fn witnesses(nodes: &[raw::Node]) -> impl Iterator<Item = (usize, &str)> {
    nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| matches!(node.role, Role::Witness))
        .filter_map(|(at, node)| Some((at, node.name.as_ref()?.0.0.as_str())))
}
