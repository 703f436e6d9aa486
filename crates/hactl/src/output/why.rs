//! `hactl why` for people: where a VIP is, why, and what would happen next.

use halo_api::{AdminState, AgentStatus, TrackerState, UnixMillis, VipState, VipStatus};

use super::time::span;

/// The sentences, one a line, as of `now`.
pub(crate) fn sentences(status: &AgentStatus, vip: &VipStatus, now: UnixMillis) -> Vec<String> {
    let mut lines = vec![place(status, vip, now)];
    lines.push(priority(status, vip));
    lines.extend(status.trackers.iter().filter_map(|tracker| {
        let bad = tracker.state != TrackerState::Good && tracker.vips.contains(&vip.name);
        let effect = match tracker.weight {
            Some(weight) => format!("priority lower by {weight}"),
            None => "this node gives way to any that is fit".to_owned(),
        };
        bad.then(|| format!("tracker {}: {}; {effect}", tracker.name, tracker.finding))
    }));
    match status.duty {
        AdminState::Ready => {}
        AdminState::Drain => lines.push("the node drains by command (hactl node ready)".to_owned()),
        AdminState::Maint => {
            lines.push("the node is in maintenance by command (hactl node ready)".to_owned());
        }
    }
    if status.paused {
        lines.push("automatic failover is paused here (hactl resume)".to_owned());
    }
    lines.push(next(status, vip));
    lines
}

fn place(status: &AgentStatus, vip: &VipStatus, now: UnixMillis) -> String {
    let since = span(now.saturating_sub(vip.since));
    let (node, name, why) = (&status.node, &vip.name, &vip.why);
    match vip.state {
        VipState::Active => format!("{node} has held {name} for {since}: {why}"),
        VipState::Standby => match &vip.holder {
            Some(holder) => {
                format!("{holder} holds {name}; {node} has been on standby for {since}: {why}")
            }
            None => format!(
                "nobody is known to hold {name}; {node} has been on standby for {since}: {why}"
            ),
        },
        VipState::Initialize => format!("{node} has taken no part in {name} for {since}: {why}"),
    }
}

fn priority(status: &AgentStatus, vip: &VipStatus) -> String {
    let (configured, used) = (vip.priority, vip.effective_priority);
    if configured == used {
        format!("{} has its configured priority, {used}", status.node)
    } else {
        format!(
            "{} counts with priority {used} in place of its configured {configured}",
            status.node
        )
    }
}

/// What would happen if the Active failed now.
fn next(status: &AgentStatus, vip: &VipStatus) -> String {
    let peers: Vec<&str> = status
        .peers
        .iter()
        .filter(|peer| peer.last_heard_ms.is_some())
        .map(|peer| peer.name.as_str())
        .collect();
    let down = vip.election.active_down_interval_us / 1000;
    match (vip.state, &vip.holder) {
        (VipState::Active, _) if peers.is_empty() => {
            "no other node has been heard of: if this one fails, perhaps nobody takes over"
                .to_owned()
        }
        (VipState::Active, _) => format!("heard of, and may take over: {}", peers.join(", ")),
        (VipState::Standby, _) if status.paused => {
            "if the Active fell silent, this node would not take over".to_owned()
        }
        (VipState::Standby, Some(holder)) => {
            format!(
                "if {holder} fell silent, this node would take over after {down} ms at the latest"
            )
        }
        (VipState::Standby, None) => format!("this node takes over after {down} ms of silence"),
        (VipState::Initialize, _) => "this node would not take over".to_owned(),
    }
}

#[cfg(test)]
#[path = "why/tests.rs"]
mod tests;
