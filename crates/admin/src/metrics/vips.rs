//! Metrics of virtual IPs and peers.

use halo_api::{AgentStatus, QuorumStand, TrackerState, VipState, VipStatus};

use super::page::{Kind, Page};
use super::seconds;

pub(super) fn write(page: &mut Page, agent: &AgentStatus) {
    states(page, &agent.vips);
    for (name, kind, help, value) in PER_VIP {
        let mut family = page.family(name, kind, help);
        for vip in &agent.vips {
            family.sample(&[("vip", &vip.name)], value(vip));
        }
    }
    discards(page, agent);
    leases(page, &agent.vips);
    quorum(page, &agent.vips);
    let mut heard = page.family(
        "halo_peer_heard_seconds",
        Kind::Gauge,
        "Time since a node's last heartbeat; missing: none heard. A Standby sends none.",
    );
    for peer in &agent.peers {
        if let Some(millis) = peer.last_heard_ms {
            heard.seconds(&[("peer", &peer.name)], seconds(millis));
        }
    }
    let mut good = page.family(
        "halo_tracker_good",
        Kind::Gauge,
        "1: what the node needs to be fit is there, by the tracker's last findings.",
    );
    for tracker in &agent.trackers {
        let value = u64::from(tracker.state == TrackerState::Good);
        good.sample(&[("tracker", &tracker.name)], value);
    }
}

/// What a node holds VIPs by.
fn leases(page: &mut Page, vips: &[VipStatus]) {
    let mut lease = page.family(
        "halo_vip_lease_seconds",
        Kind::Gauge,
        "How long after a heartbeat of this node its kernel answers for a VIP; missing: it is not kept from it.",
    );
    for vip in vips {
        if let Some(micros) = vip.election.lease_us {
            lease.seconds(&[("vip", &vip.name)], seconds_of_micros(micros));
        }
    }
    let mut mandate = page.family(
        "halo_vip_mandate_seconds",
        Kind::Gauge,
        "How long the majority still lets this node hold a VIP, 0: it does not; missing: there is no quorum.",
    );
    for vip in vips {
        if let Some(micros) = vip.election.mandate_us {
            mandate.seconds(&[("vip", &vip.name)], seconds_of_micros(micros));
        }
    }
}

/// How this node stands in the quorum.
fn quorum(page: &mut Page, vips: &[VipStatus]) {
    let stands = || {
        vips.iter()
            .filter_map(|vip| Some((vip, vip.election.quorum?)))
    };
    let mut stand = page.family(
        "halo_quorum_stand",
        Kind::Gauge,
        "1 for what this node is doing in the quorum for a VIP, 0 for the others; missing: there is no quorum.",
    );
    for (vip, quorum) in stands() {
        for (name, is) in [
            ("voter", QuorumStand::Voter),
            ("seeking", QuorumStand::Seeking),
            ("owner", QuorumStand::Owner),
        ] {
            let labels = [("vip", vip.name.as_str()), ("stand", name)];
            stand.sample(&labels, u64::from(quorum.stand == is));
        }
    }
    let mut votes = page.family(
        "halo_quorum_votes",
        Kind::Gauge,
        "Voters whose promise this node holds for a VIP; while it seeks, that answered it last.",
    );
    for (vip, quorum) in stands() {
        votes.sample(&[("vip", &vip.name)], quorum.votes);
    }
    let mut majority = page.family(
        "halo_quorum_majority",
        Kind::Gauge,
        "Voters that make a majority.",
    );
    for (vip, quorum) in stands() {
        majority.sample(&[("vip", &vip.name)], quorum.majority);
    }
}

/// "0.160000".
fn seconds_of_micros(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn discards(page: &mut Page, agent: &AgentStatus) {
    let mut peers = page.family(
        "halo_peer_discarded_total",
        Kind::Counter,
        "Messages of other Halo nodes dropped, by reason.",
    );
    for (reason, count) in &agent.peer_discarded {
        peers.sample(&[("reason", reason)], *count);
    }
    let mut family = page.family(
        "halo_vrrp_discarded_total",
        Kind::Counter,
        "Heartbeats dropped, by reason; an empty vip: of virtual routers that are not configured here.",
    );
    let elsewhere = agent.discarded.iter().map(|(reason, n)| ("", reason, *n));
    let here = agent.vips.iter().flat_map(|vip| {
        let of_vip = vip.discarded.iter();
        of_vip.map(|(reason, n)| (vip.name.as_str(), reason, *n))
    });
    for (vip, reason, count) in elsewhere.chain(here) {
        family.sample(&[("vip", vip), ("reason", reason)], count);
    }
}

fn states(page: &mut Page, vips: &[VipStatus]) {
    let mut state = page.family(
        "halo_vip_state",
        Kind::Gauge,
        "1 for the state that this node is in for a VIP, 0 for the others.",
    );
    for vip in vips {
        for (name, is) in [
            ("initialize", VipState::Initialize),
            ("standby", VipState::Standby),
            ("active", VipState::Active),
        ] {
            let labels = [("vip", vip.name.as_str()), ("state", name)];
            state.sample(&labels, u64::from(vip.state == is));
        }
    }
    let mut since = page.family(
        "halo_vip_state_start_time_seconds",
        Kind::Gauge,
        "Since when this node has been in its state for a VIP, since the Unix epoch.",
    );
    for vip in vips {
        since.seconds(&[("vip", &vip.name)], seconds(vip.since));
    }
}

/// Name, kind, help and value of a metric that every VIP has.
type PerVip = (&'static str, Kind, &'static str, fn(&VipStatus) -> u64);

const PER_VIP: [PerVip; 10] = [
    (
        "halo_vip_takeover_epoch",
        Kind::Gauge,
        "How often the VIP has been taken over, by whichever node, as far as this one knows.",
        |vip| vip.election.epoch,
    ),
    (
        "halo_vip_suspicions_total",
        Kind::Counter,
        "Times a heartbeat was late and the Active was asked if it is still there.",
        |vip| vip.election.suspicions,
    ),
    (
        "halo_vip_priority",
        Kind::Gauge,
        "Priority from the configuration.",
        |vip| u64::from(vip.priority),
    ),
    (
        "halo_vip_effective_priority",
        Kind::Gauge,
        "Priority in use, lowered or raised by a planned failover.",
        |vip| u64::from(vip.effective_priority),
    ),
    (
        "halo_vip_adverts_sent_total",
        Kind::Counter,
        "Heartbeats sent.",
        |vip| vip.adverts_sent,
    ),
    (
        "halo_vip_adverts_received_total",
        Kind::Counter,
        "Valid heartbeats received.",
        |vip| vip.adverts_received,
    ),
    (
        "halo_vip_adverts_discarded_total",
        Kind::Counter,
        "Heartbeats dropped, all reasons.",
        |vip| vip.adverts_discarded,
    ),
    (
        "halo_vip_gratuitous_arps_sent_total",
        Kind::Counter,
        "Gratuitous ARP frames and unsolicited neighbour advertisements sent.",
        |vip| vip.gratuitous_arps_sent,
    ),
    (
        "halo_vip_foreign_claims_total",
        Kind::Counter,
        "Frames in which somebody else said that they have an address that this node held.",
        |vip| vip.foreign_claims,
    ),
    (
        "halo_vip_became_active_total",
        Kind::Counter,
        "How often this node became Active.",
        |vip| vip.became_active,
    ),
];
