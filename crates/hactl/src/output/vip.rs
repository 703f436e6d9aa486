//! `hactl vip show` for people.

use halo_api::{
    AgentStatus, QuorumStand, TimerLateness, TrackerState, UnixMillis, VipState, VipStatus,
};

use super::style::Tone;
use super::table::{Align, Table};
use super::time::ago;
use super::view::View;

/// The page for these VIPs, as of `now`.
pub(crate) fn view(status: &AgentStatus, vips: &[&VipStatus], now: UnixMillis) -> View {
    let mut view = View::default();
    for vip in vips {
        headline(&mut view, vip, now);
        view.table(facts(status, vip));
        view.table(contributions(status, vip));
    }
    view
}

fn headline(view: &mut View, vip: &VipStatus, now: UnixMillis) {
    let state = match vip.state {
        VipState::Initialize => ("INITIALIZE", Tone::Attention),
        VipState::Standby => ("STANDBY", Tone::Normal),
        VipState::Active => ("ACTIVE", Tone::Good),
    };
    view.line(vec![
        (format!("{} ", vip.name), Tone::Heading),
        (state.0.to_owned(), state.1),
        (
            format!(" {}: {}", ago(vip.since, now), vip.why),
            Tone::Normal,
        ),
    ]);
}

fn facts(status: &AgentStatus, vip: &VipStatus) -> Table {
    let mut table = Table::new(&[("FACT", Align::Left), ("VALUE", Align::Left)]);
    let election = &vip.election;
    let mut row = |fact: &str, value: String| table.row(vec![fact.into(), value.into()]);
    row("addresses", vip.addresses.join(" "));
    row(
        "virtual router",
        format!("{} on {}, VRRPv{}", vip.vrid, vip.interface, vip.version),
    );
    if let Some(mac) = &vip.virtual_mac {
        row("virtual MAC address", mac.clone());
    }
    row(
        "holder",
        vip.holder.clone().unwrap_or_else(|| "unknown".to_owned()),
    );
    row("advert interval", format!("{} ms", vip.advert_interval_ms));
    row("skew time", millis(election.skew_time_us));
    row(
        "active down interval",
        millis(election.active_down_interval_us),
    );
    row(
        "adverts",
        format!(
            "{} sent, {} received",
            vip.adverts_sent, vip.adverts_received
        ),
    );
    row("discarded", discarded(vip));
    row(
        "priority 0",
        format!(
            "{} sent, {} received",
            election.resignations_sent, election.resignations_received
        ),
    );
    row(
        "gratuitous ARP",
        format!("{} sent", vip.gratuitous_arps_sent),
    );
    row("became active", format!("{} times", vip.became_active));
    row("takeover epoch", election.epoch.to_string());
    if let Some(lease) = election.lease_us {
        row(
            "kernel lease",
            format!("{} after each advert", millis(lease)),
        );
    }
    if let Some(mandate) = election.mandate_us {
        row("majority's lease", format!("{} left", millis(mandate)));
    }
    if let Some(quorum) = election.quorum {
        let stand = match quorum.stand {
            QuorumStand::Voter => "votes only",
            QuorumStand::Seeking => "seeks a majority",
            QuorumStand::Owner => "has the majority",
        };
        let (votes, majority) = (quorum.votes, quorum.majority);
        row("quorum", format!("{stand}: {votes} of {majority} votes"));
    }
    row(
        "rivals heard",
        format!(
            "{}, {} answers held back",
            election.rivals_heard, election.answers_suppressed
        ),
    );
    row("late adverts asked about", election.suspicions.to_string());
    row("pauses of this node", election.pauses.to_string());
    row("timers of this node", timers(&status.timers));
    table
}

/// How late the agent is, whatever it does.
fn timers(timers: &TimerLateness) -> String {
    match (timers.permille_us(500), timers.permille_us(999)) {
        (Some(half), Some(most)) => format!(
            "half at most {} late, 99.9 % at most {}, the worst {}",
            millis(half),
            millis(most),
            millis(timers.worst_us)
        ),
        _ => "none yet".to_owned(),
    }
}

fn discarded(vip: &VipStatus) -> String {
    if vip.discarded.is_empty() {
        return vip.adverts_discarded.to_string();
    }
    let reasons: Vec<String> = vip
        .discarded
        .iter()
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect();
    format!("{} ({})", vip.adverts_discarded, reasons.join(", "))
}

/// What makes up the priority in use.
fn contributions(status: &AgentStatus, vip: &VipStatus) -> Table {
    let mut table = Table::new(&[
        ("CONTRIBUTION", Align::Left),
        ("PRIORITY", Align::Right),
        ("BECAUSE", Align::Left),
    ]);
    let mut row = |what: &str, effect: String, why: &str| {
        table.row(vec![what.into(), effect.into(), why.into()]);
    };
    row("configuration", vip.priority.to_string(), "");
    let concerned = status
        .trackers
        .iter()
        .filter(|tracker| tracker.vips.contains(&vip.name));
    for tracker in concerned {
        let failed = tracker.state == TrackerState::Failed;
        let unknown = tracker.state == TrackerState::Unknown;
        let effect = match tracker.weight {
            Some(weight) if failed => format!("-{weight}"),
            None if failed || unknown => "gives way".to_owned(),
            Some(_) | None => "0".to_owned(),
        };
        row(&tracker.name, effect, &tracker.finding);
    }
    row("in use", vip.effective_priority.to_string(), "");
    table
}

/// "361.0 ms".
fn millis(micros: u64) -> String {
    format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use halo_api::LatenessBucket;

    use super::*;

    #[test]
    fn a_node_that_was_late_once_says_how_late() {
        let late = TimerLateness {
            buckets: vec![LatenessBucket {
                at_most_us: 100,
                timers: 9_999,
            }],
            fired: 10_000,
            total_us: 0,
            worst_us: 12_340,
        };
        assert_eq!(
            timers(&late),
            "half at most 0.1 ms late, 99.9 % at most 0.1 ms, the worst 12.3 ms"
        );
        assert_eq!(timers(&TimerLateness::default()), "none yet");
    }
}
