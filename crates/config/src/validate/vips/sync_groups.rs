//! VIPs that move together must agree on where they would go.

use std::collections::{BTreeMap, HashMap};

use crate::raw;
use crate::report::Report;

/// Reports members of a sync group that differ from its first member in what decides an election: they
/// would pull it apart.
pub(super) fn sync_groups(raw: &[raw::Vip], report: &mut Report<'_>) {
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (at, vip) in raw.iter().enumerate() {
        let Some(group) = vip.sync_group.as_ref().map(|group| group.0.0.as_str()) else {
            continue;
        };
        let Some(before) = first.get(group).copied() else {
            first.insert(group, at);
            continue;
        };
        let differs = difference(&raw[before], vip);
        if let Some(key) = differs {
            report.value(
                format!("vip[{at}].sync_group"),
                format!(
                    "its {key} is another than that of vip[{before}], which is in {group:?}, too; \
                     VIPs that move together must agree on it"
                ),
            );
        }
    }
}

/// The first key that decides an election in which two VIPs differ.
fn difference(one: &raw::Vip, other: &raw::Vip) -> Option<&'static str> {
    let keys = [
        ("priority", priorities(one) != priorities(other)),
        ("owner", one.owner != other.owner),
        (
            "advert_interval",
            one.advert_interval.0 != other.advert_interval.0,
        ),
        ("version", one.version != other.version),
        ("preempt", one.preempt != other.preempt),
        (
            "preempt_delay",
            one.preempt_delay.0 != other.preempt_delay.0,
        ),
    ];
    keys.into_iter()
        .find(|(_, differ)| *differ)
        .map(|(key, _)| key)
}

fn priorities(vip: &raw::Vip) -> Option<BTreeMap<&str, u8>> {
    let given = vip.priority.as_ref()?;
    Some(
        given
            .iter()
            .map(|(name, priority)| (name.as_str(), priority.0))
            .collect(),
    )
}
